//! [`GridSample`]: what is sampled, where and how.

/// How a value between elements is found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum GridMode {
    /// The weighted mean of the two neighbours along each axis.
    Linear,
    /// The nearest element.
    Nearest,
    /// A cubic curve through the four neighbours along each axis.
    Cubic,
}

/// What lies beyond the edges of the input.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum GridPadding {
    /// Zeros.
    Zeros,
    /// The outermost elements.
    Border,
    /// The input, mirrored at its edges.
    Reflection,
}

/// What is sampled: an input of `[batch, channels, input]` at `points` points for each of the batch,
/// which are `[batch, points, axes]`, the last axis of the input first.
#[derive(Clone, Debug)]
pub struct GridSample {
    /// Images or volumes.
    pub batch: usize,
    /// Planes of each.
    pub channels: usize,
    /// The sizes of a plane: two or three.
    pub input: Vec<usize>,
    /// Points for each of the batch.
    pub points: usize,
    /// How values are found.
    pub mode: GridMode,
    /// What lies outside.
    pub padding: GridPadding,
    /// Whether -1 and 1 are the centres of the outermost elements, not their outer edges.
    pub align_corners: bool,
}

impl GridSample {
    /// Elements of a plane.
    pub(super) fn plane(&self) -> usize {
        self.input.iter().product()
    }

    pub(super) fn axes(&self) -> usize {
        self.input.len()
    }

    pub(super) fn check(&self, name: &str, x: usize, grid: usize, out: usize) {
        assert!(matches!(self.axes(), 2 | 3), "{name}: {} axes", self.axes());
        let times = |a: usize, b: usize| a.checked_mul(b);
        let planes = times(self.batch, self.channels);
        let lens = [
            planes.and_then(|n| times(n, self.plane())),
            times(self.batch, self.points).and_then(|n| times(n, self.axes())),
            planes.and_then(|n| times(n, self.points)),
        ];
        assert_eq!([Some(x), Some(grid), Some(out)], lens, "{name}: {self:?}");
        assert!(x > 0 || out == 0, "{name}: an empty plane");
    }
}
