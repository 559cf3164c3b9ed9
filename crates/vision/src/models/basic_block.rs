//! [`BasicBlock`].

use pleach_core::{Error, Result, Tensor};
use pleach_nn::layers::{BatchNorm2d, Conv2d, ReLU};
use pleach_nn::{Chain, Forward, Module, Node, Sequential};

use super::block_shape::{BlockShape, conv3x3};

/// Two 3×3 convolutions around which the input is added: the block of ResNet-18 and -34.
///
/// "Deep Residual Learning for Image Recognition", He et al., 2015.
#[derive(Module)]
#[module(debug)]
pub struct BasicBlock {
    node: Node,
    /// Carries the stride.
    pub conv1: Conv2d,
    /// Normalises `conv1`.
    pub bn1: BatchNorm2d,
    /// Follows both normalisations, the second after the addition.
    pub relu: ReLU,
    /// Keeps the size.
    pub conv2: Conv2d,
    /// Normalises `conv2`.
    pub bn2: BatchNorm2d,
    /// Brings the input to the shape of the output, where they differ.
    pub downsample: Option<Sequential>,
}

impl BasicBlock {
    /// Channels of the output, by width of the stage.
    pub const EXPANSION: usize = 1;

    pub(super) fn new(shape: BlockShape) -> Result<Self> {
        if shape.groups != 1 || shape.base_width != 64 {
            return Err(Error::value(
                "BasicBlock only supports groups=1 and base_width=64",
            ));
        }
        if shape.dilation > 1 {
            return Err(Error::value("Dilation > 1 not supported in BasicBlock"));
        }
        let BlockShape {
            inplanes,
            planes,
            stride,
            ..
        } = shape;
        // Random numbers are drawn in this order.
        let downsample = shape.downsample(Self::EXPANSION)?;
        Ok(BasicBlock {
            node: Node::new(),
            conv1: conv3x3(inplanes, planes, stride, 1, 1)?,
            bn1: BatchNorm2d::new(planes),
            relu: ReLU::builder().inplace(true).build()?,
            conv2: conv3x3(planes, planes, 1, 1, 1)?,
            bn2: BatchNorm2d::new(planes),
            downsample,
        })
    }
}

impl Forward for BasicBlock {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Chain::of(x)
            .call(&self.conv1)
            .call(&self.bn1)
            .call(&self.relu)
            .call(&self.conv2)
            .call(&self.bn2)
            .add_with(|| match &self.downsample {
                Some(downsample) => downsample.call(x),
                None => Ok(x.clone()),
            })
            .call(&self.relu)
            .run()
    }
}
