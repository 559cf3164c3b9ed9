//! [`Conv`]: [`Conv1d`], [`Conv2d`], [`Conv3d`].

use pleach_core::autograd::profiler::record_operation;
use pleach_core::autograd::trace::is_tracing;
use pleach_core::{DType, Result, Tensor};
use pleach_kernels::{Bias, Epilogue, PackedConv};

use super::conv_nd::ConvNd;
use super::packed::is_recorded;
use crate::Step;
use crate::chain::Taken;
use crate::functional::{ConvKind, PaddingMode, Plain, Tensors, filled};

/// A convolution of sequences: input `[N, in_channels, L]` or `[in_channels, L]`; see [`Conv`].
pub type Conv1d = Conv<1>;
/// A convolution of images: input `[N, in_channels, H, W]` or `[in_channels, H, W]`; see [`Conv`].
pub type Conv2d = Conv<2>;
/// A convolution of volumes: input `[N, in_channels, D, H, W]` or `[in_channels, D, H, W]`; see
/// [`Conv`].
pub type Conv3d = Conv<3>;

/// A convolution over one, two or three dimensions, with learned kernels: what
/// [`functional::conv2d`](crate::functional::conv2d) computes for two.
///
/// ```text
/// y[n, o, p] = bias[o] + Σ weight[o, i, k] · x[n, i, stride · p + dilation · k - padding]
/// ```
///
/// with the sum over the channels i of o's group and the places k of the kernel.
///
/// Shapes: input `[N, in_channels, *]` or `[in_channels, *]`, output `[N, out_channels, *]` or the
/// same without N, where each size becomes
/// `(size + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1`.
///
/// Weight and bias start uniform in `±1 / sqrt(fan_in)`, where
/// `fan_in = in_channels / groups · product of kernel_size`.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::{Conv1d, Conv2d}};
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
/// # Ok::<(), pleach::Error>(())
/// ```
pub type Conv<const D: usize> = ConvNd<Plain, D>;

impl<K: ConvKind, const D: usize> ConvNd<K, D> {
    /// The convolution with weights that are packed once, and the steps after it that come for
    /// free; `None` if it is of a kind that has no such form.
    pub(super) fn infer(
        &self,
        (input, weight, bias): Tensors<'_>,
        steps: &[Step<'_>],
    ) -> Result<Option<(Tensor, usize)>> {
        let plain = !K::TRANSPOSED && self.padding_mode == PaddingMode::Zeros;
        let batched = input.dtype() == DType::F32 && input.rank() == D + 2;
        if is_tracing() || !plain || !batched {
            return Ok(None);
        }
        let (x, shape) = self.options().checked((input, weight, bias))?;
        let sizes = [&[shape.batch, shape.out_channels], &shape.output()[3 - D..]].concat();
        let fits = |r: &Tensor| {
            r.shape() == sizes && r.dtype() == DType::F32 && !is_recorded([Some(r), None, None])
        };
        let taken = Taken::of(steps, fits)?;
        let name = ["conv1d", "conv2d", "conv3d"][D - 1];
        record_operation(name, &[Some(input), Some(weight), bias], || {
            let dense = |t: Option<&Tensor>| t.map(Tensor::contiguous).transpose();
            let (x, w) = (x.contiguous()?, weight.contiguous()?);
            let (bias, residual) = (dense(bias)?, dense(taken.residual)?);
            // Making sure of the slices first: packing itself cannot fail.
            let (x, w) = (x.as_slice::<f32>()?, w.as_slice::<f32>()?);
            let bias = bias.as_ref().map(Tensor::as_slice).transpose()?;
            let epilogue = Epilogue {
                bias: bias.map_or(Bias::None, Bias::PerRow),
                residual: residual.as_ref().map(Tensor::as_slice).transpose()?,
                activation: taken.activation,
            };
            // The batch too has a part in the choice of an algorithm.
            let packed = self
                .packed
                .get(weight, shape, || PackedConv::new(&shape, w));
            let run = |out: &mut [f32]| packed.forward(shape.batch, shape.input, x, epilogue, out);
            Ok(Some((filled(&sizes, run)?, taken.steps)))
        })
    }
}
