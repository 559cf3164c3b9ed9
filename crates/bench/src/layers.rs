//! S8: single layers, forward and backward, and optimizer steps.

use pleach::prelude::*;
use pleach::vision::models::resnet18;
use serde_json::{Value, json};

use crate::norms;
use crate::passes::{layer, passes};
use crate::scenario::{Run, Scale, Scenario, run};

fn batch_norm(shape: &[usize], backward: bool) -> Result<Run> {
    let norm = BatchNorm2d::new(shape[1]);
    layer(shape, backward, move |x| {
        norm.zero_grad();
        norm.call(x)
    })
}

fn relu(shape: &[usize], backward: bool) -> Result<Run> {
    layer(shape, backward, Tensor::relu)
}

fn max_pool(shape: &[usize], backward: bool) -> Result<Run> {
    let pool = MaxPool2d::builder(3).stride(2).padding(1).build()?;
    layer(shape, backward, move |x| pool.call(x))
}

fn cross_entropy(shape: &[usize], backward: bool) -> Result<Run> {
    let labels = Tensor::randint(0, shape[1] as i64, [shape[0]])?;
    let loss = CrossEntropyLoss::new();
    layer(shape, backward, move |x| loss.call(x, &labels))
}

/// The shapes of the parameters that the optimizers step.
fn parameter_shapes(scale: Scale) -> Vec<Vec<usize>> {
    match scale {
        Scale::Full => {
            let model = resnet18();
            let parameters = model.parameters();
            parameters.iter().map(|p| p.shape().to_vec()).collect()
        }
        Scale::Tiny => vec![vec![3, 5], vec![7]],
    }
}

/// Steps of an optimizer over parameters of these shapes.
fn steps<O: Optimizer + 'static>(
    shapes: &[Vec<usize>],
    build: impl FnOnce(Vec<Parameter>) -> Result<O>,
) -> Result<Run> {
    let mut parameters = Vec::new();
    for shape in shapes {
        let parameter = Parameter::new(Tensor::randn(shape.as_slice()));
        parameter.set_grad(Some(Tensor::randn(shape.as_slice())))?;
        parameters.push(parameter);
    }
    let held: Vec<Parameter> = parameters.iter().map(Parameter::share).collect();
    let mut optimizer = build(parameters)?;
    run(move || {
        // The optimizer warns of parameters that nobody else holds.
        let _ = &held;
        optimizer.step()
    })
}

fn sgd(shapes: &[Vec<usize>], momentum: f64) -> Result<Run> {
    steps(shapes, |parameters| {
        let sgd = SGD::builder(parameters).lr(1e-4).momentum(momentum);
        sgd.weight_decay(1e-4).build()
    })
}

fn adam(shapes: &[Vec<usize>]) -> Result<Run> {
    steps(shapes, |parameters| {
        Adam::builder(parameters).lr(1e-4).build()
    })
}

/// The rows.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let maps = |batch, channels, side| {
        [
            scale.of(batch, 2),
            scale.of(channels, 3),
            scale.of(side, 4),
            scale.of(side, 4),
        ]
    };
    let (wide, deep, stem) = (maps(16, 64, 56), maps(16, 512, 7), maps(16, 64, 112));
    let scores = [scale.of(128, 4), scale.of(1000, 6)];
    let mut scenarios = Vec::new();
    scenarios.extend(passes(
        "batch_norm 16x64x56x56",
        "batch_norm",
        &wide,
        batch_norm,
    ));
    scenarios.extend(passes(
        "batch_norm 16x512x7x7",
        "batch_norm",
        &deep,
        batch_norm,
    ));
    scenarios.extend(passes("relu 16x64x56x56", "relu", &wide, relu));
    scenarios.push(Scenario::timed(
        "add 16x64x56x56",
        "add",
        json!({"shape": wide}),
        move || {
            let (a, b) = (Tensor::randn(wide), Tensor::randn(wide));
            run(move || a.add(&b))
        },
    ));
    scenarios.extend(passes(
        "max_pool 3x3/2 16x64x112x112",
        "max_pool",
        &stem,
        max_pool,
    ));
    scenarios.extend(passes(
        "cross_entropy 128x1000",
        "cross_entropy",
        &scores,
        cross_entropy,
    ));

    scenarios.extend(norms::scenarios(scale));

    let shapes = parameter_shapes(scale);
    let step = |name: &str, op, extra: Option<f64>, prepare: fn(&[Vec<usize>]) -> Result<Run>| {
        let mut args = json!({"shapes": shapes});
        if let Some(momentum) = extra {
            args["momentum"] = Value::from(momentum);
        }
        let shapes = shapes.clone();
        Scenario::timed(name, op, args, move || prepare(&shapes))
    };
    scenarios.push(step("sgd step resnet18", "sgd_step", Some(0.0), |s| {
        sgd(s, 0.0)
    }));
    scenarios.push(step(
        "sgd momentum step resnet18",
        "sgd_step",
        Some(0.9),
        |s| sgd(s, 0.9),
    ));
    scenarios.push(step("adam step resnet18", "adam_step", None, adam));
    scenarios
}
