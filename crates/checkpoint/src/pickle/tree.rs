//! From nodes to a [`Value`], when the tensors' data is there.

use std::collections::HashMap;

use pleach_core::Tensor;

use super::globals::Known;
use super::machine::Pickled;
use super::node::{DictNode, Item, Node, TEXT_PER_VALUE, TensorNode};
use crate::{Dict, Error, Limits, Result, Value};

/// The pickle's value. `storages` has a tensor over all elements of each of its storages.
pub(crate) fn build(
    pickled: &Pickled,
    storages: &[Tensor],
    label: &str,
    limits: &Limits,
) -> Result<Value> {
    measure(pickled, label, limits)?;
    let mut builder = Builder {
        pickled,
        storages,
        tensors: HashMap::new(),
        label,
    };
    builder.value(pickled.root)
}

/// Refuses a tree that is too deep or too large, before it is made: what is shared in the pickle
/// is there several times in the tree, and what is in itself without end.
fn measure(pickled: &Pickled, label: &str, limits: &Limits) -> Result<()> {
    /// A little sharing is common, such as of one tuple by all groups of an optimizer.
    const SHARED: usize = 100_000;
    let mut known = vec![None; pickled.nodes.len()];
    let size = size_of(pickled.root, pickled, &mut known, limits.depth)
        .ok_or_else(|| Error::limit(label, "containers within containers", limits.depth))?;
    let texts = pickled.len / TEXT_PER_VALUE;
    let most = (pickled.values + texts).saturating_mul(4);
    let most = most
        .saturating_add(SHARED)
        .min(limits.values.saturating_add(texts));
    match size.values <= most {
        true => Ok(()),
        false => Err(Error::limit(
            label,
            "values in a pickle, those that are shared counted each time",
            most,
        )),
    }
}

/// How large the tree below a value is.
#[derive(Clone, Copy)]
struct Size {
    values: usize,
    depth: usize,
}

/// `None` if it is deeper than `most`.
fn size_of(item: Item, pickled: &Pickled, known: &mut [Option<Size>], most: usize) -> Option<Size> {
    let mut size = Size {
        values: 1,
        depth: 0,
    };
    let n = match item {
        Item::Text(span) | Item::Bytes(span) => {
            size.values += span.len as usize / TEXT_PER_VALUE;
            return Some(size);
        }
        Item::Node(n) => n,
        _ => return Some(size),
    };
    if let Some(size) = known[n as usize] {
        return (size.depth <= most).then_some(size);
    }
    let mut add = |item: Item| -> Option<()> {
        let inner = size_of(item, pickled, known, most.checked_sub(1)?)?;
        size.values = size.values.saturating_add(inner.values);
        size.depth = size.depth.max(inner.depth + 1);
        Some(())
    };
    match &pickled.nodes[n as usize] {
        Node::List(items) | Node::Set(items) => items.iter().try_for_each(|&i| add(i))?,
        Node::Tuple(items) | Node::Size(items) => items.iter().try_for_each(|&i| add(i))?,
        Node::Dict(dict) => {
            let mut pairs = dict.items.iter().chain(&dict.attributes);
            pairs.try_for_each(|&(key, value)| add(key).and_then(|()| add(value)))?;
        }
        Node::Bytes(bytes) => size.values += bytes.len() / TEXT_PER_VALUE,
        Node::Device(name) => size.values += name.len() / TEXT_PER_VALUE,
        // Made once, however often it is shared; its handle is a value.
        Node::Tensor(_) | Node::Parameter(..) | Node::Storage(_) | Node::BigInt(_) => {}
    }
    known[n as usize] = Some(size);
    Some(size)
}

struct Builder<'a> {
    pickled: &'a Pickled<'a>,
    storages: &'a [Tensor],
    /// Tensors by node, so that what is one tensor there is one here.
    tensors: HashMap<u32, Tensor>,
    label: &'a str,
}

impl Builder<'_> {
    fn corrupt(&self, what: &str) -> Error {
        Error::corrupt(self.label, what)
    }

    fn value(&mut self, item: Item) -> Result<Value> {
        let bytes = self.pickled.bytes;
        Ok(match item {
            Item::None => Value::None,
            Item::Bool(value) => Value::Bool(value),
            Item::Int(value) => Value::Int(value.into()),
            Item::Float(value) => Value::Float(value),
            Item::Text(span) => Value::Str(span.text(bytes).to_string()),
            Item::Bytes(span) => Value::Bytes(span.of(bytes).to_vec()),
            Item::Global(Known::DType(name)) => Value::DType(name.to_string()),
            Item::Global(_) => return Err(self.corrupt("a class or function as a value")),
            Item::Node(n) => return self.node(n),
        })
    }

    fn node(&mut self, n: u32) -> Result<Value> {
        let pickled = self.pickled;
        Ok(match &pickled.nodes[n as usize] {
            Node::List(items) => Value::List(self.values(items)?),
            Node::Tuple(items) => Value::Tuple(self.values(items)?),
            Node::Set(items) => Value::Set(self.values(items)?),
            Node::Size(items) => Value::Size(items.iter().filter_map(|i| size(*i)).collect()),
            Node::Dict(dict) => Value::Dict(self.dict(dict)?),
            Node::BigInt(value) => Value::Int(**value),
            Node::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Node::Device(name) => Value::Device(name.to_string()),
            Node::Storage(_) => {
                let what = "a storage without a tensor has no equal here";
                return Err(Error::unsupported(self.label, what));
            }
            Node::Tensor(tensor) => Value::Tensor(self.tensor(n, tensor)?),
            &Node::Parameter(data, requires_grad) => match &pickled.nodes[data as usize] {
                Node::Tensor(tensor) => {
                    let data = self.tensor(data, tensor)?.detach();
                    if requires_grad && !data.dtype().is_float() {
                        return Err(self.corrupt("an integer parameter that requires a gradient"));
                    }
                    Value::Parameter {
                        data,
                        requires_grad,
                    }
                }
                _ => return Err(self.corrupt("a parameter without a tensor")),
            },
        })
    }

    fn values(&mut self, items: &[Item]) -> Result<Vec<Value>> {
        items.iter().map(|&item| self.value(item)).collect()
    }

    fn dict(&mut self, node: &DictNode) -> Result<Dict> {
        let mut entries = Vec::new();
        for &(key, value) in &node.items {
            let key = self.value(key)?;
            if !key.is_hashable() {
                let what = format!("{} as the key of a dict", key.type_name());
                return Err(self.corrupt(&what));
            }
            entries.push((key, self.value(value)?));
        }
        let mut dict = Dict::from_entries(entries);
        dict.set_ordered(node.ordered);
        let mut attributes = Vec::new();
        for &(name, value) in &node.attributes {
            let Item::Text(_) = name else {
                return Err(self.corrupt("an attribute whose name is no text"));
            };
            attributes.push((self.value(name)?, self.value(value)?));
        }
        dict.set_attributes(Dict::from_entries(attributes));
        Ok(dict)
    }

    fn tensor(&mut self, n: u32, node: &TensorNode) -> Result<Tensor> {
        if let Some(made) = self.tensors.get(&n) {
            return Ok(made.clone());
        }
        let base = &self.storages[node.storage];
        let view = base.as_strided(node.shape.as_slice(), node.strides.as_slice(), node.offset)?;
        let tensor = match node.requires_grad {
            // Conversion on load may have made integers of floats.
            true if view.dtype().is_float() => view.requires_grad_(true)?,
            _ => view,
        };
        self.tensors.insert(n, tensor.clone());
        Ok(tensor)
    }
}

fn size(item: Item) -> Option<usize> {
    match item {
        Item::Int(value) => usize::try_from(value).ok(),
        _ => None,
    }
}
