//! Where points lie: the neighbours of each, their weights, and how these change with the point.

use super::shape::{GridMode, GridPadding, GridSample};
use crate::Float;

/// A neighbour that lies outside, where zeros are.
pub(super) const NOWHERE: usize = usize::MAX;

/// The most neighbours along an axis.
const MOST: usize = 4;

/// The neighbours of points, in the same number for each.
pub(super) struct Points<T> {
    neighbours: usize,
    at: Vec<usize>,
    weights: Vec<T>,
    /// For each coordinate how the weights change with it.
    slopes: Vec<Vec<T>>,
}

/// The neighbours along one axis.
#[derive(Copy, Clone)]
struct Along<T> {
    at: [usize; MOST],
    weights: [T; MOST],
    slopes: [T; MOST],
}

impl<T: Float> Points<T> {
    pub fn new(sample: &GridSample) -> Self {
        Points {
            neighbours: along(sample.mode).pow(sample.axes() as u32),
            at: Vec::new(),
            weights: Vec::new(),
            slopes: vec![Vec::new(); sample.axes()],
        }
    }

    /// The neighbours of each point.
    pub fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// The neighbours of all points.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// The places and weights of the neighbours of each point.
    pub fn each(&self) -> impl Iterator<Item = (&[usize], &[T])> {
        let at = self.at.chunks_exact(self.neighbours);
        at.zip(self.weights.chunks_exact(self.neighbours))
    }

    /// For each coordinate how the weights of all neighbours change with it.
    pub fn slopes(&self) -> &[Vec<T>] {
        &self.slopes
    }

    /// Finds the neighbours of points.
    pub fn find(&mut self, sample: &GridSample, points: &[T]) {
        self.at.clear();
        self.weights.clear();
        self.slopes.iter_mut().for_each(Vec::clear);
        let count = along(sample.mode);
        for point in points.chunks_exact(sample.axes()) {
            // The first coordinate is that of the last axis. An image is a volume of one slice.
            let mut axes = [Along::alone(); 3];
            let sizes = sample.input.iter().rev();
            for ((axis, coordinate), size) in axes.iter_mut().zip(point).zip(sizes) {
                *axis = neighbours(sample, *coordinate, *size);
            }
            let depth = if sample.axes() == 3 { count } else { 1 };
            let [height, width] =
                [sample.input.len() - 2, sample.input.len() - 1].map(|d| sample.input[d]);
            let [x, y, z] = axes;
            for k in 0..depth {
                for j in 0..count {
                    for i in 0..count {
                        let inside = ![x.at[i], y.at[j], z.at[k]].contains(&NOWHERE);
                        self.at.push(match inside {
                            true => (z.at[k] * height + y.at[j]) * width + x.at[i],
                            false => NOWHERE,
                        });
                        let (u, v, w) = (x.weights[i], y.weights[j], z.weights[k]);
                        self.weights.push(u * v * w);
                        let by = [
                            x.slopes[i] * v * w,
                            u * y.slopes[j] * w,
                            u * v * z.slopes[k],
                        ];
                        for (slopes, slope) in self.slopes.iter_mut().zip(by) {
                            slopes.push(slope);
                        }
                    }
                }
            }
        }
    }
}

impl<T: Float> Along<T> {
    /// The one element of an axis that is not there.
    fn alone() -> Self {
        Along {
            at: [0; MOST],
            weights: [T::ONE; MOST],
            slopes: [T::ZERO; MOST],
        }
    }
}

/// Neighbours along an axis.
fn along(mode: GridMode) -> usize {
    match mode {
        GridMode::Nearest => 1,
        GridMode::Linear => 2,
        GridMode::Cubic => MOST,
    }
}

/// The neighbours of a coordinate on an axis.
fn neighbours<T: Float>(sample: &GridSample, coordinate: T, size: usize) -> Along<T> {
    let (n, one, two) = (T::from_usize(size), T::ONE, T::from_f64(2.0));
    let half = T::from_f64(0.5);
    let from_edge = coordinate + one;
    // Rounded as PyTorch's kernels for images, and for volumes, round.
    let (position, scale) = match (sample.align_corners, sample.axes()) {
        (true, 2) => (from_edge * ((n - one) / two), (n - one) / two),
        (true, _) => (from_edge / two * (n - one), (n - one) / two),
        (false, 2) => (from_edge * (n / two) - half, n / two),
        (false, _) => ((from_edge * n - one) / two, n / two),
    };
    let bounded = |position: T| within(sample, position, n);
    let mut found = Along::alone();
    match sample.mode {
        GridMode::Nearest => {
            found.at[0] = index(bounded(position).0.round_ties_even(), n);
        }
        GridMode::Linear => {
            let (position, turned) = bounded(position);
            let low = position.floor();
            let t = position - low;
            found.at[..2].copy_from_slice(&[index(low, n), index(low + one, n)]);
            found.weights[..2].copy_from_slice(&[one - t, t]);
            found.slopes[..2].copy_from_slice(&[-(turned * scale), turned * scale]);
        }
        GridMode::Cubic => {
            let low = position.floor();
            let t = position - low;
            for k in 0..MOST {
                let neighbour = low + T::from_f64(k as f64 - 1.0);
                found.at[k] = index(bounded(neighbour).0, n);
            }
            // A value far out has no weights: nothing is there to be weighed in most paddings.
            (found.weights, found.slopes) = cubic(t);
            found.slopes = found.slopes.map(|s| s * scale);
        }
    }
    found
}

/// A position, as its padding has it, and how that changes with the position.
fn within<T: Float>(sample: &GridSample, position: T, n: T) -> (T, T) {
    match sample.padding {
        GridPadding::Zeros => (position, T::ONE),
        GridPadding::Border => clip(position, T::ONE, n),
        GridPadding::Reflection => {
            let half = T::from_f64(0.5);
            let (low, span) = match sample.align_corners {
                true => (T::ZERO, n - T::ONE),
                false => (-half, n),
            };
            if span == T::ZERO {
                return (T::ZERO, T::ZERO);
            }
            let away = position - low;
            let (away, sign) = match away < T::ZERO {
                true => (-away, -T::ONE),
                false => (away, T::ONE),
            };
            let turns = (away / span).floor();
            let rest = away - turns * span;
            let two = T::from_f64(2.0);
            let even = (turns / two).floor() * two == turns;
            match even {
                true => clip(rest + low, sign, n),
                false => clip(span - rest + low, -sign, n),
            }
        }
    }
}

/// A position, moved into the axis. One on the edge counts as outside.
fn clip<T: Float>(position: T, slope: T, n: T) -> (T, T) {
    if position > T::ZERO && position < n - T::ONE {
        (position, slope)
    } else if position >= n - T::ONE && n > T::ONE {
        (n - T::ONE, T::ZERO)
    } else {
        // Nan is here too.
        (T::ZERO, T::ZERO)
    }
}

/// A position as an index.
fn index<T: Float>(position: T, n: T) -> usize {
    match position >= T::ZERO && position < n {
        true => position.to_f64() as usize,
        false => NOWHERE,
    }
}

/// The weights of four neighbours for a position `t` after the second, and their slopes.
fn cubic<T: Float>(t: T) -> ([T; MOST], [T; MOST]) {
    let c = T::from_f64;
    let a = c(-0.75);
    let (one, two) = (T::ONE, c(2.0));
    // Less than one away, and from one to two away.
    let near = |x: T| ((a + two) * x - (a + c(3.0))) * x * x + one;
    let far = |x: T| ((a * x - c(5.0) * a) * x + c(8.0) * a) * x - c(4.0) * a;
    let near_slope = |x: T| (c(3.0) * (a + two) * x - two * (a + c(3.0))) * x;
    let far_slope = |x: T| (c(3.0) * a * x - c(10.0) * a) * x + c(8.0) * a;
    (
        [far(t + one), near(t), near(one - t), far(two - t)],
        [
            far_slope(t + one),
            near_slope(t),
            -near_slope(one - t),
            -far_slope(two - t),
        ],
    )
}
