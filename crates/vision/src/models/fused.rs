//! [`FusedResNet`]: a residual network for inference.

use pleach_core::{Error, Result, Tensor};
use pleach_nn::layers::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, ReLU};
use pleach_nn::{Forward, Module, Node, Sequential, call_add_relu, call_relu, fuse_conv_bn};

use super::{BasicBlock, Bottleneck, ResNet};

/// A [`ResNet`] whose normalisations are folded into the convolutions before them: what
/// [`ResNet::fuse`] makes. Shapes are the same; each convolution has a bias.
#[derive(Module)]
pub struct FusedResNet {
    node: Node,
    /// 7×7 with stride 2.
    pub conv1: Conv2d,
    /// Follows `conv1`.
    pub relu: ReLU,
    /// 3×3 with stride 2.
    pub maxpool: MaxPool2d,
    /// Blocks of width 64.
    pub layer1: Sequential,
    /// Blocks of width 128.
    pub layer2: Sequential,
    /// Blocks of width 256.
    pub layer3: Sequential,
    /// Blocks of width 512.
    pub layer4: Sequential,
    /// Averages over the image.
    pub avgpool: AdaptiveAvgPool2d,
    /// The head.
    pub fc: Linear,
}

impl Forward for FusedResNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = call_relu(&self.conv1, &self.relu, x)?;
        let x = self.maxpool.call(&x)?;
        let x = self.layer2.call(&self.layer1.call(&x)?)?;
        let x = self.layer4.call(&self.layer3.call(&x)?)?;
        let x = self.avgpool.call(&x)?;
        self.fc.call(&x.flatten(1, -1)?)
    }
}

/// A [`BasicBlock`] or [`Bottleneck`] without normalisations: convolutions with a ReLU after each,
/// the last one after the addition of the input.
#[derive(Module)]
pub struct FusedBlock {
    node: Node,
    /// In order.
    pub convs: Vec<Conv2d>,
    /// Follows all convolutions, the last after the addition.
    pub relu: ReLU,
    /// Brings the input to the shape of the output, where they differ.
    pub downsample: Option<Sequential>,
}

impl Forward for FusedBlock {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Some((last, first)) = self.convs.split_last() else {
            return Err(Error::value("a block without convolutions"));
        };
        let mut out = x.clone();
        for conv in first {
            out = call_relu(conv, &self.relu, &out)?;
        }
        call_add_relu(last, &self.relu, &out, || match &self.downsample {
            Some(downsample) => downsample.call(x),
            None => Ok(x.clone()),
        })
    }
}

fn block(
    layers: &[(&Conv2d, &BatchNorm2d)],
    relu: &ReLU,
    downsample: Option<&Sequential>,
) -> Result<FusedBlock> {
    let fused = FusedBlock {
        node: Node::new(),
        convs: layers
            .iter()
            .map(|(conv, norm)| fuse_conv_bn(conv, norm))
            .collect::<Result<_>>()?,
        relu: relu.share(),
        downsample: downsample.map(Sequential::fuse).transpose()?,
    };
    fused.node.set_training(false);
    Ok(fused)
}

fn stage(layer: &Sequential) -> Result<Sequential> {
    let mut fused = Sequential::new();
    for child in layer.iter() {
        let block = if let Some(b) = child.as_any().downcast_ref::<BasicBlock>() {
            let layers = [(&b.conv1, &b.bn1), (&b.conv2, &b.bn2)];
            block(&layers, &b.relu, b.downsample.as_ref())?
        } else if let Some(b) = child.as_any().downcast_ref::<Bottleneck>() {
            let layers = [(&b.conv1, &b.bn1), (&b.conv2, &b.bn2), (&b.conv3, &b.bn3)];
            block(&layers, &b.relu, b.downsample.as_ref())?
        } else {
            return Err(Error::value(format!(
                "a stage with a {} cannot be fused",
                child.type_name()
            )));
        };
        fused.push(block);
    }
    if let Some(node) = fused.node() {
        node.set_training(false);
    }
    Ok(fused)
}

impl ResNet {
    /// This network for inference, with every normalisation folded into the convolution before it
    /// by [`fuse_conv_bn`]. The convolutions are copies; pooling and head are shared with this
    /// network.
    ///
    /// # Errors
    /// If a normalisation is in training mode or has no running statistics, or a stage has blocks
    /// of another type.
    ///
    /// ```
    /// use pleach_core::{Tensor, no_grad};
    /// use pleach_nn::{Forward, Module};
    /// use pleach_vision::models::ResNetBuilder;
    ///
    /// let model = ResNetBuilder::resnet18().num_classes(3).build()?;
    /// assert!(model.fuse().is_err()); // in training mode
    /// model.eval();
    /// let fused = model.fuse()?;
    /// let x = Tensor::randn([1, 3, 32, 32]);
    /// let (a, b) = no_grad(|| (model.call(&x), fused.call(&x)));
    /// assert!(a?.sub(&b?)?.abs()?.max()?.item()? < 1e-4);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn fuse(&self) -> Result<FusedResNet> {
        let fused = FusedResNet {
            node: Node::new(),
            conv1: fuse_conv_bn(&self.conv1, &self.bn1)?,
            relu: self.relu.share(),
            maxpool: self.maxpool.share(),
            layer1: stage(&self.layer1)?,
            layer2: stage(&self.layer2)?,
            layer3: stage(&self.layer3)?,
            layer4: stage(&self.layer4)?,
            avgpool: self.avgpool.share(),
            fc: self.fc.share(),
        };
        fused.node.set_training(false);
        Ok(fused)
    }
}
