//! The network: a small convolutional body and a linear head.

use pleach::prelude::*;

#[derive(Module)]
pub struct Net {
    pub body: Sequential,
    pub head: Linear,
}

impl Net {
    pub fn new(classes: usize) -> Result<Net> {
        let conv = |from, to| Conv2d::builder(from, to, 3).padding(1).bias(false).build();
        Ok(Net {
            body: Sequential::new()
                .append(conv(1, 16)?)
                .append(BatchNorm2d::new(16))
                .append(ReLU::new())
                .append(conv(16, 32)?)
                .append(BatchNorm2d::new(32))
                .append(ReLU::new())
                .append(MaxPool2d::new(2))
                .append(Flatten::new())
                .append(Dropout::new(0.2)),
            head: Linear::new(32 * 4 * 4, classes),
        })
    }

    /// Gives every layer its start, by its type.
    pub fn initialise(&mut self) -> Result<()> {
        self.try_apply(&mut |m| {
            if let Some(conv) = m.downcast_ref::<Conv2d>() {
                init::kaiming_normal_(&conv.weight, 0.0, "fan_out", "relu")?;
            } else if let Some(bn) = m.downcast_mut::<BatchNorm2d>() {
                bn.set_momentum(Some(0.05));
                if let Some(weight) = &bn.weight {
                    weight.data().fill_(1.0)?;
                }
            } else if let Some(linear) = m.downcast_ref::<Linear>() {
                init::xavier_uniform_(&linear.weight, 1.0)?;
                if let Some(bias) = &linear.bias {
                    init::zeros_(bias)?;
                }
            }
            Ok(())
        })
    }
}

impl Forward for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.head.call(&self.body.call(x)?)
    }
}
