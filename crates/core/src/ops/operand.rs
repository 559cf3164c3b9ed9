//! What operations take: [`Operand`], a tensor or a number, and [`Dims`], some dimensions.

use smallvec::SmallVec;

use crate::shape::resolve_dim;
use crate::{DType, Error, Parameter, Result, Scalar, Tensor};

/// What an operation takes as a tensor or a number: `&Tensor`, `Tensor`, `&Parameter`, `2.0`, `3`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a tensor nor a number",
    label = "a tensor or a number is wanted here",
    note = "a `Result` gives its tensor by `?`: `x.add(&y.exp()?)`",
    note = "numbers in an array or a `Vec` become a tensor by `tensor![..]` or `Tensor::from_vec(values, shape)?`"
)]
pub trait IntoOperand {
    /// The tensor or number.
    fn into_operand(self) -> Operand;
}

#[diagnostic::do_not_recommend]
impl<T: Into<Operand>> IntoOperand for T {
    fn into_operand(self) -> Operand {
        self.into()
    }
}

/// A tensor or a number: the second argument of `add`, `mul`, `gt`, …
#[derive(Clone)]
pub enum Operand {
    /// A tensor.
    Tensor(Tensor),
    /// A number; it does not widen the tensor's dtype within its category.
    Scalar(Scalar),
}

impl Operand {
    /// The operand as a tensor of a dtype; a number becomes 0-d, converted once (not by way of
    /// f32, which would round 0.1 twice). A number that the dtype cannot hold is refused; half
    /// floats take what f64 holds, as infinity.
    pub(crate) fn to_tensor(&self, dtype: DType) -> Result<Tensor> {
        match self {
            Operand::Tensor(t) => t.to_dtype(dtype),
            Operand::Scalar(s) if matches!(dtype, DType::F16 | DType::BF16) => {
                Tensor::try_full_of((), *s, DType::F64)?.to_dtype(dtype)
            }
            Operand::Scalar(s) => Tensor::try_full_of((), *s, dtype),
        }
    }
}

impl From<&Operand> for Operand {
    fn from(operand: &Operand) -> Self {
        operand.clone()
    }
}
impl From<&Tensor> for Operand {
    fn from(tensor: &Tensor) -> Self {
        Operand::Tensor(tensor.clone())
    }
}
impl From<Tensor> for Operand {
    fn from(tensor: Tensor) -> Self {
        Operand::Tensor(tensor)
    }
}
impl From<&Parameter> for Operand {
    fn from(parameter: &Parameter) -> Self {
        Operand::Tensor(parameter.tensor())
    }
}
impl From<Scalar> for Operand {
    fn from(scalar: Scalar) -> Self {
        Operand::Scalar(scalar)
    }
}
macro_rules! from_number {
    ($($t:ty),*) => {$(
        impl From<$t> for Operand {
            fn from(value: $t) -> Self { Operand::Scalar(value.into()) }
        }
    )*};
}
from_number!(f64, f32, i64, i32, usize, bool);

/// The dtype of an operation of two operands: PyTorch's `result_type`. A 0-d tensor, like a
/// number, only counts if its category is higher.
pub(crate) fn result_type(x: &Tensor, y: &Operand) -> DType {
    let y = match y {
        Operand::Scalar(s) => return s.promote(x.dtype()),
        Operand::Tensor(y) => y,
    };
    let (a, b) = (x.dtype(), y.dtype());
    match (x.rank() == 0, y.rank() == 0) {
        (false, true) if a.category() >= b.category() => a,
        (true, false) if b.category() >= a.category() => b,
        _ => a.promote(b),
    }
}

/// What can be given as dimensions: `1`, `-1`, `[0, 2]`, a slice or a `Vec`.
pub trait Dims {
    /// The dimensions, negative ones counting from the end.
    fn into_dims(self) -> SmallVec<[i64; 4]>;
}

impl Dims for i64 {
    fn into_dims(self) -> SmallVec<[i64; 4]> {
        SmallVec::from_slice(&[self])
    }
}
impl<const N: usize> Dims for [i64; N] {
    fn into_dims(self) -> SmallVec<[i64; 4]> {
        SmallVec::from_slice(&self)
    }
}
impl Dims for &[i64] {
    fn into_dims(self) -> SmallVec<[i64; 4]> {
        SmallVec::from_slice(self)
    }
}
impl Dims for Vec<i64> {
    fn into_dims(self) -> SmallVec<[i64; 4]> {
        SmallVec::from_vec(self)
    }
}

/// For each dimension of a tensor, whether it is meant. No dimensions at all means all of them,
/// as in PyTorch's reductions.
pub(crate) fn dim_mask(dims: impl Dims, rank: usize) -> Result<SmallVec<[bool; 6]>> {
    let dims = dims.into_dims();
    if !dims.is_empty() && rank > 64 {
        return Err(Error::shape(
            "only tensors with up to 64 dims are supported",
        ));
    }
    let mut mask = SmallVec::from_elem(dims.is_empty(), rank);
    for dim in dims {
        let d = resolve_dim(dim, rank)?;
        match mask.get_mut(d) {
            Some(true) => {
                return Err(Error::index(format!(
                    "dim {d} appears multiple times in the list of dims"
                )));
            }
            Some(slot) => *slot = true,
            None => {} // dimension 0 of a 0-d tensor
        }
    }
    Ok(mask)
}
