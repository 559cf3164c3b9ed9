//! [`FractionalMaxPool`]: [`FractionalMaxPool2d`], [`FractionalMaxPool3d`].

use pleach_core::{Buffer, Error, Result, Tensor};

use crate::call::call_one;
use crate::functional::{
    FractionalMaxPoolOptions, Ratio, Size, fractional_max_pool, fractional_max_pool_setters, two,
};
use crate::setters::setters;
use crate::{Forward, Module, Node};

/// [`FractionalMaxPool`] of images, `[N, C, H, W]` or `[C, H, W]`.
pub type FractionalMaxPool2d = FractionalMaxPool<2>;
/// [`FractionalMaxPool`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
pub type FractionalMaxPool3d = FractionalMaxPool<3>;

const NAMES: [&str; 2] = ["FractionalMaxPool2d", "FractionalMaxPool3d"];

/// The maximum of windows of one size at random distances, over two or three dimensions:
/// [`functional::fractional_max_pool2d`](crate::functional::fractional_max_pool2d) for two. Every call
/// draws anew, in training and evaluation.
///
/// Shapes: input `[N, C, *]` or `[C, *]`, output the same with the size that was given, or the ratio of
/// the input's size.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::FractionalMaxPool2d};
///
/// let pool = FractionalMaxPool2d::builder(2).output_ratio(0.75).build()?;
/// assert_eq!(pool.call(&Tensor::rand([1, 3, 8, 12]))?.shape(), [1, 3, 6, 9]);
/// assert!(FractionalMaxPool2d::builder(2).build().is_err());
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 2], debug)]
pub struct FractionalMaxPool<const D: usize> {
    node: Node,
    /// Size of a window.
    pub kernel_size: [usize; D],
    #[module(skip)]
    output_size: Option<Size<D>>,
    #[module(skip)]
    output_ratio: Option<Ratio<D>>,
    /// PyTorch's `_random_samples`: numbers that place the windows instead of drawn ones.
    #[module(rename = "_random_samples")]
    pub random_samples: Option<Buffer>,
}

impl<const D: usize> FractionalMaxPool<D> {
    /// A pooling to a size, or a ratio, that the builder is given.
    pub fn builder(kernel_size: impl Into<Size<D>>) -> FractionalMaxPoolBuilder<D> {
        FractionalMaxPoolBuilder(FractionalMaxPoolOptions::new(kernel_size))
    }

    /// The maxima and where they were, PyTorch's `return_indices=True`. Hooks run as in
    /// [`Forward::call`], and see both outputs.
    ///
    /// # Errors
    /// As [`functional::fractional_max_pool2d`](crate::functional::fractional_max_pool2d).
    pub fn call_with_indices(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        call_one(self, input, |input| {
            two(fractional_max_pool(input, self.options()?, true)?)
        })
    }

    fn options(&self) -> Result<FractionalMaxPoolOptions<D>> {
        let samples = self.random_samples.as_ref().map(Buffer::try_tensor);
        Ok(FractionalMaxPoolOptions {
            kernel_size: self.kernel_size.into(),
            output_size: self.output_size,
            output_ratio: self.output_ratio,
            random_samples: samples.transpose()?,
        })
    }
}

impl<const D: usize> Forward for FractionalMaxPool<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(fractional_max_pool(input, self.options()?, false)?.swap_remove(0))
    }
}

/// Options of a [`FractionalMaxPool`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FractionalMaxPoolBuilder<const D: usize>(FractionalMaxPoolOptions<D>);

impl<const D: usize> FractionalMaxPoolBuilder<D> {
    fractional_max_pool_setters!(|builder| builder.0);

    /// Builds the layer.
    ///
    /// # Errors
    /// If neither size nor ratio is given, or both are, a ratio is not between 0 and 1, or a window of
    /// three dimensions is empty.
    pub fn build(self) -> Result<FractionalMaxPool<D>> {
        let o = self.0;
        let refuse = |text: String| Err(Error::value(text));
        if D == 3 && o.kernel_size.array().contains(&0) {
            return refuse(format!(
                "kernel_size must be greater than 0, but got {}",
                o.kernel_size
            ));
        }
        match (o.output_size, o.output_ratio) {
            (None, None) => {
                return refuse(format!(
                    "{} requires specifying either an output size, or a pooling ratio",
                    NAMES[D - 2]
                ));
            }
            (Some(_), Some(_)) => {
                return refuse("only one of output_size and output_ratio may be specified".into());
            }
            (None, Some(ratio)) if !ratio.array().iter().all(|r| 0.0 < *r && *r < 1.0) => {
                return refuse(format!(
                    "output_ratio must be between 0 and 1 (got {ratio})"
                ));
            }
            _ => {}
        }
        Ok(FractionalMaxPool {
            node: Node::new(),
            kernel_size: o.kernel_size.array(),
            output_size: o.output_size,
            output_ratio: o.output_ratio,
            random_samples: o.random_samples.map(Buffer::new),
        })
    }
}
