//! GoogLeNet's Inception blocks (Szegedy et al. 2014), as in torchvision.

use pleach::prelude::*;

use crate::check;

#[derive(Module)]
struct BasicConv2d {
    conv: Conv2d,
    bn: BatchNorm2d,
}

impl BasicConv2d {
    fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        Ok(BasicConv2d {
            conv: Conv2d::builder(in_channels, out_channels, kernel_size)
                .stride(stride)
                .padding(padding)
                .bias(false)
                .build()?,
            bn: BatchNorm2d::builder(out_channels).eps(0.001).build()?,
        })
    }
}

impl Forward for BasicConv2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.bn.call(&self.conv.call(x)?)?.relu()
    }
}

#[derive(Module)]
struct Inception {
    branch1: BasicConv2d,
    branch2: Sequential,
    branch3: Sequential,
    branch4: Sequential,
}

impl Inception {
    /// The channels: of the input, of the four branches, and of the reductions before 2 and 3.
    fn new(
        in_channels: usize,
        ch1x1: usize,
        (ch3x3red, ch3x3): (usize, usize),
        (ch5x5red, ch5x5): (usize, usize),
        pool_proj: usize,
    ) -> Result<Self> {
        Ok(Inception {
            branch1: BasicConv2d::new(in_channels, ch1x1, 1, 1, 0)?,
            branch2: sequential![
                BasicConv2d::new(in_channels, ch3x3red, 1, 1, 0)?,
                BasicConv2d::new(ch3x3red, ch3x3, 3, 1, 1)?,
            ],
            branch3: sequential![
                BasicConv2d::new(in_channels, ch5x5red, 1, 1, 0)?,
                BasicConv2d::new(ch5x5red, ch5x5, 3, 1, 1)?,
            ],
            branch4: sequential![
                MaxPool2d::builder(3)
                    .stride(1)
                    .padding(1)
                    .ceil_mode(true)
                    .build()?,
                BasicConv2d::new(in_channels, pool_proj, 1, 1, 0)?,
            ],
        })
    }
}

impl Forward for Inception {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let branch1 = self.branch1.call(x)?;
        let branch2 = self.branch2.call(x)?;
        let branch3 = self.branch3.call(x)?;
        let branch4 = self.branch4.call(x)?;
        Tensor::cat([&branch1, &branch2, &branch3, &branch4], 1)
    }
}

#[derive(Module)]
struct InceptionNet {
    conv1: BasicConv2d,
    inception3a: Inception,
    inception3b: Inception,
    avgpool: AdaptiveAvgPool2d,
    dropout: Dropout,
    fc: Linear,
}

impl InceptionNet {
    fn new() -> Result<Self> {
        Ok(InceptionNet {
            conv1: BasicConv2d::new(3, 12, 3, 2, 1)?,
            inception3a: Inception::new(12, 4, (6, 8), (2, 4), 4)?,
            inception3b: Inception::new(20, 6, (4, 6), (2, 3), 5)?,
            avgpool: AdaptiveAvgPool2d::new((1, 1)),
            dropout: Dropout::new(0.2),
            fc: Linear::new(20, 5),
        })
    }
}

impl Forward for InceptionNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Chain::of(x)
            .call(&self.conv1)
            .call(&self.inception3a)
            .call(&self.inception3b)
            .call(&self.avgpool)
            .call(&Flatten::new())
            .call(&self.dropout)
            .call(&self.fc)
            .run()
    }
}

#[test]
fn inception_blocks_are_pytorchs() -> Result<()> {
    check(
        "inception",
        InceptionNet::new,
        || {
            let x = Tensor::randn([4, 3, 16, 16]);
            Ok((x, Tensor::randint(0, 5, [4])?))
        },
        |net, (x, labels)| {
            let scores = net.call(x)?;
            let loss = CrossEntropyLoss::new().call(&scores, labels)?;
            Ok((vec![scores], loss))
        },
        |net| {
            let branch = &mut net.inception3b.branch3;
            branch.set(1, BasicConv2d::new(3, 3, 3, 1, 1)?)?;
            net.call(&Tensor::zeros([1, 3, 16, 16])).map(drop)
        },
    )
}
