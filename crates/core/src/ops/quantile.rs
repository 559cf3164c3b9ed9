//! Quantiles: what lies a part of the way through the elements in order.

use super::operand::{IntoOperand, Operand};
use crate::shape::resolve_dim;
use crate::{DType, Error, Result, Tensor};

/// What [`Tensor::quantile_dim`] gives where a quantile lies between two elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The value between them, by how near they are.
    #[default]
    Linear,
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// The nearer one; of two as near, the one of the even rank.
    Nearest,
    /// The middle between them.
    Midpoint,
}

words! {
    Interpolation {
        Linear = "linear",
        Lower = "lower",
        Higher = "higher",
        Nearest = "nearest",
        Midpoint = "midpoint",
    },
    |text| format!("quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {text}")
}

/// # Quantiles
impl Tensor {
    /// The quantiles of all elements, with [`Interpolation::Linear`]; nan if there is one. `q`, in `0 ..= 1`,
    /// is a number, or a vector of this dtype, for a vector of results.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![4., 1., 3., 2.];
    /// assert_eq!(x.quantile(0.5)?.item()?, 2.5);
    /// assert_eq!(x.quantile(&tensor![0., 1.])?.to_vec::<f32>()?, [1., 4.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no elements, the dtype is neither f32 nor f64, or `q` is outside `0 ..= 1`, has more than one dimension, or
    /// another dtype.
    pub fn quantile(&self, q: impl IntoOperand) -> Result<Tensor> {
        self.quantiles(
            q.into_operand(),
            (None, false),
            Interpolation::Linear,
            false,
        )
    }

    /// The quantiles along a dimension, or with `None` of all elements; nan where there is one. Several
    /// quantiles stand along a new first dimension.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[1., 2.], [5., 9.]];
    /// let y = x.quantile_dim(&tensor![0.5, 1.], 1, false, "lower")?;
    /// assert_eq!((y.shape(), y.to_vec::<f32>()?), (&[2, 2][..], vec![1., 5., 2., 9.]));
    /// assert_eq!(x.quantile_dim(0.5, None, true, "lower")?.shape(), [1, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::quantile`], or if the dimension or such an interpolation does not exist.
    pub fn quantile_dim(
        &self,
        q: impl IntoOperand,
        dim: impl Into<Option<i64>>,
        keepdim: bool,
        interpolation: impl TryInto<Interpolation, Error: Into<Error>>,
    ) -> Result<Tensor> {
        let interpolation = interpolation.try_into().map_err(Into::into)?;
        let along = (dim.into(), keepdim);
        self.quantiles(q.into_operand(), along, interpolation, false)
    }

    /// [`Tensor::quantile`] of the elements that are no nan; nan if there are no others.
    ///
    /// # Errors
    /// As [`Tensor::quantile`].
    pub fn nanquantile(&self, q: impl IntoOperand) -> Result<Tensor> {
        self.quantiles(q.into_operand(), (None, false), Interpolation::Linear, true)
    }

    /// [`Tensor::quantile_dim`] of the elements that are no nan; nan where there are no others.
    ///
    /// # Errors
    /// As [`Tensor::quantile_dim`].
    pub fn nanquantile_dim(
        &self,
        q: impl IntoOperand,
        dim: impl Into<Option<i64>>,
        keepdim: bool,
        interpolation: impl TryInto<Interpolation, Error: Into<Error>>,
    ) -> Result<Tensor> {
        let interpolation = interpolation.try_into().map_err(Into::into)?;
        let along = (dim.into(), keepdim);
        self.quantiles(q.into_operand(), along, interpolation, true)
    }

    /// `along` is a dimension, or all, and whether they are kept.
    fn quantiles(
        &self,
        q: Operand,
        (dim, keepdim): (Option<i64>, bool),
        interpolation: Interpolation,
        ignore_nan: bool,
    ) -> Result<Tensor> {
        let q = self.checked_quantile(q)?;
        let rank = self.rank();
        let dim = dim.map(|d| resolve_dim(d, rank)).transpose()?;
        let rows = match dim {
            Some(d) if rank > 0 => {
                let others = (0..rank).filter(|k| *k != d);
                let order: Vec<i64> = others.chain([d]).map(|k| k as i64).collect();
                self.permute(&order[..])?
            }
            _ => self.reshape([-1i64])?,
        };
        let sorted = rows.sort(-1, false)?.0;
        let last = sorted.size(-1)? - 1;
        let nans = sorted.detach().isnan()?;
        // In f64, as PyTorch's: so few ranks are whole by rounding.
        let ranks = q.reshape([-1i64])?.to_dtype(DType::F64)?;
        let ranks = match ignore_nan {
            true => {
                let last = nans.logical_not()?.sum_dim(-1, true)?.sub(1)?;
                let ranks = ranks.mul(&last)?;
                ranks.masked_fill(&ranks.detach().lt(0.0)?, 0.0)?
            }
            // The last element is a nan if there is one.
            false => {
                let nan = nans.any_dim(-1, true)?;
                let mut shape = nan.shape_vec();
                shape.pop();
                shape.extend([q.numel()]);
                let ranks = ranks.mul(last as f64)?.expand(&shape[..])?;
                ranks.masked_fill(&nan, last as f64)?
            }
        };
        let ranks = match interpolation {
            Interpolation::Lower => ranks.floor()?,
            Interpolation::Higher => ranks.ceil()?,
            Interpolation::Nearest => ranks.round()?,
            Interpolation::Linear | Interpolation::Midpoint => ranks,
        };
        let position = |ranks: Tensor| ranks.detach().to_dtype(DType::I64);
        let below = position(ranks.floor()?)?;
        let low = sorted.gather(-1, &below)?;
        let high = || sorted.gather(-1, &position(ranks.ceil()?)?);
        let found = match interpolation {
            Interpolation::Linear => {
                let weights = ranks.sub(&below)?.to_dtype(self.dtype())?;
                low.lerp(&high()?, weights)?
            }
            Interpolation::Midpoint => low.lerp(&high()?, 0.5)?,
            _ => low,
        };
        let (found, front) = match q.rank() {
            0 => (found.squeeze_dim(-1)?, 0),
            _ => {
                let others = 0..found.rank() as i64 - 1;
                let order: Vec<i64> = [-1].into_iter().chain(others).collect();
                (found.permute(order)?, 1)
            }
        };
        match dim {
            _ if !keepdim || rank == 0 => Ok(found),
            Some(d) => found.unsqueeze((d + front) as i64),
            None => {
                let all = found.shape().iter().copied();
                found.reshape(&all.chain([1].repeat(rank)).collect::<Vec<_>>()[..])
            }
        }
    }

    fn checked_quantile(&self, q: Operand) -> Result<Tensor> {
        if self.numel() == 0 {
            return Err(Error::shape("quantile() input tensor must be non-empty"));
        }
        if matches!(&q, Operand::Tensor(q) if q.rank() > 1) {
            return Err(Error::shape("quantile() q must be a scalar or 1D tensor"));
        }
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(Error::dtype(
                "quantile() input tensor must be either float or double dtype",
            )
            .hint_conversion(self.dtype(), DType::F32));
        }
        match q {
            Operand::Scalar(q) => {
                let value = q.to_f64();
                if !(0.0..=1.0).contains(&value) {
                    return Err(Error::value(format!(
                        "quantile() q must be in the range [0, 1] but got {}",
                        crate::print::general(value, 6)
                    )));
                }
                Tensor::try_full_of((), q, self.dtype())
            }
            Operand::Tensor(q) if q.dtype() != self.dtype() => Err(Error::dtype(
                "quantile() q tensor must be same dtype as the input tensor",
            )
            .hint_conversion(q.dtype(), self.dtype())),
            Operand::Tensor(q) => {
                let inside = q.detach().ge(0.0)?.logical_and(&q.detach().le(1.0)?)?;
                match inside.all()?.item()? != 0.0 {
                    true => Ok(q),
                    false => Err(Error::value(
                        "quantile() q values must be in the range [0, 1]",
                    )),
                }
            }
        }
    }
}
