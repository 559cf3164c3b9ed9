//! Classes of `torch.nn`.

use pleach::{Buffer, DType, Parameter};

use super::args::Args;
use super::value::{Builtin, Eval, Value, bug, unknown};

/// A module that Python code holds.
#[derive(Clone)]
pub struct ModuleHandle;

impl ModuleHandle {
    pub fn parameters(&self) -> Vec<(String, Parameter)> {
        Vec::new()
    }
    pub fn buffers(&self) -> Vec<(String, Buffer)> {
        Vec::new()
    }
}

pub fn to_dtype(_module: &ModuleHandle, _dtype: DType) -> Eval<()> {
    bug("no module can exist")
}
pub fn train(_module: &ModuleHandle, _on: bool) {}

pub fn find(_name: &str) -> Option<Builtin> {
    None
}

pub fn call(_module: &ModuleHandle, _args: Args) -> Eval {
    bug("no module can exist")
}
pub fn call_method(_module: &ModuleHandle, name: &str, _args: Args) -> Eval {
    unknown(format!("Module.{name}"))
}
pub fn attribute(_module: &ModuleHandle, name: &str) -> Eval {
    unknown(format!("Module.{name}"))
}
pub fn set_attribute(_module: &ModuleHandle, name: &str, _value: &Value) -> Eval<()> {
    unknown(format!("Module.{name} = .."))
}
pub fn iterate(_module: &ModuleHandle) -> Eval<Vec<Value>> {
    bug("no module can exist")
}
pub fn get_item(_module: &ModuleHandle, _by: &Value) -> Eval {
    bug("no module can exist")
}
