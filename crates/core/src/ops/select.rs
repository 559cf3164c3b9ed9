//! Choosing between values: `where`, `masked_fill`, `clamp`.

use smallvec::smallvec;

use super::arithmetic::unbroadcast;
use super::elementwise::{map, zip};
use super::operand::{Operand, result_type};
use crate::autograd::{Backward, record};
use crate::number::Number;
use crate::shape::{Shape, broadcast_shapes};
use crate::{DType, Error, Result, Scalar, Tensor};

impl Tensor {
    /// `a` where the condition is true, `b` elsewhere: PyTorch's `where`.
    ///
    /// # Errors
    /// If the condition is not bool, the shapes cannot be broadcast together, or the dtype of the
    /// result cannot hold a number.
    ///
    /// ```
    /// use pleach_core::{tensor, Tensor};
    /// let x = tensor![-1., 2.];
    /// let y = Tensor::where_cond(&x.gt(0.0)?, &x, 0.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [0., 2.]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn where_cond(
        condition: &Tensor,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Tensor> {
        Self::choose_operand(condition, a.into(), b.into())
    }

    fn choose_operand(condition: &Tensor, a: Operand, b: Operand) -> Result<Tensor> {
        if condition.dtype() != DType::Bool {
            return Err(Error::dtype(format!(
                "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
                condition.dtype().torch_name()
            )));
        }
        let dtype = match (&a, &b) {
            (Operand::Tensor(a), b) => result_type(a, b),
            (a, Operand::Tensor(b)) => result_type(b, a),
            (Operand::Scalar(x), Operand::Scalar(y)) => x.dtype().promote(y.dtype()),
        };
        let (a, b) = (a.to_tensor(dtype)?, b.to_tensor(dtype)?);
        let shape = broadcast_shapes(a.shape(), b.shape())?;
        let shape = broadcast_shapes(condition.shape(), &shape)?;
        // Every value of a smaller type is one of these; so few loops are compiled.
        let wide = match dtype {
            DType::F16 | DType::BF16 => DType::F32,
            dtype if dtype.is_small_int() => DType::I64,
            dtype => dtype,
        };
        let full = |t: &Tensor| t.detach().to_dtype(wide)?.broadcast_to(&shape);
        let (condition_full, x, y) = (
            condition.detach().broadcast_to(&shape)?,
            full(&a)?,
            full(&b)?,
        );
        let out = match wide {
            DType::Bool => choose::<bool>(&condition_full, &x, &y)?,
            wide => dispatch_number!("where", wide, T => choose::<T>(&condition_full, &x, &y)?),
        };
        let out = out.to_dtype(dtype)?;
        let (sa, sb) = (a.shape_vec(), b.shape_vec());
        Ok(record(out, &[&a, &b], |needs| {
            let condition = condition.detach();
            let (na, nb) = (needs[0], needs[1]);
            Backward::new("WhereBackward0", move |g: &Tensor| {
                let da = na.then(|| unbroadcast(Tensor::where_cond(&condition, g, 0.0)?, &sa));
                let db = nb.then(|| unbroadcast(Tensor::where_cond(&condition, 0.0, g)?, &sb));
                Ok(smallvec![da.transpose()?, db.transpose()?])
            })
        }))
    }

    /// `value` where the mask is true: a number, or a 0-d tensor, which is converted to this dtype.
    ///
    /// # Errors
    /// If the mask is not bool, the value has dimensions, the shapes cannot be broadcast together, or
    /// the dtype cannot hold the value.
    ///
    /// ```
    /// use pleach_core::{Tensor, tensor};
    /// let x = tensor![1., 2., 3.];
    /// assert_eq!(x.masked_fill(&x.gt(2.0)?, 0.0)?.to_vec::<f32>()?, [1., 2., 0.]);
    /// assert_eq!(x.masked_fill(&x.gt(2.0)?, &Tensor::scalar(7))?.to_vec::<f32>()?, [1., 2., 7.]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn masked_fill(&self, mask: &Tensor, value: impl Into<Operand>) -> Result<Tensor> {
        self.masked_fill_operand(mask, value.into())
    }

    fn masked_fill_operand(&self, mask: &Tensor, value: Operand) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(Error::dtype(
                "masked_fill_ only supports boolean masks, but got mask with dtype ".to_string()
                    + mask.dtype().c_name(),
            ));
        }
        let (number, value) = match value {
            Operand::Scalar(s) => (s, None),
            Operand::Tensor(t) if t.rank() == 0 => (t.item_scalar()?, Some(t)),
            Operand::Tensor(t) => {
                return Err(Error::shape(format!(
                    "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                    t.rank()
                )));
            }
        };
        let filling = Tensor::try_full_of((), number, self.dtype())?;
        let out = Tensor::where_cond(mask, &filling, self.detach())?;
        let shape = self.shape_vec();
        let backward = |mask: &Tensor, shape: &Shape, g: &Tensor| {
            unbroadcast(Tensor::where_cond(mask, 0.0, g)?, shape)
        };
        let Some(value) = value else {
            return Ok(record(out, &[self], |_| {
                let mask = mask.detach();
                Backward::new("MaskedFillBackward0", move |g: &Tensor| {
                    Ok(smallvec![Some(backward(&mask, &shape, g)?)])
                })
            }));
        };
        Ok(record(out, &[self, &value], |needs| {
            let (mask, dtype) = (mask.detach(), value.dtype());
            let (nx, nv) = (needs[0], needs[1]);
            Backward::new("MaskedFillBackward1", move |g: &Tensor| {
                let dx = nx.then(|| backward(&mask, &shape, g));
                let dv = nv.then(|| Tensor::where_cond(&mask, g, 0.0)?.sum()?.to_dtype(dtype));
                Ok(smallvec![dx.transpose()?, dv.transpose()?])
            })
        }))
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
    /// use pleach_core::{DType, tensor};
    /// let x = tensor![-2., 0.5, 3.];
    /// assert_eq!(x.clamp(-1.0, 1.0)?.to_vec::<f32>()?, [-1., 0.5, 1.]);
    /// assert_eq!(x.clamp(0.0, None)?.to_vec::<f32>()?, [0., 0.5, 3.]);
    /// let n = tensor![1, -5, 7];
    /// assert_eq!(n.clamp(0, 2)?.to_vec::<i64>()?, [1, 0, 2]);
    /// assert_eq!(n.clamp(0.5, 2.5)?.to_vec::<f32>()?, [1., 0.5, 2.5]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn clamp(&self, min: impl Bound, max: impl Bound) -> Result<Tensor> {
        self.clamp_to(min.into_bound(), max.into_bound())
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
        self.to_dtype(dtype)?
            .clamp_between(min.flatten(), max.flatten())
    }

    fn clamp_between(&self, min: Option<Scalar>, max: Option<Scalar>) -> Result<Tensor> {
        if self.dtype().is_small_int() {
            return self.long()?.clamp_between(min, max)?.to_dtype(self.dtype());
        }
        let out = dispatch_number!("clamp", self.dtype(), T => {
            let low = min.map_or(T::LOWEST, Scalar::wrapping_to);
            let high = max.map_or(T::HIGHEST, Scalar::wrapping_to);
            map(self, move |x: T| x.larger(low).smaller(high))?
        });
        let (min, max) = (min.map(Scalar::to_f64), max.map(Scalar::to_f64));
        Ok(record(out, &[self], |_| {
            let x = self.detach();
            Backward::new("ClampBackward1", move |g: &Tensor| {
                Ok(smallvec![Some(
                    dispatch_float!("ClampBackward1", g.dtype(), T => {
                        // An absent bound lets an infinity through.
                        let (no_low, low) = (min.is_none(), min.map_or(T::LOWEST, |v| v as T));
                        let (no_high, high) = (max.is_none(), max.map_or(T::HIGHEST, |v| v as T));
                        zip(g, &x, move |g: T, x: T| {
                            let inside = (no_low || x > low) && (no_high || x < high);
                            if inside { g } else { T::ZERO }
                        })?
                    })
                )])
            })
        }))
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

/// `a` where the condition is true, `b` elsewhere; all of one shape.
fn choose<T: crate::Element>(condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (condition, a, b) = (
        condition.detach().contiguous()?,
        a.detach().contiguous()?,
        b.detach().contiguous()?,
    );
    let mut out = pleach_kernels::Buffer::<T>::try_new(a.numel())?;
    let inputs = condition.as_slice::<bool>()?.iter();
    let inputs = inputs.zip(a.as_slice::<T>()?).zip(b.as_slice::<T>()?);
    for (out, ((condition, a), b)) in out.iter_mut().zip(inputs) {
        *out = if *condition { *a } else { *b };
    }
    Ok(Tensor::from_buffer(out, a.shape()))
}
