//! The gradient of the weights by the direct kernel.
//!
//! It is, for each weight, a sum over the pixels of all images. The source is packed with its
//! channels next to each other, the output's gradient in blocks of channels, so that a register
//! tile has a few source values (channels, and taps where they are neighbours) and a block of out
//! channels, and goes through the pixels. Pixels are taken in pieces that fit into the cache,
//! for all tiles; sums of pieces are added in order.

use std::ops::Range;

use super::ConvShape;
use super::geometry::{Axis, Plan};
use super::tile::{WeightTileArgs, tiles};
use super::transpose::transpose;
use super::weights::block_width;
use crate::threads::Disjoint;
use crate::{Buffer, Float, Isa, num_threads, parallel_for};

/// Pixels of a piece, if lines are not longer or much shorter.
const PIXELS: usize = 256;

/// Images are taken together until what is packed of them has this many bytes, or half as
/// many as the sums, which are gone through for each such group of images.
const PACKED_BYTES: usize = 2_000_000;

/// Source values that a tile multiplies with the output's gradient.
struct Span {
    /// Where the first value lies from that of a pixel.
    offset: usize,
    /// Values.
    len: usize,
    /// The number in the kernel, and the channel, of each value.
    weights: Vec<(usize, usize)>,
}

/// What does not change from one group of channels to the next.
struct Layout {
    isa: Isa,
    plan: Plan,
    spans: Vec<Span>,
    /// Values that each tile computes; those beyond a span are ignored.
    values: usize,
    /// Lines of an image, and their pixels.
    lines: usize,
    line: usize,
    /// Images that are packed at a time.
    images: usize,
}

/// Computes the gradient of the weights, `[out_channels, in_channels / groups, kernel]`, from the
/// input and the gradient of the output.
pub(super) fn run<T: Float>(
    isa: Isa,
    shape: &ConvShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    assert!(isa.is_available(), "this machine has no {isa:?}");
    let layout = Layout::new::<T>(isa, shape);
    let len = grad_weight.len() / shape.groups;
    let whole = Disjoint::new(grad_weight);
    let group = |group: usize| {
        // SAFETY: each task has a group of its own.
        let grad_weight = unsafe { whole.slice(group * len, len) };
        layout.group(shape, group, x, grad_out, grad_weight);
    };
    if shape.groups >= 2 * num_threads() {
        parallel_for(shape.groups, group);
    } else {
        (0..shape.groups).for_each(group);
    }
}

impl Layout {
    fn new<T: Float>(isa: Isa, shape: &ConvShape) -> Self {
        let plan = Plan::forward(shape);
        let channels = plan.source_channels;
        let [d, h, w] = &plan.axes;
        let most = 2 * tiles::<T>(isa).by_values.len();
        let whole_image = [h, w].iter().all(|axis| axis.packed() == axis.out);
        let line = if whole_image { h.out * w.out } else { w.out };

        // Pieces of nearly the same length waste less than full ones and a rest.
        let longest = w.tap_runs().iter().map(|run| run.1.len()).max();
        let longest = longest.unwrap_or(0) * channels;
        let values = longest.div_ceil(longest.div_ceil(most).max(1));
        let values = values.next_multiple_of(2).max(2);
        let mut spans = Vec::new();
        for (z, taps_d) in d.tap_runs() {
            for (kd, z) in taps_d.iter().zip(z..) {
                for (y, taps_h) in h.tap_runs() {
                    for (kh, y) in taps_h.iter().zip(y..) {
                        let row = (z * h.packed() + y) * w.packed();
                        for (x, taps_w) in w.tap_runs() {
                            let weight = |i: usize| {
                                let kw = taps_w[i / channels];
                                let tap = (kd * shape.kernel[1] + kh) * shape.kernel[2] + kw;
                                (tap, i % channels)
                            };
                            let len = taps_w.len() * channels;
                            for start in (0..len).step_by(values) {
                                let len = values.min(len - start);
                                spans.push(Span {
                                    offset: (row + x) * channels + start,
                                    len,
                                    weights: (start..start + len).map(weight).collect(),
                                });
                            }
                        }
                    }
                }
            }
        }
        let packed: usize = plan.axes.iter().map(Axis::packed).product();
        let bytes = (packed * channels + plan.out_pixels() * plan.out_channels) * size_of::<T>();
        let sums = spans.len() * values * plan.out_channels * size_of::<T>();
        let images = PACKED_BYTES.max(sums / 2) / bytes.max(1);
        let images = images.clamp(1, plan.batch.max(1));
        Layout {
            isa,
            lines: plan.out_pixels() / line.max(1),
            line,
            images,
            plan,
            spans,
            values,
        }
    }

    fn group<T: Float>(
        &self,
        shape: &ConvShape,
        group: usize,
        x: &[T],
        grad_out: &[T],
        grad_weight: &mut [T],
    ) {
        let plan = &self.plan;
        let width = block_width::<T>(self.isa);
        let blocks = plan.out_channels.div_ceil(width);
        let tile = self.values * width;
        let block_len = self.spans.len() * tile;
        let parts = 8usize.div_ceil(blocks).min(self.spans.len()).max(1);
        let per_part = self.spans.len().div_ceil(parts);
        let at_once = self.images >= plan.batch && parts == 1;
        let mut sums = Buffer::<T>::new(if at_once { 0 } else { blocks * block_len });
        let (all_sums, whole) = (Disjoint::new(&mut sums), Disjoint::new(grad_weight));
        let write = |block: usize, sums: &[T]| {
            let (first, depth) = (block * width, shape.depth());
            let channels = width.min(plan.out_channels - first);
            // SAFETY: each block is written by one task.
            let out = unsafe { whole.slice(first * depth, channels * depth) };
            self.write(shape, sums, channels, out);
        };
        for first in (0..plan.batch).step_by(self.images) {
            let images = first..plan.batch.min(first + self.images);
            let last = images.end == plan.batch;
            let (source, grad) = self.pack(group, images.clone(), x, grad_out);
            let starts = self.line_starts(images.len());
            parallel_for(blocks * parts, |task| {
                let (block, part) = (task / parts, task % parts);
                let from = (part * per_part).min(self.spans.len());
                let spans = &self.spans[from..(from + per_part).min(self.spans.len())];
                let start = block * block_len + from * tile;
                let mut here;
                let sums = if at_once {
                    here = Buffer::<T>::new(block_len);
                    &mut here[..]
                } else {
                    // SAFETY: each task has tiles of its own.
                    unsafe { all_sums.slice(start, spans.len() * tile) }
                };
                let pixels = starts.len() * self.line;
                let grad = &grad[block * pixels * width..][..pixels * width];
                self.add_up(spans, &starts, &source, grad, first > 0, &mut *sums);
                if last && parts == 1 {
                    // The sums are still in cache.
                    write(block, sums);
                }
            });
        }
        if parts > 1 {
            parallel_for(blocks, |block| {
                // SAFETY: each task has a block of its own.
                write(block, unsafe {
                    all_sums.slice(block * block_len, block_len)
                });
            });
        }
    }

    /// Where each line of the images begins in the packed source.
    fn line_starts(&self, images: usize) -> Vec<usize> {
        let [d, h, w] = &self.plan.axes;
        (0..images * self.lines)
            .map(|line| {
                let (image, line) = (line / self.lines, line % self.lines);
                let rows = self.lines / d.out;
                let row = (image * d.packed() + line / rows) * h.packed() + line % rows;
                row * w.packed() * self.plan.source_channels
            })
            .collect()
    }

    /// Adds up all tiles of some spans over all lines: `sums` is `[span][value][out channel]`.
    fn add_up<T: Float>(
        &self,
        spans: &[Span],
        starts: &[usize],
        source: &[T],
        grad: &[T],
        accumulate: bool,
        sums: &mut [T],
    ) {
        let width = block_width::<T>(self.isa);
        let tile = tiles(self.isa).by_values[self.values / 2 - 1];
        let stride = self.plan.source_channels;
        let reach = spans.iter().map(|s| s.offset).max().unwrap_or(0)
            + self.line.saturating_sub(1) * stride
            + self.values;
        assert!(starts.iter().all(|start| start + reach <= source.len()));
        assert!(grad.len() == starts.len() * self.line * width);
        assert!(sums.len() == spans.len() * self.values * width);
        // Pieces are several lines, or parts of one.
        let lines = (PIXELS / self.line).max(1);
        let part = self.line.div_ceil(self.line.div_ceil(PIXELS.max(448)));
        for first_line in (0..starts.len()).step_by(lines) {
            let starts = &starts[first_line..starts.len().min(first_line + lines)];
            let part = if starts.len() > 1 { self.line } else { part };
            for first in (0..self.line).step_by(part) {
                for (span, sums) in spans.iter().zip(sums.chunks_exact_mut(self.values * width)) {
                    let args = WeightTileArgs {
                        lines: starts.len(),
                        pixels: part.min(self.line - first),
                        offsets: starts.as_ptr(),
                        source: source[span.offset + first * stride..].as_ptr(),
                        pixel_stride: stride,
                        grad: grad[(first_line * self.line + first) * width..].as_ptr(),
                        sums: sums.as_mut_ptr(),
                        accumulate: accumulate || first_line > 0 || first > 0,
                    };
                    // SAFETY: the machine has the instruction set; the values of all pixels are
                    // inside the source, and the gradient and sums have the sizes that the tile
                    // needs, by the assertions above and in `run`.
                    unsafe { tile(&args) };
                }
            }
        }
    }

    /// The source of some images as `[image, depth, height, width][channel]` and the output's
    /// gradient as `[block][image, pixel][channel of the block]`.
    fn pack<T: Float>(
        &self,
        group: usize,
        images: Range<usize>,
        x: &[T],
        grad_out: &[T],
    ) -> (Buffer<T>, Buffer<T>) {
        let plan = &self.plan;
        let width = block_width::<T>(self.isa);
        let blocks = plan.out_channels.div_ceil(width);
        let [d, h, w] = &plan.axes;
        let rows = images.len() * d.packed() * h.packed();
        let row_len = w.packed() * plan.source_channels;
        // The last tile may read values beyond its span.
        let mut source = Buffer::<T>::new(rows * row_len + self.values);
        source[rows * row_len..].fill(T::ZERO);
        let pixels = plan.out_pixels();
        let block_len = images.len() * pixels * width;
        let mut grad = Buffer::<T>::new(blocks * block_len);
        let (whole_source, whole_grad) = (Disjoint::new(&mut source), Disjoint::new(&mut grad));
        let rows_at_once = ((1 << 13) / row_len.max(1)).max(1);
        let row_tasks = rows.div_ceil(rows_at_once);
        parallel_for(row_tasks + blocks * images.len(), |task| {
            if task < row_tasks {
                let mut turned = Buffer::<T>::new(0);
                for row in task * rows_at_once..rows.min((task + 1) * rows_at_once) {
                    let (z, y) = (row / h.packed() % d.packed(), row % h.packed());
                    let image = images.start + row / h.packed() / d.packed();
                    // SAFETY: each task has rows of its own.
                    let packed = unsafe { whole_source.slice(row * row_len, row_len) };
                    match d.source_of(z).zip(h.source_of(y)) {
                        Some((z, y)) => {
                            let start = (image * plan.groups + group) * plan.source_channels;
                            let x = &x[start * plan.source_pixels()..];
                            let x = &x[(z * h.source() + y) * w.source()..];
                            self.pack_row(x, &mut turned, packed);
                        }
                        None => packed.fill(T::ZERO),
                    }
                }
                return;
            }
            let (block, image) = (
                (task - row_tasks) / images.len(),
                (task - row_tasks) % images.len(),
            );
            let channels = width.min(plan.out_channels - block * width);
            let start = block * block_len + image * pixels * width;
            // SAFETY: each task has a block and image of its own.
            let packed = unsafe { whole_grad.slice(start, pixels * width) };
            if channels < width {
                packed.fill(T::ZERO);
            }
            let start = ((images.start + image) * plan.groups + group) * plan.out_channels;
            let grad = &grad_out[(start + block * width) * pixels..];
            transpose(self.isa, grad, pixels, [channels, pixels], packed, width);
        });
        (source, grad)
    }

    /// Packs a row of all channels, which begins at `x` in the first one.
    fn pack_row<T: Float>(&self, x: &[T], turned: &mut Buffer<T>, packed: &mut [T]) {
        let w = &self.plan.axes[2];
        let channels = self.plan.source_channels;
        let stride = self.plan.source_pixels();
        if channels < 8 {
            // Too few for transposing in blocks.
            for (at, packed) in packed.chunks_exact_mut(channels).enumerate() {
                let from = w.source_of(at);
                for (channel, packed) in packed.iter_mut().enumerate() {
                    *packed = from.map_or(T::ZERO, |from| x[channel * stride + from]);
                }
            }
            return;
        }
        if turned.is_empty() {
            *turned = Buffer::new(w.source() * channels);
        }
        transpose(
            self.isa,
            x,
            stride,
            [channels, w.source()],
            turned,
            channels,
        );
        for (at, packed) in packed.chunks_exact_mut(channels).enumerate() {
            match w.source_of(at) {
                Some(x) => packed.copy_from_slice(&turned[x * channels..][..channels]),
                None => packed.fill(T::ZERO),
            }
        }
    }

    /// Writes the sums of a block of channels, `[span][value][out channel]`, to the gradient.
    fn write<T: Float>(&self, shape: &ConvShape, sums: &[T], channels: usize, out: &mut [T]) {
        let width = block_width::<T>(self.isa);
        let (depth, taps) = (shape.depth(), shape.taps());
        let mut in_order = Buffer::<T>::new(depth * width);
        for (span, sums) in self
            .spans
            .iter()
            .zip(sums.chunks_exact(self.values * width))
        {
            let values = sums.chunks_exact(width).take(span.len);
            for ((tap, channel), sums) in span.weights.iter().zip(values) {
                let to = (channel * taps + tap) * width;
                in_order[to..to + width].copy_from_slice(sums);
            }
        }
        transpose(self.isa, &in_order, width, [depth, channels], out, depth);
    }
}
