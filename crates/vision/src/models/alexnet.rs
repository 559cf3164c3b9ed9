//! [`AlexNet`].

use pleach_core::{Result, Tensor};
use pleach_nn::layers::{AdaptiveAvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, ReLU};
use pleach_nn::{Forward, Module, Node, Sequential};

use super::widths::head;

/// Five convolutions and three linear layers: "One weird trick for parallelizing convolutional
/// neural networks", Krizhevsky, 2014; 61.1 million parameters.
///
/// Shapes: input `[N, 3, H, W]` with sides of at least 63, output `[N, classes]`. Weights start as
/// those of the layers.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, Module};
/// use pleach::vision::models::AlexNetBuilder;
///
/// let model = AlexNetBuilder::new().num_classes(7).build()?;
/// model.eval();
/// assert_eq!(model.call(&Tensor::zeros([1, 3, 64, 64]))?.shape(), [1, 7]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct AlexNet {
    node: Node,
    /// Convolutions, activations and poolings.
    pub features: Sequential,
    /// Averages to 6×6.
    pub avgpool: AdaptiveAvgPool2d,
    /// Three linear layers, dropout before the first two.
    pub classifier: Sequential,
}

impl Forward for AlexNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.avgpool.call(&self.features.call(x)?)?;
        self.classifier.call(&x.flatten(1, -1)?)
    }
}

/// AlexNet for ImageNet's 1000 classes; [`AlexNetBuilder`] has options.
pub fn alexnet() -> AlexNet {
    let model = AlexNetBuilder::new().build();
    model.expect("the defaults are valid")
}

/// Options of an [`AlexNet`].
#[derive(Debug, Clone)]
#[must_use]
pub struct AlexNetBuilder {
    num_classes: usize,
    dropout: f64,
}

impl Default for AlexNetBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl AlexNetBuilder {
    /// torchvision's defaults.
    pub fn new() -> Self {
        AlexNetBuilder {
            num_classes: 1000,
            dropout: 0.5,
        }
    }

    /// Outputs of the head (1000 by default).
    pub fn num_classes(mut self, num_classes: usize) -> Self {
        self.num_classes = num_classes;
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
    pub fn build(self) -> Result<AlexNet> {
        let relu = || ReLU::builder().inplace(true).build();
        let pool = || MaxPool2d::builder(3).stride(2).build();
        let conv = |from, to, kernel, stride, padding| {
            let conv = Conv2d::builder(from, to, kernel);
            conv.stride(stride).padding(padding).build()
        };
        // The layers are drawn in this order.
        let features = Sequential::new()
            .append(conv(3, 64, 11, 4, 2)?)
            .append(relu()?)
            .append(pool()?)
            .append(conv(64, 192, 5, 1, 2)?)
            .append(relu()?)
            .append(pool()?)
            .append(conv(192, 384, 3, 1, 1)?)
            .append(relu()?)
            .append(conv(384, 256, 3, 1, 1)?)
            .append(relu()?)
            .append(conv(256, 256, 3, 1, 1)?)
            .append(relu()?)
            .append(pool()?);
        let classifier = Sequential::new()
            .append(Dropout::builder().p(self.dropout).build()?)
            .append(Linear::new(256 * 6 * 6, 4096))
            .append(relu()?)
            .append(Dropout::builder().p(self.dropout).build()?)
            .append(Linear::new(4096, 4096))
            .append(relu()?)
            .append(head(4096, self.num_classes)?);
        Ok(AlexNet {
            node: Node::new(),
            features,
            avgpool: AdaptiveAvgPool2d::new((6, 6)),
            classifier,
        })
    }
}
