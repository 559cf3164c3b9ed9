//! Rearranged copies: flipped, rotated, rolled, and the triangles of a matrix.

use pleach_kernels::{Buffer, flip, keep_triangle};
use smallvec::SmallVec;

use super::elementwise::written;
use super::operand::dim_mask;
use super::place::{Axes, Names};
use crate::autograd::{Attributes, GradsOf, Operation, Own, Saved, apply};
use crate::shape::resolve_dim;
use crate::{Dims, Error, Result, Tensor};

/// A copy with the elements in other places. What undoes it is another of its kind.
#[derive(Clone, Debug)]
pub enum Rearranged {
    /// These dimensions reversed.
    Flip(Axes),
    /// Two dimensions turned by quarters, of which there are 0 to 3, from the first to the second.
    Rot90(i64, [i64; 2]),
    /// The elements moved by shifts along dimensions (none: in row-major order), or back.
    Roll {
        /// The shifts.
        shifts: SmallVec<[i64; 4]>,
        /// Their dimensions.
        dims: SmallVec<[i64; 4]>,
        /// Whether they are moved back.
        back: bool,
    },
    /// Zeros above this diagonal of the last two dimensions.
    Tril(i64),
    /// Zeros below it.
    Triu(i64),
}

impl Rearranged {
    fn names(&self) -> Names {
        match self {
            Rearranged::Flip(_) => ("flip", "FlipBackward0"),
            Rearranged::Rot90(..) => ("rot90", "Rot90Backward0"),
            Rearranged::Roll { .. } => ("roll", "RollBackward0"),
            Rearranged::Tril(_) => ("tril", "TrilBackward0"),
            Rearranged::Triu(_) => ("triu", "TriuBackward0"),
        }
    }
}

impl Operation for Rearranged {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        self.names().0
    }
    fn grad_name(&self) -> &'static str {
        self.names().1
    }
    fn attributes(&self) -> Attributes {
        match self {
            Rearranged::Flip(dims) => vec![("dims", dims[..].into())],
            Rearranged::Rot90(k, dims) => vec![("k", (*k).into()), ("dims", dims[..].into())],
            Rearranged::Roll { shifts, dims, back } => vec![
                ("shifts", shifts[..].into()),
                ("dims", dims[..].into()),
                ("back", (*back).into()),
            ],
            Rearranged::Tril(d) | Rearranged::Triu(d) => vec![("diagonal", (*d).into())],
        }
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        match self {
            Rearranged::Flip(dims) => {
                let reversed: Vec<bool> = (0..x.rank()).map(|d| dims.contains(&d)).collect();
                dispatch_all!(x.dtype(), T => {
                    written(x, |from: &[T], out| flip(from, x.shape(), &reversed, out))
                })
            }
            &Rearranged::Rot90(k, [a, b]) => match k {
                1 => x.flip(b)?.transpose(a, b),
                2 => x.flip([a, b]),
                3 => x.flip(a)?.transpose(a, b),
                _ => x.copy(),
            },
            Rearranged::Roll { shifts, dims, back } => match (&shifts[..], &dims[..]) {
                ([], _) => Err(Error::value("`shifts` required")),
                ([shift], []) => {
                    let flat = x.reshape([-1i64])?;
                    flat.roll_one(*shift, 0, *back)?.view(x.shape())
                }
                (shifts, dims) if shifts.len() != dims.len() => Err(Error::value(format!(
                    "shifts and dimensions must align. shifts: {}, dims:{}",
                    shifts.len(),
                    dims.len()
                ))),
                (shifts, dims) => shifts
                    .iter()
                    .zip(dims)
                    .try_fold(x.clone(), |x, (&shift, &dim)| x.roll_one(shift, dim, *back)),
            },
            Rearranged::Tril(diagonal) => x.triangle(*diagonal, true),
            Rearranged::Triu(diagonal) => x.triangle(*diagonal, false),
        }
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let mut undo = self.clone();
        match &mut undo {
            Rearranged::Roll { back, .. } => *back = !*back,
            Rearranged::Rot90(k, _) => *k = (4 - *k) % 4,
            _ => {}
        }
        Ok([Some(apply(undo, grad)?)])
    }
}

/// # Rearranging
impl Tensor {
    /// The order of these dimensions reversed, as a copy.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice.
    pub fn flip(&self, dims: impl Dims) -> Result<Tensor> {
        let dims = dims.into_dims();
        dim_mask(&dims[..], self.rank())?;
        let dims = dims.into_iter().map(|d| resolve_dim(d, self.rank()));
        apply(Rearranged::Flip(dims.collect::<Result<_>>()?), self)
    }

    /// The columns in reversed order: [`Tensor::flip`] of the second dimension.
    ///
    /// # Errors
    /// If there are fewer than two dimensions.
    pub fn fliplr(&self) -> Result<Tensor> {
        match self.rank() {
            0 | 1 => Err(Error::shape("Input must be >= 2-d.")),
            _ => self.flip(1),
        }
    }

    /// The rows in reversed order: [`Tensor::flip`] of the first dimension.
    ///
    /// # Errors
    /// If there is no dimension.
    pub fn flipud(&self) -> Result<Tensor> {
        match self.rank() {
            0 => Err(Error::shape("Input must be >= 1-d.")),
            _ => self.flip(0),
        }
    }

    /// Two dimensions turned by `k` quarters, from the first to the second; backwards if `k` is
    /// negative.
    ///
    /// # Errors
    /// If there are not two different dimensions, or one does not exist.
    ///
    /// ```
    /// let x = pleach::tensor![[1, 2], [3, 4]];
    /// assert_eq!(x.rot90(1, [0, 1])?.to_vec::<i64>()?, [2, 4, 1, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn rot90(&self, k: i64, dims: impl Dims) -> Result<Tensor> {
        let dims = dims.into_dims();
        let [a, b] = dims[..] else {
            return Err(Error::shape(format!(
                "expected total rotation dims == 2, but got dims = {}",
                dims.len()
            )));
        };
        if self.rank() < 2 {
            return Err(Error::shape(format!(
                "expected total dims >= 2, but got total dims = {}",
                self.rank()
            )));
        }
        if resolve_dim(a, self.rank())? == resolve_dim(b, self.rank())? {
            return Err(Error::shape(format!(
                "expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"
            )));
        }
        apply(Rearranged::Rot90(k.rem_euclid(4), [a, b]), self)
    }

    /// The elements moved along dimensions, each by its shift; those pushed out come in at the other
    /// end. Without dimensions, the elements are moved in row-major order.
    ///
    /// # Errors
    /// If there is no shift, not one for each dimension, or a dimension does not exist.
    ///
    /// ```
    /// let x = pleach::tensor![[1, 2, 3], [4, 5, 6]];
    /// assert_eq!(x.roll(1, 1)?.to_vec::<i64>()?, [3, 1, 2, 6, 4, 5]);
    /// assert_eq!(x.roll([1, 1], [0, 1])?.to_vec::<i64>()?, [6, 4, 5, 3, 1, 2]);
    /// assert_eq!(x.roll(1, [])?.to_vec::<i64>()?, [6, 1, 2, 3, 4, 5]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn roll(&self, shifts: impl Dims, dims: impl Dims) -> Result<Tensor> {
        let roll = Rearranged::Roll {
            shifts: shifts.into_dims(),
            dims: dims.into_dims(),
            back: false,
        };
        apply(roll, self)
    }

    /// One shift along one dimension, or back.
    fn roll_one(&self, shift: i64, dim: i64, back: bool) -> Result<Tensor> {
        if self.numel() == 0 {
            return Ok(self.clone());
        }
        let size = self.size(dim)?;
        let shift = shift.rem_euclid(size as i64) as usize;
        let cut = if back { shift } else { size - shift };
        let (before, after) = (
            self.narrow(dim, 0, cut)?,
            self.narrow(dim, cut, size - cut)?,
        );
        Tensor::cat([&after, &before], dim)
    }

    /// The elements on and below a diagonal of the last two dimensions; zero elsewhere.
    ///
    /// # Errors
    /// If there are fewer than two dimensions.
    pub fn tril(&self, diagonal: i64) -> Result<Tensor> {
        apply(Rearranged::Tril(diagonal), self)
    }

    /// The elements on and above a diagonal of the last two dimensions; zero elsewhere.
    ///
    /// # Errors
    /// If there are fewer than two dimensions.
    pub fn triu(&self, diagonal: i64) -> Result<Tensor> {
        apply(Rearranged::Triu(diagonal), self)
    }

    fn triangle(&self, diagonal: i64, lower: bool) -> Result<Tensor> {
        let name = if lower { "tril" } else { "triu" };
        if self.rank() < 2 {
            return Err(Error::shape(format!(
                "{name}: input tensor must have at least 2 dimensions"
            )));
        }
        let (rows, cols) = (self.shape()[self.rank() - 2], self.shape()[self.rank() - 1]);
        let x = self.contiguous()?;
        dispatch_all!(self.dtype(), T => {
            let mut values = Buffer::<T>::try_from_slice(x.as_slice::<T>()?)?;
            keep_triangle(&mut values, (rows, cols), diagonal, lower);
            Ok(Tensor::from_buffer(values, self.shape()))
        })
    }
}
