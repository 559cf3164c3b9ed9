//! S3, S3b, S4 and S10: training steps of small networks.

use pleach::prelude::*;
use serde_json::json;

use crate::scenario::{Scale, Scenario, run};
use crate::training::classifier_step;

const CLASSES: usize = 10;

/// S3: a multilayer perceptron, 784-512-512-10.
pub fn mlp(scale: Scale) -> Vec<Scenario> {
    let (batch, hidden) = (scale.of(128, 3), scale.of(512, 6));
    let weights = [784 * hidden, hidden * hidden, hidden * CLASSES];
    // Products forward, for the weights' gradients, and for the inputs' but the first.
    let flops = 2 * batch * (3 * weights.iter().sum::<usize>() - weights[0]);
    let scenario = Scenario::timed(
        "mlp train b128",
        "mlp_train",
        json!({"batch": batch, "hidden": hidden}),
        move || {
            let net = sequential![
                Linear::new(784, hidden),
                ReLU::new(),
                Linear::new(hidden, hidden),
                ReLU::new(),
                Linear::new(hidden, CLASSES),
            ];
            classifier_step(net, Tensor::randn([batch, 784]), CLASSES)
        },
    );
    vec![scenario.flops(flops as f64)]
}

/// S3b: a network so small that only what an operation costs by itself counts.
pub fn tiny(_: Scale) -> Vec<Scenario> {
    vec![Scenario::timed(
        "tiny train b2",
        "tiny_train",
        json!({}),
        || {
            let net = sequential![Linear::new(4, 3), ReLU::new(), Linear::new(3, 1)];
            let (x, y) = (Tensor::randn([2, 4]), Tensor::randn([2, 1]));
            let mut optimizer = SGD::builder(net.parameters()).lr(1e-3).build()?;
            let loss = MSELoss::new();
            run(move || {
                optimizer.zero_grad();
                loss.call(&net.call(&x)?, &y)?.backward()?;
                optimizer.step()
            })
        },
    )]
}

/// Two convolutions and two linear layers on images of 28×28.
pub fn small_cnn(width: usize) -> Result<Sequential> {
    let conv = |from, to| Conv2d::builder(from, to, 3).padding(1).build();
    Ok(sequential![
        conv(1, width)?,
        ReLU::new(),
        MaxPool2d::new(2),
        conv(width, 2 * width)?,
        ReLU::new(),
        MaxPool2d::new(2),
        Flatten::new(),
        Linear::new(2 * width * 7 * 7, 128),
        ReLU::new(),
        Linear::new(128, CLASSES),
    ])
}

/// A training step of it.
fn small_cnn_train(scale: Scale, batch: usize) -> Scenario {
    let full = batch;
    let (batch, width) = (scale.of(batch, 2), scale.of(32, 2));
    let convolutions = [28 * 28 * 9 * width, 14 * 14 * 9 * width * (2 * width)];
    let linear = 2 * width * 7 * 7 * 128 + 128 * CLASSES;
    let forward = convolutions[0] + convolutions[1] + linear;
    Scenario::timed(
        format!("small cnn train b{full}"),
        "small_cnn_train",
        json!({"batch": batch, "width": width}),
        move || {
            classifier_step(
                small_cnn(width)?,
                Tensor::randn([batch, 1, 28, 28]),
                CLASSES,
            )
        },
    )
    .flops((2 * batch * (3 * forward - convolutions[0])) as f64)
}

/// S4: a small convolutional network.
pub fn cnn(scale: Scale) -> Vec<Scenario> {
    vec![small_cnn_train(scale, 64)]
}

/// S10: the step of S4 for growing batches.
pub fn batches(scale: Scale) -> Vec<Scenario> {
    [1, 2, 4, 8, 16, 32, 64]
        .map(|batch| small_cnn_train(scale, batch))
        .into()
}
