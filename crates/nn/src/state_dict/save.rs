//! What a module contributes to a state dict.

use pleach_core::{Buffer, Parameter, Tensor};

use super::{StateDict, Versions};
use crate::walk::join;
use crate::{Member, Module};

impl dyn Module {
    /// The state dict of this module and all below it.
    pub(crate) fn save_state(&self) -> StateDict {
        fn walk(module: &dyn Module, path: &str, out: &mut StateDict, versions: &mut Versions) {
            versions.insert(path, module.version());
            own_state(module, &mut |name, state| match state.is_uninitialized() {
                true => out.insert_uninitialized(join(path, name)),
                false => drop(out.insert(join(path, name), state.tensor())),
            });
            module.members(&mut |name, member| {
                if let Member::Child(child) = member {
                    walk(child, &join(path, name), out, versions);
                }
            });
        }
        let (mut out, mut versions) = (StateDict::new(), Versions::new());
        walk(self, "", &mut out, &mut versions);
        out.set_versions(Some(versions));
        out
    }
}

/// A parameter or a persistent buffer.
pub(super) enum State<'a> {
    Parameter(&'a Parameter),
    Buffer(&'a Buffer),
}

impl State<'_> {
    pub(super) fn is_uninitialized(&self) -> bool {
        match self {
            State::Parameter(p) => p.is_uninitialized(),
            State::Buffer(b) => b.is_uninitialized(),
        }
    }

    fn tensor(&self) -> Tensor {
        match self {
            State::Parameter(p) => p.data().detach(),
            State::Buffer(b) => b.tensor(),
        }
    }
}

/// Shows what a module itself contributes to a state dict: parameters, then persistent buffers.
pub(super) fn own_state<'a>(module: &'a dyn Module, f: &mut dyn FnMut(&str, State<'a>)) {
    module.members(&mut |name, member| {
        if let Member::Parameter(p) = member {
            f(name, State::Parameter(p));
        }
    });
    module.members(&mut |name, member| {
        if let Member::Buffer(b) = member
            && b.is_persistent()
        {
            f(name, State::Buffer(b));
        }
    });
}
