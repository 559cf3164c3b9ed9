//! Maximum pooling over one, two or three dimensions.

use pleach_core::autograd::{Attributes, GradOf, GradsOf, Operation, Own, Rules, Saved, apply};
use pleach_core::{DType, Error, Result, Tensor, checked_numel};
use pleach_kernels::{
    AdaptivePoolShape, Buffer, MAX_POOL_TAPS, PoolShape, adaptive_max_pool_forward,
    max_pool_backward, max_pool_backward_taps, max_pool_forward, max_pool_forward_taps,
    max_pool_places,
};

use super::sliding::{Sliding, check_meets_input, out_size, with_plane};
use super::{Size, filled, widened, windows};
use crate::setters::setters;

/// What a maximum pooling takes: the size of its windows, and windows side by side, no padding,
/// dilation 1 and sizes rounded down, or what is set. The size of the windows alone will do where
/// these are taken.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct MaxPoolOptions<const D: usize> {
    pub(crate) kernel_size: Size<D>,
    pub(crate) stride: Size<D>,
    pub(crate) padding: Size<D>,
    pub(crate) dilation: Size<D>,
    pub(crate) ceil_mode: bool,
}

impl<const D: usize> MaxPoolOptions<D> {
    /// PyTorch's defaults.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        let kernel_size = kernel_size.into();
        MaxPoolOptions {
            kernel_size,
            stride: kernel_size,
            padding: 0.into(),
            dilation: 1.into(),
            ceil_mode: false,
        }
    }

    max_pool_setters!(|options| options);

    fn sliding(self) -> Sliding<D> {
        Sliding {
            kernel: self.kernel_size.array(),
            stride: self.stride.array(),
            padding: self.padding.array(),
            dilation: self.dilation.array(),
            ceil_mode: self.ceil_mode,
        }
    }
}

impl<T: Into<Size<D>>, const D: usize> From<T> for MaxPoolOptions<D> {
    fn from(kernel_size: T) -> Self {
        Self::new(kernel_size)
    }
}

/// The setters of [`MaxPoolOptions`], and of what holds them.
macro_rules! max_pool_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// Step between windows (the kernel's size by default).
            stride: impl Into<Size<D>> = stride.into();
            /// Minus infinities on each side (0 by default), at most half of a window.
            padding: impl Into<Size<D>> = padding.into();
            /// Step between the elements of a window (1 by default).
            dilation: impl Into<Size<D>> = dilation.into();
            /// Whether the output's size is rounded up (no, by default).
            ceil_mode: bool = ceil_mode;
        }
    };
}
pub(crate) use max_pool_setters;

/// Two functions for each number of dimensions: the maxima, and with their places.
macro_rules! max_pools {
    ($($(#[$doc:meta])* $name:ident, $(#[$indices_doc:meta])* $with_indices:ident, $d:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(input: &Tensor, options: impl Into<MaxPoolOptions<$d>>) -> Result<Tensor> {
            max_pool(input, options.into(), false)
        }

        $(#[$indices_doc])*
        pub fn $with_indices(
            input: &Tensor,
            options: impl Into<MaxPoolOptions<$d>>,
        ) -> Result<(Tensor, Tensor)> {
            max_pool_with_indices(input, options.into())
        }
    )*};
}

max_pools! {
    /// [`max_pool2d`] of sequences, `[N, C, L]` or `[C, L]`.
    ///
    /// # Errors
    /// As [`max_pool2d`].
    max_pool1d,

    /// [`max_pool1d`], and where each maximum was in its sequence, as i64.
    ///
    /// # Errors
    /// As [`max_pool1d`].
    max_pool1d_with_indices, 1;

    /// The maximum of each window.
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`; each of the last two sizes becomes
    /// `(size + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1`, rounded down, or up with
    /// `ceil_mode` (where a last window that would start beyond the input is left out). Padding counts
    /// as minus infinity.
    ///
    /// The gradient goes to the first maximum in row-major order; nan counts as the largest.
    ///
    /// # Errors
    /// If the input is not 3-d or 4-d, the padding is more than half of the kernel, or no
    /// window fits.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional::{self as F, MaxPoolOptions};
    /// let x = tensor![[[1., 2., 5., 6.], [3., 4., 0., 1.]]];
    /// assert_eq!(F::max_pool2d(&x, 2)?.to_vec::<f32>()?, [4., 6.]);
    /// let y = F::max_pool2d(&x, MaxPoolOptions::new(2).stride(1))?;
    /// assert_eq!(y.to_vec::<f32>()?, [4., 5., 6.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    max_pool2d,

    /// [`max_pool2d`], and where each maximum was: `row · W + column` in its plane, as i64.
    ///
    /// # Errors
    /// As [`max_pool2d`].
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// let x = tensor![[[1., 2., 5.], [3., 4., 0.]]];
    /// let (_, indices) = F::max_pool2d_with_indices(&x, (2, 1))?;
    /// assert_eq!(indices.to_vec::<i64>()?, [3, 4, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    max_pool2d_with_indices, 2;

    /// [`max_pool2d`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
    ///
    /// # Errors
    /// As [`max_pool2d`].
    max_pool3d,

    /// [`max_pool3d`], and where each maximum was: `(slice · H + row) · W + column` in its volume, as
    /// i64.
    ///
    /// # Errors
    /// As [`max_pool3d`].
    max_pool3d_with_indices, 3;
}

/// The maxima, of the input's ReLU if `relu`, which takes no pass over memory of its own.
pub(crate) fn max_pool<const D: usize>(
    input: &Tensor,
    options: MaxPoolOptions<D>,
    relu: bool,
) -> Result<Tensor> {
    Ok(run(input, options.sliding(), relu, false)?.swap_remove(0))
}

/// The maxima, and where they were.
pub(crate) fn max_pool_with_indices<const D: usize>(
    input: &Tensor,
    options: MaxPoolOptions<D>,
) -> Result<(Tensor, Tensor)> {
    two(run(input, options.sliding(), false, true)?)
}

/// A vector of two.
pub(crate) fn two(mut both: Vec<Tensor>) -> Result<(Tensor, Tensor)> {
    Ok((both.swap_remove(0), both.swap_remove(0)))
}

/// The maxima, and where they were if that is asked for.
fn run<const D: usize>(
    input: &Tensor,
    window: Sliding<D>,
    relu: bool,
    indices: bool,
) -> Result<Vec<Tensor>> {
    if D == 1 {
        check_one(&window, input, indices)?;
        // As PyTorch does it, images of one row.
        let image = input.unsqueeze(-2)?;
        let outputs = run(&image, window.of_rows(), relu, indices)?;
        return outputs.iter().map(|t| t.squeeze_dim(-2)).collect();
    }
    let shape = window.over(true, input)?;
    checked_numel(&with_plane::<D>(input, shape.output))?;
    if relu && !taps_fit_a_byte(&shape) {
        return run(&super::relu(input)?, window, false, indices);
    }
    let of = Windows::Sliding(window, shape);
    apply(MaxPool { of, relu, indices }, input)
}

/// What PyTorch checks of sequences.
fn check_one<const D: usize>(window: &Sliding<D>, input: &Tensor, indices: bool) -> Result<()> {
    let sizes = input.shape();
    if !matches!(sizes, [_, _] | [_, _, _]) || sizes[sizes.len() - 2..].contains(&0) {
        return Err(Error::shape(format!(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{sizes:?}"
        )));
    }
    for (name, size) in [
        ("kernel_size", window.kernel[0]),
        ("stride", window.stride[0]),
        ("dilation", window.dilation[0]),
    ] {
        if size == 0 {
            return Err(Error::value(format!(
                "max_pool1d() {name} must be greater than zero, but got 0"
            )));
        }
    }
    let (kernel, padding) = (window.kernel[0], window.padding[0]);
    if padding > kernel / 2 && !indices {
        return Err(Error::value(format!(
            "max_pool1d() padding should be at most half of kernel size, but got padding={padding} and kernel_size={kernel}"
        )));
    }
    let [along] = windows(
        [kernel],
        [window.stride[0]],
        [padding],
        [window.dilation[0]],
    );
    match out_size(along, sizes[sizes.len() - 1], window.ceil_mode)? {
        size @ ..1 => Err(Error::shape(format!(
            "max_pool1d() Invalid computed output size: {size}"
        ))),
        _ => Ok(()),
    }
}

/// Whether a byte can count the taps of a window.
fn taps_fit_a_byte(shape: &PoolShape) -> bool {
    let taps = shape
        .kernel
        .iter()
        .try_fold(1usize, |n, k| n.checked_mul(*k));
    taps.is_some_and(|taps| taps <= MAX_POOL_TAPS)
}

/// Which windows there are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Windows<const D: usize> {
    /// Those of a window that slides: as it was given, and for the kernels.
    Sliding(Sliding<D>, PoolShape),
    /// Those between two sizes of a plane.
    Adaptive(AdaptivePoolShape),
}

impl<const D: usize> Windows<D> {
    /// The sizes of a plane before and after, of which the last `D` count.
    pub fn planes(&self) -> [[usize; 3]; 2] {
        match self {
            Windows::Sliding(_, shape) => [shape.input, shape.output],
            Windows::Adaptive(shape) => [shape.input, shape.output],
        }
    }
}

/// The maximum of each window, and where it was if that is asked for.
#[derive(Clone, Debug)]
pub struct MaxPool<const D: usize> {
    pub(super) of: Windows<D>,
    /// Whether it is the maximum of the input's ReLU.
    pub(super) relu: bool,
    /// Whether the places of the maxima are an output too.
    pub(super) indices: bool,
}

impl<const D: usize> Operation for MaxPool<D> {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Vec<Tensor>;
    const RULES: Rules = Rules::WIDENED;

    fn name(&self) -> &'static str {
        match (&self.of, D, self.indices) {
            (Windows::Adaptive(_), 2, _) => "adaptive_max_pool2d",
            (Windows::Adaptive(_), ..) => "adaptive_max_pool3d",
            (_, 2, true) => "max_pool2d_with_indices",
            (_, 2, false) => "max_pool2d",
            (_, _, true) => "max_pool3d_with_indices",
            (_, _, false) => "max_pool3d",
        }
    }
    fn grad_name(&self) -> &'static str {
        match (&self.of, D) {
            (Windows::Adaptive(_), 2) => "AdaptiveMaxPool2DBackward0",
            (Windows::Adaptive(_), _) => "AdaptiveMaxPool3DBackward0",
            (_, 2) => "MaxPool2DWithIndicesBackward0",
            _ => "MaxPool3DWithIndicesBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        match &self.of {
            Windows::Adaptive(shape) => vec![("output_size", shape.output[3 - D..].into())],
            Windows::Sliding(window, _) => {
                let mut all = window.attributes();
                all.push(("dilation", window.dilation[..].into()));
                all.push(("relu", self.relu.into()));
                all
            }
        }
    }
    fn forward(&self, x: &Tensor, own: &mut Own) -> Result<Vec<Tensor>> {
        let [_, output] = self.of.planes();
        let sizes = &with_plane::<D>(x, output)[..];
        if let Windows::Sliding(_, shape) = &self.of {
            check_meets_input(shape, D)?;
        }
        let (out, maxima) = dispatch_float!(Operation::name(self), x.dtype(), T => {
            let (x, mut out) = (x.as_slice::<T>()?, Buffer::<T>::try_new(checked_numel(sizes)?)?);
            let maxima = match &self.of {
                Windows::Sliding(_, shape) if taps_fit_a_byte(shape) => filled(sizes, |taps| {
                    max_pool_forward_taps(shape, x, self.relu, &mut out, taps);
                }),
                Windows::Sliding(_, shape) => {
                    filled(sizes, |places| max_pool_forward(shape, x, &mut out, places))
                }
                Windows::Adaptive(shape) => {
                    filled(sizes, |places| adaptive_max_pool_forward(shape, x, &mut out, places))
                }
            };
            (Tensor::from_buffer(out, sizes), maxima?)
        });
        let mut outputs = vec![out];
        if self.indices {
            outputs.push(self.places(&maxima)?);
        }
        own.keep(maxima);
        Ok(outputs)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let grad = &widened(grads[0].as_ref().expect("the only one"))?;
        let (sizes, maxima) = (saved.shape(0), saved.own(0)?);
        if saved.recording() {
            return Ok([Some(self.scatter(&maxima, grad, sizes)?)]);
        }
        let grad = grad.contiguous()?;
        dispatch_float!("max_pool2d", grad.dtype(), T => {
            let grad = grad.as_slice::<T>()?;
            Ok([Some(match (&self.of, maxima.dtype()) {
                (Windows::Sliding(_, shape), DType::U8) => {
                    let taps = maxima.as_slice()?;
                    filled(sizes, |dx| max_pool_backward_taps(shape, grad, taps, dx))
                }
                _ => {
                    let places = maxima.as_slice()?;
                    let planes = sizes[..sizes.len() - D].iter().product();
                    filled(sizes, |dx| max_pool_backward(planes, grad, places, dx))
                }
            }?)])
        })
    }
}

impl<const D: usize> MaxPool<D> {
    /// The gradient in operations.
    fn scatter(&self, maxima: &Tensor, grad: &Tensor, sizes: &[usize]) -> Result<Tensor> {
        let (mut at, mut grad) = (maxima.clone(), grad.clone());
        if let Windows::Sliding(_, shape) = &self.of
            && at.dtype() == DType::U8
        {
            // Where a ReLU made a maximum zero there is no tap.
            let taps: usize = shape.kernel.iter().product();
            let none = at.gt((taps - 1) as i64)?;
            at = self
                .places(&at.masked_fill(&none, 0)?)?
                .masked_fill(&none, 0)?;
            grad = grad.masked_fill(&none, 0.0)?;
        }
        let first = -(D as i64);
        let zeros = Tensor::try_zeros_of(sizes, grad.dtype())?.flatten(first, -1)?;
        let (at, grad) = (at.flatten(first, -1)?, grad.flatten(first, -1)?);
        zeros.scatter_add(-1, &at, &grad)?.reshape(sizes)
    }

    /// Where in their planes the maxima were.
    fn places(&self, maxima: &Tensor) -> Result<Tensor> {
        match &self.of {
            Windows::Sliding(_, shape) if maxima.dtype() == DType::U8 => {
                let taps = maxima.as_slice()?;
                filled(maxima.shape(), |places| {
                    max_pool_places(shape, taps, places)
                })
            }
            _ => Ok(maxima.clone()),
        }
    }
}
