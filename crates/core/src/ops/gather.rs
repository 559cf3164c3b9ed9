//! `gather` and its opposites: one position for each element, along one dimension.

use pleach_kernels::places_along;

use super::picks::Picks;
use super::place::{Called, Names, Pick, Place, Put};
use crate::autograd::apply;
use crate::memory::vec_for;
use crate::shape::{contiguous_strides, resolve_dim};
use crate::{DType, Error, ErrorKind, IntoOperand, Operand, Result, Tensor};

/// For each element of `index`, in row-major order, where it points in a contiguous tensor of
/// `shape`: its own coordinates, with that of `dim` replaced by its value.
pub(super) fn targets(index: &Tensor, shape: &[usize], dim: usize) -> Result<Vec<usize>> {
    let at = index.detach().long()?.contiguous()?;
    let at = at.as_slice::<i64>()?;
    // A number has the one position 0.
    let shape = if shape.is_empty() { &[1] } else { shape };
    let (strides, size) = (contiguous_strides(shape), shape[dim]);
    let mut out = vec_for(at.len())?;
    out.resize(at.len(), 0);
    match places_along(at, index.shape(), &strides, (dim, size), &mut out) {
        Ok(()) => Ok(out),
        Err(index) => Err(ErrorKind::IndexOutOfBounds { index, dim, size }.into()),
    }
}

fn check_gather(x: &Tensor, dim: usize, index: &Tensor) -> Result<()> {
    check_integers("gather", index)?;
    check_rank(index, x, "input")?;
    match first_larger(index, x, Some(dim)) {
        None => Ok(()),
        Some(d) => Err(Error::shape(format!(
            "Size does not match at dimension {d} expected index {:?} to be no larger than self {:?} apart from dimension {dim}",
            index.shape(),
            x.shape()
        ))),
    }
}

/// `source` is `None` for a number.
pub(super) fn check_scatter(
    x: &Tensor,
    dim: usize,
    index: &Tensor,
    source: Option<&Tensor>,
) -> Result<()> {
    if let Some(source) = source.filter(|source| x.dtype() != source.dtype()) {
        return Err(
            Error::dtype("scatter(): Expected self.dtype to be equal to src.dtype")
                .hint_conversion(source.dtype(), x.dtype()),
        );
    }
    check_integers("scatter", index)?;
    check_rank(index, x, "self")?;
    let (mut larger, mut than) = (first_larger(index, x, Some(dim)), String::new());
    if let Some(source) = source {
        check_rank(index, source, "src")?;
        larger = larger.or(first_larger(index, source, None));
        than = format!(" and to be no larger size than src {:?}", source.shape());
    }
    match larger {
        None => Ok(()),
        Some(_) => Err(Error::shape(format!(
            "Expected index {:?} to be no larger than self {:?} apart from dimension {dim}{than}",
            index.shape(),
            x.shape()
        ))),
    }
}

/// The part of a source that an index has positions for: the source may be larger.
pub(super) fn corner(source: &Tensor, index: &Tensor) -> Result<Tensor> {
    let mut corner = source.clone();
    for (k, &size) in index.shape().iter().enumerate() {
        corner = corner.narrow(k as i64, 0, size)?;
    }
    match index.rank() == 0 && corner.rank() > 0 {
        true => corner.narrow(0, 0, 1)?.reshape(()),
        false => Ok(corner),
    }
}

fn check_integers(op: &str, index: &Tensor) -> Result<()> {
    match index.dtype() {
        DType::I64 | DType::I32 => Ok(()),
        _ => Err(
            Error::dtype(format!("{op}(): Expected dtype int32/int64 for index"))
                .hint_conversion(index.dtype(), DType::I64),
        ),
    }
}

fn check_rank(index: &Tensor, outer: &Tensor, name: &str) -> Result<()> {
    match index.rank().max(1) == outer.rank().max(1) {
        true => Ok(()),
        false => Err(Error::shape(format!(
            "Index tensor must have the same number of dimensions as {name} tensor"
        ))),
    }
}

/// The first dimension, but for one that may be, in which the index is larger.
fn first_larger(index: &Tensor, outer: &Tensor, may: Option<usize>) -> Option<usize> {
    let mut sizes = index.shape().iter().zip(outer.shape()).enumerate();
    sizes
        .find(|(d, (i, o))| i > o && Some(*d) != may)
        .map(|(d, _)| d)
}

/// # Gathering and scattering
impl Tensor {
    /// `out[i][j] = self[index[i][j]][j]` along dimension 0, and so on for the others. The result
    /// has the index's shape.
    ///
    /// # Errors
    /// If the index is not i64, does not fit, or points outside.
    pub fn gather(&self, dim: i64, index: &Tensor) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        // Dtype and rank of an index that asks for nothing do not matter.
        if index.numel() > 0 {
            check_gather(self, d, index)?;
        }
        let at = targets(index, self.shape(), d)?;
        let picks = Picks::elements(at, self.rank(), index.shape());
        let names = ("gather", "GatherBackward0");
        let options = vec![("dim", d.into())];
        Pick::apply(picks, Called { names, options }, self)
    }

    /// This tensor with `self[index[i][j]][j] = source[i][j]` along dimension 0, and so on for
    /// the others. The source may be a number.
    ///
    /// # Errors
    /// If the index holds no integers, does not fit, or points outside.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![0., 0., 0.];
    /// let index = tensor![2, 0];
    /// assert_eq!(x.scatter(0, &index, &tensor![5., 6.])?.to_vec::<f32>()?, [6., 0., 5.]);
    /// assert_eq!(x.scatter(0, &index, 1.0)?.to_vec::<f32>()?, [1., 0., 1.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn scatter(&self, dim: i64, index: &Tensor, source: impl IntoOperand) -> Result<Tensor> {
        match source.into_operand() {
            Operand::Tensor(source) => {
                self.scattered(("scatter", "ScatterBackward0"), dim, index, &source, false)
            }
            Operand::Scalar(number) => {
                let number = Tensor::try_full_of((), number, self.dtype())?;
                let source = number.expand(index.shape())?;
                let d = resolve_dim(dim, self.rank())?;
                if index.numel() > 0 {
                    check_scatter(self, d, index, None)?;
                }
                self.scattered(("scatter", "ScatterBackward1"), dim, index, &source, false)
            }
        }
    }

    /// [`Tensor::scatter`] that adds, once for each time a place is named.
    ///
    /// # Errors
    /// If the index is not i64, does not fit, or points outside.
    pub fn scatter_add(&self, dim: i64, index: &Tensor, source: &Tensor) -> Result<Tensor> {
        self.scattered(
            ("scatter_add", "ScatterAddBackward0"),
            dim,
            index,
            source,
            true,
        )
    }

    fn scattered(
        &self,
        names: Names,
        dim: i64,
        index: &Tensor,
        source: &Tensor,
        add: bool,
    ) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        if index.numel() == 0 {
            return Ok(self.clone());
        }
        check_scatter(self, d, index, Some(source))?;
        let at = targets(index, self.shape(), d)?;
        let corner = corner(source, index)?;
        let put = Put {
            place: Place::Picks(Picks::elements(at, self.rank(), index.shape())),
            shape: self.shape_vec(),
            add,
            called: Called {
                names,
                options: vec![("dim", d.into())],
            },
        };
        apply(put, (Some(self), &corner))
    }
}
