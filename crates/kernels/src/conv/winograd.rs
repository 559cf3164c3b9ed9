//! Convolutions with 3x3 kernels and stride 1 by Winograd's algorithm F(4x4, 3x3).
//!
//! A tile of 6x6 inputs gives 4x4 outputs with 36 multiplications for each pair of channels
//! instead of 144. Inputs and weights are transformed, the sums over channels become 36 matrix
//! products, and their results are transformed to outputs; the gradients are the transposes of
//! these steps. Tensors are plain NCHW.
//!
//! The sum of an output runs over the channels in order, whatever tiles and threads share the
//! work, and the gradient of a weight runs over blocks of tiles that the shape alone decides.

mod product;
mod tiles;
mod transforms;
mod weights;

use std::marker::PhantomData;
use std::ops::Range;

use super::ConvShape;
use crate::lanes;
use crate::threads::Disjoint;
use crate::{Buffer, Epilogue, Isa, parallel_for};
use product::{TilesTimesGrads, TilesTimesWeights, max_rows};
use tiles::{Grid, ReadTiles, Stretches, WriteTiles};
use transforms::{OUTPUTS, OfInput, OfOutputGrad, POINTS, TILE};
use weights::{KERNEL, PackPanel, SCRATCH, UnpackPanel};

/// Values of a transformed tile.
const VALUES: usize = POINTS * POINTS;
/// The most terms that are added without a break.
const K_BLOCK: usize = 512;
/// Floats that the transformed inputs of a block of tiles should take: a part of the L2 cache.
const BLOCK: usize = 3 << 16;
/// Tiles in a block, at least, so that the weights that are read for it are used often enough.
const MIN_TILES: usize = 56;
/// Floats that the transformed tiles of a block of the weight gradient should take.
const GRAD_BLOCK: usize = 3 << 17;
/// Tiles in a stretch of the weight gradient.
const GRAD_STRETCH: usize = 14;

/// Outputs along an axis, tiles and channels from which on the transforms are worth their time.
const LEAST_SIZE: usize = 8;
const LEAST_TILES: usize = 16;
const LEAST_TILES_FOR_WEIGHTS: usize = 48;
const LEAST_CHANNELS: usize = 32;

/// The sizes of a convolution with 3x3 kernels, stride 1, dilation 1 and one group. The padded
/// input holds a kernel.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    /// Height and width of the input.
    pub(super) input: [usize; 2],
    /// Zeros on each side of the input, along height and width.
    pub(super) padding: [usize; 2],
}

impl Sizes {
    /// The sizes of a convolution of this kind, if it is one.
    pub(super) fn of(shape: &ConvShape) -> Option<Sizes> {
        let [depth, h, w] = shape.input;
        let fits = shape.kernel == [1, 3, 3]
            && shape.stride == [1; 3]
            && shape.dilation == [1; 3]
            && shape.groups == 1
            && depth == 1
            && shape.padding[0] == 0;
        fits.then_some(Sizes {
            batch: shape.batch,
            in_channels: shape.in_channels,
            out_channels: shape.out_channels,
            input: [h, w],
            padding: [shape.padding[1], shape.padding[2]],
        })
    }

    /// Tiles of all images.
    fn tiles(&self) -> usize {
        self.batch
            * self
                .output()
                .map(|size| size.div_ceil(OUTPUTS))
                .iter()
                .product::<usize>()
    }

    /// Whether the transforms are worth their time.
    pub(super) fn pays(&self) -> bool {
        // The tiles of small images are half empty.
        self.output().iter().all(|size| *size >= LEAST_SIZE)
            && self.tiles() >= LEAST_TILES
            && self.in_channels.min(self.out_channels) >= LEAST_CHANNELS
    }

    /// The same for the gradient of the weights, which has more to transform.
    pub(super) fn pays_for_weights(&self) -> bool {
        self.tiles() >= LEAST_TILES_FOR_WEIGHTS
    }

    /// Height and width of the output.
    pub(super) fn output(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            let padded = self.input[axis] + 2 * self.padding[axis];
            assert!(padded >= 3, "a 3x3 kernel on {self:?}");
            padded - 2
        })
    }

    fn grid(
        &self,
        channels: usize,
        planes: [usize; 2],
        to: [usize; 2],
        origin: [isize; 2],
    ) -> Grid {
        Grid {
            images: self.batch,
            channels,
            h: planes[0],
            w: planes[1],
            origin,
            tiles: to.map(|size| size.div_ceil(OUTPUTS)),
        }
    }

    /// Inputs under tiles of outputs.
    fn inputs(&self) -> Grid {
        let origin = self.padding.map(|p| -(p as isize));
        self.grid(self.in_channels, self.input, self.output(), origin)
    }

    /// Outputs as tiles.
    fn outputs(&self) -> Grid {
        self.grid(self.out_channels, self.output(), self.output(), [0, 0])
    }

    /// Gradients of outputs under tiles of inputs.
    fn output_grads(&self) -> Grid {
        let origin = self.padding.map(|p| p as isize - 2);
        self.grid(self.out_channels, self.output(), self.input, origin)
    }

    /// Gradients of inputs as tiles.
    fn input_grads(&self) -> Grid {
        self.grid(self.in_channels, self.input, self.input, [0, 0])
    }

    fn weights(&self) -> usize {
        self.out_channels * self.in_channels * KERNEL
    }
}

/// Weights `[out_channels, in_channels, 3, 3]`, transformed: for a model that is used more often
/// than it changes. Four times as large as the weights.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    isa: Isa,
    backward: bool,
    out_channels: usize,
    in_channels: usize,
    /// Of two vectors of output channels each, as [`PackPanel`] makes them.
    panels: Buffer<f32>,
}

impl Weights {
    /// Transforms the weights of a forward pass.
    pub(super) fn new(isa: Isa, sizes: &Sizes, weight: &[f32]) -> Weights {
        Raw::new(isa, sizes, weight, false).pack_all()
    }
}

/// Weights that are yet to be transformed.
struct Raw<'a> {
    isa: Isa,
    weight: &'a [f32],
    out_channels: usize,
    in_channels: usize,
    backward: bool,
}

impl<'a> Raw<'a> {
    fn new(isa: Isa, sizes: &Sizes, weight: &'a [f32], backward: bool) -> Self {
        assert_eq!(weight.len(), sizes.weights(), "winograd: the weights");
        Raw {
            isa,
            weight,
            out_channels: sizes.out_channels,
            in_channels: sizes.in_channels,
            backward,
        }
    }

    fn panels(&self) -> usize {
        let outputs = if self.backward {
            self.in_channels
        } else {
            self.out_channels
        };
        outputs.div_ceil(2 * lanes::count(self.isa))
    }

    fn panel_len(&self) -> usize {
        let inputs = if self.backward {
            self.out_channels
        } else {
            self.in_channels
        };
        weights::panel_len(lanes::count(self.isa), inputs)
    }

    fn pack_all(&self) -> Weights {
        let mut panels = Buffer::new(self.panels() * self.panel_len());
        let out = Disjoint::new(&mut panels);
        parallel_for(self.panels(), |p| {
            // SAFETY: each task has a panel of its own.
            let panel = unsafe { out.slice(p * self.panel_len(), self.panel_len()) };
            self.pack(p, panel);
        });
        Weights {
            isa: self.isa,
            backward: self.backward,
            out_channels: self.out_channels,
            in_channels: self.in_channels,
            panels,
        }
    }

    fn pack(&self, index: usize, panel: &mut [f32]) {
        let body = PackPanel {
            weight: self.weight,
            out_channels: self.out_channels,
            in_channels: self.in_channels,
            backward: self.backward,
            index,
            scratch: &mut Buffer::new(SCRATCH),
            panel,
        };
        lanes::run(self.isa, body);
    }
}

/// `out = correlation of x with weight`, as [`conv_forward`](crate::conv_forward), then the
/// epilogue.
pub(super) fn forward(
    isa: Isa,
    sizes: &Sizes,
    x: &[f32],
    weight: &[f32],
    epilogue: &Epilogue<'_, f32>,
    out: &mut [f32],
) {
    let raw = Raw::new(isa, sizes, weight, false);
    correlate(
        isa,
        [sizes.inputs(), sizes.outputs()],
        x,
        Source::Raw(raw),
        epilogue,
        out,
    );
}

/// As [`forward`], with weights that have been transformed before.
pub(super) fn forward_with(
    sizes: &Sizes,
    x: &[f32],
    weights: &Weights,
    epilogue: &Epilogue<'_, f32>,
    out: &mut [f32],
) {
    assert!(
        !weights.backward
            && weights.out_channels == sizes.out_channels
            && weights.in_channels == sizes.in_channels,
        "winograd: these weights are for another convolution than {sizes:?}"
    );
    let grids = [sizes.inputs(), sizes.outputs()];
    correlate(
        weights.isa,
        grids,
        x,
        Source::Packed(weights),
        epilogue,
        out,
    );
}

/// As [`conv_backward_input`](crate::conv_backward_input).
pub(super) fn backward_input(
    isa: Isa,
    sizes: &Sizes,
    grad_out: &[f32],
    weight: &[f32],
    grad_input: &mut [f32],
) {
    let raw = Raw::new(isa, sizes, weight, true);
    let grids = [sizes.output_grads(), sizes.input_grads()];
    let source = Source::Raw(raw);
    correlate(isa, grids, grad_out, source, &Epilogue::NONE, grad_input);
}

/// Where the panels of transformed weights come from.
enum Source<'a> {
    Raw(Raw<'a>),
    Packed(&'a Weights),
}

/// The one loop of the forward pass and the gradient of the input: `from` are the tiles that are
/// read, `to` those that are written.
fn correlate(
    isa: Isa,
    [from, to]: [Grid; 2],
    x: &[f32],
    source: Source<'_>,
    epilogue: &Epilogue<'_, f32>,
    out: &mut [f32],
) {
    assert_eq!(x.len(), from.len(), "winograd: the input of {from:?}");
    assert_eq!(out.len(), to.len(), "winograd: the output of {to:?}");
    let bias = epilogue.channel_bias(to.channels);
    assert!(epilogue.residual.is_none_or(|r| r.len() == out.len()));
    if out.is_empty() {
        return;
    }
    let lanes = lanes::count(isa);
    let pass = Pass {
        isa,
        lanes,
        from,
        to,
        x,
        blocks: from.channels.div_ceil(lanes),
        bias,
        epilogue,
        out: Disjoint::new(out),
    };
    let panels = to.channels.div_ceil(2 * lanes);
    let panel_len = weights::panel_len(lanes, from.channels);
    let tiles = from.rows() * from.tiles[1];
    let at_once = (BLOCK / (VALUES * from.channels.max(1))).max(MIN_TILES);
    let tasks = tiles.div_ceil(at_once).next_multiple_of(2);
    let per_task = from.rows().div_ceil(tasks);
    if tiles <= at_once || from.rows() < 2 {
        // Few tiles: the threads share them, and each has output channels of its own.
        let mut transformed = pass.room(tiles);
        let v = Disjoint::new(&mut transformed);
        let rows = 0..from.rows();
        parallel_for(pass.blocks, |block| {
            pass.read(rows.clone(), block..block + 1, &v)
        });
        parallel_for(panels, |p| match &source {
            Source::Packed(weights) => {
                let panel = &weights.panels[p * panel_len..][..panel_len];
                pass.multiply(rows.clone(), p, panel, &transformed);
            }
            Source::Raw(raw) => {
                let mut panel = Buffer::new(panel_len);
                raw.pack(p, &mut panel);
                pass.multiply(rows.clone(), p, &panel, &transformed);
            }
        });
        return;
    }
    let made;
    let weights = match source {
        Source::Packed(weights) => weights,
        Source::Raw(raw) => {
            made = raw.pack_all();
            &made
        }
    };
    parallel_for(from.rows().div_ceil(per_task), |task| {
        let rows = task * per_task..from.rows().min((task + 1) * per_task);
        let tiles = rows.len() * from.tiles[1];
        let mut transformed = pass.room(tiles);
        pass.read(
            rows.clone(),
            0..pass.blocks,
            &Disjoint::new(&mut transformed),
        );
        for p in 0..panels {
            let panel = &weights.panels[p * panel_len..][..panel_len];
            pass.multiply(rows.clone(), p, panel, &transformed);
        }
    });
}

/// A forward pass, or one that gives the gradient of the input.
struct Pass<'a> {
    isa: Isa,
    lanes: usize,
    from: Grid,
    to: Grid,
    x: &'a [f32],
    /// Blocks of `lanes` channels that are read.
    blocks: usize,
    bias: Option<&'a [f32]>,
    epilogue: &'a Epilogue<'a, f32>,
    out: Disjoint<'a, f32>,
}

impl Pass<'_> {
    /// Tiles of a block in stretches for the register tiles, of nearly the same height.
    fn height(&self, tiles: usize) -> usize {
        tiles.div_ceil(tiles.div_ceil(max_rows(self.lanes)))
    }

    /// Room for transformed inputs: `[stretch][block][36][tile][lanes]`.
    fn room(&self, tiles: usize) -> Buffer<f32> {
        let height = self.height(tiles);
        Buffer::new(VALUES * self.blocks * tiles.next_multiple_of(height) * self.lanes)
    }

    /// Transforms some rows of tiles, into `v`, which is [`Self::room`].
    fn read(&self, rows: Range<usize>, blocks: Range<usize>, v: &Disjoint<'_, f32>) {
        let height = self.height(rows.len() * self.from.tiles[1]);
        let block_len = VALUES * height * self.lanes;
        let mut scratch = Buffer::new(self.from.strip(rows.len(), TILE) * self.lanes);
        for block in blocks {
            let body = ReadTiles {
                grid: &self.from,
                x: self.x,
                channel: block * self.lanes,
                rows: rows.clone(),
                scratch: &mut scratch,
                to: v,
                start: block * block_len,
                places: Stretches {
                    height,
                    stride: self.blocks * block_len,
                    width: self.lanes,
                },
                transform: PhantomData::<OfInput>,
            };
            lanes::run(self.isa, body);
        }
    }

    /// Multiplies transformed tiles with a panel of weights and writes the outputs.
    fn multiply(&self, rows: Range<usize>, index: usize, panel: &[f32], v: &[f32]) {
        let tiles = rows.len() * self.to.tiles[1];
        let (lanes, width, height) = (self.lanes, 2 * self.lanes, self.height(tiles));
        // Products are `[stretch][36][tile][2 lanes]`.
        let stretch_len = VALUES * height * width;
        let mut products = Buffer::<f32>::new(tiles.div_ceil(height) * stretch_len);
        if self.blocks == 0 {
            products.fill(0.0);
        }
        let block_len = VALUES * height * lanes;
        let weights_stride = weights::panel_len(lanes, lanes);
        for point in 0..VALUES {
            let panel = &panel[(point * weights::point_stride(lanes)).min(panel.len())..];
            for first in (0..self.blocks).step_by(K_BLOCK / lanes) {
                let body = TilesTimesWeights {
                    count: tiles,
                    height,
                    blocks: (self.blocks - first).min(K_BLOCK / lanes),
                    tiles: &v[first * block_len + point * height * lanes..],
                    tiles_strides: [self.blocks * block_len, block_len],
                    weights: &panel[first * weights_stride..],
                    weights_stride,
                    c: &mut products[point * height * width..],
                    c_stride: stretch_len,
                    accumulate: first > 0,
                };
                lanes::run(self.isa, body);
            }
        }
        let mut scratch = Buffer::new(self.to.strip(1, OUTPUTS) * lanes);
        for half in 0..2 {
            let body = WriteTiles {
                grid: &self.to,
                products: &products[half * lanes..],
                places: Stretches {
                    height,
                    stride: stretch_len,
                    width,
                },
                channel: (2 * index + half) * lanes,
                rows: rows.clone(),
                scratch: &mut scratch,
                bias: self.bias,
                epilogue: self.epilogue,
                out: &self.out,
            };
            lanes::run(self.isa, body);
        }
    }
}

/// As [`conv_backward_weight`](crate::conv_backward_weight).
pub(super) fn backward_weight(
    isa: Isa,
    sizes: &Sizes,
    x: &[f32],
    grad_out: &[f32],
    grad_weight: &mut [f32],
) {
    let (inputs, grads) = (sizes.inputs(), sizes.outputs());
    assert_eq!(x.len(), inputs.len(), "winograd: the input of {sizes:?}");
    assert_eq!(
        grad_out.len(),
        grads.len(),
        "winograd: the output of {sizes:?}"
    );
    assert_eq!(grad_weight.len(), sizes.weights(), "winograd: the weights");
    if grad_weight.is_empty() {
        return;
    }
    let lanes = lanes::count(isa);
    let width = 2 * lanes;
    let blocks = sizes.in_channels.div_ceil(lanes);
    let panels = sizes.out_channels.div_ceil(width);
    let panel_len = weights::panel_len(lanes, sizes.in_channels);

    let channels = blocks * lanes + panels * width;
    let at_once = (GRAD_BLOCK / (VALUES * channels)).max(MIN_TILES);
    let rows_at_once = (at_once / inputs.tiles[1].max(1)).max(1);
    let rounds = inputs.rows().div_ceil(rows_at_once).max(1);
    let rows_at_once = inputs.rows().div_ceil(rounds);
    let stretches = (rows_at_once * inputs.tiles[1]).div_ceil(GRAD_STRETCH);

    let mut sums = Buffer::<f32>::new(panels * panel_len);
    if inputs.rows() == 0 {
        sums.fill(0.0);
    }
    // Transformed inputs are `[stretch][block][36][tile][lanes]`, gradients of outputs are
    // `[stretch][panel][36][tile][2 lanes]`.
    let (v_len, m_len) = (VALUES * GRAD_STRETCH * lanes, VALUES * GRAD_STRETCH * width);
    let mut v_buffer = Buffer::<f32>::new(stretches * blocks * v_len);
    let mut m_buffer = Buffer::<f32>::new(stretches * panels * m_len);
    for round in 0..rounds {
        let rows = round * rows_at_once..inputs.rows().min((round + 1) * rows_at_once);
        let tiles = rows.len() * inputs.tiles[1];
        if tiles == 0 {
            continue;
        }
        let v = Disjoint::new(&mut v_buffer);
        let m = Disjoint::new(&mut m_buffer);
        parallel_for(blocks + 2 * panels, |task| {
            let strip = inputs.strip(rows.len(), TILE);
            let strip = strip.max(grads.strip(rows.len(), OUTPUTS));
            let mut scratch = Buffer::new(strip * lanes);
            let rows = rows.clone();
            if task < blocks {
                let body = ReadTiles {
                    grid: &inputs,
                    x,
                    channel: task * lanes,
                    rows,
                    scratch: &mut scratch,
                    to: &v,
                    start: task * v_len,
                    places: Stretches {
                        height: GRAD_STRETCH,
                        stride: blocks * v_len,
                        width: lanes,
                    },
                    transform: PhantomData::<OfInput>,
                };
                lanes::run(isa, body);
            } else {
                let vector = task - blocks;
                let body = ReadTiles {
                    grid: &grads,
                    x: grad_out,
                    channel: vector * lanes,
                    rows,
                    scratch: &mut scratch,
                    to: &m,
                    start: vector / 2 * m_len + vector % 2 * lanes,
                    places: Stretches {
                        height: GRAD_STRETCH,
                        stride: panels * m_len,
                        width,
                    },
                    transform: PhantomData::<OfOutputGrad>,
                };
                lanes::run(isa, body);
            }
        });
        let (v, m) = (&v_buffer, &m_buffer);
        let out = Disjoint::new(&mut sums);
        parallel_for(VALUES * panels, |task| {
            let (point, panel) = (task / panels, task % panels);
            let first_of_point = point * GRAD_STRETCH;
            for block in 0..blocks {
                let start = panel * panel_len
                    + weights::panel_len(lanes, block * lanes)
                    + point * weights::point_stride(lanes);
                let body = TilesTimesGrads {
                    count: tiles,
                    height: GRAD_STRETCH,
                    tiles: &v[block * v_len + first_of_point * lanes..],
                    tiles_stride: blocks * v_len,
                    grads: &m[panel * m_len + first_of_point * width..],
                    grads_stride: panels * m_len,
                    // SAFETY: each task has a point and a panel of its own.
                    c: unsafe { out.slice(start, lanes * width) },
                    accumulate: round > 0,
                };
                lanes::run(isa, body);
            }
        });
    }
    let out = Disjoint::new(grad_weight);
    let row_len = sizes.in_channels * KERNEL;
    parallel_for(sizes.out_channels.div_ceil(lanes), |task| {
        let rows = lanes.min(sizes.out_channels - task * lanes);
        let body = UnpackPanel {
            panel: &sums[task / 2 * panel_len..][..panel_len],
            half: task % 2,
            in_channels: sizes.in_channels,
            scratch: &mut Buffer::new(SCRATCH),
            // SAFETY: each task has output channels of its own.
            rows: unsafe { out.slice(task * lanes * row_len, rows * row_len) },
        };
        lanes::run(isa, body);
    });
}

#[cfg(test)]
mod tests;
