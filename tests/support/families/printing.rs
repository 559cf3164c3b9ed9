//! `printing/`: the text of tensors, modules, numbers and graph nodes.

use pleach::autograd::{self, Operation, Own};
use pleach::print::{
    PrintOptions, fixed, general, python_float, python_tuple, scientific, tolist_text,
    with_print_options,
};
use pleach::{DType, Parameter, Tensor, size_text};
use serde_json::Value as Json;

use crate::support::ast::{self, Expr, Stmt};
use crate::support::data::{Family, cases};
use crate::support::eval::Scope;
use crate::support::parser::parse;
use crate::support::report::Report;
use crate::support::value::{Eval, Value, bug, unknown};
use crate::support::{compare, data};

pub fn run() {
    let Some(family) = Family::open("printing") else {
        return;
    };
    let mut report = Report::new("printing");
    if let Some(file) = family.json("cases.json") {
        for (i, case) in file.as_array().into_iter().flatten().enumerate() {
            let id = case["id"]
                .as_str()
                .map_or(format!("cases[{i}]"), str::to_string);
            report.case(&id, || tensor(case));
        }
    }
    if let Some(file) = family.json("modules.json") {
        for case in cases(&file, "cases") {
            let id = format!("modules: {}", case["id"].as_str().unwrap_or("?"));
            report.case(&id, || module(case));
        }
    }
    if let Some(file) = family.json("scalars.json") {
        for (key, run) in [
            ("floats", float as fn(&Json) -> Eval<()>),
            ("sizes", size),
            ("tolists", tolist),
        ] {
            for (i, case) in cases(&file, key).iter().enumerate() {
                report.case(&format!("{key}[{i}]"), || run(case));
            }
        }
    }
    if let Some(file) = family.json("grad_fn.json") {
        for (code, name) in file["names"].as_object().into_iter().flatten() {
            report.case(&format!("grad_fn: {code}"), || grad_fn(code, name));
        }
    }
    report.finish();
}

/// The text of a module tree.
fn module(case: &Json) -> Eval<()> {
    let statements = ast::statements(&case["ast"]).or_else(bug)?;
    match Scope::default().run(&statements)? {
        Value::Module(module) => {
            let text = module.read(|m| m.to_string());
            compare::equal("text", text.as_str(), data::text(&case["text"])?)
        }
        other => bug(format!("{other:?} is no module")),
    }
}

/// A tensor of the values, shape and dtype that a case names.
fn tensor_of(case: &Json, dtype: &str) -> Eval<Tensor> {
    let sizes = data::sizes(&case["shape"])?;
    let Some(dtype) = DType::ALL
        .into_iter()
        .find(|d| d.to_string() == format!("torch.{dtype}"))
    else {
        return unknown(format!("torch.{dtype}"));
    };
    if dtype.is_float() {
        let values = data::numbers(&case["values"])?;
        return Ok(Tensor::from_vec(values, sizes)?.to_dtype(dtype)?);
    }
    // Integers of 64 bits do not fit a float.
    let whole = |v: &Json| match v {
        Json::Bool(b) => Ok(i64::from(*b)),
        _ => v
            .as_i64()
            .map_or_else(|| bug(format!("{v} is no integer")), Ok),
    };
    let values = cases(case, "values")
        .iter()
        .map(whole)
        .collect::<Eval<Vec<i64>>>()?;
    Ok(Tensor::from_vec(values, sizes)?.to_dtype(dtype)?)
}

/// The options of a case: a profile, then what is set beside it.
fn options(case: &Json) -> Eval<PrintOptions> {
    let mut options = PrintOptions::default();
    for (name, value) in case["options"].as_object().into_iter().flatten() {
        let count = || {
            value
                .as_u64()
                .map_or_else(|| bug(format!("{name}: {value}")), Ok)
        };
        match (name.as_str(), value.as_str()) {
            ("profile", Some("short")) => options = PrintOptions::short(),
            ("profile", Some("full")) => options = PrintOptions::full(),
            ("profile", Some("default")) => options = PrintOptions::default(),
            ("precision", _) => options.precision = count()? as usize,
            ("threshold", _) => options.threshold = count()? as usize,
            ("edgeitems", _) => options.edgeitems = count()? as usize,
            ("linewidth", _) => options.linewidth = count()? as usize,
            ("sci_mode", _) => options.sci_mode = value.as_bool(),
            _ => return unknown(format!("set_printoptions({name}={value})")),
        }
    }
    Ok(options)
}

/// A step of this name, whose result is given.
#[derive(Clone)]
struct Named(&'static str, Tensor);

impl Operation for Named {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    fn name(&self) -> &'static str {
        self.0
    }
    fn forward(&self, _: &Tensor, _: &mut Own) -> pleach::Result<Tensor> {
        Ok(self.1.clone())
    }
}

/// The text of a tensor, with its place in a graph as the case says.
fn tensor(case: &Json) -> Eval<()> {
    let mut tensor = tensor_of(case, data::text(&case["dtype"])?)?;
    let options = options(case)?;
    let requires_grad = case["requires_grad"].as_bool() == Some(true);
    if let Some(name) = case["grad_fn"].as_str() {
        let name: &'static str = name.to_string().leak();
        let leaf = Tensor::zeros([0]).requires_grad_(true)?;
        tensor = autograd::apply(Named(name, tensor), &leaf)?;
    } else if requires_grad && case["parameter"].as_bool() != Some(true) {
        tensor = tensor.requires_grad_(true)?;
    }
    let text = with_print_options(options, || -> Eval<String> {
        if case["parameter"].as_bool() != Some(true) {
            return Ok(tensor.to_string());
        }
        let parameter = match requires_grad {
            true => Parameter::try_new(tensor)?,
            false => Parameter::frozen(tensor),
        };
        Ok(parameter.to_string())
    })?;
    compare::equal("text", text.as_str(), data::text(&case["text"])?)
}

/// The name of the operation that an expression of the file's variables ends with.
fn grad_fn(code: &str, expected: &Json) -> Eval<()> {
    let scope = Scope::default();
    for (name, shape) in [
        ("x", &[3, 4][..]),
        ("b", &[2, 3, 4]),
        ("v", &[5]),
        ("v4", &[4]),
        ("im", &[1, 1, 6, 6]),
    ] {
        // Positive, for `log`.
        let leaf = Tensor::rand(shape).add(0.1)?.requires_grad_(true)?;
        scope.set(name, Value::tensor(leaf));
    }
    let expr = parse(code, &|name| Expr::Name(name.to_string()))?;
    let got = scope.run(&[Stmt::Expr(expr)])?.as_tensor()?.grad_fn();
    // Names that stand for PyTorch's dispatch inside, which the file's README exempts: oneDNN's
    // LSTM, a GRU's stack, einsum's view, a 1-d Linear's squeeze.
    let dispatch = code.contains("nn.LSTM(")
        || code.contains("nn.GRU(")
        || code.contains("torch.einsum(")
        || (code.starts_with("nn.Linear(") && code.ends_with("(v4)"));
    if dispatch && got.is_some() {
        return Ok(());
    }
    compare::equal("grad_fn", &got, &expected.as_str())
}

/// One float in all the ways in which Python and PyTorch write it.
fn float(case: &Json) -> Eval<()> {
    let value = data::number(&case["value"])?;
    let single = Tensor::from_vec(vec![value as f32], ())?;
    let double = Tensor::from_vec(vec![value], ())?;
    let texts = [
        ("repr", python_float(value)),
        ("f32_item", python_float(single.item()?)),
        ("fmt4f", fixed(value, 4)),
        ("fmt3e", scientific(value, 3)),
        ("fmt6g", general(value, 6)),
        ("tensor_f32", single.to_string()),
        ("tensor_f64", double.to_string()),
    ];
    for (key, text) in texts {
        compare::equal(key, text.as_str(), data::text(&case[key])?)?;
    }
    match case.as_object().map_or(0, |fields| fields.len()) {
        8 => Ok(()),
        n => bug(format!("{n} fields, of which 8 are known")),
    }
}

/// A size as `torch.Size` and as a tuple.
fn size(case: &Json) -> Eval<()> {
    let sizes = data::sizes(&case["shape"])?;
    compare::equal(
        "size",
        size_text(&sizes).as_str(),
        data::text(&case["size"])?,
    )?;
    compare::equal(
        "tuple",
        python_tuple(&sizes).as_str(),
        data::text(&case["tuple"])?,
    )
}

fn tolist(case: &Json) -> Eval<()> {
    let tensor = tensor_of(case, "float32")?;
    compare::equal(
        "tolist",
        tolist_text(&tensor).as_str(),
        data::text(&case["tolist"])?,
    )
}
