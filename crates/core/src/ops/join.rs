//! Several tensors as one, and one as several.

use smallvec::{SmallVec, smallvec};

use super::elementwise::write_view;
use crate::autograd::{Backward, GradFn, InputGrads, record, record_many};
use crate::extent::checked_numel;
use crate::memory::{collect, vec_for};
use crate::shape::{Layout, Shape, numel, resolve_dim};
use crate::{Error, Result, Tensor};

/// The backward step of `cat`: each input's part of the gradient.
struct CatBackward {
    dim: i64,
    /// Sizes along `dim`, and whether a gradient is needed.
    parts: Vec<(usize, bool)>,
    /// Shapes of the legacy `[0]` inputs, which take no part.
    skipped: Vec<bool>,
}

impl GradFn for CatBackward {
    fn name(&self) -> &'static str {
        "CatBackward0"
    }

    fn has_saved(&self) -> bool {
        false
    }

    fn backward(&self, grads: &[Option<Tensor>]) -> Result<InputGrads> {
        let mut out = InputGrads::new();
        let [Some(g)] = grads else { return Ok(out) };
        let mut start = 0;
        for (&(size, needed), &skipped) in self.parts.iter().zip(&self.skipped) {
            out.push(match (needed, skipped) {
                (false, _) => None,
                (true, true) => Some(Tensor::try_zeros_of([0], g.dtype())?),
                (true, false) => Some(g.narrow(self.dim, start, size)?),
            });
            start += size;
        }
        Ok(out)
    }
}

/// The backward step of `split` and `unbind`: the parts' gradients, put together again.
struct PartsBackward {
    name: &'static str,
    dim: i64,
    shapes: Vec<Shape>,
    /// Whether the parts lack the dimension.
    stacked: bool,
}

impl GradFn for PartsBackward {
    fn name(&self) -> &'static str {
        self.name
    }

    fn has_saved(&self) -> bool {
        false
    }

    fn backward(&self, grads: &[Option<Tensor>]) -> Result<InputGrads> {
        let Some(dtype) = grads.iter().flatten().next().map(Tensor::dtype) else {
            return Ok(InputGrads::new());
        };
        let parts: Vec<Tensor> = grads
            .iter()
            .zip(&self.shapes)
            .map(|(g, shape)| match g {
                Some(g) => Ok(g.clone()),
                None => Tensor::try_zeros_of(shape, dtype),
            })
            .collect::<Result<_>>()?;
        let refs: Vec<&Tensor> = parts.iter().collect();
        let whole = if self.stacked {
            Tensor::stack(&refs, self.dim)?
        } else {
            Tensor::cat(&refs, self.dim)?
        };
        Ok(smallvec![Some(whole)])
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

impl Tensor {
    /// The tensors one after the other along a dimension.
    ///
    /// # Errors
    /// If there are none, or their shapes differ in another dimension.
    ///
    /// ```
    /// use pleach_core::{tensor, Tensor};
    /// let x = Tensor::cat(&[&tensor![[1., 2.]], &tensor![[3., 4.]]], 0)?;
    /// assert_eq!(x.shape(), [2, 2]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn cat(tensors: &[&Tensor], dim: i64) -> Result<Tensor> {
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
        let dtype = tensors
            .iter()
            .fold(first.dtype(), |d, t| d.promote(t.dtype()));
        // PyTorch lets an empty vector stand beside tensors of any shape.
        let skipped: Vec<bool> = tensors.iter().map(|t| t.shape() == [0]).collect();
        let model = tensors.iter().find(|t| t.shape() != [0]).unwrap_or(first);
        let d = resolve_dim(dim, model.rank())?;
        let mut shape = model.shape_vec();
        shape[d] = 0;
        for (i, t) in tensors.iter().enumerate().filter(|(i, _)| !skipped[*i]) {
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
        checked_numel(&shape)?;
        let inputs: Vec<Tensor> = tensors
            .iter()
            .map(|t| t.to_dtype(dtype))
            .collect::<Result<_>>()?;
        let refs: Vec<&Tensor> = inputs.iter().collect();
        let whole = Layout::contiguous(shape.clone());
        let size = |i: usize| if skipped[i] { 0 } else { inputs[i].shape()[d] };
        let out = dispatch_all!(dtype, T => {
            let mut out = pleach_kernels::Buffer::<T>::try_new(numel(&shape))?;
            let mut start = 0;
            for (i, t) in inputs.iter().enumerate().filter(|(i, _)| !skipped[*i]) {
                let mut part = whole.clone();
                part.offset = start * part.strides[d];
                part.shape[d] = size(i);
                write_view(&mut out, &part, t)?;
                start += size(i);
            }
            Tensor::from_buffer(out, &shape)
        });
        Ok(record(out, &refs, |needs| CatBackward {
            dim: d as i64,
            parts: needs
                .iter()
                .enumerate()
                .map(|(i, &n)| (size(i), n))
                .collect(),
            skipped: skipped.clone(),
        }))
    }

    /// Tensors of one shape along a new dimension.
    ///
    /// # Errors
    /// If there are none, or their shapes differ.
    pub fn stack(tensors: &[&Tensor], dim: i64) -> Result<Tensor> {
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
        let d = resolve_dim(dim, first.rank() + 1)? as i64;
        let dtype = tensors
            .iter()
            .fold(first.dtype(), |d, t| d.promote(t.dtype()));
        let inputs: Vec<Tensor> = tensors
            .iter()
            .map(|t| t.to_dtype(dtype))
            .collect::<Result<_>>()?;
        let wide: Vec<Tensor> = inputs
            .iter()
            .map(|t| t.detach().unsqueeze(d))
            .collect::<Result<_>>()?;
        let out = Tensor::cat(&wide.iter().collect::<Vec<_>>(), d)?;
        let refs: Vec<&Tensor> = inputs.iter().collect();
        Ok(record(out, &refs, |needs| {
            let needs: SmallVec<[bool; 4]> = SmallVec::from_slice(needs);
            Backward::stateless("StackBackward0", move |g: &Tensor| {
                needs
                    .iter()
                    .enumerate()
                    .map(|(i, &needed)| needed.then(|| g.select(d, i as i64)).transpose())
                    .collect()
            })
        }))
    }

    /// Consecutive parts along a dimension, as views: of one size (the last may be smaller), or of
    /// the sizes in a list.
    ///
    /// # Errors
    /// If the dimension does not exist, the sizes do not add up to the dimension's, or the one size
    /// is 0.
    ///
    /// ```
    /// use pleach_core::Tensor;
    /// let x = Tensor::arange(5);
    /// let shapes = |parts: Vec<Tensor>| parts.iter().map(Tensor::numel).collect::<Vec<_>>();
    /// assert_eq!(shapes(x.split(2, 0)?), [2, 2, 1]);
    /// assert_eq!(shapes(x.split([1, 4], 0)?), [1, 4]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn split(&self, sizes: impl SplitSizes, dim: i64) -> Result<Vec<Tensor>> {
        let size = self.size(dim)?;
        let (sizes, name) = sizes.sizes_of(size)?;
        self.split_parts(&sizes, dim, name)
    }

    fn split_parts(&self, sizes: &[usize], dim: i64, name: &'static str) -> Result<Vec<Tensor>> {
        let size = self.size(dim)?;
        let sum = sizes.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
        if sum != Some(size) {
            return Err(Error::shape(format!(
                "split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension {dim}), but got split_sizes={sizes:?}"
            )));
        }
        let x = self.detach();
        let mut start = 0;
        let mut parts = vec_for(sizes.len())?;
        for &n in sizes {
            parts.push(x.narrow(dim, start, n)?);
            start += n;
        }
        Ok(record_many(parts, &[self], |_| PartsBackward {
            name,
            dim,
            shapes: self.part_shapes(sizes, dim),
            stacked: false,
        }))
    }

    /// The shapes of parts of these sizes.
    fn part_shapes(&self, sizes: &[usize], dim: i64) -> Vec<Shape> {
        let d = if dim < 0 {
            dim + self.rank() as i64
        } else {
            dim
        } as usize;
        let mut shape = self.shape_vec();
        sizes
            .iter()
            .map(|&n| {
                shape[d] = n;
                shape.clone()
            })
            .collect()
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
            return self.split_parts(&sizes, dim, "SplitBackward0");
        }
        let each = size.div_ceil(chunks);
        let mut sizes: Vec<usize> = vec_for(size.div_ceil(each))?;
        let mut left = size;
        while left > 0 {
            sizes.push(each.min(left));
            left -= each.min(left);
        }
        self.split_parts(&sizes, dim, "SplitBackward0")
    }

    /// The slices along a dimension, without it.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn unbind(&self, dim: i64) -> Result<Vec<Tensor>> {
        let size = self.size(dim)?;
        let d = resolve_dim(dim, self.rank())?;
        let x = self.detach();
        let mut parts = vec_for(size)?;
        for i in 0..size {
            parts.push(x.select(dim, i as i64)?);
        }
        Ok(record_many(parts, &[self], |_| {
            let mut shape = self.shape_vec();
            shape.remove(d);
            PartsBackward {
                name: "UnbindBackward0",
                dim: d as i64,
                shapes: vec![shape; size],
                stacked: true,
            }
        }))
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
