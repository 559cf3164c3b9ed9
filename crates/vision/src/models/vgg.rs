//! [`VGG`]: plain stacks of 3×3 convolutions.

use pleach_core::{Result, Tensor};
use pleach_init::{self as init, FanMode, Nonlinearity};
use pleach_nn::layers::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Linear, MaxPool2d, ReLU};
use pleach_nn::{Forward, Module, ModuleExt, Node, Sequential};

use super::widths::head;

/// Stacks of 3×3 convolutions between poolings, and three linear layers: "Very Deep Convolutional
/// Networks for Large-Scale Image Recognition", Simonyan and Zisserman, 2014.
///
/// Shapes: input `[N, 3, H, W]` with sides of at least 32, output `[N, classes]`. Weights start as
/// torchvision's: convolutions `kaiming_normal_` by fan-out, linear layers normal with deviation
/// 0.01, biases zero.
///
/// ```
/// use pleach::nn::layers::Linear;
/// use pleach::vision::models::VGGBuilder;
///
/// let mut model = VGGBuilder::vgg11_bn().num_classes(7).build()?;
/// assert_eq!(model.features[4].type_name(), "Conv2d");
/// model.classifier.set(6, Linear::new(4096, 3))?;
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct VGG {
    node: Node,
    /// Convolutions, activations and poolings.
    pub features: Sequential,
    /// Averages to 7×7.
    pub avgpool: AdaptiveAvgPool2d,
    /// Three linear layers with dropout between them.
    pub classifier: Sequential,
}

impl Forward for VGG {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.avgpool.call(&self.features.call(x)?)?;
        self.classifier.call(&x.flatten(1, -1)?)
    }
}

/// Options of a [`VGG`], from one of the known depths.
#[derive(Debug, Clone)]
#[must_use]
pub struct VGGBuilder {
    /// Convolutions of each stage; every stage ends in a pooling.
    depths: [usize; 5],
    batch_norm: bool,
    num_classes: usize,
    init_weights: bool,
    dropout: f64,
}

/// Writes a depth's builders and the functions that make it with 1000 classes.
macro_rules! known {
    ($($plain:ident $normed:ident: $layers:literal, $millions:literal, $depths:expr;)*) => {
        impl VGGBuilder {$(
            #[doc = concat!("VGG-", $layers, ": ", $millions, " million parameters.")]
            pub fn $plain() -> Self {
                Self::of($depths, false)
            }
            #[doc = concat!("VGG-", $layers, " with batch normalisation.")]
            pub fn $normed() -> Self {
                Self::of($depths, true)
            }
        )*}
        $(
            #[doc = concat!("VGG-", $layers, ": ", $millions, " million parameters.")]
            ///
            /// For ImageNet's 1000 classes; [`VGGBuilder`] has options.
            pub fn $plain() -> VGG {
                VGGBuilder::$plain().build().expect("the defaults are valid")
            }
            #[doc = concat!("VGG-", $layers, " with batch normalisation.")]
            ///
            /// For ImageNet's 1000 classes; [`VGGBuilder`] has options.
            pub fn $normed() -> VGG {
                VGGBuilder::$normed().build().expect("the defaults are valid")
            }
        )*
    };
}

known! {
    vgg11 vgg11_bn: "11", "132.9", [1, 1, 2, 2, 2];
    vgg13 vgg13_bn: "13", "133.0", [2, 2, 2, 2, 2];
    vgg16 vgg16_bn: "16", "138.4", [2, 2, 3, 3, 3];
    vgg19 vgg19_bn: "19", "143.7", [2, 2, 4, 4, 4];
}

impl VGGBuilder {
    fn of(depths: [usize; 5], batch_norm: bool) -> Self {
        VGGBuilder {
            depths,
            batch_norm,
            num_classes: 1000,
            init_weights: true,
            dropout: 0.5,
        }
    }

    /// Outputs of the head (1000 by default).
    pub fn num_classes(mut self, num_classes: usize) -> Self {
        self.num_classes = num_classes;
        self
    }

    /// Whether weights start as torchvision's (true by default), not as each layer's own.
    pub fn init_weights(mut self, on: bool) -> Self {
        self.init_weights = on;
        self
    }

    /// The probability of both dropouts (0.5 by default).
    pub fn dropout(mut self, p: f64) -> Self {
        self.dropout = p;
        self
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If the probability is not between 0 and 1.
    pub fn build(self) -> Result<VGG> {
        let dropout = || Dropout::builder().p(self.dropout).build();
        // The fields are drawn in this order.
        let model = VGG {
            node: Node::new(),
            features: self.features()?,
            avgpool: AdaptiveAvgPool2d::new((7, 7)),
            classifier: Sequential::new()
                .append(Linear::new(512 * 7 * 7, 4096))
                .append(ReLU::builder().inplace(true).build()?)
                .append(dropout()?)
                .append(Linear::new(4096, 4096))
                .append(ReLU::builder().inplace(true).build()?)
                .append(dropout()?)
                .append(head(4096, self.num_classes)?),
        };
        if self.init_weights {
            initialise(&model)?;
        }
        Ok(model)
    }

    fn features(&self) -> Result<Sequential> {
        const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];
        let mut features = Sequential::new();
        let mut from = 3;
        for (depth, width) in self.depths.into_iter().zip(WIDTHS) {
            for _ in 0..depth {
                features.push(Conv2d::builder(from, width, 3).padding(1).build()?);
                if self.batch_norm {
                    features.push(BatchNorm2d::new(width));
                }
                features.push(ReLU::builder().inplace(true).build()?);
                from = width;
            }
            features.push(MaxPool2d::builder(2).stride(2).build()?);
        }
        Ok(features)
    }
}

/// Normalisations start at one and zero by themselves.
fn initialise(model: &VGG) -> Result<()> {
    for module in model.modules() {
        let bias = if let Some(conv) = module.downcast_ref::<Conv2d>() {
            init::kaiming_normal_(&conv.weight, 0.0, FanMode::FanOut, Nonlinearity::Relu)?;
            &conv.bias
        } else if let Some(linear) = module.downcast_ref::<Linear>() {
            init::normal_(&linear.weight, 0.0, 0.01)?;
            &linear.bias
        } else {
            continue;
        };
        if let Some(bias) = bias {
            init::zeros_(bias)?;
        }
    }
    Ok(())
}
