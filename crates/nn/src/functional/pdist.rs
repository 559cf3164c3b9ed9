//! Distances of pairs of rows.

use pleach_core::{Result, Tensor};

/// The p-norms of the differences of every pair of rows of a matrix, the first row's pairs first:
/// [`Tensor::pdist`]. p is 2 as a rule.
///
/// Shapes: input `[n, k]`, result `[n * (n - 1) / 2]`.
///
/// # Errors
/// If the input is no matrix of floats, or p is negative.
///
/// ```
/// use pleach::{nn::functional as F, tensor};
/// let x = tensor![[0., 0.], [3., 4.], [0., 1.]];
/// assert_eq!(F::pdist(&x, 1.0)?.to_vec::<f32>()?, [7., 1., 6.]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn pdist(input: &Tensor, p: f64) -> Result<Tensor> {
    input.pdist(p)
}
