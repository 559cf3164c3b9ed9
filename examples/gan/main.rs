//! A generative adversarial network that learns to draw digits (DCGAN, Radford et al. 2016).
//!
//! ```text
//! cargo run --release --example gan
//! ```
//!
//! No argument, no download; the same numbers at every run, on any number of threads.

#[path = "../digits/mod.rs"]
mod digits;

use digits::{Digits, digits, show};
use pleach::prelude::*;

const NOISE: usize = 16;
const BATCH: usize = 64;
const EPOCHS: usize = 50;

/// Noise `[N, 16, 1, 1]` to pictures `[N, 1, 8, 8]` with values in -1 ..= 1.
fn generator() -> Result<Sequential> {
    let up = |from, to| ConvTranspose2d::builder(from, to, 4).bias(false);
    Ok(sequential![
        up(NOISE, 64).build()?, // 4 × 4
        BatchNorm2d::new(64),
        ReLU::new(),
        up(64, 32).stride(2).padding(1).build()?, // 8 × 8
        BatchNorm2d::new(32),
        ReLU::new(),
        Conv2d::builder(32, 1, 3).padding(1).build()?,
        Tanh::new(),
    ])
}

/// Pictures `[N, 1, 8, 8]` to logits `[N]`: above 0 is real.
fn discriminator() -> Result<Sequential> {
    let down = |from, to| Conv2d::builder(from, to, 4).stride(2).padding(1);
    let leaky = || LeakyReLU::builder().negative_slope(0.2).build();
    Ok(sequential![
        down(1, 32).build()?, // 4 × 4
        leaky()?,
        down(32, 64).bias(false).build()?, // 2 × 2
        BatchNorm2d::new(64),
        leaky()?,
        Conv2d::new(64, 1, 2), // 1 × 1
        Flatten::builder().start_dim(0).build()?,
    ])
}

/// DCGAN's start: small normal weights, and batch norms around one.
fn initialise(net: &mut Sequential) -> Result<()> {
    net.try_apply(&mut |m| {
        if let Some(conv) = m.downcast_ref::<Conv2d>() {
            init::normal_(&conv.weight, 0.0, 0.02)?;
        } else if let Some(conv) = m.downcast_ref::<ConvTranspose2d>() {
            init::normal_(&conv.weight, 0.0, 0.02)?;
        } else if let Some(norm) = m.downcast_ref::<BatchNorm2d>()
            && let (Some(weight), Some(bias)) = (&norm.weight, &norm.bias)
        {
            init::normal_(weight, 1.0, 0.02)?;
            init::zeros_(bias)?;
        }
        Ok(())
    })
}

/// The share of each digit among the pictures, as a linear classifier of real ones sees them.
fn classes(train: &Digits, pictures: &Tensor) -> Result<Vec<i64>> {
    let judge = sequential![Flatten::new(), Linear::new(64, 10)];
    let criterion = CrossEntropyLoss::new();
    let mut optimizer = Adam::builder(judge.parameters()).lr(0.02).build()?;
    for _ in 0..100 {
        optimizer.zero_grad();
        let logits = judge.call(&(&train.images * 2.0 - 1.0))?;
        criterion.call(&logits, &train.labels)?.backward()?;
        optimizer.step()?;
    }
    let digits = no_grad(|| judge.call(pictures))?.argmax_dim(1, false)?;
    functional::one_hot(&digits, 10)?
        .sum_dim(0, false)?
        .to_vec()
}

fn main() -> Result<()> {
    manual_seed(0);
    let real = digits()?;
    let (mut generator, mut discriminator) = (generator()?, discriminator()?);
    initialise(&mut generator)?;
    initialise(&mut discriminator)?;
    println!("{generator}\n{discriminator}\n");

    let criterion = BCEWithLogitsLoss::new();
    let adam = |net: &Sequential| {
        let parameters = net.parameters();
        Adam::builder(parameters)
            .lr(1e-3)
            .betas((0.5, 0.999))
            .build()
    };
    let (mut of_generator, mut of_discriminator) = (adam(&generator)?, adam(&discriminator)?);

    for epoch in 1..=EPOCHS {
        let (mut d_total, mut g_total) = (0.0, 0.0);
        let batches = Tensor::randperm(real.len()).split(BATCH, 0)?;
        for positions in &batches {
            let images = real.images.index(positions)? * 2.0 - 1.0;
            let count = positions.numel();
            let (ones, zeros) = (Tensor::ones([count]), Tensor::zeros([count]));
            let fake = generator.call(&Tensor::randn([count, NOISE, 1, 1]))?;

            // The generator learns nothing from this: `detach`.
            of_discriminator.zero_grad();
            let of_real = criterion.call(&discriminator.call(&images)?, &ones)?;
            let of_fake = criterion.call(&discriminator.call(&fake.detach())?, &zeros)?;
            let d_loss = of_real + of_fake;
            d_loss.backward()?;
            of_discriminator.step()?;

            of_generator.zero_grad();
            let g_loss = criterion.call(&discriminator.call(&fake)?, &ones)?;
            g_loss.backward()?;
            of_generator.step()?;
            d_total += d_loss.item()?;
            g_total += g_loss.item()?;
        }
        if epoch % 10 == 0 {
            let n = batches.len() as f64;
            println!(
                "epoch {epoch}: discriminator {:.3}, generator {:.3}",
                d_total / n,
                g_total / n
            );
        }
    }

    generator.eval();
    let fake = no_grad(|| generator.call(&Tensor::randn([1000, NOISE, 1, 1])))?;
    println!("\n{}", show(&((&fake + 1.0) / 2.0), 8)?);
    let counts = classes(real, &fake)?;
    println!("of a thousand, 0 to 9: {counts:?}");
    if counts.iter().any(|&n| n < 10) {
        return Err(Error::other("some digits are never drawn"));
    }
    Ok(())
}
