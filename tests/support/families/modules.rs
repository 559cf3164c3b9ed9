//! `modules/`: listings of trees, `load_state_dict`, and errors; `error_db/`: errors.

use std::sync::atomic::{AtomicUsize, Ordering};

use pleach::Tensor;
use pleach::nn::{Listing, Module};
use serde_json::{Value as Json, json};

use crate::support::args::Args;
use crate::support::ast;
use crate::support::compare;
use crate::support::data::{Family, cases, list, text, texts};
use crate::support::eval::Scope;
use crate::support::module_object::{self, ModuleHandle, call_method};
use crate::support::report::Report;
use crate::support::value::{Dict, Eval, EvalError, Value, bug};

pub fn run() {
    let Some(family) = Family::open("modules") else {
        return;
    };
    let mut report = Report::new("modules");
    if let Some(file) = family.json("trees.json") {
        for case in cases(&file, "trees") {
            let id = format!("trees: {}", case["code"].as_str().unwrap_or("?"));
            report.case(&id, || tree(case));
        }
    }
    if let Some(file) = family.json("load.json") {
        for case in cases(&file, "cases") {
            let id = format!("load: {}", case["id"].as_str().unwrap_or("?"));
            report.case(&id, || load(case));
        }
    }
    if let Some(file) = family.json("errors.json") {
        for case in cases(&file, "cases") {
            let id = format!("errors: {}", case["code"].as_str().unwrap_or("?"));
            report.case(&id, || error(case));
        }
    }
    report.finish();
}

/// `error_db/`: PyTorch's own bad inputs, in the layout of `errors.json`.
pub fn run_error_db() {
    let Some(family) = Family::open("error_db") else {
        return;
    };
    let mut report = Report::new("error_db");
    if let Some(file) = family.json("errors.json") {
        for case in cases(&file, "cases") {
            report.case(case["code"].as_str().unwrap_or("?"), || error(case));
        }
    }
    report.finish();
}

fn module_of(value: Value) -> Eval<ModuleHandle> {
    match value {
        Value::Module(module) => Ok(module),
        other => bug(format!("{other:?} is no module")),
    }
}

/// `float32` for `torch.float32`.
fn dtype_name(tensor: &Tensor) -> String {
    tensor.dtype().to_string().replace("torch.", "")
}

/// Every listing of a module, in the form of the file.
fn listings(module: &ModuleHandle) -> Json {
    let apply_order = apply_order(module);
    module.read(|m| {
        let parameters = m.named_parameters();
        let buffers = m.named_buffers();
        let modules = m.named_modules();
        let state = m.state_dict();
        let name_of = |m: &dyn Module| m.node().and_then(|n| n.name()).unwrap_or(m.type_name()).to_string();
        let mut by_class: Vec<(String, Vec<String>)> = Vec::new();
        for (path, module) in &modules {
            let class = name_of(*module);
            match by_class.iter_mut().find(|(known, _)| *known == class) {
                Some((_, paths)) => paths.push(path.clone()),
                None => by_class.push((class, vec![path.clone()])),
            }
        }
        let by_class: serde_json::Map<String, Json> =
            by_class.into_iter().map(|(class, paths)| (class, json!(paths))).collect();
        let names = |list: Vec<String>| json!(list);
        json!({
            "named_parameters": parameters.iter()
                .map(|(n, p)| json!([n, p.shape(), p.requires_grad()])).collect::<Vec<_>>(),
            "named_parameters_with_duplicates": names(
                m.named_parameters_with(Listing::with_duplicates()).into_iter().map(|p| p.0).collect()),
            "named_parameters_not_recursive": names(
                m.named_parameters_with(Listing::own()).into_iter().map(|p| p.0).collect()),
            "named_buffers": buffers.iter()
                .map(|(n, b)| json!([n, b.shape(), dtype_name(&b.tensor())])).collect::<Vec<_>>(),
            "named_children": m.named_children().iter()
                .map(|(n, c)| json!([n, name_of(*c)])).collect::<Vec<_>>(),
            "named_modules": modules.iter()
                .map(|(n, c)| json!([n, name_of(*c)])).collect::<Vec<_>>(),
            "named_modules_with_duplicates": names(
                m.named_modules_with(Listing::with_duplicates()).into_iter().map(|m| m.0).collect()),
            "state_dict": state.iter()
                .map(|(n, t)| json!([n, t.shape(), dtype_name(t)])).collect::<Vec<_>>(),
            "apply_order": apply_order,
            "modules_by_class": by_class,
            "counts": {
                "parameters": m.parameters().len(),
                "parameter_elements": m.num_parameters(),
                "buffers": m.buffers().len(),
                "children": m.children().len(),
                "modules": m.modules().len(),
                "state_dict": state.len(),
            },
        })
    })
}

/// The first names of the modules in the order in which `apply` visits them. Modules without a
/// node are told apart by their members: by the parameters, or else by type and order.
fn apply_order(module: &ModuleHandle) -> Vec<String> {
    let paths: Vec<(String, Vec<u64>)> = module.read(|m| {
        m.named_modules()
            .into_iter()
            .map(|(path, m)| (path, identity(m)))
            .collect()
    });
    let mut visited = Vec::new();
    module.change(|m| m.apply(&mut |m| visited.push(identity(m))));
    visited
        .iter()
        .map(|id| match paths.iter().find(|(_, known)| known == id) {
            Some((path, _)) => path.clone(),
            None => "a module that named_modules does not list".to_string(),
        })
        .collect()
}

/// The nodes of a module and its descendants: the same for no two modules of these nets.
fn identity(module: &dyn Module) -> Vec<u64> {
    let own = module.node().map_or(0, |n| n.id());
    let below = module.modules().into_iter().skip(1);
    std::iter::once(own)
        .chain(below.filter_map(|m| m.node().map(|n| n.id())))
        .collect()
}

fn tree(case: &Json) -> Eval<()> {
    let statements = ast::statements(&case["ast"]).or_else(bug)?;
    let module = module_of(Scope::default().run(&statements)?)?;
    let got = listings(&module);
    for (key, got) in got.as_object().into_iter().flatten() {
        let Some(expected) = case.get(key) else {
            return bug(format!("the case has no {key}"));
        };
        same_json(key, got, expected)?;
    }
    let known = |key: &String| key == "code" || key == "ast" || got.get(key).is_some();
    match case
        .as_object()
        .into_iter()
        .flatten()
        .find(|(key, _)| !known(key))
    {
        Some((key, _)) => bug(format!("a listing that the runner does not make: {key}")),
        None => round_trip(&module, &statements),
    }
}

/// Saves the module's state dict, builds the same module afresh (with other random values), loads
/// the file into it, and compares text, listings and values.
fn round_trip(module: &ModuleHandle, statements: &[ast::Stmt]) -> Eval<()> {
    let fresh = module_of(Scope::default().run(statements)?)?;
    compare::equal(
        "text of a fresh one",
        &fresh.read(|m| m.to_string()),
        &module.read(|m| m.to_string()),
    )?;
    same_json(
        "listings of a fresh one",
        &listings(&fresh),
        &listings(module),
    )?;
    let saved = module.read(|m| m.state_dict());
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let file = format!(
        "pleach-tree-{}-{}.safetensors",
        std::process::id(),
        FILES.fetch_add(1, Ordering::Relaxed)
    );
    let path = std::env::temp_dir().join(file);
    pleach::save(&saved, &path)?;
    let loaded = pleach::load_state_dict(&path);
    let _ = std::fs::remove_file(&path);
    let result = fresh.read(|m| m.load_state_dict(&loaded?, true))?;
    compare::equal(
        "result of loading",
        result.to_string().as_str(),
        ALL_MATCHED,
    )?;
    let got = fresh.read(|m| m.state_dict());
    for (name, expected) in saved.iter() {
        match got.get(name) {
            Some(tensor) if tensor.dtype() == expected.dtype() && same_values(tensor, expected) => {
            }
            other => return bug(format!("{name} came back as {other:?}")),
        }
    }
    Ok(())
}

const ALL_MATCHED: &str = "<All keys matched successfully>";

/// Equality that names the first item that differs.
fn same_json(what: &str, got: &Json, expected: &Json) -> Eval<()> {
    if let (Some(g), Some(e)) = (got.as_array(), expected.as_array())
        && let Some(i) = (0..g.len().max(e.len())).find(|&i| g.get(i) != e.get(i))
    {
        return compare::equal(&format!("{what}[{i}]"), &g.get(i), &e.get(i));
    }
    compare::equal(what, got, expected)
}

fn load(case: &Json) -> Eval<()> {
    let scope = Scope::default();
    let model = ast::statements(&case["model_ast"]).or_else(bug)?;
    let change = ast::statements(&case["change_ast"]).or_else(bug)?;
    let module = module_of(scope.run(&model)?)?;
    let before = module.read(|m| m.state_dict());
    // A plain copy has no metadata.
    let plain = Dict {
        is_state_dict: false,
        ..module_object::dict_of(&before)
    };
    scope.set("m", Value::Module(module.clone()));
    scope.set("s", Value::dict(plain));
    scope.run(&change)?;
    let Some(state) = scope.get("s") else {
        return bug("no s");
    };
    let strict = Value::Bool(
        case["strict"]
            .as_bool()
            .ok_or(EvalError::Bug("no strict".into()))?,
    );
    let args = Args {
        positional: vec![state, strict],
        keyword: Vec::new(),
    };
    match (
        call_method(&module, "load_state_dict", args),
        case["error"].as_str(),
    ) {
        (Ok(result), None) => compare::equal("result", result.as_str()?, text(&case["result"])?)?,
        (Err(EvalError::Raised(got)), Some(expected)) => error_text(&got, expected, false)?,
        (Ok(_), Some(expected)) => return bug(format!("no error, expected {expected:?}")),
        (Err(other), _) => return Err(other),
    }
    let after = module.read(|m| m.state_dict());
    let changed: Vec<&str> = before
        .iter()
        .filter(|(name, old)| after.get(name).is_none_or(|new| !same_values(old, new)))
        .map(|(name, _)| name)
        .collect();
    compare::equal(
        "changed entries",
        &changed,
        &texts(&case["changed_entries"])?,
    )
}

fn same_values(a: &Tensor, b: &Tensor) -> bool {
    a.shape() == b.shape() && a.to_vec_f64() == b.to_vec_f64()
}

/// PyTorch's text without the exception's type.
fn without_type(error: &str) -> &str {
    error.split_once(": ").map_or(error, |(_, text)| text)
}

/// pleach's text must be PyTorch's word for word; if `contained`, it may add where in the tree it
/// was.
fn error_text(got: &str, expected: &str, contained: bool) -> Eval<()> {
    let wanted = without_type(expected);
    match got == wanted || (contained && got.contains(wanted)) {
        true => Ok(()),
        false => bug(format!("error {got:?}, expected {wanted:?}")),
    }
}

fn error(case: &Json) -> Eval<()> {
    let applies = case["applies"].as_str();
    let scope = Scope::default();
    let statements = ast::statements(&case["ast"]).or_else(bug);
    let result = statements.and_then(|statements| scope.run(&statements));
    match (applies, result, case["error"].as_str()) {
        // Not if the evaluator could run it after all: then the types do not rule it out.
        (Some("typed out"), Err(EvalError::Unknown(_) | EvalError::Bug(_)), _) => {
            Err(EvalError::TypedOut("nothing like it".into()))
        }
        (Some("typed out"), result, expected) => error_outcome(result, expected),
        (Some("right instead"), result, _) => {
            result?;
            right_gradients(&scope, list(&case["ast"])?)
        }
        (Some(other), ..) => bug(format!("applies: {other}")),
        (None, result, expected) => error_outcome(result, expected),
    }
}

/// The error that is expected, or none.
fn error_outcome(result: Eval, expected: Option<&str>) -> Eval<()> {
    match (result, expected) {
        (Ok(_), None) => Ok(()),
        (Err(EvalError::Raised(got)), Some(expected)) => error_text(&got, expected, true),
        (Ok(_), Some(expected)) => bug(format!("no error, expected {expected:?}")),
        (Err(other), _) => Err(other),
    }
}

/// The gradients must be those of the values that the graph saw: of the same code with every
/// in-place change of a computed value written as an assignment, and without those of leaves.
fn right_gradients(scope: &Scope, statements: &[Json]) -> Eval<()> {
    let fresh = Scope::default();
    let mut pure = Vec::new();
    for statement in statements {
        pure.extend(without_in_place(statement));
    }
    if pure == statements {
        return bug("nothing here changes a value in place");
    }
    fresh.run(&ast::statements(&json!(pure)).or_else(bug)?)?;
    let mut compared = 0;
    for (name, value) in scope.variables() {
        let expected = fresh.get(&name).as_ref().and_then(leaf_grad);
        let (got, expected) = match (leaf_grad(&value), expected) {
            (Some(got), Some(expected)) => (got, expected),
            (None, None) => continue,
            _ => {
                return bug(format!(
                    "{name} has a gradient with or without the change only"
                ));
            }
        };
        compare::tensors(
            &format!("gradient of {name}"),
            &got,
            &expected,
            compare::Tolerance::EXACT,
        )?;
        compared += 1;
    }
    match compared {
        0 => bug("no gradient was computed"),
        _ => Ok(()),
    }
}

fn leaf_grad(value: &Value) -> Option<Tensor> {
    match value {
        Value::Tensor(t) if t.borrow().is_leaf() => t.borrow().grad(),
        Value::Parameter(p) => p.grad(),
        _ => None,
    }
}

/// `y += e` as `y = y + e` and `y.f_(..)` as `y = y.f(..)`; nothing for a block (of `no_grad`) or
/// for a change through `.data`, which no graph sees.
fn without_in_place(statement: &Json) -> Option<Json> {
    if statement.get("with").is_some() {
        return None;
    }
    if let Some(op) = statement.get("update") {
        let (target, value) = (&statement["target"], &statement["value"]);
        return Some(json!({
            "assign": target,
            "value": {"binary": op, "x": target, "y": value},
        }));
    }
    let callee = &statement["expr"]["call"];
    match callee["attr"]
        .as_str()
        .and_then(|name| name.strip_suffix('_'))
    {
        Some(pure) if callee["of"].get("name").is_some() => {
            let mut call = statement["expr"].clone();
            call["call"]["attr"] = json!(pure);
            Some(json!({"assign": callee["of"], "value": call}))
        }
        Some(_) => None,
        None => Some(statement.clone()),
    }
}
