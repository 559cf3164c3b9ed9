//! A denoising autoencoder on the digits: pictures of 8 × 8 pixels with noise on them, through a
//! code of twelve numbers, and back without the noise.
//!
//! ```text
//! cargo run --release --example autoencoder
//! ```
//!
//! No argument, no download; the same numbers at every run, on any number of threads.

#[path = "../digits/mod.rs"]
mod digits;

use digits::{digits, show};
use pleach::prelude::*;

const CODE: usize = 12;
const BATCH: usize = 64;
const EPOCHS: usize = 60;

#[derive(Module)]
struct Autoencoder {
    encoder: Sequential,
    decoder: Sequential,
}

impl Autoencoder {
    fn new() -> Result<Self> {
        Ok(Autoencoder {
            encoder: sequential![
                Conv2d::builder(1, 16, 3).stride(2).padding(1).build()?, // 4 × 4
                GELU::new(),
                Flatten::new(),
                Linear::new(16 * 4 * 4, CODE),
            ],
            decoder: sequential![
                Linear::new(CODE, 16 * 4 * 4),
                GELU::new(),
                Unflatten::new(1, [16, 4, 4]),
                ConvTranspose2d::builder(16, 16, 4)
                    .stride(2)
                    .padding(1)
                    .build()?, // 8 × 8
                GELU::new(),
                Conv2d::builder(16, 1, 3).padding(1).build()?,
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

/// The pictures with normal noise on them, values still in 0 ..= 1.
fn noisy(images: &Tensor) -> Result<Tensor> {
    let noise = Tensor::randn(images.shape()) * 0.3;
    (images + noise).clamp(0.0, 1.0)
}

fn main() -> Result<()> {
    manual_seed(0);
    let (train, test) = digits()?.split()?;
    let net = Autoencoder::new()?;
    println!("{net}\n");

    let criterion = BCELoss::new();
    let mut optimizer = Adam::builder(net.parameters()).lr(3e-3).build()?;
    for epoch in 1..=EPOCHS {
        let mut total = 0.0;
        let batches = Tensor::randperm(train.len()).split(BATCH, 0)?;
        for positions in &batches {
            let clean = train.images.index(positions)?;
            optimizer.zero_grad();
            let loss = criterion.call(&net.call(&noisy(&clean)?)?, &clean)?;
            loss.backward()?;
            optimizer.step()?;
            total += loss.item()?;
        }
        if epoch % 10 == 0 {
            println!("epoch {epoch}: {:.4}", total / batches.len() as f64);
        }
    }

    net.eval();
    let given = noisy(&test.images)?;
    let restored = no_grad(|| net.call(&given))?;
    println!("\npictures never seen, their noisy twins, and what came back:\n");
    for images in [&test.images, &given, &restored] {
        println!("{}", show(images, 8)?);
    }
    let error = |images: &Tensor| -> Result<f64> {
        functional::mse_loss(images, &test.images, functional::Reduction::Mean)?.item()
    };
    let (before, after) = (error(&given)?, error(&restored)?);
    println!("squared error with the noise {before:.4}, without {after:.4}");
    if after > 0.5 * before {
        return Err(Error::other("the noise should be halved at least"));
    }
    Ok(())
}
