//! Squeeze and excitation (Hu et al. 2017) in residual blocks, as in moskomule's senet.pytorch.

use pleach::prelude::*;

use crate::check;
use crate::layers::Sigmoid;

#[derive(Module)]
struct SELayer {
    avg_pool: AdaptiveAvgPool2d,
    fc: Sequential,
}

impl SELayer {
    fn new(channel: usize, reduction: usize) -> Result<Self> {
        let small = channel / reduction;
        Ok(SELayer {
            avg_pool: AdaptiveAvgPool2d::new(1),
            fc: sequential![
                Linear::builder(channel, small).bias(false).build()?,
                ReLU::builder().inplace(true).build()?,
                Linear::builder(small, channel).bias(false).build()?,
                Sigmoid,
            ],
        })
    }
}

impl Forward for SELayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, c) = (x.size(0)?, x.size(1)?);
        let y = self.avg_pool.call(x)?.view([b, c])?;
        let y = self.fc.call(&y)?.view([b, c, 1, 1])?;
        x.mul(&y)
    }
}

fn conv3x3(in_planes: usize, out_planes: usize, stride: usize) -> Result<Conv2d> {
    Conv2d::builder(in_planes, out_planes, 3)
        .stride(stride)
        .padding(1)
        .bias(false)
        .build()
}

#[derive(Module)]
struct SEBasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    relu: ReLU,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    se: SELayer,
    downsample: Option<Sequential>,
}

impl SEBasicBlock {
    fn new(
        inplanes: usize,
        planes: usize,
        stride: usize,
        downsample: Option<Sequential>,
    ) -> Result<Self> {
        Ok(SEBasicBlock {
            conv1: conv3x3(inplanes, planes, stride)?,
            bn1: BatchNorm2d::new(planes),
            relu: ReLU::builder().inplace(true).build()?,
            conv2: conv3x3(planes, planes, 1)?,
            bn2: BatchNorm2d::new(planes),
            se: SELayer::new(planes, 4)?,
            downsample,
        })
    }
}

impl Forward for SEBasicBlock {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let residual = match &self.downsample {
            Some(downsample) => downsample.call(x)?,
            None => x.clone(),
        };
        Chain::of(x)
            .call(&self.conv1)
            .call(&self.bn1)
            .call(&self.relu)
            .call(&self.conv2)
            .call(&self.bn2)
            .call(&self.se)
            .add(&residual)
            .call(&self.relu)
            .run()
    }
}

fn build() -> Result<Sequential> {
    let conv1x1 = Conv2d::builder(3, 8, 1).stride(2).bias(false).build()?;
    let downsample = sequential![conv1x1, BatchNorm2d::new(8)];
    Ok(sequential![
        SEBasicBlock::new(3, 8, 2, Some(downsample))?,
        SEBasicBlock::new(8, 8, 1, None)?,
        AdaptiveAvgPool2d::new(1),
        Flatten::new(),
        Linear::new(8, 4),
    ])
}

#[test]
fn squeeze_and_excitation_is_pytorchs() -> Result<()> {
    check(
        "seresnet",
        build,
        || {
            let x = Tensor::randn([3, 3, 12, 12]);
            Ok((x, Tensor::randint(0, 4, [3])?))
        },
        |net, (x, labels)| {
            let scores = net.call(x)?;
            let loss = CrossEntropyLoss::new().call(&scores, labels)?;
            Ok((vec![scores], loss))
        },
        |net| {
            let block = net.get_module_as_mut::<SEBasicBlock>("1")?;
            let wrong = Linear::builder(3, 8).bias(false).build()?;
            block.se.fc.set(2, wrong)?;
            net.call(&Tensor::zeros([1, 3, 12, 12])).map(drop)
        },
    )
}
