//! From nodes to a [`Value`], when the tensors' data is there.

use std::collections::HashMap;
use std::sync::Arc;

use pleach_core::Tensor;

use super::globals::{Known, no_equal};
use super::machine::Pickled;
use super::measure::{Cuts, measure};
use super::node::{ArrayNode, DictNode, Item, Node, ObjectNode, TensorNode, type_of};
use crate::array::of_element;
use crate::element::Element;
use crate::memory::{Memory, converted_one, ensure, in_order};
use crate::value::{Kind, Parts, ScriptClass};
use crate::{BigInt, Dict, Error, Loader, Opaque, Result, Value};

/// TorchScript's classes by name.
pub(crate) type ScriptClasses = HashMap<String, Arc<ScriptClass>>;

/// The pickle's value. `storages` has a tensor over all elements of each of its storages, but of
/// those whose elements have no equal.
pub(crate) fn build(
    pickled: &Pickled,
    storages: &[Option<Tensor>],
    label: &str,
    loader: &Loader,
    scripts: &ScriptClasses,
) -> Result<Value> {
    let cuts = measure(pickled, label, &loader.limits, loader.opaque_objects)?;
    let mut builder = Builder {
        pickled,
        storages,
        tensors: HashMap::new(),
        objects: HashMap::new(),
        path: Vec::new(),
        cuts,
        label,
        loader,
        scripts,
    };
    builder.value(pickled.root, None)
}

struct Builder<'a> {
    pickled: &'a Pickled<'a>,
    storages: &'a [Option<Tensor>],
    /// Tensors by node, so that what is one tensor there is one here.
    tensors: HashMap<u32, Tensor>,
    objects: HashMap<u32, Opaque>,
    /// The keys that lead to what is being made, for errors.
    path: Vec<Item>,
    cuts: Cuts,
    label: &'a str,
    loader: &'a Loader,
    scripts: &'a ScriptClasses,
}

impl Builder<'_> {
    /// The pickle, and the entry that is being made.
    fn place(&self) -> String {
        if self.path.is_empty() {
            return self.label.to_string();
        }
        let keys = self.path.iter().map(|key| match key {
            Item::Int(number) => number.to_string(),
            key => {
                let other = || type_of(*key, &self.pickled.nodes);
                self.text(*key).unwrap_or_else(other).to_string()
            }
        });
        let keys: Vec<String> = keys.collect();
        format!("{}, entry '{}'", self.label, keys.join("/"))
    }

    fn corrupt(&self, what: &str) -> Error {
        Error::corrupt(self.place(), what)
    }

    fn unsupported(&self, what: String) -> Error {
        Error::unsupported(self.place(), what)
    }

    fn text(&self, item: Item) -> Option<&str> {
        match item {
            Item::Text(span) => Some(span.text(self.pickled.bytes)),
            Item::Node(n) => match &self.pickled.nodes[n as usize] {
                Node::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    fn name(&self, number: u32) -> &str {
        &self.pickled.names[number as usize]
    }

    /// The value of an item of the node `parent`.
    fn value(&mut self, item: Item, parent: Option<u32>) -> Result<Value> {
        let bytes = self.pickled.bytes;
        Ok(match item {
            Item::None => Value::None,
            Item::Bool(value) => Value::Bool(value),
            Item::Int(value) => Value::Int(value.into()),
            Item::Float(value) => Value::Float(value),
            Item::Text(span) => Value::Str(span.text(bytes).to_string()),
            Item::Bytes(span) => Value::Bytes(span.of(bytes).to_vec()),
            Item::Global(Known::DType(name), _) => Value::DType(name.to_string()),
            Item::Global(_, name) if self.loader.opaque_objects => {
                let parts = Parts::new(self.name(name), Kind::Reference);
                Value::Opaque(parts.into())
            }
            Item::Global(..) => return Err(self.corrupt("a class or function as a value")),
            Item::Node(n) => match parent {
                Some(parent) if self.cuts.contains(&(parent, n)) => self.cycle(n),
                _ => return self.node(n),
            },
        })
    }

    /// What stands for a node that the value is a part of.
    fn cycle(&self, n: u32) -> Value {
        let class = match &self.pickled.nodes[n as usize] {
            Node::Object(object) => self.name(object.class),
            Node::Dict(_) => "builtins.dict",
            Node::List(_) => "builtins.list",
            _ => "builtins.tuple",
        };
        Value::Opaque(Parts::new(class, Kind::Cycle).into())
    }

    fn node(&mut self, n: u32) -> Result<Value> {
        let pickled = self.pickled;
        Ok(match &pickled.nodes[n as usize] {
            Node::List(items) => Value::List(self.values(items, n)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, n)?),
            Node::Set(items) => Value::Set(self.values(items, n)?),
            Node::Size(items) => Value::Size(items.iter().filter_map(|i| size(*i)).collect()),
            Node::Dict(dict) => Value::Dict(self.dict(dict, n)?),
            Node::BigInt(value) => Value::Int(**value),
            Node::HugeInt(bytes) => Value::BigInt(BigInt::from_le_bytes(bytes)),
            Node::Text(text) => Value::Str(text.to_string()),
            Node::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Node::Device(name) => Value::Device(name.to_string()),
            Node::Storage(view) => self.storage(pickled.storages[view.storage].element)?,
            Node::Tensor(tensor) => self.tensor_value(n, tensor)?,
            &Node::Parameter(data, requires_grad) => self.parameter(data, requires_grad)?,
            Node::ArrayType(kind) => match kind.element() {
                Some(element) => Value::DType(element.to_string()[6..].to_string()),
                None => {
                    let what = format!("a NumPy dtype '{}'", kind.name());
                    self.without_equal(what, "numpy.dtype", &[])?
                }
            },
            Node::Array(None) => return Err(self.corrupt("a NumPy array without contents")),
            Node::Array(Some(array)) => self.array(n, array)?,
            Node::Object(object) => {
                if object.no_equal && !self.loader.opaque_objects {
                    let name = self.name(object.class);
                    let what = format!("{} (`{name}`) has no equal here", no_equal(name));
                    return Err(self.unsupported(what));
                }
                Value::Opaque(self.object(n, object)?)
            }
        })
    }

    /// What cannot be had as a value: an error, or an opaque node that says what it is.
    fn without_equal(
        &mut self,
        what: String,
        class: &str,
        state: &[(&str, Value)],
    ) -> Result<Value> {
        if !self.loader.opaque_objects {
            return Err(self.unsupported(format!("{what} has no equal here")));
        }
        let mut parts = Parts::new(class, Kind::Object);
        let mut dict = Dict::new().with("is", what);
        for (name, value) in state {
            dict.insert(*name, value.clone());
        }
        parts.state = Some(Value::Dict(dict));
        Ok(Value::Opaque(parts.into()))
    }

    fn storage(&mut self, element: Option<Element>) -> Result<Value> {
        let what = match element {
            Some(element) => format!("a storage of {element} without a tensor"),
            None => "a storage without a tensor".to_string(),
        };
        self.without_equal(what, "torch.storage.TypedStorage", &[])
    }

    fn values(&mut self, items: &[Item], parent: u32) -> Result<Vec<Value>> {
        let mut out = Vec::with_capacity(items.len());
        for (i, &item) in items.iter().enumerate() {
            self.path.push(Item::Int(i as i64));
            out.push(self.value(item, Some(parent))?);
            self.path.pop();
        }
        Ok(out)
    }

    fn entries(&mut self, pairs: &[(Item, Item)], parent: u32) -> Result<Dict> {
        let mut entries = Vec::with_capacity(pairs.len());
        for &(key, value) in pairs {
            let step = key;
            let key = self.value(key, Some(parent))?;
            if !key.is_hashable() {
                let what = format!("{} as the key of a dict", key.type_name());
                return Err(self.corrupt(&what));
            }
            self.path.push(step);
            entries.push((key, self.value(value, Some(parent))?));
            self.path.pop();
        }
        Ok(Dict::from_entries(entries))
    }

    fn dict(&mut self, node: &DictNode, n: u32) -> Result<Dict> {
        let mut dict = self.entries(&node.items, n)?;
        dict.set_ordered(node.ordered);
        let attributes = node.attributes.iter();
        let mut named = Vec::new();
        for &(name, value) in attributes {
            if self.text(name).is_none() {
                return Err(self.corrupt("an attribute whose name is no text"));
            }
            named.push((self.value(name, Some(n))?, self.value(value, Some(n))?));
        }
        dict.set_attributes(Dict::from_entries(named));
        Ok(dict)
    }

    fn object(&mut self, n: u32, node: &ObjectNode) -> Result<Opaque> {
        if let Some(made) = self.objects.get(&n) {
            return Ok(made.clone());
        }
        let class = self.name(node.class).to_string();
        let script = self.scripts.get(&class).cloned();
        let keywords = match self.value(node.keywords, Some(n))? {
            Value::Dict(dict) => dict,
            _ => Dict::new(),
        };
        let state = match node.state {
            Item::None => None,
            state => Some(self.value(state, Some(n))?),
        };
        let opaque = Opaque::from(Parts {
            class,
            kind: Kind::Object,
            arguments: self.values(&node.arguments, n)?,
            keywords,
            state,
            items: self.values(&node.items, n)?,
            entries: self.entries(&node.entries, n)?,
            script,
        });
        self.objects.insert(n, opaque.clone());
        Ok(opaque)
    }

    fn tensor_value(&mut self, n: u32, node: &TensorNode) -> Result<Value> {
        let element = node.element;
        if let Element::Other(_) = element {
            let what = format!("a tensor of {element}");
            let state = [
                ("dtype", Value::DType(element.to_string()[6..].to_string())),
                ("shape", Value::Size(node.shape.clone())),
            ];
            return self.without_equal(what, "torch.Tensor", &state);
        }
        Ok(of_element(self.tensor(n, node)?, element))
    }

    fn tensor(&mut self, n: u32, node: &TensorNode) -> Result<Tensor> {
        if let Some(made) = self.tensors.get(&n) {
            return Ok(made.clone());
        }
        let Some(base) = &self.storages[node.storage] else {
            return Err(self.corrupt("a tensor whose data was not read"));
        };
        let view = base.as_strided(node.shape.as_slice(), node.strides.as_slice(), node.offset)?;
        let tensor = match node.requires_grad {
            // Conversion on load may have made integers of floats.
            true if view.dtype().is_float() => view.requires_grad_(true)?,
            _ => view,
        };
        self.tensors.insert(n, tensor.clone());
        Ok(tensor)
    }

    fn parameter(&mut self, data: u32, requires_grad: bool) -> Result<Value> {
        let Node::Tensor(tensor) = &self.pickled.nodes[data as usize] else {
            return Err(self.corrupt("a parameter without a tensor"));
        };
        let data = match self.tensor_value(data, tensor)? {
            Value::Tensor(data) => data.detach(),
            Value::Unsigned(_) if requires_grad => {
                return Err(self.corrupt("an integer parameter that requires a gradient"));
            }
            other => return Ok(other),
        };
        if requires_grad && !data.dtype().is_float() {
            return Err(self.corrupt("an integer parameter that requires a gradient"));
        }
        Ok(Value::Parameter {
            data,
            requires_grad,
        })
    }

    fn array(&mut self, n: u32, node: &ArrayNode) -> Result<Value> {
        let Some(element) = node.kind.element() else {
            let data = self.value(node.data, Some(n))?;
            let kind = node.kind.name();
            let what = match (node.kind.has_fields, kind.starts_with('O')) {
                (true, _) => "a NumPy array of records".to_string(),
                (_, true) => "a NumPy array of Python objects".to_string(),
                _ => format!("a NumPy array of type '{kind}'"),
            };
            let state = [
                ("dtype", Value::Str(kind)),
                ("shape", Value::Size(node.shape.clone())),
                ("data", data),
            ];
            return self.without_equal(what, "numpy.ndarray", &state);
        };
        let Some(bits) = element.bits() else {
            return Err(self.corrupt("a NumPy array of a type that NumPy lacks"));
        };
        if let Some(made) = self.tensors.get(&n) {
            return Ok(of_element(made.clone(), element));
        }
        let data: &[u8] = match node.data {
            Item::Bytes(span) | Item::Text(span) => span.of(self.pickled.bytes),
            Item::Node(data) => match &self.pickled.nodes[data as usize] {
                Node::Bytes(bytes) => bytes,
                Node::Text(text) => text.as_bytes(),
                _ => return Err(self.corrupt("a NumPy array without data")),
            },
            _ => return Err(self.corrupt("a NumPy array without data")),
        };
        ensure(data.len() as u64, &self.place())?;
        let mut memory = Memory::new(bits, data.len() / element.size_of());
        let out = memory.bytes_mut();
        if out.len() != data.len() {
            return Err(self.corrupt("a NumPy array of another size than its data"));
        }
        out.copy_from_slice(data);
        let values = converted_one(memory.into_tensor(node.kind.big_endian), self.loader.dtype)?;
        let tensor = in_order(&values, &node.shape, node.fortran_order, &self.place())?;
        self.tensors.insert(n, tensor.clone());
        Ok(of_element(tensor, element))
    }
}

fn size(item: Item) -> Option<usize> {
    match item {
        Item::Int(value) => usize::try_from(value).ok(),
        _ => None,
    }
}
