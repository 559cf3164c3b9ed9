//! Networks for images, named as in `torchvision.models`.

mod alexnet;
mod basic_block;
mod block_shape;
mod bottleneck;
mod dense_block;
mod densenet;
mod inverted_residual;
mod mobilenet_v2;
mod registry;
mod resnet;
mod squeezenet;
mod vgg;
mod widths;

pub use alexnet::{AlexNet, AlexNetBuilder, alexnet};
pub use basic_block::BasicBlock;
pub use bottleneck::Bottleneck;
pub use dense_block::{DenseBlock, DenseLayer};
pub use densenet::{DenseNet, DenseNetBuilder, densenet121, densenet161, densenet169, densenet201};
pub use inverted_residual::InvertedResidual;
pub use mobilenet_v2::{MobileNetV2, MobileNetV2Builder, mobilenet_v2};
pub use registry::{get_model, head_of, list_models};
pub use resnet::{
    ResNet, ResNetBuilder, resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d,
    resnext101_32x8d, resnext101_64x4d, wide_resnet50_2, wide_resnet101_2,
};
pub use squeezenet::{Fire, SqueezeNet, SqueezeNetBuilder, squeezenet1_0, squeezenet1_1};
pub use vgg::{
    VGG, VGGBuilder, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn,
};
