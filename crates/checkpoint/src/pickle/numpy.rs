//! NumPy's numbers and arrays in a pickle.

use super::fault::What;
use super::globals::Known;
use super::machine::Machine;
use super::node::{ArrayNode, ArrayType, Item, Node, TEXT_PER_VALUE};
use super::rebuild::Made;
use crate::element::Element;
use crate::memory::row_major;
use crate::npy::element_of_code;

impl ArrayType {
    /// The elements as those of a tensor; `None` if tensors have none such.
    pub fn element(&self) -> Option<Element> {
        let element = element_of_code(&self.code)?;
        (!self.has_fields).then_some(element)
    }

    /// As NumPy writes it: `>i4`.
    pub fn name(&self) -> String {
        let order = if self.big_endian { ">" } else { "" };
        format!("{order}{}", self.code)
    }
}

impl Machine<'_> {
    /// Bytes in any of the forms that the protocols have for them.
    pub fn bytes_of(&self, item: Item) -> Option<&[u8]> {
        match item {
            Item::Bytes(span) | Item::Text(span) => Some(span.of(self.cursor.bytes)),
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Bytes(bytes) => Some(bytes),
                Node::Text(text) => Some(text.as_bytes()),
                _ => None,
            },
            _ => None,
        }
    }

    fn array_type_of(&self, item: Item) -> Result<&ArrayType, What> {
        if let Item::Node(n) = item
            && let Node::ArrayType(kind) = &self.nodes[n as usize]
        {
            return Ok(kind);
        }
        Err(self.wrong("the type of an array", item))
    }

    /// `numpy.dtype('f4', False, True)`.
    pub fn numpy_dtype(&self, args: &[Item]) -> Result<Node, What> {
        let code = args.first().and_then(|&code| self.text_of(code));
        let Some(code) = code else {
            return Err(What::Corrupt("a NumPy dtype without a name".to_string()));
        };
        let plain = code.trim_start_matches(['<', '>', '|', '=']);
        Ok(Node::ArrayType(Box::new(ArrayType {
            code: plain.to_string(),
            big_endian: code.starts_with('>'),
            has_fields: false,
        })))
    }

    /// The state of a dtype: version, byte order, what it is an array of, names of fields, ...
    pub fn build_numpy_dtype(&mut self, n: u32, state: Item) -> Result<(), What> {
        let state = self.tuple_of("the state of a NumPy dtype", state)?;
        let (order, parts) = match state {
            [Item::Int(_), order, parts @ ..] if parts.len() >= 2 => (*order, &parts[..2]),
            _ => {
                return Err(What::Corrupt(
                    "an unknown state of a NumPy dtype".to_string(),
                ));
            }
        };
        let has_fields = parts.iter().any(|part| !matches!(part, Item::None));
        let big_endian = self.bytes_of(order) == Some(b">");
        if let Node::ArrayType(kind) = &mut self.nodes[n as usize] {
            kind.big_endian = big_endian;
            kind.has_fields = has_fields;
        }
        Ok(())
    }

    /// The state of an array: version, shape, dtype, order and data.
    pub fn build_numpy_array(&mut self, n: u32, state: Item) -> Result<(), What> {
        let (shape, kind, fortran, data) =
            match *self.tuple_of("the state of a NumPy array", state)? {
                [Item::Int(_), shape, kind, fortran, data] | [shape, kind, fortran, data] => {
                    (shape, kind, fortran, data)
                }
                _ => {
                    return Err(What::Corrupt(
                        "an unknown state of a NumPy array".to_string(),
                    ));
                }
            };
        let fortran_order = self.flag_of("the order of a NumPy array", fortran)?;
        let array = self.numpy_array(shape, kind, fortran_order, data)?;
        self.nodes[n as usize] = Node::Array(Some(array));
        Ok(())
    }

    /// An array of these bytes, or objects.
    fn numpy_array(
        &mut self,
        shape: Item,
        kind: Item,
        fortran_order: bool,
        data: Item,
    ) -> Result<Box<ArrayNode>, What> {
        let kind = self.array_type_of(kind)?.clone();
        let shape = self.counts_of("the shape of a NumPy array", shape)?;
        if row_major(&shape).is_none() {
            let what = format!("a shape of more than can be counted: {shape:?}");
            return Err(What::Corrupt(what));
        }
        if let Some(element) = kind.element() {
            let Some(bytes) = self.bytes_of(data).map(<[u8]>::len) else {
                return Err(self.wrong("the data of a NumPy array", data));
            };
            let numel: usize = shape.iter().product();
            if numel.checked_mul(element.size_of()) != Some(bytes) {
                let what = format!(
                    "{bytes} bytes of data are there for a NumPy array of type {} and shape \
                     {shape:?}",
                    kind.name()
                );
                return Err(What::Corrupt(what));
            }
            self.count(bytes / TEXT_PER_VALUE)?;
        }
        Ok(Box::new(ArrayNode {
            kind,
            shape,
            fortran_order,
            data,
        }))
    }

    /// What a call of one of NumPy's functions would make.
    pub fn numpy_call(&mut self, known: Known, args: &[Item]) -> Result<Made, What> {
        match (known, args) {
            (Known::NumpyDType, _) => Ok(Made::Node(self.numpy_dtype(args)?)),
            (Known::NumpyReconstruct, &[Item::Global(Known::NumpyArrayClass, _), _, _]) => {
                Ok(Made::Node(Node::Array(None)))
            }
            // A class that is a kind of array: the object is built as any other.
            (Known::NumpyReconstruct, &[Item::Global(Known::Foreign, class), ..]) => {
                Ok(Made::Node(self.object(class, false, &[], Item::None)))
            }
            (Known::NumpyFromBuffer, &[data, kind, shape, order, ..]) => {
                let fortran = match self.bytes_of(order) {
                    Some(b"C") => false,
                    Some(b"F") => true,
                    _ => {
                        let what = "the order of a NumPy array that is neither C nor F";
                        return Err(What::Unsupported(what.to_string()));
                    }
                };
                let array = self.numpy_array(shape, kind, fortran, data)?;
                Ok(Made::Node(Node::Array(Some(array))))
            }
            (Known::NumpyScalar, &[kind, data]) => self.numpy_scalar(kind, data),
            _ => Err(What::Corrupt(format!(
                "a call of {known:?} with {} arguments",
                args.len()
            ))),
        }
    }

    /// A NumPy number becomes a number.
    fn numpy_scalar(&mut self, kind: Item, data: Item) -> Result<Made, What> {
        let array_type = self.array_type_of(kind)?.clone();
        let size = array_type.element().map(Element::size_of);
        let bytes = self.bytes_of(data).unwrap_or_default();
        if array_type.has_fields || size.is_some_and(|size| size != bytes.len()) {
            let what = format!(
                "{} bytes of data are there for a NumPy number of type {}",
                bytes.len(),
                array_type.name()
            );
            return Err(match array_type.has_fields {
                true => What::Unsupported("a NumPy record".to_string()),
                false => What::Corrupt(what),
            });
        }
        let mut wide = [0u8; 8];
        if let Some(size) = size {
            // The lowest byte first.
            wide[..size].copy_from_slice(bytes);
            if array_type.big_endian {
                wide[..size].reverse();
            }
        }
        let bits = u64::from_le_bytes(wide);
        let item = match array_type.code.as_str() {
            "b1" => Item::Bool(bits != 0),
            "i1" => Item::Int((bits as i8).into()),
            "i2" => Item::Int((bits as i16).into()),
            "i4" => Item::Int((bits as i32).into()),
            "i8" => Item::Int(bits as i64),
            "u1" | "u2" | "u4" | "u8" => match i64::try_from(bits) {
                Ok(value) => Item::Int(value),
                Err(_) => return Ok(Made::Node(Node::BigInt(Box::new(bits.into())))),
            },
            "f2" => Item::Float(half::f16::from_bits(bits as u16).into()),
            "f4" => Item::Float(f32::from_bits(bits as u32).into()),
            "f8" => Item::Float(f64::from_bits(bits)),
            code if code.starts_with('U') => {
                let text = utf32(bytes, array_type.big_endian)?;
                self.count(text.len() / TEXT_PER_VALUE)?;
                return Ok(Made::Node(Node::Text(text.into())));
            }
            code if code.starts_with('S') => {
                let bytes: Box<[u8]> = bytes.into();
                self.count(bytes.len() / TEXT_PER_VALUE)?;
                return Ok(Made::Node(Node::Bytes(bytes)));
            }
            _ => {
                let array = ArrayNode {
                    kind: array_type,
                    shape: Vec::new(),
                    fortran_order: false,
                    data,
                };
                return Ok(Made::Node(Node::Array(Some(Box::new(array)))));
            }
        };
        Ok(Made::Item(item))
    }
}

/// A text of NumPy, without the zeros that fill it up.
fn utf32(bytes: &[u8], big_endian: bool) -> Result<String, What> {
    let (chars, rest) = bytes.as_chunks::<4>();
    let text: Option<String> = chars
        .iter()
        .map(|&c| match big_endian {
            true => char::from_u32(u32::from_be_bytes(c)),
            false => char::from_u32(u32::from_le_bytes(c)),
        })
        .collect();
    match text {
        Some(text) if rest.is_empty() => Ok(text.trim_end_matches('\0').to_string()),
        _ => Err(What::Corrupt("a NumPy text that is none".to_string())),
    }
}
