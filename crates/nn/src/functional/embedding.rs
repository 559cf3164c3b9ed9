//! Rows of a table by number.

use pleach_core::autograd::{Attributes, Call, GradsOf, Operation, Own, Saved, Saves, apply};
use pleach_core::{DType, Error, Result, Tensor};

/// The rows of `weight` that `input` numbers. The row `padding_idx` (negative counts from the end)
/// gets no gradient.
///
/// Shapes: input `[*]` of i64 or i32, weight `[num_embeddings, embedding_dim]`, result
/// `[*, embedding_dim]`.
///
/// # Errors
/// If the numbers are not integers or there is no such row.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let table = tensor![[1.0, 2.0], [3.0, 4.0]];
/// let y = F::embedding(&tensor![1, 0, 1], &table, None)?;
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn embedding(
    input: &Tensor,
    weight: &Tensor,
    padding_idx: impl Into<Option<i64>>,
) -> Result<Tensor> {
    if !matches!(input.dtype(), DType::I64 | DType::I32) {
        return Err(Error::dtype(format!(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.{}Tensor instead (while checking arguments for embedding)",
            input.dtype().torch_name()
        ))
        .hint_conversion(input.dtype(), DType::I64));
    }
    if weight.rank() != 2 {
        return Err(Error::shape("'weight' must be 2-D"));
    }
    let rows = weight.shape()[0];
    let is_row = |i: &i64| (0..rows as i64).contains(i);
    let padding_idx = match padding_idx.into() {
        None => None,
        Some(i) if is_row(&i) => Some(i),
        Some(i) if i < 0 && is_row(&(i + rows as i64)) => Some(i + rows as i64),
        Some(_) => return Err(Error::value("Padding_idx must be within num_embeddings")),
    };
    let indices = input.long()?;
    if !indices.to_vec::<i64>()?.iter().all(is_row) {
        return Err(Error::index("index out of range in self"));
    }
    apply(Embedding { padding_idx }, (weight, &indices))
}

/// Rows of the first input, of which the second has the numbers.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// The row that gets no gradient.
    padding_idx: Option<i64>,
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
        Saves::NONE.input(1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let at = saved.input(1)?.reshape([-1i64])?;
        let rows = grad.reshape([at.numel(), saved.shape(0)[1]])?;
        let zeros = Tensor::try_zeros_of(saved.shape(0), grad.dtype())?;
        let mut sums = zeros.index_add(0, &at, &rows)?;
        if let Some(row) = self.padding_idx {
            sums.index_put_(row, 0.0)?;
        }
        Ok([Some(sums), None])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;
    use pleach_core::tensor;

    fn table() -> Tensor {
        tensor![[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
            .double()
            .unwrap()
    }

    #[test]
    fn repeated_rows_add_up_and_the_padding_row_gets_nothing() {
        gradcheck(
            |x| embedding(&tensor![[2, 0], [2, 2]], &x[0], None),
            &[table()],
        )
        .unwrap();
        for padding in [2, -1] {
            let weight = table().requires_grad_(true).unwrap();
            let y = embedding(&tensor![0, 2, 0], &weight, padding).unwrap();
            assert_eq!(y.grad_fn(), Some("EmbeddingBackward0"));
            assert_eq!(y.to_vec::<f64>().unwrap()[2..4], [0.5, 0.6f32 as f64]);
            y.sum().unwrap().backward().unwrap();
            let grad = weight.grad().unwrap().to_vec::<f64>().unwrap();
            assert_eq!(grad, [2.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
        }
    }

    #[test]
    fn what_pytorch_refuses_is_refused() {
        let text = |ids: Tensor| {
            embedding(&ids, &table(), None)
                .unwrap_err()
                .kind()
                .to_string()
        };
        assert_eq!(text(tensor![1, 3]), "index out of range in self");
        assert_eq!(text(tensor![-1]), "index out of range in self");
        assert_eq!(
            text(tensor![1.0]),
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.FloatTensor instead (while checking arguments for embedding)"
        );
        assert!(embedding(&tensor![0], &table(), 3).is_err());
    }
}
