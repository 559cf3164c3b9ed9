//! [`MobileNetV2`].

use pleach_core::{Error, Result, Tensor};
use pleach_init::{self as init, FanMode, Nonlinearity};
use pleach_nn::layers::{Conv2d, Dropout, Linear};
use pleach_nn::{Forward, Module, ModuleExt, Node, Sequential, functional};

use super::InvertedResidual;
use super::inverted_residual::conv_norm_activation;
use super::widths::{head, weight};

/// A network of [`InvertedResidual`] blocks: "MobileNetV2: Inverted Residuals and Linear
/// Bottlenecks", Sandler et al., 2018; 3.5 million parameters.
///
/// Shapes: input `[N, 3, H, W]`, output `[N, classes]`. Weights start as torchvision's:
/// convolutions `kaiming_normal_` by fan-out, the head normal with deviation 0.01 and bias zero.
///
/// ```
/// use pleach::nn::ModuleExt;
/// use pleach::nn::layers::Linear;
/// use pleach::vision::models::{InvertedResidual, MobileNetV2Builder};
///
/// let mut model = MobileNetV2Builder::new().width_mult(0.5).num_classes(7).build()?;
/// assert!(model.get_module_as::<InvertedResidual>("features.3")?.use_res_connect);
/// model.classifier.set(1, Linear::new(1280, 3))?;
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct MobileNetV2 {
    node: Node,
    /// A convolution, the blocks, and a 1×1 convolution.
    pub features: Sequential,
    /// Dropout and the head.
    pub classifier: Sequential,
}

impl Forward for MobileNetV2 {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = functional::adaptive_avg_pool2d(&self.features.call(x)?, (1, 1))?;
        self.classifier.call(&x.flatten(1, -1)?)
    }
}

/// MobileNetV2 for ImageNet's 1000 classes; [`MobileNetV2Builder`] has options.
pub fn mobilenet_v2() -> MobileNetV2 {
    let model = MobileNetV2Builder::new().build();
    model.expect("the defaults are valid")
}

/// Options of a [`MobileNetV2`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MobileNetV2Builder {
    num_classes: usize,
    width_mult: f64,
    inverted_residual_setting: Vec<[usize; 4]>,
    round_nearest: usize,
    dropout: f64,
}

impl Default for MobileNetV2Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl MobileNetV2Builder {
    /// torchvision's defaults.
    pub fn new() -> Self {
        MobileNetV2Builder {
            num_classes: 1000,
            width_mult: 1.0,
            inverted_residual_setting: SETTING.to_vec(),
            round_nearest: 8,
            dropout: 0.2,
        }
    }

    /// Outputs of the head (1000 by default).
    pub fn num_classes(mut self, num_classes: usize) -> Self {
        self.num_classes = num_classes;
        self
    }

    /// Multiplies the channels of every layer (1 by default); the last layer never gets fewer.
    pub fn width_mult(mut self, factor: f64) -> Self {
        self.width_mult = factor;
        self
    }

    /// The stages: by how much their blocks widen, channels, number of blocks, stride of the first.
    pub fn inverted_residual_setting(mut self, stages: impl Into<Vec<[usize; 4]>>) -> Self {
        self.inverted_residual_setting = stages.into();
        self
    }

    /// Channels are rounded to a multiple of this (8 by default).
    pub fn round_nearest(mut self, multiple: usize) -> Self {
        self.round_nearest = multiple;
        self
    }

    /// The probability of the dropout (0.2 by default).
    pub fn dropout(mut self, p: f64) -> Self {
        self.dropout = p;
        self
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If the probability is not between 0 and 1, the factor is not positive and finite, the
    /// multiple is 0, there is no stage, a stride is neither 1 nor 2, or there is no memory for
    /// a layer.
    pub fn build(self) -> Result<MobileNetV2> {
        if !(self.width_mult > 0.0 && self.width_mult.is_finite()) || self.round_nearest == 0 {
            return Err(Error::value(format!(
                "width_mult and round_nearest must be positive, got {} and {}",
                self.width_mult, self.round_nearest
            )));
        }
        if self.inverted_residual_setting.is_empty() {
            let text = "inverted_residual_setting should be non-empty or a 4-element list, got []";
            return Err(Error::value(text));
        }
        let width = |channels: f64| make_divisible(channels * self.width_mult, self.round_nearest);
        let last = make_divisible(1280.0 * self.width_mult.max(1.0), self.round_nearest);
        let mut channels = width(32.0);
        // The layers are drawn in this order.
        let mut features = Sequential::new().append(conv_norm_activation(3, channels, 3, 2, 1)?);
        for [expand, to, blocks, stride] in self.inverted_residual_setting {
            let to = width(to as f64);
            // No less than what the stage takes.
            weight(&[blocks.saturating_sub(1), to, to])?;
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                features.push(InvertedResidual::new(channels, to, stride, expand)?);
                channels = to;
            }
        }
        features.push(conv_norm_activation(channels, last, 1, 1, 1)?);
        let model = MobileNetV2 {
            node: Node::new(),
            features,
            classifier: Sequential::new()
                .append(Dropout::builder().p(self.dropout).build()?)
                .append(head(last, self.num_classes)?),
        };
        initialise(&model)?;
        Ok(model)
    }
}

/// Table 2 of the paper.
const SETTING: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];

/// The nearest multiple, at least one of them, and not more than a tenth below the value.
fn make_divisible(value: f64, multiple: usize) -> usize {
    let half = multiple as f64 / 2.0;
    let rounded = (value + half) as usize / multiple * multiple;
    let rounded = rounded.max(multiple);
    match (rounded as f64) < 0.9 * value {
        true => rounded.saturating_add(multiple),
        false => rounded,
    }
}

/// Normalisations start at one and zero by themselves.
fn initialise(model: &MobileNetV2) -> Result<()> {
    for module in model.modules() {
        if let Some(conv) = module.downcast_ref::<Conv2d>() {
            init::kaiming_normal_(&conv.weight, 0.0, FanMode::FanOut, Nonlinearity::LeakyRelu)?;
        } else if let Some(linear) = module.downcast_ref::<Linear>() {
            init::normal_(&linear.weight, 0.0, 0.01)?;
            if let Some(bias) = &linear.bias {
                init::zeros_(bias)?;
            }
        }
    }
    Ok(())
}
