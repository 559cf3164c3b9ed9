//! [`LocalResponseNorm`].

use pleach_core::print::python_float;
use pleach_core::{Result, Scalar, Tensor};

use crate::setters::setters;
use crate::{Forward, Module, Node, functional};

/// Local response normalisation (Krizhevsky et al. 2012): each element is divided by what its
/// neighbouring channels have at the same position:
///
/// ```text
/// y = x / (k + alpha · mean of x² over size channels)^beta
/// ```
///
/// Channels that are not there count as 0. Shapes: input and output `[N, C, *]`, with at least one
/// dimension after the channels.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::LocalResponseNorm};
///
/// let norm = LocalResponseNorm::builder(2).alpha(2).beta(0.5).k(0).build()?;
/// assert_eq!(norm.call(&tensor![[[3.0], [4.0]]])?.to_vec::<f32>()?, [1.0, 0.8]);
/// let plain = LocalResponseNorm::new(2);
/// assert_eq!(plain.to_string(), "LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct LocalResponseNorm {
    node: Node,
    /// The number of channels that count.
    pub size: usize,
    /// What the mean of the squares is multiplied with.
    pub alpha: Scalar,
    /// The exponent.
    pub beta: Scalar,
    /// What is added.
    pub k: Scalar,
}

impl LocalResponseNorm {
    /// A layer with PyTorch's defaults: alpha 1e-4, beta 0.75, k 1.
    pub fn new(size: usize) -> Self {
        Self::builder(size).unchecked()
    }

    /// A layer with options.
    pub fn builder(size: usize) -> LocalResponseNormBuilder {
        LocalResponseNormBuilder {
            size,
            alpha: Scalar::Float(1e-4),
            beta: Scalar::Float(0.75),
            k: Scalar::Float(1.0),
        }
    }

    fn extra_repr(&self) -> String {
        let text = |number: Scalar| match number {
            Scalar::Int(i) => i.to_string(),
            other => python_float(other.to_f64()),
        };
        let [alpha, beta, k] = [self.alpha, self.beta, self.k].map(text);
        format!("{}, alpha={alpha}, beta={beta}, k={k}", self.size)
    }
}

impl Forward for LocalResponseNorm {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let [alpha, beta, k] = [self.alpha, self.beta, self.k].map(Scalar::to_f64);
        functional::local_response_norm(input, self.size, alpha, beta, k)
    }
}

/// Options of a [`LocalResponseNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LocalResponseNormBuilder {
    size: usize,
    alpha: Scalar,
    beta: Scalar,
    k: Scalar,
}

impl LocalResponseNormBuilder {
    setters! {
        |builder| builder;
        /// What the mean of the squares is multiplied with (1e-4 by default); an integer prints as one.
        alpha: impl Into<Scalar> = alpha.into();
        /// The exponent (0.75 by default); an integer prints as one.
        beta: impl Into<Scalar> = beta.into();
        /// What is added (1 by default); an integer prints as one.
        k: impl Into<Scalar> = k.into();
    }

    /// Builds the layer. As in PyTorch, the size is checked by `forward`.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<LocalResponseNorm> {
        Ok(self.unchecked())
    }

    fn unchecked(self) -> LocalResponseNorm {
        LocalResponseNorm {
            node: Node::new(),
            size: self.size,
            alpha: self.alpha,
            beta: self.beta,
            k: self.k,
        }
    }
}
