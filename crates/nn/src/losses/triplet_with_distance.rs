//! [`TripletMarginWithDistanceLoss`].

use std::sync::Arc;

use pleach_core::{Error, Result, Tensor};

use super::Reduction;
use super::margin::check_margin;
use crate::functional::{self, TripletMarginWithDistanceLossOptions};
use crate::layers::PairwiseDistance;
use crate::setters::{given, setters};
use crate::{ForwardMany, Module, Node};

/// `max(0, d(anchor, positive) - d(anchor, negative) + margin)` with a distance d of one's own,
/// reduced: [`functional::triplet_margin_with_distance_loss`].
///
/// Shapes: those of the distance, by default all three `[N, D]` or `[D]`; the loss is 0-d, or without
/// reduction what the distance returns.
///
/// ```
/// use pleach::{Tensor, tensor};
/// use pleach::nn::{ForwardMany, losses::TripletMarginWithDistanceLoss};
/// let (a, p, n) = (tensor![[0.0, 0.0]], tensor![[3.0, 4.0]], tensor![[0.0, 2.0]]);
/// let largest = |a: &Tensor, b: &Tensor| a.sub(b)?.abs()?.amax(1, false);
/// let loss = TripletMarginWithDistanceLoss::builder().distance_function(largest).build()?;
/// assert_eq!(loss.call((&a, &p, &n))?.item()?, 3.0); // 4 - 2 + 1
/// assert_eq!(loss.to_string(), "TripletMarginWithDistanceLoss()");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct TripletMarginWithDistanceLoss {
    node: Node,
    /// What prints where there is no other distance.
    distance_function: Option<PairwiseDistance>,
    #[module(skip)]
    own_distance: Option<OwnDistance>,
    /// By how much the negative should be farther away.
    pub margin: f64,
    /// Whether the distance from positive to negative counts, if it is smaller.
    pub swap: bool,
    /// How the losses of single triplets become one.
    #[module(skip)]
    pub reduction: Reduction,
}

type OwnDistance = Arc<dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync>;

impl TripletMarginWithDistanceLoss {
    /// The mean loss of Euclidean distances, with margin 1.
    pub fn new() -> Self {
        Self::builder().unchecked(Reduction::Mean)
    }

    /// A loss with options.
    pub fn builder() -> TripletMarginWithDistanceLossBuilder {
        TripletMarginWithDistanceLossBuilder {
            distance_function: None,
            margin: 1.0,
            swap: false,
            reduction: Ok(Reduction::Mean),
        }
    }
}

impl Default for TripletMarginWithDistanceLoss {
    fn default() -> Self {
        Self::new()
    }
}

impl ForwardMany for TripletMarginWithDistanceLoss {
    type Arguments<'a> = (&'a Tensor, &'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (anchor, positive, negative): Self::Arguments<'_>) -> Result<Tensor> {
        let options = TripletMarginWithDistanceLossOptions::new()
            .margin(self.margin)
            .swap(self.swap)
            .reduction(self.reduction);
        let options = match &self.own_distance {
            Some(distance) => options.distance_function(&**distance),
            None => options,
        };
        functional::triplet_margin_with_distance_loss(anchor, positive, negative, options)
    }
}

/// Options of a [`TripletMarginWithDistanceLoss`].
#[derive(Clone)]
#[must_use]
pub struct TripletMarginWithDistanceLossBuilder {
    distance_function: Option<OwnDistance>,
    margin: f64,
    swap: bool,
    reduction: Result<Reduction>,
}

impl TripletMarginWithDistanceLossBuilder {
    setters! {
        |builder| builder;
        /// The distance between two tensors (the Euclidean one, by default).
        distance_function: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static = Some(Arc::new(distance_function));
        /// By how much the negative should be farther away (1 by default).
        margin: f64 = margin;
        /// Whether the distance from positive to negative counts, if it is smaller (no, by default).
        swap: bool = swap;
        /// How the losses of single triplets become one: `"mean"` (the default), `"sum"` or `"none"`,
        /// or a [`Reduction`].
        reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
    }

    /// Builds the loss.
    ///
    /// # Errors
    /// If a string is unknown, or the margin is not positive.
    pub fn build(self) -> Result<TripletMarginWithDistanceLoss> {
        check_margin("TripletMarginWithDistanceLoss", self.margin)?;
        let reduction = self.reduction.clone()?;
        Ok(self.unchecked(reduction))
    }

    fn unchecked(self, reduction: Reduction) -> TripletMarginWithDistanceLoss {
        let euclidean = self.distance_function.is_none();
        TripletMarginWithDistanceLoss {
            node: Node::new(),
            distance_function: euclidean.then(PairwiseDistance::new),
            own_distance: self.distance_function,
            margin: self.margin,
            swap: self.swap,
            reduction,
        }
    }
}
