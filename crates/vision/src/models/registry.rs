//! Models by name.

use pleach_core::{Error, Result};
use pleach_nn::Forward;

use super::{
    AlexNetBuilder, DenseNetBuilder, MobileNetV2Builder, ResNetBuilder, SqueezeNetBuilder,
    VGGBuilder,
};

/// Makes a model of a name with so many classes.
type Make = fn(usize) -> Result<Box<dyn Forward>>;

/// Writes the table: name, path of the head, builder.
macro_rules! table {
    ($($head:literal: $builder:ident { $($name:ident)* })*) => {
        /// Name, path of the head, maker.
        const TABLE: &[(&str, &str, Make)] = &[
            $($((
                stringify!($name),
                $head,
                |classes| Ok($builder::$name().num_classes(classes).build()?.into()),
            ),)*)*
            ("alexnet", "classifier.6", |classes| {
                Ok(AlexNetBuilder::new().num_classes(classes).build()?.into())
            }),
            ("mobilenet_v2", "classifier.1", |classes| {
                Ok(MobileNetV2Builder::new().num_classes(classes).build()?.into())
            }),
        ];
    };
}

table! {
    "fc": ResNetBuilder {
        resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d
        resnext101_64x4d wide_resnet50_2 wide_resnet101_2
    }
    "classifier.6": VGGBuilder {
        vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
    }
    "classifier": DenseNetBuilder { densenet121 densenet161 densenet169 densenet201 }
    "classifier.1": SqueezeNetBuilder { squeezenet1_0 squeezenet1_1 }
}

/// The names of all models.
pub fn list_models() -> Vec<&'static str> {
    TABLE.iter().map(|entry| entry.0).collect()
}

fn entry(name: &str) -> Result<&'static (&'static str, &'static str, Make)> {
    let found = TABLE.iter().find(|entry| entry.0 == name);
    found.ok_or_else(|| Error::value(format!("Unknown model {name}")))
}

/// A model by its name, with random weights: torchvision's `get_model`.
///
/// ```
/// use pleach::nn::Module;
/// use pleach::vision::models::{get_model, head_of};
/// let model = get_model("squeezenet1_1", 10)?;
/// let head = model.get_module(head_of("squeezenet1_1")?)?;
/// assert_eq!(head.parameters()[0].shape(), [10, 512, 1, 1]);
/// assert!(get_model("resnet17", 10).is_err());
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If there is no such model.
pub fn get_model(name: &str, num_classes: usize) -> Result<Box<dyn Forward>> {
    (entry(name)?.2)(num_classes)
}

/// The path of the layer that gives the classes: `fc` in a ResNet.
///
/// # Errors
/// If there is no such model.
pub fn head_of(name: &str) -> Result<&'static str> {
    Ok(entry(name)?.1)
}
