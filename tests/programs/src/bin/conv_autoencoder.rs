//! A convolutional autoencoder: squares and discs of 16 × 16 pixels through a code of 8 numbers.

use pleach::prelude::*;

const SIDE: usize = 16;
const CODE: usize = 8;

#[derive(Module)]
struct Autoencoder {
    encoder: Sequential,
    decoder: Sequential,
}

impl Autoencoder {
    fn new() -> Result<Self> {
        Ok(Autoencoder {
            encoder: sequential![
                Conv2d::builder(1, 8, 3).stride(2).padding(1).build()?, // 8 × 8
                ReLU::new(),
                Conv2d::builder(8, 16, 3).stride(2).padding(1).build()?, // 4 × 4
                ReLU::new(),
                Flatten::new(),
                Linear::new(16 * 4 * 4, CODE),
            ],
            decoder: sequential![
                Linear::new(CODE, 16 * 4 * 4),
                ReLU::new(),
                Unflatten::new(1, [16, 4, 4]),
                ConvTranspose2d::builder(16, 8, 2).stride(2).build()?,
                ReLU::new(),
                ConvTranspose2d::builder(8, 1, 2).stride(2).build()?,
                Sigmoid::new(),
            ],
        })
    }
}

impl Forward for Autoencoder {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.decoder.call(&self.encoder.call(x)?)
    }
}

/// `count` images `[count, 1, 16, 16]`: every other one a square, the others discs.
fn shapes(count: usize) -> Result<Tensor> {
    let row = Tensor::arange(SIDE).view([1, 1, SIDE])?;
    let column = Tensor::arange(SIDE).view([1, SIDE, 1])?;
    // Where the shape's centre is, and how far it reaches.
    let x = Tensor::rand([count, 1, 1]) * 8.0 + 4.0;
    let y = Tensor::rand([count, 1, 1]) * 8.0 + 4.0;
    let radius = Tensor::rand([count, 1, 1]) * 2.0 + 2.0;
    let (dx, dy) = ((&row - &x).abs()?, (&column - &y).abs()?);
    let square = dx.maximum(&dy)?;
    let disc = (&dx * &dx + &dy * &dy).sqrt()?;
    let is_square = Tensor::arange(count)
        .remainder(2)?
        .eq(0)?
        .view([count, 1, 1])?;
    let distance = Tensor::where_cond(&is_square, &square, &disc)?;
    // An edge one pixel wide.
    (radius - distance + 0.5).clamp(0.0, 1.0)?.unsqueeze(1)
}

fn main() -> Result<()> {
    manual_seed(0);
    let train = shapes(256)?;
    let test = shapes(64)?;

    let net = Autoencoder::new()?;
    println!("{net}");
    let criterion = MSELoss::new();
    let mut optimizer = Adam::builder(net.parameters()).lr(5e-3).build()?;

    for epoch in 1..=40 {
        let order = Tensor::randperm(256);
        let mut total = 0.0;
        for positions in order.split(16, 0)? {
            let x = train.index(&positions)?;
            optimizer.zero_grad();
            let loss = criterion.call(&net.call(&x)?, &x)?;
            loss.backward()?;
            optimizer.step()?;
            total += loss.item()?;
        }
        if epoch % 10 == 0 {
            println!("epoch {epoch}: {:.5}", total / 16.0);
        }
    }

    net.eval();
    let code = no_grad(|| net.encoder.call(&test))?;
    let restored = no_grad(|| net.decoder.call(&code))?;
    assert_eq!(code.shape(), [64, CODE]);
    assert_eq!(restored.shape(), test.shape());

    // A code that said nothing would leave the mean image, whatever the input.
    let mean = criterion
        .call(&train.mean_dim(0, true)?.expand(test.shape())?, &test)?
        .item()?;
    let error = criterion.call(&restored, &test)?.item()?;
    println!("error on new images: {error:.5}; of the mean image: {mean:.5}");
    assert!(error < 0.25 * mean, "{error} against {mean}");
    Ok(())
}
