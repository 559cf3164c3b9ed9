//! [`LPPool`]: [`LPPool1d`], [`LPPool2d`], [`LPPool3d`].

use pleach_core::print::{PythonRepr, python_float};
use pleach_core::{Result, Scalar, Tensor};

use super::default_init::bool_text;
use crate::functional::{LPPoolOptions, Size, check_norm_type, lp_pool, lp_pool_setters};
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, Module, Node};

/// [`LPPool`] of sequences, `[N, C, L]` or `[C, L]`.
pub type LPPool1d = LPPool<1>;
/// [`LPPool`] of images, `[N, C, H, W]` or `[C, H, W]`.
pub type LPPool2d = LPPool<2>;
/// [`LPPool`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
pub type LPPool3d = LPPool<3>;

const NAMES: [&str; 3] = ["LPPool1d", "LPPool2d", "LPPool3d"];

/// The p-norm of each window, `(Σ x^p)^(1/p)`, over one, two or three dimensions:
/// [`functional::lp_pool2d`](crate::functional::lp_pool2d) for two.
///
/// Shapes: input `[N, C, *]` or `[C, *]`, output the same, where each size becomes
/// `(size - kernel_size) / stride + 1`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::LPPool1d};
///
/// let pool = LPPool1d::new(2, 2);
/// assert_eq!(pool.call(&tensor![[3., 4., 6., 8.]])?.to_vec::<f32>()?, [5., 10.]);
/// assert_eq!(
///     pool.to_string(),
///     "LPPool1d(norm_type=2, kernel_size=2, stride=None, ceil_mode=False)"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr, debug)]
pub struct LPPool<const D: usize> {
    node: Node,
    /// The exponent, as it was given: an integer prints as one.
    #[module(skip)]
    pub norm_type: Scalar,
    #[module(skip)]
    options: LPPoolOptions<D>,
}

impl<const D: usize> LPPool<D> {
    /// A pooling whose windows lie side by side.
    ///
    /// # Panics
    /// If `norm_type` is 0; see [`LPPoolBuilder::build`].
    #[track_caller]
    pub fn new(norm_type: impl Into<Scalar>, kernel_size: impl Into<Size<D>>) -> Self {
        or_panic(Self::builder(norm_type, kernel_size).build())
    }

    /// A pooling with options.
    pub fn builder(
        norm_type: impl Into<Scalar>,
        kernel_size: impl Into<Size<D>>,
    ) -> LPPoolBuilder<D> {
        LPPoolBuilder(norm_type.into(), LPPoolOptions::new(kernel_size))
    }

    fn extra_repr(&self) -> String {
        let o = self.options;
        format!(
            "norm_type={}, kernel_size={}, stride={}, ceil_mode={}",
            text(self.norm_type),
            o.kernel_size,
            o.stride.map_or("None".into(), |stride| stride.to_string()),
            bool_text(o.ceil_mode)
        )
    }
}

fn text(number: Scalar) -> String {
    match number {
        Scalar::Int(i) => i.python_repr(),
        other => python_float(other.to_f64()),
    }
}

impl<const D: usize> Forward for LPPool<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        lp_pool(input, self.norm_type.to_f64(), self.options)
    }
}

/// Options of an [`LPPool`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LPPoolBuilder<const D: usize>(Scalar, LPPoolOptions<D>);

impl<const D: usize> LPPoolBuilder<D> {
    lp_pool_setters!(|builder| builder.1);

    /// Builds the layer. As in PyTorch, the sizes are checked by `forward`.
    ///
    /// # Errors
    /// If `norm_type` is 0.
    pub fn build(self) -> Result<LPPool<D>> {
        let LPPoolBuilder(norm_type, options) = self;
        check_norm_type(norm_type.to_f64(), &text(norm_type))?;
        let node = Node::new();
        Ok(LPPool {
            node,
            norm_type,
            options,
        })
    }
}
