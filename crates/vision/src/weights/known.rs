//! The trained weights of torchvision's models.

use crate::transforms::{CenterCrop, Compose, Normalize, Resize, ToTensor};

/// Trained weights of one model: torchvision's `ResNet18_Weights.IMAGENET1K_V1` and its like.
///
/// ```
/// use pleach::vision::weights::Weights;
/// let weights = Weights::of("resnet18").expect("it is known");
/// assert_eq!(weights.file, "resnet18-f37072fd.pth");
/// assert_eq!(Weights::of("resnet50").unwrap().name, "IMAGENET1K_V2"); // torchvision's DEFAULT
/// assert_eq!(Weights::named("resnet50", "IMAGENET1K_V1").unwrap().file, "resnet50-0676ba61.pth");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Weights {
    /// The function in [`models`](crate::models) that makes the model.
    pub model: &'static str,
    /// `IMAGENET1K_V1` or `IMAGENET1K_V2`.
    pub name: &'static str,
    /// The file's name, with the beginning of its sha256.
    pub file: &'static str,
    /// The shorter side of an image before the middle is cut out.
    pub resize_size: usize,
}

impl Weights {
    /// The weights that torchvision calls `DEFAULT`.
    pub fn of(model: &str) -> Option<&'static Weights> {
        KNOWN.iter().rfind(|weights| weights.model == model)
    }

    /// The weights of a name.
    pub fn named(model: &str, name: &str) -> Option<&'static Weights> {
        let mut known = KNOWN.iter();
        known.find(|weights| (weights.model, weights.name) == (model, name))
    }

    /// All that are known.
    pub fn all() -> &'static [Weights] {
        KNOWN
    }

    /// Where torchvision has them.
    pub fn url(&self) -> String {
        format!("{}/{}", super::HOME, self.file)
    }

    /// What is done to a u8 image before the model sees it.
    pub fn transforms(&self) -> Compose {
        Compose::new()
            .then(Resize::new(self.resize_size))
            .then(CenterCrop::new(224))
            .then(ToTensor)
            .then(Normalize::imagenet())
    }
}

const fn weights(
    model: &'static str,
    name: &'static str,
    file: &'static str,
    resize_size: usize,
) -> Weights {
    Weights {
        model,
        name,
        file,
        resize_size,
    }
}

/// The default of a model comes last.
const KNOWN: &[Weights] = &[
    weights("alexnet", "IMAGENET1K_V1", "alexnet-owt-7be5be79.pth", 256),
    weights(
        "densenet121",
        "IMAGENET1K_V1",
        "densenet121-a639ec97.pth",
        256,
    ),
    weights(
        "densenet161",
        "IMAGENET1K_V1",
        "densenet161-8d451a50.pth",
        256,
    ),
    weights(
        "densenet169",
        "IMAGENET1K_V1",
        "densenet169-b2777c0a.pth",
        256,
    ),
    weights(
        "densenet201",
        "IMAGENET1K_V1",
        "densenet201-c1103571.pth",
        256,
    ),
    weights(
        "mobilenet_v2",
        "IMAGENET1K_V1",
        "mobilenet_v2-b0353104.pth",
        256,
    ),
    weights(
        "mobilenet_v2",
        "IMAGENET1K_V2",
        "mobilenet_v2-7ebf99e0.pth",
        232,
    ),
    weights("resnet18", "IMAGENET1K_V1", "resnet18-f37072fd.pth", 256),
    weights("resnet34", "IMAGENET1K_V1", "resnet34-b627a593.pth", 256),
    weights("resnet50", "IMAGENET1K_V1", "resnet50-0676ba61.pth", 256),
    weights("resnet50", "IMAGENET1K_V2", "resnet50-11ad3fa6.pth", 232),
    weights("resnet101", "IMAGENET1K_V1", "resnet101-63fe2227.pth", 256),
    weights("resnet101", "IMAGENET1K_V2", "resnet101-cd907fc2.pth", 232),
    weights("resnet152", "IMAGENET1K_V1", "resnet152-394f9c45.pth", 256),
    weights("resnet152", "IMAGENET1K_V2", "resnet152-f82ba261.pth", 232),
    weights(
        "resnext50_32x4d",
        "IMAGENET1K_V1",
        "resnext50_32x4d-7cdf4587.pth",
        256,
    ),
    weights(
        "resnext50_32x4d",
        "IMAGENET1K_V2",
        "resnext50_32x4d-1a0047aa.pth",
        232,
    ),
    weights(
        "resnext101_32x8d",
        "IMAGENET1K_V1",
        "resnext101_32x8d-8ba56ff5.pth",
        256,
    ),
    weights(
        "resnext101_32x8d",
        "IMAGENET1K_V2",
        "resnext101_32x8d-110c445d.pth",
        232,
    ),
    weights(
        "resnext101_64x4d",
        "IMAGENET1K_V1",
        "resnext101_64x4d-173b62eb.pth",
        232,
    ),
    weights(
        "squeezenet1_0",
        "IMAGENET1K_V1",
        "squeezenet1_0-b66bff10.pth",
        256,
    ),
    weights(
        "squeezenet1_1",
        "IMAGENET1K_V1",
        "squeezenet1_1-b8a52dc0.pth",
        256,
    ),
    weights("vgg11", "IMAGENET1K_V1", "vgg11-8a719046.pth", 256),
    weights("vgg11_bn", "IMAGENET1K_V1", "vgg11_bn-6002323d.pth", 256),
    weights("vgg13", "IMAGENET1K_V1", "vgg13-19584684.pth", 256),
    weights("vgg13_bn", "IMAGENET1K_V1", "vgg13_bn-abd245e5.pth", 256),
    weights("vgg16", "IMAGENET1K_V1", "vgg16-397923af.pth", 256),
    weights("vgg16_bn", "IMAGENET1K_V1", "vgg16_bn-6c64b313.pth", 256),
    weights("vgg19", "IMAGENET1K_V1", "vgg19-dcbb9e9d.pth", 256),
    weights("vgg19_bn", "IMAGENET1K_V1", "vgg19_bn-c79401a0.pth", 256),
    weights(
        "wide_resnet50_2",
        "IMAGENET1K_V1",
        "wide_resnet50_2-95faca4d.pth",
        256,
    ),
    weights(
        "wide_resnet50_2",
        "IMAGENET1K_V2",
        "wide_resnet50_2-9ba9bcbe.pth",
        232,
    ),
    weights(
        "wide_resnet101_2",
        "IMAGENET1K_V1",
        "wide_resnet101_2-32ee1156.pth",
        256,
    ),
    weights(
        "wide_resnet101_2",
        "IMAGENET1K_V2",
        "wide_resnet101_2-d733dc28.pth",
        232,
    ),
];
