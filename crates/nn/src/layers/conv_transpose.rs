//! [`ConvTranspose`]: [`ConvTranspose1d`], [`ConvTranspose2d`], [`ConvTranspose3d`].

use pleach_core::print::python_tuple;
use pleach_core::{Error, Parameter, Result, Tensor, size_text};

use super::conv_nd::ConvNd;
use crate::Forward;
use crate::call::call_one;
use crate::functional::{Size, Transposed, convolution};

/// A transposed convolution of sequences: input `[N, in_channels, L]` or `[in_channels, L]`; see
/// [`ConvTranspose`].
pub type ConvTranspose1d = ConvTranspose<1>;
/// A transposed convolution of images: input `[N, in_channels, H, W]` or `[in_channels, H, W]`; see
/// [`ConvTranspose`].
pub type ConvTranspose2d = ConvTranspose<2>;
/// A transposed convolution of volumes: input `[N, in_channels, D, H, W]` or
/// `[in_channels, D, H, W]`; see [`ConvTranspose`].
pub type ConvTranspose3d = ConvTranspose<3>;

/// A transposed convolution over one, two or three dimensions, with learned kernels: what
/// [`functional::conv_transpose2d`](crate::functional::conv_transpose2d) computes for two. Each element of
/// the input adds a kernel to the output:
///
/// ```text
/// y[n, o, stride · p + dilation · k - padding] += weight[i, o, k] · x[n, i, p]
/// ```
///
/// Shapes: input `[N, in_channels, *]` or `[in_channels, *]`, output `[N, out_channels, *]` or the
/// same without N, where each size becomes `(size - 1)·stride - 2·padding
/// + dilation·(kernel_size - 1) + output_padding + 1`.
///
/// Weight and bias start uniform in `±1 / sqrt(fan_in)`, where, as in PyTorch,
/// `fan_in = out_channels / groups · product of kernel_size`.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::ConvTranspose2d};
///
/// let up = ConvTranspose2d::builder(64, 32, 2).stride(2).build()?;
/// assert_eq!(up.to_string(), "ConvTranspose2d(64, 32, kernel_size=(2, 2), stride=(2, 2))");
/// assert_eq!(up.weight.shape(), [64, 32, 2, 2]);
/// assert_eq!(up.call(&Tensor::zeros([1, 64, 8, 8]))?.shape(), [1, 32, 16, 16]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub type ConvTranspose<const D: usize> = ConvNd<Transposed, D>;

impl<const D: usize> ConvTranspose<D> {
    /// The call with the output's spatial sizes, one of those that the convolution maps to the
    /// input's: PyTorch's `module(input, output_size)`.
    ///
    /// # Errors
    /// If the size is none of those, or as [`functional::conv_transpose2d`](crate::functional::conv_transpose2d).
    ///
    /// ```
    /// use pleach::Tensor;
    /// use pleach::nn::layers::ConvTranspose2d;
    /// let up = ConvTranspose2d::builder(4, 2, 3).stride(2).padding(1).build()?;
    /// let x = Tensor::zeros([1, 4, 5, 5]);
    /// assert_eq!(up.call_with_output_size(&x, [10, 9])?.shape(), [1, 2, 10, 9]);
    /// # Ok::<(), pleach::Error>(())
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
        let mut options = self.options();
        let size: [usize; D] = std::array::from_fn(|d| input.shape()[lead + d]);
        let windows = options.windows(self.kernel_size, self.padding.size());
        let least: [i128; D] = std::array::from_fn(|d| windows[d].smallest(size[d]));
        let most: [i128; D] = std::array::from_fn(|d| least[d] + self.stride[d] as i128 - 1);
        if (0..D).any(|d| !(least[d]..=most[d]).contains(&(wanted[d] as i128))) {
            return Err(Error::value(format!(
                "requested an output size of {}, but valid sizes range from {least:?} to {most:?} (for an input of {})",
                python_tuple(&wanted),
                size_text(&size)
            )));
        }
        options.output_padding = std::array::from_fn(|d| (wanted[d] as i128 - least[d]) as usize);
        let bias = self.bias.as_ref().map(Parameter::try_tensor).transpose()?;
        convolution((input, &self.weight.try_tensor()?, bias.as_ref()), &options)
    }
}
