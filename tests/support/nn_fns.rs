//! Functions of `torch.nn.functional`.

use super::value::{Builtin, Value};

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "linear" => |a| {
            let a = a.bind("linear", &["input", "weight", "bias"])?;
            let bias = a.opt_tensor("bias")?;
            Ok(Value::tensor(a.tensor("input")?.linear(&a.tensor("weight")?, bias.as_ref())?))
        },
        "relu" => |a| Ok(Value::tensor(a.bind("relu", &["input"])?.tensor("input")?.relu()?)),
        "softmax" => |a| {
            let a = a.bind("softmax", &["input", "dim"])?;
            Ok(Value::tensor(a.tensor("input")?.softmax(a.i64("dim")?)?))
        },
        "log_softmax" => |a| {
            let a = a.bind("log_softmax", &["input", "dim"])?;
            Ok(Value::tensor(a.tensor("input")?.log_softmax(a.i64("dim")?)?))
        },
        _ => return None,
    })
}
