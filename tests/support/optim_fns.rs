//! Optimizers of `torch.optim`.

use super::args::Args;
use super::value::{Builtin, Eval, unknown};

/// An optimizer that Python code holds.
#[derive(Clone)]
pub struct OptimizerHandle;

pub fn find(_name: &str) -> Option<Builtin> {
    None
}
pub fn call_method(_optimizer: &OptimizerHandle, name: &str, _args: Args) -> Eval {
    unknown(format!("Optimizer.{name}"))
}
pub fn attribute(_optimizer: &OptimizerHandle, name: &str) -> Eval {
    unknown(format!("Optimizer.{name}"))
}
