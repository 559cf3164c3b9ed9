//! A tensor's memory: where it is, how long it is, and any view of it.

use crate::autograd::is_grad_enabled;
use crate::extent::checked_numel;
use crate::shape::{IntoShape, Layout};
use crate::{Error, Result, Tensor};

/// # Strides and memory
impl Tensor {
    /// The number of elements in the memory that this tensor, and others perhaps, is a view of.
    pub fn storage_len(&self) -> usize {
        dispatch_all!(self.dtype(), T => {
            self.buffer::<T>().map_or(0, |buffer| buffer.len())
        })
    }

    /// Where this tensor's first element is in that memory.
    pub fn storage_offset(&self) -> usize {
        self.layout().offset
    }

    /// A number that tensors have in common if and only if they share memory. It means something
    /// only as long as one of them lives.
    pub fn storage_id(&self) -> usize {
        self.value.storage.address()
    }

    /// Any view of the memory under this tensor: element `[i, j, ..]` is element
    /// `offset + i * strides[0] + j * strides[1] + ..` of it. While gradients of this tensor are recorded,
    /// it is a copy of those elements, all of which must be elements of this tensor too.
    ///
    /// # Errors
    /// If the view would reach beyond the memory, has more elements than can be counted, or has
    /// not one stride for each size; or if gradients are recorded and it has an element that this
    /// tensor has not, or this tensor has one twice.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let x = Tensor::arange(6);
    /// let diagonal = x.as_strided([2], [4], 1)?;
    /// assert_eq!(diagonal.to_vec::<i64>()?, [1, 5]);
    /// assert!(diagonal.shares_memory_with(&x) && diagonal.storage_len() == 6);
    /// assert!(x.as_strided([2], [4], 2).is_err());
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn as_strided(
        &self,
        shape: impl IntoShape,
        strides: impl IntoShape,
        offset: usize,
    ) -> Result<Tensor> {
        let (shape, strides) = (shape.into_shape(), strides.into_shape());
        if shape.len() != strides.len() {
            return Err(Error::shape(format!(
                "mismatch in length of strides and shape: {} sizes and {} strides",
                shape.len(),
                strides.len()
            )));
        }
        let len = self.storage_len();
        checked_numel(&shape)?;
        match extent(&shape, &strides, offset) {
            Some(end) if end <= len => {
                // Nobody takes the step of a single element; as it is, it could be beyond counting.
                let longest = shape.iter().map(|&n| n.max(1)).product::<usize>().max(len);
                let within = |(&n, &stride): (&usize, &usize)| match n {
                    0 | 1 => stride.min(longest),
                    _ => stride,
                };
                let strides = shape.iter().zip(&strides).map(within).collect();
                let layout = Layout {
                    shape,
                    strides,
                    offset,
                };
                match self.requires_grad() && is_grad_enabled() {
                    true => self.taken(layout),
                    false => Ok(self.with_layout(layout)),
                }
            }
            _ => Err(Error::shape(format!(
                "a view of shape {shape:?}, strides {strides:?} and offset {offset} reaches beyond \
                 a storage of {len} elements"
            ))),
        }
    }

    /// What a view of the memory shows, taken from the elements of this tensor.
    fn taken(&self, layout: Layout) -> Result<Tensor> {
        let memory = Tensor::try_arange(self.storage_len())?;
        let mut elements = vec![None; memory.numel()];
        let own = memory.with_layout(self.layout().clone()).to_vec::<i64>()?;
        for (i, place) in (0i64..).zip(own) {
            if elements[place as usize].replace(i).is_some() {
                return Err(Error::autograd(
                    "as_strided() of a tensor that requires a gradient and has elements in one place",
                ));
            }
        }
        let shape = layout.shape.clone();
        let shown = memory.with_layout(layout).to_vec::<i64>()?;
        let index: Option<Vec<i64>> = shown.iter().map(|&i| elements[i as usize]).collect();
        let index = index.ok_or_else(|| {
            Error::autograd(
                "as_strided() of a tensor that requires a gradient reaches elements that are not its own",
            )
        })?;
        self.take(&Tensor::from_vec(index, &shape)?)
    }
}

/// The number of elements that a memory must have for this view; `None` if that cannot be counted.
fn extent(shape: &[usize], strides: &[usize], offset: usize) -> Option<usize> {
    if shape.contains(&0) {
        return Some(offset);
    }
    let mut last = offset;
    for (&size, &stride) in shape.iter().zip(strides) {
        last = last.checked_add((size - 1).checked_mul(stride)?)?;
    }
    last.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor;

    #[test]
    fn views_stay_within_their_memory() -> Result<()> {
        let x = tensor![[0., 1., 2.], [3., 4., 5.]];
        let column = x.as_strided([2], [3], 1)?;
        assert_eq!(column.to_vec::<f32>()?, [1., 4.]);
        // The offset counts from the start of the memory, not of the view.
        assert_eq!(column.as_strided((), (), 5)?.item()?, 5.0);
        assert_eq!(column.storage_offset(), 1);
        let expanded = x.as_strided([3, 2], [0, 1], 4)?;
        assert_eq!(expanded.to_vec::<f32>()?, [4., 5., 4., 5., 4., 5.]);
        assert_eq!(x.as_strided([0, 7], [9, 9], 6)?.numel(), 0);
        let empty = Tensor::zeros([0]).as_strided([0, 3], [3, 1], 0)?;
        assert_eq!(empty.strides(), [3, 1]);
        for (shape, strides, offset) in [
            (vec![7], vec![1], 0),
            (vec![2], vec![6], 0),
            (vec![1], vec![1], 6),
            (vec![0], vec![1], 7),
            (vec![2, 2], vec![1], 0),
            (vec![usize::MAX, usize::MAX], vec![0, 0], 0),
            (vec![0, usize::MAX, usize::MAX], vec![0, 0, 0], 0),
            (vec![2, 2], vec![usize::MAX, usize::MAX], 0),
        ] {
            let text = format!("{shape:?} {strides:?} {offset}");
            assert!(x.as_strided(shape, strides, offset).is_err(), "{text}");
        }
        // Elements between those of a tensor have no gradient to give, nor have elements in one place.
        let column = column.requires_grad_(true)?;
        assert_eq!(column.as_strided([2], [0], 4)?.to_vec::<f32>()?, [4., 4.]);
        assert!(column.as_strided([2], [1], 1).is_err());
        let expanded = expanded.requires_grad_(true)?;
        assert!(expanded.as_strided([1], [1], 4).is_err());
        Ok(())
    }

    /// PyTorch's gradients.
    #[test]
    fn gradients_flow_to_the_elements_that_a_view_shows() -> Result<()> {
        let cases = [
            (vec![2, 2], vec![1, 2], [0., 1., 3., 2., 4., 0.]),
            (vec![3, 2], vec![1, 1], [0., 1., 5., 9., 6., 0.]),
        ];
        for (shape, strides, expected) in cases {
            let x = Tensor::arange(6).float()?.view([2, 3])?;
            let x = x.requires_grad_(true)?;
            let y = x.t()?.as_strided(shape, strides, 1)?;
            let weights = Tensor::arange_step(1, y.numel() as i64 + 1, 1)?;
            y.mul(&weights.reshape(y.shape())?)?.sum()?.backward()?;
            assert_eq!(x.grad().expect("a gradient").to_vec::<f32>()?, expected);
        }
        Ok(())
    }

    #[test]
    fn memory_that_is_shared_has_one_number() -> Result<()> {
        let x = tensor![1., 2.];
        assert_eq!(x.storage_id(), x.clone().reshape([2, 1])?.storage_id());
        assert_ne!(x.storage_id(), tensor![1., 2.].storage_id());
        Ok(())
    }
}
