//! Class numbers as vectors.

use pleach_core::{DType, Error, Result, Tensor, checked_numel};
use pleach_kernels::Buffer;

/// For each class number a vector that is 1 at its place and 0 elsewhere, i64. Without
/// `num_classes` (PyTorch's -1) there are as many as the largest number needs.
///
/// Shapes: input `[*]`, result `[*, num_classes]`.
///
/// # Errors
/// If the numbers are not i64, negative or not below `num_classes`, or there are none and
/// `num_classes` is not given; or if the memory cannot be had.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::one_hot(&tensor![2, 0], 3)?;
/// assert_eq!(y.to_vec::<i64>()?, [0, 0, 1, 1, 0, 0]);
/// assert_eq!(F::one_hot(&tensor![2, 0], None)?.shape(), [2, 3]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn one_hot(input: &Tensor, num_classes: impl Into<Option<usize>>) -> Result<Tensor> {
    if input.dtype() != DType::I64 {
        return Err(Error::dtype(
            "one_hot is only applicable to index tensor of type LongTensor.",
        ));
    }
    let at = input.to_vec::<i64>()?;
    let classes = match (num_classes.into(), at.iter().max()) {
        (Some(n), _) => n,
        (None, Some(&largest)) => usize::try_from(largest).map_or(0, |n| n + 1),
        (None, None) => {
            return Err(Error::value(
                "Can not infer total number of classes from empty tensor.",
            ));
        }
    };
    if at.iter().any(|i| *i < 0) {
        return Err(Error::value("Class values must be non-negative."));
    }
    if at.iter().any(|i| *i as usize >= classes) {
        return Err(Error::value(
            "Class values must be smaller than num_classes.",
        ));
    }
    let mut shape = input.shape().to_vec();
    shape.push(classes);
    let mut out = Buffer::try_zeroed(checked_numel(&shape)?)?;
    for (row, &i) in at.iter().enumerate() {
        out[row * classes + i as usize] = 1i64;
    }
    Tensor::try_from_buffer(out, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::tensor;

    #[test]
    fn what_pytorch_refuses_is_refused() {
        let text = |x: Tensor, n: Option<usize>| one_hot(&x, n).unwrap_err().to_string();
        assert_eq!(
            text(tensor![1.0], None),
            "one_hot is only applicable to index tensor of type LongTensor."
        );
        assert_eq!(
            text(tensor![-1], None),
            "Class values must be non-negative."
        );
        assert_eq!(
            text(tensor![3], Some(3)),
            "Class values must be smaller than num_classes."
        );
        let empty = Tensor::zeros_of([0], DType::I64);
        assert_eq!(
            text(empty.clone(), None),
            "Can not infer total number of classes from empty tensor."
        );
        assert_eq!(one_hot(&empty, 3).unwrap().shape(), [0, 3]);
        assert_eq!(one_hot(&tensor![[1]].squeeze(), 2).unwrap().shape(), [2]);
    }
}
