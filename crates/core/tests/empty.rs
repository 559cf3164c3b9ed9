//! Tensors without elements, and results that keep a dtype of their own: what PyTorch 2.15 gives.

use pleach_core::{DType, Result, Tensor, tensor};

#[test]
fn an_empty_dimension_has_as_many_chunks_as_are_asked_for() -> Result<()> {
    let shapes = |x: Tensor, chunks, dim| -> Result<Vec<Vec<usize>>> {
        let parts = x.chunk(chunks, dim)?;
        Ok(parts.iter().map(|part| part.shape().to_vec()).collect())
    };
    assert_eq!(shapes(Tensor::zeros([0]), 6, 0)?, vec![vec![0]; 6]);
    assert_eq!(shapes(Tensor::zeros([2, 0]), 3, 1)?, vec![vec![2, 0]; 3]);
    assert_eq!(
        shapes(Tensor::zeros([2, 0]), 3, 0)?,
        vec![vec![1, 0]; 2],
        "the other dimension is not empty"
    );
    assert!(Tensor::zeros([0]).chunk(usize::MAX, 0).is_err());
    Ok(())
}

#[test]
fn the_median_of_nothing_is_nan() -> Result<()> {
    for shape in [&[0][..], &[2, 0]] {
        let median = Tensor::zeros(shape).median()?;
        assert!(median.item()?.is_nan() && median.shape().is_empty());
        let x = Tensor::zeros(shape).requires_grad_(true)?;
        x.median()?.backward()?;
        assert_eq!(x.grad().map(|g| g.shape().to_vec()), Some(shape.to_vec()));
    }
    assert!(Tensor::zeros_of([0], DType::I64).median().is_err());
    Ok(())
}

#[test]
fn pairs_without_elements_look_at_no_other_size() -> Result<()> {
    let wide = Tensor::zeros([1, 1]).expand([3i64, 1 << 60])?;
    let x = wide.narrow(0, 0, 0)?.transpose(0, 1)?;
    for y in [x.clone(), Tensor::zeros([1, 0]), Tensor::zeros([1])] {
        for out in [x.ne(&y)?, y.add(&x)?] {
            assert_eq!(out.shape(), [1 << 60, 0]);
        }
    }
    Ok(())
}

#[test]
fn all_and_any_of_bytes_are_bytes() -> Result<()> {
    let bytes = tensor![3, 0].to_dtype(DType::U8)?;
    for (out, value) in [
        (bytes.any()?, 1),
        (bytes.all()?, 0),
        (bytes.any_dim(0, false)?, 1),
        (bytes.all_dim(0, false)?, 0),
    ] {
        assert_eq!(out.dtype(), DType::U8);
        assert_eq!(out.to_vec::<u8>()?, [value]);
    }
    assert_eq!(tensor![3, 0].any()?.dtype(), DType::Bool);
    Ok(())
}
