//! TorchScript archives: a `.pth` file whose objects are modules, with the modules' programs
//! beside it. Of a program only the two lines are read that name a module's parameters and buffers.

use std::sync::Arc;

use crate::pickle::ScriptClasses;
use crate::value::ScriptClass;
use crate::zip::Archive;
use crate::{Limits, Result};

/// The classes of a TorchScript archive by their full names: none, if it is none.
pub(super) fn classes(archive: &Archive, root: &str, limits: &Limits) -> Result<ScriptClasses> {
    let mut out = ScriptClasses::new();
    let folder = format!("{root}code/");
    let mut left = limits.pickle_bytes;
    for name in archive.names() {
        let file = name.strip_prefix(&folder);
        let Some(file) = file.and_then(|file| file.strip_suffix(".py")) else {
            continue;
        };
        let program = archive.read(name, left, "bytes of TorchScript programs")?;
        left -= program.len();
        let module = file.replace('/', ".");
        classes_of(&module, &String::from_utf8_lossy(&program), &mut out);
    }
    Ok(out)
}

/// The classes of one file, whose lines are `class Net(Module):`, `  __parameters__ = ["w", ]` and
/// `  __buffers__ = ["b", ]`.
fn classes_of(module: &str, program: &str, out: &mut ScriptClasses) {
    let mut here: Option<(String, ScriptClass)> = None;
    let mut keep = |class: Option<(String, ScriptClass)>| {
        if let Some((name, class)) = class {
            out.insert(format!("{module}.{name}"), Arc::new(class));
        }
    };
    for line in program.lines() {
        if let Some(rest) = line.strip_prefix("class ") {
            let name = rest.split(['(', ':']).next().unwrap_or_default();
            keep(here.replace((name.to_string(), ScriptClass::default())));
        } else if let Some((_, class)) = &mut here {
            if let Some(list) = line.strip_prefix("  __parameters__ = [") {
                class.parameters = names_of(list);
            } else if let Some(list) = line.strip_prefix("  __buffers__ = [") {
                class.buffers = names_of(list);
            }
        }
    }
    keep(here);
}

/// The names in `"w", "b", ]`. Names of attributes have no quotes in them.
fn names_of(list: &str) -> Vec<String> {
    let quoted = list.split('"').skip(1).step_by(2);
    quoted.map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_buffers_are_found_in_a_program() {
        let program = "class Net(Module):\n  __parameters__ = [\"w\", \"v\", ]\n  \
                       __buffers__ = []\n  w : Tensor\n  def forward(self):\n    return 1\n\
                       class Norm(Module):\n  __parameters__ = []\n  __buffers__ = [\"mean\", ]\n";
        let mut out = ScriptClasses::new();
        classes_of("__torch__.a", program, &mut out);
        assert_eq!(out.len(), 2);
        assert_eq!(out["__torch__.a.Net"].parameters, ["w", "v"]);
        assert!(out["__torch__.a.Net"].buffers.is_empty());
        assert_eq!(out["__torch__.a.Norm"].buffers, ["mean"]);
    }
}
