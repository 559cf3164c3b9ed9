//! Comparisons and logic: results are bool and carry no gradient.

use super::elementwise::{zip, zip_number};
use super::operand::{Operand, result_type};
use crate::{Element, Result, Tensor};

macro_rules! comparison {
    ($($(#[$doc:meta])* $name:ident: $op:tt;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If the shapes cannot be broadcast together.
            pub fn $name(&self, other: impl Into<Operand>) -> Result<Tensor> {
                fn compare(x: &Tensor, other: Operand) -> Result<Tensor> {
                // Both are rounded, or wrapped round, to the common type.
                let common = result_type(x, &other);
                let dtype = common.comparable();
                let comparable = |t: &Tensor| t.detach().to_dtype(common)?.to_dtype(dtype);
                dispatch_number!(stringify!($name), dtype, T => match &other {
                    Operand::Scalar(s) => {
                        let b = dispatch_all!(common, C => s.wrapping_to::<C>().cast::<T>());
                        zip_number(&comparable(x)?, b, |a: T, b: T| a $op b)
                    }
                    Operand::Tensor(y) => {
                        zip(&comparable(x)?, &comparable(y)?, |a: T, b: T| a $op b)
                    }
                })
                }
                compare(self, other.into())
            }
        )*}
    };
}
comparison! {
    /// `self > other`, element by element.
    gt: >;
    /// `self >= other`, element by element.
    ge: >=;
    /// `self < other`, element by element.
    lt: <;
    /// `self <= other`, element by element.
    le: <=;
    /// `self == other`, element by element.
    eq: ==;
    /// `self != other`, element by element.
    ne: !=;
}

impl Tensor {
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
    /// use pleach_core::tensor;
    /// assert!(tensor![1., 2.].equal(&tensor![1., 2.])?);
    /// assert!(!tensor![1., 2.].equal(&tensor![[1., 2.]])?);
    /// # Ok::<(), pleach_core::Error>(())
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
