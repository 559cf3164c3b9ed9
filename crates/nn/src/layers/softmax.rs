//! [`Softmax`], [`Softmin`], [`LogSoftmax`] and [`Softmax2d`].

use pleach_core::{Error, Result, Tensor};

use crate::{Forward, Module, Node, functional};

/// A row: docs, layer, its function, and its name in the warning.
macro_rules! softmaxes {
    ($($(#[$doc:meta])* $name:ident, $forward:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra_repr, debug)]
        pub struct $name {
            node: Node,
            /// The dimension whose elements become a distribution. PyTorch's default, `None`, is
            /// deprecated: then it is the first of 0, 1 or 3 dimensions and the second of others.
            pub dim: Option<i64>,
        }

        impl $name {
            /// The layer for a dimension.
            pub fn new(dim: impl Into<Option<i64>>) -> Self {
                $name { node: Node::new(), dim: dim.into() }
            }

            fn extra_repr(&self) -> String {
                match self.dim {
                    Some(dim) => format!("dim={dim}"),
                    None => "dim=None".to_string(),
                }
            }
        }

        impl Forward for $name {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                let implicit = || implicit_dim(stringify!($forward), input.rank());
                functional::$forward(input, self.dim.unwrap_or_else(implicit))
            }
        }
    )*};
}

fn implicit_dim(name: &str, rank: usize) -> i64 {
    log::warn!(
        "Implicit dimension choice for {name} has been deprecated. Change the call to include \
         dim=X as an argument."
    );
    match rank {
        0 | 1 | 3 => 0,
        _ => 1,
    }
}

softmaxes! {
    /// `exp(x) / Σ exp(x)` along a dimension. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Softmax};
    /// let layer = Softmax::new(1);
    /// assert_eq!(layer.call(&tensor![[1.0, 1.0]])?.to_vec::<f32>()?, [0.5, 0.5]);
    /// assert_eq!(layer.to_string(), "Softmax(dim=1)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Softmax, softmax;

    /// `exp(-x) / Σ exp(-x)` along a dimension. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Softmin};
    /// let y = Softmin::new(0).call(&tensor![1.0, 1.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.5, 0.5]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Softmin, softmin;

    /// `x - ln Σ exp(x)` along a dimension. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::LogSoftmax};
    /// let y = LogSoftmax::new(-1).call(&tensor![1.0, 1.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [-0.6931472; 2]); // ln 0.5
    /// # Ok::<(), pleach::Error>(())
    /// ```
    LogSoftmax, log_softmax;
}

/// [`Softmax`] over the channels of images.
///
/// Shapes: `[N, C, H, W]` or `[C, H, W]`, for input and output.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::Softmax2d};
/// let y = Softmax2d::new().call(&Tensor::ones([2, 1, 3]))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.5; 6]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct Softmax2d {
    node: Node,
}

impl Softmax2d {
    /// The layer.
    pub fn new() -> Self {
        Softmax2d { node: Node::new() }
    }
}

impl Default for Softmax2d {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for Softmax2d {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        if !matches!(input.rank(), 3 | 4) {
            return Err(Error::shape(format!(
                "Softmax2d: expected input to be 3D or 4D, got {}D instead",
                input.rank()
            )));
        }
        functional::softmax(input, -3)
    }
}
