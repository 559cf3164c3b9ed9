//! [`ConvTranspose`]: [`ConvTranspose1d`], [`ConvTranspose2d`], [`ConvTranspose3d`].

use pleach_core::print::python_tuple;
use pleach_core::{DType, Error, Parameter, Result, Tensor, size_text};

use super::conv::{check_groups, conv_layer_setters, parameters, repr, shown};
use super::default_init::reset_weight_and_bias;
use crate::call::call_one;
use crate::functional::{
    ConvOptions, ConvTransposeOptions, Padding, PaddingMode, Size, conv_setters, conv_transpose,
    smallest_output,
};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};
use crate::{Forward, Module, Node};

/// A transposed convolution of sequences: input `[N, in_channels, L]` or `[in_channels, L]`; see
/// [`ConvTranspose`].
pub type ConvTranspose1d = ConvTranspose<1>;
/// A transposed convolution of images: input `[N, in_channels, H, W]` or `[in_channels, H, W]`; see
/// [`ConvTranspose`].
pub type ConvTranspose2d = ConvTranspose<2>;
/// A transposed convolution of volumes: input `[N, in_channels, D, H, W]` or
/// `[in_channels, D, H, W]`; see [`ConvTranspose`].
pub type ConvTranspose3d = ConvTranspose<3>;

const NAMES: [&str; 3] = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"];

/// A transposed convolution over one, two or three dimensions, with learned kernels: what
/// [`functional::conv_transpose2d`](crate::functional::conv_transpose2d) computes for two.
///
/// Shapes: input `[N, in_channels, *]` or `[in_channels, *]`, output `[N, out_channels, *]` or the
/// same without N, where each size becomes `(size - 1)·stride - 2·padding
/// + dilation·(kernel_size - 1) + output_padding + 1`.
///
/// Weight and bias start uniform in `±1 / sqrt(fan_in)`, where, as in PyTorch,
/// `fan_in = out_channels / groups · product of kernel_size`.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::{Forward, layers::ConvTranspose2d};
///
/// let up = ConvTranspose2d::builder(64, 32, 2).stride(2).build()?;
/// assert_eq!(up.to_string(), "ConvTranspose2d(64, 32, kernel_size=(2, 2), stride=(2, 2))");
/// assert_eq!(up.weight.shape(), [64, 32, 2, 2]);
/// assert_eq!(up.call(&Tensor::zeros([1, 64, 8, 8]))?.shape(), [1, 32, 16, 16]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr)]
pub struct ConvTranspose<const D: usize> {
    node: Node,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// The sizes of a kernel.
    pub kernel_size: [usize; D],
    /// Step between windows.
    pub stride: [usize; D],
    /// What is cut from each side of the output.
    pub padding: [usize; D],
    /// What is added at the end of the output.
    pub output_padding: [usize; D],
    /// Step between the elements of a window.
    pub dilation: [usize; D],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// `[in_channels, out_channels / groups, kernel_size]`.
    pub weight: Parameter,
    /// `[out_channels]`.
    pub bias: Option<Parameter>,
}

impl<const D: usize> ConvTranspose<D> {
    /// A transposed convolution with stride 1, no padding, and a bias, in f32.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`ConvTransposeBuilder::build`].
    #[track_caller]
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Size<D>>) -> Self {
        or_panic(Self::builder(in_channels, out_channels, kernel_size).build())
    }

    /// A transposed convolution with options.
    pub fn builder(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Size<D>>,
    ) -> ConvTransposeBuilder<D> {
        ConvTransposeBuilder {
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

    /// The call with the output's spatial sizes, one of those that the convolution maps to the
    /// input's: PyTorch's `module(input, output_size)`.
    ///
    /// # Errors
    /// If the size is none of those, or as [`functional::conv_transpose2d`](crate::functional::conv_transpose2d).
    ///
    /// ```
    /// use pleach_core::Tensor;
    /// use pleach_nn::layers::ConvTranspose2d;
    /// let up = ConvTranspose2d::builder(4, 2, 3).stride(2).padding(1).build()?;
    /// let x = Tensor::zeros([1, 4, 5, 5]);
    /// assert_eq!(up.call_with_output_size(&x, [10, 9])?.shape(), [1, 2, 10, 9]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn call_with_output_size(
        &self,
        input: &Tensor,
        output_size: impl Into<Size<D>>,
    ) -> Result<Tensor> {
        let wanted = output_size.into().array();
        call_one(self, input, |input| self.forward_to(input, wanted))
    }

    fn forward_to(&self, input: &Tensor, wanted: [usize; D]) -> Result<Tensor> {
        let Some(lead) = input.rank().checked_sub(D) else {
            return self.forward(input);
        };
        let size: [usize; D] = std::array::from_fn(|d| input.shape()[lead + d]);
        let (stride, dilation) = (self.stride, self.dilation);
        let least = smallest_output(size, self.kernel_size, stride, self.padding, dilation);
        let most: [i128; D] = std::array::from_fn(|d| least[d] + stride[d] as i128 - 1);
        let output_padding = std::array::from_fn(|d| (wanted[d] as i128 - least[d]) as usize);
        if (0..D).any(|d| !(least[d]..=most[d]).contains(&(wanted[d] as i128))) {
            return Err(Error::value(format!(
                "requested an output size of {}, but valid sizes range from {least:?} to {most:?} (for an input of {})",
                python_tuple(&wanted),
                size_text(&size)
            )));
        }
        self.run(input, output_padding)
    }

    fn run(&self, input: &Tensor, output_padding: [usize; D]) -> Result<Tensor> {
        let options = ConvTransposeOptions {
            conv: ConvOptions {
                stride: self.stride,
                padding: Ok(Padding::Size(self.padding)),
                dilation: self.dilation,
                groups: self.groups,
            },
            output_padding,
        };
        let bias = self.bias.as_ref().map(Parameter::tensor);
        conv_transpose((input, &self.weight.tensor(), bias.as_ref()), options)
    }

    fn extra_repr(&self) -> String {
        let steps = shown("padding", self.padding, 0)
            + &shown("dilation", self.dilation, 1)
            + &shown("output_padding", self.output_padding, 0);
        let channels = [self.in_channels, self.out_channels];
        let bias = self.bias.is_some();
        repr(
            channels,
            self.kernel_size,
            self.stride,
            &steps,
            self.groups,
            bias,
        )
    }
}

impl<const D: usize> Forward for ConvTranspose<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.run(input, self.output_padding)
    }
}

/// Options of a [`ConvTranspose`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConvTransposeBuilder<const D: usize> {
    in_channels: usize,
    out_channels: usize,
    kernel_size: [usize; D],
    options: ConvTransposeOptions<D>,
    bias: bool,
    padding_mode: Result<PaddingMode>,
    dtype: DType,
}

impl<const D: usize> ConvTransposeBuilder<D> {
    conv_setters!(|builder| builder.options.conv);
    conv_layer_setters!(|builder| builder);

    setters! {
        |builder| builder.options;
        /// What is added at the end of the output (0 by default), less than the stride or the dilation.
        output_padding: impl Into<Size<D>> = output_padding.into().array();
    }

    /// Builds the layer and draws its initial values.
    ///
    /// # Errors
    /// If the groups do not divide the channels, the padding mode is not `"zeros"`, the dtype is not
    /// a float type, or the memory cannot be had.
    pub fn build(self) -> Result<ConvTranspose<D>> {
        let padding = self.options.numeric_padding()?;
        let ConvTransposeOptions {
            conv,
            output_padding,
        } = self.options;
        if self.padding_mode? != PaddingMode::Zeros {
            return Err(Error::value(format!(
                "Only \"zeros\" padding mode is supported for {}",
                NAMES[D - 1]
            )));
        }
        let (from, to) = (self.in_channels, self.out_channels);
        check_groups(from, to, conv.groups)?;
        let lead = [from, to / conv.groups];
        let (weight, bias) =
            parameters(lead, &self.kernel_size, self.bias.then_some(to), self.dtype)?;
        Ok(ConvTranspose {
            node: Node::new(),
            in_channels: from,
            out_channels: to,
            kernel_size: self.kernel_size,
            stride: conv.stride,
            padding,
            output_padding,
            dilation: conv.dilation,
            groups: conv.groups,
            weight,
            bias,
        })
    }
}
