//! Tensors side by side along a dimension that their shapes tell, and what combines the elements of
//! vectors.

use crate::memory::{check_room, vec_for};
use crate::{DType, Error, PadMode, Result, Tensor};

/// Which of two orders [`Tensor::meshgrid`] gives the first two dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indexing {
    /// The first vector runs along the first dimension: rows, then columns.
    Ij,
    /// The first vector runs along the second dimension: x, then y.
    Xy,
}

words! {
    Indexing { Ij = "ij", Xy = "xy" },
    |text| format!("torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {text}")
}

/// The tensors of a list, each made to fit by `f`; PyTorch's refusal of none.
fn fitted(
    op: &str,
    tensors: impl IntoIterator<Item: AsRef<Tensor>>,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Vec<Tensor>> {
    let tensors = tensors.into_iter().map(|t| f(t.as_ref()));
    let tensors: Vec<Tensor> = tensors.collect::<Result<_>>()?;
    match tensors.is_empty() {
        true => Err(Error::value(format!("{op} expects a non-empty TensorList"))),
        false => Ok(tensors),
    }
}

fn check_vector(t: &Tensor) -> Result<()> {
    match t.rank() {
        1 => Ok(()),
        _ => Err(Error::shape(format!(
            "Expect a 1D vector, but got shape {:?}",
            t.shape()
        ))),
    }
}

/// # Side by side
impl Tensor {
    /// The tensors one after the other: vectors (and numbers) along their only dimension, others
    /// along the second.
    ///
    /// # Errors
    /// If there are none, or their shapes differ in another dimension.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// assert_eq!(Tensor::hstack([tensor![1., 2.], tensor![3.]])?.shape(), [3]);
    /// assert_eq!(Tensor::hstack([Tensor::ones([2, 1]), Tensor::ones([2, 3])])?.shape(), [2, 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn hstack(tensors: impl IntoIterator<Item: AsRef<Tensor>>) -> Result<Tensor> {
        let tensors = fitted("hstack", tensors, Tensor::atleast_1d)?;
        let dim = i64::from(tensors[0].rank() > 1);
        Tensor::cat(&tensors, dim)
    }

    /// The tensors, vectors as rows, one below the other.
    ///
    /// # Errors
    /// If there are none, or their shapes differ in another dimension.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// assert_eq!(Tensor::vstack([tensor![1., 2.], tensor![3., 4.]])?.shape(), [2, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn vstack(tensors: impl IntoIterator<Item: AsRef<Tensor>>) -> Result<Tensor> {
        Tensor::cat(fitted("vstack", tensors, Tensor::atleast_2d)?, 0)
    }

    /// Another name of [`Tensor::vstack`].
    ///
    /// # Errors
    /// As [`Tensor::vstack`].
    pub fn row_stack(tensors: impl IntoIterator<Item: AsRef<Tensor>>) -> Result<Tensor> {
        Tensor::vstack(tensors)
    }

    /// The tensors, matrices as `[m, n, 1]`, one after the other along the third dimension.
    ///
    /// # Errors
    /// If there are none, or their shapes differ in another dimension.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// assert_eq!(Tensor::dstack([tensor![[1., 2.]], tensor![[3., 4.]]])?.shape(), [1, 2, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn dstack(tensors: impl IntoIterator<Item: AsRef<Tensor>>) -> Result<Tensor> {
        Tensor::cat(fitted("dstack", tensors, Tensor::atleast_3d)?, 2)
    }

    /// The tensors, vectors as columns, one beside the other.
    ///
    /// # Errors
    /// If there are none, or their shapes differ in another dimension.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = Tensor::column_stack([tensor![1, 2], tensor![3, 4]])?;
    /// assert_eq!(x.to_vec::<i64>()?, [1, 3, 2, 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn column_stack(tensors: impl IntoIterator<Item: AsRef<Tensor>>) -> Result<Tensor> {
        let columns = fitted("column_stack", tensors, |t| match t.rank() {
            0 | 1 => t.reshape([t.numel(), 1]),
            _ => Ok(t.clone()),
        })?;
        Tensor::cat(columns, 1)
    }

    /// A matrix of zeros but for the tensors along its diagonal, vectors as rows.
    ///
    /// # Errors
    /// If one has more than two dimensions, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = Tensor::block_diag([tensor![[1, 2]], tensor![[3]]])?;
    /// assert_eq!(x.to_vec::<i64>()?, [1, 2, 0, 0, 0, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn block_diag(tensors: impl IntoIterator<Item: AsRef<Tensor>>) -> Result<Tensor> {
        let matrix = |(i, t): (usize, &Tensor)| match t.rank() {
            0..=2 => t.atleast_2d(),
            n => Err(Error::shape(format!(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {n} dimensions"
            ))),
        };
        let tensors = tensors.into_iter().enumerate();
        let blocks: Vec<Tensor> = tensors
            .map(|(i, t)| matrix((i, t.as_ref())))
            .collect::<Result<_>>()?;
        if blocks.is_empty() {
            return Tensor::try_zeros([1, 0]);
        }
        let total = |d: usize| {
            let sizes = blocks.iter().map(|t| t.shape()[d]);
            sizes.fold(0, usize::saturating_add)
        };
        let (rows, cols) = (total(0), total(1));
        let dtype = blocks.iter().map(Tensor::dtype);
        check_room(&[rows, cols], dtype.fold(DType::Bool, DType::promote))?;
        let mut before = 0;
        let widened = blocks.iter().map(|t| {
            let after = cols - before - t.shape()[1];
            let wide = t.pad(&[before as i64, after as i64], PadMode::Constant, 0.0);
            before += t.shape()[1];
            wide
        });
        Tensor::cat(widened.collect::<Result<Vec<_>>>()?, 0)
    }

    /// Each vector spread over a grid that has a dimension for every vector, as views: the
    /// coordinates of its points.
    ///
    /// # Errors
    /// If there are none, one has more than one dimension, or the dtypes differ.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let (x, y) = (tensor![1, 2, 3], tensor![4, 5]);
    /// let grid = Tensor::meshgrid([&x, &y], "ij")?;
    /// assert_eq!(grid[0].to_vec::<i64>()?, [1, 1, 2, 2, 3, 3]);
    /// assert_eq!(grid[1].to_vec::<i64>()?, [4, 5, 4, 5, 4, 5]);
    /// assert_eq!(Tensor::meshgrid([&x, &y], "xy")?[0].shape(), [2, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn meshgrid(
        tensors: impl IntoIterator<Item: AsRef<Tensor>>,
        indexing: impl TryInto<Indexing, Error: Into<Error>>,
    ) -> Result<Vec<Tensor>> {
        let indexing = indexing.try_into().map_err(Into::into)?;
        let tensors = fitted("meshgrid", tensors, |t| Ok(t.clone()))?;
        if tensors.iter().any(|t| t.dtype() != tensors[0].dtype()) {
            return Err(Error::dtype(
                "meshgrid expects all tensors to have the same dtype",
            ));
        }
        if let Some(t) = tensors.iter().find(|t| t.rank() > 1) {
            return Err(Error::shape(format!(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {:?}",
                t.shape()
            )));
        }
        // Where the first two are swapped, so are the dimensions that they run along.
        let mut places: Vec<usize> = (0..tensors.len()).collect();
        if indexing == Indexing::Xy && tensors.len() > 1 {
            places.swap(0, 1);
        }
        let mut shape = vec![1; tensors.len()];
        for (t, &d) in tensors.iter().zip(&places) {
            shape[d] = t.numel();
        }
        let spread = |(t, &d): (&Tensor, &usize)| {
            let mut line = vec![1; tensors.len()];
            line[d] = t.numel();
            t.view(line)?.expand(&shape[..])
        };
        tensors.iter().zip(&places).map(spread).collect()
    }

    /// Every way to take one element of each vector, as rows: of one vector itself, of several
    /// `[n, vectors]`.
    ///
    /// # Errors
    /// If there are none, one is no vector, the dtypes differ or the memory cannot be had.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let pairs = Tensor::cartesian_prod([tensor![1, 2], tensor![3, 4]])?;
    /// assert_eq!(pairs.to_vec::<i64>()?, [1, 3, 1, 4, 2, 3, 2, 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn cartesian_prod(tensors: impl IntoIterator<Item: AsRef<Tensor>>) -> Result<Tensor> {
        let tensors = fitted("meshgrid", tensors, |t| {
            check_vector(t)?;
            Ok(t.clone())
        })?;
        if let [only] = &tensors[..] {
            return Ok(only.clone());
        }
        let grids = Tensor::meshgrid(&tensors, Indexing::Ij)?;
        let points = Tensor::stack(&grids, -1)?;
        points.reshape([grids[0].numel(), grids.len()])
    }

    /// Every way to take `r` elements of this vector, in its order, as rows of `[n, r]`; with
    /// replacement an element may be taken more than once.
    ///
    /// # Errors
    /// If this is no vector, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![1, 2, 3];
    /// assert_eq!(x.combinations(2, false)?.to_vec::<i64>()?, [1, 2, 1, 3, 2, 3]);
    /// assert_eq!(x.combinations(2, true)?.shape(), [6, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn combinations(&self, r: usize, with_replacement: bool) -> Result<Tensor> {
        check_vector(self)?;
        if r == 0 {
            return Tensor::try_zeros_of([0], self.dtype());
        }
        let places = choices(self.numel(), r, with_replacement)?;
        let places = Tensor::from_vec(places.0, [places.1, r])?;
        self.index(&places)
    }
}

/// The positions of every choice of `r > 0` of `n`, in order, one after the other, and how many
/// choices there are.
fn choices(n: usize, r: usize, with_replacement: bool) -> Result<(Vec<i64>, usize)> {
    let too_many = || Error::shape("numel: integer multiplication overflow");
    let pool = match with_replacement {
        true if n > 0 => n.checked_add(r - 1).ok_or_else(too_many)?,
        _ => n,
    };
    if r > pool {
        return Ok((Vec::new(), 0));
    }
    // `pool` over `r`, exact after each step.
    let mut count: u128 = 1;
    for i in 0..r.min(pool - r) as u128 {
        count = count * (pool as u128 - i) / (i + 1);
        if count > isize::MAX as u128 {
            return Err(too_many());
        }
    }
    let count = count as usize;
    let mut all = vec_for(count.checked_mul(r).ok_or_else(too_many)?)?;
    let step = i64::from(!with_replacement);
    let mut choice = vec_for(r)?;
    choice.extend((0..r as i64).map(|i| i * step));
    // The largest position that place `i` takes.
    let last = |i: usize| (n - 1) as i64 - (r - 1 - i) as i64 * step;
    for _ in 0..count {
        all.extend_from_slice(&choice);
        if let Some(i) = (0..r).rev().find(|&i| choice[i] < last(i)) {
            let next = choice[i] + 1;
            for (k, place) in choice[i..].iter_mut().enumerate() {
                *place = next + k as i64 * step;
            }
        }
    }
    Ok((all, count))
}
