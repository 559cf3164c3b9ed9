//! `vision/`: torchvision's models, from their initial values to their gradients; transforms;
//! the order of data loaders.

use pleach::data::{DataLoader, Dataset};
use pleach::nn::functional::{self as F, CrossEntropyOptions};
use pleach::prelude::*;
use pleach::vision::transforms::*;
use serde_json::Value as Json;

use super::init::run_case;
use crate::support::args::Args;
use crate::support::compare::{self, Tolerance};
use crate::support::data::{Family, cases, keywords, number, numbers, sizes, text, texts};
use crate::support::eval::find;
use crate::support::module_object::{ModuleHandle, call, to_dtype, train};
use crate::support::report::Report;
use crate::support::value::{Eval, Value, bug, unknown};

pub fn run() {
    let Some(family) = Family::open("vision") else {
        return;
    };
    let mut report = Report::new("vision");
    if let Some(file) = family.json("models.json") {
        let tolerance = &file["tolerance"];
        for case in cases(&file, "cases") {
            let id = case["id"].as_str().unwrap_or("a case without id");
            report.case(&format!("{id} init"), || run_case(case, None));
            report.case(&format!("{id} tree"), || tree(case));
            report.case(&format!("{id} values"), || values(case, number(tolerance)?));
        }
    }
    if let Some(file) = family.json("transforms.json") {
        for (i, case) in cases(&file, "cases").iter().enumerate() {
            let id = format!("{} {} ({i})", case["transform"], case["arguments"]);
            report.case(&id, || transform(case, number(&file["tolerance"])?));
        }
    }
    if let Some(file) = family.json("data_order.json") {
        for (i, case) in cases(&file, "cases").iter().enumerate() {
            let options = ["num_workers", "shuffle", "drop_last", "generator_seed"];
            let options: Vec<String> = options.iter().map(|o| case[*o].to_string()).collect();
            let id = format!("data_order {} ({i})", options.join(" "));
            report.case(&id, || data_order(case));
        }
    }
    report.finish();
}

/// The model of a case, and its seed.
fn model(case: &Json) -> Eval<(ModuleHandle, i64)> {
    let ops = cases(case, "ops");
    let (Some(seed), Some(op)) = (
        ops.iter().find_map(|op| op["seed"].as_i64()),
        ops.iter().find(|op| op["op"] == "torchvision"),
    ) else {
        return bug("a case without seed or model");
    };
    let path = format!("torchvision.models.{}", text(&op["model"])?);
    let Some(make) = find(&path) else {
        return unknown(path);
    };
    manual_seed(seed);
    let arguments = Args {
        positional: Vec::new(),
        keyword: keywords(&op["kwargs"]),
    };
    match make(arguments)? {
        Value::Module(model) => Ok((model, seed)),
        other => bug(format!("{path} made {other:?}")),
    }
}

/// How it prints, and the names of its state in order.
fn tree(case: &Json) -> Eval<()> {
    let (model, _) = model(case)?;
    compare::equal(
        "text",
        model.read(|m| m.to_string()).as_str(),
        text(&case["text"])?,
    )?;
    let state = model.read(|m| m.state_dict());
    let names: Vec<&str> = state.keys().collect();
    compare::equal("names of the state", &names, &texts(&case["state_dict"])?)
}

/// In f64: the logits in evaluation mode; then the loss, the norms of all gradients and those of
/// the running statistics after one pass in training mode.
fn values(case: &Json, tolerance: f64) -> Eval<()> {
    let (model, seed) = model(case)?;
    to_dtype(&model, DType::F64)?;
    train(&model, false);
    let x = ramp(&sizes(&case["input"])?)?;
    let run = || {
        let args = Args {
            positional: vec![Value::tensor(x.clone())],
            keyword: Vec::new(),
        };
        call(&model, args)?.as_tensor()
    };
    let logits = no_grad(run)?;
    near(
        "logits",
        &logits.to_vec_f64(),
        &case["eval_logits"],
        tolerance,
    )?;

    train(&model, true);
    manual_seed(seed);
    let output = run()?;
    let classes = output.shape()[1];
    let labels: Vec<i64> = (0..x.shape()[0]).map(|i| (i % classes) as i64).collect();
    let labels = Tensor::from_slice(&labels, [labels.len()])?;
    let loss = F::cross_entropy(&output, &labels, CrossEntropyOptions::new())?;
    let expected = Tolerance {
        rtol: tolerance,
        atol: 0.0,
    };
    compare::numbers(
        "loss",
        &[loss.item()?],
        &[number(&case["train_loss"])?],
        expected,
    )?;
    loss.backward()?;
    let mut norms = Vec::new();
    for (name, parameter) in model.parameters() {
        match parameter.grad() {
            Some(grad) => norms.push(grad.norm()?.item()?),
            None => return bug(format!("{name} has no gradient")),
        }
    }
    near(
        "norms of the gradients",
        &norms,
        &case["grad_norms"],
        tolerance,
    )?;
    let buffers = model.buffers().into_iter().map(|(_, b)| b.tensor());
    let norms = buffers
        .filter(|b| b.dtype().is_float())
        .map(|b| b.norm()?.item())
        .collect::<Result<Vec<f64>>>()?;
    near(
        "norms of the statistics",
        &norms,
        &case["buffer_norms"],
        tolerance,
    )
}

/// Element `i` is `((i mod 37) - 18) / 18`.
fn ramp(shape: &[usize]) -> Eval<Tensor> {
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|i: usize| ((i % 37) as f64 - 18.0) / 18.0)
        .collect();
    Ok(Tensor::from_vec(values, shape)?)
}

/// Relative to the largest number: among many, some are sums that cancel.
fn near(what: &str, got: &[f64], expected: &Json, tolerance: f64) -> Eval<()> {
    let expected = numbers(expected)?;
    let largest = expected.iter().fold(0.0f64, |a, &b| a.max(b.abs()));
    let tolerance = Tolerance {
        rtol: tolerance,
        atol: tolerance * largest,
    };
    compare::numbers(what, got, &expected, tolerance)
}

/// The image of the case, transformed: bytes exactly, floats within the tolerance; then the next
/// random numbers.
fn transform(case: &Json, tolerance: f64) -> Eval<()> {
    let image = pixels(&sizes(&case["image"])?)?;
    let image = match case["float"].as_bool() {
        Some(true) => ToTensor.apply(&image).map_err(Error::from)?,
        _ => image,
    };
    let transform = named_transform(text(&case["transform"])?, &case["arguments"])?;
    let Some(seed) = case["seed"].as_i64() else {
        return bug("a case without seed");
    };
    manual_seed(seed);
    let out = transform.apply(&image).map_err(Error::from)?;
    compare::equal("shape", out.shape(), &sizes(&case["shape"])?[..])?;
    let tolerance = match out.dtype() {
        DType::U8 => Tolerance::EXACT,
        _ => Tolerance {
            rtol: 0.0,
            atol: tolerance,
        },
    };
    let values = numbers(&case["values"])?;
    compare::numbers("values", &out.to_vec_f64(), &values, tolerance)?;
    let probe = Tensor::rand([2]).to_vec_f64();
    compare::numbers("probe", &probe, &numbers(&case["probe"])?, Tolerance::EXACT)
}

/// The byte of channel c, row y, column x is `71c + 29y + 53x + 7xy`.
fn pixels(shape: &[usize]) -> Eval<Tensor> {
    let [channels, height, width] = shape[..] else {
        return bug(format!("{shape:?} is no image"));
    };
    let mut bytes = Vec::new();
    for c in 0..channels {
        for y in 0..height {
            bytes.extend((0..width).map(|x| (c * 71 + y * 29 + x * 53 + x * y * 7) as u8));
        }
    }
    Ok(Tensor::from_vec(bytes, shape)?)
}

fn named_transform(name: &str, arguments: &Json) -> Eval<Box<dyn Transform>> {
    let size = &arguments["size"];
    let both = || match sizes(size)?[..] {
        [height, width] => Ok((height, width)),
        _ => bug(format!("{size} is no size")),
    };
    let flag = |key: &str| arguments[key].as_bool().unwrap_or(false);
    let side = size.as_u64().map(|side| side as usize);
    Ok(match name {
        "Resize" => match side {
            Some(side) => Box::new(Resize::new(side)),
            None => Box::new(Resize::new(both()?)),
        },
        "CenterCrop" => {
            let (height, width) = side.map_or_else(both, |side| Ok((side, side)))?;
            Box::new(CenterCrop::of(height, width))
        }
        "RandomCrop" => {
            let (height, width) = side.map_or_else(both, |side| Ok((side, side)))?;
            let padding = arguments["padding"].as_u64().unwrap_or(0) as usize;
            let crop = RandomCrop::of(height, width).padding(padding);
            Box::new(crop.pad_if_needed(flag("pad_if_needed")))
        }
        "RandomHorizontalFlip" => {
            let flip = RandomHorizontalFlip::new(number(&arguments["p"])?);
            Box::new(flip.map_err(Error::from)?)
        }
        "Grayscale" => {
            let channels = number(&arguments["num_output_channels"])? as usize;
            Box::new(Grayscale::new(channels).map_err(Error::from)?)
        }
        "ToTensor" => Box::new(ToTensor),
        "Normalize" => {
            let (mean, std) = (numbers(&arguments["mean"])?, numbers(&arguments["std"])?);
            Box::new(Normalize::new(&mean, &std).map_err(Error::from)?)
        }
        "ColorJitter" => {
            let mut jitter = ColorJitter::new();
            for (which, range) in arguments.as_object().into_iter().flatten() {
                let factors = match range.as_f64() {
                    Some(around) => Factors::Around(around),
                    None => match numbers(range)?[..] {
                        [from, to] => Factors::Between(from, to),
                        _ => return bug(format!("{range} is no range")),
                    },
                };
                jitter = match which.as_str() {
                    "brightness" => jitter.brightness(factors),
                    "contrast" => jitter.contrast(factors),
                    "saturation" => jitter.saturation(factors),
                    "hue" => jitter.hue(factors),
                    other => return unknown(format!("ColorJitter({other}=)")),
                }
                .map_err(Error::from)?;
            }
            Box::new(jitter)
        }
        other => return unknown(format!("torchvision.transforms.{other}")),
    })
}

/// Element i is i, and a random number: what a random transform would draw.
struct Positions(usize);

impl Dataset for Positions {
    type Item = (i64, Tensor);
    fn len(&self) -> usize {
        self.0
    }
    fn get(&self, index: usize) -> pleach::Result<(i64, Tensor)> {
        Ok((index as i64, Tensor::rand_of((), DType::F64)?))
    }
}

/// Every batch of every pass, what was drawn for its elements, and the next random numbers.
fn data_order(case: &Json) -> Eval<()> {
    let count = |key: &str| -> Eval<usize> { Ok(number(&case[key])? as usize) };
    let flag = |key: &str| match case[key].as_bool() {
        Some(flag) => Ok(flag),
        None => bug(format!("{key} is {}", case[key])),
    };
    let Some(seed) = case["seed"].as_i64() else {
        return bug("a case without seed");
    };
    manual_seed(seed);
    let loader = DataLoader::builder(Positions(count("length")?))
        .batch_size(count("batch_size")?)
        .num_workers(count("num_workers")?)
        .shuffle(flag("shuffle")?)
        .drop_last(flag("drop_last")?);
    let generator = case["generator_seed"].as_u64().map(Generator::seeded);
    let loader = match &generator {
        Some(generator) => loader.generator(generator.clone()),
        None => loader,
    };
    let loader = loader.build()?;
    compare::equal("batches", &loader.len(), &count("batches")?)?;
    let passes = cases(case, "passes");
    if passes.is_empty() {
        return bug("a case without passes");
    }
    for (pass, expected) in passes.iter().enumerate() {
        let expected = expected.as_array().map(Vec::as_slice).unwrap_or_default();
        let batches = loader.iter().collect::<pleach::Result<Vec<_>>>()?;
        compare::equal("batches of a pass", &batches.len(), &expected.len())?;
        for (i, ((positions, drawn), expected)) in batches.iter().zip(expected).enumerate() {
            let exact = |what: &str, got: &Tensor, key: &str| {
                let what = format!("{what} of batch {i} in pass {pass}");
                let expected = numbers(&expected[key])?;
                compare::numbers(&what, &got.to_vec_f64(), &expected, Tolerance::EXACT)
            };
            exact("positions", positions, "positions")?;
            exact("random numbers", drawn, "drawn")?;
        }
    }
    let probe = Tensor::rand([2]).to_vec_f64();
    compare::numbers("probe", &probe, &numbers(&case["probe"])?, Tolerance::EXACT)?;
    if let Some(generator) = generator {
        let probe = generator.scope(|| Tensor::rand([2]).to_vec_f64());
        let expected = numbers(&case["generator_probe"])?;
        compare::numbers(
            "probe of the generator",
            &probe,
            &expected,
            Tolerance::EXACT,
        )?;
    }
    Ok(())
}
