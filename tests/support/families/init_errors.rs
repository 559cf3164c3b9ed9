//! `init/errors.json` and `init/boxmuller_f32.json`.

use pleach::DType;
use pleach::random::manual_seed;
use pleach_kernels::random::box_muller::transform_f32;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::support::ast::{Expr, Stmt};
use crate::support::compare;
use crate::support::data::{cases, sizes, text, texts, to_bytes};
use crate::support::eval::Scope;
use crate::support::init_fns;
use crate::support::parser::parse;
use crate::support::report::Report;
use crate::support::value::{self, Eval, EvalError, Value, bug};
use crate::support::warnings::heard;

use super::init::hex;

/// One call: it raises PyTorch's text, or gives PyTorch's result after `manual_seed(0)`.
pub fn run(case: &Json) -> Eval<()> {
    let source = text(&case["call"])?;
    let expr = call(source)?;
    manual_seed(0);
    let (result, warnings) = heard(|| Scope::default().run(&[Stmt::Expr(expr)]));
    if result.is_ok() {
        super::init::warnings(&warnings, &case["warnings"])?;
    }
    match (result, case["message"].as_str()) {
        (Ok(value), None) => check(&value, &case["result"]),
        (Err(EvalError::Raised(got)), Some(expected)) => match got.contains(expected) {
            true => Ok(()),
            false => bug(format!("error {got:?}, expected {expected:?}")),
        },
        (Ok(_), Some(expected)) => bug(format!("no error, expected {expected:?}")),
        (Err(other), _) => Err(other),
    }
}

fn check(value: &Value, expected: &Json) -> Eval<()> {
    let tensor = match value {
        // What the file shows of a layer is its bias.
        Value::Module(module) => match module.parameters().pop() {
            Some((_, last)) => last.data().detach(),
            None => return bug("the layer has no parameters"),
        },
        value => value.as_tensor()?,
    };
    compare::equal(
        "dtype",
        &Some(tensor.dtype()),
        &value::dtype(text(&expected["dtype"])?),
    )?;
    compare::equal("shape", tensor.shape(), &sizes(&expected["shape"])?[..])?;
    let bytes = to_bytes(&tensor)?;
    let got: Vec<String> = bytes
        .chunks_exact(tensor.dtype().size_of())
        .map(hex)
        .collect();
    let got: Vec<&str> = got.iter().map(String::as_str).collect();
    compare::equal("bits", &got, &texts(&expected["bits"])?)
}

/// A call of errors.json. A remark in brackets may follow; `torch.` and `nn.init.` are left away;
/// `zeros(10, uint8)` means the dtype.
fn call(source: &str) -> Eval<Expr> {
    let mut code = source.split(" [").next().unwrap_or(source).to_string();
    for dtype in DType::ALL {
        let name = dtype.to_string();
        let name = name.trim_start_matches("torch.");
        code = code.replace(&format!(", {name})"), &format!(", dtype={name})"));
    }
    parse(&code, &|name| match name {
        "nan" | "inf" => Expr::Float(name.to_string()),
        "torch" | "nn" | "F" => Expr::Name(name.to_string()),
        _ => {
            let initialiser =
                init_fns::find(name).is_some() || name.ends_with('_') || name == "calculate_gain";
            let torch = Expr::Name("torch".to_string());
            let within = |of: Expr, name: &str| Expr::Attr(Box::new(of), name.to_string());
            match initialiser {
                true => within(within(within(torch, "nn"), "init"), name),
                false => within(torch, name),
            }
        }
    })
}

/// The kernel of f32 normals, for every 24-bit uniform: a block of 16 holds eight uniforms for
/// the radius and eight for the angle. The file names one whose radius is exactly 1; angle 0 has
/// cosine 1.
pub fn box_muller(file: &Json, report: &mut Report) {
    const COUNT: u32 = 1 << 24;
    let uniform = |k: u32| k as f32 / COUNT as f32;
    let unit = file["k_with_radius_exactly_1"].as_u64().unwrap_or(0) as u32;
    let (mut radius, mut cosine, mut sine) = (Vec::new(), Vec::new(), Vec::new());
    for start in (0..COUNT).step_by(8) {
        let mut block = [0.0; 16];
        for (i, slot) in block[..8].iter_mut().enumerate() {
            *slot = uniform(start + i as u32);
        }
        transform_f32(&mut block, 0.0, 1.0);
        radius.extend_from_slice(&block[..8]);
        block[..8].fill(uniform(unit));
        for (i, slot) in block[8..].iter_mut().enumerate() {
            *slot = uniform(start + i as u32);
        }
        transform_f32(&mut block, 0.0, 1.0);
        cosine.extend_from_slice(&block[..8]);
        sine.extend_from_slice(&block[8..]);
    }
    for (name, key, values) in [
        ("r", "r_sha256", &radius),
        ("cos", "cos_sha256", &cosine),
        ("sin", "sin_sha256", &sine),
    ] {
        report.case(&format!("boxmuller: {name}"), || {
            for sample in cases(file, "samples") {
                let k = sample["k"].as_u64().unwrap_or(0) as usize;
                let got = hex(&values[k].to_le_bytes());
                compare::equal(&format!("{name}[{k}]"), got.as_str(), text(&sample[name])?)?;
            }
            let mut hash = Sha256::new();
            values.iter().for_each(|v| hash.update(v.to_le_bytes()));
            let sum: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
            compare::equal("sha256", sum.as_str(), text(&file[key])?)
        });
    }
}
