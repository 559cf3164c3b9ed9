//! What the direct kernel computes, as plain geometry: which taps each output pixel sums, and
//! where their source pixels lie in a packed copy of the source.
//!
//! A [`Plan`] says along each dimension that output position `step * q + phase` sums over the taps
//! of its phase, each at source position `stride * q + offset`. A convolution has one phase; the
//! gradient of its input has `stride` of them, with stride 1. The packed source keeps, apart, the
//! positions that have the same rest modulo `stride`, so that neighbours in `q` are neighbours in
//! memory whatever the stride; positions outside the source are zeros.

use super::ConvShape;
use crate::lanes::MAX_LANES;

/// One spatial dimension of a plan.
pub(super) struct Axis {
    /// Positions of the source.
    source: usize,
    /// Positions of the output.
    pub(super) out: usize,
    /// Output positions between neighbours of a phase.
    pub(super) step: usize,
    /// Source positions between the sources of neighbours of a phase.
    stride: usize,
    /// The taps of each phase: their number in the kernel, and their source position for `q = 0`.
    phases: Vec<Vec<(usize, isize)>>,
    /// Source position of packed position 0.
    start: isize,
    /// The rests modulo `stride`, counted from `start`, that some tap sees: their packed parts
    /// follow one another.
    rests: Vec<usize>,
    /// Packed positions of one rest.
    part: usize,
}

impl Axis {
    fn new(
        source: usize,
        out: usize,
        step: usize,
        stride: usize,
        phases: Vec<Vec<(usize, isize)>>,
    ) -> Self {
        let mut axis = Axis {
            source,
            out,
            step,
            stride,
            phases,
            start: 0,
            rests: Vec::new(),
            part: 0,
        };
        let seen: Vec<(isize, usize)> = (axis.phases.iter().enumerate())
            .flat_map(|(phase, taps)| taps.iter().map(move |tap| (tap.1, phase)))
            .map(|(offset, phase)| (offset, axis.count(phase)))
            .filter(|(_, count)| *count > 0)
            .collect();
        if let Some(first) = seen.iter().map(|(offset, _)| *offset).min() {
            let reach =
                |(offset, count): &(isize, usize)| (offset - first) as usize + (count - 1) * stride;
            let last = seen.iter().map(reach).max().unwrap_or(0);
            axis.start = first;
            axis.part = last / stride + 1;
            axis.rests = (seen.iter())
                .map(|(offset, _)| (offset - first) as usize % stride)
                .collect();
            axis.rests.sort_unstable();
            axis.rests.dedup();
        }
        axis
    }

    /// Dimension `d` of a convolution.
    fn forward(s: &ConvShape, d: usize) -> Self {
        let taps = (0..s.kernel[d])
            .map(|k| (k, (k * s.dilation[d]) as isize - s.padding[d] as isize))
            .collect();
        Axis::new(s.input[d], s.output()[d], 1, s.stride[d], vec![taps])
    }

    /// Dimension `d` of the gradient of a convolution's input.
    fn input_gradient(s: &ConvShape, d: usize) -> Self {
        // A larger stride than any distance makes no difference.
        let stride = isize::try_from(s.stride[d]).unwrap_or(isize::MAX);
        // Those that some position of the input has.
        let mut phases = vec![Vec::new(); s.stride[d].min(s.input[d])];
        for k in 0..s.kernel[d] {
            let distance = (k * s.dilation[d]) as isize - s.padding[d] as isize;
            let phase = distance.rem_euclid(stride);
            if let Some(taps) = phases.get_mut(phase as usize) {
                taps.push((k, (phase - distance) / stride));
            }
        }
        Axis::new(s.output()[d], s.input[d], s.stride[d], 1, phases)
    }

    /// Output positions of a phase.
    pub(super) fn count(&self, phase: usize) -> usize {
        self.out.saturating_sub(phase).div_ceil(self.step)
    }

    /// Packed positions.
    pub(super) fn packed(&self) -> usize {
        self.rests.len() * self.part
    }

    /// The packed position of a tap for `q = 0`.
    fn packed_at(&self, offset: isize) -> usize {
        let distance = (offset - self.start) as usize;
        let rest = self.rests.binary_search(&(distance % self.stride));
        rest.expect("every tap's rest is packed") * self.part + distance / self.stride
    }

    /// The source position of a packed position, if it is inside.
    pub(super) fn source_of(&self, packed: usize) -> Option<usize> {
        let (rest, q) = (self.rests[packed / self.part], packed % self.part);
        let at = self.start + (q * self.stride + rest) as isize;
        usize::try_from(at).ok().filter(|at| *at < self.source)
    }

    /// Positions of the source.
    pub(super) fn source(&self) -> usize {
        self.source
    }

    /// The packed positions of the taps of an axis with a single phase, and their numbers, in runs
    /// of neighbouring positions.
    pub(super) fn tap_runs(&self) -> Vec<(usize, Vec<usize>)> {
        let mut taps: Vec<_> = (self.phases[0].iter())
            .map(|(tap, offset)| (self.packed_at(*offset), *tap))
            .collect();
        taps.sort_unstable();
        let mut runs: Vec<(usize, Vec<usize>)> = Vec::new();
        for (at, tap) in taps {
            match runs.last_mut() {
                Some((start, run)) if *start + run.len() == at => run.push(tap),
                _ => runs.push((at, vec![tap])),
            }
        }
        runs
    }

    /// Source positions from one to the next of a phase.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Whether packing would copy the source as it is.
    fn is_identity(&self) -> bool {
        self.start == 0 && self.stride == 1 && self.part == self.source
    }
}

/// Output pixels of the same phases: they sum over the same taps.
pub(super) struct Class {
    /// The phase along each dimension.
    pub(super) phase: [usize; 3],
    /// The taps, by their number in the kernel.
    pub(super) taps: Vec<usize>,
    /// Where each tap's source pixel lies in a packed channel, for the first pixel.
    pub(super) offsets: Vec<usize>,
}

/// See the module's documentation.
pub(super) struct Plan {
    /// Images.
    pub(super) batch: usize,
    /// Groups of channels.
    pub(super) groups: usize,
    /// Channels of the source, of one group.
    pub(super) source_channels: usize,
    /// Channels of the output, of one group.
    pub(super) out_channels: usize,
    /// Depth, height and width.
    pub(super) axes: [Axis; 3],
    /// The classes of output pixels.
    pub(super) classes: Vec<Class>,
    /// Whether the kernel reads the source as it is.
    pub(super) in_place: bool,
    /// Elements from one packed channel to the next.
    pub(super) channel_stride: usize,
}

impl Plan {
    /// The plan of a convolution.
    pub(super) fn forward(s: &ConvShape) -> Self {
        let axes = [0, 1, 2].map(|d| Axis::forward(s, d));
        Plan::new(s, [s.group_in(), s.group_out()], axes)
    }

    /// The plan of the gradient of a convolution's input: its source is the output's gradient.
    pub(super) fn input_gradient(s: &ConvShape) -> Self {
        let axes = [0, 1, 2].map(|d| Axis::input_gradient(s, d));
        Plan::new(s, [s.group_out(), s.group_in()], axes)
    }

    fn new(s: &ConvShape, [source_channels, out_channels]: [usize; 2], axes: [Axis; 3]) -> Self {
        let mut classes = Vec::new();
        let [d, h, w] = &axes;
        let (height, width) = (h.packed(), w.packed());
        for (pd, in_depth) in d.phases.iter().enumerate() {
            for (ph, in_height) in h.phases.iter().enumerate() {
                for (pw, in_width) in w.phases.iter().enumerate() {
                    if d.count(pd) == 0 || h.count(ph) == 0 || w.count(pw) == 0 {
                        continue;
                    }
                    let (mut taps, mut offsets) = (Vec::new(), Vec::new());
                    for (kd, od) in in_depth {
                        for (kh, oh) in in_height {
                            for (kw, ow) in in_width {
                                taps.push((kd * s.kernel[1] + kh) * s.kernel[2] + kw);
                                offsets.push(
                                    (d.packed_at(*od) * height + h.packed_at(*oh)) * width
                                        + w.packed_at(*ow),
                                );
                            }
                        }
                    }
                    classes.push(Class {
                        phase: [pd, ph, pw],
                        taps,
                        offsets,
                    });
                }
            }
        }
        let in_place = axes.iter().all(Axis::is_identity);
        let packed: usize = axes.iter().map(Axis::packed).product();
        Plan {
            batch: s.batch,
            groups: s.groups,
            source_channels,
            out_channels,
            in_place,
            channel_stride: if in_place {
                packed
            } else {
                // Room for a vector after the channel; an odd number of cache lines spreads the
                // channels over the cache.
                ((packed + MAX_LANES).div_ceil(16) | 1) * 16
            },
            axes,
            classes,
        }
    }

    /// Pixels of an output channel.
    pub(super) fn out_pixels(&self) -> usize {
        self.axes.iter().map(|a| a.out).product()
    }

    /// Size of the source along a dimension.
    pub(super) fn source_size(&self, d: usize) -> usize {
        self.axes[d].source
    }

    /// Pixels of a source channel.
    pub(super) fn source_pixels(&self) -> usize {
        self.axes.iter().map(|a| a.source).product()
    }

    /// Terms of an output pixel's sum, of all classes together.
    pub(super) fn terms(&self) -> usize {
        self.source_channels * self.classes.iter().map(|c| c.taps.len()).sum::<usize>()
    }
}
