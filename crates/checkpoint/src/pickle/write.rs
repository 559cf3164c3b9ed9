//! Writing a [`Value`] as a pickle of protocol 2, the one that PyTorch's safe reader knows.

use std::collections::HashMap;

use pleach_core::Tensor;

use super::globals::{is_dtype, storage_class};
use crate::element::Element;
use crate::{Dict, Error, Result, Value};

/// Containers within containers that are written; more are not read either.
pub(crate) const MOST_DEPTH: usize = 200;

pub(crate) fn too_deep() -> Error {
    Error::Unwritable(format!(
        "containers within containers (the limit is {MOST_DEPTH})"
    ))
}

/// Where a tensor's elements are in the file.
pub(crate) struct Saved {
    /// The number of the storage.
    pub storage: usize,
    /// Elements of the storage.
    pub len: usize,
    /// The place of the tensor's first element in it.
    pub offset: usize,
}

/// The pickle of a value. `saved` says where a tensor's data is.
pub(crate) fn write(value: &Value, saved: &dyn Fn(&Tensor) -> Result<Saved>) -> Result<Vec<u8>> {
    let mut writer = Writer {
        out: vec![0x80, 2],
        memo: HashMap::new(),
        saved,
    };
    writer.value(value, 0)?;
    writer.out.push(b'.');
    Ok(writer.out)
}

struct Writer<'a> {
    out: Vec<u8>,
    /// The number under which each global is remembered.
    memo: HashMap<String, u32>,
    saved: &'a dyn Fn(&Tensor) -> Result<Saved>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<()> {
        if depth > MOST_DEPTH {
            return Err(too_deep());
        }
        match value {
            Value::None => self.out.push(b'N'),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::BigInt(value) => {
                let bytes = value.to_le_bytes();
                let len = u32::try_from(bytes.len());
                let len = len.map_err(|_| Error::Unwritable("an int of 4 GiB".to_string()))?;
                match u8::try_from(len) {
                    Ok(len) => self.out.extend([0x8a, len]),
                    Err(_) => {
                        self.out.push(0x8b);
                        self.out.extend(len.to_le_bytes());
                    }
                }
                self.out.extend(bytes);
            }
            Value::Float(value) => {
                self.out.push(b'G');
                self.out.extend(value.to_be_bytes());
            }
            Value::Str(text) => self.text(text)?,
            Value::Bytes(bytes) => {
                // Protocol 2 has no bytes: they are a text that is encoded.
                self.global("_codecs", "encode");
                let text: String = bytes.iter().map(|&b| char::from(b)).collect();
                self.text(&text)?;
                self.text("latin1")?;
                self.out.extend([0x86, b'R']);
            }
            Value::List(items) => self.list(items, depth)?,
            Value::Tuple(items) => {
                self.open_tuple(items.len());
                for item in items {
                    self.value(item, depth + 1)?;
                }
                self.close_tuple(items.len());
            }
            Value::Set(items) => {
                self.global("__builtin__", "set");
                self.list(items, depth)?;
                self.out.extend([0x85, b'R']);
            }
            Value::Dict(dict) => self.dict(dict, depth)?,
            Value::Tensor(tensor) => {
                let element = Element::Own(tensor.dtype());
                self.tensor(tensor, element, tensor.requires_grad())?
            }
            Value::Unsigned(tensor) => self.tensor(&tensor.bits, tensor.element, false)?,
            Value::Parameter {
                data,
                requires_grad,
            } => {
                self.global("torch._utils", "_rebuild_parameter");
                self.out.push(b'(');
                self.tensor(data, Element::Own(data.dtype()), false)?;
                self.bool(*requires_grad);
                self.ordered_dict();
                self.out.extend(b"tR");
            }
            Value::Size(sizes) => {
                self.global("torch", "Size");
                self.sizes(sizes);
                self.out.extend([0x85, b'R']);
            }
            Value::DType(name) if is_dtype(name) => self.global("torch", name),
            Value::DType(name) => {
                return Err(Error::Unwritable(format!("torch has no dtype '{name}'")));
            }
            Value::Device(name) => {
                self.global("torch", "device");
                self.text(name)?;
                self.out.extend([0x85, b'R']);
            }
            Value::Opaque(opaque) => {
                return Err(Error::Unwritable(format!(
                    "an object of the unknown class `{}` cannot be written: take the values that \
                     are wanted out of it",
                    opaque.class()
                )));
            }
        }
        Ok(())
    }

    fn bool(&mut self, value: bool) {
        self.out.push(if value { 0x88 } else { 0x89 });
    }

    fn int(&mut self, value: i128) {
        if let Ok(value) = u8::try_from(value) {
            self.out.extend([b'K', value]);
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(b'J');
            self.out.extend(value.to_le_bytes());
        } else {
            self.out.extend([0x8a, 16]);
            self.out.extend(value.to_le_bytes());
        }
    }

    fn text(&mut self, text: &str) -> Result<()> {
        let len = u32::try_from(text.len());
        let len = len.map_err(|_| Error::Unwritable("a text of more than 4 GiB".to_string()))?;
        self.out.push(b'X');
        self.out.extend(len.to_le_bytes());
        self.out.extend(text.as_bytes());
        Ok(())
    }

    /// A global; from the second time on by its number.
    fn global(&mut self, module: &str, name: &str) {
        let full = format!("c{module}\n{name}\n");
        if let Some(number) = self.memo.get(&full) {
            self.out.push(b'j');
            self.out.extend(number.to_le_bytes());
            return;
        }
        let number = self.memo.len() as u32;
        self.out.extend(full.as_bytes());
        self.out.push(b'r');
        self.out.extend(number.to_le_bytes());
        self.memo.insert(full, number);
    }

    fn open_tuple(&mut self, len: usize) {
        if len > 3 {
            self.out.push(b'(');
        }
    }

    fn close_tuple(&mut self, len: usize) {
        self.out.push(match len {
            0 => b')',
            1..=3 => 0x84 + len as u8,
            _ => b't',
        });
    }

    fn sizes(&mut self, sizes: &[usize]) {
        self.open_tuple(sizes.len());
        for &size in sizes {
            self.int(size as i128);
        }
        self.close_tuple(sizes.len());
    }

    fn list(&mut self, items: &[Value], depth: usize) -> Result<()> {
        self.out.push(b']');
        if !items.is_empty() {
            self.out.push(b'(');
            for item in items {
                self.value(item, depth + 1)?;
            }
            self.out.push(b'e');
        }
        Ok(())
    }

    /// An empty `OrderedDict`.
    fn ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.out.extend(b")R");
    }

    fn dict(&mut self, dict: &Dict, depth: usize) -> Result<()> {
        match dict.is_ordered() {
            true => self.ordered_dict(),
            false => self.out.push(b'}'),
        }
        if !dict.is_empty() {
            self.out.push(b'(');
            for (key, value) in dict.iter() {
                self.value(key, depth + 1)?;
                self.value(value, depth + 1)?;
            }
            self.out.push(b'u');
        }
        if dict.is_ordered() && !dict.attributes().is_empty() {
            self.out.extend(b"}(");
            for (name, value) in dict.attributes() {
                self.text(name)?;
                self.value(value, depth + 1)?;
            }
            self.out.extend(b"ub");
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &Tensor, element: Element, requires_grad: bool) -> Result<()> {
        let saved = (self.saved)(tensor)?;
        let class = storage_class(element);
        // Storages of newer types have none; the tensor tells.
        let function = match class {
            Some(_) => "_rebuild_tensor_v2",
            None => "_rebuild_tensor_v3",
        };
        self.global("torch._utils", function);
        self.out.extend(b"((");
        self.text("storage")?;
        let len = match class {
            Some(class) => {
                self.global("torch", class);
                saved.len
            }
            None => {
                self.global("torch.storage", "UntypedStorage");
                saved.len * element.size_of()
            }
        };
        self.text(&saved.storage.to_string())?;
        self.text("cpu")?;
        self.int(len as i128);
        self.out.extend(b"tQ");
        self.int(saved.offset as i128);
        self.sizes(tensor.shape());
        self.sizes(tensor.strides());
        self.bool(requires_grad);
        self.ordered_dict();
        if class.is_none() {
            self.global("torch", &element.to_string()[6..]);
        }
        self.out.extend(b"tR");
        Ok(())
    }
}
