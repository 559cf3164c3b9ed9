//! Power-average pooling over one, two or three dimensions.

use pleach_core::{Error, Result, Tensor, checked_numel};

use super::{AvgPoolOptions, MaxPoolOptions, Size, avg_pool, max_pool, relu};
use crate::setters::setters;

/// What a power-average pooling takes: the size of its windows, and windows side by side and sizes
/// rounded down, or what is set. The size of the windows alone will do where these are taken.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct LPPoolOptions<const D: usize> {
    pub(crate) kernel_size: Size<D>,
    pub(crate) stride: Option<Size<D>>,
    pub(crate) ceil_mode: bool,
}

impl<const D: usize> LPPoolOptions<D> {
    /// PyTorch's defaults.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        LPPoolOptions {
            kernel_size: kernel_size.into(),
            stride: None,
            ceil_mode: false,
        }
    }

    lp_pool_setters!(|options| options);
}

impl<T: Into<Size<D>>, const D: usize> From<T> for LPPoolOptions<D> {
    fn from(kernel_size: T) -> Self {
        Self::new(kernel_size)
    }
}

/// The setters of [`LPPoolOptions`], and of what holds them.
macro_rules! lp_pool_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// Step between windows (the kernel's size by default).
            stride: impl Into<Size<D>> = Some(stride.into());
            /// Whether the output's size is rounded up (no, by default).
            ceil_mode: bool = ceil_mode;
        }
    };
}
pub(crate) use lp_pool_setters;

macro_rules! lp_pools {
    ($($(#[$doc:meta])* $name:ident, $d:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(
            input: &Tensor,
            norm_type: f64,
            options: impl Into<LPPoolOptions<$d>>,
        ) -> Result<Tensor> {
            lp_pool(input, norm_type, options.into())
        }
    )*};
}

lp_pools! {
    /// [`lp_pool2d`] of sequences, `[N, C, L]` or `[C, L]`.
    ///
    /// # Errors
    /// As [`lp_pool2d`].
    lp_pool1d, 1;

    /// The p-norm of each window, `(Σ x^p)^(1/p)`: the sum for 1, the maximum of the absolute values for
    /// infinity. Of negative sums nan, as in PyTorch.
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`; sizes as those of
    /// [`avg_pool2d`](super::avg_pool2d) without padding.
    ///
    /// # Errors
    /// If `norm_type` is 0, the input has other dimensions, or no window fits.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// let x = tensor![[[3., 4., 6., 8.]]];
    /// assert_eq!(F::lp_pool2d(&x, 2.0, (1, 2))?.to_vec::<f32>()?, [5., 10.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    lp_pool2d, 2;

    /// [`lp_pool2d`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
    ///
    /// # Errors
    /// As [`lp_pool2d`].
    lp_pool3d, 3;
}

pub(crate) fn lp_pool<const D: usize>(
    input: &Tensor,
    norm_type: f64,
    options: LPPoolOptions<D>,
) -> Result<Tensor> {
    check_norm_type(norm_type, &norm_type)?;
    let LPPoolOptions {
        kernel_size,
        stride,
        ceil_mode,
    } = options;
    let stride = stride.unwrap_or(kernel_size);
    if norm_type.is_infinite() {
        let options = MaxPoolOptions::new(kernel_size)
            .stride(stride)
            .ceil_mode(ceil_mode);
        return match norm_type > 0.0 {
            true => max_pool(&input.abs()?, options, false),
            false => max_pool(&input.abs()?.neg()?, options, false)?.neg(),
        };
    }
    let options = AvgPoolOptions::new(kernel_size)
        .stride(stride)
        .ceil_mode(ceil_mode);
    let means = avg_pool(&input.pow(norm_type)?, options)?;
    let count = checked_numel(&kernel_size.array())? as f64;
    let sums = means.sign()?.mul(&relu(&means.abs()?)?)?.mul(count)?;
    sums.pow(1.0 / norm_type)
}

/// Refuses 0, in the text that was given.
pub(crate) fn check_norm_type(norm_type: f64, given: &dyn std::fmt::Display) -> Result<()> {
    match norm_type == 0.0 {
        true => Err(Error::value(format!(
            "norm_type must be a non-zero value, but got {given}"
        ))),
        false => Ok(()),
    }
}
