//! The distance between vectors.

use pleach_core::{Result, Tensor};

/// `‖x₁ - x₂ + eps‖ₚ` along the last dimension of two tensors that are broadcast together.
///
/// Shapes: inputs `[*, D]`, result `[*]`, or `[*, 1]` with `keepdim`; of two numbers their distance.
///
/// # Errors
/// If the shapes cannot be broadcast together, or p is negative or infinite and there is no element.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, PairwiseDistanceOptions};
/// let (x, y) = (tensor![[1.0, 2.0]], tensor![[4.0, -2.0]]);
/// let options = PairwiseDistanceOptions::new().eps(0.0);
/// assert_eq!(F::pairwise_distance(&x, &y, options)?.to_vec::<f32>()?, [5.0]);
/// assert_eq!(F::pairwise_distance(&x, &y, options.p(1.0))?.to_vec::<f32>()?, [7.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn pairwise_distance(
    x1: &Tensor,
    x2: &Tensor,
    options: PairwiseDistanceOptions,
) -> Result<Tensor> {
    let PairwiseDistanceOptions { p, eps, keepdim } = options;
    let difference = x1.sub(x2)?.add(eps)?;
    match difference.rank() {
        0 => difference.abs(),
        _ => difference.norm_dim(p, -1, keepdim),
    }
}

/// What [`pairwise_distance`] takes beside its tensors.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct PairwiseDistanceOptions {
    pub(crate) p: f64,
    pub(crate) eps: f64,
    pub(crate) keepdim: bool,
}

impl PairwiseDistanceOptions {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        PairwiseDistanceOptions {
            p: 2.0,
            eps: 1e-6,
            keepdim: false,
        }
    }

    pairwise_distance_setters!(|options| options);
}

impl Default for PairwiseDistanceOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The setters of the options, which are those of the layer's builder.
macro_rules! pairwise_distance_setters {
    (|$this:ident| $place:expr) => {
        $crate::setters::setters! {
            |$this| $place;
            /// The norm's exponent (2 by default): 0, infinite and negative ones too.
            p: f64 = p;
            /// What is added to every difference (1e-6 by default).
            eps: f64 = eps;
            /// Whether the last dimension stays, with size 1 (no, by default).
            keepdim: bool = keepdim;
        }
    };
}
pub(crate) use pairwise_distance_setters;
