//! [`SqueezeNet`].

use pleach_core::{Result, Tensor};
use pleach_init::{self as init, FanMode, Nonlinearity};
use pleach_nn::layers::{AdaptiveAvgPool2d, Conv2d, Dropout, MaxPool2d, ReLU};
use pleach_nn::{Chain, Forward, Module, ModuleExt, Node, Sequential, same};

use super::widths::weight;

/// A network of [`Fire`] blocks whose head is a convolution: "SqueezeNet: AlexNet-level accuracy
/// with 50x fewer parameters and <0.5MB model size", Iandola et al., 2016.
///
/// Shapes: input `[N, 3, H, W]` with sides of at least 17 (21 for 1.0), output `[N, classes]`.
/// Weights start as torchvision's: `kaiming_uniform_`, the head normal with deviation 0.01, biases
/// zero.
///
/// ```
/// use pleach::nn::ModuleExt;
/// use pleach::vision::models::{Fire, SqueezeNetBuilder};
///
/// let model = SqueezeNetBuilder::squeezenet1_1().num_classes(7).build()?;
/// assert_eq!(model.get_module_as::<Fire>("features.3")?.squeeze.weight.shape(), [16, 64, 1, 1]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct SqueezeNet {
    node: Node,
    /// A convolution, then [`Fire`] blocks and poolings.
    pub features: Sequential,
    /// Dropout, a 1×1 convolution to the classes, an activation and the mean over the image.
    pub classifier: Sequential,
}

impl Forward for SqueezeNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.classifier.call(&self.features.call(x)?)?;
        x.flatten(1, -1)
    }
}

/// Narrows by a 1×1 convolution, then widens by a 1×1 and a 3×3 one side by side.
#[derive(Module)]
#[module(debug)]
pub struct Fire {
    node: Node,
    /// Narrows.
    pub squeeze: Conv2d,
    /// Follows `squeeze`.
    pub squeeze_activation: ReLU,
    /// Makes the first channels of the output.
    pub expand1x1: Conv2d,
    /// Follows `expand1x1`.
    pub expand1x1_activation: ReLU,
    /// Makes the other channels of the output.
    pub expand3x3: Conv2d,
    /// Follows `expand3x3`.
    pub expand3x3_activation: ReLU,
}

impl Fire {
    /// `from` channels become `narrow`, these twice `wide`.
    fn new(from: usize, narrow: usize, wide: usize) -> Result<Self> {
        Ok(Fire {
            node: Node::new(),
            squeeze: Conv2d::new(from, narrow, 1),
            squeeze_activation: ReLU::builder().inplace(true).build()?,
            expand1x1: Conv2d::new(narrow, wide, 1),
            expand1x1_activation: ReLU::builder().inplace(true).build()?,
            expand3x3: Conv2d::builder(narrow, wide, 3).padding(1).build()?,
            expand3x3_activation: ReLU::builder().inplace(true).build()?,
        })
    }
}

impl Forward for Fire {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = Chain::of(x)
            .call(&self.squeeze)
            .call(&self.squeeze_activation)
            .run()?;
        let widen = |conv, relu| Chain::of(&x).call(conv).call(relu).run();
        let small = widen(&self.expand1x1, &self.expand1x1_activation)?;
        let large = widen(&self.expand3x3, &self.expand3x3_activation)?;
        Tensor::cat([&small, &large], 1)
    }
}

/// SqueezeNet 1.0, 1.2 million parameters, for ImageNet's 1000 classes; [`SqueezeNetBuilder`] has
/// options.
pub fn squeezenet1_0() -> SqueezeNet {
    let model = SqueezeNetBuilder::squeezenet1_0().build();
    model.expect("the defaults are valid")
}

/// SqueezeNet 1.1, as good as 1.0 with 2.4 times less work, for ImageNet's 1000 classes;
/// [`SqueezeNetBuilder`] has options.
pub fn squeezenet1_1() -> SqueezeNet {
    let model = SqueezeNetBuilder::squeezenet1_1().build();
    model.expect("the defaults are valid")
}

#[derive(Debug, Clone, Copy)]
enum Version {
    V1_0,
    V1_1,
}

/// Options of a [`SqueezeNet`], from one of its versions.
#[derive(Debug, Clone)]
#[must_use]
pub struct SqueezeNetBuilder {
    version: Version,
    num_classes: usize,
    dropout: f64,
}

impl SqueezeNetBuilder {
    fn of(version: Version) -> Self {
        SqueezeNetBuilder {
            version,
            num_classes: 1000,
            dropout: 0.5,
        }
    }

    /// SqueezeNet 1.0.
    pub fn squeezenet1_0() -> Self {
        Self::of(Version::V1_0)
    }

    /// SqueezeNet 1.1.
    pub fn squeezenet1_1() -> Self {
        Self::of(Version::V1_1)
    }

    /// Outputs of the head (1000 by default).
    pub fn num_classes(mut self, num_classes: usize) -> Self {
        self.num_classes = num_classes;
        self
    }

    /// The probability of the dropout (0.5 by default).
    pub fn dropout(mut self, p: f64) -> Self {
        self.dropout = p;
        self
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If the probability is not between 0 and 1, or there is no memory for so many classes.
    pub fn build(self) -> Result<SqueezeNet> {
        weight(&[512, self.num_classes])?;
        // The fields are drawn in this order.
        let model = SqueezeNet {
            node: Node::new(),
            features: self.features()?,
            classifier: Sequential::new()
                .append(Dropout::builder().p(self.dropout).build()?)
                .append(Conv2d::builder(512, self.num_classes, 1).build()?)
                .append(ReLU::builder().inplace(true).build()?)
                .append(AdaptiveAvgPool2d::new((1, 1))),
        };
        initialise(&model)?;
        Ok(model)
    }

    fn features(&self) -> Result<Sequential> {
        let conv = |to, kernel| Conv2d::builder(3, to, kernel).stride(2).build();
        let relu = ReLU::builder().inplace(true).build()?;
        let pool = || MaxPool2d::builder(3).stride(2).ceil_mode(true).build();
        Ok(match self.version {
            Version::V1_0 => Sequential::new()
                .append(conv(96, 7)?)
                .append(relu)
                .append(pool()?)
                .append(Fire::new(96, 16, 64)?)
                .append(Fire::new(128, 16, 64)?)
                .append(Fire::new(128, 32, 128)?)
                .append(pool()?)
                .append(Fire::new(256, 32, 128)?)
                .append(Fire::new(256, 48, 192)?)
                .append(Fire::new(384, 48, 192)?)
                .append(Fire::new(384, 64, 256)?)
                .append(pool()?)
                .append(Fire::new(512, 64, 256)?),
            Version::V1_1 => Sequential::new()
                .append(conv(64, 3)?)
                .append(relu)
                .append(pool()?)
                .append(Fire::new(64, 16, 64)?)
                .append(Fire::new(128, 16, 64)?)
                .append(pool()?)
                .append(Fire::new(128, 32, 128)?)
                .append(Fire::new(256, 32, 128)?)
                .append(pool()?)
                .append(Fire::new(256, 48, 192)?)
                .append(Fire::new(384, 48, 192)?)
                .append(Fire::new(384, 64, 256)?)
                .append(Fire::new(512, 64, 256)?),
        })
    }
}

fn initialise(model: &SqueezeNet) -> Result<()> {
    let head = model.classifier.get(1)?;
    for module in model.modules() {
        let Some(conv) = module.downcast_ref::<Conv2d>() else {
            continue;
        };
        if same(module, head) {
            init::normal_(&conv.weight, 0.0, 0.01)?;
        } else {
            init::kaiming_uniform_(&conv.weight, 0.0, FanMode::FanIn, Nonlinearity::LeakyRelu)?;
        }
        if let Some(bias) = &conv.bias {
            init::zeros_(bias)?;
        }
    }
    Ok(())
}
