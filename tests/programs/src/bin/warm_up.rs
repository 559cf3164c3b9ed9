//! Three things that one adds to a training loop: gradients accumulated over several small batches,
//! their norm clipped, and a learning rate that rises and falls again.

use std::f64::consts::PI;

use pleach::nn::utils::clip_grad_norm_;
use pleach::prelude::*;

const STEPS: usize = 200;
const WARM_UP: usize = 20;
const PEAK: f64 = 0.5;
const MAX_NORM: f64 = 0.25;

/// Rises in a line to the peak, then falls along a cosine to zero.
fn learning_rate(step: usize) -> f64 {
    if step < WARM_UP {
        return PEAK * (step + 1) as f64 / WARM_UP as f64;
    }
    let part = (step - WARM_UP) as f64 / (STEPS - WARM_UP) as f64;
    PEAK * 0.5 * (1.0 + (PI * part).cos())
}

/// Two spirals, one a class: `[count, 2]` and `[count]`.
fn spirals(count: usize) -> Result<(Tensor, Tensor)> {
    let label = Tensor::randint(0, 2, [count])?;
    let t = Tensor::rand([count]).sqrt()? * 3.0 * PI;
    let angle = &t + &label * PI;
    let (x, y) = (&t * angle.cos()?, &t * angle.sin()?);
    let points = Tensor::stack(&[&x, &y], 1)? / 6.0;
    Ok((points + Tensor::randn([count, 2]) * 0.03, label))
}

fn main() -> Result<()> {
    manual_seed(0);
    let (x, labels) = spirals(1024)?;
    let net = sequential![
        Linear::new(2, 64),
        ReLU::new(),
        Linear::new(64, 64),
        ReLU::new(),
        Linear::new(64, 2),
    ];
    let criterion = CrossEntropyLoss::new();

    // Four batches of 64 accumulate what one of 256 has at once, if each counts for a quarter.
    let order = Tensor::randperm(1024);
    let first = order.index(..256)?;
    criterion
        .call(&net.call(&x.index(&first)?)?, &labels.index(&first)?)?
        .backward()?;
    let at_once: Vec<_> = net.parameters().iter().map(|p| p.grad().unwrap()).collect();
    net.zero_grad();
    for part in first.split(64, 0)? {
        let loss = criterion.call(&net.call(&x.index(&part)?)?, &labels.index(&part)?)?;
        (loss / 4.0).backward()?;
    }
    for (p, expected) in net.parameters().iter().zip(&at_once) {
        assert!((p.grad().unwrap() - expected).abs()?.max()?.item()? < 1e-6);
    }

    let mut optimizer = SGD::builder(net.parameters())
        .lr(PEAK)
        .momentum(0.9)
        .build()?;
    let (mut clipped, mut rates) = (0, Vec::new());
    for step in 0..STEPS {
        optimizer.set_lr(0, learning_rate(step))?;
        rates.push(optimizer.lr(0)?);

        optimizer.zero_grad();
        let mut mean = 0.0;
        for part in Tensor::randperm(1024).index(..512)?.split(128, 0)? {
            let loss = criterion.call(&net.call(&x.index(&part)?)?, &labels.index(&part)?)? / 4.0;
            loss.backward()?;
            mean += loss.item()?;
        }
        let norm = clip_grad_norm_(&net.parameters(), MAX_NORM)?.item()?;
        clipped += (norm > MAX_NORM) as usize;
        optimizer.step()?;
        if (step + 1) % 40 == 0 {
            println!(
                "step {:3}: rate {:.4}, norm {norm:.3}, loss {mean:.4}",
                step + 1,
                rates[step]
            );
        }
    }

    let (x, labels) = spirals(500)?;
    let guesses = no_grad(|| net.call(&x))?.argmax_dim(1, false)?;
    let accuracy = guesses.eq(&labels)?.float()?.mean()?.item()?;
    println!("accuracy on new points: {accuracy:.3}; {clipped} of {STEPS} steps were clipped");
    assert_eq!(rates[WARM_UP - 1], PEAK);
    assert!(rates[0] < 0.1 * PEAK && rates[STEPS - 1] < 0.01 * PEAK);
    assert!(clipped > 0 && clipped < STEPS);
    assert!(accuracy > 0.95, "accuracy {accuracy}");
    Ok(())
}
