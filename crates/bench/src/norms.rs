//! S8, too: norms and embeddings, forward and backward.

use pleach::prelude::*;

use crate::passes::{layer, passes};
use crate::scenario::{Run, Scale, Scenario, run};

fn layer_norm(shape: &[usize], backward: bool) -> Result<Run> {
    let norm = LayerNorm::new(shape[2]);
    layer(shape, backward, move |x| {
        norm.zero_grad();
        norm.call(x)
    })
}

fn rms_norm(shape: &[usize], backward: bool) -> Result<Run> {
    let norm = RMSNorm::new(shape[2]);
    layer(shape, backward, move |x| {
        norm.zero_grad();
        norm.call(x)
    })
}

/// With as many groups as networks have: 32, or what there is.
fn group_norm(shape: &[usize], backward: bool) -> Result<Run> {
    let norm = GroupNorm::new(shape[1].min(32), shape[1]);
    layer(shape, backward, move |x| {
        norm.zero_grad();
        norm.call(x)
    })
}

fn instance_norm(shape: &[usize], backward: bool) -> Result<Run> {
    let norm = InstanceNorm2d::builder(shape[1]).affine(true).build()?;
    layer(shape, backward, move |x| {
        norm.zero_grad();
        norm.call(x)
    })
}

/// The shape is rows and width of the table, and how many numbers there are.
fn embedding(shape: &[usize], backward: bool) -> Result<Run> {
    let &[rows, width, count] = shape else {
        return Err(Error::other("a table has two sizes"));
    };
    let table = Embedding::new(rows, width);
    let numbers = Tensor::randint(0, rows as i64, [count])?;
    if !backward {
        return run(move || no_grad(|| table.call(&numbers)));
    }
    let grad = Tensor::ones([count, width]);
    run(move || {
        table.zero_grad();
        table.call(&numbers)?.backward_with(&grad)
    })
}

/// The rows.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let tokens = [scale.of(32, 2), scale.of(197, 3), scale.of(768, 4)];
    let maps = [
        scale.of(16, 2),
        scale.of(256, 4),
        scale.of(28, 3),
        scale.of(28, 3),
    ];
    let table = [scale.of(50_000, 9), scale.of(512, 4), scale.of(8192, 5)];
    let rows = [
        passes("layer_norm 32x197x768", "layer_norm", &tokens, layer_norm),
        passes("rms_norm 32x197x768", "rms_norm", &tokens, rms_norm),
        passes("group_norm 16x256x28x28", "group_norm", &maps, group_norm),
        passes(
            "instance_norm 16x256x28x28",
            "instance_norm",
            &maps,
            instance_norm,
        ),
        passes(
            "embedding 50000x512, 8192 numbers",
            "embedding",
            &table,
            embedding,
        ),
    ];
    rows.into_iter().flatten().collect()
}
