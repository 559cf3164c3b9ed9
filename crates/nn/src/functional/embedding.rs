//! Rows of a table by number.

use pleach_core::autograd::{Attributes, Call, GradsOf, Operation, Own, Saved, Saves, apply};
use pleach_core::{DType, Error, Result, Target, Tensor};

use super::layer_norm::computed_in;
use super::row_sums::{RowSums, Rows, inverse_frequencies};
use crate::setters::setters;

/// The rows of `weight` that `input` numbers.
///
/// PyTorch's `max_norm` changes the weight in place before: [`embedding_renorm_`]. Its `sparse` does
/// not exist, since there are no sparse tensors: the gradient is dense.
///
/// Shapes: input `[*]` of i64 or i32, weight `[num_embeddings, embedding_dim]`, result
/// `[*, embedding_dim]`.
///
/// # Errors
/// If the numbers are not integers or there is no such row.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, EmbeddingOptions};
/// let table = tensor![[1.0, 2.0], [3.0, 4.0]].requires_grad_(true)?;
/// let y = F::embedding(&tensor![1, 0, 1], &table, EmbeddingOptions::new().padding_idx(0))?;
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
/// y.sum()?.backward()?;
/// assert_eq!(table.grad().unwrap().to_vec::<f32>()?, [0.0, 0.0, 2.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn embedding(input: &Tensor, weight: &Tensor, options: EmbeddingOptions) -> Result<Tensor> {
    check_indices("embedding", "#1", input)?;
    if weight.rank() != 2 {
        return Err(Error::shape("'weight' must be 2-D"));
    }
    let rows = weight.shape()[0];
    let padding_idx = check_padding(options.padding_idx, rows)
        .ok_or_else(|| Error::value("Padding_idx must be within num_embeddings"))?;
    let numbers = row_numbers(input, rows, |_| Error::index("index out of range in self"))?;
    let op = Embedding {
        rows: numbers.into(),
        padding_idx,
        scale_grad_by_freq: options.scale_grad_by_freq,
    };
    apply(op, (weight, input))
}

/// What [`embedding`] takes beside its tensors.
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub struct EmbeddingOptions {
    padding_idx: Option<i64>,
    scale_grad_by_freq: bool,
}

impl EmbeddingOptions {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        |options| options;
        /// The row that gets no gradient (none by default); a negative one counts from the end.
        padding_idx: impl Into<Option<i64>> = padding_idx.into();
        /// Whether a row's gradient is divided by how often it is numbered (no, by default).
        scale_grad_by_freq: bool = scale_grad_by_freq;
    }
}

/// Scales those rows of a table that `input` numbers and whose norm is above `max_norm` down to it:
/// PyTorch's `embedding_renorm_`, and the option `max_norm` of its `embedding`. Nothing is recorded.
///
/// # Errors
/// If the table is not two-dimensional or not of floats, the numbers are not integers, or there is no
/// such row.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let mut table = tensor![[3.0, 4.0], [30.0, 40.0]];
/// F::embedding_renorm_(&mut table, &tensor![0, 0], 1.0, 2.0)?;
/// assert!(table.allclose(&tensor![[0.6, 0.8], [30.0, 40.0]], 1e-6, 0.0)?);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn embedding_renorm_<W: Target>(
    weight: W,
    input: &Tensor,
    max_norm: f64,
    norm_type: f64,
) -> Result<W> {
    weight.change_values(|weight| renorm(weight, input, max_norm, norm_type))
}

fn renorm(weight: &mut Tensor, input: &Tensor, max_norm: f64, norm_type: f64) -> Result<()> {
    check_indices("embedding_renorm_", "#2", input)?;
    let &[rows, _] = weight.shape() else {
        return Err(Error::shape(format!(
            "Expected 2-dimensional tensor, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for embedding_renorm_)",
            weight.rank()
        )));
    };
    let sizes = weight.shape().to_vec();
    let outside = |number: i64| {
        Error::index(format!(
            "select(): index {number} out of range for tensor of size {:?} at dimension 0",
            sizes
        ))
    };
    let mut numbers = row_numbers(input, rows, outside)?;
    numbers.sort_unstable();
    numbers.dedup();
    let numbers: Vec<i64> = numbers.into_iter().map(|row| row as i64).collect();
    let numbers = Tensor::from_vec(numbers.clone(), [numbers.len()])?;
    let chosen = weight.index_select(0, &numbers)?;
    let chosen = chosen.to_dtype(computed_in(chosen.dtype()))?;
    let norms = chosen.norm_dim(norm_type, 1, true)?;
    let scaled = chosen.mul(&norms.add(1e-7)?.reciprocal()?.mul(max_norm)?)?;
    let chosen = Tensor::where_cond(&norms.gt(max_norm)?, &scaled, &chosen)?;
    weight.index_put_(&numbers, &chosen.to_dtype(weight.dtype())?)?;
    Ok(())
}

/// PyTorch's refusal of what is no number of a row.
pub(super) fn check_indices(op: &str, argument: &str, input: &Tensor) -> Result<()> {
    match input.dtype() {
        DType::I64 | DType::I32 => Ok(()),
        dtype => Err(Error::dtype(format!(
            "Expected tensor for argument {argument} 'indices' to have one of the following scalar types: Long, Int; but got torch.{}Tensor instead (while checking arguments for {op})",
            dtype.torch_name()
        ))
        .hint_conversion(dtype, DType::I64)),
    }
}

/// The row that is padding, counted from the start; `None` if there is no such row.
pub(crate) fn check_padding(padding_idx: Option<i64>, rows: usize) -> Option<Option<usize>> {
    let Some(given) = padding_idx else {
        return Some(None);
    };
    let from_end = if given < 0 {
        i64::try_from(rows).ok()?
    } else {
        0
    };
    let row = usize::try_from(given.checked_add(from_end)?).ok()?;
    (row < rows).then_some(Some(row))
}

/// The numbers of an integer tensor, all below `rows`; the first that is not is an error.
pub(super) fn row_numbers(
    input: &Tensor,
    rows: usize,
    outside: impl Fn(i64) -> Error,
) -> Result<Vec<usize>> {
    let numbers = input.detach().long()?.contiguous()?;
    let numbers = numbers.as_slice::<i64>()?.iter();
    let row = |&number: &i64| match usize::try_from(number) {
        Ok(row) if row < rows => Ok(row),
        _ => Err(outside(number)),
    };
    numbers.map(row).collect()
}

/// Rows of the first input, of which the second has the numbers.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// The numbers.
    rows: Rows,
    /// The row that gets no gradient.
    padding_idx: Option<usize>,
    /// Whether a row's gradient is divided by how often it is numbered.
    scale_grad_by_freq: bool,
}

impl Operation for Embedding {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "embedding"
    }
    fn grad_name(&self) -> &'static str {
        "EmbeddingBackward0"
    }
    fn attributes(&self) -> Attributes {
        let padding = self.padding_idx.map(|i| ("padding_idx", i.into()));
        padding.into_iter().collect()
    }
    fn forward(&self, (weight, indices): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let shape = [indices.shape(), &weight.shape()[1..]].concat();
        let rows = weight.index_select(0, &indices.reshape([-1i64])?)?;
        rows.reshape(&shape[..])
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::ONCE
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let &[rows, width] = saved.shape(0) else {
            unreachable!("the weight was found to be two-dimensional");
        };
        let is_padding = |i: &usize| Some(self.rows[*i]) == self.padding_idx;
        let from = (0..self.rows.len()).filter(|i| !is_padding(i));
        let (from, to): (Rows, Rows) = match self.padding_idx {
            None => (from.collect(), self.rows.clone()),
            Some(_) => (from.clone().collect(), from.map(|i| self.rows[i]).collect()),
        };
        let scales = self.scale_grad_by_freq.then(|| inverse_frequencies(&to));
        let op = RowSums {
            names: ("embedding_backward", "EmbeddingBackward0"),
            from,
            to,
            rows,
            scales,
            grad_scales: None,
        };
        let grad = grad.reshape([self.rows.len(), width])?;
        Ok([Some(apply(op, (&grad, None))?), None])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::tensor;

    #[test]
    fn what_is_no_row_number_is_refused_with_pytorchs_text() {
        let table = Tensor::zeros([3, 2]);
        let text = |input: &Tensor, padding: Option<i64>| {
            let options = EmbeddingOptions::new().padding_idx(padding);
            embedding(input, &table, options).unwrap_err().to_string()
        };
        for bad in [tensor![3], tensor![-1]] {
            assert_eq!(text(&bad, None), "index out of range in self");
        }
        assert!(text(&tensor![1.0], None).starts_with(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.FloatTensor"
        ));
        for padding in [3, -4, i64::MIN, i64::MAX] {
            assert_eq!(
                text(&tensor![0], Some(padding)),
                "Padding_idx must be within num_embeddings"
            );
        }
    }
}
