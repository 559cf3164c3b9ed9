//! [`Conv2d`].

use pleach_core::autograd::profiler::record_operation;
use pleach_core::autograd::trace::is_tracing;
use pleach_core::{DType, Error, Parameter, Result, Tensor, Window};
use pleach_kernels::{Activation, Bias, ConvShape, Epilogue, PackedConv};

use super::default_init::{check_float, empty_parameter, reset_weight_and_bias};
use super::packed::{PackedCache, is_recorded};
use crate::functional::{
    ConvOptions, IntoPadding, IntoPaddingMode, Padding, PaddingMode, Pair, filled,
};
use crate::or_panic::or_panic;
use crate::{Forward, Module, Node};

/// A convolution of images: [`functional::conv2d`](crate::functional::conv2d) with learned kernels.
///
/// Shapes: input `[N, in_channels, H, W]` or `[in_channels, H, W]`, output
/// `[N, out_channels, H', W']` or the same without N, where
/// `H' = (H + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1`.
///
/// Weight and bias start uniform in `±1 / sqrt(fan_in)`, where
/// `fan_in = in_channels / groups · kernel height · kernel width`.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::{Forward, layers::Conv2d};
///
/// let conv = Conv2d::builder(3, 64, 7).stride(2).padding(3).bias(false).build()?;
/// assert_eq!(
///     conv.to_string(),
///     "Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)"
/// );
/// assert_eq!(conv.weight.shape(), [64, 3, 7, 7]);
/// assert_eq!(conv.call(&Tensor::zeros([2, 3, 32, 32]))?.shape(), [2, 64, 16, 16]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct Conv2d {
    node: Node,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of a kernel.
    pub kernel_size: (usize, usize),
    /// Step between windows.
    pub stride: (usize, usize),
    /// Rows and columns added around the image.
    #[module(skip)]
    pub padding: Padding,
    /// Step between the pixels of a window.
    pub dilation: (usize, usize),
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// What is added around the image.
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

impl Conv2d {
    /// A convolution with stride 1, no padding, and a bias, in f32.
    ///
    /// A kernel size of 0 is noticed by `forward`, as in PyTorch.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`Conv2dBuilder::build`].
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Pair>) -> Self {
        or_panic(Self::builder(in_channels, out_channels, kernel_size).build())
    }

    /// A convolution with options.
    pub fn builder(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Pair>,
    ) -> Conv2dBuilder {
        Conv2dBuilder {
            in_channels,
            out_channels,
            kernel_size: kernel_size.into().tuple(),
            stride: (1, 1),
            padding: Ok(Padding::Size(Pair::One(0))),
            dilation: (1, 1),
            groups: 1,
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

    /// What to add before and after the columns, then the rows, for a padding that is not of zeros.
    fn border(&self) -> Result<[i64; 4]> {
        let (h, w) = match self.padding {
            Padding::Size(size) => size.tuple(),
            Padding::Valid | Padding::Same => (0, 0),
        };
        let [rows, columns] = self.options(self.padding).windows(self.kernel_size, (h, w));
        // Each is half of a size that was checked, so it is an i64.
        let of = |window: Window| -> Result<(usize, usize)> {
            if self.padding == Padding::Same {
                let total = window.span()? - 1;
                return Ok((total / 2, total - total / 2));
            }
            window.padded(0)?;
            Ok((window.padding, window.padding))
        };
        let (rows, columns) = (of(rows)?, of(columns)?);
        Ok([columns.0, columns.1, rows.0, rows.1].map(|n| n as i64))
    }

    fn options(&self, padding: Padding) -> ConvOptions {
        ConvOptions {
            stride: self.stride,
            padding,
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    fn extra_repr(&self) -> String {
        let mut text = format!(
            "{}, {}, kernel_size={:?}, stride={:?}",
            self.in_channels, self.out_channels, self.kernel_size, self.stride
        );
        match self.padding {
            Padding::Size(size) if size.tuple() == (0, 0) => {}
            Padding::Size(size) => text += &format!(", padding={:?}", size.tuple()),
            Padding::Same => text += ", padding=same",
            Padding::Valid => text += ", padding=valid",
        }
        if self.dilation != (1, 1) {
            text += &format!(", dilation={:?}", self.dilation);
        }
        if self.groups != 1 {
            text += &format!(", groups={}", self.groups);
        }
        if self.bias.is_none() {
            text += ", bias=False";
        }
        if self.padding_mode != PaddingMode::Zeros {
            text += &format!(", padding_mode={}", self.padding_mode);
        }
        text
    }
}

impl Forward for Conv2d {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let weight = self.weight.tensor();
        let bias = self.bias.as_ref().map(Parameter::tensor);
        if let Some(out) = self.infer(input, &weight, bias.as_ref(), None, false) {
            return out;
        }
        let convolve = |input: &Tensor, padding| {
            let options = self.options(padding);
            options.convolve((input, &weight, bias.as_ref()))
        };
        if self.padding_mode == PaddingMode::Zeros {
            return convolve(input, self.padding);
        }
        let padded = input.pad(&self.border()?, self.padding_mode.into(), 0.0)?;
        convolve(&padded, Padding::Valid)
    }

    fn forward_relu(&self, input: &Tensor, residual: Option<&Tensor>) -> Option<Result<Tensor>> {
        let weight = self.weight.tensor();
        let bias = self.bias.as_ref().map(Parameter::tensor);
        self.infer(input, &weight, bias.as_ref(), residual, true)
    }
}

impl Conv2d {
    /// The convolution with weights that are packed once, and what follows it; `None` if it is to
    /// be recorded, or is of a kind that has no such form.
    fn infer(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        residual: Option<&Tensor>,
        relu: bool,
    ) -> Option<Result<Tensor>> {
        if is_recorded([Some(input), Some(weight), bias])
            || residual.is_some_and(|r| is_recorded([Some(r), None, None]))
        {
            self.packed.clear();
            return None;
        }
        if is_tracing()
            || input.dtype() != DType::F32
            || input.rank() != 4
            || self.padding_mode != PaddingMode::Zeros
        {
            return None;
        }
        let run = || self.run_packed(input, weight, bias, residual, relu);
        record_operation("conv2d", &[Some(input), Some(weight), bias], run).transpose()
    }

    fn run_packed(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        residual: Option<&Tensor>,
        relu: bool,
    ) -> Result<Option<Tensor>> {
        let (x, shape) = self.options(self.padding).checked((input, weight, bias))?;
        let [_, height, width] = shape.output();
        let sizes = [shape.batch, shape.out_channels, height, width];
        if residual.is_some_and(|r| r.shape() != sizes || r.dtype() != DType::F32) {
            return Ok(None);
        }
        let x = x.contiguous()?;
        let residual = residual.map(Tensor::contiguous).transpose()?;
        // Making sure of the slices first: packing itself cannot fail.
        let dense = (
            weight.contiguous()?,
            bias.map(Tensor::contiguous).transpose()?,
        );
        let w = dense.0.as_slice::<f32>()?;
        let b = dense.1.as_ref().map(Tensor::as_slice).transpose()?;
        let pack = || PackedConv::new(&shape, w);
        // The batch too has a part in the choice of an algorithm.
        let packed = self.packed.get(weight, None, shape, pack);
        let residual = residual.as_ref().map(Tensor::as_slice).transpose()?;
        let x = x.as_slice::<f32>()?;
        let epilogue = Epilogue {
            bias: b.map_or(Bias::None, Bias::PerRow),
            residual,
            activation: if relu {
                Activation::RELU
            } else {
                Activation::None
            },
        };
        let run = |out: &mut [f32]| packed.forward(shape.batch, shape.input, x, epilogue, out);
        filled(&sizes, run).map(Some)
    }
}

/// Options of a [`Conv2d`].
#[derive(Debug)]
#[must_use]
pub struct Conv2dBuilder {
    in_channels: usize,
    out_channels: usize,
    kernel_size: (usize, usize),
    stride: (usize, usize),
    padding: Result<Padding>,
    dilation: (usize, usize),
    groups: usize,
    bias: bool,
    padding_mode: Result<PaddingMode>,
    dtype: DType,
}

impl Conv2dBuilder {
    /// Step between windows (1 by default).
    pub fn stride(mut self, stride: impl Into<Pair>) -> Self {
        self.stride = stride.into().tuple();
        self
    }

    /// Rows and columns to add on each side of the image (0 by default), `"same"` or `"valid"`.
    pub fn padding(mut self, padding: impl IntoPadding) -> Self {
        self.padding = padding.into_padding();
        self
    }

    /// Step between the pixels of a window (1 by default).
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.dilation = dilation.into().tuple();
        self
    }

    /// Groups of channels that do not see each other (1 by default).
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Whether there is a bias (yes, by default).
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// What to add around the image: `"zeros"` (the default), `"reflect"`, `"replicate"` or
    /// `"circular"`, or a [`PaddingMode`].
    pub fn padding_mode(mut self, mode: impl IntoPaddingMode) -> Self {
        self.padding_mode = mode.into_padding_mode();
        self
    }

    /// The dtype of the parameters (f32 by default).
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds the layer and draws its initial values.
    ///
    /// # Errors
    /// If the groups do not divide the channels, `"same"` padding comes with a stride, a string is
    /// unknown, a stride or dilation is 0, the dtype is not a float type, or the memory cannot be
    /// had.
    pub fn build(self) -> Result<Conv2d> {
        if self.groups == 0 {
            return Err(Error::value("groups must be a positive integer"));
        }
        if !self.in_channels.is_multiple_of(self.groups) {
            return Err(Error::value("in_channels must be divisible by groups"));
        }
        if !self.out_channels.is_multiple_of(self.groups) {
            return Err(Error::value("out_channels must be divisible by groups"));
        }
        let padding = self.padding?;
        if padding == Padding::Same && self.stride != (1, 1) {
            return Err(Error::value(
                "padding='same' is not supported for strided convolutions",
            ));
        }
        let padding_mode = self.padding_mode?;
        check_float(self.dtype)?;
        let (h, w) = self.kernel_size;
        let weight_shape = [self.out_channels, self.in_channels / self.groups, h, w];
        let conv = Conv2d {
            node: Node::new(),
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            kernel_size: self.kernel_size,
            stride: self.stride,
            padding,
            dilation: self.dilation,
            groups: self.groups,
            padding_mode,
            weight: empty_parameter(&weight_shape, self.dtype)?,
            bias: self
                .bias
                .then(|| empty_parameter(&[self.out_channels], self.dtype))
                .transpose()?,
            packed: PackedCache::default(),
        };
        conv.reset_parameters()?;
        Ok(conv)
    }
}
