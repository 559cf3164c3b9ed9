//! [`ResNet`]: the residual networks.

use pleach_core::{Result, Tensor};
use pleach_init::{self as init, FanMode, Nonlinearity};
use pleach_nn::layers::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, ReLU};
use pleach_nn::{Chain, Forward, Module, ModuleExt, Node, Sequential};

use super::block_shape::BlockShape;
use super::widths::head;
use super::{BasicBlock, Bottleneck};

/// A residual network: "Deep Residual Learning for Image Recognition", He et al., 2015, and its
/// relatives ResNeXt and Wide ResNet.
///
/// Shapes: input `[N, 3, H, W]`, output `[N, classes]`. Weights start as torchvision's:
/// convolutions `kaiming_normal_` by fan-out, the head uniform.
///
/// ```
/// use pleach::nn::ModuleExt;
/// use pleach::vision::models::{Bottleneck, ResNetBuilder};
///
/// let model = ResNetBuilder::resnet50().num_classes(7).build()?;
/// assert_eq!(model.fc.weight.shape(), [7, 2048]);
/// let block = model.get_module_as::<Bottleneck>("layer1.0")?;
/// assert_eq!(block.conv3.weight.shape(), [256, 64, 1, 1]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct ResNet {
    node: Node,
    /// 7×7 with stride 2.
    pub conv1: Conv2d,
    /// Normalises `conv1`.
    pub bn1: BatchNorm2d,
    /// Follows `bn1`.
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

impl Forward for ResNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = Chain::of(x)
            .call(&self.conv1)
            .call(&self.bn1)
            .call(&self.relu)
            .call(&self.maxpool)
            .call(&self.layer1)
            .call(&self.layer2)
            .call(&self.layer3)
            .call(&self.layer4)
            .call(&self.avgpool)
            .run()?;
        self.fc.call(&x.flatten(1, -1)?)
    }
}

/// Options of a [`ResNet`], from one of the known depths.
#[derive(Debug, Clone)]
#[must_use]
pub struct ResNetBuilder {
    bottleneck: bool,
    blocks: [usize; 4],
    num_classes: usize,
    zero_init_residual: bool,
    groups: usize,
    width_per_group: usize,
    replace_stride_with_dilation: [bool; 3],
}

/// Writes a model's builder and the function that makes it with 1000 classes.
macro_rules! known {
    ($($(#[$doc:meta])* $name:ident: $bottleneck:literal, $blocks:expr, $groups:literal, $width:literal;)*) => {
        impl ResNetBuilder {$(
            $(#[$doc])*
            pub fn $name() -> Self {
                ResNetBuilder {
                    bottleneck: $bottleneck,
                    blocks: $blocks,
                    num_classes: 1000,
                    zero_init_residual: false,
                    groups: $groups,
                    width_per_group: $width,
                    replace_stride_with_dilation: [false; 3],
                }
            }
        )*}
        $(
            $(#[$doc])*
            ///
            /// For ImageNet's 1000 classes; [`ResNetBuilder`] has options.
            pub fn $name() -> ResNet {
                ResNetBuilder::$name().build().expect("the defaults are valid")
            }
        )*
    };
}

known! {
    /// ResNet-18: 11.7 million parameters.
    resnet18: false, [2, 2, 2, 2], 1, 64;
    /// ResNet-34: 21.8 million parameters.
    resnet34: false, [3, 4, 6, 3], 1, 64;
    /// ResNet-50: 25.6 million parameters.
    resnet50: true, [3, 4, 6, 3], 1, 64;
    /// ResNet-101: 44.5 million parameters.
    resnet101: true, [3, 4, 23, 3], 1, 64;
    /// ResNet-152: 60.2 million parameters.
    resnet152: true, [3, 8, 36, 3], 1, 64;
    /// ResNeXt-50 32×4d: 25.0 million parameters.
    resnext50_32x4d: true, [3, 4, 6, 3], 32, 4;
    /// ResNeXt-101 32×8d: 88.8 million parameters.
    resnext101_32x8d: true, [3, 4, 23, 3], 32, 8;
    /// ResNeXt-101 64×4d: 83.5 million parameters.
    resnext101_64x4d: true, [3, 4, 23, 3], 64, 4;
    /// Wide ResNet-50-2: 68.9 million parameters.
    wide_resnet50_2: true, [3, 4, 6, 3], 1, 128;
    /// Wide ResNet-101-2: 126.9 million parameters.
    wide_resnet101_2: true, [3, 4, 23, 3], 1, 128;
}

impl ResNetBuilder {
    /// Outputs of the head (1000 by default).
    pub fn num_classes(mut self, num_classes: usize) -> Self {
        self.num_classes = num_classes;
        self
    }

    /// Whether the last normalisation of each block starts at zero, so that every block starts as
    /// the identity (false by default).
    pub fn zero_init_residual(mut self, on: bool) -> Self {
        self.zero_init_residual = on;
        self
    }

    /// Groups of the 3×3 convolutions of bottlenecks.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Width of a group, at the first stage.
    pub fn width_per_group(mut self, width: usize) -> Self {
        self.width_per_group = width;
        self
    }

    /// For the second to the fourth stage: whether it widens its windows (a dilation) instead of
    /// taking every second pixel (a stride).
    pub fn replace_stride_with_dilation(mut self, stages: [bool; 3]) -> Self {
        self.replace_stride_with_dilation = stages;
        self
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If blocks without bottleneck get groups, another width or a dilation.
    pub fn build(self) -> Result<ResNet> {
        let mut stages = Stages {
            builder: &self,
            inplanes: 64,
            dilation: 1,
        };
        let conv1 = Conv2d::builder(3, 64, 7)
            .stride(2)
            .padding(3)
            .bias(false)
            .build()?;
        let [replace2, replace3, replace4] = self.replace_stride_with_dilation;
        // The fields are drawn in this order.
        let model = ResNet {
            node: Node::new(),
            conv1,
            bn1: BatchNorm2d::new(64),
            relu: ReLU::builder().inplace(true).build()?,
            maxpool: MaxPool2d::builder(3).stride(2).padding(1).build()?,
            layer1: stages.next(64, self.blocks[0], 1, false)?,
            layer2: stages.next(128, self.blocks[1], 2, replace2)?,
            layer3: stages.next(256, self.blocks[2], 2, replace3)?,
            layer4: stages.next(512, self.blocks[3], 2, replace4)?,
            avgpool: AdaptiveAvgPool2d::new((1, 1)),
            fc: head(512 * self.expansion(), self.num_classes)?,
        };
        self.initialise(&model)?;
        Ok(model)
    }

    fn expansion(&self) -> usize {
        match self.bottleneck {
            true => Bottleneck::EXPANSION,
            false => BasicBlock::EXPANSION,
        }
    }

    fn block(&self, shape: BlockShape) -> Result<Box<dyn Forward>> {
        Ok(match self.bottleneck {
            true => Bottleneck::new(shape)?.into(),
            false => BasicBlock::new(shape)?.into(),
        })
    }

    /// What replaces the layers' own initial values: convolutions, and with `zero_init_residual`
    /// the last normalisation of each block. Normalisations start at one and zero by themselves.
    fn initialise(&self, model: &ResNet) -> Result<()> {
        for module in model.modules() {
            let last_norm = if let Some(conv) = module.downcast_ref::<Conv2d>() {
                init::kaiming_normal_(&conv.weight, 0.0, FanMode::FanOut, Nonlinearity::Relu)?;
                None
            } else if let Some(block) = module.downcast_ref::<BasicBlock>() {
                Some(&block.bn2)
            } else {
                module.downcast_ref::<Bottleneck>().map(|block| &block.bn3)
            };
            if let Some(weight) = last_norm.and_then(|norm| norm.weight.as_ref())
                && self.zero_init_residual
            {
                init::zeros_(weight)?;
            }
        }
        Ok(())
    }
}

/// Builds the stages one after another: each starts where the last one ended.
struct Stages<'a> {
    builder: &'a ResNetBuilder,
    inplanes: usize,
    dilation: usize,
}

impl Stages<'_> {
    fn next(
        &mut self,
        planes: usize,
        blocks: usize,
        stride: usize,
        dilate: bool,
    ) -> Result<Sequential> {
        let first_dilation = self.dilation;
        let stride = match dilate {
            true => {
                self.dilation *= stride;
                1
            }
            false => stride,
        };
        let mut stage = Sequential::new();
        for block in 0..blocks {
            let first = block == 0;
            stage.push(self.builder.block(BlockShape {
                inplanes: self.inplanes,
                planes,
                stride: if first { stride } else { 1 },
                groups: self.builder.groups,
                base_width: self.builder.width_per_group,
                dilation: if first { first_dilation } else { self.dilation },
            })?);
            self.inplanes = planes * self.builder.expansion();
        }
        Ok(stage)
    }
}
