//! Choosing between values: `where`, `masked_fill`, `clamp`.

use pleach_kernels::{Number, select};

use super::elementwise::{map, written, zip};
use super::operand::{IntoOperand, Operand, result_type};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::shape::broadcast_shapes;
use crate::{DType, Error, Result, Scalar, Tensor};

/// A condition, and two tensors of one dtype to choose from.
#[derive(Clone, Debug)]
pub struct Where;

impl Operation for Where {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, &'a Tensor);
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "where"
    }
    fn grad_name(&self) -> &'static str {
        "WhereBackward0"
    }
    fn forward(&self, (condition, a, b): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let shape = broadcast_shapes(a.shape(), b.shape())?;
        let shape = broadcast_shapes(condition.shape(), &shape)?;
        let full = |t: &Tensor| t.broadcast_to(&shape)?.contiguous();
        let (condition, a, b) = (full(condition)?, full(a)?, full(b)?);
        let condition = condition.as_slice::<bool>()?;
        dispatch_all!(a.dtype(), T => {
            let b = b.as_slice::<T>()?;
            written(&a, |a: &[T], out| select(condition, a, b, out))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let condition = saved.input(0)?;
        Ok([
            None,
            saved.grad(1, || Tensor::where_cond(&condition, grad, 0.0))?,
            saved.grad(2, || Tensor::where_cond(&condition, 0.0, grad))?,
        ])
    }
}

/// A tensor, a mask, and what is put where it is true: a number here or a third tensor, 0-d.
#[derive(Clone, Debug)]
pub struct MaskedFill {
    /// The number.
    value: Option<Scalar>,
}

impl Operation for MaskedFill {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "masked_fill"
    }
    fn grad_name(&self) -> &'static str {
        match self.value {
            Some(_) => "MaskedFillBackward0",
            None => "MaskedFillBackward1",
        }
    }
    fn attributes(&self) -> Attributes {
        let value = self.value.map(|v| ("value", v.to_f64().into()));
        value.into_iter().collect()
    }
    fn forward(&self, (x, mask, value): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let value = match (self.value, value) {
            (Some(number), _) => number,
            (None, Some(value)) => value.item_scalar()?,
            (None, None) => return Err(Error::value("masked_fill: no value")),
        };
        Tensor::where_cond(mask, Tensor::try_full_of((), value, x.dtype())?, x)
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let mask = saved.input(1)?;
        Ok([
            saved.grad(0, || Tensor::where_cond(&mask, 0.0, grad))?,
            None,
            saved.grad(2, || Tensor::where_cond(&mask, grad, 0.0))?,
        ])
    }
}

/// The elements limited by numbers that their dtype holds.
#[derive(Clone, Debug)]
pub struct Clamp {
    /// The lower bound.
    min: Option<Scalar>,
    /// The upper bound.
    max: Option<Scalar>,
}

impl Operation for Clamp {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        "clamp"
    }
    fn grad_name(&self) -> &'static str {
        "ClampBackward1"
    }
    fn attributes(&self) -> Attributes {
        let bounds = [("min", self.min), ("max", self.max)].into_iter();
        bounds
            .filter_map(|(name, v)| Some((name, v?.to_f64().into())))
            .collect()
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        dispatch_number!("clamp", x.dtype(), T => {
            let low = self.min.map_or(T::LOWEST, Scalar::wrapping_to);
            let high = self.max.map_or(T::HIGHEST, Scalar::wrapping_to);
            map(x, move |x: T| x.larger(low).smaller(high))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        // Half floats as f32, as forward sees them.
        let wide = |t: &Tensor| t.to_dtype(grad.dtype().comparable());
        let (x, grad) = (wide(&saved.input(0)?)?, wide(grad)?);
        let (min, max) = (self.min.map(Scalar::to_f64), self.max.map(Scalar::to_f64));
        let dx = dispatch_float!("ClampBackward1", grad.dtype(), T => {
            // An absent bound lets an infinity through.
            let (no_low, low) = (min.is_none(), min.map_or(T::LOWEST, |v| v as T));
            let (no_high, high) = (max.is_none(), max.map_or(T::HIGHEST, |v| v as T));
            let inside = move |x: T| (no_low || x > low) && (no_high || x < high);
            match saved.recording() {
                true => Tensor::where_cond(&map(&x, inside)?, &grad, 0.0)?,
                false => zip(&grad, &x, move |g: T, x: T| if inside(x) { g } else { T::ZERO })?,
            }
        });
        Ok([Some(dx)])
    }
}

/// # Choosing by a mask, and clamping
impl Tensor {
    /// `a` where the condition is true, `b` elsewhere: PyTorch's `where`.
    ///
    /// # Errors
    /// If the condition is not bool (u8 is taken, and warned of), the shapes cannot be broadcast together, or the dtype of the
    /// result cannot hold a number.
    ///
    /// ```
    /// use pleach::{tensor, Tensor};
    /// let x = tensor![-1., 2.];
    /// let y = Tensor::where_cond(&x.gt(0.0)?, &x, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [0., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn where_cond(
        condition: &Tensor,
        a: impl IntoOperand,
        b: impl IntoOperand,
    ) -> Result<Tensor> {
        Self::choose_operand(condition, a.into_operand(), b.into_operand())
    }

    fn choose_operand(condition: &Tensor, a: Operand, b: Operand) -> Result<Tensor> {
        if condition.dtype() == DType::U8 {
            log::warn!(
                "where received a uint8 condition tensor. This behavior is deprecated and will be \
                 removed in a future version of PyTorch. Use a boolean condition instead."
            );
            return Self::choose_operand(&condition.ne(0)?, a, b);
        }
        if condition.dtype() != DType::Bool {
            return Err(Error::dtype(format!(
                "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
                condition.dtype().torch_name()
            ))
            .hint_conversion(condition.dtype(), DType::Bool));
        }
        let dtype = match (&a, &b) {
            (Operand::Tensor(a), b) => result_type(a, b),
            (a, Operand::Tensor(b)) => result_type(b, a),
            (Operand::Scalar(x), Operand::Scalar(y)) => x.dtype().promote(y.dtype()),
        };
        let (a, b) = (a.to_tensor(dtype)?, b.to_tensor(dtype)?);
        apply(Where, (condition, &a, &b))
    }

    /// `value` where the mask is true: a number, or a 0-d tensor, which is converted to this dtype.
    ///
    /// # Errors
    /// If the mask is not bool, the value has dimensions, the shapes cannot be broadcast together, or
    /// the dtype cannot hold the value.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = tensor![1., 2., 3.];
    /// assert_eq!(x.masked_fill(&x.gt(2.0)?, 0.0)?.to_vec::<f32>()?, [1., 2., 0.]);
    /// assert_eq!(x.masked_fill(&x.gt(2.0)?, &Tensor::scalar(7))?.to_vec::<f32>()?, [1., 2., 7.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn masked_fill(&self, mask: &Tensor, value: impl IntoOperand) -> Result<Tensor> {
        self.masked_fill_operand(mask, value.into_operand())
    }

    fn masked_fill_operand(&self, mask: &Tensor, value: Operand) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(Error::dtype(
                "masked_fill_ only supports boolean masks, but got mask with dtype ".to_string()
                    + mask.dtype().c_name(),
            )
            .hint_conversion(mask.dtype(), DType::Bool));
        }
        let (value, tensor) = match &value {
            Operand::Scalar(number) => (Some(*number), None),
            Operand::Tensor(t) if t.rank() == 0 => (None, Some(t)),
            Operand::Tensor(t) => {
                return Err(Error::shape(format!(
                    "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                    t.rank()
                )));
            }
        };
        apply(MaskedFill { value }, (self, mask, tensor))
    }

    /// Limits the elements to `min ..= max`; either bound may be left out. A bound is a number or
    /// a tensor, which is broadcast. The gradient is zero at a number and beyond it; a tensor takes
    /// it there, as [`Tensor::maximum`] does. nan stays nan.
    ///
    /// The result has the dtype of the tensor and the bounds together: integers limited by floats
    /// become floats.
    ///
    /// # Errors
    /// If there is no bound, or the dtype cannot hold one that matters.
    ///
    /// ```
    /// use pleach::{DType, tensor};
    /// let x = tensor![-2., 0.5, 3.];
    /// assert_eq!(x.clamp(-1.0, 1.0)?.to_vec::<f32>()?, [-1., 0.5, 1.]);
    /// assert_eq!(x.clamp(0.0, None)?.to_vec::<f32>()?, [0., 0.5, 3.]);
    /// let n = tensor![1, -5, 7];
    /// assert_eq!(n.clamp(0, 2)?.to_vec::<i64>()?, [1, 0, 2]);
    /// assert_eq!(n.clamp(0.5, 2.5)?.to_vec::<f32>()?, [1., 0.5, 2.5]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn clamp(&self, min: impl Bound, max: impl Bound) -> Result<Tensor> {
        self.clamp_to(min.into_bound(), max.into_bound())
    }

    /// [`Tensor::clamp`] with a lower bound alone, a number or a tensor.
    ///
    /// # Errors
    /// As [`Tensor::clamp`].
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![-1.0, 2.0].clamp_min(0.0)?.to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn clamp_min(&self, min: impl IntoOperand) -> Result<Tensor> {
        self.clamp(min.into_operand(), None)
    }

    /// [`Tensor::clamp`] with an upper bound alone, a number or a tensor.
    ///
    /// # Errors
    /// As [`Tensor::clamp`].
    pub fn clamp_max(&self, max: impl IntoOperand) -> Result<Tensor> {
        self.clamp(None, max.into_operand())
    }

    pub(super) fn clamp_in_place(
        &mut self,
        min: Option<Operand>,
        max: Option<Operand>,
    ) -> Result<&mut Self> {
        let dtype = self.clamped_type([&min, &max]);
        if dtype.category() > self.dtype().category() {
            return Err(Error::dtype(format!(
                "result type {} can't be cast to the desired output type {}",
                dtype.torch_name(),
                self.dtype().c_name()
            )));
        }
        self.change(|t| t.clamp_to(min, max))
    }

    fn clamped_type(&self, bounds: [&Option<Operand>; 2]) -> DType {
        let types = bounds.into_iter().flatten().map(|b| result_type(self, b));
        types.fold(self.dtype(), |all, dtype| match all == self.dtype() {
            true => dtype,
            false => all.promote(dtype),
        })
    }

    fn clamp_to(&self, min: Option<Operand>, max: Option<Operand>) -> Result<Tensor> {
        let dtype = self.clamped_type([&min, &max]);
        let numbers = match (min, max) {
            (None, None) => {
                return Err(Error::value(
                    "torch.clamp: At least one of 'min' or 'max' must not be None",
                ));
            }
            (None, Some(Operand::Scalar(max))) => (None, Some(max)),
            (Some(Operand::Scalar(min)), None) => (Some(min), None),
            (Some(Operand::Scalar(min)), Some(Operand::Scalar(max))) => (Some(min), Some(max)),
            (Some(Operand::Tensor(min)), Some(Operand::Tensor(max))) => {
                return self.clamp_between(&min, &max);
            }
            // Bounds that cross leave the upper one; equal ones share the gradient.
            (min, max) => {
                let x = self.to_dtype(dtype)?;
                let x = min.map_or(Ok(x.clone()), |min| x.maximum(min))?;
                return max.map_or(Ok(x.clone()), |max| x.minimum(max));
            }
        };
        if dtype == DType::Bool {
            return Err(Error::not_implemented(
                match numbers {
                    (_, None) => "clamp_min_scalar_cpu",
                    (None, _) => "clamp_max_scalar_cpu",
                    _ => "clamp_scalar_cpu",
                },
                dtype,
            ));
        }
        let min = numbers.0.map(|min| limit(dtype, "min", min)).transpose()?;
        let max = numbers.1.map(|max| limit(dtype, "max", max)).transpose()?;
        let (min, max) = (min.flatten(), max.flatten());
        apply(Clamp { min, max }, &self.to_dtype(dtype)?)
    }
}

/// What can be given as a bound of [`Tensor::clamp`]: a number, a tensor, or `None`.
pub trait Bound {
    /// The bound, if there is one.
    fn into_bound(self) -> Option<Operand>;
}

impl Bound for Option<f64> {
    fn into_bound(self) -> Option<Operand> {
        self.map(Operand::from)
    }
}
macro_rules! bounds {
    ($($t:ty),*) => {$(
        impl Bound for $t {
            fn into_bound(self) -> Option<Operand> {
                Some(self.into())
            }
        }
    )*};
}
bounds!(f64, f32, i64, i32, bool, Scalar, &Tensor, Operand);

/// A number as a bound of a dtype's elements: `None` if all of them are within.
fn limit(dtype: DType, name: &str, bound: Scalar) -> Result<Option<Scalar>> {
    if dtype.is_float() {
        return dispatch_all!(dtype, T => bound.to::<T>().map(|_| Some(bound)));
    }
    let Some((lowest, highest)) = dtype.range() else {
        return Ok(Some(bound));
    };
    // An integer is compared as f64: only the i64s, which every bound is one of, are not exact.
    let value = bound.to_f64();
    let (beyond, idle) = match name {
        "min" => (value > highest, value < lowest),
        _ => (value < lowest, value > highest),
    };
    if beyond {
        return Err(Error::value(format!(
            "Clamp {name} value {} is outside the representable range of {}",
            crate::print::general(value, 6),
            dtype.torch_name()
        )));
    }
    Ok((!idle).then_some(bound))
}
