//! The training loop, and what it measures.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pleach::prelude::*;

use crate::digits::Digits;
use crate::net::Net;

const BATCH: usize = 32;

/// What came out of a training.
pub struct Outcome {
    pub name: &'static str,
    pub epochs: usize,
    pub trained: usize,
    pub accuracy: f64,
    pub time: Duration,
}

/// Trains on one part of the digits and measures the accuracy on the other.
pub fn train(
    name: &'static str,
    net: &mut Net,
    mut optimizer: SGD,
    (train, test): (&Digits, &Digits),
    epochs: usize,
) -> Result<Outcome> {
    let start = Instant::now();
    let loss_fn = CrossEntropyLoss::new();
    let batches = train.len().div_ceil(BATCH);
    let bar = ProgressBar::new((epochs * batches) as u64).with_style(
        ProgressStyle::with_template("{prefix:28} {bar:30} {pos:>4}/{len} {msg}")
            .map_err(Error::other)?,
    );
    bar.set_prefix(name);
    for _ in 0..epochs {
        net.train();
        let order = Tensor::randperm(train.len());
        let mut total = 0.0;
        for positions in order.chunk(batches, 0)? {
            let batch = train.pick(&positions)?;
            optimizer.zero_grad();
            let loss = loss_fn.call(&net.call(&batch.images)?, &batch.labels)?;
            loss.backward()?;
            optimizer.step()?;
            total += loss.item()?;
            bar.inc(1);
        }
        bar.set_message(format!("loss {:.4}", total / batches as f64));
    }
    bar.finish();
    let time = start.elapsed();
    Ok(Outcome {
        name,
        epochs,
        trained: trainable(net),
        accuracy: accuracy(net, test)?,
        time,
    })
}

/// The number of elements that are trained.
fn trainable(net: &Net) -> usize {
    net.parameters()
        .iter()
        .filter(|p| p.requires_grad())
        .map(|p| p.numel())
        .sum()
}

/// The part of the samples that are classified rightly.
fn accuracy(net: &mut Net, test: &Digits) -> Result<f64> {
    net.eval();
    let answers = no_grad(|| net.call(&test.images))?.argmax_dim(1, false)?;
    let right = answers.eq(&test.labels)?.sum()?.item()?;
    Ok(right / test.len() as f64)
}
