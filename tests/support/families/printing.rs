//! `printing/`: the text of tensors, modules, numbers and graph nodes.

use serde_json::Value as Json;

use crate::support::ast;
use crate::support::data::{Family, cases};
use crate::support::eval::Scope;
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
            report.case(&id, || unknown("tensor printing"));
        }
    }
    if let Some(file) = family.json("modules.json") {
        for case in cases(&file, "cases") {
            let id = format!("modules: {}", case["id"].as_str().unwrap_or("?"));
            report.case(&id, || module(case));
        }
    }
    if let Some(file) = family.json("scalars.json") {
        for key in ["floats", "sizes", "tolists"] {
            for (i, _) in cases(&file, key).iter().enumerate() {
                report.case(&format!("{key}[{i}]"), || unknown("number printing"));
            }
        }
    }
    if let Some(file) = family.json("grad_fn.json") {
        for (code, _) in file["names"].as_object().into_iter().flatten() {
            report.case(&format!("grad_fn: {code}"), || unknown("grad_fn printing"));
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
