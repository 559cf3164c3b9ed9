//! `rng/`: draws, and where they leave the generator.

use pleach::Tensor;
use pleach::random::{Generator, manual_seed};
use serde_json::Value as Json;

use crate::support::ast;
use crate::support::compare::{self, Tolerance};
use crate::support::data::{Family, cases, list, numbers, sizes, text};
use crate::support::eval::Scope;
use crate::support::numpy_fns;
use crate::support::report::Report;
use crate::support::value::{self, Eval, EvalError, Value, bug, unknown};

pub fn run() {
    let Some(family) = Family::open("rng") else {
        return;
    };
    let mut report = Report::new("rng");
    if let Some(file) = family.json("rng.json") {
        for case in cases(&file, "cases") {
            let id = format!(
                "seed {}: {}",
                case["seed"],
                case["code"].as_str().unwrap_or("?")
            );
            report.case(&id, || run_case(case));
        }
    }
    report.finish();
}

fn run_case(case: &Json) -> Eval<()> {
    let statements = ast::statements(&case["ast"]).or_else(bug)?;
    let seed = case["seed"]
        .as_i64()
        .ok_or(EvalError::Bug("no seed".into()))?;
    manual_seed(seed);
    numpy_fns::seed(seed as u32);
    let outputs = flatten(&Scope::default().run(&statements)?)?;
    let expected = list(&case["out"])?;
    compare::equal("number of outputs", &outputs.len(), &expected.len())?;
    for (i, (output, expected)) in outputs.iter().zip(expected).enumerate() {
        let dtype_name = text(&expected["dtype"])?;
        let Some(dtype) = value::dtype(dtype_name) else {
            return unknown(dtype_name);
        };
        compare::equal(&format!("dtype of output {i}"), &output.dtype(), &dtype)?;
        compare::equal(
            &format!("shape of output {i}"),
            output.shape(),
            &sizes(&expected["shape"])?[..],
        )?;
        // Orthogonal matrices go through a QR decomposition, whose last bits are not PyTorch's
        // own either (init/README.md).
        let tolerance = match text(&case["code"])?.contains("orthogonal_") {
            true => Tolerance {
                rtol: 0.0,
                atol: 2e-5,
            },
            false => Tolerance::EXACT,
        };
        let wanted = numbers(&expected["values"])?;
        compare::numbers(
            &format!("output {i}"),
            &output.to_vec_f64(),
            &wanted,
            tolerance,
        )?;
    }
    let mut next = [0i64];
    Generator::current().fill_random_range(&mut next, 0, (1 << 32) - 1);
    compare::equal(
        "the generator's next number",
        &Some(next[0]),
        &case["next_u32"].as_i64(),
    )
}

/// The tensors of the result: parameters as their data.
fn flatten(value: &Value) -> Eval<Vec<Tensor>> {
    Ok(value
        .flatten_tensors()?
        .into_iter()
        .map(|t| t.detach())
        .collect())
}
