//! [`Conv`]: [`Conv1d`], [`Conv2d`], [`Conv3d`].

use pleach_core::autograd::profiler::record_operation;
use pleach_core::autograd::trace::is_tracing;
use pleach_core::print::python_tuple;
use pleach_core::{DType, Error, Parameter, Result, Tensor, Window};
use pleach_kernels::{Bias, ConvShape, Epilogue, PackedConv};

use super::default_init::{check_float, empty_parameter, reset_weight_and_bias};
use super::packed::{PackedCache, is_recorded};
use crate::chain::Taken;
use crate::functional::{
    ConvOptions, Padding, PaddingMode, Size, check_same, conv, conv_setters, filled,
};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};
use crate::{Forward, Module, Node, Step};

/// A convolution of sequences: input `[N, in_channels, L]` or `[in_channels, L]`; see [`Conv`].
pub type Conv1d = Conv<1>;
/// A convolution of images: input `[N, in_channels, H, W]` or `[in_channels, H, W]`; see [`Conv`].
pub type Conv2d = Conv<2>;
/// A convolution of volumes: input `[N, in_channels, D, H, W]` or `[in_channels, D, H, W]`; see
/// [`Conv`].
pub type Conv3d = Conv<3>;

const NAMES: [&str; 3] = ["Conv1d", "Conv2d", "Conv3d"];

/// A convolution over one, two or three dimensions, with learned kernels: what
/// [`functional::conv2d`](crate::functional::conv2d) computes for two.
///
/// Shapes: input `[N, in_channels, *]` or `[in_channels, *]`, output `[N, out_channels, *]` or the
/// same without N, where each size becomes
/// `(size + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1`.
///
/// Weight and bias start uniform in `±1 / sqrt(fan_in)`, where
/// `fan_in = in_channels / groups · product of kernel_size`.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::{Forward, layers::{Conv1d, Conv2d}};
///
/// let conv = Conv2d::builder(3, 64, 7).stride(2).padding(3).bias(false).build()?;
/// assert_eq!(
///     conv.to_string(),
///     "Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)"
/// );
/// assert_eq!(conv.weight.shape(), [64, 3, 7, 7]);
/// assert_eq!(conv.call(&Tensor::zeros([2, 3, 32, 32]))?.shape(), [2, 64, 16, 16]);
///
/// let speech = Conv1d::builder(1, 512, 10).stride(5).build()?;
/// assert_eq!(speech.kernel_size[0], 10);
/// assert_eq!(speech.call(&Tensor::zeros([1, 1, 400]))?.shape(), [1, 512, 79]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr)]
pub struct Conv<const D: usize> {
    node: Node,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// The sizes of a kernel.
    pub kernel_size: [usize; D],
    /// Step between windows.
    pub stride: [usize; D],
    /// What is added around the input.
    #[module(skip)]
    pub padding: Padding<D>,
    /// Step between the elements of a window.
    pub dilation: [usize; D],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// What stands around the input.
    #[module(skip)]
    pub padding_mode: PaddingMode,
    /// `[out_channels, in_channels / groups, kernel_size]`.
    pub weight: Parameter,
    /// `[out_channels]`.
    pub bias: Option<Parameter>,
    /// For inference.
    #[module(skip)]
    packed: PackedCache<ConvShape, PackedConv<f32>>,
}

impl<const D: usize> Conv<D> {
    /// A convolution with stride 1, no padding, and a bias, in f32.
    ///
    /// A kernel size of 0 is noticed by `forward`, as in PyTorch.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`ConvBuilder::build`].
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Size<D>>) -> Self {
        or_panic(Self::builder(in_channels, out_channels, kernel_size).build())
    }

    /// A convolution with options.
    pub fn builder(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Size<D>>,
    ) -> ConvBuilder<D> {
        ConvBuilder {
            in_channels,
            out_channels,
            kernel_size: kernel_size.into().array(),
            options: ConvOptions::new(),
            bias: true,
            padding_mode: Ok(PaddingMode::Zeros),
            dtype: DType::F32,
        }
    }

    /// Draws the initial values again.
    ///
    /// # Errors
    /// If the weight was replaced by one with fewer than two dimensions.
    pub fn reset_parameters(&self) -> Result<()> {
        reset_weight_and_bias(&self.weight, self.bias.as_ref())
    }

    /// What to add before and after each dimension, from the last, for a padding that is not of
    /// zeros.
    fn border(&self) -> Result<Vec<i64>> {
        let windows = self
            .options(self.padding)
            .windows(self.kernel_size, self.padding.size());
        // Each is half of a size that was checked, so it is an i64.
        let of = |window: Window| match self.padding {
            Padding::Same => {
                let total = window.span()? - 1;
                Ok([total / 2, total - total / 2].map(|n| n as i64))
            }
            _ => window.padded(0).map(|both| [both as i64 / 2; 2]),
        };
        let pairs = windows.into_iter().rev().map(of);
        Ok(pairs.collect::<Result<Vec<_>>>()?.concat())
    }

    fn options(&self, padding: Padding<D>) -> ConvOptions<D> {
        ConvOptions {
            stride: self.stride,
            padding: Ok(padding),
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    fn extra_repr(&self) -> String {
        let padding = match self.padding {
            Padding::Size(size) => shown("padding", size, 0),
            Padding::Same => ", padding=same".to_string(),
            Padding::Valid => ", padding=valid".to_string(),
        };
        let mode = match self.padding_mode {
            PaddingMode::Zeros => String::new(),
            mode => format!(", padding_mode={mode}"),
        };
        let channels = [self.in_channels, self.out_channels];
        let steps = padding + &shown("dilation", self.dilation, 1);
        let bias = self.bias.is_some();
        repr(
            channels,
            self.kernel_size,
            self.stride,
            &steps,
            self.groups,
            bias,
        ) + &mode
    }
}

/// `, dilation=(2, 2)`, unless all are as usual.
pub(super) fn shown<const D: usize>(name: &str, sizes: [usize; D], usual: usize) -> String {
    match sizes == [usual; D] {
        true => String::new(),
        false => format!(", {name}={}", python_tuple(&sizes)),
    }
}

/// What the convolutions print.
pub(super) fn repr<const D: usize>(
    [from, to]: [usize; 2],
    kernel_size: [usize; D],
    stride: [usize; D],
    steps: &str,
    groups: usize,
    bias: bool,
) -> String {
    let (kernel_size, stride) = (python_tuple(&kernel_size), python_tuple(&stride));
    let groups = match groups {
        1 => String::new(),
        n => format!(", groups={n}"),
    };
    let bias = if bias { "" } else { ", bias=False" };
    format!("{from}, {to}, kernel_size={kernel_size}, stride={stride}{steps}{groups}{bias}")
}

impl<const D: usize> Forward for Conv<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let weight = self.weight.tensor();
        let bias = self.bias.as_ref().map(Parameter::tensor);
        if let Some(out) = self.infer(input, &weight, bias.as_ref(), Taken::NONE) {
            return out;
        }
        let convolve =
            |input: &Tensor, padding| conv((input, &weight, bias.as_ref()), self.options(padding));
        if self.padding_mode == PaddingMode::Zeros {
            return convolve(input, self.padding);
        }
        let padded = input.pad(&self.border()?, self.padding_mode.into(), 0.0)?;
        convolve(&padded, Padding::Valid)
    }

    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        let weight = self.weight.tensor();
        let bias = self.bias.as_ref().map(Parameter::tensor);
        if !steps.is_empty() && !is_recorded([Some(input), Some(&weight), bias.as_ref()]) {
            let taken = Taken::of(steps, |residual| !is_recorded([Some(residual), None, None]))?;
            if let Some(out) = self.infer(input, &weight, bias.as_ref(), taken) {
                return Ok((out?, taken.steps));
            }
        }
        Ok((self.forward(input)?, 0))
    }
}

impl<const D: usize> Conv<D> {
    /// The convolution with weights that are packed once, and what follows it; `None` if it is to
    /// be recorded, or is of a kind that has no such form.
    fn infer(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        taken: Taken<'_>,
    ) -> Option<Result<Tensor>> {
        if is_recorded([Some(input), Some(weight), bias]) {
            self.packed.clear();
            return None;
        }
        if is_tracing()
            || input.dtype() != DType::F32
            || input.rank() != D + 2
            || self.padding_mode != PaddingMode::Zeros
        {
            return None;
        }
        let run = || self.run_packed(input, weight, bias, taken);
        let name = ["conv1d", "conv2d", "conv3d"][D - 1];
        record_operation(name, &[Some(input), Some(weight), bias], run).transpose()
    }

    fn run_packed(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        taken: Taken<'_>,
    ) -> Result<Option<Tensor>> {
        let (x, shape) = self.options(self.padding).checked((input, weight, bias))?;
        let sizes = [&[shape.batch, shape.out_channels], &shape.output()[3 - D..]].concat();
        let unfit = |r: &Tensor| r.shape() != sizes || r.dtype() != DType::F32;
        if taken.residual.is_some_and(unfit) {
            return Ok(None);
        }
        let x = x.contiguous()?;
        let residual = taken.residual.map(Tensor::contiguous).transpose()?;
        // Making sure of the slices first: packing itself cannot fail.
        let dense = (
            weight.contiguous()?,
            bias.map(Tensor::contiguous).transpose()?,
        );
        let w = dense.0.as_slice::<f32>()?;
        let b = dense.1.as_ref().map(Tensor::as_slice).transpose()?;
        let pack = || PackedConv::new(&shape, w);
        // The batch too has a part in the choice of an algorithm.
        let packed = self.packed.get(weight, shape, pack);
        let x = x.as_slice::<f32>()?;
        let epilogue = Epilogue {
            bias: b.map_or(Bias::None, Bias::PerRow),
            residual: residual.as_ref().map(Tensor::as_slice).transpose()?,
            activation: taken.activation,
        };
        let run = |out: &mut [f32]| packed.forward(shape.batch, shape.input, x, epilogue, out);
        filled(&sizes, run).map(Some)
    }
}

/// What the builders of both convolutions can be set to beside the functions' options.
macro_rules! conv_layer_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// Whether there is a bias (yes, by default).
            bias: bool = bias;
            /// What to add around the input: `"zeros"` (the default, and all that a transposed
            /// convolution supports), `"reflect"`, `"replicate"` or `"circular"`, or a
            /// [`PaddingMode`].
            padding_mode: impl TryInto<PaddingMode, Error: Into<Error>> = given(padding_mode);
            /// The dtype of the parameters (f32 by default).
            dtype: DType = dtype;
        }
    };
}
pub(super) use conv_layer_setters;

/// Options of a [`Conv`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConvBuilder<const D: usize> {
    in_channels: usize,
    out_channels: usize,
    kernel_size: [usize; D],
    options: ConvOptions<D>,
    bias: bool,
    padding_mode: Result<PaddingMode>,
    dtype: DType,
}

impl<const D: usize> ConvBuilder<D> {
    conv_setters!(|builder| builder.options);

    conv_layer_setters!(|builder| builder);

    /// Builds the layer and draws its initial values.
    ///
    /// # Errors
    /// If the groups do not divide the channels, `"same"` padding comes with a stride, a string is
    /// unknown, the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<Conv<D>> {
        let ConvOptions {
            stride,
            padding,
            dilation,
            groups,
        } = self.options;
        let (from, to) = (self.in_channels, self.out_channels);
        check_groups(from, to, groups)?;
        let padding = padding?;
        if padding == Padding::Same {
            check_same(stride)?;
        }
        let padding_mode = self.padding_mode?;
        let lead = [to, from / groups];
        let (weight, bias) =
            parameters(lead, &self.kernel_size, self.bias.then_some(to), self.dtype)?;
        Ok(Conv {
            node: Node::new(),
            in_channels: from,
            out_channels: to,
            kernel_size: self.kernel_size,
            stride,
            padding,
            dilation,
            groups,
            padding_mode,
            weight,
            bias,
            packed: PackedCache::default(),
        })
    }
}

/// Groups divide the channels.
pub(super) fn check_groups(in_channels: usize, out_channels: usize, groups: usize) -> Result<()> {
    let text = match groups {
        0 => "groups must be a positive integer",
        n if !in_channels.is_multiple_of(n) => "in_channels must be divisible by groups",
        n if !out_channels.is_multiple_of(n) => "out_channels must be divisible by groups",
        _ => return Ok(()),
    };
    Err(Error::value(text))
}

/// A convolution's weight and bias, drawn.
pub(super) fn parameters(
    channels: [usize; 2],
    kernel_size: &[usize],
    bias: Option<usize>,
    dtype: DType,
) -> Result<(Parameter, Option<Parameter>)> {
    check_float(dtype)?;
    let weight = empty_parameter(&[&channels, kernel_size].concat(), dtype)?;
    let bias = bias.map(|n| empty_parameter(&[n], dtype)).transpose()?;
    reset_weight_and_bias(&weight, bias.as_ref())?;
    Ok((weight, bias))
}
