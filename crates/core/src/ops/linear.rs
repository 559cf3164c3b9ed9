//! The linear map, as one recorded step.

use pleach_kernels::{Bias, Buffer, Epilogue, Float, MatRef, gemm, gemm_epilogue, reduce};
use smallvec::smallvec;

use super::matmul::named;
use crate::autograd::{Backward, InputGrads, record};
use crate::extent::checked_numel;
use crate::shape::Shape;
use crate::{DType, Element, Error, Result, Tensor};

impl Tensor {
    /// `input @ weightᵀ + bias`, over the last dimension: what a linear layer computes.
    /// Shapes: input `[..., in]`, weight `[out, in]`, bias `[out]`, result `[..., out]`.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        if self.rank() == 0 || weight.rank() == 0 {
            return Err(Error::shape(format!(
                "both arguments to linear need to be at least 1D, but they are {}D and {}D",
                self.rank(),
                weight.rank()
            )));
        }
        if is_plain(self, weight, bias) {
            return match self.dtype() {
                DType::F32 => fused::<f32>(self, weight, bias),
                _ => fused::<f64>(self, weight, bias),
            };
        }
        self.linear_by_parts(weight, bias)
    }

    /// By way of products and sums, which also say what does not fit.
    fn linear_by_parts(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        if weight.rank() == 1 {
            let out = self.matmul(weight)?;
            return match bias {
                Some(bias) => out.add(bias),
                None => Ok(out),
            };
        }
        let rows: usize = self.shape()[..self.rank() - 1].iter().product();
        let features = self.shape()[self.rank() - 1];
        let flat = if self.rank() == 2 {
            self.clone()
        } else {
            self.reshape([rows, features])?
        };
        let transposed = weight.t()?;
        let out = match bias {
            Some(bias) => bias.addmm(&flat, &transposed, 1.0, 1.0)?,
            None => flat.mm(&transposed)?,
        };
        if self.rank() == 2 {
            return Ok(out);
        }
        named(out, &out_shape(self, weight), "UnsafeViewBackward0")
    }
}

/// Whether shapes and dtypes are those of a float layer.
fn is_plain(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> bool {
    let dtype = x.dtype();
    matches!(dtype, DType::F32 | DType::F64)
        && weight.dtype() == dtype
        && weight.rank() == 2
        && x.shape().last() == Some(&weight.shape()[1])
        && bias.is_none_or(|b| b.dtype() == dtype && b.shape() == [weight.shape()[0]])
}

fn out_shape(x: &Tensor, weight: &Tensor) -> Shape {
    let mut shape = x.shape_vec();
    if let Some(last) = shape.last_mut() {
        *last = weight.shape()[0];
    }
    shape
}

/// A matrix of any strides.
fn matrix<T: Element>(x: &Tensor) -> Result<MatRef<'_, T>> {
    let (sizes, strides) = (x.shape(), x.strides());
    Ok(MatRef::new(
        x.base_slice::<T>()?,
        sizes[0],
        sizes[1],
        strides[0],
        strides[1],
    ))
}

/// All dimensions but the last as the rows of a matrix.
fn rows_of<T: Element>(x: &Tensor) -> Result<MatRef<'_, T>> {
    if x.rank() == 2 {
        return matrix(x);
    }
    let cols = x.shape().last().copied().unwrap_or(1);
    let rows = x.shape().iter().rev().skip(1).product();
    Ok(MatRef::row_major(x.as_slice()?, rows, cols))
}

/// Only matrices may have gaps.
fn dense_or_matrix(x: &Tensor) -> Result<Tensor> {
    let x = x.detach();
    if x.rank() == 2 { Ok(x) } else { x.contiguous() }
}

fn fused<T: Element + Float>(
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let (x, w) = (dense_or_matrix(input)?, weight.detach());
    let shape = out_shape(input, weight);
    let mut out = Buffer::<T>::try_new(checked_numel(&shape)?)?;
    if !out.is_empty() {
        let bias = bias.map(|b| b.detach().contiguous()).transpose()?;
        let epilogue = Epilogue {
            bias: match &bias {
                Some(bias) => Bias::PerColumn(bias.as_slice()?),
                None => Bias::None,
            },
            relu: false,
        };
        let weight = matrix::<T>(&w)?.transposed();
        gemm_epilogue(rows_of(&x)?, weight, &mut out, false, epilogue);
    }
    let out = Tensor::from_buffer(out, shape);
    let name = match (input.rank(), bias) {
        (2, Some(_)) => "AddmmBackward0",
        (2, None) => "MmBackward0",
        _ => "UnsafeViewBackward0",
    };
    let step = |needs: &[bool]| {
        let for_x = needs[0].then_some(w);
        let for_w = needs[1].then_some(x);
        let for_bias = needs.get(2) == Some(&true);
        let sizes = input.shape_vec();
        Backward::new(name, move |g: &Tensor| {
            backward::<T>(g, &sizes, for_x.as_ref(), for_w.as_ref(), for_bias)
        })
    };
    Ok(match bias {
        Some(bias) => record(out, &[input, weight, bias], step),
        None => record(out, &[input, weight], step),
    })
}

/// The gradients of the input, from the weight; of the weight, from the input; and of the bias.
fn backward<T: Element + Float>(
    g: &Tensor,
    sizes: &[usize],
    weight: Option<&Tensor>,
    input: Option<&Tensor>,
    for_bias: bool,
) -> Result<InputGrads> {
    let g = dense_or_matrix(g)?;
    let rows = rows_of::<T>(&g)?;
    let features = g.shape().last().copied().unwrap_or(1);
    let mut grads: InputGrads = smallvec![None, None, None];
    if let Some(weight) = weight {
        let mut out = Buffer::<T>::try_new(checked_numel(sizes)?)?;
        if !out.is_empty() {
            gemm(rows, matrix(weight)?, &mut out, false);
        }
        grads[0] = Some(Tensor::from_buffer(out, sizes));
    }
    if let Some(input) = input {
        let inputs = sizes.last().copied().unwrap_or(1);
        let mut out = Buffer::<T>::try_new(checked_numel(&[features, inputs])?)?;
        if !out.is_empty() {
            gemm(rows.transposed(), rows_of(input)?, &mut out, false);
        }
        grads[1] = Some(Tensor::from_buffer(out, [features, inputs]));
    }
    if for_bias {
        let g = g.contiguous()?;
        let g = g.as_slice::<T>()?;
        let mut out = Buffer::<T>::try_new(features)?;
        let rows = g.len().checked_div(features).unwrap_or(0);
        reduce::sum_axis(g, 1, rows, features, &mut out);
        grads[2] = Some(Tensor::from_buffer(out, [features]));
    }
    Ok(grads)
}
