//! [`ConvNd`]: what convolutions and transposed convolutions have in common.

use std::any::Any;
use std::marker::PhantomData;

use pleach_core::print::python_tuple;
use pleach_core::{DType, Error, Parameter, Result, Tensor};
use pleach_kernels::{ConvShape, PackedConv};

use super::default_init::{check_float, empty_parameter, reset_weight_and_bias};
use super::packed::PackedCache;
use crate::functional::{
    ConvOptions, ConvTransposeOptions, Padding, PaddingMode, Size, conv_setters,
};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};
use crate::{Forward, Module, Node, Step};

/// A kind of convolution: of [`Conv`](super::Conv), or of [`ConvTranspose`](super::ConvTranspose).
pub trait Kind: Any + Send + Sync + Sized {
    /// The names in one, two and three dimensions.
    const NAMES: [&'static str; 3];

    /// The first two sizes of the weight.
    #[doc(hidden)]
    fn lead(in_channels: usize, out_channels: usize, groups: usize) -> [usize; 2];

    /// What PyTorch refuses, in its order.
    #[doc(hidden)]
    fn check<const D: usize>(layer: &ConvNdBuilder<Self, D>) -> Result<()>;

    /// What [`Forward::forward_then`] does.
    #[doc(hidden)]
    fn run<const D: usize>(
        layer: &ConvNd<Self, D>,
        input: &Tensor,
        steps: &[Step<'_>],
    ) -> Result<(Tensor, usize)>;
}

/// A convolution over one, two or three dimensions, with learned kernels: see
/// [`Conv`](super::Conv) and [`ConvTranspose`](super::ConvTranspose).
#[derive(Module)]
#[module(name = K::NAMES[D - 1], extra_repr)]
pub struct ConvNd<K: Kind, const D: usize> {
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

impl<K: Kind, const D: usize> ConvNd<K, D> {
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
            kind: PhantomData,
            in_channels,
            out_channels,
            kernel_size: kernel_size.into().array(),
            options: ConvTransposeOptions::new(),
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

    /// The function's options, with this padding.
    pub(super) fn options(&self, padding: Padding<D>) -> ConvOptions<D> {
        ConvOptions {
            stride: self.stride,
            padding: Ok(padding),
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    fn extra_repr(&self) -> String {
        let sizes = |name: &str, sizes: [usize; D], usual: usize| match sizes == [usual; D] {
            true => String::new(),
            false => format!(", {name}={}", python_tuple(&sizes)),
        };
        let (kernel_size, stride) = (python_tuple(&self.kernel_size), python_tuple(&self.stride));
        let mut text = format!(
            "{}, {}, kernel_size={kernel_size}, stride={stride}",
            self.in_channels, self.out_channels
        );
        text += &match self.padding {
            Padding::Size(size) => sizes("padding", size, 0),
            Padding::Same => ", padding=same".to_string(),
            Padding::Valid => ", padding=valid".to_string(),
        };
        text += &sizes("dilation", self.dilation, 1);
        text += &sizes("output_padding", self.output_padding, 0);
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

impl<K: Kind, const D: usize> Forward for ConvNd<K, D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(K::run(self, input, &[])?.0)
    }

    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        K::run(self, input, steps)
    }
}

/// Options of a [`ConvNd`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConvNdBuilder<K, const D: usize> {
    kind: PhantomData<K>,
    in_channels: usize,
    out_channels: usize,
    kernel_size: [usize; D],
    pub(super) options: ConvTransposeOptions<D>,
    bias: bool,
    pub(super) padding_mode: Result<PaddingMode>,
    dtype: DType,
}

impl<K: Kind, const D: usize> ConvNdBuilder<K, D> {
    conv_setters!(|builder| builder.options.conv);

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
        K::check(&self)?;
        let (from, to, groups) = (
            self.in_channels,
            self.out_channels,
            self.options.conv.groups,
        );
        check_float(self.dtype)?;
        let weight = [&K::lead(from, to, groups)[..], &self.kernel_size].concat();
        let bias = |dtype| empty_parameter(&[to], dtype);
        let layer = ConvNd {
            node: Node::new(),
            kind: PhantomData,
            in_channels: from,
            out_channels: to,
            kernel_size: self.kernel_size,
            stride: self.options.conv.stride,
            padding: self.options.conv.padding?,
            dilation: self.options.conv.dilation,
            output_padding: self.options.output_padding,
            groups,
            padding_mode: self.padding_mode?,
            weight: empty_parameter(&weight, self.dtype)?,
            bias: self.bias.then(|| bias(self.dtype)).transpose()?,
            packed: PackedCache::default(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    pub(super) fn check_groups(&self) -> Result<()> {
        let text = match self.options.conv.groups {
            0 => "groups must be a positive integer",
            n if !self.in_channels.is_multiple_of(n) => "in_channels must be divisible by groups",
            n if !self.out_channels.is_multiple_of(n) => "out_channels must be divisible by groups",
            _ => return Ok(()),
        };
        Err(Error::value(text))
    }
}
