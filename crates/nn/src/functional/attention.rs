//! Attention.

use pleach_core::{DType, Error, Result, Tensor};

use super::dropout;
use crate::setters::setters;

/// `softmax(query keyᵀ * scale + mask) value`, with dropout on the weights.
///
/// A query that sees no key gets zeros. What dropout draws is what PyTorch draws for the weights, in
/// memory order.
///
/// Shapes: query `[*, L, E]`, key `[*, S, E]`, value `[*, S, Ev]`, mask broadcastable to
/// `[*, L, S]`, result `[*, L, Ev]`; with `enable_gqa` query `[*, H, L, E]`, and key and value with
/// numbers of heads that divide H.
///
/// # Errors
/// If shapes or dtypes do not fit, or both a mask and `is_causal` are given.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, AttentionOptions};
/// let q = tensor![[1.0, 0.0], [0.0, 1.0]];
/// let v = tensor![[10.0], [20.0]];
/// let y = F::scaled_dot_product_attention(&q, &q, &v, AttentionOptions::new().is_causal(true))?;
/// assert_eq!(y.to_vec::<f32>()?[0], 10.0); // the first query sees the first key only
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn scaled_dot_product_attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: AttentionOptions<'_>,
) -> Result<Tensor> {
    let AttentionOptions {
        attn_mask,
        dropout_p,
        is_causal,
        scale,
        enable_gqa,
    } = options;
    check(query, key, value, attn_mask)?;
    if is_causal && attn_mask.is_some() {
        return Err(Error::value(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
        ));
    }
    let (shared_key, shared_value);
    let (key, value) = match enable_gqa {
        true => {
            let heads = query.size(-3)?;
            (shared_key, shared_value) = (for_heads(key, heads)?, for_heads(value, heads)?);
            (&shared_key, &shared_value)
        }
        false => (key, value),
    };
    let scale = scale.unwrap_or_else(|| 1.0 / (query.shape()[query.rank() - 1] as f64).sqrt());
    let mut scores = query.matmul(&key.transpose(-2, -1)?)?.mul(scale)?;
    let causal;
    let mask = if is_causal {
        let (l, s) = (query.shape()[query.rank() - 2], key.shape()[key.rank() - 2]);
        causal = Tensor::try_ones_of([l, s], DType::Bool)?.tril(0)?;
        Some(&causal)
    } else {
        attn_mask
    };
    if let Some(mask) = mask {
        scores = match mask.dtype() {
            DType::Bool => scores.masked_fill(&mask.logical_not()?, f64::NEG_INFINITY)?,
            _ => scores.add(mask.to_dtype(query.dtype())?)?,
        };
    }
    let mut weights = match mask {
        None => scores.softmax(-1)?,
        Some(_) => {
            // A row of nothing but -inf would be 0/0.
            let blind = scores.detach().eq(f64::NEG_INFINITY)?.all_dim(-1, true)?;
            let blind = blind.broadcast_to(scores.shape())?;
            scores
                .masked_fill(&blind, 0.0)?
                .softmax(-1)?
                .masked_fill(&blind, 0.0)?
        }
    };
    if dropout_p > 0.0 {
        weights = dropout(&weights, dropout_p, true)?;
    }
    weights.matmul(value)
}

/// PyTorch's refusals.
fn check(query: &Tensor, key: &Tensor, value: &Tensor, mask: Option<&Tensor>) -> Result<()> {
    let [q, k, v] = [query, key, value].map(Tensor::dtype);
    if q != k || q != v {
        let other = if q != k { k } else { v };
        let [q_name, k_name, v_name] = [q, k, v].map(DType::c_name);
        return Err(Error::dtype(format!(
            "Expected query, key, and value to have the same dtype, but got query.dtype: {q_name} key.dtype: {k_name} and value.dtype: {v_name} instead."
        ))
        .hint_common(other, q));
    }
    let ranks = [query, key, value].map(Tensor::rank);
    if let [q, k, v] = ranks
        && ranks.iter().any(|rank| *rank < 2)
    {
        return Err(Error::shape(format!(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {q} key.dim: {k} and value.dim: {v} instead."
        )));
    }
    match mask.map(Tensor::dtype) {
        Some(found) if found != q && !matches!(found, DType::Bool | DType::F32) => {
            Err(Error::dtype(format!(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {} and  query.dtype: {} instead.",
                found.c_name(),
                q.c_name()
            ))
            .hint_conversion(found, q))
        }
        _ => Ok(()),
    }
}

/// A key or value whose heads are shared by several of the query's, for each of those.
fn for_heads(t: &Tensor, heads: usize) -> Result<Tensor> {
    let own = t.size(-3)?;
    if own == heads {
        return Ok(t.clone());
    }
    if own == 0 || !heads.is_multiple_of(own) {
        return Err(Error::shape(
            "Number of heads in key and value must divide the number of heads in query",
        ));
    }
    let (lead, rest) = t.shape().split_at(t.rank() - 2);
    let several = [lead, &[heads / own], rest].concat();
    let mut sizes = t.shape().to_vec();
    sizes[lead.len() - 1] = heads;
    t.unsqueeze(-3)?.expand(&several[..])?.reshape(&sizes[..])
}

/// What [`scaled_dot_product_attention`] takes beside its tensors.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct AttentionOptions<'a> {
    attn_mask: Option<&'a Tensor>,
    dropout_p: f64,
    is_causal: bool,
    scale: Option<f64>,
    enable_gqa: bool,
}

impl<'a> AttentionOptions<'a> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        AttentionOptions {
            attn_mask: None,
            dropout_p: 0.0,
            is_causal: false,
            scale: None,
            enable_gqa: false,
        }
    }

    setters! {
        |options| options;
        /// What is added to the scores, of the query's dtype or f32, or, if bool, says which pairs take
        /// part (true); none by default.
        attn_mask: impl Into<Option<&'a Tensor>> = attn_mask.into();
        /// The probability that a weight becomes zero (0 by default), in evaluation too.
        dropout_p: f64 = dropout_p;
        /// Whether a query sees only the keys up to its own position (no, by default).
        is_causal: bool = is_causal;
        /// What the scores are multiplied by (`1/√E` by default).
        scale: impl Into<Option<f64>> = scale.into();
        /// Whether several heads of the query may share one of key and value (no, by default): grouped
        /// query attention.
        enable_gqa: bool = enable_gqa;
    }
}

impl Default for AttentionOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;
    use pleach_core::tensor;

    fn data(shape: &[usize], seed: usize) -> Tensor {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = (0..n)
            .map(|i| ((i * 5 + seed) % 13) as f64 * 0.2 - 1.1)
            .collect();
        Tensor::from_vec(values, shape).unwrap()
    }

    #[test]
    fn gradients_are_right_with_every_kind_of_mask() {
        let inputs = [
            data(&[2, 3, 4], 1),
            data(&[2, 2, 4], 3),
            data(&[2, 2, 3], 6),
        ];
        let keep = tensor![[true, false], [true, true], [false, false]];
        let run = |mask: Option<&Tensor>, causal: bool, scale: Option<f64>| {
            gradcheck(
                |x| {
                    let options = AttentionOptions::new().attn_mask(mask).is_causal(causal);
                    scaled_dot_product_attention(&x[0], &x[1], &x[2], options.scale(scale))
                },
                &inputs,
            )
            .unwrap();
        };
        run(None, false, None);
        run(None, true, Some(0.3));
        run(Some(&keep), false, None);
        run(Some(&data(&[3, 2], 2)), false, None);
    }

    #[test]
    fn a_query_that_sees_nothing_gets_zeros() {
        let x = data(&[2, 4], 1);
        let keep = tensor![[true, true], [false, false]];
        let options = AttentionOptions::new().attn_mask(&keep);
        let y = scaled_dot_product_attention(&x, &x, &x, options).unwrap();
        assert_eq!(y.index(1).unwrap().to_vec::<f64>().unwrap(), [0.0; 4]);
        assert!(scaled_dot_product_attention(&x, &x, &x, options.is_causal(true)).is_err());
    }
}
