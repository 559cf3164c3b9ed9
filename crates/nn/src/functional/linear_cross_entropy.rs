//! Cross entropy of scores that a linear map computes.

use pleach_core::{Error, Result, Tensor};

use super::loss_options::loss_options;
use super::{CrossEntropyOptions, Reduction, cross_entropy, linear};
use crate::setters::{given, setters};

/// [`cross_entropy`] of `input · linear_weightᵀ + linear_bias`.
///
/// Shapes: input `[N, in]` or `[in]`; `linear_weight` `[C, d1, …, in]`, and `linear_bias` the same
/// without `in`; the scores are `[N, C, d1, …]` or `[C]`, and target and result as in
/// [`cross_entropy`] of those.
///
/// # Errors
/// If shapes do not fit, or as [`cross_entropy`].
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let (x, w) = (tensor![[1.0, 0.0]], tensor![[2.0, 5.0], [2.0, 1.0]]);
/// let loss = F::linear_cross_entropy(&x, &w, &tensor![0], Default::default())?;
/// assert_eq!(loss.item()?, 0.6931472f32 as f64); // both scores are 2
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn linear_cross_entropy(
    input: &Tensor,
    linear_weight: &Tensor,
    target: &Tensor,
    options: LinearCrossEntropyOptions<'_>,
) -> Result<Tensor> {
    let (x, w) = (input.shape(), linear_weight.shape());
    if x.is_empty() || x.len() > 2 {
        return Err(Error::shape(format!(
            "expected input with dimensionality 1 or 2, got {}",
            x.len()
        )));
    }
    let [classes, spatial @ .., features] = w else {
        return Err(Error::shape(format!(
            "expected linear_weight with dimensionality at least 2, got {}",
            w.len()
        )));
    };
    let (batch, given_features) = (&x[..x.len() - 1], x[x.len() - 1]);
    if given_features != *features {
        return Err(Error::shape(format!(
            "expected equal input and linear_weight last dimensions (in_features), got {given_features} and {features}, respectively"
        )));
    }
    let outputs = &w[..w.len() - 1];
    if let Some(bias) = options.linear_bias
        && bias.shape() != outputs
    {
        return Err(Error::shape(format!(
            "expected linear_bias shape {}, got {}",
            tuple_text(outputs),
            tuple_text(bias.shape())
        )));
    }
    if !spatial.is_empty() && batch.is_empty() {
        return Err(Error::shape(format!(
            "K-dimensional loss defined by linear_weight shape {} requires batched input, (N, {features}), got unbatched input with shape {}",
            tuple_text(w),
            tuple_text(x)
        )));
    }
    let scores_shape = [batch, &[*classes], spatial].concat();
    if target.shape() == scores_shape && options.ignore_index.is_some() {
        return Err(Error::value(
            "ignore_index cannot be specified when target contains probabilities",
        ));
    }
    let rows = pleach_core::checked_numel(outputs)?;
    let weight = linear_weight.reshape([rows, *features])?;
    let bias = options.linear_bias.map(|b| b.reshape([rows])).transpose()?;
    let scores = linear(input, &weight, bias.as_ref())?.reshape(&scores_shape[..])?;
    let given = CrossEntropyOptions::new()
        .weight(options.weight)
        .ignore_index(options.ignore_index.unwrap_or(-100))
        .reduction(options.reduction?)
        .label_smoothing(options.label_smoothing);
    cross_entropy(&scores, target, given)
}

/// Sizes as Python writes a tuple.
pub(crate) fn tuple_text(sizes: &[usize]) -> String {
    match sizes {
        [one] => format!("({one},)"),
        all => {
            let all: Vec<String> = all.iter().map(usize::to_string).collect();
            format!("({})", all.join(", "))
        }
    }
}

loss_options! {
    /// What [`linear_cross_entropy`] takes beside its tensors.
    LinearCrossEntropyOptions<'a> {
        weights {
            /// What is added to the scores.
            linear_bias;
            /// A weight for each class.
            weight;
        }
        values {
            /// The class that counts for nothing (by default -100, of targets that are classes).
            ignore_index: Option<i64> = None;
            /// How much of the target is spread over all classes (0 by default).
            label_smoothing: f64 = 0.0;
        }
    }
}
