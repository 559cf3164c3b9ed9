//! Published models that are no plain chains, ported as a user of PyTorch writes them, beside what
//! PyTorch says of the same models: `expected.json`, by `tests/interop/ports.py`.

// The models' own names: VAE, NCF, GELU.
#![allow(clippy::upper_case_acronyms)]

mod actor_critic;
mod inception;
mod layers;
mod multitask;
mod ncf;
mod pnet;
mod seresnet;
mod siamese;
mod unet;
mod vae;

use std::fmt::Display;

use pleach::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

const LR: f64 = 0.02;
const MOMENTUM: f64 = 0.9;

/// Holds a model against PyTorch's of the same name, for every seed: text, names, the bits of the
/// initial state, outputs, losses and gradients of a step of SGD, outputs in evaluation mode, and
/// the module that an error names.
///
/// `run` gives outputs and the loss; `wrong` calls the model with what it refuses, or breaks it
/// before.
fn check<M: Module + Display, B>(
    name: &str,
    build: impl Fn() -> Result<M>,
    batch: impl Fn() -> Result<B>,
    run: impl Fn(&M, &B) -> Result<(Vec<Tensor>, Tensor)>,
    wrong: impl Fn(&mut M) -> Result<()>,
) -> Result<()> {
    let expected: Value =
        serde_json::from_str(include_str!("expected.json")).map_err(Error::other)?;
    let expected = &expected[name];
    for (seed, expected) in object(&expected["runs"]) {
        manual_seed(seed.parse::<i64>().map_err(Error::other)?);
        let net = build()?;
        assert_eq!(state(&net), expected["state"], "{name} of seed {seed}");
        one_step(&net, &batch()?, &run, expected)
            .inspect_err(|_| eprintln!("{name} of seed {seed}"))?;
    }
    let mut net = build()?;
    assert_eq!(net.to_string(), text(&expected["text"]));
    let modules: Vec<String> = net.named_modules().into_iter().map(|(n, _)| n).collect();
    assert_eq!(Value::from(modules), expected["modules"]);

    net.eval();
    let error = wrong(&mut net).expect_err("it is refused").to_string();
    let place = text(&expected["refusing"]);
    assert!(error.starts_with(place), "{error} is not at {place}");
    Ok(())
}

/// Names, shapes and digests of the state dict.
fn state(net: &impl Module) -> Value {
    let state = net.state_dict();
    let entries = state.iter().map(|(name, tensor)| {
        let digest = Sha256::digest(tensor.to_le_bytes());
        let digest: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
        serde_json::json!([name, tensor.shape(), digest])
    });
    entries.collect()
}

fn one_step<M: Module, B>(
    net: &M,
    batch: &B,
    run: impl Fn(&M, &B) -> Result<(Vec<Tensor>, Tensor)>,
    expected: &Value,
) -> Result<()> {
    let mut optimizer = SGD::builder(net.parameters())
        .lr(LR)
        .momentum(MOMENTUM)
        .build()?;
    optimizer.zero_grad();
    let (outputs, loss) = run(net, batch)?;
    loss.backward()?;

    let expected_outputs = list(&expected["outputs"]);
    assert_eq!(outputs.len(), expected_outputs.len());
    for (output, expected) in outputs.iter().zip(expected_outputs) {
        assert_eq!(serde_json::json!(output.shape()), expected[0]);
        assert_close("output", &output.to_vec_f64(), &numbers(&expected[1]), 1e-5);
    }
    let same_loss = |loss: &Tensor, name: &str| -> Result<()> {
        assert_close(name, &[loss.item()?], &[number(&expected[name])], 1e-5);
        Ok(())
    };
    same_loss(&loss, "loss")?;

    let parameters = net.named_parameters();
    let gradients = object(&expected["gradients"]);
    assert_eq!(parameters.len(), gradients.len());
    for (name, parameter) in parameters {
        let expected = &gradients[&name];
        match parameter.grad() {
            Some(grad) => assert_sums(&name, &grad, expected, 1e-4),
            None => assert!(expected.is_null(), "{name} has no gradient"),
        }
    }

    optimizer.step()?;
    let (_, loss) = no_grad(|| run(net, batch))?;
    same_loss(&loss, "next_loss")?;

    net.eval();
    let (outputs, _) = no_grad(|| run(net, batch))?;
    for (output, expected) in outputs.iter().zip(list(&expected["evaluated"])) {
        assert_close("evaluated", &output.to_vec_f64(), &numbers(expected), 1e-5);
    }
    let (buffers, expected) = (net.named_buffers(), object(&expected["buffers"]));
    assert_eq!(buffers.len(), expected.len());
    for (name, buffer) in buffers {
        assert_sums(&name, &buffer.tensor(), &expected[&name], 1e-5);
    }
    Ok(())
}

/// Within a part of the largest expected value.
#[track_caller]
fn assert_close(what: &str, values: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(values.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
    for (value, expected) in values.iter().zip(expected) {
        let far = (value - expected).abs();
        assert!(far <= tolerance * scale, "{what}: {value} for {expected}");
    }
}

/// The sum, a sum that minds the order, and the sum of the absolute values, within a part of the
/// last.
#[track_caller]
fn assert_sums(name: &str, tensor: &Tensor, expected: &Value, tolerance: f64) {
    let (values, expected) = (tensor.to_vec_f64(), numbers(expected));
    let n = values.len() as f64;
    let ramp = values.iter().zip(1..).map(|(x, i)| x * f64::from(i) / n);
    let sums: [f64; 3] = [
        values.iter().sum(),
        ramp.sum(),
        values.iter().map(|x| x.abs()).sum(),
    ];
    let bound = tolerance * expected[2];
    for (sum, expected) in sums.into_iter().zip(expected) {
        let far = (sum - expected).abs();
        assert!(far <= bound, "{name}: {sum} for {expected}");
    }
}

fn object(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().expect("expected.json has an object here")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("expected.json has a list here")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("expected.json has a text here")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("expected.json has a number here")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}
