//! Weights in the order in which the tiles of the direct kernel read them.

use super::ConvShape;
use super::geometry::Plan;
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
    2 * T::tiles(isa).lanes
}

/// Weights as `[group, block of out channels][class][source channel, tap][out channel]`, zeros
/// where a block has more channels than are left.
pub(super) fn pack_weights<T: Float>(
    isa: Isa,
    plan: &Plan,
    weights: &[T],
    strides: WeightStrides,
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
        let (panel_index, piece_index) = (task / pieces, task % pieces);
        let (group, block) = (panel_index / blocks, panel_index % blocks);
        let lanes = width.min(plan.out_channels - block * width);
        let weights = &weights[group * strides.group + block * width * strides.out..];
        let sources = piece_index * piece..plan.source_channels.min((piece_index + 1) * piece);
        let mut start = panel_index * panel;
        for class in &plan.classes {
            let terms = class.taps.len() * width;
            // SAFETY: each task has source channels of its own.
            let part = unsafe { whole.slice(start + sources.start * terms, sources.len() * terms) };
            if lanes < width {
                part.fill(T::ZERO);
            }
            start += plan.source_channels * terms;
            if terms == 0 {
                continue;
            }
            let in_order = class.taps.iter().enumerate().all(|(i, tap)| i == *tap);
            if in_order && class.taps.len() == strides.source {
                let weights = &weights[sources.start * strides.source..];
                let columns = sources.len() * strides.source;
                transpose(isa, weights, strides.out, [lanes, columns], part, width);
                continue;
            }
            if strides.out == 1 {
                // One tap, and channels that follow one another.
                for (source, part) in sources.clone().zip(part.chunks_exact_mut(width)) {
                    part[..lanes].copy_from_slice(&weights[source * strides.source..][..lanes]);
                }
                continue;
            }
            let kernel = class.taps.iter().max().map_or(0, |last| last + 1);
            let mut turned = Buffer::<T>::new(kernel * width);
            for (source, part) in sources.clone().zip(part.chunks_exact_mut(terms)) {
                let weights = &weights[source * strides.source..];
                transpose(
                    isa,
                    weights,
                    strides.out,
                    [lanes, kernel],
                    &mut turned,
                    width,
                );
                for (tap, part) in class.taps.iter().zip(part.chunks_exact_mut(width)) {
                    part[..lanes].copy_from_slice(&turned[tap * width..][..lanes]);
                }
            }
        }
    });
    packed
}
