//! The Rust side of `tests/interop/train_sizes.py`, which runs it: `one_step MODEL SEED FROM TO`.
//!
//! Makes a model with the weights of a seed, runs one step of training on `images` and `labels` of
//! the safetensors file FROM, and writes every parameter's gradient and the `loss` to TO. Prints
//! pleach's error, if there is one, and ends with status 2.

use std::process::ExitCode;

use pleach::prelude::*;
use pleach::vision::models::{MobileNetV2Builder, get_model};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [model, seed, from, to] = arguments[..] else {
        eprintln!("one_step MODEL SEED FROM TO");
        return ExitCode::FAILURE;
    };
    let Ok(seed) = seed.parse() else {
        eprintln!("one_step: {seed} is no seed");
        return ExitCode::FAILURE;
    };
    let state = match load_state_dict(from) {
        Ok(state) => state,
        Err(e) => {
            eprintln!("one_step: {e}");
            return ExitCode::FAILURE;
        }
    };
    match step(model, seed, &state) {
        Ok(gradients) => match save(&gradients, to) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("one_step: {e}");
                ExitCode::FAILURE
            }
        },
        Err(e) => {
            println!("{e}");
            ExitCode::from(2)
        }
    }
}

/// The gradients, by the parameters' names, and the loss.
fn step(model: &str, seed: i64, batch: &StateDict) -> Result<StateDict> {
    let missing = |name: &str| Error::value(format!("no tensor {name} in the file"));
    let images = batch.get("images").ok_or_else(|| missing("images"))?;
    let labels = batch.get("labels").ok_or_else(|| missing("labels"))?;
    manual_seed(seed);
    let net: Box<dyn Forward> = match model {
        // Its dropout would draw other numbers in the f64 run.
        "mobilenet_v2" => MobileNetV2Builder::new().dropout(0.0).build()?.into(),
        name => get_model(name, 1000)?,
    };
    let loss = CrossEntropyLoss::new().call(&net.call(images)?, labels)?;
    loss.backward()?;
    let mut out = StateDict::new();
    for (name, parameter) in net.named_parameters() {
        let gradient = parameter.grad().ok_or_else(|| missing(&name))?;
        out.insert(name, gradient);
    }
    out.insert("loss".to_string(), loss.detach());
    Ok(out)
}
