//! Diagonals, as views and as matrices of their own; and tensors with a diagonal, a position or a
//! slice of a dimension replaced.

use super::picks::position;
use super::place::{Called, Names, Place, Put, Shows, View};
use crate::autograd::{Attributes, apply};
use crate::extent::checked_numel;
use crate::memory::check_room;
use crate::shape::{Layout, Shape, resolve_dim};
use crate::{Error, Result, Tensor};

/// The two dimensions of a diagonal.
fn planes(dims: [i64; 2], rank: usize) -> Result<[usize; 2]> {
    let [a, b] = [resolve_dim(dims[0], rank)?, resolve_dim(dims[1], rank)?];
    match a == b {
        true => Err(Error::shape(format!(
            "diagonal dimensions cannot be identical {}, {}",
            dims[0], dims[1]
        ))),
        false => Ok([a, b]),
    }
}

/// The diagonal of two dimensions of a tensor of this shape.
fn shown(shape: &[usize], offset: i64, dims: [usize; 2]) -> View {
    let [rows, cols] = dims.map(|d| shape[d] as i64);
    let length = match offset {
        0.. => rows.min(cols.saturating_sub(offset)),
        _ => rows.saturating_add(offset).min(cols),
    };
    View {
        names: ("diagonal", "DiagonalBackward0"),
        shows: Shows::Diagonal(offset, dims, length.max(0) as usize),
    }
}

/// # Diagonals
impl Tensor {
    /// The diagonal of the first two dimensions, as the last dimension of a view; `offset` moves it
    /// to the right.
    ///
    /// # Errors
    /// If there are fewer than two dimensions.
    pub fn diagonal(&self, offset: i64) -> Result<Tensor> {
        self.diagonal_dim(offset, 0, 1)
    }

    /// The diagonal of two dimensions, as the last dimension of a view; `offset` moves it along
    /// `dim2`.
    ///
    /// # Errors
    /// If a dimension does not exist, or both are the same.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let x = Tensor::arange(8).view([2, 2, 2])?;
    /// let y = x.diagonal_dim(0, 1, 2)?;
    /// assert_eq!(y.to_vec::<i64>()?, [0, 3, 4, 7]);
    /// assert!(y.shares_memory_with(&x));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn diagonal_dim(&self, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
        // A number has no second dimension.
        let dims = planes([dim1, dim2], self.rank())?;
        apply(shown(self.shape(), offset, dims), self)
    }

    /// Matrices of zeros but for a diagonal, which is the last dimension of this tensor; they lie in
    /// the dimensions `dim1` and `dim2` of the result (-2 and -1 as a rule).
    ///
    /// # Errors
    /// If this is a number, a dimension does not exist, both are the same, or the memory cannot be
    /// had.
    ///
    /// ```
    /// let x = pleach::tensor![1, 2];
    /// assert_eq!(x.diag_embed(0, -2, -1)?.to_vec::<i64>()?, [1, 0, 0, 2]);
    /// assert_eq!(x.diag_embed(1, 0, 1)?.shape(), [3, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn diag_embed(&self, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
        let rank = self.rank() + 1;
        let dims = planes([dim1, dim2], rank)?;
        // A number would have one dimension then, and no two that differ.
        let (length, others) = self.shape().split_last().unwrap_or((&1, &[]));
        let side = length.saturating_add(offset.unsigned_abs() as usize);
        let mut others = others.iter().copied();
        let shape: Shape = (0..rank)
            .map(|d| match dims.contains(&d) {
                true => side,
                false => others.next().unwrap_or(1),
            })
            .collect();
        checked_numel(&shape)?;
        check_room(&shape, self.dtype())?;
        let put = Put {
            place: Place::View(shown(&shape, offset, dims)),
            shape,
            add: false,
            called: Called {
                names: ("diag_embed", "DiagEmbedBackward0"),
                options: diagonal_options(offset, dims),
            },
        };
        apply(put, (None, self))
    }

    /// A matrix with this vector on a diagonal; of a matrix, a copy of its diagonal.
    ///
    /// # Errors
    /// If there are no or more than two dimensions, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![1, 2].diag(0)?.to_vec::<i64>()?, [1, 0, 0, 2]);
    /// assert_eq!(tensor![[1, 2], [3, 4]].diag(1)?.to_vec::<i64>()?, [2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn diag(&self, offset: i64) -> Result<Tensor> {
        match self.rank() {
            1 => self.diag_embed(offset, -2, -1),
            2 => self.diagonal(offset)?.copy(),
            n => Err(Error::shape(format!(
                "diag(): Supports 1D or 2D tensors. Got {n}D"
            ))),
        }
    }

    /// A matrix with all elements, in row-major order, on a diagonal.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn diagflat(&self, offset: i64) -> Result<Tensor> {
        self.ravel()?.diag(offset)
    }

    /// This tensor with the diagonal of two dimensions replaced by `source`, which has the shape that
    /// [`Tensor::diagonal_dim`] shows.
    ///
    /// # Errors
    /// If the shape differs, a dimension does not exist, or both are the same.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = Tensor::zeros([2, 2]).diagonal_scatter(&tensor![1., 2.], 0, 0, 1)?;
    /// assert_eq!(x.to_vec::<f32>()?, [1., 0., 0., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn diagonal_scatter(
        &self,
        source: &Tensor,
        offset: i64,
        dim1: i64,
        dim2: i64,
    ) -> Result<Tensor> {
        let dims = planes([dim1, dim2], self.rank())?;
        let names = ("diagonal_scatter", "DiagonalScatterBackward0");
        let options = diagonal_options(offset, dims);
        self.replaced(shown(self.shape(), offset, dims), source, names, options)
    }

    /// This tensor with one position of a dimension replaced by `source`, which has the shape that
    /// [`Tensor::select`] shows.
    ///
    /// # Errors
    /// If the shape differs, or the dimension or the position does not exist.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = Tensor::zeros([2, 2]).select_scatter(&tensor![1., 2.], 0, -1)?;
    /// assert_eq!(x.to_vec::<f32>()?, [0., 0., 1., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn select_scatter(&self, source: &Tensor, dim: i64, index: i64) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(Error::index(
                "select() cannot be applied to a 0-dim tensor.",
            ));
        }
        let d = resolve_dim(dim, self.rank())?;
        let at = position(index, d, self.shape()[d]).map_err(|_| {
            Error::index(format!(
                "select(): index {index} out of range for tensor of size {:?} at dimension {d}",
                self.shape()
            ))
        })?;
        let view = View {
            names: ("select", "SelectBackward0"),
            shows: Shows::Selected(d, at),
        };
        let names = ("select_scatter", "SelectScatterBackward0");
        let options = vec![("dim", d.into()), ("index", at.into())];
        self.replaced(view, source, names, options)
    }

    /// This tensor with a slice of a dimension replaced by `source`, which has the shape that
    /// [`Tensor::slice_dim`] shows.
    ///
    /// # Errors
    /// If the shape differs, the dimension does not exist or the step is not positive.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = Tensor::zeros([4]).slice_scatter(&tensor![1., 2.], 0, 1, None, 2)?;
    /// assert_eq!(x.to_vec::<f32>()?, [0., 1., 0., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn slice_scatter(
        &self,
        source: &Tensor,
        dim: i64,
        start: impl Into<Option<i64>>,
        end: impl Into<Option<i64>>,
        step: i64,
    ) -> Result<Tensor> {
        if step < 1 && self.rank() > 0 {
            return Err(Error::value("slice step must be positive"));
        }
        let view = self.sliced(dim, start.into(), end.into(), step)?;
        let options = Attributes::from([("dim", dim.into())]);
        let names = ("slice_scatter", "SliceScatterBackward0");
        self.replaced(view, source, names, options)
    }

    /// This tensor with `source` where a view shows it.
    fn replaced(
        &self,
        view: View,
        source: &Tensor,
        names: Names,
        options: Attributes,
    ) -> Result<Tensor> {
        let place = view.of(&Layout::contiguous(self.shape_vec())).shape;
        if source.shape() != &place[..] {
            return Err(Error::shape(format!(
                "expected src to have a size equal to the slice of self. src size = {:?}, slice size = {place:?}",
                source.shape()
            )));
        }
        let put = Put {
            place: Place::View(view),
            shape: self.shape_vec(),
            add: false,
            called: Called { names, options },
        };
        apply(put, (Some(self), &source.to_dtype(self.dtype())?))
    }
}

fn diagonal_options(offset: i64, [rows, cols]: [usize; 2]) -> Attributes {
    vec![
        ("offset", offset.into()),
        ("dim1", rows.into()),
        ("dim2", cols.into()),
    ]
}
