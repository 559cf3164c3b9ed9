//! [`PackedConv`]: a convolution with fixed weights, as inference wants it.

use super::direct::{self, DirectWeights};
use super::geometry::Plan;
use super::outside;
use super::weights::{PlainWeights, WeightStrides, pack_weights, unpack_weights};
use super::winograd;
use super::{Algorithm, ConvShape, as_f32, as_f32_mut, conv_forward};
use crate::{Bias, Buffer, Epilogue, Float, Isa, for_each_chunk_mut};

/// A convolution whose weights are packed once, for use with an [`Epilogue`].
///
/// ```
/// use pleach_kernels::{Activation, Bias, ConvShape, Epilogue, PackedConv};
/// let shape = ConvShape::new(1, [1, 1], [2, 3], [2, 2]);
/// let conv = PackedConv::new(&shape, &[1.0f32, 0.0, 0.0, 1.0]);
/// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let mut out = [0.0; 2];
/// conv.forward(1, [1, 2, 3], &x, Epilogue::NONE, &mut out);
/// assert_eq!(out, [6.0, 8.0]);
/// let epilogue = Epilogue {
///     bias: Bias::PerRow(&[-7.0]),
///     residual: Some(&[0.0, 2.0]),
///     activation: Activation::RELU,
/// };
/// conv.forward(1, [1, 2, 3], &x, epilogue, &mut out);
/// assert_eq!(out, [0.0, 3.0]);
/// ```
#[derive(Clone, Debug)]
pub struct PackedConv<T: Float> {
    shape: ConvShape,
    isa: Isa,
    weights: Weights<T>,
}

#[derive(Clone, Debug)]
enum Weights<T: Float> {
    /// For the direct kernel.
    Direct(Buffer<T>),
    /// Transformed, and as they came.
    Winograd(winograd::Weights, Buffer<T>),
    /// As they came.
    Plain(Buffer<T>),
}

impl<T: Float> PackedConv<T> {
    /// Packs the weights, `[out_channels, in_channels / groups, kernel]`, of a convolution. The
    /// batch and the spatial sizes of `shape` may change from one use to the next; the weights are
    /// packed in the best way for these, and for the [`Precision`](crate::Precision) that is set now.
    ///
    /// # Panics
    /// If a length does not fit the shape.
    pub fn new(shape: &ConvShape, weight: &[T]) -> Self {
        Self::with_isa(Isa::current(), shape, weight)
    }

    pub(super) fn with_isa(isa: Isa, shape: &ConvShape, weight: &[T]) -> Self {
        shape.check("PackedConv", None, Some(weight.len()), None);
        let weights = match Algorithm::choose::<T>(shape) {
            _ if outside::may_leak(shape, weight) => Weights::Plain(Buffer::from_slice(weight)),
            Algorithm::Direct => {
                let plan = Plan::forward(&shape.flattened());
                let weights = PlainWeights {
                    data: weight,
                    strides: WeightStrides::forward(shape),
                };
                Weights::Direct(pack_weights(isa, &plan, weights))
            }
            Algorithm::Winograd(sizes) => {
                let transformed = winograd::Weights::new(isa, &sizes, as_f32(weight));
                Weights::Winograd(transformed, Buffer::from_slice(weight))
            }
            Algorithm::Planes | Algorithm::Gemm => Weights::Plain(Buffer::from_slice(weight)),
        };
        PackedConv {
            shape: *shape,
            isa,
            weights,
        }
    }

    /// The shape of a use with another batch and other spatial sizes.
    pub fn shape(&self, batch: usize, input: [usize; 3]) -> ConvShape {
        ConvShape {
            batch,
            input,
            ..self.shape
        }
    }

    /// `out = activation(convolution(x) + bias + residual)`, the bias one of channels. `x` is
    /// `[batch, in_channels, input]`, the residual and `out` are `[batch, out_channels, output]`.
    ///
    /// # Panics
    /// If a length does not fit the shape, or the bias is one of columns.
    pub fn forward(
        &self,
        batch: usize,
        input: [usize; 3],
        x: &[T],
        epilogue: Epilogue<'_, T>,
        out: &mut [T],
    ) {
        let shape = self.shape(batch, input);
        let name = "PackedConv::forward";
        shape.check(name, Some(x.len()), None, Some(out.len()));
        shape.check(name, None, None, epilogue.residual.map(<[T]>::len));
        let bias = epilogue.channel_bias(shape.out_channels);
        if out.is_empty() {
            return;
        }
        if let Weights::Winograd(weights, _) = &self.weights
            && let Some(sizes) = winograd::Sizes::of(&shape)
        {
            let epilogue = Epilogue {
                bias: bias.map_or(Bias::None, |bias| Bias::PerRow(as_f32(bias))),
                residual: epilogue.residual.map(as_f32),
                activation: epilogue.activation,
            };
            winograd::forward_with(&sizes, as_f32(x), weights, &epilogue, as_f32_mut(out));
            return;
        }
        let unpacked;
        let weights = match &self.weights {
            Weights::Direct(weights) if direct::fits(&shape) => {
                let plan = Plan::forward(&shape.flattened());
                let weights = DirectWeights::Packed(weights);
                return direct::run(self.isa, &plan, x, weights, &epilogue, out);
            }
            // Packed for images that the kernel can count.
            Weights::Direct(weights) => {
                unpacked = unpack_weights(self.isa, &shape, weights);
                &unpacked
            }
            Weights::Plain(weights) | Weights::Winograd(_, weights) => weights,
        };
        conv_forward(&shape, x, weights, bias, out);
        let rest = Epilogue {
            bias: Bias::None,
            ..epilogue
        };
        if rest.is_none() {
            return;
        }
        let chunk = 1 << 14;
        for_each_chunk_mut(out, chunk, |i, out| {
            rest.apply(self.isa, 0, i * chunk, out);
        });
    }
}
