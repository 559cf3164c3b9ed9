//! U-Net (Ronneberger et al. 2015), as in milesial's Pytorch-UNet.

use pleach::prelude::*;

use crate::check;

#[derive(Module)]
struct DoubleConv {
    double_conv: Sequential,
}

impl DoubleConv {
    fn new(in_channels: usize, out_channels: usize) -> Result<Self> {
        let conv3x3 = |from| {
            Conv2d::builder(from, out_channels, 3)
                .padding(1)
                .bias(false)
                .build()
        };
        let double_conv = sequential![
            conv3x3(in_channels)?,
            BatchNorm2d::new(out_channels),
            ReLU::builder().inplace(true).build()?,
            conv3x3(out_channels)?,
            BatchNorm2d::new(out_channels),
            ReLU::builder().inplace(true).build()?,
        ];
        Ok(DoubleConv { double_conv })
    }
}

impl Forward for DoubleConv {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.double_conv.call(x)
    }
}

#[derive(Module)]
struct Down {
    maxpool_conv: Sequential,
}

impl Down {
    fn new(in_channels: usize, out_channels: usize) -> Result<Self> {
        let conv = DoubleConv::new(in_channels, out_channels)?;
        Ok(Down {
            maxpool_conv: sequential![MaxPool2d::new(2), conv],
        })
    }
}

impl Forward for Down {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.maxpool_conv.call(x)
    }
}

#[derive(Module)]
struct Up {
    up: ConvTranspose2d,
    conv: DoubleConv,
}

impl Up {
    fn new(in_channels: usize, out_channels: usize) -> Result<Self> {
        Ok(Up {
            up: ConvTranspose2d::builder(in_channels, in_channels / 2, 2)
                .stride(2)
                .build()?,
            conv: DoubleConv::new(in_channels, out_channels)?,
        })
    }
}

impl ForwardMany for Up {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (x1, x2): (&Tensor, &Tensor)) -> Result<Tensor> {
        let x1 = self.up.call(x1)?;
        let missing = |dim| Ok::<_, Error>(x2.size(dim)? as i64 - x1.size(dim)? as i64);
        let (dy, dx) = (missing(2)?, missing(3)?);
        let pads = [dx / 2, dx - dx / 2, dy / 2, dy - dy / 2];
        let x1 = functional::pad(&x1, &pads, "constant", 0.0)?;
        self.conv.call(&Tensor::cat([x2, &x1], 1)?)
    }
}

#[derive(Module)]
struct OutConv {
    conv: Conv2d,
}

impl Forward for OutConv {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.conv.call(x)
    }
}

#[derive(Module)]
struct UNet {
    inc: DoubleConv,
    down1: Down,
    down2: Down,
    up1: Up,
    up2: Up,
    outc: OutConv,
}

impl UNet {
    fn new(n_channels: usize, n_classes: usize, width: usize) -> Result<Self> {
        Ok(UNet {
            inc: DoubleConv::new(n_channels, width)?,
            down1: Down::new(width, 2 * width)?,
            down2: Down::new(2 * width, 4 * width)?,
            up1: Up::new(4 * width, 2 * width)?,
            up2: Up::new(2 * width, width)?,
            outc: OutConv {
                conv: Conv2d::new(width, n_classes, 1),
            },
        })
    }
}

impl Forward for UNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x1 = self.inc.call(x)?;
        let x2 = self.down1.call(&x1)?;
        let x3 = self.down2.call(&x2)?;
        let x = self.up1.call((&x3, &x2))?;
        self.outc.call(&self.up2.call((&x, &x1))?)
    }
}

#[test]
fn a_u_net_is_pytorchs() -> Result<()> {
    check(
        "unet",
        || UNet::new(3, 3, 4),
        || {
            Ok((
                Tensor::randn([2, 3, 9, 7]),
                Tensor::randint(0, 3, [2, 9, 7])?,
            ))
        },
        |net, (x, labels)| {
            let scores = net.call(x)?;
            let loss = functional::cross_entropy(&scores, labels, Default::default())?;
            Ok((vec![scores], loss))
        },
        |net| net.call(&Tensor::zeros([1, 4, 9, 7])).map(drop),
    )
}
