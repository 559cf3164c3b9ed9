//! One epoch, and one test.

use std::f64::consts::PI;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pleach::optim::Optimizer;
use pleach::prelude::*;

use crate::arguments::Arguments;
use crate::data::Images;
use crate::run::Run;

/// Means over the images of a pass.
pub struct Outcome {
    pub loss: f64,
    pub accuracy: f64,
    pub time: Duration,
}

/// Sums over the images that were seen.
#[derive(Default)]
struct Sums {
    loss: f64,
    right: f64,
    images: f64,
}

impl Sums {
    fn add(&mut self, loss: &Tensor, logits: &Tensor, labels: &Tensor) -> Result<()> {
        let images = labels.numel() as f64;
        self.loss += loss.item()? * images;
        self.right += logits.argmax_dim(1, false)?.eq(labels)?.sum()?.item()?;
        self.images += images;
        Ok(())
    }

    fn outcome(&self, start: Instant) -> Outcome {
        Outcome {
            loss: self.loss / self.images,
            accuracy: self.right / self.images,
            time: start.elapsed(),
        }
    }

    fn message(&self) -> String {
        let (loss, accuracy) = (self.loss / self.images, self.right / self.images);
        format!("loss {loss:.4} accuracy {accuracy:.4}")
    }
}

/// Trains on every image once.
pub fn epoch(run: &mut Run, images: &DataLoader<Images>, arguments: &Arguments) -> Result<Outcome> {
    let start = Instant::now();
    let loss_fn = CrossEntropyLoss::new();
    run.model.train();
    let rates = [arguments.head_lr, arguments.lr];
    let groups = run.optimizer.parameters().len();
    let (first, all) = (
        run.epochs_done * images.len(),
        arguments.epochs * images.len(),
    );
    let name = format!("epoch {}/{}", run.epochs_done + 1, arguments.epochs);
    let bar = bar(&name, images.len())?;
    let mut sums = Sums::default();
    for (i, batch) in images.iter().enumerate() {
        let (images, labels) = batch?;
        for (group, rate) in rates.iter().enumerate().take(groups) {
            run.optimizer
                .set_lr(group, rate * schedule(first + i, all))?;
        }
        let logits = run.model.call(&images)?;
        let loss = loss_fn.call(&logits, &labels)?;
        run.optimizer.zero_grad();
        loss.backward()?;
        run.optimizer.step()?;
        sums.add(&loss, &logits, &labels)?;
        bar.set_message(sums.message());
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(sums.outcome(start))
}

/// The part of the learning rate at a step: up in a line over the first tenth, then down along a
/// cosine to zero.
fn schedule(step: usize, steps: usize) -> f64 {
    let part = (step as f64 + 0.5) / steps as f64;
    const RISE: f64 = 0.1;
    match part < RISE {
        true => part / RISE,
        false => (1.0 + ((part - RISE) / (1.0 - RISE) * PI).cos()) / 2.0,
    }
}

/// Measures on images that were not trained on.
pub fn test(run: &Run, images: &DataLoader<Images>) -> Result<Outcome> {
    let start = Instant::now();
    let loss_fn = CrossEntropyLoss::new();
    run.model.eval();
    let bar = bar("test", images.len())?;
    let mut sums = Sums::default();
    for batch in images {
        let (images, labels) = batch?;
        no_grad(|| {
            let logits = run.model.call(&images)?;
            sums.add(&loss_fn.call(&logits, &labels)?, &logits, &labels)
        })?;
        bar.set_message(sums.message());
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(sums.outcome(start))
}

/// A bar on a terminal; elsewhere nothing.
fn bar(name: &str, batches: usize) -> Result<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{prefix:12} {bar:30} {pos:>4}/{len} {msg} {eta}");
    let bar = ProgressBar::new(batches as u64).with_style(style.map_err(Error::other)?);
    bar.set_prefix(name.to_string());
    Ok(bar)
}
