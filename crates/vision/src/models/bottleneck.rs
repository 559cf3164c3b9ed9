//! [`Bottleneck`].

use pleach_core::{Result, Tensor};
use pleach_nn::layers::{BatchNorm2d, Conv2d, ReLU};
use pleach_nn::{Chain, Forward, Module, Node, Sequential};

use super::block_shape::{BlockShape, conv1x1, conv3x3};
use super::widths::product;

/// A 3×3 convolution between two 1×1 ones, around which the input is added: the block of ResNet-50
/// and deeper. The stride is on the 3×3 convolution ("ResNet V1.5"), as in torchvision.
///
/// "Deep Residual Learning for Image Recognition", He et al., 2015.
#[derive(Module)]
#[module(debug)]
pub struct Bottleneck {
    node: Node,
    /// Narrows.
    pub conv1: Conv2d,
    /// Normalises `conv1`.
    pub bn1: BatchNorm2d,
    /// Carries stride, groups and dilation.
    pub conv2: Conv2d,
    /// Normalises `conv2`.
    pub bn2: BatchNorm2d,
    /// Widens.
    pub conv3: Conv2d,
    /// Normalises `conv3`.
    pub bn3: BatchNorm2d,
    /// Follows all normalisations, the last after the addition.
    pub relu: ReLU,
    /// Brings the input to the shape of the output, where they differ.
    pub downsample: Option<Sequential>,
}

impl Bottleneck {
    /// Channels of the output, by width of the stage.
    pub const EXPANSION: usize = 4;

    pub(super) fn new(shape: BlockShape) -> Result<Self> {
        let BlockShape {
            inplanes,
            planes,
            stride,
            groups,
            dilation,
            ..
        } = shape;
        let width = product(product(planes, shape.base_width)? / 64, groups)?;
        let out = planes * Self::EXPANSION;
        // Random numbers are drawn in this order.
        let downsample = shape.downsample(Self::EXPANSION)?;
        Ok(Bottleneck {
            node: Node::new(),
            conv1: conv1x1(inplanes, width, 1)?,
            bn1: BatchNorm2d::builder(width).build()?,
            conv2: conv3x3(width, width, stride, groups, dilation)?,
            bn2: BatchNorm2d::builder(width).build()?,
            conv3: conv1x1(width, out, 1)?,
            bn3: BatchNorm2d::new(out),
            relu: ReLU::builder().inplace(true).build()?,
            downsample,
        })
    }
}

impl Forward for Bottleneck {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Chain::of(x)
            .call(&self.conv1)
            .call(&self.bn1)
            .call(&self.relu)
            .call(&self.conv2)
            .call(&self.bn2)
            .call(&self.relu)
            .call(&self.conv3)
            .call(&self.bn3)
            .add_with(|| match &self.downsample {
                Some(downsample) => downsample.call(x),
                None => Ok(x.clone()),
            })
            .call(&self.relu)
            .run()
    }
}
