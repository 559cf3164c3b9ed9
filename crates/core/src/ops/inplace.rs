//! In-place methods: `add_`, `fill_`, …, on tensors, parameters and their data.
//!
//! On a tensor inside a graph they are recorded like their twins without underscore. On a leaf
//! that requires a gradient they are an error outside `no_grad`. `Data`'s are never recorded.

use pleach_kernels::Binary;

use super::arithmetic::refuse_bool;
use super::operand::{IntoOperand, Operand};
use super::overwrite::write_over;
use super::picks::Reduce;
use super::select::Bound;
use super::skip_init::is_skipped;
use super::tensor_index::IntoIndex;
use crate::autograd::{GradsOf, Operation, Own, Saved, apply, is_grad_enabled, no_grad};
use crate::tensor::History;
use crate::{Data, Error, Parameter, Result, Scalar, Tensor};

const LEAF: &str = "a leaf Variable that requires grad is being used in an in-place operation.";
const VIEW_OF_LEAF: &str =
    "a view of a leaf Variable that requires grad is being used in an in-place operation.";

/// The refusal of a change that would be recorded.
fn refused(text: &str) -> Error {
    Error::autograd(text).with_hint(
        "inside `no_grad(|| ..)` the change is not recorded; nor is one of a parameter's `.data()`",
    )
}

/// # In place: names that end in an underscore
impl Tensor {
    /// Replaces this tensor by `f` of it, as an in-place operation does.
    pub(crate) fn change(
        &mut self,
        f: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<&mut Self> {
        self.change_or(LEAF, f)
    }

    fn change_or(
        &mut self,
        refusal: &str,
        f: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<&mut Self> {
        let history = self.history().clone();
        let new = match &history {
            History::Leaf(_) if is_grad_enabled() => return Err(refused(refusal)),
            History::Op { node, .. } if is_grad_enabled() && node.is_view_of_leaf() => {
                return Err(refused(VIEW_OF_LEAF));
            }
            _ => f(self)?,
        };
        if new.shape() != self.shape() {
            return Err(Error::shape(format!(
                "output with shape {:?} doesn't match the broadcast shape {:?}",
                self.shape(),
                new.shape()
            )));
        }
        if new.dtype().category() > self.dtype().category() {
            return Err(Error::dtype(format!(
                "result type {} can't be cast to the desired output type {}",
                new.dtype().torch_name(),
                self.dtype().torch_name()
            ))
            .with_hint("the method without underscore returns a tensor of the wider dtype"));
        }
        let new = new.to_dtype(self.dtype())?;
        *self = match history {
            // Outside recording the tensor stays what it was in the graph.
            History::None => new,
            leaf @ History::Leaf(_) => new.detach().with_history(leaf),
            op if !is_grad_enabled() => new.detach().with_history(op),
            History::Op { .. } | History::Blocked(_) => new,
        };
        Ok(self)
    }

    fn fill_scalar(&mut self, value: Scalar) -> Result<&mut Self> {
        self.overwrite("FillBackward2", |t| {
            dispatch_all!(t.dtype(), T => {
                let value = value.to::<T>()?;
                t.make_slice_mut::<T>()?.fill(value)
            });
            Ok(())
        })
    }

    /// An arithmetic operation in place: in this tensor's memory where nobody else sees it.
    fn arithmetic(&mut self, op: Binary, other: Operand) -> Result<&mut Self> {
        if op == Binary::Sub {
            refuse_bool(self, &other)?;
        }
        if write_over(op, self, &other)? {
            return Ok(self);
        }
        self.change(|t| t.binary(op, other))
    }

    /// Values of this shape and dtype that have taken the place of this tensor's.
    pub(super) fn overwritten(&self, new: &Tensor, grad_name: &'static str) -> Result<Tensor> {
        apply(Overwrite { grad_name }, (self, new))
    }

    /// Overwrites this tensor's values through `write`, whatever they were: the gradient that
    /// flows back to them is zero.
    pub(crate) fn overwrite(
        &mut self,
        grad_name: &'static str,
        write: impl FnOnce(&mut Tensor) -> Result<()>,
    ) -> Result<&mut Self> {
        match self.history() {
            History::None => {
                write(self)?;
                Ok(self)
            }
            _ => self.change(|old| {
                let mut new = old.detach();
                write(&mut new)?;
                apply(Overwrite { grad_name }, (old, &new))
            }),
        }
    }
}

/// Values that take the place of others.
#[derive(Clone, Debug)]
pub struct Overwrite {
    /// PyTorch's name of the backward step.
    grad_name: &'static str,
}

impl Operation for Overwrite {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "copy"
    }
    fn grad_name(&self) -> &'static str {
        self.grad_name
    }
    fn forward(&self, (_, new): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        Ok(new.clone())
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([
            saved.grad(0, || grad.try_zeros_like())?,
            saved.grad(1, || Ok(grad.clone()))?,
        ])
    }
}

/// Writes an in-place method for tensors, parameters and their data.
macro_rules! in_place {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) = |$t:ident| $body:expr;)*) => {
        /// # In place: names that end in an underscore
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If an argument does not fit, or this is a leaf that requires a gradient (outside
            /// [`no_grad`]).
            pub fn $name(&mut self, $($arg: $ty),*) -> Result<&mut Self> {
                let $t = self;
                $body
            }
        )*}
        impl Data {$(
            $(#[$doc])*
            ///
            /// Changes the parameter; nothing is recorded.
            ///
            /// # Errors
            /// If an argument does not fit.
            pub fn $name(&mut self, $($arg: $ty),*) -> Result<&mut Self> {
                self.write(|t| t.$name($($arg),*).map(drop))?;
                Ok(self)
            }
        )*}
        impl Parameter {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If an argument does not fit, or the parameter requires a gradient outside
            /// [`no_grad`]; [`Parameter::data`] has no such limit.
            pub fn $name(&self, $($arg: $ty),*) -> Result<&Self> {
                if self.requires_grad() && is_grad_enabled() {
                    return Err(refused(LEAF));
                }
                self.write(|t| t.$name($($arg),*).map(drop))?;
                Ok(self)
            }
        )*}
    };
}

in_place! {
    /// Sets every element to a value, which the dtype must be able to hold.
    fill_(value: impl Into<Scalar>) = |t| t.fill_scalar(value.into());
    /// Sets every element to zero.
    zero_() = |t| t.overwrite("ZeroBackward0", |t| {
        dispatch_all!(t.dtype(), T => t.make_slice_mut::<T>()?.fill(T::default()));
        Ok(())
    });
    /// Copies the values of another tensor, broadcast and converted.
    copy_(source: &Tensor) = |t| t.change(|t| {
        let source = source.to_dtype(t.dtype())?.broadcast_to(t.shape())?;
        let grad_name = "CopyBackwards";
        apply(Overwrite { grad_name }, (t, &source))
    });
    /// Adds a tensor or a number.
    add_(other: impl IntoOperand) = |t| t.arithmetic(Binary::Add, other.into_operand());
    /// Subtracts a tensor or a number.
    sub_(other: impl IntoOperand) = |t| t.arithmetic(Binary::Sub, other.into_operand());
    /// Multiplies by a tensor or a number.
    mul_(other: impl IntoOperand) = |t| t.arithmetic(Binary::Mul, other.into_operand());
    /// Divides by a tensor or a number.
    div_(other: impl IntoOperand) = |t| t.arithmetic(Binary::Div, other.into_operand());
    /// Raises to a power.
    pow_(other: impl IntoOperand) = |t| t.change(|t| t.pow(other));
    /// Changes every sign.
    neg_() = |t| t.change(|t| t.neg());
    /// Takes absolute values.
    abs_() = |t| t.change(|t| t.abs());
    /// e to the power of each element.
    exp_() = |t| t.change(|t| t.exp());
    /// Natural logarithms.
    log_() = |t| t.change(|t| t.log());
    /// Square roots.
    sqrt_() = |t| t.change(|t| t.sqrt());
    /// One over the square roots.
    rsqrt_() = |t| t.change(|t| t.rsqrt());
    /// One over each element.
    reciprocal_() = |t| t.change(|t| t.reciprocal());
    /// Hyperbolic tangents.
    tanh_() = |t| t.change(|t| t.tanh());
    /// The logistic function.
    sigmoid_() = |t| t.change(|t| t.sigmoid());
    /// Rounds down.
    floor_() = |t| t.change(|t| t.floor());
    /// Rounds to the nearest whole number, half to even.
    round_() = |t| t.change(|t| t.round());
    /// The remainder with the divisor's sign.
    remainder_(other: impl IntoOperand) = |t| t.change(|t| t.remainder(other));
    /// Limits the elements from below.
    clamp_min_(min: impl IntoOperand) = |t| t.clamp_in_place(Some(min.into_operand()), None);
    /// Limits the elements from above.
    clamp_max_(max: impl IntoOperand) = |t| t.clamp_in_place(None, Some(max.into_operand()));
    /// Sets negative elements to zero.
    relu_() = |t| t.change(|t| t.relu());
    /// Limits the elements to `min ..= max`; either bound may be left out.
    clamp_(min: impl Bound, max: impl Bound) = |t| t.clamp_in_place(min.into_bound(), max.into_bound());
    /// Sets the elements where the mask is true.
    masked_fill_(mask: &Tensor, value: impl IntoOperand) = |t| t.change(|t| t.masked_fill(mask, value));
    /// Adds `value * a * b`.
    addcmul_(a: &Tensor, b: &Tensor, value: impl Into<Scalar>) = |t| t.change(|t| t.addcmul(a, b, value));
    /// Adds `value * a / b`.
    addcdiv_(a: &Tensor, b: &Tensor, value: impl Into<Scalar>) = |t| t.change(|t| t.addcdiv(a, b, value));
    /// Moves towards another tensor by a part of the way.
    lerp_(end: &Tensor, weight: f64) = |t| t.change(|t| t.lerp(end, weight));
    /// Sets the elements that an index selects: `x[index] = value`. Values are broadcast and
    /// converted to the tensor's dtype.
    index_put_(index: impl IntoIndex, value: impl IntoOperand) = |t| {
        let (parts, value) = (index.into_index(), value.into_operand());
        t.change_or(VIEW_OF_LEAF, |t| t.with_index(parts, &value, false))
    };
    /// Adds to the elements that an index selects, once for each time it names them.
    index_put_accumulate_(index: impl IntoIndex, value: impl IntoOperand) = |t| {
        let (parts, value) = (index.into_index(), value.into_operand());
        t.change_or(VIEW_OF_LEAF, |t| t.with_index(parts, &value, true))
    };
    /// Fills the slices of `dim` that an index names.
    index_fill_(dim: i64, index: &Tensor, value: impl IntoOperand) = |t| t.change(|t| t.index_fill(dim, index, value));
    /// Replaces the slices of `dim` that an index names.
    index_copy_(dim: i64, index: &Tensor, source: &Tensor) = |t| t.change(|t| t.index_copy(dim, index, source));
    /// Adds to the slices of `dim` that an index names.
    index_add_(dim: i64, index: &Tensor, source: &Tensor) = |t| t.change(|t| t.index_add(dim, index, source));
    /// Reduces into the slices of `dim` that an index names.
    index_reduce_(dim: i64, index: &Tensor, source: &Tensor, reduce: impl TryInto<Reduce, Error: Into<Error>>, include_self: bool) = |t| t.change(|t| {
        t.index_reduce(dim, index, source, reduce, include_self)
    });
    /// Replaces the elements that an index names along `dim`.
    scatter_(dim: i64, index: &Tensor, source: impl IntoOperand) = |t| t.change(|t| t.scatter(dim, index, source));
    /// Adds to the elements that an index names along `dim`.
    scatter_add_(dim: i64, index: &Tensor, source: &Tensor) = |t| t.change(|t| t.scatter_add(dim, index, source));
    /// Reduces into the elements that an index names along `dim`.
    scatter_reduce_(dim: i64, index: &Tensor, source: &Tensor, reduce: impl TryInto<Reduce, Error: Into<Error>>, include_self: bool) = |t| t.change(|t| {
        t.scatter_reduce(dim, index, source, reduce, include_self)
    });
    /// Replaces the elements under a mask by those of `source`, one after the other.
    masked_scatter_(mask: &Tensor, source: &Tensor) = |t| t.change(|t| t.masked_scatter(mask, source));
    /// Replaces, or adds to, the elements at places in row-major order.
    put_(index: &Tensor, source: &Tensor, accumulate: bool) = |t| t.change(|t| t.put(index, source, accumulate));
    /// Running sums along a dimension.
    cumsum_(dim: i64) = |t| t.change(|t| t.cumsum(dim));
    /// Running products along a dimension.
    cumprod_(dim: i64) = |t| t.change(|t| t.cumprod(dim));
    /// Fills with values uniform in `[from, to)`, from the current generator.
    uniform_(from: f64, to: f64) = |t| t.fill_random("UniformBackward0", super::random::Fill::Uniform { from, to });
    /// Fills with normal values, from the current generator.
    normal_(mean: f64, std: f64) = |t| t.fill_random("NormalBackward0", super::random::Fill::Normal { mean, std });
    /// Fills with 1 with probability `p` and 0 otherwise, from the current generator. A tensor of
    /// probabilities is broadcast: each element has its own.
    bernoulli_(p: impl IntoOperand) = |t| t.fill_bernoulli(&p.into_operand());
    /// Fills with exponential values of rate `lambda`, from the current generator.
    exponential_(lambda: f64) = |t| t.fill_random("ExponentialBackward0", super::random::Fill::Exponential { lambda });
    /// Fills with whole numbers from 0 to the dtype's largest (for floats, the largest up to which
    /// all are exact), from the current generator.
    random_() = |t| t.fill_whole(None);
    /// Fills with whole numbers in `from..to`, from the current generator: PyTorch's
    /// `random_(from, to)`.
    random_range_(from: i64, to: i64) = |t| t.fill_whole(Some((from, to)));
}

in_place! {
    /// [`Tensor::acos`] in place.
    acos_() = |t| t.change(|t| t.acos());
    /// [`Tensor::acosh`] in place.
    acosh_() = |t| t.change(|t| t.acosh());
    /// [`Tensor::asin`] in place.
    asin_() = |t| t.change(|t| t.asin());
    /// [`Tensor::asinh`] in place.
    asinh_() = |t| t.change(|t| t.asinh());
    /// [`Tensor::atan`] in place.
    atan_() = |t| t.change(|t| t.atan());
    /// [`Tensor::atanh`] in place.
    atanh_() = |t| t.change(|t| t.atanh());
    /// [`Tensor::ceil`] in place.
    ceil_() = |t| t.change(|t| t.ceil());
    /// [`Tensor::cos`] in place.
    cos_() = |t| t.change(|t| t.cos());
    /// [`Tensor::cosh`] in place.
    cosh_() = |t| t.change(|t| t.cosh());
    /// [`Tensor::deg2rad`] in place.
    deg2rad_() = |t| t.change(|t| t.deg2rad());
    /// [`Tensor::digamma`] in place.
    digamma_() = |t| t.change(|t| t.digamma());
    /// [`Tensor::erf`] in place.
    erf_() = |t| t.change(|t| t.erf());
    /// [`Tensor::erfc`] in place.
    erfc_() = |t| t.change(|t| t.erfc());
    /// [`Tensor::erfinv`] in place.
    erfinv_() = |t| t.change(|t| t.erfinv());
    /// [`Tensor::exp2`] in place.
    exp2_() = |t| t.change(|t| t.exp2());
    /// [`Tensor::expm1`] in place.
    expm1_() = |t| t.change(|t| t.expm1());
    /// [`Tensor::frac`] in place.
    frac_() = |t| t.change(|t| t.frac());
    /// [`Tensor::lgamma`] in place.
    lgamma_() = |t| t.change(|t| t.lgamma());
    /// [`Tensor::log10`] in place.
    log10_() = |t| t.change(|t| t.log10());
    /// [`Tensor::log1p`] in place.
    log1p_() = |t| t.change(|t| t.log1p());
    /// [`Tensor::log2`] in place.
    log2_() = |t| t.change(|t| t.log2());
    /// [`Tensor::rad2deg`] in place.
    rad2deg_() = |t| t.change(|t| t.rad2deg());
    /// [`Tensor::sgn`] in place.
    sgn_() = |t| t.change(|t| t.sgn());
    /// [`Tensor::sign`] in place.
    sign_() = |t| t.change(|t| t.sign());
    /// [`Tensor::sin`] in place.
    sin_() = |t| t.change(|t| t.sin());
    /// [`Tensor::sinc`] in place.
    sinc_() = |t| t.change(|t| t.sinc());
    /// [`Tensor::sinh`] in place.
    sinh_() = |t| t.change(|t| t.sinh());
    /// [`Tensor::square`] in place.
    square_() = |t| t.change(|t| t.square());
    /// [`Tensor::tan`] in place.
    tan_() = |t| t.change(|t| t.tan());
    /// [`Tensor::trunc`] in place.
    trunc_() = |t| t.change(|t| t.trunc());
    /// [`Tensor::logit`] in place.
    logit_(eps: impl Into<Option<f64>>) = |t| t.change(|t| t.logit(eps));
    /// [`Tensor::nan_to_num`] in place.
    nan_to_num_(nan: f64, posinf: impl Into<Option<f64>>, neginf: impl Into<Option<f64>>) = |t| t.change(|t| t.nan_to_num(nan, posinf, neginf));
    /// [`Tensor::copysign`] in place.
    copysign_(other: impl IntoOperand) = |t| t.change(|t| t.copysign(other));
    /// [`Tensor::floor_divide`] in place.
    floor_divide_(other: impl IntoOperand) = |t| t.change(|t| t.floor_divide(other));
    /// [`Tensor::fmod`] in place.
    fmod_(other: impl IntoOperand) = |t| t.change(|t| t.fmod(other));
    /// [`Tensor::xlogy`] in place.
    xlogy_(other: impl IntoOperand) = |t| t.change(|t| t.xlogy(other));
    /// [`Tensor::atan2`] in place.
    atan2_(other: &Tensor) = |t| t.change(|t| t.atan2(other));
    /// [`Tensor::heaviside`] in place.
    heaviside_(values: &Tensor) = |t| t.change(|t| t.heaviside(values));
    /// [`Tensor::hypot`] in place.
    hypot_(other: &Tensor) = |t| t.change(|t| t.hypot(other));
    /// [`Tensor::ldexp`] in place.
    ldexp_(other: &Tensor) = |t| t.change(|t| t.ldexp(other));
    /// [`Tensor::tril`] in place.
    tril_(diagonal: i64) = |t| t.change(|t| t.tril(diagonal));
    /// [`Tensor::triu`] in place.
    triu_(diagonal: i64) = |t| t.change(|t| t.triu(diagonal));
}

impl Data {
    /// Replaces the values; shape and dtype may change: PyTorch's `.data = `.
    ///
    /// # Errors
    /// As [`Parameter::set_data`].
    pub fn set(&mut self, data: impl Into<Tensor>) -> Result<&mut Self> {
        let data = data.into();
        self.replace(&data)?;
        Ok(self)
    }
}

/// What random and constant fills work on: `&mut Tensor`, `&Parameter` or `&mut Data`. Nothing is
/// recorded.
pub trait Target {
    /// Changes the values, and returns the target.
    fn change_values(self, f: impl FnOnce(&mut Tensor) -> Result<()>) -> Result<Self>
    where
        Self: Sized;
}

impl Target for &mut Tensor {
    fn change_values(self, f: impl FnOnce(&mut Tensor) -> Result<()>) -> Result<Self> {
        no_grad(|| {
            let history = self.history().clone();
            // Taken out, so that this handle does not force a copy.
            let mut values = std::mem::replace(self, Tensor::zeros([0])).detach();
            let result = f(&mut values);
            *self = values.with_history(history);
            result
        })?;
        Ok(self)
    }
}

impl Target for &Parameter {
    fn change_values(self, f: impl FnOnce(&mut Tensor) -> Result<()>) -> Result<Self> {
        if !is_skipped() {
            self.write(f)?;
        }
        Ok(self)
    }
}

impl Target for &mut Data {
    fn change_values(self, f: impl FnOnce(&mut Tensor) -> Result<()>) -> Result<Self> {
        if !is_skipped() {
            self.write(f)?;
        }
        Ok(self)
    }
}
