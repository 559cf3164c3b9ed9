//! Weights in the order in which the tiles of the direct kernel read them.

use std::ops::Range;

use super::ConvShape;
use super::geometry::{Class, Plan};
use super::tile::tiles;
use super::transpose::transpose;
use crate::threads::Disjoint;
use crate::{Buffer, Float, Isa, parallel_for};

/// Which weight connects two channels of a group: those of out channel o and source channel s
/// start at `o * out + s * source` from the group's, one for each tap.
#[derive(Copy, Clone)]
pub(super) struct WeightStrides {
    pub(super) group: usize,
    pub(super) out: usize,
    pub(super) source: usize,
}

impl WeightStrides {
    /// Those of a convolution.
    pub(super) fn forward(shape: &ConvShape) -> Self {
        WeightStrides {
            group: shape.group_out() * shape.depth(),
            out: shape.depth(),
            source: shape.taps(),
        }
    }

    /// Those of the gradient of a convolution's input, whose source is the output.
    pub(super) fn input_gradient(shape: &ConvShape) -> Self {
        WeightStrides {
            group: shape.group_out() * shape.depth(),
            out: shape.taps(),
            source: shape.depth(),
        }
    }
}

/// Out channels that a tile computes.
pub(super) fn block_width<T: Float>(isa: Isa) -> usize {
    2 * tiles::<T>(isa).lanes
}

/// Weights as they come, and the order that they have.
#[derive(Copy, Clone)]
pub(super) struct PlainWeights<'a, T> {
    pub(super) data: &'a [T],
    pub(super) strides: WeightStrides,
}

impl<T: Float> PlainWeights<'_, T> {
    /// Fills `packed`, `[source channel, tap][out channel]`, for a class, some source channels and a
    /// block of out channels, with zeros where the block has more channels than are left.
    pub(super) fn pack(
        &self,
        isa: Isa,
        plan: &Plan,
        class: &Class,
        [group, block]: [usize; 2],
        sources: Range<usize>,
        packed: &mut [T],
    ) {
        let width = block_width::<T>(isa);
        let lanes = width.min(plan.out_channels - block * width);
        let WeightStrides { out, source, .. } = self.strides;
        let start = group * self.strides.group + block * width * out;
        let weights = &self.data[start + sources.start * source..];
        let terms = class.taps.len() * width;
        assert_eq!(packed.len(), sources.len() * terms);
        if lanes < width {
            packed.fill(T::ZERO);
        }
        if packed.is_empty() {
            return;
        }
        let in_order = class.taps.iter().enumerate().all(|(i, tap)| i == *tap);
        if in_order && class.taps.len() == source {
            let columns = sources.len() * source;
            transpose(isa, weights, out, [lanes, columns], packed, width);
            return;
        }
        let per_source = packed.chunks_exact_mut(terms);
        if out == 1 {
            // One tap, and channels that follow one another.
            for (weights, packed) in weights.chunks(source).zip(per_source) {
                packed[..lanes].copy_from_slice(&weights[..lanes]);
            }
            return;
        }
        if 2 * class.taps.len() <= source.min(out) {
            // Few of many taps.
            for (weights, packed) in weights.chunks(source).zip(per_source) {
                for (tap, packed) in class.taps.iter().zip(packed.chunks_exact_mut(width)) {
                    for (lane, packed) in packed[..lanes].iter_mut().enumerate() {
                        *packed = weights[lane * out + tap];
                    }
                }
            }
            return;
        }
        let kernel = class.taps.iter().max().map_or(0, |last| last + 1);
        let mut turned = Buffer::<T>::new(kernel * width);
        for (weights, packed) in weights.chunks(source).zip(per_source) {
            transpose(isa, weights, out, [lanes, kernel], &mut turned, width);
            for (tap, packed) in class.taps.iter().zip(packed.chunks_exact_mut(width)) {
                packed[..lanes].copy_from_slice(&turned[tap * width..][..lanes]);
            }
        }
    }
}

/// Weights as `[group, block of out channels][class][source channel, tap][out channel]`.
pub(super) fn pack_weights<T: Float>(
    isa: Isa,
    plan: &Plan,
    weights: PlainWeights<'_, T>,
) -> Buffer<T> {
    let width = block_width::<T>(isa);
    let blocks = plan.out_channels.div_ceil(width);
    let panel = plan.terms() * width;
    let mut packed = Buffer::<T>::new(plan.groups * blocks * panel);
    // Tasks are pieces of panels, as there may be few of these.
    let piece = 64;
    let pieces = plan.source_channels.div_ceil(piece);
    let whole = Disjoint::new(&mut packed);
    parallel_for(plan.groups * blocks * pieces, |task| {
        let (index, piece_index) = (task / pieces, task % pieces);
        let first = piece_index * piece;
        let sources = first..plan.source_channels.min(first + piece);
        let mut start = index * panel;
        for class in &plan.classes {
            let terms = class.taps.len() * width;
            let at = start + sources.start * terms;
            // SAFETY: each task has source channels of its own.
            let part = unsafe { whole.slice(at, sources.len() * terms) };
            let place = [index / blocks, index % blocks];
            weights.pack(isa, plan, class, place, sources.clone(), part);
            start += plan.source_channels * terms;
        }
    });
    packed
}

/// The weights of a convolution that [`pack_weights`] packed, as they came.
pub(super) fn unpack_weights<T: Float>(isa: Isa, shape: &ConvShape, packed: &[T]) -> Buffer<T> {
    let (width, depth, outputs) = (block_width::<T>(isa), shape.depth(), shape.group_out());
    let blocks = outputs.div_ceil(width);
    let mut plain = Buffer::<T>::new(shape.out_channels * depth);
    for (o, plain) in plain.chunks_exact_mut(depth.max(1)).enumerate() {
        let (group, o) = (o / outputs, o % outputs);
        let panel = &packed[(group * blocks + o / width) * depth * width..];
        for (term, plain) in plain.iter_mut().enumerate() {
            *plain = panel[term * width + o % width];
        }
    }
    plain
}
