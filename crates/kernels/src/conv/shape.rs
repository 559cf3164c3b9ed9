//! [`ConvShape`]: the sizes of a convolution.

use crate::tap::Tap;

/// The sizes of a convolution over one, two or three spatial dimensions.
///
/// Spatial sizes are (depth, height, width). [`ConvShape::new`] takes one, two or three of them;
/// the missing leading ones have size 1, so a 1-d convolution is a 2-d one of height 1, and so on.
/// The caller has checked them: strides and dilations are positive, the groups divide the
/// channels, and the dilated kernel fits into the padded input.
///
/// ```
/// use pleach_kernels::ConvShape;
/// let stem = ConvShape::new(8, [3, 64], [224, 224], [7, 7])
///     .with_stride([2, 2])
///     .with_padding([3, 3]);
/// assert_eq!(stem.output(), [1, 112, 112]);
/// let along_time = ConvShape::new(1, [4, 4], [100], [5]).with_groups(4);
/// assert_eq!(along_time.output(), [1, 1, 96]);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Spatial sizes of the input.
    pub input: [usize; 3],
    /// Size of the kernel.
    pub kernel: [usize; 3],
    /// Step between windows.
    pub stride: [usize; 3],
    /// Zeros on each side of the input.
    pub padding: [usize; 3],
    /// Step between the input values of a window.
    pub dilation: [usize; 3],
}

/// Spatial sizes with the missing leading ones filled in.
pub(crate) fn spatial<const D: usize>(sizes: [usize; D], missing: usize) -> [usize; 3] {
    const { assert!(0 < D && D <= 3, "one, two or three spatial dimensions") };
    let mut all = [missing; 3];
    all[3 - D..].copy_from_slice(&sizes);
    all
}

impl ConvShape {
    /// A convolution of `[in_channels, out_channels]` with stride 1, no padding, dilation 1 and
    /// one group.
    pub fn new<const D: usize>(
        batch: usize,
        [in_channels, out_channels]: [usize; 2],
        input: [usize; D],
        kernel: [usize; D],
    ) -> Self {
        ConvShape {
            batch,
            in_channels,
            out_channels,
            groups: 1,
            input: spatial(input, 1),
            kernel: spatial(kernel, 1),
            stride: [1; 3],
            padding: [0; 3],
            dilation: [1; 3],
        }
    }

    /// The same with other strides.
    #[must_use]
    pub fn with_stride<const D: usize>(self, stride: [usize; D]) -> Self {
        let stride = spatial(stride, 1);
        ConvShape { stride, ..self }
    }

    /// The same with zeros around the input.
    #[must_use]
    pub fn with_padding<const D: usize>(self, padding: [usize; D]) -> Self {
        let padding = spatial(padding, 0);
        ConvShape { padding, ..self }
    }

    /// The same with other dilations.
    #[must_use]
    pub fn with_dilation<const D: usize>(self, dilation: [usize; D]) -> Self {
        let dilation = spatial(dilation, 1);
        ConvShape { dilation, ..self }
    }

    /// The same with several groups of channels.
    #[must_use]
    pub fn with_groups(self, groups: usize) -> Self {
        ConvShape { groups, ..self }
    }

    /// Spatial sizes of the output.
    ///
    /// # Panics
    /// Where [`ConvShape::checked_output`] is `None`.
    pub fn output(&self) -> [usize; 3] {
        self.checked_output()
            .unwrap_or_else(|| panic!("ConvShape: no output of these sizes: {self:?}"))
    }

    /// Spatial sizes of the output, or `None` if there is no such convolution: a stride is 0, the dilated
    /// kernel is larger than the padded input, or a size, or the bytes of the input, the weight or the
    /// output, are more than memory can have. Nothing else about a shape can be too large.
    ///
    /// ```
    /// use pleach_kernels::ConvShape;
    /// let shape = ConvShape::new(1, [1, 1], [5, 5], [3, 3]);
    /// assert_eq!(shape.with_stride([1 << 61, 2]).checked_output(), Some([1, 1, 2]));
    /// assert_eq!(shape.with_padding([1 << 61, 0]).checked_output(), None);
    /// assert_eq!(shape.with_dilation([3, 1]).checked_output(), None);
    /// ```
    pub fn checked_output(&self) -> Option<[usize; 3]> {
        let largest = isize::MAX as usize;
        let mut output = [0; 3];
        for (d, size) in output.iter_mut().enumerate() {
            let steps = self.kernel[d].saturating_sub(1);
            let window = self.dilation[d].checked_mul(steps)?.checked_add(1)?;
            let padded = self.padding[d].checked_mul(2)?.checked_add(self.input[d])?;
            let rest = padded.checked_sub(window).filter(|_| padded <= largest)?;
            *size = rest.checked_div(self.stride[d])? + 1;
        }
        // Also without images or channels, so that the pixels of one can always be counted.
        let fits = |channels: [usize; 2], sizes: &[usize; 3]| {
            (channels.iter().chain(sizes))
                .try_fold(size_of::<f64>(), |bytes, n| bytes.checked_mul((*n).max(1)))
                .is_some_and(|bytes| bytes <= largest)
        };
        (fits([self.batch, self.in_channels], &self.input)
            && fits([self.out_channels, self.in_channels], &self.kernel)
            && fits([self.batch, self.out_channels], &output))
        .then_some(output)
    }

    /// Pixels of an input channel.
    pub(super) fn in_pixels(&self) -> usize {
        self.input.iter().product()
    }

    /// Pixels of an output channel.
    pub(super) fn out_pixels(&self) -> usize {
        self.output().iter().product()
    }

    /// Elements of a window in one channel.
    pub(super) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Input channels of one group.
    pub(super) fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }

    /// Output channels of one group.
    pub(super) fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Input values under an output pixel.
    pub(super) fn depth(&self) -> usize {
        self.group_in() * self.taps()
    }

    /// Whether each output pixel sees just the input pixel of the same position.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == [1; 3] && self.stride == [1; 3] && self.padding == [0; 3]
    }

    /// The same with all pixels in a row, where that makes no difference.
    pub(super) fn flattened(&self) -> Self {
        if !self.is_pointwise() {
            return *self;
        }
        let input = [1, 1, self.in_pixels()];
        ConvShape { input, ..*self }
    }

    /// Whether each group has a single input channel.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_in() == 1
    }

    /// What element number `tap` of the window sees along each dimension.
    pub(super) fn tap(&self, tap: usize) -> [Tap; 3] {
        let [_, kh, kw] = self.kernel;
        let at = [tap / (kh * kw), tap / kw % kh, tap % kw];
        let out = self.output();
        std::array::from_fn(|d| {
            Tap::new(
                at[d],
                self.dilation[d],
                self.padding[d],
                self.stride[d],
                self.input[d],
                out[d],
            )
        })
    }

    /// Checks the channels, and the lengths of the input, weight and output that are given.
    pub(super) fn check(
        &self,
        name: &str,
        x: Option<usize>,
        weight: Option<usize>,
        out: Option<usize>,
    ) {
        assert!(
            self.groups > 0
                && self.in_channels.is_multiple_of(self.groups)
                && self.out_channels.is_multiple_of(self.groups),
            "{name}: the groups do not divide the channels: {self:?}"
        );
        let equal = |what: &str, len: Option<usize>, channels: [usize; 2], sizes: [usize; 3]| {
            let all = channels.iter().chain(&sizes);
            let wanted = all.clone().try_fold(1usize, |p, s| p.checked_mul(*s));
            assert!(
                len.is_none() || len == wanted,
                "{name}: the {what} is not {:?}: {self:?}",
                all.collect::<Vec<_>>()
            );
        };
        equal("input", x, [self.batch, self.in_channels], self.input);
        equal(
            "weight",
            weight,
            [self.out_channels, self.group_in()],
            self.kernel,
        );
        equal(
            "output",
            out,
            [self.batch, self.out_channels],
            self.output(),
        );
    }
}
