//! The linear map, as one recorded step.

use std::borrow::Cow;

use super::matmul::{Product, product, returned};
use super::plan::Plan;
use crate::autograd::{Call, GradsOf, Operation, Own, Saved, Saves, apply};
use crate::extent::product_of;
use crate::shape::Shape;
use crate::{DType, Error, ErrorKind, Result, Tensor};

/// `input @ weightᵀ + bias` of floats.
#[derive(Clone, Debug)]
pub struct Linear {
    /// The name of the step that PyTorch has last.
    grad_name: &'static str,
}

impl Operation for Linear {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "linear"
    }
    fn grad_name(&self) -> &'static str {
        self.grad_name
    }
    fn multiply_adds(&self, inputs: &[&[usize]], _: &[&[usize]]) -> u64 {
        product_of(inputs[0]).saturating_mul(product_of(&inputs[1][..1]))
    }
    fn forward(&self, (x, weight, bias): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let out = product(rows_of(x)?.as_ref(), weight, (false, true), bias)?;
        match x.rank() {
            2 => Ok(out),
            _ => out.reshape(&out_shape(x, weight)),
        }
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        Saves::ONCE
            .input_if(call.needs(1), 0)
            .input_if(call.needs(0), 1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let rows = rows_of(grad)?;
        // Only who listens needs the products as operations.
        let mm = |a: &Tensor, b: &Tensor, turned| match saved.is_watched() {
            true => Product::mm(a, b, turned),
            false => product(a, b, turned, None),
        };
        Ok([
            saved.grad(0, || {
                let dx = mm(&rows, &saved.input(1)?, (false, false))?;
                match saved.shape(0) {
                    [_, _] => Ok(dx),
                    shape => dx.reshape(shape),
                }
            })?,
            saved.grad(1, || {
                mm(&rows, rows_of(&saved.input(0)?)?.as_ref(), (true, false))
            })?,
            saved.grad(2, || match saved.is_watched() {
                true => rows.sum_dim(0, false),
                false => Plan::new(&rows, &[true, false], false)?.sum(),
            })?,
        ])
    }
}

/// # A linear map
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
            let grad_name = match (self.rank(), bias) {
                (2, Some(_)) => "AddmmBackward0",
                (2, None) => "MmBackward0",
                _ => "UnsafeViewBackward0",
            };
            let op = Linear { grad_name };
            // Only matrices may have gaps.
            return match self.rank() {
                2 => apply(op, (self, weight, bias)),
                _ => apply(op, (&self.contiguous()?, weight, bias)),
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
        let flat = rows_of(self)?;
        let transposed = weight.t()?;
        let out = match bias {
            Some(bias) => bias.addmm(&flat, &transposed, 1.0, 1.0),
            None => flat.mm(&transposed),
        }
        .map_err(|error| hint_features(error, self.shape(), weight.shape()))?;
        if self.rank() == 2 {
            return Ok(out);
        }
        returned(&out, out_shape(self, weight))
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

/// What to do where the last dimension does not have the weight's features.
fn hint_features(error: Error, input: &[usize], weight: &[usize]) -> Error {
    if !matches!(error.kind(), ErrorKind::MatmulShape { .. }) {
        return error;
    }
    let wanted = weight[1];
    let sample: usize = input[1..].iter().product();
    error.with_hint(match input {
        [first, ..] if first * sample == wanted => {
            "the input is one sample: `.unsqueeze(0)?` before the network, or before `Flatten`, adds the batch dimension".to_string()
        }
        [_, _, _, ..] if sample == wanted => {
            "`Flatten::new()` before the linear layer, or `.flatten(1, -1)?`, makes one vector of each sample".to_string()
        }
        [_, _, _, _, ..] => format!(
            "`Flatten::new()` before the linear layer makes one vector of each sample; `in_features` is then {sample}, not {wanted}"
        ),
        _ => format!(
            "the layer's `in_features` is {wanted}, the input's last dimension has {}",
            input[input.len() - 1]
        ),
    })
}

fn out_shape(x: &Tensor, weight: &Tensor) -> Shape {
    let mut shape = x.shape_vec();
    if let Some(last) = shape.last_mut() {
        *last = weight.shape()[0];
    }
    shape
}

/// All dimensions but the last as the rows of a matrix.
fn rows_of(x: &Tensor) -> Result<Cow<'_, Tensor>> {
    let (cols, rows) = x.shape().split_last().unwrap_or((&1, &[]));
    Ok(match rows {
        [_] => Cow::Borrowed(x),
        rows => Cow::Owned(x.contiguous()?.reshape([rows.iter().product(), *cols])?),
    })
}
