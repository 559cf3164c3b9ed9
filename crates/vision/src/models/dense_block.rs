//! [`DenseLayer`] and [`DenseBlock`].

use std::fmt;

use pleach_core::{Result, Tensor};
use pleach_nn::layers::{BatchNorm2d, Conv2d, ReLU};
use pleach_nn::{
    Chain, Duplication, Field, Forward, Member, MemberMut, Module, ModuleExt, Node, Visitor,
    VisitorMut, functional,
};

use super::widths::{plus_product, product, weight};

/// Makes a few new channels from all that came before it in its block: a 1×1 and a 3×3
/// convolution, each after a normalisation and an activation.
///
/// Shapes: input `[N, C, H, W]`, output `[N, growth rate, H, W]`.
#[derive(Module)]
#[module(name = "_DenseLayer", debug)]
pub struct DenseLayer {
    node: Node,
    /// Normalises the input.
    pub norm1: BatchNorm2d,
    /// Follows `norm1`.
    pub relu1: ReLU,
    /// 1×1.
    pub conv1: Conv2d,
    /// Normalises `conv1`.
    pub norm2: BatchNorm2d,
    /// Follows `norm2`.
    pub relu2: ReLU,
    /// 3×3.
    pub conv2: Conv2d,
    drop_rate: f64,
}

impl DenseLayer {
    fn new(from: usize, growth_rate: usize, bn_size: usize, drop_rate: f64) -> Result<Self> {
        let hidden = product(bn_size, growth_rate)?;
        weight(&[from, hidden])?;
        weight(&[hidden, growth_rate, 3, 3])?;
        let conv2 = Conv2d::builder(hidden, growth_rate, 3).padding(1);
        Ok(DenseLayer {
            node: Node::new(),
            norm1: BatchNorm2d::builder(from).build()?,
            relu1: ReLU::builder().inplace(true).build()?,
            conv1: Conv2d::builder(from, hidden, 1).bias(false).build()?,
            norm2: BatchNorm2d::builder(hidden).build()?,
            relu2: ReLU::builder().inplace(true).build()?,
            conv2: conv2.bias(false).build()?,
            drop_rate,
        })
    }
}

impl Forward for DenseLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = Chain::of(x)
            .call(&self.norm1)
            .call(&self.relu1)
            .call(&self.conv1)
            .call(&self.norm2)
            .call(&self.relu2)
            .call(&self.conv2)
            .run()?;
        match self.drop_rate > 0.0 {
            true => functional::dropout(&x, self.drop_rate, self.is_training()),
            false => Ok(x),
        }
    }
}

/// Layers of which each sees the block's input and the outputs of all layers before it; the
/// output is all of that side by side.
///
/// Shapes: input `[N, C, H, W]`, output `[N, C + layers · growth rate, H, W]`. The layers are
/// children by the names `denselayer1`, `denselayer2`, ….
pub struct DenseBlock {
    node: Node,
    /// The layers in order.
    pub layers: Vec<DenseLayer>,
}

impl DenseBlock {
    pub(super) fn new(
        layers: usize,
        from: usize,
        growth_rate: usize,
        bn_size: usize,
        drop_rate: f64,
    ) -> Result<Self> {
        let layer = |i| {
            let from = plus_product(from, i, growth_rate)?;
            DenseLayer::new(from, growth_rate, bn_size, drop_rate)
        };
        Ok(DenseBlock {
            node: Node::new(),
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// Another handle to the same block.
    pub fn share(&self) -> DenseBlock {
        self.duplicate(&mut Duplication::alias())
    }

    /// A copy with parameters of its own.
    pub fn deep_copy(&self) -> DenseBlock {
        self.duplicate(&mut Duplication::copy())
    }
}

impl Forward for DenseBlock {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut all = x.clone();
        for layer in &self.layers {
            all = Tensor::cat([&all, &layer.call(&all)?], 1)?;
        }
        Ok(all)
    }
}

fn layer_name(position: usize) -> String {
    format!("denselayer{}", position + 1)
}

// By hand, because the layers are children of the block itself, under names of their own.
impl Module for DenseBlock {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        for (i, layer) in self.layers.iter().enumerate() {
            layer.visit_field(&layer_name(i), v);
        }
    }
    fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.visit_field_mut(&layer_name(i), v);
        }
    }
    fn type_name(&self) -> &'static str {
        "_DenseBlock"
    }
    fn version(&self) -> u64 {
        2
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

impl Field for DenseBlock {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child(self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child(self.into()));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        DenseBlock {
            node: self.node.duplicate(how),
            layers: self.layers.duplicate(how),
        }
    }
}

impl fmt::Display for DenseBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self as &dyn Module, f)
    }
}
