//! Comparisons and logic: results are bool and carry no gradient.

use pleach_kernels::Comparison;
use pleach_kernels::elementwise::zip_number_pieces;

use super::elementwise::{written, zip_pieces};
use super::operand::{IntoOperand, Operand, result_type};
use crate::{DType, Element, Result, Tensor};

/// Both operands are rounded, or wrapped round, to their common type.
fn compare(x: &Tensor, how: Comparison, other: &Operand) -> Result<Tensor> {
    let common = result_type(x, other);
    let dtype = common.comparable();
    if let (DType::Bool, Operand::Tensor(y)) = (common, other) {
        return zip_pieces(x, y, &how.piece::<bool>());
    }
    let comparable = |t: &Tensor| t.detach().to_dtype(common)?.to_dtype(dtype);
    let x = comparable(x)?;
    dispatch_number!("compare", dtype, T => match other {
        Operand::Tensor(y) => zip_pieces(&x, &comparable(y)?, &how.piece::<T>()),
        Operand::Scalar(s) => {
            let y = dispatch_all!(common, C => s.wrapping_to::<C>().cast::<T>());
            written(&x, |x, out| zip_number_pieces(x, y, out, &how.piece::<T>()))
        }
    })
}

/// # Comparing, and logic
impl Tensor {
    /// `self > other`, element by element.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn gt(&self, other: impl IntoOperand) -> Result<Tensor> {
        compare(self, Comparison::Gt, &other.into_operand())
    }

    /// `self >= other`, element by element.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn ge(&self, other: impl IntoOperand) -> Result<Tensor> {
        compare(self, Comparison::Ge, &other.into_operand())
    }

    /// `self < other`, element by element.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn lt(&self, other: impl IntoOperand) -> Result<Tensor> {
        compare(self, Comparison::Lt, &other.into_operand())
    }

    /// `self <= other`, element by element.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn le(&self, other: impl IntoOperand) -> Result<Tensor> {
        compare(self, Comparison::Le, &other.into_operand())
    }

    /// `self == other`, element by element.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn eq(&self, other: impl IntoOperand) -> Result<Tensor> {
        compare(self, Comparison::Eq, &other.into_operand())
    }

    /// `self != other`, element by element.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn ne(&self, other: impl IntoOperand) -> Result<Tensor> {
        compare(self, Comparison::Ne, &other.into_operand())
    }

    /// True where an element is zero.
    pub fn logical_not(&self) -> Result<Tensor> {
        self.eq(0)
    }

    /// True where both are non-zero.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn logical_and(&self, other: &Tensor) -> Result<Tensor> {
        self.ne(0)?.mul(&other.ne(0)?)
    }

    /// True where either is non-zero.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn logical_or(&self, other: &Tensor) -> Result<Tensor> {
        self.ne(0)?.add(&other.ne(0)?)
    }

    /// Whether two tensors have the same shape and equal elements (nan equals nothing).
    ///
    /// ```
    /// use pleach::tensor;
    /// assert!(tensor![1., 2.].equal(&tensor![1., 2.])?);
    /// assert!(!tensor![1., 2.].equal(&tensor![[1., 2.]])?);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn equal(&self, other: &Tensor) -> Result<bool> {
        if self.shape() != other.shape() {
            return Ok(false);
        }
        Ok(self
            .eq(other)?
            .to_vec::<bool>()?
            .into_iter()
            .all(|same| same))
    }

    /// Whether `|self - other| <= atol + rtol * |other|` everywhere.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn allclose(&self, other: &Tensor, rtol: f64, atol: f64) -> Result<bool> {
        let (x, y) = (self.detach().double()?, other.detach().double()?);
        let bound = y.abs()?.mul(rtol)?.add(atol)?;
        let close = x.sub(&y)?.abs()?.le(&bound)?.logical_or(&x.eq(&y)?)?;
        Ok(close.to_vec::<bool>()?.into_iter().all(|ok| ok))
    }
}
