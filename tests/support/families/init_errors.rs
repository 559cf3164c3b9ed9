//! `init/errors.json` and `init/boxmuller_f32.json`.

use pleach::random::manual_seed;
use pleach_kernels::random::box_muller::transform_f32;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::support::ast::{Expr, Stmt};
use crate::support::compare;
use crate::support::data::{cases, sizes, text, texts, to_bytes};
use crate::support::eval::Scope;
use crate::support::report::Report;
use crate::support::value::{self, Eval, EvalError, Value, bug, dtype};
use crate::support::warnings::heard;

use super::init::hex;

/// One call: it raises PyTorch's text, or gives PyTorch's result after `manual_seed(0)`.
pub fn run(case: &Json) -> Eval<()> {
    let source = text(&case["call"])?;
    let expr = Parser::parse(source)?;
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

/// Reads the calls of errors.json, which have no syntax tree beside them: names, calls, numbers,
/// strings, `-` and `**`.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn parse(source: &'a str) -> Eval<Expr> {
        // A remark in brackets may follow.
        let code = source.split(" [").next().unwrap_or(source);
        let mut parser = Parser { rest: code };
        let expr = parser.expr()?;
        match parser.rest.trim() {
            "" => Ok(expr),
            rest => bug(format!("cannot read {rest:?} in {source:?}")),
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Sums of terms; only `-` occurs.
    fn expr(&mut self) -> Eval<Expr> {
        let mut left = self.term()?;
        while self.eat("-") {
            left = Expr::Binary("-".into(), Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Eval<Expr> {
        if self.eat("-") {
            return Ok(Expr::Unary("-".into(), Box::new(self.term()?)));
        }
        let mut value = self.atom()?;
        loop {
            if self.eat("**") {
                value = Expr::Binary("**".into(), Box::new(value), Box::new(self.term()?));
            } else if self.eat(".") {
                let name = self.take(|c| c.is_alphanumeric() || c == '_');
                value = Expr::Attr(Box::new(value), name.to_string());
            } else if self.eat("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn call(&mut self, callee: Expr) -> Eval<Expr> {
        let (mut args, mut kwargs) = (Vec::new(), Vec::new());
        while !self.eat(")") {
            let before = self.rest;
            let name = self.take(|c| c.is_alphanumeric() || c == '_');
            if !name.is_empty() && self.eat("=") {
                kwargs.push((name.to_string(), self.expr()?));
            } else {
                self.rest = before;
                match self.expr()? {
                    // `zeros(10, uint8)` means the dtype.
                    dtype @ Expr::Attr(..) if is_dtype(&dtype) => {
                        kwargs.push(("dtype".into(), dtype))
                    }
                    other => args.push(other),
                }
            }
            self.eat(",");
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() {
                return bug("a call without end");
            }
        }
        Ok(Expr::Call(Box::new(callee), args, kwargs))
    }

    fn atom(&mut self) -> Eval<Expr> {
        for (open, close) in [("(", ")"), ("[", "]")] {
            if !self.eat(open) {
                continue;
            }
            let mut items = Vec::new();
            while !self.eat(close) {
                items.push(self.expr()?);
                if !self.eat(",") && !self.rest.trim_start().starts_with(close) {
                    return bug("a sequence without end");
                }
            }
            return Ok(if open == "(" {
                Expr::Tuple(items)
            } else {
                Expr::List(items)
            });
        }
        if self.eat("'") {
            let text = self.take(|c| c != '\'');
            self.eat("'");
            return Ok(Expr::Str(text.to_string()));
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let number = self.take(|c| c.is_ascii_alphanumeric() || c == '.');
            return Ok(match number.parse::<i128>() {
                Ok(_) => Expr::Int(number.to_string()),
                Err(_) => Expr::Float(number.to_string()),
            });
        }
        match self.take(|c| c.is_alphanumeric() || c == '_') {
            "" => bug(format!("cannot read {:?}", self.rest)),
            "True" => Ok(Expr::Bool(true)),
            "False" => Ok(Expr::Bool(false)),
            "None" => Ok(Expr::None),
            name @ ("nan" | "inf") => Ok(Expr::Float(name.to_string())),
            name @ ("torch" | "nn" | "F") => Ok(Expr::Name(name.to_string())),
            // The file leaves `torch.` and `nn.init.` away.
            name => {
                let module = match crate::support::init_fns::find(name) {
                    None if name.ends_with('_') || name == "calculate_gain" => "torch.nn.init",
                    None => "torch",
                    Some(_) => "torch.nn.init",
                };
                let mut parts = module.split('.');
                let mut path = Expr::Name(parts.next().unwrap_or_default().to_string());
                for part in parts {
                    path = Expr::Attr(Box::new(path), part.to_string());
                }
                Ok(Expr::Attr(Box::new(path), name.to_string()))
            }
        }
    }
}

fn is_dtype(expr: &Expr) -> bool {
    matches!(expr, Expr::Attr(of, name)
        if matches!(&**of, Expr::Name(root) if root == "torch") && dtype(name).is_some())
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
