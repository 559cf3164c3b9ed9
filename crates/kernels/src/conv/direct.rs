//! The direct kernel: sums over taps and source channels for a few pixels and out channels at a
//! time, in registers, without a matrix of gathered values.
//!
//! The source is copied into padded planes (see [`super::geometry`]), so that a term of a pixel's
//! sum is at a fixed distance from the pixel's first one, for all pixels alike. Tiles go through a
//! table of these distances. Their sums, pixel by pixel with the channels next to each other,
//! stay in cache until a piece of the output is complete, and are then turned into planes.
//! Sums are cut into blocks of at most TERMS terms, added in order.

use std::mem::replace;

use super::ConvShape;
use super::geometry::{Class, Plan};
use super::packing::Packing;
use super::tile::{TileArgs, tiles};
use super::transpose::transpose_to;
use super::weights::{PlainWeights, WeightStrides, block_width, pack_weights};
use crate::epilogue::Block;
use crate::threads::Disjoint;
use crate::{Bias, Buffer, Epilogue, Float, Isa, num_threads, parallel_for};

/// The most terms that are added without a break.
const TERMS: usize = 512;

/// Pixels of the output that are completed at a time, if rows are not longer.
const PIXELS: usize = 448;

/// Images are taken together until their packed source has this many bytes.
const SOURCE_BYTES: usize = 1 << 20;

/// The weights of a plan.
#[derive(Copy, Clone)]
pub(super) enum DirectWeights<'a, T> {
    /// What [`pack_weights`] made for the same instruction set.
    Packed(&'a [T]),
    /// To be packed where they are used, or before.
    Plain(PlainWeights<'a, T>),
}

/// A run of neighbouring pixels of one class.
struct Run {
    /// Where its first source pixel lies.
    source: usize,
    /// The number of its first pixel in what holds the sums.
    pixel: usize,
}

/// The runs of a class in a piece of the output.
struct Runs {
    each: Vec<Run>,
    /// Pixels of each.
    pixels: usize,
    /// From a pixel to the next one in what holds the sums.
    step: usize,
    /// Whether pixels are in two of them.
    overlap: bool,
}

/// Some images and one group of channels, whose source is packed.
struct Unit<'a, T: Float> {
    isa: Isa,
    plan: &'a Plan,
    offsets: &'a [Buffer<u32>],
    source: &'a [T],
    image_stride: usize,
    weights: DirectWeights<'a, T>,
    epilogue: &'a Epilogue<'a, T>,
    out: &'a Disjoint<'a, T>,
    first_image: usize,
    group: usize,
}

/// Packed elements of a channel that are always worth their memory.
const SMALL_PLANE: usize = 1 << 14;
/// Packed elements for each one of the input and the output, at most.
const SPARSE: usize = 64;
/// The most classes of pixels of an input's gradient: each piece of it goes through them all.
const CLASSES: usize = 1024;

/// Whether the kernel can count the elements of an image's packed source, of which there are not many
/// more than the image has: with a large dilation, most of them would be zeros.
pub(super) fn fits(shape: &ConvShape) -> bool {
    let output = shape.output();
    let span = |d: usize| shape.kernel[d].saturating_sub(1) * shape.dilation[d];
    let forward = |d: usize| {
        let rests = shape.stride[d].min(shape.kernel[d]);
        let part = (span(d) + (output[d] - 1) * shape.stride[d]) / shape.stride[d] + 1;
        part.saturating_mul(rests)
    };
    let gradient = |d: usize| (span(d) / shape.stride[d] + shape.input[d] / shape.stride[d]) + 3;
    let channels = shape.in_channels.max(shape.out_channels) + 32;
    let real = shape.in_pixels().saturating_add(shape.out_pixels());
    let most = real.saturating_mul(SPARSE).saturating_add(SMALL_PLANE);
    let plane = |axis: &dyn Fn(usize) -> usize| (0..3).map(axis).fold(1, usize::saturating_mul);
    [plane(&forward), plane(&gradient)].iter().all(|plane| {
        // Room that is left after each channel.
        let elements = plane.saturating_add(256).saturating_mul(channels);
        *plane <= most && elements < u32::MAX as usize
    })
}

/// Whether the gradient of the input has few enough classes.
pub(super) fn few_classes(shape: &ConvShape) -> bool {
    let phases = (0..3).map(|d| shape.stride[d].min(shape.input[d]));
    phases.fold(1, usize::saturating_mul) <= CLASSES
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
    let shape = &shape.flattened();
    let plan = Plan::forward(shape);
    let weights = DirectWeights::Plain(PlainWeights {
        data: weight,
        strides: WeightStrides::forward(shape),
    });
    let epilogue = Epilogue {
        bias: bias.map_or(Bias::None, Bias::PerRow),
        ..Epilogue::NONE
    };
    run(isa, &plan, x, weights, &epilogue, out);
}

/// The gradient of a convolution's input, plus a bias.
pub(super) fn backward_input<T: Float>(
    isa: Isa,
    shape: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    grad_input: &mut [T],
) {
    let shape = &shape.flattened();
    let plan = Plan::input_gradient(shape);
    let weights = DirectWeights::Plain(PlainWeights {
        data: weight,
        strides: WeightStrides::input_gradient(shape),
    });
    let epilogue = Epilogue {
        bias: bias.map_or(Bias::None, Bias::PerRow),
        ..Epilogue::NONE
    };
    run(isa, &plan, grad_out, weights, &epilogue, grad_input);
}

/// Computes the output of a plan from its source, `[batch, groups * source_channels, pixels]`.
pub(super) fn run<T: Float>(
    isa: Isa,
    plan: &Plan,
    source: &[T],
    weights: DirectWeights<'_, T>,
    epilogue: &Epilogue<'_, T>,
    out: &mut [T],
) {
    let blocks = plan.out_channels.div_ceil(block_width::<T>(isa));
    assert!(isa.is_available(), "this machine has no {isa:?}");
    if let DirectWeights::Packed(weights) = weights {
        let panel = plan.terms() * block_width::<T>(isa);
        assert_eq!(weights.len(), plan.groups * blocks * panel);
    }
    assert_eq!(
        source.len(),
        plan.batch * plan.groups * plan.source_channels * plan.source_pixels()
    );
    let image_len = plan.source_channels * plan.channel_stride;
    let offsets: Vec<_> = (plan.classes.iter())
        .map(|class| offset_table(plan, class))
        .collect();
    let pixels = plan.out_pixels();
    let by_size = SOURCE_BYTES / (image_len * size_of::<T>()).max(1);
    let images = by_size
        .max(PIXELS / pixels.max(1))
        .clamp(1, plan.batch.max(1));
    let image_groups = plan.batch.div_ceil(images);
    let images = plan.batch.div_ceil(image_groups.max(1)).max(1);
    let packed;
    let weights = match weights {
        // What more than one piece of the output needs is packed before.
        DirectWeights::Plain(plain) if image_groups > 1 || images * pixels > PIXELS => {
            packed = pack_weights(isa, plan, plain);
            DirectWeights::Packed(&packed)
        }
        weights => weights,
    };
    let out = Disjoint::new(out);
    let packing = Packing::of_source(plan);
    let unit = |index: usize| {
        let (first_image, group) = (index / plan.groups * images, index % plan.groups);
        let images = images.min(plan.batch - first_image);
        let start = (first_image * plan.groups + group) * plan.source_channels;
        let packed;
        let (source, image_stride) = if plan.in_place {
            (
                &source[start * plan.channel_stride..],
                plan.groups * image_len,
            )
        } else {
            packed = pack_source(isa, plan, &packing, source, [first_image, images, group]);
            (&packed[..], image_len)
        };
        let unit = Unit {
            isa,
            plan,
            offsets: &offsets,
            source,
            image_stride,
            weights,
            epilogue,
            out: &out,
            first_image,
            group,
        };
        unit.compute(images);
    };
    let units = image_groups * plan.groups;
    if units >= 4 * num_threads() || units.is_multiple_of(num_threads()) {
        parallel_for(units, unit);
    } else {
        (0..units).for_each(unit);
    }
}

/// For each term of a class, source channel by source channel, where it lies from the first one.
fn offset_table(plan: &Plan, class: &Class) -> Buffer<u32> {
    let mut table = Buffer::<u32>::new(plan.source_channels * class.offsets.len());
    let channels = table.chunks_exact_mut(class.offsets.len().max(1));
    for (channel, table) in channels.enumerate() {
        for (entry, offset) in table.iter_mut().zip(&class.offsets) {
            *entry = u32::try_from(channel * plan.channel_stride + offset)
                .expect("the algorithm was chosen for images that u32 can count");
        }
    }
    table
}

/// Packs a group's channels of some images.
fn pack_source<T: Float>(
    isa: Isa,
    plan: &Plan,
    packing: &Packing,
    source: &[T],
    [first_image, images, group]: [usize; 3],
) -> Buffer<T> {
    let channels = images * plan.source_channels;
    let (stride, pixels) = (plan.channel_stride, plan.source_pixels());
    let mut packed = Buffer::<T>::new(channels * stride);
    let at_once = ((1 << 13) / stride).max(1);
    let whole = Disjoint::new(&mut packed);
    let pack = tiles(isa).pack;
    parallel_for(channels.div_ceil(at_once), |task| {
        for index in task * at_once..channels.min((task + 1) * at_once) {
            let (image, channel) = (index / plan.source_channels, index % plan.source_channels);
            let start =
                ((first_image + image) * plan.groups + group) * plan.source_channels + channel;
            // SAFETY: each task has channels of its own.
            let packed = unsafe { whole.slice(index * stride, stride) };
            // SAFETY: the machine has the instruction set, as was checked in `run`.
            unsafe { pack(packing, &source[start * pixels..], packed) };
        }
    });
    packed
}

impl<T: Float> Unit<'_, T> {
    fn compute(&self, images: usize) {
        let [depth, height, width] = &self.plan.axes;
        let rows = images * depth.out * height.out;
        let row_pieces = rows.div_ceil((PIXELS / width.out).max(1));
        let rows_at_once = rows.div_ceil(row_pieces);
        let row_pieces = rows.div_ceil(rows_at_once);
        let blocks = self.plan.out_channels.div_ceil(block_width::<T>(self.isa));
        parallel_for(blocks * row_pieces, |task| {
            let (block, piece) = (task / row_pieces, task % row_pieces);
            let first = piece * rows_at_once;
            self.piece(block, first, rows_at_once.min(rows - first));
        });
    }

    /// Computes some rows of the output for a block of channels. Rows are counted through all
    /// images.
    fn piece(&self, block: usize, first_row: usize, rows: usize) {
        let plan = self.plan;
        let width = block_width::<T>(self.isa);
        let row_len = plan.axes[2].out;
        let mut finished = Buffer::<T>::new(rows * row_len * width);
        let mut terms_before = 0;
        for (class, offsets) in plan.classes.iter().zip(self.offsets) {
            let mut runs = self.runs_of(class, first_row, rows);
            let place = (block, class, terms_before);
            terms_before += offsets.len();
            if !runs.overlap || offsets.len() <= TERMS {
                self.add_up(place, &runs, offsets, &mut finished);
                continue;
            }
            // Pixels in two runs would get what is added twice.
            let (pixels, step) = (runs.pixels, runs.step.saturating_mul(width));
            runs.step = 1;
            let renumber = |(i, run): (usize, &mut Run)| replace(&mut run.pixel, i * pixels);
            let places: Vec<usize> = runs.each.iter_mut().enumerate().map(renumber).collect();
            let mut sums = Buffer::<T>::new(places.len() * pixels * width);
            self.add_up(place, &runs, offsets, &mut sums);
            for (pixel, sums) in places.iter().zip(sums.chunks_exact(pixels * width)) {
                let out = finished[pixel * width..].chunks_mut(step);
                for (out, sums) in out.zip(sums.chunks_exact(width)) {
                    out[..width].copy_from_slice(sums);
                }
            }
        }
        self.write(block, first_row, rows, &finished);
    }

    /// The runs of a class in some rows, of which a strided kernel's piece of few rows may have none. Where
    /// the pixels of a row do not divide into runs, the last one begins earlier, on pixels of the one before.
    fn runs_of(&self, class: &Class, first_row: usize, rows: usize) -> Runs {
        let [depth, height, width] = &self.plan.axes;
        let count = width.count(class.phase[2]);
        let per_row = count.div_ceil(tiles::<T>(self.isa).by_pixels.len());
        let pixels = count.div_ceil(per_row);
        let mut runs = Vec::with_capacity(rows * per_row);
        for row in 0..rows {
            let (image, y) = (
                (first_row + row) / height.out / depth.out,
                (first_row + row) % height.out,
            );
            let z = (first_row + row) / height.out % depth.out;
            if z % depth.step != class.phase[0] || y % height.step != class.phase[1] {
                continue;
            }
            let line = z / depth.step * height.packed() + y / height.step;
            let source = image * self.image_stride + line * width.packed();
            for run in 0..per_row {
                let q = (run * pixels).min(count - pixels);
                runs.push(Run {
                    source: source + q,
                    pixel: row * width.out + q * width.step + class.phase[2],
                });
            }
        }
        Runs {
            each: runs,
            pixels,
            step: width.step,
            overlap: per_row * pixels > count,
        }
    }

    /// Fills the runs' pixels of `sums`, `[pixel][channel of the block]`. The class of a block of channels
    /// comes with the number of terms before it.
    fn add_up(
        &self,
        (block, class, terms_before): (usize, &Class, usize),
        Runs {
            each: runs,
            pixels,
            step,
            ..
        }: &Runs,
        offsets: &[u32],
        sums: &mut [T],
    ) {
        let Some(last) = runs.iter().map(|run| run.pixel).max() else {
            return;
        };
        let plan = self.plan;
        let width = block_width::<T>(self.isa);
        let sums_stride = step.saturating_mul(width);
        let len = last * width + (pixels - 1) * sums_stride + width;
        assert!(len <= sums.len());
        let Some(farthest) = offsets.iter().max() else {
            for run in runs {
                let pixels = sums[run.pixel * width..]
                    .chunks_mut(sums_stride)
                    .take(*pixels);
                pixels.for_each(|sums| sums[..width].fill(T::ZERO));
            }
            return;
        };
        let tiles = &tiles(self.isa).by_pixels[pixels - 1];
        let reach = *farthest as usize + *pixels;
        assert!(
            runs.iter()
                .all(|run| run.source + reach <= self.source.len())
        );
        // Blocks of terms are whole channels, unless a channel alone has too many.
        let taps = class.taps.len();
        let channels = plan.source_channels;
        let at_once = channels.div_ceil(channels.div_ceil((TERMS / taps).max(1)));
        let mut here = Buffer::<T>::new(0);
        let sums = sums.as_mut_ptr();
        for first in (0..channels).step_by(at_once) {
            let sources = first..channels.min(first + at_once);
            let len = sources.len() * taps;
            let place = [self.group, block];
            let weights = match self.weights {
                DirectWeights::Packed(weights) => {
                    let blocks = plan.out_channels.div_ceil(width);
                    let panel = (self.group * blocks + block) * plan.terms();
                    &weights[(panel + terms_before + first * taps) * width..][..len * width]
                }
                DirectWeights::Plain(plain) => {
                    if here.is_empty() {
                        here = Buffer::new(at_once * taps * width);
                    }
                    let here = &mut here[..len * width];
                    plain.pack(self.isa, plan, class, place, sources, here);
                    here
                }
            };
            let offsets = &offsets[first * taps..][..len];
            for (part, offsets) in offsets.chunks(TERMS).enumerate() {
                let weights = &weights[part * TERMS * width..][..offsets.len() * width];
                let accumulate = first > 0 || part > 0;
                // All tiles together ask for what follows these weights, which one by one they would
                // wait for.
                let packed = matches!(self.weights, DirectWeights::Packed(_));
                let coming_step = width.div_ceil(runs.len().div_ceil(2)) * usize::from(packed);
                let mut coming = weights.as_ptr_range().end;
                for runs in runs.chunks(2) {
                    let both = [&runs[0], &runs[runs.len() - 1]];
                    let args = TileArgs {
                        terms: offsets.len(),
                        offsets: offsets.as_ptr(),
                        source: both.map(|run| self.source[run.source..].as_ptr()),
                        weights: weights.as_ptr(),
                        coming,
                        coming_step,
                        sums: both.map(|run| sums.wrapping_add(run.pixel * width)),
                        sums_stride,
                        accumulate,
                    };
                    // SAFETY: the machine has the instruction set, the runs' source pixels at all
                    // offsets are inside the source, their pixels inside the sums, and weights have
                    // the size of the tile, by the assertions above and in `run`.
                    unsafe { tiles[runs.len() - 1](&args) };
                    coming = coming.wrapping_add(offsets.len() * coming_step);
                }
            }
        }
    }

    /// Turns finished sums, `[pixel][channel of the block]`, into planes of the output.
    fn write(&self, block: usize, first_row: usize, rows: usize, sums: &[T]) {
        let plan = self.plan;
        let width = block_width::<T>(self.isa);
        let pixels = plan.out_pixels();
        let first_channel = block * width;
        let channels = width.min(plan.out_channels - first_channel);
        let mut pixel = first_row * plan.axes[2].out;
        let end = pixel + rows * plan.axes[2].out;
        let mut sums = sums;
        while pixel < end {
            let (image, at) = (pixel / pixels, pixel % pixels);
            let len = (end - pixel).min(pixels - at);
            let image = self.first_image + image;
            let channel = self.group * plan.out_channels + first_channel;
            let start = (image * plan.groups * plan.out_channels + channel) * pixels + at;
            assert!(start + (channels - 1) * pixels + len <= self.out.len());
            // SAFETY: these pixels of these channels are inside the output, and this task's own.
            unsafe {
                let out = self.out.at(start);
                transpose_to(self.isa, sums, width, [len, channels], out, pixels);
            }
            let block = Block {
                row: channel,
                rows: channels,
                column: 0,
                len,
                start,
                stride: pixels,
            };
            // SAFETY: as above.
            unsafe { self.epilogue.apply_block(self.isa, block, self.out) };
            sums = &sums[len * width..];
            pixel += len;
        }
    }
}
