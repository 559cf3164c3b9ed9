//! [`Dropout`].

use pleach_core::print::python_float;
use pleach_core::{Result, Tensor};

use super::default_init::bool_text;
use crate::functional::{self, check_probability};
use crate::{Forward, Module, Node, Setting};

/// In training mode, sets each element to zero with probability `p` and multiplies the others by
/// `1 / (1 - p)`; in evaluation mode, returns the input. Any shape.
///
/// See [`functional::dropout`] for the random numbers.
///
/// ```
/// use pleach_core::{Tensor, manual_seed};
/// use pleach_nn::{Forward, Module, layers::Dropout};
///
/// let dropout = Dropout::new(0.5)?;
/// manual_seed(0);
/// let y = dropout.call(&Tensor::ones([4]))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 2.0, 0.0]);
/// dropout.eval();
/// assert_eq!(dropout.call(&Tensor::ones([2]))?.to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct Dropout {
    node: Node,
    p: Setting<f64>,
    /// PyTorch's flag: printed, without effect, since tensors are values here.
    pub inplace: bool,
}

impl Dropout {
    /// Dropout with a probability; PyTorch's default is 0.5.
    ///
    /// # Errors
    /// If `p` is not between 0 and 1.
    pub fn new(p: f64) -> Result<Self> {
        Self::builder().p(p).build()
    }

    /// Dropout with options.
    pub fn builder() -> DropoutBuilder {
        DropoutBuilder {
            p: 0.5,
            inplace: false,
        }
    }

    /// The probability of a zero.
    pub fn p(&self) -> f64 {
        self.p.get()
    }

    /// Changes [`p`](Self::p), for every alias. As in PyTorch, a value outside 0 to 1 is an error
    /// of `forward`.
    pub fn set_p(&self, p: f64) {
        self.p.set(p);
    }

    fn extra_repr(&self) -> String {
        format!(
            "p={}, inplace={}",
            python_float(self.p()),
            bool_text(self.inplace)
        )
    }
}

impl Default for Dropout {
    fn default() -> Self {
        Dropout {
            node: Node::new(),
            p: Setting::new(0.5),
            inplace: false,
        }
    }
}

impl Forward for Dropout {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::dropout(input, self.p(), self.node.is_training())
    }
}

/// Options of a [`Dropout`].
#[derive(Debug, Clone)]
#[must_use]
pub struct DropoutBuilder {
    p: f64,
    inplace: bool,
}

impl DropoutBuilder {
    /// The probability of a zero (0.5 by default).
    pub fn p(mut self, p: f64) -> Self {
        self.p = p;
        self
    }

    /// PyTorch's flag (false by default): printed, without effect.
    pub fn inplace(mut self, inplace: bool) -> Self {
        self.inplace = inplace;
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// If `p` is not between 0 and 1.
    pub fn build(self) -> Result<Dropout> {
        check_probability(self.p)?;
        Ok(Dropout {
            node: Node::new(),
            p: Setting::new(self.p),
            inplace: self.inplace,
        })
    }
}
