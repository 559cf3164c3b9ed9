//! Between planes of an NCHW tensor and transformed tiles.
//!
//! A block of channels, as many as a vector has lanes, is turned so that the channels of a pixel
//! lie together; the transforms then treat one tile of all these channels at a time.

use std::marker::PhantomData;
use std::ops::Range;

use super::transforms::{OUTPUTS, POINTS, ToOutput, Transform, along_both};
use crate::lanes::{VectorLoop, transpose_matrix};
use crate::simd::Vector;
use crate::threads::Disjoint;
use crate::{Activation, Epilogue};

/// The planes of a tensor, cut into tiles. Tiles are numbered along rows of tiles, these through
/// all images.
#[derive(Copy, Clone, Debug)]
pub(super) struct Grid {
    pub(super) images: usize,
    pub(super) channels: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    /// Where tile (0, 0) starts, in pixels; tiles start 4 pixels apart.
    pub(super) origin: [isize; 2],
    /// Tiles of an image along height and width.
    pub(super) tiles: [usize; 2],
}

impl Grid {
    /// Rows of tiles of all images.
    pub(super) fn rows(&self) -> usize {
        self.images * self.tiles[0]
    }

    /// Elements of the tensor.
    pub(super) fn len(&self) -> usize {
        self.images * self.channels * self.h * self.w
    }

    /// Pixels of a plane that `rows` rows of tiles of `size` pixels cover at most.
    pub(super) fn strip(&self, rows: usize, size: usize) -> usize {
        let lines = 4 * rows.min(self.tiles[0]) + size - OUTPUTS;
        lines.min(self.h) * self.w
    }

    /// The parts of a range of rows of tiles: image, and rows of tiles in it.
    fn parts(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let tiles = self.tiles[0];
        let images = if rows.is_empty() {
            0..0
        } else {
            rows.start / tiles..(rows.end - 1) / tiles + 1
        };
        images.map(move |image| {
            let first = image * tiles;
            let end = rows.end.min(first + tiles) - first;
            (image, rows.start.max(first) - first..end)
        })
    }
}

/// How transformed tiles lie in memory: value `f` of tile `t` is `LANES` floats at
/// `start + t / height * stride + (f * height + t % height) * width`.
///
/// A stretch of tiles is kept together with all its values, so that the 36 places of a tile lie
/// in few pages and fall on different sets of the cache.
#[derive(Copy, Clone, Debug)]
pub(super) struct Stretches {
    /// Tiles in a stretch.
    pub(super) height: usize,
    /// From one stretch to the next.
    pub(super) stride: usize,
    /// From one tile to the next.
    pub(super) width: usize,
}

impl Stretches {
    /// From one value of a tile to the next.
    fn point_stride(&self) -> usize {
        self.height * self.width
    }

    /// The floats that `tiles` tiles of `lanes` channels span.
    fn span(&self, tiles: usize, lanes: usize) -> usize {
        let stretch = (tiles - 1) / self.height * self.stride;
        let last = (POINTS * POINTS - 1) * self.point_stride() + (self.height - 1) * self.width;
        stretch + last + lanes
    }
}

/// Steps through the tiles of [`Stretches`].
struct Cursor {
    places: Stretches,
    offset: usize,
    in_stretch: usize,
}

impl Cursor {
    fn new(places: Stretches) -> Self {
        Cursor {
            places,
            offset: 0,
            in_stretch: 0,
        }
    }

    #[inline(always)]
    fn next(&mut self) -> usize {
        if self.in_stretch == self.places.height {
            self.offset += self.places.stride - self.places.height * self.places.width;
            self.in_stretch = 0;
        }
        self.in_stretch += 1;
        self.offset += self.places.width;
        self.offset - self.places.width
    }
}

/// Transforms tiles of `S` times `S` pixels of `LANES` channels; what lies outside of the planes is
/// zero, and so are channels that the tensor does not have.
pub(super) struct ReadTiles<'a, T, const S: usize> {
    pub(super) grid: &'a Grid,
    pub(super) x: &'a [f32],
    /// The first channel.
    pub(super) channel: usize,
    /// Rows of tiles.
    pub(super) rows: Range<usize>,
    /// Room for a strip of `LANES` channels.
    pub(super) scratch: &'a mut [f32],
    pub(super) to: &'a Disjoint<'a, f32>,
    /// Where in `to` the first tile goes.
    pub(super) start: usize,
    pub(super) places: Stretches,
    pub(super) transform: PhantomData<T>,
}

impl<T: Transform<S, POINTS>, const S: usize> VectorLoop<f32> for ReadTiles<'_, T, S> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(self) {
        let grid = self.grid;
        let plane = grid.h * grid.w;
        let channels = grid.channels.saturating_sub(self.channel).min(V::LANES);
        let tiles = self.rows.len() * grid.tiles[1];
        if tiles == 0 {
            return;
        }
        assert!(self.x.len() == grid.len() && self.rows.end <= grid.rows());
        assert!(self.scratch.len() >= grid.strip(self.rows.len(), S) * V::LANES);
        assert!(self.start + self.places.span(tiles, V::LANES) <= self.to.len());
        let to = self.to.at(self.start);
        let mut cursor = Cursor::new(self.places);
        let stride = self.places.point_stride();
        for (image, tile_rows) in grid.parts(self.rows.clone()) {
            let line = |row: usize, size: usize| {
                let y = (4 * row + size) as isize + grid.origin[0];
                y.clamp(0, grid.h as isize) as usize
            };
            let lines = line(tile_rows.start, 0)..line(tile_rows.end - 1, S);
            let pixels = lines.len() * grid.w;
            let turned = &mut self.scratch[..pixels * V::LANES];
            if channels < V::LANES {
                turned.fill(0.0);
            }
            let start = (image * grid.channels + self.channel) * plane + lines.start * grid.w;
            assert!(channels == 0 || start + (channels - 1) * plane + pixels <= self.x.len());
            let (x, turned) = (
                self.x[start.min(self.x.len())..].as_ptr(),
                turned.as_mut_ptr(),
            );
            let mut done = 0;
            for row in tile_rows {
                // Pixels are turned shortly before they are needed, in whole blocks if possible.
                let needed = (line(row, S) - lines.start) * grid.w;
                if needed > done && channels > 0 {
                    let end = needed.max(done + 4 * V::LANES).min(pixels);
                    let first = done.min(end.saturating_sub(V::LANES));
                    // SAFETY: the pixels lie within the strip and the planes, and the caller has
                    // the features.
                    unsafe {
                        transpose_matrix::<V>(
                            [channels, end - first],
                            x.add(first),
                            plane,
                            turned.add(first * V::LANES),
                            V::LANES,
                        );
                    }
                    done = end;
                }
                let y = 4 * row as isize + grid.origin[0] - lines.start as isize;
                for column in 0..grid.tiles[1] {
                    let x = 4 * column as isize + grid.origin[1];
                    let offset = cursor.next();
                    // SAFETY: pixels are read only where the strip has them, a tile's values are
                    // written within the bounds checked above, in a part of the buffer that
                    // nobody else uses, and the caller has the features.
                    unsafe {
                        let dst = to.add(offset);
                        let at = |i: usize, j: usize| {
                            let pixel = (y + i as isize) * grid.w as isize + x + j as isize;
                            V::load(turned.offset(pixel * V::LANES as isize))
                        };
                        let mut d = [[V::zero(); S]; S];
                        let inside =
                            |v: isize, size: usize| v >= 0 && v + S as isize <= size as isize;
                        if inside(y, lines.len()) && inside(x, grid.w) {
                            for (i, d) in d.iter_mut().enumerate() {
                                for (j, d) in d.iter_mut().enumerate() {
                                    *d = at(i, j);
                                }
                            }
                            put::<V, T, S>(&d, dst, stride);
                        } else {
                            let seen = |v: isize, size: usize| {
                                let bound = |b: isize| (b - v).clamp(0, S as isize) as usize;
                                bound(0)..bound(size as isize)
                            };
                            for i in seen(y, lines.len()) {
                                for j in seen(x, grid.w) {
                                    d[i][j] = at(i, j);
                                }
                            }
                            put::<V, T, S>(&d, dst, stride);
                        }
                    }
                }
            }
        }
    }
}

/// Transforms a tile and writes its values `stride` apart.
///
/// # Safety
/// As [`Vector`](crate::simd::Vector); all values have room at `dst`.
#[inline(always)]
unsafe fn put<V: Vector<Elem = f32>, T: Transform<S, POINTS>, const S: usize>(
    d: &[[V; S]; S],
    dst: *mut f32,
    stride: usize,
) {
    // SAFETY: this function's contract.
    unsafe {
        let values = along_both::<V, T, S, POINTS>(d);
        for (i, row) in values.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                value.store(dst.add((i * POINTS + j) * stride));
            }
        }
    }
}

/// Turns products into outputs of `LANES` channels.
pub(super) struct WriteTiles<'a> {
    pub(super) grid: &'a Grid,
    pub(super) products: &'a [f32],
    pub(super) places: Stretches,
    /// The first channel.
    pub(super) channel: usize,
    /// Rows of tiles.
    pub(super) rows: Range<usize>,
    /// Room for a row of tiles of `LANES` channels.
    pub(super) scratch: &'a mut [f32],
    /// Added to each channel.
    pub(super) bias: Option<&'a [f32]>,
    /// The rest of it is done here.
    pub(super) epilogue: &'a Epilogue<'a, f32>,
    pub(super) out: &'a Disjoint<'a, f32>,
}

impl VectorLoop<f32> for WriteTiles<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(self) {
        let grid = self.grid;
        let plane = grid.h * grid.w;
        let channels = grid.channels.saturating_sub(self.channel).min(V::LANES);
        let tiles = self.rows.len() * grid.tiles[1];
        if tiles == 0 || channels == 0 {
            return;
        }
        assert!(self.out.len() == grid.len() && self.rows.end <= grid.rows());
        assert!(self.scratch.len() >= grid.strip(1, OUTPUTS) * V::LANES);
        assert!(self.places.span(tiles, V::LANES) <= self.products.len());
        let mut bias = [0.0; crate::lanes::MAX_LANES];
        if let Some(values) = self.bias {
            bias[..channels].copy_from_slice(&values[self.channel..self.channel + channels]);
        }
        let strip = self.scratch.as_mut_ptr();
        let activation = self.epilogue.activation;
        let bounds = activation.bounds::<f32>();
        let clip = activation != Activation::None && self.epilogue.residual.is_none();
        let clip_above = clip && bounds.upper;
        let mut cursor = Cursor::new(self.places);
        let stride = self.places.point_stride();
        for (image, tile_rows) in grid.parts(self.rows.clone()) {
            for row in tile_rows {
                let top = OUTPUTS * row;
                let height = (grid.h - top).min(OUTPUTS);
                for column in 0..grid.tiles[1] {
                    let x = OUTPUTS * column;
                    let width = (grid.w - x).min(OUTPUTS);
                    let offset = cursor.next();
                    // SAFETY: the products of the tile and the pixels of the strip lie within the
                    // bounds checked above, and the caller has the features.
                    unsafe {
                        let src = self.products.as_ptr().add(offset);
                        let bias = V::load(bias.as_ptr());
                        let (min, max) = (V::broadcast(&bounds.min), V::broadcast(&bounds.max));
                        let mut m = [[V::zero(); POINTS]; POINTS];
                        for (i, m) in m.iter_mut().enumerate() {
                            for (j, m) in m.iter_mut().enumerate() {
                                *m = V::load(src.add((i * POINTS + j) * stride));
                            }
                        }
                        let y_values = along_both::<V, ToOutput, POINTS, OUTPUTS>(&m);
                        for (i, values) in y_values.iter().enumerate() {
                            for (j, value) in values.iter().enumerate() {
                                if i < height && j < width {
                                    let value = value.add(bias);
                                    let value = if clip { value.at_least(min) } else { value };
                                    let value = if clip_above {
                                        value.at_most(max)
                                    } else {
                                        value
                                    };
                                    value.store(strip.add((i * grid.w + x + j) * V::LANES));
                                }
                            }
                        }
                    }
                }
                let pixels = height * grid.w;
                let start = (image * grid.channels + self.channel) * plane + top * grid.w;
                assert!(start + (channels - 1) * plane + pixels <= self.out.len());
                // SAFETY: the strip and the planes hold the matrix, nobody else uses these lines of
                // these planes, and the caller has the features.
                unsafe {
                    let out = self.out.at(start);
                    transpose_matrix::<V>([pixels, channels], strip, V::LANES, out, plane);
                }
                if let Some(residual) = self.epilogue.residual {
                    for channel in 0..channels {
                        let start = start + channel * plane;
                        // SAFETY: nobody else uses these lines of these planes.
                        let out = unsafe { self.out.slice(start, pixels) };
                        let sums = out.iter_mut().zip(&residual[start..start + pixels]);
                        if bounds.upper {
                            sums.for_each(|(out, r)| *out = bounds.value::<true>(*out + *r));
                        } else {
                            sums.for_each(|(out, r)| *out = bounds.value::<false>(*out + *r));
                        }
                    }
                }
            }
        }
    }
}
