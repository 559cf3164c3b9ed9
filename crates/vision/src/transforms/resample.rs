//! Bilinear resampling with antialiasing, as Pillow's `Resample.c` does it.

/// The pixels of a line that make one pixel of the resized line, and their weights, which sum to
/// one.
struct Window {
    start: usize,
    weights: Vec<f64>,
}

/// The windows of a line: triangles two pixels wide, or twice the step where it is larger, so that
/// every pixel counts when a line gets shorter.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    // As Pillow: a product with the reciprocal rounds otherwise than a quotient.
    let per_pixel = 1.0 / stretch;
    let window = |i: usize| {
        let center = (i as f64 + 0.5) * scale;
        // As Pillow: a cast, which cuts, after a half was added.
        let start = (center - stretch + 0.5).max(0.0) as usize;
        let end = ((center + stretch + 0.5) as usize).min(from);
        let triangle = |x: usize| {
            let distance = ((x as f64 - center + 0.5) * per_pixel).abs();
            (1.0 - distance).max(0.0)
        };
        let weights: Vec<f64> = (start..end).map(triangle).collect();
        let sum: f64 = weights.iter().sum();
        let weights = weights
            .into_iter()
            .map(|w| if sum != 0.0 { w / sum } else { w });
        Window {
            start,
            weights: weights.collect(),
        }
    };
    (0..to).map(window).collect()
}

/// How a kind of pixel is weighted and summed.
pub(super) trait Pixel: Copy + Default {
    type Weight: Copy;
    type Sum: Copy;
    const START: Self::Sum;
    fn weight(weight: f64) -> Self::Weight;
    fn add(sum: Self::Sum, weight: Self::Weight, pixel: Self) -> Self::Sum;
    fn finish(sum: Self::Sum) -> Self;
}

/// Bits behind the point of Pillow's weights for bytes.
const BITS: u32 = 32 - 8 - 2;

impl Pixel for u8 {
    type Weight = i32;
    type Sum = i32;
    const START: i32 = 1 << (BITS - 1);
    fn weight(weight: f64) -> i32 {
        // Weights are never negative here.
        (0.5 + weight * f64::from(1 << BITS)) as i32
    }
    fn add(sum: i32, weight: i32, pixel: u8) -> i32 {
        // More than four million pixels in a window round their weights beyond what fits.
        sum.wrapping_add(weight * i32::from(pixel))
    }
    fn finish(sum: i32) -> u8 {
        (sum >> BITS).clamp(0, 255) as u8
    }
}

impl Pixel for f32 {
    type Weight = f32;
    type Sum = f32;
    const START: f32 = 0.0;
    fn weight(weight: f64) -> f32 {
        weight as f32
    }
    fn add(sum: f32, weight: f32, pixel: f32) -> f32 {
        sum + weight * pixel
    }
    fn finish(sum: f32) -> f32 {
        sum
    }
}

/// Resizes `planes` images of `height × width`, rows and columns one after the other; each pass
/// rounds to the kind of pixel, as Pillow does.
pub(super) fn resample<P: Pixel>(
    pixels: Vec<P>,
    (height, width): (usize, usize),
    (new_height, new_width): (usize, usize),
) -> Vec<P> {
    if columns_first((height, width), (new_height, new_width)) {
        let pixels = resample_columns(pixels, width, height, new_height);
        return resample_rows(pixels, width, new_width);
    }
    let pixels = resample_rows(pixels, width, new_width);
    resample_columns(pixels, new_width, height, new_height)
}

/// The order of Pillow 13, found by trying 1,300 pairs of sizes: rows first, unless the height
/// shrinks by more than twice what the width does.
fn columns_first(from: (usize, usize), to: (usize, usize)) -> bool {
    to.0 < from.0 && from.0 - to.0 + 2 * to.1 > 2 * from.1
}

/// Resizes each row of `width` pixels.
fn resample_rows<P: Pixel>(pixels: Vec<P>, width: usize, new_width: usize) -> Vec<P> {
    if new_width == width {
        return pixels;
    }
    let windows = prepared::<P>(width, new_width);
    let mut out = Vec::with_capacity(pixels.len() / width * new_width);
    for row in pixels.chunks_exact(width) {
        out.extend(windows.iter().map(|(start, weights)| {
            let window = weights.iter().zip(&row[*start..]);
            P::finish(window.fold(P::START, |sum, (&w, &p)| P::add(sum, w, p)))
        }));
    }
    out
}

/// Resizes each column of images `height` high and `width` wide.
fn resample_columns<P: Pixel>(
    pixels: Vec<P>,
    width: usize,
    height: usize,
    new_height: usize,
) -> Vec<P> {
    if new_height == height {
        return pixels;
    }
    let windows = prepared::<P>(height, new_height);
    let mut out = Vec::with_capacity(pixels.len() / height * new_height);
    let mut sums = vec![P::START; width];
    for plane in pixels.chunks_exact(height * width) {
        for (start, weights) in &windows {
            sums.fill(P::START);
            let rows = plane.chunks_exact(width).skip(*start);
            for (row, &weight) in rows.zip(weights) {
                for (sum, &pixel) in sums.iter_mut().zip(row) {
                    *sum = P::add(*sum, weight, pixel);
                }
            }
            out.extend(sums.iter().map(|&sum| P::finish(sum)));
        }
    }
    out
}

fn prepared<P: Pixel>(from: usize, to: usize) -> Vec<(usize, Vec<P::Weight>)> {
    let windows = windows(from, to).into_iter();
    windows
        .map(|w| (w.start, w.weights.into_iter().map(P::weight).collect()))
        .collect()
}
