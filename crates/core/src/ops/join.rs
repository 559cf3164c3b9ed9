//! Several tensors as one, and one as several.

use super::elementwise::write_view;
use super::place::Names;
use crate::autograd::{
    Attributes, GradOf, GradsOf, InputGrads, Many, Operation, Own, Rules, Saved, apply,
};
use crate::extent::checked_numel;
use crate::memory::{collect, vec_for};
use crate::shape::{Layout, Shape, numel, resolve_dim};
use crate::{DType, Error, Result, Tensor};

/// Several tensors of one dtype as one.
#[derive(Clone, Debug)]
pub struct Join {
    /// PyTorch's names, of the operation and of its backward step.
    names: Names,
    /// The dimension along which they lie one after the other.
    dim: usize,
    /// Whether that is a new one.
    stacked: bool,
    /// The shape of the result.
    shape: Shape,
}

impl Join {
    /// Runs it, on the tensors in their common dtype.
    fn run(self, tensors: &[&Tensor]) -> Result<Tensor> {
        checked_numel(&self.shape)?;
        let dtypes = tensors.iter().map(|t| t.dtype());
        let dtype = dtypes.fold(tensors[0].dtype(), DType::promote);
        let inputs = tensors.iter().map(|t| t.to_dtype(dtype));
        let inputs: Vec<Tensor> = inputs.collect::<Result<_>>()?;
        apply(self, inputs.iter().collect())
    }

    /// The size of a part along the dimension; `None` if it takes no part: PyTorch lets an empty
    /// vector stand beside tensors of any shape.
    fn size(&self, part: &[usize]) -> Option<usize> {
        match self.stacked {
            true => Some(1),
            false => (part != [0]).then(|| part[self.dim]),
        }
    }
}

impl Operation for Join {
    type Inputs<'a> = Many<'a>;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        self.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.names.1
    }
    fn attributes(&self) -> Attributes {
        vec![("dim", self.dim.into())]
    }
    fn forward(&self, tensors: Many<'_>, _: &mut Own) -> Result<Tensor> {
        let whole = Layout::contiguous(self.shape.clone());
        dispatch_all!(tensors[0].dtype(), T => {
            let mut out = pleach_kernels::Buffer::<T>::try_new(numel(&self.shape))?;
            let mut start = 0;
            for t in &tensors {
                let Some(size) = self.size(t.shape()) else { continue };
                let mut part = whole.clone();
                part.offset = start * part.strides[self.dim];
                part.shape[self.dim] = size;
                if self.stacked {
                    part.shape.remove(self.dim);
                    part.strides.remove(self.dim);
                }
                write_view(&mut out, &part, t)?;
                start += size;
            }
            Ok(Tensor::from_buffer(out, &self.shape))
        })
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let dim = self.dim as i64;
        let mut start = 0;
        let part = |i: usize| {
            let size = self.size(saved.shape(i));
            start += size.unwrap_or(0);
            saved.grad(i, || match size {
                None => Tensor::try_zeros_of([0], grad.dtype()),
                Some(_) if self.stacked => grad.select(dim, i as i64),
                Some(size) => grad.narrow(dim, start - size, size),
            })
        };
        (0..saved.inputs())
            .map(part)
            .collect::<Result<InputGrads>>()
    }
}

/// Parts of a tensor along a dimension, as views.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The dimension.
    dim: usize,
    /// Their sizes; `None`: each position is one, without the dimension.
    sizes: Option<Vec<usize>>,
    /// PyTorch's names, of the operation and of its backward step.
    names: Names,
}

impl Operation for Parts {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Vec<Tensor>;
    const RULES: Rules = Rules::VIEW;

    fn name(&self) -> &'static str {
        self.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.names.1
    }
    fn attributes(&self) -> Attributes {
        let sizes = self.sizes.iter().map(|s| ("split_sizes", s[..].into()));
        sizes.chain([("dim", self.dim.into())]).collect()
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Vec<Tensor>> {
        let (dim, mut start) = (self.dim as i64, 0);
        let count = self.sizes.as_ref().map_or(x.shape()[self.dim], Vec::len);
        let mut parts = vec_for(count)?;
        for i in 0..count {
            let size = self.sizes.as_ref().map(|sizes| sizes[i]);
            parts.push(match size {
                Some(size) => x.narrow(dim, start, size)?,
                None => x.select(dim, start as i64)?,
            });
            start += size.unwrap_or(1);
        }
        Ok(parts)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let part = |(i, grad): (usize, &Option<Tensor>)| {
            let mut shape = Shape::from_slice(saved.shape(0));
            match &self.sizes {
                Some(sizes) => shape[self.dim] = sizes[i],
                None => drop(shape.remove(self.dim)),
            }
            let zeros = || Tensor::try_zeros_of(&shape, saved.dtype(0));
            grad.clone().map_or_else(zeros, Ok)
        };
        let parts = grads.iter().enumerate().map(part);
        let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
        Ok([Some(match self.sizes {
            Some(_) => Tensor::cat(&parts, self.dim as i64)?,
            None => Tensor::stack(&parts, self.dim as i64)?,
        })])
    }
}

/// What can be given as sizes of a [`Tensor::split`]: one for all parts, or a list.
pub trait SplitSizes {
    /// The sizes of the parts of a dimension of `size`, and the name of the backward step.
    #[doc(hidden)]
    fn sizes_of(self, size: usize) -> Result<(Vec<usize>, &'static str)>;
}

impl SplitSizes for usize {
    fn sizes_of(self, size: usize) -> Result<(Vec<usize>, &'static str)> {
        if self == 0 && size > 0 {
            return Err(Error::value(format!(
                "split_size can only be 0 if dimension size is 0, but got dimension size of {size}"
            )));
        }
        let whole = size.checked_div(self).unwrap_or(0);
        let mut sizes = collect(std::iter::repeat_n(self, whole))?;
        let rest = size - sizes.len() * self;
        // An empty dimension has one empty part.
        if rest > 0 || sizes.is_empty() {
            sizes.push(rest);
        }
        Ok((sizes, "SplitBackward0"))
    }
}

impl SplitSizes for &[usize] {
    fn sizes_of(self, _: usize) -> Result<(Vec<usize>, &'static str)> {
        Ok((self.to_vec(), "SplitWithSizesBackward0"))
    }
}
impl<const N: usize> SplitSizes for [usize; N] {
    fn sizes_of(self, size: usize) -> Result<(Vec<usize>, &'static str)> {
        self[..].sizes_of(size)
    }
}
impl<const N: usize> SplitSizes for &[usize; N] {
    fn sizes_of(self, size: usize) -> Result<(Vec<usize>, &'static str)> {
        self[..].sizes_of(size)
    }
}
impl SplitSizes for &Vec<usize> {
    fn sizes_of(self, size: usize) -> Result<(Vec<usize>, &'static str)> {
        self[..].sizes_of(size)
    }
}

fn with_refs(
    tensors: impl IntoIterator<Item: AsRef<Tensor>>,
    f: impl FnOnce(&[&Tensor]) -> Result<Tensor>,
) -> Result<Tensor> {
    let tensors: Vec<_> = tensors.into_iter().collect();
    let tensors: Vec<&Tensor> = tensors.iter().map(AsRef::as_ref).collect();
    f(&tensors)
}

/// # Joining and splitting
impl Tensor {
    /// The tensors one after the other along a dimension: of an array, a slice, a `Vec` or an
    /// iterator of tensors or references to them.
    ///
    /// # Errors
    /// If there are none, or their shapes differ in another dimension.
    ///
    /// ```
    /// use pleach::{tensor, Tensor};
    /// let x = Tensor::cat([tensor![[1., 2.]], tensor![[3., 4.]]], 0)?;
    /// assert_eq!(x.shape(), [2, 2]);
    /// let rows = vec![x.clone(), x.clone()];
    /// assert_eq!(Tensor::cat(&rows, 0)?.shape(), [4, 2]);
    /// assert_eq!(Tensor::cat([&x, &rows[0], &x], 1)?.shape(), [2, 6]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn cat(tensors: impl IntoIterator<Item: AsRef<Tensor>>, dim: i64) -> Result<Tensor> {
        with_refs(tensors, |tensors| Self::cat_refs(tensors, dim))
    }

    fn cat_refs(tensors: &[&Tensor], dim: i64) -> Result<Tensor> {
        let Some(first) = tensors.first() else {
            return Err(Error::value(
                "torch.cat(): expected a non-empty list of Tensors",
            ));
        };
        if let Some(i) = tensors.iter().position(|t| t.rank() == 0) {
            return Err(Error::shape(format!(
                "zero-dimensional tensor (at position {i}) cannot be concatenated"
            )));
        }
        let model = tensors.iter().find(|t| t.shape() != [0]).unwrap_or(first);
        let d = resolve_dim(dim, model.rank())?;
        let mut shape = model.shape_vec();
        shape[d] = 0;
        for (i, t) in (0..).zip(tensors).filter(|(_, t)| t.shape() != [0]) {
            if t.rank() != model.rank() {
                return Err(Error::shape(format!(
                    "Tensors must have same number of dimensions: got {} and {}",
                    model.rank(),
                    t.rank()
                )));
            }
            for (k, (&a, &b)) in model.shape().iter().zip(t.shape()).enumerate() {
                if k != d && a != b {
                    return Err(Error::shape(format!(
                        "Sizes of tensors must match except in dimension {d}. Expected size {a} but got size {b} for tensor number {i} in the list."
                    )));
                }
            }
            // One that is too large stays so, and is refused below.
            shape[d] = shape[d].saturating_add(t.shape()[d]);
        }
        let join = Join {
            names: ("cat", "CatBackward0"),
            dim: d,
            stacked: false,
            shape,
        };
        join.run(tensors)
    }

    /// Tensors of one shape along a new dimension; what holds them is as in [`Tensor::cat`].
    ///
    /// # Errors
    /// If there are none, or their shapes differ.
    pub fn stack(tensors: impl IntoIterator<Item: AsRef<Tensor>>, dim: i64) -> Result<Tensor> {
        with_refs(tensors, |tensors| Self::stack_refs(tensors, dim))
    }

    fn stack_refs(tensors: &[&Tensor], dim: i64) -> Result<Tensor> {
        let Some(first) = tensors.first() else {
            return Err(Error::value("stack expects a non-empty TensorList"));
        };
        for (i, t) in tensors.iter().enumerate() {
            if t.shape() != first.shape() {
                return Err(Error::shape(format!(
                    "stack expects each tensor to be equal size, but got {:?} at entry 0 and {:?} at entry {i}",
                    first.shape(),
                    t.shape()
                )));
            }
        }
        let dim = resolve_dim(dim, first.rank() + 1)?;
        let mut shape = first.shape_vec();
        shape.insert(dim, tensors.len());
        let join = Join {
            names: ("stack", "StackBackward0"),
            dim,
            stacked: true,
            shape,
        };
        join.run(tensors)
    }

    /// Consecutive parts along a dimension, as views: of one size (the last may be smaller), or of
    /// the sizes in a list.
    ///
    /// # Errors
    /// If the dimension does not exist, the sizes do not add up to the dimension's, or the one size
    /// is 0.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let x = Tensor::arange(5);
    /// let shapes = |parts: Vec<Tensor>| parts.iter().map(Tensor::numel).collect::<Vec<_>>();
    /// assert_eq!(shapes(x.split(2, 0)?), [2, 2, 1]);
    /// assert_eq!(shapes(x.split([1, 4], 0)?), [1, 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn split(&self, sizes: impl SplitSizes, dim: i64) -> Result<Vec<Tensor>> {
        let size = self.size(dim)?;
        let (sizes, name) = sizes.sizes_of(size)?;
        self.split_parts(sizes, dim, name)
    }

    fn split_parts(
        &self,
        sizes: Vec<usize>,
        dim: i64,
        grad_name: &'static str,
    ) -> Result<Vec<Tensor>> {
        let size = self.size(dim)?;
        let sum = sizes.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
        if sum != Some(size) {
            return Err(Error::shape(format!(
                "split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension {dim}), but got split_sizes={sizes:?}"
            )));
        }
        let parts = Parts {
            dim: resolve_dim(dim, self.rank())?,
            sizes: Some(sizes),
            names: ("split_with_sizes", grad_name),
        };
        apply(parts, self)
    }

    /// At most `chunks` parts of equal size along a dimension; the last may be smaller. An empty
    /// dimension makes that many empty ones.
    ///
    /// # Errors
    /// If the dimension does not exist or `chunks` is zero.
    pub fn chunk(&self, chunks: usize, dim: i64) -> Result<Vec<Tensor>> {
        if chunks == 0 {
            return Err(Error::value(
                "chunk expects `chunks` to be greater than 0, got: 0",
            ));
        }
        let size = self.size(dim)?;
        if size == 0 {
            // As many pieces as are asked for, each a tensor of its own.
            drop(vec_for::<[u64; 32]>(chunks)?);
            let mut sizes = vec_for(chunks)?;
            sizes.resize(chunks, 0);
            return self.split_parts(sizes, dim, "SplitBackward0");
        }
        self.split(size.div_ceil(chunks), dim)
    }

    /// The slices along a dimension, without it.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn unbind(&self, dim: i64) -> Result<Vec<Tensor>> {
        self.size(dim)?;
        let parts = Parts {
            dim: resolve_dim(dim, self.rank())?,
            sizes: None,
            names: ("unbind", "UnbindBackward0"),
        };
        apply(parts, self)
    }

    /// Sums over the dimensions that broadcasting from `shape` to this tensor's shape repeats.
    pub(crate) fn sum_to(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        let lead = self.rank() - shape.len();
        let repeated: Vec<i64> = (0..self.rank())
            .filter(|&d| d < lead || (shape[d - lead] == 1 && self.shape()[d] != 1))
            .map(|d| d as i64)
            .collect();
        let target: Shape = Shape::from_slice(shape);
        if repeated.is_empty() {
            return self.reshape(&target);
        }
        self.sum_dim(&repeated[..], true)?.reshape(&target)
    }
}
