//! [`Conv`]: [`Conv1d`], [`Conv2d`], [`Conv3d`].

use pleach_core::autograd::profiler::record_operation;
use pleach_core::autograd::trace::is_tracing;
use pleach_core::{DType, Parameter, Result, Tensor, Window};
use pleach_kernels::{Bias, Epilogue, PackedConv};

use super::conv_nd::{ConvNd, ConvNdBuilder, Kind};
use super::packed::is_recorded;
use crate::Step;
use crate::chain::Taken;
use crate::functional::{Padding, PaddingMode, Tensors, check_same, conv, filled};

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
pub type Conv<const D: usize> = ConvNd<Plain, D>;

/// The kind of [`Conv`].
#[derive(Debug, Clone)]
pub enum Plain {}

impl Kind for Plain {
    const NAMES: [&'static str; 3] = ["Conv1d", "Conv2d", "Conv3d"];

    fn lead(in_channels: usize, out_channels: usize, groups: usize) -> [usize; 2] {
        [out_channels, in_channels / groups]
    }

    fn check<const D: usize>(layer: &ConvNdBuilder<Self, D>) -> Result<()> {
        layer.check_groups()?;
        if layer.options.conv.padding.clone()? == Padding::Same {
            check_same(layer.options.conv.stride)?;
        }
        layer.padding_mode.clone().map(drop)
    }

    fn run<const D: usize>(
        layer: &Conv<D>,
        input: &Tensor,
        steps: &[Step<'_>],
    ) -> Result<(Tensor, usize)> {
        let weight = layer.weight.tensor();
        let bias = layer.bias.as_ref().map(Parameter::tensor);
        let tensors = (input, &weight, bias.as_ref());
        if is_recorded([Some(input), Some(&weight), bias.as_ref()]) {
            layer.packed.clear();
        } else {
            let taken = Taken::of(steps, |residual| !is_recorded([Some(residual), None, None]))?;
            // What is added may not have the output's shape.
            for taken in [taken, Taken::NONE] {
                if let Some(output) = layer.infer(tensors, taken)? {
                    return Ok((output, taken.steps));
                }
            }
        }
        if layer.padding_mode == PaddingMode::Zeros {
            return Ok((conv(tensors, layer.options(layer.padding))?, 0));
        }
        let padded = input.pad(&layer.border()?, layer.padding_mode.into(), 0.0)?;
        let tensors = (&padded, &weight, bias.as_ref());
        Ok((conv(tensors, layer.options(Padding::Valid))?, 0))
    }
}

impl<const D: usize> Conv<D> {
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

    /// The convolution with weights that are packed once, and what follows it; `None` if it is of a
    /// kind that has no such form.
    fn infer(&self, tensors: Tensors<'_>, taken: Taken<'_>) -> Result<Option<Tensor>> {
        let (input, weight, bias) = tensors;
        let plain = input.dtype() == DType::F32 && input.rank() == D + 2;
        if is_tracing() || !plain || self.padding_mode != PaddingMode::Zeros {
            return Ok(None);
        }
        let name = ["conv1d", "conv2d", "conv3d"][D - 1];
        record_operation(name, &[Some(input), Some(weight), bias], || {
            let (x, shape) = self.options(self.padding).checked(tensors)?;
            let sizes = [&[shape.batch, shape.out_channels], &shape.output()[3 - D..]].concat();
            let unfit = |r: &Tensor| r.shape() != sizes || r.dtype() != DType::F32;
            if taken.residual.is_some_and(unfit) {
                return Ok(None);
            }
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
            let pack = || PackedConv::new(&shape, w);
            let packed = self.packed.get(weight, shape, pack);
            let run = |out: &mut [f32]| packed.forward(shape.batch, shape.input, x, epilogue, out);
            filled(&sizes, run).map(Some)
        })
    }
}
