//! [`DenseNet`].

use pleach_core::{Error, Result, Tensor};
use pleach_init::{self as init, FanMode, Nonlinearity};
use pleach_nn::layers::{AvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, ReLU};
use pleach_nn::{Forward, Module, ModuleExt, Node, Sequential, functional};

use super::DenseBlock;
use super::widths::{head, plus_product, weight};

/// A network of [`DenseBlock`]s: "Densely Connected Convolutional Networks", Huang et al., 2016.
///
/// Shapes: input `[N, 3, H, W]` with sides of at least 29, output `[N, classes]`. Weights start as
/// torchvision's: convolutions `kaiming_normal_`, the head's bias zero.
///
/// ```
/// use pleach::nn::ModuleExt;
/// use pleach::nn::layers::Linear;
/// use pleach::vision::models::{DenseBlock, DenseNetBuilder};
///
/// let mut model = DenseNetBuilder::densenet121().num_classes(7).build()?;
/// assert_eq!(model.get_module_as::<DenseBlock>("features.denseblock4")?.layers.len(), 16);
/// model.classifier = Linear::new(1024, 3);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct DenseNet {
    node: Node,
    /// A convolution, the blocks with a transition between each two, and a normalisation.
    pub features: Sequential,
    /// The head.
    pub classifier: Linear,
}

impl Forward for DenseNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = functional::relu(&self.features.call(x)?)?;
        let x = functional::adaptive_avg_pool2d(&x, (1, 1))?;
        self.classifier.call(&x.flatten(1, -1)?)
    }
}

/// Options of a [`DenseNet`], from one of the known depths.
#[derive(Debug, Clone)]
#[must_use]
pub struct DenseNetBuilder {
    growth_rate: usize,
    block_config: [usize; 4],
    num_init_features: usize,
    bn_size: usize,
    drop_rate: f64,
    num_classes: usize,
}

/// Writes a depth's builder and the function that makes it with 1000 classes.
macro_rules! known {
    ($($(#[$doc:meta])* $name:ident: $growth:literal, $blocks:expr, $first:literal;)*) => {
        impl DenseNetBuilder {$(
            $(#[$doc])*
            pub fn $name() -> Self {
                DenseNetBuilder {
                    growth_rate: $growth,
                    block_config: $blocks,
                    num_init_features: $first,
                    bn_size: 4,
                    drop_rate: 0.0,
                    num_classes: 1000,
                }
            }
        )*}
        $(
            $(#[$doc])*
            ///
            /// For ImageNet's 1000 classes; [`DenseNetBuilder`] has options.
            pub fn $name() -> DenseNet {
                DenseNetBuilder::$name().build().expect("the defaults are valid")
            }
        )*
    };
}

known! {
    /// DenseNet-121: 8.0 million parameters.
    densenet121: 32, [6, 12, 24, 16], 64;
    /// DenseNet-161: 28.7 million parameters.
    densenet161: 48, [6, 12, 36, 24], 96;
    /// DenseNet-169: 14.1 million parameters.
    densenet169: 32, [6, 12, 32, 32], 64;
    /// DenseNet-201: 20.0 million parameters.
    densenet201: 32, [6, 12, 48, 32], 64;
}

impl DenseNetBuilder {
    /// Outputs of the head (1000 by default).
    pub fn num_classes(mut self, num_classes: usize) -> Self {
        self.num_classes = num_classes;
        self
    }

    /// Channels that each layer adds.
    pub fn growth_rate(mut self, channels: usize) -> Self {
        self.growth_rate = channels;
        self
    }

    /// The number of layers of each block.
    pub fn block_config(mut self, layers: [usize; 4]) -> Self {
        self.block_config = layers;
        self
    }

    /// Channels of the first convolution.
    pub fn num_init_features(mut self, channels: usize) -> Self {
        self.num_init_features = channels;
        self
    }

    /// Channels between the two convolutions of a layer, in growth rates (4 by default).
    pub fn bn_size(mut self, factor: usize) -> Self {
        self.bn_size = factor;
        self
    }

    /// The probability of the dropout after each layer (0 by default).
    pub fn drop_rate(mut self, p: f64) -> Self {
        self.drop_rate = p;
        self
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If a size is zero that must not be, or there is no memory for a layer.
    pub fn build(self) -> Result<DenseNet> {
        let mut channels = self.num_init_features;
        if [channels, self.growth_rate, self.bn_size].contains(&0) {
            return Err(Error::value(format!(
                "num_init_features, growth_rate and bn_size must be positive, got {channels}, {} \
                 and {}",
                self.growth_rate, self.bn_size
            )));
        }
        weight(&[channels, 3, 7, 7])?;
        let conv0 = Conv2d::builder(3, channels, 7)
            .stride(2)
            .padding(3)
            .bias(false)
            .build()?;
        // The layers are drawn in this order.
        let mut features = Sequential::new()
            .append_named("conv0", conv0)
            .append_named("norm0", BatchNorm2d::builder(channels).build()?)
            .append_named("relu0", ReLU::builder().inplace(true).build()?)
            .append_named("pool0", MaxPool2d::builder(3).stride(2).padding(1).build()?);
        for (i, layers) in self.block_config.into_iter().enumerate() {
            let (growth, bn_size) = (self.growth_rate, self.bn_size);
            let wider = plus_product(channels, layers, growth)?;
            // No less than what the block takes.
            weight(&[layers, channels, growth])?;
            let block = DenseBlock::new(layers, channels, growth, bn_size, self.drop_rate)?;
            features.push_named(format!("denseblock{}", i + 1), block)?;
            channels = wider;
            if i + 1 < self.block_config.len() {
                let halved = transition(channels, channels / 2)?;
                features.push_named(format!("transition{}", i + 1), halved)?;
                channels /= 2;
            }
        }
        features.push_named("norm5", BatchNorm2d::builder(channels).build()?)?;
        let model = DenseNet {
            node: Node::new(),
            features,
            classifier: head(channels, self.num_classes)?,
        };
        initialise(&model)?;
        Ok(model)
    }
}

/// torchvision's `_Transition`: fewer channels, and half the height and width.
fn transition(from: usize, to: usize) -> Result<Sequential> {
    weight(&[from, to])?;
    Ok(Sequential::named("_Transition")
        .append_named("norm", BatchNorm2d::builder(from).build()?)
        .append_named("relu", ReLU::builder().inplace(true).build()?)
        .append_named("conv", Conv2d::builder(from, to, 1).bias(false).build()?)
        .append_named("pool", AvgPool2d::builder(2).stride(2).build()?))
}

/// Normalisations start at one and zero by themselves.
fn initialise(model: &DenseNet) -> Result<()> {
    for module in model.modules() {
        if let Some(conv) = module.downcast_ref::<Conv2d>() {
            init::kaiming_normal_(&conv.weight, 0.0, FanMode::FanIn, Nonlinearity::LeakyRelu)?;
        } else if let Some(linear) = module.downcast_ref::<Linear>()
            && let Some(bias) = &linear.bias
        {
            init::zeros_(bias)?;
        }
    }
    Ok(())
}
