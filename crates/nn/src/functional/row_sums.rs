//! Sums of rows by their numbers.

use std::collections::HashMap;
use std::sync::Arc;

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{Result, Tensor, checked_numel};
use pleach_kernels::{Buffer, Float, RowPairs, sum_rows};

use super::layer_norm::computed_in;

/// Numbers of rows.
pub(super) type Rows = Arc<[usize]>;

/// Row `from[i]` of the first input is added to row `to[i]` of the result, times `scales[i]` if there are
/// scales, and times element `i` of the second input if that is given.
///
/// The gradient of the first input is the same with `from` and `to` exchanged.
#[derive(Clone, Debug)]
pub struct RowSums {
    /// PyTorch's names, of the operation and of its backward step.
    pub(super) names: (&'static str, &'static str),
    /// The rows that are added.
    pub(super) from: Rows,
    /// Where they are added.
    pub(super) to: Rows,
    /// The rows of the result.
    pub(super) rows: usize,
    /// What they are multiplied with, without a gradient.
    pub(super) scales: Option<Arc<[f64]>>,
    /// What the gradient of the first input is multiplied with beside, which PyTorch has as an option.
    pub(super) grad_scales: Option<Arc<[f64]>>,
}

impl Operation for RowSums {
    type Inputs<'a> = (&'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        self.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.names.1
    }
    fn attributes(&self) -> Attributes {
        vec![("rows", self.rows.into())]
    }
    fn forward(&self, (x, factors): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let width = x.shape()[1];
        dispatch_float!(self.name(), x.dtype(), T => {
            let mut out = Buffer::<T>::try_new(checked_numel(&[self.rows, width])?)?;
            let mut products = Vec::new();
            let given = factors.map(Tensor::as_slice::<T>).transpose()?;
            let factors = match (&self.scales, given) {
                (None, given) => given,
                (Some(scales), given) => {
                    products.extend(scales.iter().enumerate().map(|(i, scale)| {
                        let scale = T::from_f64(*scale);
                        given.map_or(scale, |factors| scale * factors[i])
                    }));
                    Some(&products[..])
                }
            };
            let pairs = RowPairs { from: &self.from, to: &self.to, factors };
            sum_rows(x.as_slice()?, width, pairs, &mut out);
            Ok(Tensor::from_buffer(out, [self.rows, width]))
        })
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        Saves::NONE
            .input_if(call.needs(1), 0)
            .input_if(call.needs(0), 1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let dx = saved.grad(0, || {
            let back = RowSums {
                names: ("row_sums", "EmbeddingBagBackward0"),
                from: self.to.clone(),
                to: self.from.clone(),
                rows: saved.shape(0)[0],
                scales: product(&self.scales, &self.grad_scales),
                grad_scales: None,
            };
            apply(back, (grad, saved.optional(1).as_ref()))
        })?;
        let factors = saved.grad(1, || {
            let rows = |t: &Tensor, rows: &Rows| {
                let numbers = rows.iter().map(|row| *row as i64).collect();
                t.index_select(0, &Tensor::from_vec(numbers, [rows.len()])?)
            };
            let product = rows(grad, &self.to)?.mul(&rows(&saved.input(0)?, &self.from)?)?;
            let product = product.to_dtype(computed_in(product.dtype()))?;
            let sums = product.sum_dim(1, false)?;
            match &self.scales {
                None => Ok(sums),
                Some(scales) => sums.mul(&Tensor::from_vec(scales.to_vec(), [scales.len()])?),
            }
        })?;
        Ok([dx, factors])
    }
}

/// The products of factors that may be absent.
fn product(a: &Option<Arc<[f64]>>, b: &Option<Arc<[f64]>>) -> Option<Arc<[f64]>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.iter().zip(&**b).map(|(a, b)| a * b).collect()),
        (a, b) => a.as_ref().or(b.as_ref()).cloned(),
    }
}

/// For each row number `1 / how often it appears`.
pub(super) fn inverse_frequencies(rows: &[usize]) -> Arc<[f64]> {
    let mut times = HashMap::new();
    for row in rows {
        *times.entry(row).or_insert(0.0) += 1.0;
    }
    rows.iter().map(|row| 1.0 / times[row]).collect()
}
