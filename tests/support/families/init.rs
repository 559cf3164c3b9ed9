//! `init/`: initialisers and generators, bit for bit.

use std::collections::BTreeSet;

use pleach::nn::layers::Linear;
use pleach::random::manual_seed;
use pleach::{DType, Result as PleachResult, Tensor, init};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::init_ops::{Run, torch};
use crate::support::args::Args;
use crate::support::compare;
use crate::support::data::{Family, Tensors, cases, number, python, sizes, text, to_bytes};
use crate::support::report::Report;
use crate::support::value::{self, Eval, bug, unknown};
use crate::support::warnings::heard;

pub fn run() {
    let Some(family) = Family::open("init") else {
        return;
    };
    let mut report = Report::new("init");
    if let Some(index) = family.json("index.json") {
        for listed in cases(&index, "families") {
            run_family(&family, listed, &mut report);
        }
    }
    if let Some(file) = family.json("gains.json") {
        for case in cases(&file, "gains") {
            let id = format!("gains: {} {}", case["nonlinearity"], case["param"]);
            report.case(&id, || gain(case));
        }
        for case in cases(&file, "fans") {
            report.case(&format!("fans: {}", case["shape"]), || fans(case));
        }
    }
    if let Some(file) = family.json("errors.json") {
        for case in cases(&file, "entries") {
            let id = format!("errors: {}", case["call"]);
            report.case(&id, || super::init_errors::run(case));
        }
    }
    if let Some(file) = family.json("boxmuller_f32.json") {
        super::init_errors::box_muller(&file, &mut report);
    }
    report.finish();
}

fn run_family(family: &Family, listed: &Json, report: &mut Report) {
    let Some(name) = listed["json"].as_str() else {
        return report.case("index.json", || bug("a family without a file"));
    };
    let Some(file) = family.json(name) else {
        return;
    };
    let tensors = file["tensors"]
        .as_str()
        .and_then(|name| family.tensors(name));
    let all = cases(&file, "cases");
    if listed["cases"].as_u64() != Some(all.len() as u64) {
        report.case(name, || {
            bug(format!(
                "{} cases, index.json says {}",
                all.len(),
                listed["cases"]
            ))
        });
    }
    for case in all {
        let id = case["id"].as_str().unwrap_or("a case without id");
        report.case(id, || run_case(case, tensors.as_ref()));
    }
}

/// Runs the ops of a case, and compares its outputs.
pub fn run_case(case: &Json, tensors: Option<&Tensors>) -> Eval<()> {
    let mut run = Run::default();
    let (result, logged) = heard(|| cases(case, "ops").iter().try_for_each(|op| run.op(op)));
    result?;
    warnings(&logged, &case["warnings"])?;
    let Some(expected) = case["outputs"].as_object() else {
        return bug("no outputs");
    };
    let wanted: BTreeSet<&str> = expected.keys().map(String::as_str).collect();
    let made: BTreeSet<&str> = run.outputs.iter().map(|(name, _)| name.as_str()).collect();
    compare::equal("names of the outputs", &made, &wanted)?;
    for (name, output) in &run.outputs {
        match &case["compare"]["outputs"][name]["atol_over_gain"] {
            Json::Null => bits(name, output, &expected[name], tensors)?,
            tolerance => {
                let gain = cases(case, "ops")
                    .iter()
                    .find(|op| op["out"] == name.as_str());
                let gain = gain.and_then(|op| op["gain"].as_f64()).unwrap_or(1.0);
                let tolerance = compare::Tolerance {
                    rtol: 0.0,
                    atol: number(tolerance)? * gain,
                };
                let stored = stored(name, &expected[name], tensors)?;
                compare::tensors(name, output, stored, tolerance)?;
            }
        }
    }
    Ok(())
}

/// Texts of warnings: Python shows one that repeats at the same place once.
pub fn warnings(got: &[String], expected: &Json) -> Eval<()> {
    let got: BTreeSet<&str> = got.iter().map(String::as_str).collect();
    let expected = expected.as_array().into_iter().flatten();
    let expected: BTreeSet<&str> = expected
        .map(|warning| text(&warning["message"]))
        .collect::<Eval<_>>()?;
    compare::equal("warnings", &got, &expected)
}

fn stored<'a>(name: &str, expected: &Json, tensors: Option<&'a Tensors>) -> Eval<&'a Tensor> {
    match (expected["key"].as_str(), tensors) {
        (Some(key), Some(tensors)) => tensors.need(key),
        _ => bug(format!("{name} is not stored")),
    }
}

/// Dtype, shape, the stored bits or those of both ends, and the hash of all bytes.
fn bits(name: &str, got: &Tensor, expected: &Json, tensors: Option<&Tensors>) -> Eval<()> {
    let wanted = text(&expected["dtype"])?;
    match value::dtype(wanted) {
        Some(dtype) => compare::equal(&format!("dtype of {name}"), &got.dtype(), &dtype)?,
        None => return unknown(wanted),
    }
    compare::equal(
        &format!("shape of {name}"),
        got.shape(),
        &sizes(&expected["shape"])?[..],
    )?;
    let bytes = to_bytes(got)?;
    let size = got.dtype().size_of();
    let texts = |bytes: &[u8]| -> Vec<String> { bytes.chunks_exact(size).map(hex).collect() };
    if expected.get("key").is_some() {
        let stored = to_bytes(stored(name, expected, tensors)?)?;
        same_bits(name, 0, &texts(&bytes), &texts(&stored))?;
    }
    let ends = |key: &str| {
        expected
            .get(key)
            .map(crate::support::data::texts)
            .transpose()
    };
    if let Some(head) = ends("head_bits")? {
        let end = (head.len() * size).min(bytes.len());
        same_bits(name, 0, &texts(&bytes[..end]), &head)?;
    }
    if let Some(tail) = ends("tail_bits")? {
        let start = (bytes.len() / size).saturating_sub(tail.len());
        same_bits(name, start, &texts(&bytes[start * size..]), &tail)?;
    }
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    compare::equal(
        &format!("sha256 of {name}"),
        sum.as_str(),
        text(&expected["sha256"])?,
    )
}

/// The bits of a little-endian element: `0x3f800000`.
pub fn hex(element: &[u8]) -> String {
    let digits: String = element.iter().rev().map(|b| format!("{b:02x}")).collect();
    format!("0x{digits}")
}

fn same_bits(name: &str, start: usize, got: &[String], expected: &[impl AsRef<str>]) -> Eval<()> {
    compare::equal(
        &format!("number of elements of {name}"),
        &got.len(),
        &expected.len(),
    )?;
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        compare::equal(
            &format!("bits of {name}[{}]", start + i),
            g.as_str(),
            e.as_ref(),
        )?;
    }
    Ok(())
}

fn gain(case: &Json) -> Eval<()> {
    let args = Args {
        positional: vec![python(&case["nonlinearity"]), python(&case["param"])],
        keyword: Vec::new(),
    };
    let got = torch("torch.nn.init.calculate_gain", args)?.as_f64()?;
    compare::equal(
        "bits of the gain",
        hex(&got.to_le_bytes()).as_str(),
        text(&case["bits"])?,
    )
}

/// The fans, and the deviations and bounds that follow from them: a deviation or a bound is seen
/// in what f64 fills give with it.
fn fans(case: &Json) -> Eval<()> {
    let shape = sizes(&case["shape"])?;
    let (fan_in, fan_out) = init::calculate_fan_in_and_fan_out(&shape)?;
    let counts = [("fan_in", fan_in), ("fan_out", fan_out)];
    for (name, got) in counts {
        compare::equal(name, &Some(got as u64), &case[name].as_u64())?;
    }
    let mut drawn = Tensor::zeros_of(&shape[..], DType::F64);
    let mut wanted = drawn.clone();
    let mut same = |key: &str,
                    ours: &dyn Fn(&mut Tensor) -> PleachResult<()>,
                    fill: &dyn Fn(&mut Tensor, f64) -> PleachResult<()>|
     -> Eval<()> {
        let bits = u64::from_str_radix(
            text(&case[format!("{key}_bits")])?.trim_start_matches("0x"),
            16,
        );
        let Ok(bits) = bits else {
            return bug(format!("{key}_bits are no bits"));
        };
        manual_seed(0);
        ours(&mut drawn)?;
        manual_seed(0);
        fill(&mut wanted, f64::from_bits(bits))?;
        compare::equal(key, &drawn.to_vec_f64(), &wanted.to_vec_f64())
    };
    let uniform = |t: &mut Tensor, bound: f64| t.uniform_(-bound, bound).map(drop);
    let normal = |t: &mut Tensor, std: f64| t.normal_(0.0, std).map(drop);
    same(
        "kaiming_std_relu_fan_in",
        &|t| init::kaiming_normal_(t, 0.0, "fan_in", "relu").map(drop),
        &normal,
    )?;
    same(
        "kaiming_bound_relu_fan_out",
        &|t| init::kaiming_uniform_(t, 0.0, "fan_out", "relu").map(drop),
        &uniform,
    )?;
    same(
        "default_weight_bound",
        &|t| init::kaiming_uniform_(t, 5f64.sqrt(), "fan_in", "leaky_relu").map(drop),
        &uniform,
    )?;
    // A bias has the bound of its fan alone, whatever the weight's shape.
    same(
        "default_bias_bound",
        &|t| {
            let layer = Linear::builder(fan_in, t.numel())
                .dtype(DType::F64)
                .build()?;
            let bias = layer.bias.expect("there is one by default");
            t.copy_(&bias.data().reshape(t.shape())?).map(drop)
        },
        &|t, bound| {
            // The weight is drawn first.
            Tensor::rand_of([t.numel(), fan_in], DType::F64)?;
            uniform(t, bound)
        },
    )?;
    same(
        "xavier_std",
        &|t| init::xavier_normal_(t, 1.0).map(drop),
        &normal,
    )?;
    same(
        "xavier_bound",
        &|t| init::xavier_uniform_(t, 1.0).map(drop),
        &uniform,
    )
}
