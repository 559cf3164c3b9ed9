//! Convolutions with few channels in a group (depthwise ones have a single one), forward and
//! gradients, with neighbouring pixels as the lanes of vectors.
//!
//! A source channel is copied into a padded plane (see [`super::geometry`]), in which the source
//! of a term lies at the same distance from every pixel. Pixels are computed row by row, or, where
//! rows are short, as one long line, in which the padding between two rows computes sums that
//! nobody reads.
//!
//! Tasks are groups, of one image or, for the weight gradient, of all images in order.

mod sums;

use std::ops::Range;

use super::ConvShape;
use super::geometry::{Class, Plan};
use super::packing::Packing;
use super::tile::tiles;
use super::weights::WeightStrides;
use crate::lanes::{self, VectorLoop};
use crate::simd::{Vector, sum_halves};
use crate::threads::Disjoint;
use crate::{Bias, Buffer, Epilogue, Float, Isa, for_each_chunk_mut, parallel_for};
use sums::{Line, OUTPUTS, TAPS, dots, line_sums, touched};

/// Elements after a plane that vectors may touch.
const SLACK: usize = 128;

/// Parts that the gradients of the weights of few groups are cut into.
const PARTS: usize = 8;
/// Elements of the output that a task computes at least, so that it is worth its start.
const TASK: usize = 1 << 14;

/// The pixels of a class, of one depth, as lines of memory.
#[derive(Copy, Clone)]
struct Lines {
    /// Whether all rows are one line.
    joined: bool,
    count: usize,
    len: usize,
    /// From one line to the next in the packed source.
    source_pitch: usize,
    /// From one row of pixels to the next, where the sums are.
    row_pitch: usize,
}

impl Lines {
    fn new(lanes: usize, source_pitch: usize, [rows, columns]: [usize; 2]) -> Self {
        let rounded = columns.next_multiple_of(lanes);
        let joined = source_pitch <= rounded;
        let row_pitch = if joined { source_pitch } else { rounded };
        Lines {
            joined,
            count: if joined { 1 } else { rows },
            len: if joined {
                (rows - 1) * source_pitch + columns
            } else {
                columns
            },
            source_pitch,
            row_pitch,
        }
    }
}

/// What the pixels of a class sum.
struct Terms<T: Float> {
    /// Depth, height and width.
    sizes: [usize; 3],
    phase: [usize; 3],
    lines: Lines,
    /// `[group][block of outputs][source channel, tap][output of the block]`
    weights: Buffer<T>,
    /// The distance of each term's source pixel from the first pixel.
    offsets: Vec<u32>,
    /// The largest offset.
    reach: usize,
}

impl<T: Float> Terms<T> {
    fn new(isa: Isa, plan: &Plan, class: &Class, (weight, strides): (&[T], WeightStrides)) -> Self {
        let width = block_width(plan);
        let blocks = plan.out_channels.div_ceil(width);
        let taps = class.taps.len();
        let panel = plan.source_channels * taps * width;
        let mut weights = Buffer::<T>::zeroed(plan.groups * blocks * panel);
        for (index, weights) in weights.chunks_exact_mut(panel.max(1)).enumerate() {
            let (group, first) = (index / blocks, index % blocks * width);
            for o in 0..width.min(plan.out_channels - first) {
                for c in 0..plan.source_channels {
                    let start =
                        group * strides.group + (first + o) * strides.out + c * strides.source;
                    for (t, tap) in class.taps.iter().enumerate() {
                        weights[(c * taps + t) * width + o] = weight[start + tap];
                    }
                }
            }
        }
        let pitch = channel_pitch(plan);
        let offsets: Vec<u32> = (0..plan.source_channels)
            .flat_map(|c| class.offsets.iter().map(move |offset| c * pitch + offset))
            .map(|offset| {
                u32::try_from(offset).expect("the algorithm is for images that u32 can count")
            })
            .collect();
        let sizes = [0, 1, 2].map(|d| plan.axes[d].count(class.phase[d]));
        let lanes = tiles::<T>(isa).lanes;
        Terms {
            sizes,
            phase: class.phase,
            lines: Lines::new(lanes, plan.axes[2].packed(), [sizes[1], sizes[2]]),
            weights,
            reach: offsets.iter().max().map_or(0, |o| *o as usize),
            offsets,
        }
    }
}

/// Elements from one packed channel to the next.
fn channel_pitch(plan: &Plan) -> usize {
    plan.channel_stride + SLACK
}

/// Outputs that are computed together.
fn block_width(plan: &Plan) -> usize {
    if plan.out_channels == 1 { 1 } else { OUTPUTS }
}

/// A convolution.
pub(super) fn forward<T: Float>(
    isa: Isa,
    shape: &ConvShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    let plan = Plan::forward(shape);
    let weights = (weight, WeightStrides::forward(shape));
    let epilogue = Epilogue {
        bias: bias.map_or(Bias::None, Bias::PerRow),
        ..Epilogue::NONE
    };
    run(isa, &plan, x, weights, &epilogue, out);
}

/// The gradient of a convolution's input.
pub(super) fn backward_input<T: Float>(
    isa: Isa,
    shape: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    grad_input: &mut [T],
) {
    let plan = Plan::input_gradient(shape);
    let weights = (weight, WeightStrides::input_gradient(shape));
    run(isa, &plan, grad_out, weights, &Epilogue::NONE, grad_input);
}

/// Computes the output of a plan from its source, `[batch, groups * source_channels, pixels]`.
fn run<T: Float>(
    isa: Isa,
    plan: &Plan,
    source: &[T],
    weights: (&[T], WeightStrides),
    epilogue: &Epilogue<'_, T>,
    out: &mut [T],
) {
    let units = plan.batch * plan.groups;
    let per_unit = plan.out_channels * plan.out_pixels();
    assert_eq!(
        source.len(),
        units * plan.source_channels * plan.source_pixels()
    );
    assert_eq!(out.len(), units * per_unit);
    let packing = Packing::of_source(plan);
    let terms: Vec<_> = (plan.classes.iter())
        .map(|class| Terms::new(isa, plan, class, weights))
        .collect();
    let at_once = (TASK / per_unit.max(1)).max(1);
    let bias = epilogue.channel_bias(plan.groups * plan.out_channels);
    let rest = Epilogue {
        bias: Bias::None,
        ..*epilogue
    };
    let whole = Disjoint::new(out);
    parallel_for(units.div_ceil(at_once), |task| {
        let first = task * at_once;
        let len = at_once.min(units - first) * per_unit;
        // SAFETY: each unit is in one task.
        let out = unsafe { whole.slice(first * per_unit, len) };
        let body = Units {
            plan,
            packing: &packing,
            terms: &terms,
            bias,
            first,
            source,
            out,
        };
        lanes::run(isa, body);
        rest.apply(isa, 0, first * per_unit, out);
    });
}

/// Some groups of some images, one after the other.
struct Units<'a, T: Float> {
    plan: &'a Plan,
    packing: &'a Packing,
    terms: &'a [Terms<T>],
    bias: Option<&'a [T]>,
    first: usize,
    source: &'a [T],
    /// Of these units.
    out: &'a mut [T],
}

impl<T: Float> VectorLoop<T> for Units<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let plan = self.plan;
        let (source_pixels, pixels) = (plan.source_pixels(), plan.out_pixels());
        let (pitch, width) = (channel_pitch(plan), block_width(plan));
        let room = (self.terms.iter())
            .map(|t| t.lines.row_pitch * t.sizes[1] + SLACK)
            .max();
        let room = room.unwrap_or(0);
        let mut packed = Buffer::<T>::new(plan.source_channels * pitch);
        let mut sums = Buffer::<T>::new(width * room);
        let slice = plan.axes[1].packed() * plan.axes[2].packed();
        let per_unit = plan.out_channels * pixels;
        for (unit, out) in self.out.chunks_exact_mut(per_unit).enumerate() {
            let unit = self.first + unit;
            let group = unit % plan.groups;
            let start = unit * plan.source_channels * source_pixels;
            for (c, packed) in packed.chunks_exact_mut(pitch).enumerate() {
                // SAFETY: the caller has the features.
                unsafe {
                    self.packing
                        .pack::<T, V>(&self.source[start + c * source_pixels..], packed);
                }
            }
            for terms in self.terms {
                let panel = terms.offsets.len() * width;
                let blocks = plan.out_channels.div_ceil(width);
                for (block, out) in out.chunks_mut(width * pixels).enumerate() {
                    let channel = group * plan.out_channels + block * width;
                    let mut bias = [T::ZERO; OUTPUTS];
                    if let Some(values) = self.bias {
                        let outputs = out.len() / pixels;
                        bias[..outputs].copy_from_slice(&values[channel..channel + outputs]);
                    }
                    let weights = &terms.weights[(group * blocks + block) * panel..][..panel];
                    for z in 0..terms.sizes[0] {
                        let source = &packed[z * slice..];
                        let body = Depth {
                            plan,
                            terms,
                            weights,
                            bias,
                            source,
                            z: z * plan.axes[0].step + terms.phase[0],
                        };
                        // SAFETY: the caller has the features.
                        unsafe { body.compute::<V>(&mut sums, room, out) };
                    }
                }
            }
        }
    }
}

/// The pixels of one depth of a class, of one block of outputs.
struct Depth<'a, T: Float> {
    plan: &'a Plan,
    terms: &'a Terms<T>,
    weights: &'a [T],
    bias: [T; OUTPUTS],
    source: &'a [T],
    /// Where in the output.
    z: usize,
}

impl<T: Float> Depth<'_, T> {
    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    unsafe fn compute<V: Vector<Elem = T>>(&self, sums: &mut [T], room: usize, out: &mut [T]) {
        if self.terms.offsets.is_empty() {
            return self.fill(out);
        }
        let [_, height, width] = &self.plan.axes;
        let rows = self.terms.sizes[1];
        let lines = self.terms.lines;
        let pixels = self.plan.out_pixels();
        let plane = height.out * width.out;
        let outputs = block_width(self.plan);
        let whole = touched(lines.len, V::LANES);
        let last = (lines.count - 1) * lines.source_pitch;
        assert!(last + self.terms.reach + whole <= self.source.len());
        assert!((lines.count - 1) * lines.row_pitch + whole <= room);
        assert!(outputs * room <= sums.len() && out.len().is_multiple_of(pixels));
        let plain = width.step == 1 && height.step == 1;
        let missing = out.len() / pixels < outputs;
        for line in 0..lines.count {
            let start = self.z * plane + line * width.out;
            // What is written beyond a row's end belongs to the rows that come next.
            let in_place = plain && !lines.joined && !missing && line * width.out + whole <= plane;
            // SAFETY: the lengths were checked above, those of the output with `in_place`, and the
            // caller has the features.
            unsafe {
                let sums = sums.as_mut_ptr().add(line * lines.row_pitch);
                let (to, pitch) = if in_place {
                    (out.as_mut_ptr().add(start), pixels)
                } else {
                    (sums, room)
                };
                let body = Line {
                    source: self.source.as_ptr().add(line * lines.source_pitch),
                    offsets: &self.terms.offsets,
                    weights: self.weights.as_ptr(),
                    bias: self.bias,
                };
                line_sums::<T, V>(&body, lines.len, outputs, to, pitch);
            }
            if in_place {
                continue;
            }
            let rows = if lines.joined {
                0..rows
            } else {
                line..line + 1
            };
            for (out, sums) in out.chunks_exact_mut(pixels).zip(sums.chunks_exact(room)) {
                let out = &mut out[self.z * plane..][..plane];
                // SAFETY: the caller has the features.
                unsafe { self.write::<V>(rows.clone(), sums, out) };
            }
        }
    }

    /// Writes the bias to the pixels of a class that sums nothing. Such a class may have more rows and
    /// columns than the packed source, which ends with the last pixel that a tap sees.
    fn fill(&self, out: &mut [T]) {
        let [_, height, width] = &self.plan.axes;
        let [_, rows, columns] = self.terms.sizes;
        let plane = height.out * width.out;
        let pixels = self.plan.out_pixels();
        for (out, bias) in out.chunks_exact_mut(pixels).zip(&self.bias) {
            let out = &mut out[self.z * plane..][..plane];
            for row in 0..rows {
                let first = (row * height.step + self.terms.phase[1]) * width.out;
                let row = out[first + self.terms.phase[2]..].iter_mut();
                row.step_by(width.step)
                    .take(columns)
                    .for_each(|v| *v = *bias);
            }
        }
    }

    /// Copies sums to the rows of a plane.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    unsafe fn write<V: Vector<Elem = T>>(&self, rows: Range<usize>, sums: &[T], out: &mut [T]) {
        let [_, height, width] = &self.plan.axes;
        let (columns, pitch) = (self.terms.sizes[2], self.terms.lines.row_pitch);
        let phase = self.terms.phase;
        let mut first = rows.start;
        if width.step == 1 && height.step == 1 {
            // What vectors write beyond the end of a row belongs to rows that are written later.
            let reach = columns.next_multiple_of(V::LANES);
            let safe = (out.len() + width.out).saturating_sub(reach) / width.out;
            let end = rows.end.min(safe);
            assert!(end <= first || (end - 1) * width.out + reach <= out.len());
            assert!(end <= first || (end - 1) * pitch + reach <= sums.len());
            while first < end {
                // SAFETY: the rows are within both slices by the assertions, and the caller has the
                // features.
                unsafe {
                    let from = sums.as_ptr().add(first * pitch);
                    let to = out.as_mut_ptr().add(first * width.out);
                    let mut x = 0;
                    while x < columns {
                        V::load(from.add(x)).store(to.add(x));
                        x += V::LANES;
                    }
                }
                first += 1;
            }
        }
        for row in first..rows.end {
            let sums = &sums[row * pitch..][..columns];
            let out = &mut out[(row * height.step + phase[1]) * width.out + phase[2]..];
            for (out, sum) in out.iter_mut().step_by(width.step).zip(sums) {
                *out = *sum;
            }
        }
    }
}

/// As [`conv_backward_weight`](crate::conv_backward_weight).
pub(super) fn backward_weight<T: Float>(
    isa: Isa,
    shape: &ConvShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    let plan = &Plan::forward(shape);
    let units = plan.batch * plan.groups;
    assert_eq!(x.len(), units * plan.source_channels * plan.source_pixels());
    assert_eq!(
        grad_out.len(),
        units * plan.out_channels * plan.out_pixels()
    );
    assert_eq!(
        grad_weight.len(),
        plan.groups * plan.out_channels * shape.depth()
    );
    let [class] = &plan.classes[..] else {
        grad_weight.fill(T::ZERO); // no outputs
        return;
    };
    let [_, rows, columns] = shape.output();
    let lines = Lines::new(
        tiles::<T>(isa).lanes,
        plan.axes[2].packed(),
        [rows, columns],
    );
    let offsets: Vec<u32> = (class.offsets.iter())
        .map(|offset| {
            u32::try_from(*offset).expect("the algorithm is for images that u32 can count")
        })
        .collect();
    let packing = Packing::of_source(plan);
    let grad_packing = Packing::of_rows(rows, columns, lines.row_pitch);
    // The out channels of few groups are shared: parts of the same size, at most PARTS or all.
    let wanted = plan.out_channels.div_ceil(PARTS.div_ceil(plan.groups));
    let channels = (wanted..plan.out_channels).find(|n| plan.out_channels.is_multiple_of(*n));
    let channels = channels.unwrap_or(plan.out_channels);
    let work = plan.batch * channels * plan.out_pixels() * plan.source_channels;
    let at_once = (TASK / work.max(1)).max(1);
    let len = at_once * (channels * shape.depth()).max(1);
    for_each_chunk_mut(grad_weight, len, |task, grad_weight| {
        let body = GroupGrads {
            plan,
            channels,
            lines,
            offsets: &offsets,
            packing: [&packing, &grad_packing],
            first: task * at_once,
            x,
            grad_out,
            grad_weight,
        };
        lanes::run(isa, body);
    });
}

/// The gradients of the weights of some parts of groups.
struct GroupGrads<'a, T> {
    plan: &'a Plan,
    /// Out channels of a part.
    channels: usize,
    lines: Lines,
    offsets: &'a [u32],
    /// Of the input and of the output's gradient.
    packing: [&'a Packing; 2],
    /// The first part.
    first: usize,
    x: &'a [T],
    grad_out: &'a [T],
    /// Of these parts.
    grad_weight: &'a mut [T],
}

impl<T: Float> VectorLoop<T> for GroupGrads<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let (plan, lines, channels) = (self.plan, self.lines, self.channels);
        let (source_pixels, pixels) = (plan.source_pixels(), plan.out_pixels());
        let pitch = channel_pitch(plan);
        let parts = plan.out_channels / channels;
        let depth = plan.axes[0].out;
        let slice = plan.axes[1].packed() * plan.axes[2].packed();
        // A product of the padding, in whole vectors, must be zero.
        let mut packed = Buffer::<T>::zeroed(plan.source_channels * pitch);
        let mut grads = Buffer::<T>::zeroed(self.packing[1].len() + SLACK);
        let taps = self.offsets.len();
        let per_part = channels * plan.source_channels * taps;
        let mut sums = Buffer::<T>::new(per_part * V::LANES);
        let whole = lines.len.next_multiple_of(V::LANES);
        let reach = self.offsets.iter().max().map_or(0, |o| *o as usize);
        let last = lines.count - 1;
        assert!(last * lines.row_pitch + whole <= grads.len());
        assert!((depth - 1) * slice + last * lines.source_pitch + reach + whole <= pitch);
        for (part, grad_weight) in self.grad_weight.chunks_exact_mut(per_part).enumerate() {
            let (group, part) = ((self.first + part) / parts, (self.first + part) % parts);
            sums.fill(T::ZERO);
            for image in 0..plan.batch {
                let unit = image * plan.groups + group;
                let start = unit * plan.source_channels * source_pixels;
                for (c, packed) in packed.chunks_exact_mut(pitch).enumerate() {
                    let x = &self.x[start + c * source_pixels..];
                    // SAFETY: the caller has the features.
                    unsafe { self.packing[0].pack::<T, V>(x, packed) };
                }
                for (o, z) in (0..channels).flat_map(|o| (0..depth).map(move |z| (o, z))) {
                    let channel = unit * plan.out_channels + part * channels + o;
                    let start = channel * pixels + z * (pixels / depth);
                    // SAFETY: the caller has the features.
                    unsafe { self.packing[1].pack::<T, V>(&self.grad_out[start..], &mut grads) };
                    for c in 0..plan.source_channels {
                        let source = packed[c * pitch + z * slice..].as_ptr();
                        let first = (o * plan.source_channels + c) * taps;
                        for (chunk, offsets) in self.offsets.chunks(TAPS).enumerate() {
                            let size = [lines.count, lines.len];
                            let grads = (grads.as_ptr(), lines.row_pitch);
                            let source = (source, lines.source_pitch);
                            let start = (first + chunk * TAPS) * V::LANES;
                            let sums = sums[start..start + offsets.len() * V::LANES].as_mut_ptr();
                            // SAFETY: the lengths were checked above, and the caller has the
                            // features.
                            unsafe {
                                if offsets.len() > 3 {
                                    dots::<T, V, TAPS>(size, grads, source, offsets, sums);
                                } else {
                                    dots::<T, V, 3>(size, grads, source, offsets, sums);
                                }
                            }
                        }
                    }
                }
            }
            for (grad, lanes) in grad_weight.iter_mut().zip(sums.chunks_exact_mut(V::LANES)) {
                *grad = sum_halves(lanes);
            }
        }
    }
}

#[cfg(test)]
mod tests;
