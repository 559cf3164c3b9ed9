//! [`Tap`]: where one element of a sliding window meets the input.

use std::ops::Range;

/// One tap of a window, along one axis: what it sees at each output position.
#[derive(Copy, Clone)]
pub(crate) struct Tap {
    /// Input position for output position 0; may be outside.
    offset: isize,
    /// Input positions between neighbouring outputs.
    pub(crate) stride: usize,
    /// Output positions whose input position is inside: first, and one past the last.
    pub(crate) outputs: (usize, usize),
}

impl Tap {
    /// Tap number `tap` of a window that slides over `size` input positions in `out` steps.
    pub(crate) fn new(
        tap: usize,
        dilation: usize,
        padding: usize,
        stride: usize,
        size: usize,
        out: usize,
    ) -> Self {
        let offset = (tap * dilation) as isize - padding as isize;
        let first = offset.min(0).unsigned_abs().div_ceil(stride);
        let last = size as isize - offset;
        let end = if last <= 0 {
            0
        } else {
            (last as usize).div_ceil(stride).min(out)
        };
        Tap {
            offset,
            stride,
            outputs: (first.min(end), end),
        }
    }

    /// The input position of an output position in `outputs`.
    #[inline(always)]
    pub(crate) fn input(&self, out: usize) -> usize {
        (out as isize * self.stride as isize + self.offset) as usize
    }

    /// `outputs` as a range.
    pub(crate) fn range(&self) -> Range<usize> {
        self.outputs.0..self.outputs.1
    }
}
