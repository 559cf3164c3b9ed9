//! A Wasserstein GAN with a gradient penalty on points of the plane (Gulrajani et al. 2017): the
//! penalty is a function of a gradient, so training differentiates twice.

use pleach::autograd::{Options, grad_allow_unused};
use pleach::nn::layers::{LeakyReLU, Linear};
use pleach::optim::SGD;
use pleach::prelude::*;
use pleach::{Tensor, manual_seed, no_grad};

fn net(inputs: usize, outputs: usize) -> Sequential {
    sequential![
        Linear::new(inputs, 32),
        LeakyReLU::new(),
        Linear::new(32, 32),
        LeakyReLU::new(),
        Linear::new(32, outputs),
    ]
}

/// The length of the critic's gradient at each point, as a value that can be differentiated.
fn slopes(critic: &Sequential, points: &Tensor) -> Result<Tensor> {
    let points = points.detach().requires_grad_(true)?;
    let scores = critic.call(&points)?.sum()?;
    let grads = grad_allow_unused(&[&scores], &[&points], &[], Options::CREATE_GRAPH)?;
    let grad = grads[0].as_ref().expect("the scores depend on the points");
    grad.norm_dim(2.0, 1, false)
}

#[test]
fn a_gradient_penalty_trains_a_critic_of_slope_one_and_a_generator_that_follows_it() -> Result<()> {
    manual_seed(0);
    let (critic, generator) = (net(2, 1), net(2, 2));
    let mut of_critic = SGD::builder(critic.parameters())
        .lr(0.02)
        .momentum(0.5)
        .build()?;
    let mut of_generator = SGD::builder(generator.parameters()).lr(0.02).build()?;
    let center = tensor![2.0, -1.0];
    let batch = 64;
    let real = || Tensor::randn([batch, 2]).mul(0.3)?.add(&center);
    let fake = || generator.call(&Tensor::randn([batch, 2]));
    let distance =
        || -> Result<f64> { no_grad(|| fake()?.mean_dim(0, false)?.sub(&center)?.norm()?.item()) };
    let start = distance()?;
    for _ in 0..800 {
        for _ in 0..3 {
            let (real, fake) = (real()?, fake()?.detach());
            let part = Tensor::rand([batch, 1]);
            let between = real.mul(&part)?.add(&fake.mul(&part.rsub(1.0)?)?)?;
            let penalty = slopes(&critic, &between)?.sub(1.0)?.square()?.mean()?;
            let loss = critic
                .call(&fake)?
                .mean()?
                .sub(&critic.call(&real)?.mean()?)?;
            of_critic.zero_grad();
            loss.add(&penalty.mul(10.0)?)?.backward()?;
            of_critic.step()?;
        }
        of_generator.zero_grad();
        critic.call(&fake()?)?.mean()?.neg()?.backward()?;
        of_generator.step()?;
    }
    let (end, slope) = (distance()?, slopes(&critic, &real()?)?.mean()?.item()?);
    assert!(
        end < 0.4 * start,
        "the samples' mean was {start} off, and is {end} off"
    );
    assert!((slope - 1.0).abs() < 0.3, "the critic's slope is {slope}");
    Ok(())
}
