//! Losses of an anchor, something like it and something unlike it.

use std::fmt;

use pleach_core::print::python_float;
use pleach_core::{Error, Result, Tensor};

use super::Reduction;
use super::loss_options::loss_options;
use super::pairwise_distance::{PairwiseDistanceOptions, pairwise_distance};
use crate::setters::{given, setters};

/// `max(0, d(anchor, positive) - d(anchor, negative) + margin)`, reduced, with
/// `d(x, y) = ‖x - y + eps‖ₚ` along the last dimension. With `swap` the negative's distance is that to
/// the positive, if it is smaller.
///
/// Shapes: all `[*, D]`, broadcast together; the result is 0-d, or `[*]` without reduction.
///
/// # Errors
/// If the numbers of dimensions differ, the shapes cannot be broadcast together, the margin is not
/// positive, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, TripletMarginLossOptions};
/// let (a, p, n) = (tensor![[0.0, 0.0]], tensor![[3.0, 4.0]], tensor![[0.0, 2.0]]);
/// let options = TripletMarginLossOptions::new().eps(0.0);
/// assert_eq!(F::triplet_margin_loss(&a, &p, &n, options)?.item()?, 4.0); // 5 - 2 + 1
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn triplet_margin_loss(
    anchor: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    options: TripletMarginLossOptions<'_>,
) -> Result<Tensor> {
    let norm = PairwiseDistanceOptions::new().p(options.p).eps(options.eps);
    let distance = |a: &Tensor, b: &Tensor| pairwise_distance(a, b, norm);
    let (margin, swap) = (options.margin, options.swap);
    with_distance(
        [anchor, positive, negative],
        &distance,
        margin,
        swap,
        options.reduction,
    )
}

/// [`triplet_margin_loss`] with a distance of one's own: by default the Euclidean one, with
/// `eps = 1e-6`.
///
/// # Errors
/// If the numbers of dimensions differ, the margin is not positive, or as the distance.
///
/// ```
/// use pleach::{Tensor, tensor};
/// use pleach::nn::functional::{self as F, TripletMarginWithDistanceLossOptions};
/// let (a, p, n) = (tensor![[0.0, 0.0]], tensor![[3.0, 4.0]], tensor![[0.0, 2.0]]);
/// let largest = |a: &Tensor, b: &Tensor| a.sub(b)?.abs()?.amax(1, false);
/// let options = TripletMarginWithDistanceLossOptions::new().distance_function(&largest);
/// let loss = F::triplet_margin_with_distance_loss(&a, &p, &n, options)?;
/// assert_eq!(loss.item()?, 3.0); // 4 - 2 + 1
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn triplet_margin_with_distance_loss(
    anchor: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    options: TripletMarginWithDistanceLossOptions<'_>,
) -> Result<Tensor> {
    let euclidean =
        |a: &Tensor, b: &Tensor| pairwise_distance(a, b, PairwiseDistanceOptions::new());
    let distance = options.distance_function.unwrap_or(&euclidean);
    let (margin, swap) = (options.margin, options.swap);
    with_distance(
        [anchor, positive, negative],
        distance,
        margin,
        swap,
        options.reduction,
    )
}

/// A distance between two tensors.
pub type Distance<'a> = dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + 'a;

fn with_distance(
    tensors: [&Tensor; 3],
    distance: &Distance<'_>,
    margin: f64,
    swap: bool,
    reduction: Result<Reduction>,
) -> Result<Tensor> {
    let reduction = reduction?;
    if margin.is_nan() || margin <= 0.0 {
        return Err(Error::value(format!(
            "margin must be greater than 0, got {}",
            python_float(margin)
        )));
    }
    let [anchor, positive, negative] = tensors;
    let [a, p, n] = tensors.map(Tensor::rank);
    if a != p || p != n {
        return Err(Error::shape(format!(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {a}D, positive {p}D, and negative {n}D inputs"
        )));
    }
    let near = distance(anchor, positive)?;
    let mut far = distance(anchor, negative)?;
    if swap {
        far = far.minimum(&distance(positive, negative)?)?;
    }
    let loss = near.add(margin)?.sub(&far)?.clamp(0.0, None)?;
    reduction.of(&loss)
}

loss_options! {
    /// What [`triplet_margin_loss`] takes beside its tensors.
    TripletMarginLossOptions<'a> {
        weights {}
        values {
            /// By how much the negative should be farther away (1 by default).
            margin: f64 = 1.0;
            /// The power of the norm (2 by default).
            p: f64 = 2.0;
            /// What is added to each difference (1e-6 by default).
            eps: f64 = 1e-6;
            /// Whether the distance from positive to negative counts, if it is smaller (no, by
            /// default).
            swap: bool = false;
        }
    }
}

/// What [`triplet_margin_with_distance_loss`] takes beside its tensors.
#[derive(Clone)]
#[must_use]
pub struct TripletMarginWithDistanceLossOptions<'a> {
    distance_function: Option<&'a Distance<'a>>,
    margin: f64,
    swap: bool,
    reduction: Result<Reduction>,
}

impl<'a> TripletMarginWithDistanceLossOptions<'a> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        TripletMarginWithDistanceLossOptions {
            distance_function: None,
            margin: 1.0,
            swap: false,
            reduction: Ok(Reduction::Mean),
        }
    }

    setters! {
        |options| options;
        /// The distance between two tensors (the Euclidean one, by default).
        distance_function: &'a Distance<'a> = Some(distance_function);
        /// By how much the negative should be farther away (1 by default).
        margin: f64 = margin;
        /// Whether the distance from positive to negative counts, if it is smaller (no, by default).
        swap: bool = swap;
        /// How the losses of single triplets become one: `"mean"` (the default), `"sum"` or `"none"`,
        /// or a [`Reduction`].
        reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
    }
}

impl Default for TripletMarginWithDistanceLossOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TripletMarginWithDistanceLossOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TripletMarginWithDistanceLossOptions")
            .field("margin", &self.margin)
            .field("swap", &self.swap)
            .field("reduction", &self.reduction)
            .finish_non_exhaustive()
    }
}
