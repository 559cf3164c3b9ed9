//! [`BlockShape`]: what the blocks of residual networks are built from, and their convolutions.

use pleach_core::Result;
use pleach_nn::Sequential;
use pleach_nn::layers::{BatchNorm2d, Conv2d};

use super::widths::weight;

/// What a block is built from.
#[derive(Clone, Copy)]
pub(super) struct BlockShape {
    pub inplanes: usize,
    pub planes: usize,
    pub stride: usize,
    pub groups: usize,
    pub base_width: usize,
    pub dilation: usize,
}

impl BlockShape {
    /// The 1×1 convolution for the input of a block whose output has another shape.
    pub fn downsample(&self, expansion: usize) -> Result<Option<Sequential>> {
        let out = self.planes * expansion;
        if self.stride == 1 && self.inplanes == out {
            return Ok(None);
        }
        Ok(Some(
            Sequential::new()
                .append(conv1x1(self.inplanes, out, self.stride)?)
                .append(BatchNorm2d::new(out)),
        ))
    }
}

pub(super) fn conv3x3(
    from: usize,
    to: usize,
    stride: usize,
    groups: usize,
    dilation: usize,
) -> Result<Conv2d> {
    weight(&[to, from / groups.max(1), 3, 3])?;
    Conv2d::builder(from, to, 3)
        .stride(stride)
        .padding(dilation)
        .groups(groups)
        .dilation(dilation)
        .bias(false)
        .build()
}

pub(super) fn conv1x1(from: usize, to: usize, stride: usize) -> Result<Conv2d> {
    weight(&[to, from])?;
    Conv2d::builder(from, to, 1)
        .stride(stride)
        .bias(false)
        .build()
}
