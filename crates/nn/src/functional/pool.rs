//! Pooling of images: maximum, average, adaptive average.

use pleach_core::autograd::{
    Attribute, Attributes, GradOf, GradsOf, Operation, Own, Rules, Saved, apply,
};
use pleach_core::{DType, Error, Result, Tensor, Window, checked_numel};
use pleach_kernels::{
    AdaptivePoolShape, AvgDivisor, Buffer, MAX_POOL_TAPS, PoolShape, adaptive_avg_pool_backward,
    adaptive_avg_pool_forward, avg_pool_backward, avg_pool_forward, max_pool_backward,
    max_pool_backward_taps, max_pool_forward, max_pool_forward_taps, max_pool_places,
};

use super::conv::windows;
use super::{IntoStride, OutputSize, Pair, filled};

/// The maximum of each window.
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`; each of the last two sizes becomes
/// `(size + 2·padding - dilation·(kernel - 1) - 1) / stride + 1`, rounded down, or up with
/// `ceil_mode` (where a last window that would start beyond the input is left out). A stride of
/// `None` is the kernel's size. Padding counts as minus infinity.
///
/// The gradient goes to the first maximum in row-major order; nan counts as the largest.
///
/// # Errors
/// If the input is not 3-d or 4-d, the padding is more than half of the kernel, or no
/// window fits.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional as F;
/// let x = tensor![[[1., 2., 5.], [3., 4., 0.]]];
/// let y = F::max_pool2d(&x, 2, 1, 0, 1, false)?;
/// assert_eq!(y.to_vec::<f32>()?, [4., 5.]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn max_pool2d(
    input: &Tensor,
    kernel_size: impl Into<Pair>,
    stride: impl IntoStride,
    padding: impl Into<Pair>,
    dilation: impl Into<Pair>,
    ceil_mode: bool,
) -> Result<Tensor> {
    sliding(kernel_size, stride, padding, dilation, ceil_mode).maximum(input, false)
}

/// [`max_pool2d`], and where each maximum was: `row · W + column` in its plane, as i64.
///
/// # Errors
/// As [`max_pool2d`].
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional as F;
/// let x = tensor![[[1., 2., 5.], [3., 4., 0.]]];
/// let (_, indices) = F::max_pool2d_with_indices(&x, 2, 1, 0, 1, false)?;
/// assert_eq!(indices.to_vec::<i64>()?, [4, 2]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn max_pool2d_with_indices(
    input: &Tensor,
    kernel_size: impl Into<Pair>,
    stride: impl IntoStride,
    padding: impl Into<Pair>,
    dilation: impl Into<Pair>,
    ceil_mode: bool,
) -> Result<(Tensor, Tensor)> {
    sliding(kernel_size, stride, padding, dilation, ceil_mode).maximum_with_indices(input)
}

pub(crate) fn sliding(
    kernel_size: impl Into<Pair>,
    stride: impl IntoStride,
    padding: impl Into<Pair>,
    dilation: impl Into<Pair>,
    ceil_mode: bool,
) -> Sliding {
    let kernel = kernel_size.into();
    Sliding {
        kernel: kernel.tuple(),
        stride: stride.into_stride().unwrap_or(kernel).tuple(),
        padding: padding.into().tuple(),
        dilation: dilation.into().tuple(),
        ceil_mode,
    }
}

impl Sliding {
    /// [`max_pool2d`], of the input's ReLU if `relu`, which takes no pass over memory of its own.
    pub(crate) fn maximum(self, input: &Tensor, relu: bool) -> Result<Tensor> {
        Ok(self.max_pool(input, relu, false)?.swap_remove(0))
    }

    /// [`max_pool2d_with_indices`].
    pub(crate) fn maximum_with_indices(self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut both = self.max_pool(input, false, true)?;
        Ok((both.swap_remove(0), both.swap_remove(0)))
    }

    /// The maxima, and where they were if that is asked for.
    fn max_pool(self, input: &Tensor, relu: bool, indices: bool) -> Result<Vec<Tensor>> {
        if !matches!(input.rank(), 3 | 4) {
            return Err(Error::shape(
                "non-empty 3D or 4D (batch mode) tensor expected for input",
            ));
        }
        let shape = self.over(input)?;
        checked_numel(&with_plane(input, plane_of(shape.output)))?;
        if relu && !taps_fit_a_byte(&shape) {
            return self.max_pool(&super::relu(input)?, false, indices);
        }
        let op = MaxPool {
            window: self,
            shape,
            relu,
            indices,
        };
        apply(op, input)
    }
}

/// Whether a byte can count the taps of a window.
fn taps_fit_a_byte(shape: &PoolShape) -> bool {
    shape.kernel[1].saturating_mul(shape.kernel[2]) <= MAX_POOL_TAPS
}

/// The maximum of each window, and where it was if that is asked for.
#[derive(Clone)]
pub struct MaxPool {
    /// As it was given.
    window: Sliding,
    /// For the kernels.
    shape: PoolShape,
    /// Whether it is the maximum of the input's ReLU.
    relu: bool,
    /// Whether the places of the maxima are an output too.
    indices: bool,
}

impl Operation for MaxPool {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Vec<Tensor>;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        match self.indices {
            true => "max_pool2d_with_indices",
            false => "max_pool2d",
        }
    }
    fn grad_name(&self) -> &'static str {
        "MaxPool2DWithIndicesBackward0"
    }
    fn attributes(&self) -> Attributes {
        let mut all = self.window.attributes();
        all.push(("dilation", pair(self.window.dilation)));
        all.push(("relu", self.relu.into()));
        all
    }
    fn forward(&self, x: &Tensor, own: &mut Own) -> Result<Vec<Tensor>> {
        let (shape, sizes) = (&self.shape, &with_plane(x, plane_of(self.shape.output))[..]);
        check_meets_input(shape)?;
        let (out, maxima) = dispatch_float!("max_pool2d", x.dtype(), T => {
            let (x, mut out) = (x.as_slice::<T>()?, Buffer::<T>::try_new(checked_numel(sizes)?)?);
            let maxima = match taps_fit_a_byte(shape) {
                true => filled(sizes, |taps| {
                    max_pool_forward_taps(shape, x, self.relu, &mut out, taps);
                }),
                false => filled(sizes, |places| max_pool_forward(shape, x, &mut out, places)),
            };
            (Tensor::from_buffer(out, sizes), maxima?)
        });
        let mut outputs = vec![out];
        if self.indices {
            outputs.push(places(shape, &maxima)?);
        }
        own.keep(maxima);
        Ok(outputs)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let grad = grads[0].as_ref().expect("the only one");
        let (shape, sizes, maxima) = (&self.shape, saved.shape(0), saved.own(0)?);
        if saved.recording() {
            return Ok([Some(scatter(shape, &maxima, grad, sizes)?)]);
        }
        let grad = grad.contiguous()?;
        dispatch_float!("max_pool2d", grad.dtype(), T => {
            let grad = grad.as_slice::<T>()?;
            Ok([Some(match maxima.dtype() {
                DType::U8 => {
                    let taps = maxima.as_slice()?;
                    filled(sizes, |dx| max_pool_backward_taps(shape, grad, taps, dx))
                }
                _ => {
                    let places = maxima.as_slice()?;
                    filled(sizes, |dx| max_pool_backward(shape.planes, grad, places, dx))
                }
            }?)])
        })
    }
}

/// The gradient of a maximum pooling in operations.
fn scatter(shape: &PoolShape, maxima: &Tensor, grad: &Tensor, sizes: &[usize]) -> Result<Tensor> {
    let (mut at, mut grad) = (maxima.clone(), grad.clone());
    if at.dtype() == DType::U8 {
        // Where a ReLU made a maximum zero there is no tap.
        let none = at.gt((shape.kernel[1] * shape.kernel[2] - 1) as i64)?;
        at = places(shape, &at.masked_fill(&none, 0)?)?.masked_fill(&none, 0)?;
        grad = grad.masked_fill(&none, 0.0)?;
    }
    let zeros = Tensor::try_zeros_of(sizes, grad.dtype())?.flatten(-2, -1)?;
    let (at, grad) = (at.flatten(-2, -1)?, grad.flatten(-2, -1)?);
    zeros.scatter_add(-1, &at, &grad)?.reshape(sizes)
}

/// Where in their planes the maxima were.
fn places(shape: &PoolShape, maxima: &Tensor) -> Result<Tensor> {
    if maxima.dtype() != DType::U8 {
        return Ok(maxima.clone());
    }
    let taps = maxima.as_slice()?;
    filled(maxima.shape(), |places| {
        max_pool_places(shape, taps, places)
    })
}

/// The mean of each window.
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`; each of the last two sizes becomes
/// `(size + 2·padding - kernel) / stride + 1`, rounded down, or up with `ceil_mode` (where a last
/// window that would start beyond the input is left out). A stride of `None` is the kernel's size.
///
/// The sum is divided by the number of positions in the window: those in the input or its padding
/// if `count_include_pad`, else those in the input; or by `divisor_override`.
///
/// # Errors
/// If the input is not 3-d or 4-d, the padding is more than half of the kernel, no window fits, or
/// the divisor is 0.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional as F;
/// let x = tensor![[[2., 4., 6.]]];
/// let y = F::avg_pool2d(&x, (1, 2), (1, 2), (0, 1), false, true, None)?;
/// assert_eq!(y.to_vec::<f32>()?, [1., 5.]);
/// let y = F::avg_pool2d(&x, (1, 2), (1, 2), (0, 1), false, false, None)?;
/// assert_eq!(y.to_vec::<f32>()?, [2., 5.]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn avg_pool2d(
    input: &Tensor,
    kernel_size: impl Into<Pair>,
    stride: impl IntoStride,
    padding: impl Into<Pair>,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Option<i64>,
) -> Result<Tensor> {
    let divisor = match divisor_override {
        Some(0) => return Err(Error::value("divisor must be not zero")),
        Some(n) => AvgDivisor::Fixed(n),
        None if count_include_pad => AvgDivisor::CountPadding,
        None => AvgDivisor::CountInput,
    };
    let window = sliding(kernel_size, stride, padding, 1, ceil_mode);
    avg_pool_windows(input, window, divisor)
}

/// Not generic, so compiled once.
fn avg_pool_windows(input: &Tensor, window: Sliding, divisor: AvgDivisor) -> Result<Tensor> {
    let shape = window.over(input)?;
    // The positions of a window are counted.
    checked_numel(&shape.kernel)?;
    let of = Windows::Sliding(window, shape, divisor);
    apply(AveragePool { of, grad: false }, input)
}

/// Which windows are averaged.
#[derive(Clone)]
enum Windows {
    /// Those of a window that slides: as it was given, and for the kernels.
    Sliding(Sliding, PoolShape, AvgDivisor),
    /// Those between two sizes of a plane.
    Adaptive(AdaptivePoolShape),
}

/// The means of windows; or the gradient, which spreads that of each mean over its window.
#[derive(Clone)]
pub struct AveragePool {
    /// The windows.
    of: Windows,
    /// Whether it is the gradient.
    grad: bool,
}

impl Operation for AveragePool {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        match (&self.of, self.grad) {
            (Windows::Sliding(..), false) => "avg_pool2d",
            (Windows::Sliding(..), true) => "avg_pool2d_backward",
            (Windows::Adaptive(..), false) => "adaptive_avg_pool2d",
            (Windows::Adaptive(..), true) => "adaptive_avg_pool2d_backward",
        }
    }
    fn grad_name(&self) -> &'static str {
        match self.of {
            Windows::Sliding(..) => "AvgPool2DBackward0",
            Windows::Adaptive(..) => "AdaptiveAvgPool2DBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        let (window, divisor) = match &self.of {
            Windows::Sliding(window, _, divisor) => (window, *divisor),
            Windows::Adaptive(shape) => {
                return vec![("output_size", pair(plane_of(shape.output)))];
            }
        };
        let mut all = window.attributes();
        all.push(match divisor {
            AvgDivisor::Fixed(n) => ("divisor_override", n.into()),
            by => ("count_include_pad", (by == AvgDivisor::CountPadding).into()),
        });
        all
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let (input, output) = match self.of {
            Windows::Sliding(_, shape, _) => (shape.input, shape.output),
            Windows::Adaptive(shape) => (shape.input, shape.output),
        };
        let sizes = with_plane(x, plane_of(if self.grad { input } else { output }));
        dispatch_float!(Operation::name(self), x.dtype(), T => {
            let x = x.as_slice::<T>()?;
            filled(&sizes, |out| match (&self.of, self.grad) {
                (Windows::Sliding(_, shape, by), false) => avg_pool_forward(shape, x, *by, out),
                (Windows::Sliding(_, shape, by), true) => avg_pool_backward(shape, x, *by, out),
                (Windows::Adaptive(shape), false) => adaptive_avg_pool_forward(shape, x, out),
                (Windows::Adaptive(shape), true) => adaptive_avg_pool_backward(shape, x, out),
            })
        })
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let back = AveragePool {
            of: self.of.clone(),
            grad: !self.grad,
        };
        Ok([Some(apply(back, grad)?)])
    }
}

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
/// use pleach_core::tensor;
/// use pleach_nn::functional as F;
/// let x = tensor![[[1., 2., 6.]]];
/// assert_eq!(F::adaptive_avg_pool2d(&x, (None, 2))?.to_vec::<f32>()?, [1.5, 4.]);
/// assert_eq!(F::adaptive_avg_pool2d(&x, 1)?.to_vec::<f32>()?, [3.]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn adaptive_avg_pool2d(input: &Tensor, output_size: impl Into<OutputSize>) -> Result<Tensor> {
    let rank = input.rank();
    if rank < 3 {
        return Err(Error::value("Input dimension should be at least 3"));
    }
    if rank > 4 {
        return Err(Error::shape(format!(
            "adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got {:?}",
            input.shape()
        )));
    }
    let (planes, in_plane) = planes(input);
    let output = output_size.into().of(in_plane);
    if output == (1, 1) {
        return input.mean_dim([-1, -2], true);
    }
    if in_plane.0 == 0 || in_plane.1 == 0 {
        let dim = if in_plane.0 == 0 { -2 } else { -1 };
        return Err(Error::shape(format!(
            "adaptive_avg_pool2d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {:?} with dimension {dim} being empty",
            input.shape()
        )));
    }
    let (input_size, output) = ([in_plane.0, in_plane.1], [output.0, output.1]);
    let of = Windows::Adaptive(AdaptivePoolShape::new(planes, input_size, output));
    apply(AveragePool { of, grad: false }, input)
}

/// Images times channels, and the size of a plane.
fn planes(input: &Tensor) -> (usize, (usize, usize)) {
    let (lead, plane) = input.shape().split_at(input.rank() - 2);
    (lead.iter().product(), (plane[0], plane[1]))
}

/// The last two of the kernels' three sizes.
fn plane_of([_, h, w]: [usize; 3]) -> (usize, usize) {
    (h, w)
}

/// The input's sizes with another plane.
fn with_plane(input: &Tensor, (h, w): (usize, usize)) -> Vec<usize> {
    let mut sizes = input.shape()[..input.rank() - 2].to_vec();
    sizes.extend([h, w]);
    sizes
}

fn pair((h, w): (usize, usize)) -> Attribute {
    [h, w][..].into()
}

/// How a window slides.
#[derive(Clone, Copy)]
pub(crate) struct Sliding {
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
    dilation: (usize, usize),
    ceil_mode: bool,
}

impl Sliding {
    fn attributes(&self) -> Attributes {
        vec![
            ("kernel_size", pair(self.kernel)),
            ("stride", pair(self.stride)),
            ("padding", pair(self.padding)),
            ("ceil_mode", self.ceil_mode.into()),
        ]
    }

    /// The shape for the kernels, after the checks that they rely on.
    fn over(&self, input: &Tensor) -> Result<PoolShape> {
        let sizes = input.shape();
        if sizes.len() < 3 {
            return Err(pleach_core::ErrorKind::DimOutOfRange {
                dim: -3,
                rank: sizes.len(),
            }
            .into());
        }
        for (name, (h, w)) in [
            ("kernel size", self.kernel),
            ("stride", self.stride),
            ("dilation", self.dilation),
        ] {
            if h == 0 || w == 0 {
                return Err(Error::value(format!(
                    "{name} should be greater than zero, but got height: {h}, width: {w}"
                )));
            }
        }
        let (planes, plane) = planes(input);
        let [rows, columns] = windows(self.kernel, self.stride, self.padding, self.dilation);
        let (rows, columns) = (rows.within(plane.0)?, columns.within(plane.1)?);
        let out_h = out_size(rows, plane.0, self.ceil_mode)?;
        let out_w = out_size(columns, plane.1, self.ceil_mode)?;
        // The batch alone may be empty.
        if sizes.len() > 4 || sizes[sizes.len() - 3..].contains(&0) {
            return Err(Error::shape(format!(
                "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{sizes:?}"
            )));
        }
        let (kernel, padding) = (self.kernel, self.padding);
        if padding.0 > kernel.0 / 2 || padding.1 > kernel.1 / 2 {
            return Err(Error::value(format!(
                "pad should be smaller than or equal to half of kernel size, but got padW = {}, padH = {}, kW = {}, kH = {}",
                padding.1, padding.0, kernel.1, kernel.0
            )));
        }
        if out_h < 1 || out_w < 1 {
            let channels = sizes[sizes.len() - 3];
            return Err(Error::shape(format!(
                "Given input size: ({channels}x{}x{}). Calculated output size: ({channels}x{out_h}x{out_w}). Output size is too small",
                plane.0, plane.1
            )));
        }
        // A window that is alone takes no step.
        let step = |out: i64, stride: usize| if out == 1 { 1 } else { stride };
        Ok(PoolShape {
            planes,
            input: [1, plane.0, plane.1],
            output: [1, out_h as usize, out_w as usize],
            kernel: [1, self.kernel.0, self.kernel.1],
            stride: [1, step(out_h, rows.stride), step(out_w, columns.stride)],
            padding: [0, self.padding.0, self.padding.1],
            dilation: [1, rows.dilation, columns.dilation],
        })
    }
}

/// The size of the output along one axis, which may come out below 1.
fn out_size(window: Window, size: usize, ceil_mode: bool) -> Result<i64> {
    let (kernel, padding, dilation) = (window.kernel, window.padding, window.dilation);
    let (span, padded) = (window.span()?, window.padded(size)?);
    if padding > span / 2 {
        return Err(Error::value(format!(
            "pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel} and dilation={dilation}"
        )));
    }
    // No step is longer than the dimension: all of these are i64s.
    let (rest, stride) = (padded as i64 - span as i64, window.stride as i64);
    let below = rest.div_euclid(stride) + 1;
    if !ceil_mode || rest.rem_euclid(stride) == 0 {
        return Ok(below);
    }
    // With ceil_mode there is one more window, which must start inside the input or the padding
    // before it.
    let start = below * stride;
    let starts_outside = start >= (size + padding) as i64;
    Ok(if starts_outside { below } else { below + 1 })
}

/// A dilated window can step over a tiny input, whose maximum would be minus infinity, taken from
/// nowhere.
fn check_meets_input(shape: &PoolShape) -> Result<()> {
    // Of an empty batch nothing is taken.
    if shape.planes == 0 || shape.windows_meet_input() {
        return Ok(());
    }
    let sizes = [shape.dilation, shape.padding, shape.input];
    let [dilation, padding, input] = sizes.map(plane_of);
    Err(Error::shape(format!(
        "max_pool2d: a window with dilation {dilation:?} and padding {padding:?} lies wholly outside an input of {input:?}"
    )))
}
