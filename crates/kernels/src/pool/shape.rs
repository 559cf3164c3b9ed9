//! [`PoolShape`] and [`AdaptivePoolShape`]: the sizes of a pooling operation.

use crate::conv::spatial;

/// The sizes of a pooling operation, spatial ones as (depth, height, width). The caller has chosen the
/// output size (`ceil_mode` is only a matter of that) so that every window meets the input.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Images times channels.
    pub planes: usize,
    /// Size of an input plane.
    pub input: [usize; 3],
    /// Size of an output plane.
    pub output: [usize; 3],
    /// Size of the window.
    pub kernel: [usize; 3],
    /// Step between windows.
    pub stride: [usize; 3],
    /// Padding on each side of the input: minus infinity for a maximum, zeros for an average.
    pub padding: [usize; 3],
    /// Step between the input values of a window (1 for an average).
    pub dilation: [usize; 3],
}

impl PoolShape {
    /// The shape of a pooling over planes of one, two or three dimensions of the size `input`, whose
    /// output size this counts as PyTorch does; `ceil_mode` gives a last window that hangs over, if it
    /// starts inside the input or the padding before it. `None` if no window fits, a stride, kernel or
    /// dilation is 0, or a size is more than memory can have.
    ///
    /// ```
    /// use pleach_kernels::PoolShape;
    /// let shape = |kernel, dilation| {
    ///     PoolShape::new(1, [5, 5], kernel, [2, 2], [0, 0], dilation, true)
    /// };
    /// assert_eq!(shape([2, 3], [1, 1]).unwrap().output, [1, 3, 2]);
    /// assert_eq!(shape([2, 3], [1, usize::MAX]), None);
    /// ```
    pub fn new<const D: usize>(
        planes: usize,
        input: [usize; D],
        kernel: [usize; D],
        stride: [usize; D],
        padding: [usize; D],
        dilation: [usize; D],
        ceil_mode: bool,
    ) -> Option<Self> {
        let mut shape = PoolShape {
            planes,
            input: spatial(input, 1),
            output: [0; 3],
            kernel: spatial(kernel, 1),
            stride: spatial(stride, 1),
            padding: spatial(padding, 0),
            dilation: spatial(dilation, 1),
        };
        for (d, axis) in shape.axes().into_iter().enumerate() {
            shape.output[d] = axis.windows(ceil_mode)?;
        }
        let bytes =
            (shape.output.iter()).try_fold(size_of::<f64>(), |n, size| n.checked_mul(*size));
        let bytes = bytes?.checked_mul(planes.max(1))?;
        (bytes <= isize::MAX as usize).then_some(shape)
    }

    /// The shape along each axis.
    pub(super) fn axes(&self) -> [Axis; 3] {
        std::array::from_fn(|d| Axis {
            input: self.input[d],
            output: self.output[d],
            kernel: self.kernel[d],
            stride: self.stride[d],
            padding: self.padding[d],
            dilation: self.dilation[d],
        })
    }

    /// Elements of an input plane, and of an output plane.
    pub(super) fn lens(&self) -> [usize; 2] {
        [self.input, self.output].map(|sizes| sizes.iter().product())
    }

    /// Elements of a window.
    pub(super) fn checked_taps(&self) -> Option<usize> {
        (self.kernel.iter()).try_fold(1usize, |taps, size| taps.checked_mul(*size))
    }

    pub(super) fn check(&self, name: &str, input: usize, output: usize) {
        check_planes(name, self.planes, self.input, input);
        check_planes(name, self.planes, self.output, output);
    }
}

/// A [`PoolShape`] along one axis.
#[derive(Copy, Clone)]
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
}

impl Axis {
    /// How many windows there are.
    fn windows(self, ceil_mode: bool) -> Option<usize> {
        let steps = self.kernel.checked_sub(1).filter(|_| self.dilation > 0)?;
        let window = steps.checked_mul(self.dilation)?.checked_add(1)?;
        let padded = self.padding.checked_mul(2)?.checked_add(self.input)?;
        let rest = padded.checked_sub(window)?;
        let out = rest.checked_div(self.stride)?.checked_add(1)?;
        let out = out + usize::from(ceil_mode && rest % self.stride > 0);
        let start = (out - 1).checked_mul(self.stride);
        let outside = ceil_mode && start.is_none_or(|start| start >= self.input + self.padding);
        Some(out - usize::from(outside)).filter(|out| *out > 0)
    }
}

/// The sizes of a pooling whose windows are chosen so that the output has a given size: window i of
/// `out` covers `floor(i * size / out)` up to `ceil((i + 1) * size / out)`, on each axis.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct AdaptivePoolShape {
    /// Images times channels.
    pub planes: usize,
    /// Size of an input plane.
    pub input: [usize; 3],
    /// Size of an output plane.
    pub output: [usize; 3],
}

impl AdaptivePoolShape {
    /// A shape of one, two or three dimensions.
    pub fn new<const D: usize>(planes: usize, input: [usize; D], output: [usize; D]) -> Self {
        AdaptivePoolShape {
            planes,
            input: spatial(input, 1),
            output: spatial(output, 1),
        }
    }

    pub(super) fn check(&self, name: &str, input: usize, output: usize) {
        check_planes(name, self.planes, self.input, input);
        check_planes(name, self.planes, self.output, output);
    }
}

pub(super) fn check_planes(name: &str, planes: usize, [d, h, w]: [usize; 3], len: usize) {
    let wanted = [d, h, w]
        .iter()
        .try_fold(planes, |n, size| n.checked_mul(*size));
    // Of no planes, sizes are numbers.
    let wanted = if planes == 0 { Some(0) } else { wanted };
    assert_eq!(
        Some(len),
        wanted,
        "{name}: {len} elements are not [{planes}, {d}, {h}, {w}]"
    );
}
