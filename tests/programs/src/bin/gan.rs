//! A generative adversarial network on points of the plane: two networks, two optimizers, and a
//! ring of eight clusters to imitate.

use std::f64::consts::TAU;

use pleach::prelude::*;

const BATCH: usize = 128;
const NOISE: usize = 4;

/// Eight points on a circle of radius 2: `[8, 2]`.
fn centres() -> Result<Tensor> {
    let angle = Tensor::arange(8).float()? * (TAU / 8.0);
    Ok(Tensor::stack(&[&angle.cos()?, &angle.sin()?], 1)? * 2.0)
}

/// `count` points around the eight centres.
fn real(count: usize) -> Result<Tensor> {
    let centres = centres()?.index(&Tensor::randint(0, 8, [count])?)?;
    Ok(centres + Tensor::randn([count, 2]) * 0.1)
}

fn mlp(inputs: usize, outputs: usize) -> Result<Sequential> {
    Ok(sequential![
        Linear::new(inputs, 64),
        LeakyReLU::builder().negative_slope(0.2).build()?,
        Linear::new(64, 64),
        LeakyReLU::builder().negative_slope(0.2).build()?,
        Linear::new(64, outputs),
    ])
}

fn main() -> Result<()> {
    manual_seed(0);
    let generator = mlp(NOISE, 2)?;
    let discriminator = mlp(2, 1)?;
    let mut of_generator = Adam::builder(generator.parameters())
        .lr(1e-3)
        .betas((0.5, 0.999))
        .build()?;
    let mut of_discriminator = Adam::builder(discriminator.parameters())
        .lr(1e-3)
        .betas((0.5, 0.999))
        .build()?;

    let criterion = BCEWithLogitsLoss::new();
    let (ones, zeros) = (Tensor::ones([BATCH, 1]), Tensor::zeros([BATCH, 1]));

    for step in 1..=1500 {
        let fake = generator.call(&Tensor::randn([BATCH, NOISE]))?;

        // The discriminator: `detach`, since the generator does not learn from this.
        of_discriminator.zero_grad();
        let of_real = criterion.call(&discriminator.call(&real(BATCH)?)?, &ones)?;
        let of_fake = criterion.call(&discriminator.call(&fake.detach())?, &zeros)?;
        let d_loss = of_real + of_fake;
        d_loss.backward()?;
        of_discriminator.step()?;

        // The generator: its points should pass for real ones.
        of_generator.zero_grad();
        let g_loss = criterion.call(&discriminator.call(&fake)?, &ones)?;
        g_loss.backward()?;
        of_generator.step()?;

        if step % 300 == 0 {
            println!(
                "step {step}: discriminator {:.3}, generator {:.3}",
                d_loss.item()?,
                g_loss.item()?
            );
        }
    }

    // How far the points are from the nearest centre, and how many have each centre as theirs.
    let fake = no_grad(|| generator.call(&Tensor::randn([2000, NOISE])))?;
    let distance = (fake.unsqueeze(1)? - centres()?).norm_dim(2.0, 2, false)?;
    let off = distance.min_dim(1, false)?.0.mean()?.item()?;
    let nearest = distance.argmin_dim(1, false)?;
    let counts = functional::one_hot(&nearest, 8)?
        .sum_dim(0, false)?
        .to_vec::<i64>()?;
    println!("distance from the nearest centre: {off:.3}; points by centre: {counts:?}");
    let alive = counts.iter().filter(|&&n| n > 50).count();
    assert!(off < 0.5, "{off} from the centres");
    assert!(alive >= 6, "{alive} of 8 centres");
    Ok(())
}
