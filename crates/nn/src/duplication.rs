//! [`Duplication`]: how a module is made once more.

use std::any::Any;
use std::collections::HashMap;

use pleach_core::{Buffer, BufferId, ParamId, Parameter};

use crate::{Node, Setting};

/// How a module is made once more, by [`Field::duplicate`](crate::Field::duplicate): as an alias, or
/// as a copy.
pub struct Duplication(Option<Copies>);

/// What a deep copy has copied already, by identity.
#[derive(Default)]
struct Copies {
    parameters: HashMap<ParamId, Parameter>,
    buffers: HashMap<BufferId, Buffer>,
    nodes: HashMap<u64, Node>,
    settings: HashMap<usize, Box<dyn Any>>,
}

impl Duplication {
    /// Handles are shared: what `share()` does.
    pub fn alias() -> Self {
        Duplication(None)
    }

    /// Handles are new ones; what is one handle here is one handle there: what `deep_copy()` does.
    pub fn copy() -> Self {
        Duplication(Some(Copies::default()))
    }

    pub(crate) fn parameter(&mut self, parameter: &Parameter) -> Parameter {
        match &mut self.0 {
            None => parameter.share(),
            Some(copies) => {
                let copy = copies.parameters.entry(parameter.id());
                copy.or_insert_with(|| parameter.deep_copy()).share()
            }
        }
    }

    pub(crate) fn buffer(&mut self, buffer: &Buffer) -> Buffer {
        match &mut self.0 {
            None => buffer.share(),
            Some(copies) => {
                let copy = copies.buffers.entry(buffer.id());
                copy.or_insert_with(|| buffer.deep_copy()).share()
            }
        }
    }

    pub(crate) fn node(&mut self, node: &Node) -> Node {
        match &mut self.0 {
            None => node.share(),
            Some(copies) => {
                let copy = copies.nodes.entry(node.id());
                copy.or_insert_with(|| node.deep_copy()).share()
            }
        }
    }

    pub(crate) fn setting<T: Copy + Send + 'static>(&mut self, setting: &Setting<T>) -> Setting<T> {
        let Some(copies) = &mut self.0 else {
            return setting.share();
        };
        let copy = copies.settings.entry(setting.address());
        let copy = copy.or_insert_with(|| Box::new(Setting::new(setting.get())));
        match copy.downcast_ref::<Setting<T>>() {
            Some(copy) => copy.share(),
            None => unreachable!("an address holds one type while its setting lives"),
        }
    }
}
