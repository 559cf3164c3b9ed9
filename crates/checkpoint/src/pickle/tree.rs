//! From nodes to a [`Value`], when the tensors' data is there.

use std::collections::HashMap;

use pleach_core::Tensor;

use super::globals::Known;
use super::machine::Pickled;
use super::node::{DictNode, Item, Node, TensorNode};
use crate::{Dict, Error, Limits, Result, Value};

/// The pickle's value. `storages` has a tensor over all elements of each of its storages.
pub(crate) fn build(
    pickled: &Pickled,
    storages: &[Tensor],
    label: &str,
    limits: &Limits,
) -> Result<Value> {
    let mut builder = Builder {
        pickled,
        storages,
        tensors: HashMap::new(),
        values: 0,
        label,
        limits,
    };
    builder.value(pickled.root, 0)
}

struct Builder<'a> {
    pickled: &'a Pickled<'a>,
    storages: &'a [Tensor],
    /// Tensors by node, so that what is one tensor there is one here.
    tensors: HashMap<u32, Tensor>,
    values: usize,
    label: &'a str,
    limits: &'a Limits,
}

impl Builder<'_> {
    fn corrupt(&self, what: &str) -> Error {
        Error::corrupt(self.label, what)
    }

    fn value(&mut self, item: Item, depth: usize) -> Result<Value> {
        self.values += 1;
        if self.values > self.limits.values {
            let what = "values in a pickle, counting shared ones each time";
            return Err(Error::limit(self.label, what, self.limits.values));
        }
        if depth > self.limits.depth {
            let what = "containers within containers";
            return Err(Error::limit(self.label, what, self.limits.depth));
        }
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
            Item::Node(n) => return self.node(n, depth),
        })
    }

    fn node(&mut self, n: u32, depth: usize) -> Result<Value> {
        let pickled = self.pickled;
        Ok(match &pickled.nodes[n as usize] {
            Node::List(items) => Value::List(self.values(items, depth)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, depth)?),
            Node::Set(items) => Value::Set(self.values(items, depth)?),
            Node::Size(items) => Value::Size(items.iter().filter_map(|i| size(*i)).collect()),
            Node::Dict(dict) => Value::Dict(self.dict(dict, depth)?),
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

    fn values(&mut self, items: &[Item], depth: usize) -> Result<Vec<Value>> {
        // Not `with_capacity`: shared containers would add up before they are counted.
        let mut out = Vec::new();
        for &item in items {
            out.push(self.value(item, depth + 1)?);
        }
        Ok(out)
    }

    fn dict(&mut self, node: &DictNode, depth: usize) -> Result<Dict> {
        let mut entries = Vec::new();
        for &(key, value) in &node.items {
            let key = self.value(key, depth + 1)?;
            if !key.is_hashable() {
                let what = format!("{} as the key of a dict", key.type_name());
                return Err(self.corrupt(&what));
            }
            entries.push((key, self.value(value, depth + 1)?));
        }
        let mut dict = Dict::from_entries(entries);
        dict.set_ordered(node.ordered);
        for &(name, value) in &node.attributes {
            let Item::Text(name) = name else {
                return Err(self.corrupt("an attribute whose name is no text"));
            };
            let name = name.text(self.pickled.bytes).to_string();
            let value = self.value(value, depth + 1)?;
            dict.set_attribute(name, value);
        }
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
