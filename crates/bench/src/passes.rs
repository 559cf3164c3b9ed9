//! Forward and backward passes of one layer.

use pleach::prelude::*;
use serde_json::json;

use crate::scenario::{Run, Scenario, run};

/// A timed pass of an operation with one input: forward, or forward and backward.
pub fn passes(
    name: &str,
    op: &'static str,
    shape: &[usize],
    prepare: fn(&[usize], bool) -> Result<Run>,
) -> [Scenario; 2] {
    [false, true].map(|backward| {
        let pass = if backward { "fwd+bwd" } else { "fwd" };
        let args = json!({"shape": shape, "backward": backward});
        let shape = shape.to_vec();
        Scenario::timed(format!("{name} {pass}"), op, args, move || {
            prepare(&shape, backward)
        })
    })
}

/// Runs `layer` on a random input, and the backward pass of it if that is wanted.
pub fn layer(
    shape: &[usize],
    backward: bool,
    layer: impl Fn(&Tensor) -> Result<Tensor> + 'static,
) -> Result<Run> {
    let x = Tensor::randn(shape);
    if !backward {
        return run(move || no_grad(|| layer(&x)));
    }
    let x = x.requires_grad_(true)?;
    let grad = layer(&x)?.ones_like();
    run(move || {
        x.set_grad(None)?;
        layer(&x)?.backward_with(&grad)
    })
}
