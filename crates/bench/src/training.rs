//! Training steps, as the scenarios run them.

use pleach::prelude::*;

use crate::scenario::{Run, run};

/// A step of training a classifier: forward, cross entropy, backward, SGD with momentum.
///
/// Only the parameters that require a gradient are given to the optimizer.
pub fn classifier_step(model: impl Forward, x: Tensor, classes: usize) -> Result<Run> {
    let labels = Tensor::randint(0, classes as i64, [x.shape()[0]])?;
    let trained = model
        .parameters()
        .into_iter()
        .filter(Parameter::requires_grad);
    let mut optimizer = SGD::builder(trained).lr(1e-3).momentum(0.9).build()?;
    let loss = CrossEntropyLoss::new();
    run(move || {
        optimizer.zero_grad();
        loss.call(&model.call(&x)?, &labels)?.backward()?;
        optimizer.step()
    })
}
