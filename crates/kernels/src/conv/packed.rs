//! [`PackedConv`]: a convolution with fixed weights, as inference wants it.

use super::direct::{self, DirectWeights, Epilogue};
use super::geometry::Plan;
use super::outside;
use super::weights::{PlainWeights, WeightStrides, pack_weights, unpack_weights};
use super::winograd;
use super::{Algorithm, ConvShape, as_f32, as_f32_mut, conv_forward};
use crate::{Buffer, Float, Isa, for_each_chunk_mut};

/// A convolution whose weights are packed once, with what often follows it: a residual that is
/// added, and a ReLU.
///
/// ```
/// use pleach_kernels::{ConvShape, PackedConv};
/// let shape = ConvShape::new(1, [1, 1], [2, 3], [2, 2]);
/// let conv = PackedConv::new(&shape, &[1.0f32, 0.0, 0.0, 1.0], Some(&[-7.0]));
/// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let mut out = [0.0; 2];
/// conv.forward(1, [1, 2, 3], &x, None, false, &mut out);
/// assert_eq!(out, [-1.0, 1.0]);
/// conv.forward(1, [1, 2, 3], &x, Some(&[0.0, 2.0]), true, &mut out);
/// assert_eq!(out, [0.0, 3.0]);
/// ```
#[derive(Clone, Debug)]
pub struct PackedConv<T: Float> {
    shape: ConvShape,
    isa: Isa,
    weights: Weights<T>,
    bias: Option<Buffer<T>>,
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
    /// Packs the weights, `[out_channels, in_channels / groups, kernel]`, of a convolution with a
    /// bias, `[out_channels]`. The batch and the spatial sizes of `shape` may change from one use
    /// to the next; the weights are packed in the best way for these, and for the
    /// [`Precision`](crate::Precision) that is set now.
    ///
    /// # Panics
    /// If a length does not fit the shape.
    pub fn new(shape: &ConvShape, weight: &[T], bias: Option<&[T]>) -> Self {
        Self::with_isa(Isa::current(), shape, weight, bias)
    }

    pub(super) fn with_isa(isa: Isa, shape: &ConvShape, weight: &[T], bias: Option<&[T]>) -> Self {
        shape.check("PackedConv", None, Some(weight.len()), None);
        if let Some(bias) = bias {
            assert_eq!(
                bias.len(),
                shape.out_channels,
                "PackedConv: the length of the bias"
            );
        }
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
            bias: bias.map(Buffer::from_slice),
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

    /// `out = relu(convolution(x) + bias + residual)`, without the ReLU if `relu` is false. `x` is
    /// `[batch, in_channels, input]`, `residual` and `out` are `[batch, out_channels, output]`.
    ///
    /// # Panics
    /// If a length does not fit the shape.
    pub fn forward(
        &self,
        batch: usize,
        input: [usize; 3],
        x: &[T],
        residual: Option<&[T]>,
        relu: bool,
        out: &mut [T],
    ) {
        let shape = self.shape(batch, input);
        let name = "PackedConv::forward";
        shape.check(name, Some(x.len()), None, Some(out.len()));
        shape.check(name, None, None, residual.map(<[T]>::len));
        if out.is_empty() {
            return;
        }
        let bias = self.bias.as_deref();
        if let Weights::Winograd(weights, _) = &self.weights
            && let Some(sizes) = winograd::Sizes::of(&shape)
        {
            let epilogue = Epilogue {
                bias: bias.map(as_f32),
                residual: residual.map(as_f32),
                relu,
            };
            winograd::forward_with(&sizes, as_f32(x), weights, &epilogue, as_f32_mut(out));
            return;
        }
        match &self.weights {
            Weights::Direct(weights) if direct::fits(&shape) => {
                let plan = Plan::forward(&shape.flattened());
                let epilogue = Epilogue {
                    bias,
                    residual,
                    relu,
                };
                let weights = DirectWeights::Packed(weights);
                direct::run(self.isa, &plan, x, weights, &epilogue, out);
            }
            // Packed for images that the kernel can count.
            Weights::Direct(weights) => {
                let weights = unpack_weights(self.isa, &shape, weights);
                self.forward_plain(&shape, x, &weights, [residual, bias], relu, out);
            }
            Weights::Plain(weights) | Weights::Winograd(_, weights) => {
                self.forward_plain(&shape, x, weights, [residual, bias], relu, out);
            }
        }
    }

    /// As [`Self::forward`], with weights that are not packed.
    fn forward_plain(
        &self,
        shape: &ConvShape,
        x: &[T],
        weights: &[T],
        [residual, bias]: [Option<&[T]>; 2],
        relu: bool,
        out: &mut [T],
    ) {
        conv_forward(shape, x, weights, bias, out);
        if residual.is_none() && !relu {
            return;
        }
        let epilogue = Epilogue {
            bias: None,
            residual,
            relu,
        };
        let chunk = 1 << 14;
        for_each_chunk_mut(out, chunk, |i, out| {
            epilogue.apply(self.isa, 0, i * chunk, out);
        });
    }
}
