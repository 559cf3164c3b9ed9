//! [`CosineSimilarity`] and [`PairwiseDistance`].

use pleach_core::{Result, Tensor};

use crate::functional::{self, PairwiseDistanceOptions, pairwise_distance_setters};
use crate::setters::setters;
use crate::{ForwardMany, Module, Node};

/// The cosine of the angle between vectors: `x₁ · x₂ / (max(‖x₁‖, eps) max(‖x₂‖, eps))` along a dimension
/// of two inputs that are broadcast together.
///
/// Shapes: inputs `[*, D, *]`, where D is at `dim`; output without that dimension.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{ForwardMany, layers::CosineSimilarity};
///
/// let x = tensor![[3.0, 4.0], [1.0, 0.0]];
/// let y = CosineSimilarity::new().call((&x, &tensor![[4.0, -3.0], [-2.0, 0.0]]))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, -1.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct CosineSimilarity {
    node: Node,
    /// The dimension of the vectors.
    pub dim: i64,
    /// The smallest norm that is divided by.
    pub eps: f64,
}

impl CosineSimilarity {
    /// PyTorch's defaults: dimension 1, eps 1e-8.
    pub fn new() -> Self {
        CosineSimilarity {
            node: Node::new(),
            dim: 1,
            eps: 1e-8,
        }
    }

    /// A layer with options.
    pub fn builder() -> CosineSimilarityBuilder {
        CosineSimilarityBuilder { dim: 1, eps: 1e-8 }
    }
}

impl Default for CosineSimilarity {
    fn default() -> Self {
        Self::new()
    }
}

impl ForwardMany for CosineSimilarity {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (x1, x2): Self::Arguments<'_>) -> Result<Tensor> {
        functional::cosine_similarity(x1, x2, self.dim, self.eps)
    }
}

/// Options of a [`CosineSimilarity`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CosineSimilarityBuilder {
    dim: i64,
    eps: f64,
}

impl CosineSimilarityBuilder {
    setters! {
        |builder| builder;
        /// The dimension of the vectors (1 by default).
        dim: i64 = dim;
        /// The smallest norm that is divided by (1e-8 by default).
        eps: f64 = eps;
    }

    /// Builds the layer. As in PyTorch, the dimension is checked by `forward`.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<CosineSimilarity> {
        Ok(CosineSimilarity {
            node: Node::new(),
            dim: self.dim,
            eps: self.eps,
        })
    }
}

/// The distance between vectors: `‖x₁ - x₂ + eps‖ₚ` along the last dimension of two inputs that are
/// broadcast together.
///
/// Shapes: inputs `[*, D]`, output `[*]`, or `[*, 1]` with `keepdim`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{ForwardMany, layers::PairwiseDistance};
///
/// let layer = PairwiseDistance::builder().eps(0.0).keepdim(true).build()?;
/// let y = layer.call((&tensor![[1.0, 2.0]], &tensor![[4.0, -2.0]]))?;
/// assert_eq!((y.shape(), y.item()?), (&[1, 1][..], 5.0));
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct PairwiseDistance {
    node: Node,
    /// The norm's exponent.
    pub p: f64,
    /// What is added to every difference.
    pub eps: f64,
    /// Whether the last dimension stays, with size 1.
    pub keepdim: bool,
}

impl PairwiseDistance {
    /// PyTorch's defaults: the Euclidean distance, eps 1e-6, without the last dimension.
    pub fn new() -> Self {
        Self::builder().unchecked()
    }

    /// A layer with options.
    pub fn builder() -> PairwiseDistanceBuilder {
        PairwiseDistanceBuilder(PairwiseDistanceOptions::new())
    }
}

impl Default for PairwiseDistance {
    fn default() -> Self {
        Self::new()
    }
}

impl ForwardMany for PairwiseDistance {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (x1, x2): Self::Arguments<'_>) -> Result<Tensor> {
        let options = PairwiseDistanceOptions::new().p(self.p).eps(self.eps);
        functional::pairwise_distance(x1, x2, options.keepdim(self.keepdim))
    }
}

/// Options of a [`PairwiseDistance`].
#[derive(Debug, Clone)]
#[must_use]
pub struct PairwiseDistanceBuilder(PairwiseDistanceOptions);

impl PairwiseDistanceBuilder {
    pairwise_distance_setters!(|builder| builder.0);

    /// Builds the layer.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<PairwiseDistance> {
        Ok(self.unchecked())
    }

    fn unchecked(self) -> PairwiseDistance {
        PairwiseDistance {
            node: Node::new(),
            p: self.0.p,
            eps: self.0.eps,
            keepdim: self.0.keepdim,
        }
    }
}
