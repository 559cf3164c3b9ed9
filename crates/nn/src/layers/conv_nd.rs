//! [`ConvNd`]: what convolutions and transposed convolutions have in common.

use std::marker::PhantomData;

use pleach_core::print::python_tuple;
use pleach_core::{DType, Error, Parameter, Result, Tensor};
use pleach_kernels::{ConvShape, PackedConv};

use super::default_init::{check_float, empty_parameter, reset_weight_and_bias};
use super::packed::{PackedCache, is_recorded};
use crate::functional::{
    ConvKind, ConvNdOptions, Padding, PaddingMode, Size, Transposed, conv_setters, convolution,
    output_padding_setters,
};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};
use crate::{Forward, Module, Node, Step};

/// A convolution over one, two or three dimensions, with learned kernels: see
/// [`Conv`](super::Conv) and [`ConvTranspose`](super::ConvTranspose).
#[derive(Module)]
#[module(name = K::NAMES[D - 1], extra_repr, debug)]
pub struct ConvNd<K: ConvKind, const D: usize> {
    node: Node,
    kind: PhantomData<K>,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// The sizes of a kernel.
    pub kernel_size: [usize; D],
    /// Step between windows.
    pub stride: [usize; D],
    /// What is added around the input; of a transposed convolution, what is cut from each side of
    /// the output, a number.
    #[module(skip)]
    pub padding: Padding<D>,
    /// Step between the elements of a window.
    pub dilation: [usize; D],
    /// What a transposed convolution adds at the end of the output.
    pub output_padding: [usize; D],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// What stands around the input.
    #[module(skip)]
    pub padding_mode: PaddingMode,
    /// `[out_channels, in_channels / groups, kernel_size]`; of a transposed convolution
    /// `[in_channels, out_channels / groups, kernel_size]`.
    pub weight: Parameter,
    /// `[out_channels]`.
    pub bias: Option<Parameter>,
    /// For inference.
    #[module(skip)]
    pub(super) packed: PackedCache<ConvShape, PackedConv<f32>>,
}

impl<K: ConvKind, const D: usize> ConvNd<K, D> {
    /// A convolution with stride 1, no padding, and a bias, in f32.
    ///
    /// A kernel size of 0 is noticed by `forward`, as in PyTorch.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`ConvNdBuilder::build`].
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Size<D>>) -> Self {
        or_panic(Self::builder(in_channels, out_channels, kernel_size).build())
    }

    /// A convolution with options.
    pub fn builder(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Size<D>>,
    ) -> ConvNdBuilder<K, D> {
        ConvNdBuilder {
            in_channels,
            out_channels,
            kernel_size: kernel_size.into().array(),
            options: ConvNdOptions::new(),
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

    /// The function's options.
    pub(super) fn options(&self) -> ConvNdOptions<K, D> {
        ConvNdOptions {
            kind: PhantomData,
            stride: self.stride,
            padding: Ok(self.padding),
            dilation: self.dilation,
            output_padding: self.output_padding,
            groups: self.groups,
        }
    }

    fn extra_repr(&self) -> String {
        let (kernel_size, stride) = (python_tuple(&self.kernel_size), python_tuple(&self.stride));
        let mut text = format!(
            "{}, {}, kernel_size={kernel_size}, stride={stride}",
            self.in_channels, self.out_channels
        );
        let mut unless = |usual: bool, name: &str, value: String| {
            if !usual {
                text += &format!(", {name}={value}");
            }
        };
        let (padding, more) = (self.padding, self.output_padding);
        unless(
            padding == Padding::Size([0; D]),
            "padding",
            padding.to_string(),
        );
        unless(
            self.dilation == [1; D],
            "dilation",
            python_tuple(&self.dilation),
        );
        unless(more == [0; D], "output_padding", python_tuple(&more));
        unless(self.groups == 1, "groups", self.groups.to_string());
        unless(self.bias.is_some(), "bias", "False".to_string());
        let mode = self.padding_mode;
        unless(mode == PaddingMode::Zeros, "padding_mode", mode.to_string());
        text
    }
}

impl<K: ConvKind, const D: usize> Forward for ConvNd<K, D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(self.forward_then(input, &[])?.0)
    }

    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        let (weight, bias) = (
            self.weight.try_tensor()?,
            self.bias.as_ref().map(Parameter::try_tensor).transpose()?,
        );
        let (weight, bias) = (&weight, bias.as_ref());
        if is_recorded([Some(input), Some(weight), bias]) {
            self.packed.clear();
        } else if let Some(done) = self.infer((input, weight, bias), steps)? {
            return Ok(done);
        }
        let mut options = self.options();
        if self.padding_mode == PaddingMode::Zeros {
            return Ok((convolution((input, weight, bias), &options)?, 0));
        }
        let border = options
            .border(self.kernel_size)?
            .into_iter()
            .rev()
            .flatten();
        let border: Vec<_> = border
            .map(|n| i64::try_from(n).unwrap_or(i64::MAX))
            .collect();
        let padded = input.pad(&border, self.padding_mode.into(), 0.0)?;
        options.padding = Ok(Padding::Valid);
        Ok((convolution((&padded, weight, bias), &options)?, 0))
    }
}

/// Options of a [`ConvNd`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConvNdBuilder<K, const D: usize> {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    pub(super) kernel_size: [usize; D],
    pub(super) options: ConvNdOptions<K, D>,
    pub(super) bias: bool,
    pub(super) padding_mode: Result<PaddingMode>,
    pub(super) dtype: DType,
}

impl<K: ConvKind, const D: usize> ConvNdBuilder<K, D> {
    conv_setters!(|builder| builder.options);

    setters! {
        |builder| builder;
        /// Whether there is a bias (yes, by default).
        bias: bool = bias;
        /// What to add around the input: `"zeros"` (the default, and all that a transposed
        /// convolution supports), `"reflect"`, `"replicate"` or `"circular"`, or a [`PaddingMode`].
        padding_mode: impl TryInto<PaddingMode, Error: Into<Error>> = given(padding_mode);
        /// The dtype of the parameters (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer and draws its initial values.
    ///
    /// # Errors
    /// If the groups do not divide the channels, `"same"` padding comes with a stride, a string is
    /// unknown, a transposed convolution has another padding mode than `"zeros"`, the dtype is not
    /// a float type, or the memory cannot be had.
    pub fn build(self) -> Result<ConvNd<K, D>> {
        let (from, to, options) = (self.in_channels, self.out_channels, self.options);
        let (padding_mode, groups) = (self.padding_mode?, options.groups);
        let text = match groups {
            _ if K::TRANSPOSED && padding_mode != PaddingMode::Zeros => &format!(
                "Only \"zeros\" padding mode is supported for {}",
                K::NAMES[D - 1]
            ),
            0 => "groups must be a positive integer",
            n if !from.is_multiple_of(n) => "in_channels must be divisible by groups",
            n if !to.is_multiple_of(n) => "out_channels must be divisible by groups",
            _ => "",
        };
        if !text.is_empty() {
            return Err(Error::value(text));
        }
        let padding = options.checked_padding()?;
        check_float(self.dtype)?;
        let lead = match K::TRANSPOSED {
            true => [from, to / groups],
            false => [to, from / groups],
        };
        let weight = empty_parameter(&[&lead[..], &self.kernel_size].concat(), self.dtype)?;
        let bias = self.bias.then(|| empty_parameter(&[to], self.dtype));
        let layer = ConvNd {
            node: Node::new(),
            kind: PhantomData,
            in_channels: from,
            out_channels: to,
            kernel_size: self.kernel_size,
            stride: options.stride,
            padding,
            dilation: options.dilation,
            output_padding: options.output_padding,
            groups,
            padding_mode,
            weight,
            bias: bias.transpose()?,
            packed: PackedCache::default(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }
}

impl<const D: usize> ConvNdBuilder<Transposed, D> {
    output_padding_setters!(|builder| builder.options);
}
