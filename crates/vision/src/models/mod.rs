//! Networks for images, named as in `torchvision.models`.

mod basic_block;
mod bottleneck;
mod fused;
mod resnet;

pub use basic_block::BasicBlock;
pub use bottleneck::Bottleneck;
pub use fused::{FusedBlock, FusedResNet};
pub use resnet::{
    ResNet, ResNetBuilder, resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d,
    resnext101_32x8d, resnext101_64x4d, wide_resnet50_2, wide_resnet101_2,
};
