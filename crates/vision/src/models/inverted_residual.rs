//! [`InvertedResidual`].

use pleach_core::{Error, Result, Tensor};
use pleach_nn::layers::{BatchNorm2d, Conv2d, ReLU6};
use pleach_nn::{Chain, Forward, Module, Node, Sequential};

use super::widths::{product, weight};

/// Widens, convolves every channel by itself, and narrows again; the input is added where the
/// shapes agree. The block of [`MobileNetV2`](super::MobileNetV2).
#[derive(Module)]
#[module(debug)]
pub struct InvertedResidual {
    node: Node,
    /// The convolutions, each with its normalisation; the last has no activation.
    pub conv: Sequential,
    /// Whether the input is added.
    pub use_res_connect: bool,
}

impl InvertedResidual {
    pub(super) fn new(from: usize, to: usize, stride: usize, expand: usize) -> Result<Self> {
        if ![1, 2].contains(&stride) {
            let text = format!("stride should be 1 or 2 instead of {stride}");
            return Err(Error::value(text));
        }
        let hidden = product(from, expand)?;
        let mut conv = Sequential::new();
        if expand != 1 {
            conv.push(conv_norm_activation(from, hidden, 1, 1, 1)?);
        }
        conv.push(conv_norm_activation(hidden, hidden, 3, stride, hidden)?);
        weight(&[hidden, to])?;
        conv.push(Conv2d::builder(hidden, to, 1).bias(false).build()?);
        conv.push(BatchNorm2d::builder(to).build()?);
        Ok(InvertedResidual {
            node: Node::new(),
            conv,
            use_res_connect: stride == 1 && from == to,
        })
    }
}

impl Forward for InvertedResidual {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self.use_res_connect {
            true => Chain::of(x).call(&self.conv).add(x).run(),
            false => self.conv.call(x),
        }
    }
}

/// torchvision's `Conv2dNormActivation` with `ReLU6`: a convolution that keeps the size but for
/// its stride, a normalisation and the activation.
pub(super) fn conv_norm_activation(
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Result<Sequential> {
    weight(&[to, from / groups.max(1), kernel, kernel])?;
    let conv = Conv2d::builder(from, to, kernel)
        .stride(stride)
        .padding((kernel - 1) / 2)
        .groups(groups)
        .bias(false)
        .build()?;
    Ok(Sequential::named("Conv2dNormActivation")
        .append(conv)
        .append(BatchNorm2d::builder(to).build()?)
        .append(ReLU6::builder().inplace(true).build()?))
}
