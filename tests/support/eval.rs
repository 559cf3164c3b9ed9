//! Runs syntax trees: statements, scopes, calls, attributes.

use std::cell::RefCell;
use std::rc::Rc;

use super::args::Args;
use super::ast::{Expr, Stmt};
use super::value::{Dict, Eval, EvalError, Lambda, Value, bug, dtype, unknown};
use super::{
    builtins, data_fns, init_fns, module_object, nets, nn_classes, nn_fns, numpy_fns, operators,
    optim_fns, tensor_methods, torch_fns, utils_fns, vision_fns,
};

/// Variables, and the scope around them.
#[derive(Clone, Default, Debug)]
pub struct Scope(Rc<Frame>);

#[derive(Default, Debug)]
struct Frame {
    names: RefCell<Vec<(String, Value)>>,
    outer: Option<Scope>,
}

impl Scope {
    fn inside(outer: &Scope) -> Scope {
        Scope(Rc::new(Frame {
            names: RefCell::default(),
            outer: Some(outer.clone()),
        }))
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        let here = self.0.names.borrow();
        match here.iter().find(|(n, _)| n == name) {
            Some((_, value)) => Some(value.clone()),
            None => self.0.outer.as_ref()?.get(name),
        }
    }

    pub fn set(&self, name: &str, value: Value) {
        let mut here = self.0.names.borrow_mut();
        match here.iter_mut().find(|(n, _)| n == name) {
            Some((_, slot)) => *slot = value,
            None => here.push((name.to_string(), value)),
        }
    }

    /// The variables of this scope, without those around it.
    pub fn variables(&self) -> Vec<(String, Value)> {
        self.0.names.borrow().clone()
    }

    /// Runs statements; the value is that of the last one, if it is an expression.
    pub fn run(&self, statements: &[Stmt]) -> Eval {
        let mut last = Value::None;
        for statement in statements {
            last = self.statement(statement)?;
        }
        Ok(last)
    }

    fn statement(&self, statement: &Stmt) -> Eval {
        match statement {
            Stmt::Expr(e) => return self.eval(e),
            Stmt::Assign(target, value) => {
                let value = self.eval(value)?;
                self.assign(target, value)?;
            }
            Stmt::Update(op, target, value) => {
                let (old, value) = (self.eval(target)?, self.eval(value)?);
                let new = operators::update(op, &old, &value)?;
                // A tensor was changed in place; for `x[i] += y` the changed part goes back.
                if !old.is_tensor() || matches!(target, Expr::Index(..)) {
                    self.assign(target, new)?;
                }
            }
            Stmt::Del(targets) => {
                for target in targets {
                    self.delete(target)?;
                }
            }
            Stmt::For(target, items, body) => {
                for item in builtins::iterate(&self.eval(items)?)? {
                    self.assign(target, item)?;
                    self.run(body)?;
                }
            }
            Stmt::With(contexts, body) => {
                for context in contexts {
                    match self.eval(context)? {
                        Value::NoGrad => {}
                        other => return bug(format!("with {other:?}")),
                    }
                }
                pleach::no_grad(|| self.run(body))?;
            }
        }
        Ok(Value::None)
    }

    fn assign(&self, target: &Expr, value: Value) -> Eval<()> {
        match target {
            Expr::Name(name) => self.set(name, value),
            Expr::Attr(of, name) => set_attribute(&self.eval(of)?, name, &value)?,
            Expr::Index(of, by) => {
                operators::set_item(&self.eval(of)?, &self.eval(by)?, &value)?;
            }
            Expr::Tuple(targets) | Expr::List(targets) => {
                let items = builtins::iterate(&value)?;
                if items.len() != targets.len() {
                    return bug(format!(
                        "{} names for {} values",
                        targets.len(),
                        items.len()
                    ));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
            }
            other => return bug(format!("cannot assign to {other:?}")),
        }
        Ok(())
    }

    fn delete(&self, target: &Expr) -> Eval<()> {
        match target {
            Expr::Index(of, by) => match (self.eval(of)?, self.eval(by)?) {
                (Value::Dict(dict), Value::Str(key)) => match dict.borrow_mut().remove(&key) {
                    Some(_) => Ok(()),
                    None => bug(format!("del: no key {key}")),
                },
                (of, by) => bug(format!("del {of:?}[{by:?}]")),
            },
            other => bug(format!("del {other:?}")),
        }
    }

    pub fn eval(&self, expr: &Expr) -> Eval {
        Ok(match expr {
            Expr::Int(text) => Value::Int(text.clone()),
            Expr::Float(text) => Value::Float(text.clone()),
            Expr::Bool(b) => Value::Bool(*b),
            Expr::Str(text) => Value::Str(text.clone()),
            Expr::None => Value::None,
            Expr::Ellipsis => Value::Ellipsis,
            Expr::Name(name) => match self.name(name) {
                Some(value) => value,
                None => return bug(format!("no variable {name}")),
            },
            Expr::Attr(of, name) => attribute(&self.eval(of)?, name)?,
            Expr::Call(callee, args, kwargs) => self.call_expr(callee, args, kwargs)?,
            Expr::Tuple(items) => Value::Tuple(self.eval_all(items)?),
            Expr::List(items) => match items.as_slice() {
                [Expr::Comprehension(..)] => self.eval(&items[0])?,
                _ => Value::list(self.eval_all(items)?),
            },
            Expr::Dict(pairs) => {
                let mut dict = Dict::default();
                for (key, value) in pairs {
                    let key = self.eval(key)?;
                    dict.set(key.as_str()?, self.eval(value)?);
                }
                Value::dict(dict)
            }
            Expr::Unary(op, x) => operators::unary(op, &self.eval(x)?)?,
            Expr::Binary(op, x, y) => operators::binary(op, &self.eval(x)?, &self.eval(y)?)?,
            Expr::Compare(op, x, y) => operators::compare(op, &self.eval(x)?, &self.eval(y)?)?,
            Expr::Index(of, by) => operators::get_item(&self.eval(of)?, &self.eval(by)?)?,
            Expr::Slice(parts) => {
                let part = |i: usize| -> Eval<Option<i64>> {
                    match parts.get(i) {
                        Some(Some(e)) => match self.eval(e)? {
                            Value::None => Ok(None),
                            value => Ok(Some(value.as_i64()?)),
                        },
                        _ => Ok(None),
                    }
                };
                Value::Slice(part(0)?, part(1)?, part(2)?)
            }
            Expr::Lambda(names, body) => Value::Lambda(Rc::new(Lambda {
                names: names.clone(),
                body: (**body).clone(),
                scope: self.clone(),
            })),
            // `*a, *b` and a lone `*a`, as an expression, are a tuple.
            Expr::Star(inner) => Value::Tuple(builtins::iterate(&self.eval(inner)?)?),
            Expr::Comprehension(element, target, items) => {
                let inner = Scope::inside(self);
                let mut out = Vec::new();
                for item in builtins::iterate(&self.eval(items)?)? {
                    inner.assign(target, item)?;
                    out.push(inner.eval(element)?);
                }
                Value::list(out)
            }
        })
    }

    /// Values of expressions, those with a star spread out.
    fn eval_all(&self, exprs: &[Expr]) -> Eval<Vec<Value>> {
        let mut out = Vec::new();
        for e in exprs {
            match e {
                Expr::Star(inner) => out.extend(builtins::iterate(&self.eval(inner)?)?),
                _ => out.push(self.eval(e)?),
            }
        }
        Ok(out)
    }

    fn name(&self, name: &str) -> Option<Value> {
        self.get(name)
            .or_else(|| Some(Value::Path(root(name)?.to_string())))
    }

    fn call_expr(&self, callee: &Expr, args: &[Expr], kwargs: &[(String, Expr)]) -> Eval {
        // What is called comes first: an unknown name decides before its arguments can fail.
        let function = match callee {
            Expr::Name(name) => match self.name(name) {
                Some(value) => value,
                None if nets::find(name).is_some() => Value::Path(format!("user.{name}")),
                None => return unknown(name),
            },
            _ => self.eval(callee)?,
        };
        if let Value::Path(path) = &function
            && find(path).is_none()
        {
            return unknown(path);
        }
        let mut all = Args {
            positional: self.eval_all(args)?,
            keyword: Vec::new(),
        };
        for (name, e) in kwargs {
            all.keyword.push((name.clone(), self.eval(e)?));
        }
        let result = call(&function, all)?;
        // pleach's views do not write through: `x[i].mul_(2)` is written as a change of the part
        // that is put back.
        if let Expr::Attr(of, method) = callee
            && let Expr::Index(base, by) = &**of
            && method.ends_with('_')
            && !method.starts_with('_')
            && let base @ (Value::Tensor(_) | Value::Parameter(_)) = self.eval(base)?
        {
            operators::set_item(&base, &self.eval(by)?, &result)?;
        }
        Ok(result)
    }
}

/// The full name behind a name that Python code imports or has built in.
fn root(name: &str) -> Option<&'static str> {
    Some(match name {
        "torch" => "torch",
        "np" | "numpy" => "numpy",
        "nn" => "torch.nn",
        "F" => "torch.nn.functional",
        "init" => "torch.nn.init",
        "optim" => "torch.optim",
        "LS" => "torch.optim.lr_scheduler",
        "torchvision" => "torchvision",
        "math" => "math",
        "copy" => "copy",
        _ => return builtins::full_name(name),
    })
}

/// A function or class by its full name: every registry of paths is asked.
pub fn find(path: &str) -> Option<super::value::Builtin> {
    builtins::find(path)
        .or_else(|| utils_fns::find(path))
        .or_else(|| torch_fns::find(path.strip_prefix("torch.")?))
        .or_else(|| nn_fns::find(path.strip_prefix("torch.nn.functional.")?))
        .or_else(|| init_fns::find(path.strip_prefix("torch.nn.init.")?))
        .or_else(|| nn_classes::find(path.strip_prefix("torch.nn.")?))
        .or_else(|| data_fns::find(path.strip_prefix("torch.utils.data.")?))
        .or_else(|| optim_fns::find(path.strip_prefix("torch.")?))
        .or_else(|| vision_fns::find(path.strip_prefix("torchvision.models.")?))
        .or_else(|| numpy_fns::find(path.strip_prefix("numpy.")?))
        .or_else(|| nets::find(path.strip_prefix("user.")?))
}

/// Calls a value.
pub fn call(function: &Value, args: Args) -> Eval {
    match function {
        Value::Path(path) => match find(path) {
            Some(builtin) => builtin(args),
            None => unknown(path),
        },
        Value::Method(receiver, name) => call_method(receiver, name, args),
        Value::Lambda(lambda) => {
            let scope = Scope::inside(&lambda.scope);
            if args.positional.len() != lambda.names.len() || !args.keyword.is_empty() {
                return bug("a lambda got other arguments than it takes");
            }
            for (name, value) in lambda.names.iter().zip(args.positional) {
                scope.set(name, value);
            }
            scope.eval(&lambda.body)
        }
        Value::Module(module) => module_object::call(module, args),
        other => bug(format!("{other:?} cannot be called")),
    }
}

fn call_method(receiver: &Value, name: &str, args: Args) -> Eval {
    match receiver {
        v if v.is_tensor() => match tensor_methods::find(name) {
            Some(method) => method(v, args),
            None => unknown(format!("Tensor.{name}")),
        },
        Value::Module(module) => module_object::call_method(module, name, args),
        Value::Optimizer(optimizer) => optim_fns::call_method(optimizer, name, args),
        Value::Dict(dict) => builtins::dict_method(dict, name, args),
        other => bug(format!("{}.{name}()", other.kind())),
    }
}

/// `value.name`, also when it is about to be called.
fn attribute(value: &Value, name: &str) -> Eval {
    match value {
        Value::Path(path) => {
            let path = format!("{path}.{name}");
            Ok(
                match (path.strip_prefix("torch.").and_then(dtype), path.as_str()) {
                    (Some(dtype), _) => Value::DType(dtype),
                    (None, "math.pi") => Value::float(std::f64::consts::PI),
                    (None, "math.inf" | "torch.inf" | "numpy.inf") => Value::Float("inf".into()),
                    (None, "math.nan" | "torch.nan" | "numpy.nan") => Value::Float("nan".into()),
                    _ => Value::Path(path),
                },
            )
        }
        v if v.is_tensor() => match tensor_methods::attribute(v, name)? {
            Some(found) => Ok(found),
            None if tensor_methods::find(name).is_some() => Ok(method(v, name)),
            None => unknown(format!("Tensor.{name}")),
        },
        Value::Module(module) => module_object::attribute(module, name),
        Value::Optimizer(optimizer) => optim_fns::attribute(optimizer, name),
        Value::Dict(_) => Ok(method(value, name)),
        // What `max(dim)` and `sort` return.
        Value::Tuple(pair) if pair.len() == 2 && ["values", "indices"].contains(&name) => {
            Ok(pair[usize::from(name == "indices")].clone())
        }
        other => bug(format!("{}.{name}", other.kind())),
    }
}

/// A method, bound to its receiver.
pub fn method(receiver: &Value, name: &str) -> Value {
    Value::Method(Box::new(receiver.clone()), name.to_string())
}

fn set_attribute(of: &Value, name: &str, value: &Value) -> Eval<()> {
    match of {
        v if v.is_tensor() => tensor_methods::set_attribute(v, name, value),
        Value::Module(module) => module_object::set_attribute(module, name, value),
        other => Err(EvalError::Bug(format!("{}.{name} = ..", other.kind()))),
    }
}
