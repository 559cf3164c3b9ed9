//! Average pooling over one, two or three dimensions, of windows that slide or adapt.

use pleach_core::autograd::{Attributes, GradsOf, Operation, Own, Rules, Saved, apply};
use pleach_core::{Error, Result, Tensor, checked_numel};
use pleach_kernels::{
    AdaptivePoolShape, AvgDivisor, adaptive_avg_pool_backward, adaptive_avg_pool_forward,
    avg_pool_backward, avg_pool_forward,
};

use super::max_pool::Windows;
use super::sliding::{Sliding, empty_dimension, with_plane};
use super::{OutputSize, Size, adaptive, filled};
use crate::setters::setters;

/// What an average pooling takes: the size of its windows, and windows side by side, no padding,
/// sizes rounded down and padding in the divisor, or what is set. The size of the windows alone will
/// do where these are taken.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct AvgPoolOptions<const D: usize> {
    pub(crate) kernel_size: Size<D>,
    pub(crate) stride: Size<D>,
    pub(crate) padding: Size<D>,
    pub(crate) ceil_mode: bool,
    pub(crate) count_include_pad: bool,
    pub(crate) divisor_override: Option<i64>,
}

impl<const D: usize> AvgPoolOptions<D> {
    /// PyTorch's defaults.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        let kernel_size = kernel_size.into();
        AvgPoolOptions {
            kernel_size,
            stride: kernel_size,
            padding: 0.into(),
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }

    avg_pool_setters!(|options| options);
}

impl<T: Into<Size<D>>, const D: usize> From<T> for AvgPoolOptions<D> {
    fn from(kernel_size: T) -> Self {
        Self::new(kernel_size)
    }
}

/// The setters of [`AvgPoolOptions`], and of what holds them.
macro_rules! avg_pool_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// Step between windows (the kernel's size by default).
            stride: impl Into<Size<D>> = stride.into();
            /// Zeros on each side (0 by default), at most half of a window.
            padding: impl Into<Size<D>> = padding.into();
            /// Whether the output's size is rounded up (no, by default).
            ceil_mode: bool = ceil_mode;
            /// Whether padding counts in the divisor (yes, by default).
            count_include_pad: bool = count_include_pad;
            /// Divides by this number instead of the window's size, which is the default. (PyTorch has it
            /// for two and three dimensions.)
            divisor_override: impl Into<Option<i64>> = divisor_override.into();
        }
    };
}
pub(crate) use avg_pool_setters;

/// A function for each number of dimensions, with what it takes.
macro_rules! pools {
    ($($(#[$doc:meta])* $name:ident = $generic:ident, $options:ident<$d:literal>;)*) => {$(
        $(#[$doc])*
        pub fn $name(input: &Tensor, options: impl Into<$options<$d>>) -> Result<Tensor> {
            $generic(input, options.into())
        }
    )*};
}

pools! {
    /// [`avg_pool2d`] of sequences, `[N, C, L]` or `[C, L]`.
    ///
    /// # Errors
    /// As [`avg_pool2d`].
    avg_pool1d = avg_pool, AvgPoolOptions<1>;

    /// The mean of each window.
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`; each of the last two sizes becomes
    /// `(size + 2·padding - kernel_size) / stride + 1`, rounded down, or up with `ceil_mode` (where a
    /// last window that would start beyond the input is left out).
    ///
    /// The sum is divided by the number of positions in the window: those in the input or its padding
    /// if `count_include_pad`, else those in the input; or by `divisor_override`.
    ///
    /// # Errors
    /// If the input is not 3-d or 4-d, the padding is more than half of the kernel, no window fits, or
    /// the divisor is 0.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional::{self as F, AvgPoolOptions};
    /// let x = tensor![[[2., 4., 6.]]];
    /// assert_eq!(F::avg_pool2d(&x, (1, 2))?.to_vec::<f32>()?, [3.]);
    /// let options = AvgPoolOptions::new((1, 2)).padding((0, 1));
    /// assert_eq!(F::avg_pool2d(&x, options)?.to_vec::<f32>()?, [1., 5.]);
    /// let y = F::avg_pool2d(&x, options.count_include_pad(false))?;
    /// assert_eq!(y.to_vec::<f32>()?, [2., 5.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    avg_pool2d = avg_pool, AvgPoolOptions<2>;

    /// [`avg_pool2d`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
    ///
    /// # Errors
    /// As [`avg_pool2d`].
    avg_pool3d = avg_pool, AvgPoolOptions<3>;

    /// [`adaptive_avg_pool2d`] of sequences, `[N, C, L]` or `[C, L]`.
    ///
    /// # Errors
    /// As [`adaptive_avg_pool2d`].
    adaptive_avg_pool1d = adaptive_avg_pool, OutputSize<1>;

    /// The mean of windows that are chosen so that the result has a given size: window `i` of `out`
    /// covers `floor(i·size / out)` up to `ceil((i + 1)·size / out)`.
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`, result the same with the last two sizes replaced;
    /// `None` keeps a size. An output size of 1 is the plain mean.
    ///
    /// # Errors
    /// If the input is not 3-d or 4-d, or has an empty dimension other than N.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// let x = tensor![[[1., 2., 6.]]];
    /// assert_eq!(F::adaptive_avg_pool2d(&x, (None, 2))?.to_vec::<f32>()?, [1.5, 4.]);
    /// assert_eq!(F::adaptive_avg_pool2d(&x, 1)?.to_vec::<f32>()?, [3.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    adaptive_avg_pool2d = adaptive_avg_pool, OutputSize<2>;

    /// [`adaptive_avg_pool2d`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
    ///
    /// # Errors
    /// As [`adaptive_avg_pool2d`].
    adaptive_avg_pool3d = adaptive_avg_pool, OutputSize<3>;
}

pub(crate) fn avg_pool<const D: usize>(
    input: &Tensor,
    options: AvgPoolOptions<D>,
) -> Result<Tensor> {
    let divisor = match options.divisor_override {
        Some(0) => return Err(Error::value("divisor must be not zero")),
        Some(n) => AvgDivisor::Fixed(n),
        None if options.count_include_pad => AvgDivisor::CountPadding,
        None => AvgDivisor::CountInput,
    };
    let window = Sliding {
        kernel: options.kernel_size.array(),
        stride: options.stride.array(),
        padding: options.padding.array(),
        dilation: [1; D],
        ceil_mode: options.ceil_mode,
    };
    if D == 1 {
        adaptive::check_one("avg_pool1d", input)?;
        // As PyTorch does it, images of one row.
        let image = input.unsqueeze(-2)?;
        return means(&image, window.of_rows(), divisor)?.squeeze_dim(-2);
    }
    means(input, window, divisor)
}

fn means<const D: usize>(
    input: &Tensor,
    window: Sliding<D>,
    divisor: AvgDivisor,
) -> Result<Tensor> {
    let shape = window.over(false, input)?;
    // The positions of a window are counted.
    checked_numel(&window.kernel)?;
    let of = Windows::Sliding(window, shape);
    let grad = false;
    apply(AveragePool { of, divisor, grad }, input)
}

pub(crate) fn adaptive_avg_pool<const D: usize>(
    input: &Tensor,
    output_size: OutputSize<D>,
) -> Result<Tensor> {
    if D == 1 {
        adaptive::check_one("adaptive_avg_pool1d", input)?;
        let image = input.unsqueeze(-2)?;
        return adaptive_avg_pool(&image, output_size.of_rows())?.squeeze_dim(-2);
    }
    let name = format!("adaptive_avg_pool{D}d");
    let (planes, plane, output) = adaptive::sizes(&name, "", input, output_size)?;
    if output == [1; D] {
        let dims: Vec<i64> = (1..=D as i64).map(|d| -d).collect();
        return input.mean_dim(&dims[..], true);
    }
    let first = input.rank() - D;
    if let Some(dim) = plane.iter().position(|size| *size == 0) {
        return Err(empty_dimension(&name, input.shape(), first + dim));
    }
    let of = Windows::<D>::Adaptive(AdaptivePoolShape::new(planes, plane, output));
    let (divisor, grad) = (AvgDivisor::CountInput, false);
    apply(AveragePool { of, divisor, grad }, input)
}

/// The means of windows; or the gradient, which spreads that of each mean over its window.
#[derive(Clone, Debug)]
pub struct AveragePool<const D: usize> {
    of: Windows<D>,
    /// Of windows that slide.
    divisor: AvgDivisor,
    /// Whether it is the gradient.
    grad: bool,
}

impl<const D: usize> Operation for AveragePool<D> {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::WIDENED;

    fn name(&self) -> &'static str {
        let names = match (&self.of, self.grad) {
            (Windows::Sliding(..), false) => ["avg_pool2d", "avg_pool3d"],
            (Windows::Sliding(..), true) => ["avg_pool2d_backward", "avg_pool3d_backward"],
            (Windows::Adaptive(_), false) => ["adaptive_avg_pool2d", "adaptive_avg_pool3d"],
            (Windows::Adaptive(_), true) => [
                "adaptive_avg_pool2d_backward",
                "adaptive_avg_pool3d_backward",
            ],
        };
        if D == 3 { names[1] } else { names[0] }
    }
    fn grad_name(&self) -> &'static str {
        match (&self.of, D) {
            (Windows::Sliding(..), 2) => "AvgPool2DBackward0",
            (Windows::Sliding(..), _) => "AvgPool3DBackward0",
            (Windows::Adaptive(_), 2) => "AdaptiveAvgPool2DBackward0",
            (Windows::Adaptive(_), _) => "AdaptiveAvgPool3DBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        let window = match &self.of {
            Windows::Sliding(window, _) => window,
            Windows::Adaptive(shape) => return vec![("output_size", shape.output[3 - D..].into())],
        };
        let mut all = window.attributes();
        all.push(match self.divisor {
            AvgDivisor::Fixed(n) => ("divisor_override", n.into()),
            by => ("count_include_pad", (by == AvgDivisor::CountPadding).into()),
        });
        all
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let sizes = with_plane::<D>(x, self.of.planes()[usize::from(!self.grad)]);
        let by = self.divisor;
        dispatch_float!(Operation::name(self), x.dtype(), T => {
            let x = x.as_slice::<T>()?;
            filled(&sizes, |out| match (&self.of, self.grad) {
                (Windows::Sliding(_, shape), false) => avg_pool_forward(shape, x, by, out),
                (Windows::Sliding(_, shape), true) => avg_pool_backward(shape, x, by, out),
                (Windows::Adaptive(shape), false) => adaptive_avg_pool_forward(shape, x, out),
                (Windows::Adaptive(shape), true) => adaptive_avg_pool_backward(shape, x, out),
            })
        })
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let back = AveragePool {
            grad: !self.grad,
            ..self.clone()
        };
        Ok([Some(apply(back, grad)?)])
    }
}
