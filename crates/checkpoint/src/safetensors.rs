//! `.safetensors` files: the length of a JSON header in 8 bytes, the header with each tensor's
//! name, dtype, shape and place, and the data.

use std::collections::HashMap;
use std::io::Write;

use ::safetensors::tensor::{Dtype, Metadata};
use pleach_core::{DType, Tensor};

use crate::array::{array_of, bytes_to_write, of_element, write_tensor};
use crate::element::Element;
use crate::memory::{Extent, bytes_of_tensor, converted, read_all, row_major};
use crate::source::Source;
use crate::{Dict, Error, Limits, Result, Value};

const HEADER: &str = "header";
/// The header's entry that is no tensor, and the attribute that holds it.
const METADATA: &str = "__metadata__";
/// Metadata by which other programs know whose conventions the names follow.
const FORMAT: (&str, &str) = ("format", "pt");

/// Whether a file that starts like this can be one.
pub(crate) fn is_one(start: &[u8], len: u64) -> bool {
    match start.split_first_chunk::<8>() {
        Some((n, [b'{', ..])) => u64::from_le_bytes(*n) <= len - 8,
        _ => false,
    }
}

pub(crate) fn load(source: &Source, limits: &Limits, dtype: Option<DType>) -> Result<Value> {
    let mut n = [0; 8];
    if source.len() < 8 {
        let what = format!("a file of {} bytes has no room for it", source.len());
        return Err(Error::corrupt(HEADER, what));
    }
    source.read_exact_at(&mut n, 0)?;
    let n = u64::from_le_bytes(n);
    if n > source.len() - 8 {
        let what = format!(
            "its {n} bytes reach beyond the file of {} bytes",
            source.len()
        );
        return Err(Error::corrupt(HEADER, what));
    }
    if n > limits.header_bytes as u64 {
        return Err(Error::limit(
            HEADER,
            "bytes of a header",
            limits.header_bytes,
        ));
    }
    let header = source.read_vec(8, n as usize)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|e| Error::corrupt(HEADER, e.to_string()))?;
    let data = source.len() - 8 - n;
    if header.data_len() as u64 != data {
        let what = format!(
            "it tells of {} bytes of data, and {data} are there",
            header.data_len()
        );
        return Err(Error::corrupt(HEADER, what));
    }
    read_tensors(source, &header, 8 + n, dtype)
}

fn read_tensors(
    source: &Source,
    header: &Metadata,
    start: u64,
    dtype: Option<DType>,
) -> Result<Value> {
    // By place, and of the empty ones at one place by name.
    let mut names = header.offset_keys();
    names.sort_by_key(|name| {
        (
            header.info(name).map(|info| info.data_offsets),
            name.clone(),
        )
    });
    let mut extents = Vec::with_capacity(names.len());
    let mut shapes = Vec::with_capacity(names.len());
    for name in &names {
        let info = header.info(name).expect("the header listed the name");
        let Some(element) = element_of(info.dtype) else {
            let what = format!("a tensor of type {} has no equal here", info.dtype);
            return Err(Error::unsupported(format!("tensor '{name}'"), what));
        };
        let Some(strides) = row_major(&info.shape) else {
            let what = format!("a shape of more than can be counted: {:?}", info.shape);
            return Err(Error::corrupt(format!("tensor '{name}'"), what));
        };
        shapes.push((&info.shape, strides, element));
        extents.push(Extent {
            name: format!("tensor '{name}'"),
            element,
            len: info.shape.iter().product(),
            offset: start + info.data_offsets.0 as u64,
            big_endian: false,
            crc: None,
            before: Vec::new(),
        });
    }
    let tensors = converted(read_all(source, &extents)?, dtype)?;
    let mut entries = Vec::with_capacity(names.len());
    for ((name, tensor), (shape, strides, element)) in names.into_iter().zip(tensors).zip(shapes) {
        let tensor = tensor.as_strided(shape.as_slice(), strides, 0)?;
        entries.push((name, tensor, element));
    }
    let metadata = header.metadata().clone().unwrap_or_default();
    // The crate's own kind of map, without its feature `std`.
    let metadata: HashMap<_, _> = metadata.into_iter().collect();
    tie(&mut entries, &metadata)?;
    let entries = entries.into_iter();
    let entries =
        entries.map(|(name, tensor, element)| (Value::Str(name), of_element(tensor, element)));
    let mut dict = Dict::from_entries(entries.collect());
    if header.metadata().is_some() {
        let mut lines: Vec<_> = metadata.into_iter().collect();
        lines.sort();
        let lines = lines
            .into_iter()
            .map(|(k, v)| (Value::Str(k), Value::Str(v)));
        dict.set_attribute(METADATA, Dict::from_entries(lines.collect()));
    }
    Ok(Value::Dict(dict))
}

/// Metadata may say that one name is another's tensor, as `safetensors.torch.save_model` (which
/// leaves the first out of the data) and [`write`] (which does not) have it.
fn tie(
    entries: &mut Vec<(String, Tensor, Element)>,
    metadata: &HashMap<String, String>,
) -> Result<()> {
    let places: HashMap<String, usize> = entries
        .iter()
        .enumerate()
        .map(|(place, (name, ..))| (name.clone(), place))
        .collect();
    let mut ties: Vec<_> = metadata
        .iter()
        .filter(|(name, _)| *name != FORMAT.0)
        .collect();
    ties.sort();
    for (name, original) in ties {
        let Some(&original) = places.get(original) else {
            continue; // metadata of another kind
        };
        let (_, tensor, element) = entries[original].clone();
        match places.get(name) {
            None => entries.push((name.clone(), tensor, element)),
            Some(&place) => {
                let (_, copy, other) = &entries[place];
                let same = (*other, copy.dtype(), copy.shape())
                    == (element, tensor.dtype(), tensor.shape())
                    && bytes_of_tensor(copy)? == bytes_of_tensor(&tensor)?;
                if same {
                    entries[place].1 = tensor;
                }
            }
        }
    }
    Ok(())
}

/// Writes a dict of tensors. Each is written in row-major order and under every name; metadata
/// says which are the same tensor.
pub(crate) fn write(value: &Value, out: &mut dyn Write) -> Result<()> {
    let Value::Dict(dict) = value else {
        let what = format!(
            "a .safetensors file holds a dict of tensors, not {}",
            value.type_name()
        );
        return Err(Error::Unwritable(what));
    };
    let mut tensors = Vec::with_capacity(dict.len());
    for (key, value) in dict.iter() {
        let (Value::Str(name), Some((tensor, element))) = (key, array_of(value)) else {
            return Err(Error::Unwritable(format!(
                "a .safetensors file holds tensors by names, and {key} is {}: save a .pth file, or \
                 the model's state dict alone",
                value.type_name()
            )));
        };
        if name == METADATA {
            let what = format!("no tensor of a .safetensors file can be called {METADATA}");
            return Err(Error::Unwritable(what));
        }
        tensors.push((name.as_str(), tensor, element));
    }
    // The widest types first, so that all are aligned.
    tensors.sort_by_key(|(_, _, element)| std::cmp::Reverse(element.size_of()));
    let header = header(dict, &tensors)?;
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for (_, tensor, _) in &tensors {
        write_tensor(tensor, out)?;
    }
    Ok(())
}

fn header(dict: &Dict, tensors: &[(&str, Tensor, Element)]) -> Result<String> {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut metadata = vec![(FORMAT.0.to_string(), FORMAT.1.to_string())];
    if let Some(Value::Dict(own)) = dict.attribute(METADATA) {
        for (key, value) in own.iter() {
            let (Ok(key), Ok(value)) = (key.as_str(), value.as_str()) else {
                let what = "the metadata of a .safetensors file are texts by texts";
                return Err(Error::Unwritable(what.to_string()));
            };
            // What is said of a tensor is said anew.
            if key != FORMAT.0 && dict.get(key).is_none() {
                metadata.push((key.to_string(), value.to_string()));
            }
        }
    }
    let mut firsts = HashMap::new();
    let mut end = 0u64;
    let mut lines = Vec::with_capacity(tensors.len());
    for (name, tensor, element) in tensors {
        let view = (
            *element,
            tensor.storage_id(),
            tensor.storage_offset(),
            tensor.shape().to_vec(),
            tensor.strides().to_vec(),
        );
        let first = *firsts.entry(view).or_insert(*name);
        if first != *name {
            metadata.push((name.to_string(), first.to_string()));
        }
        let start = end;
        end = end
            .checked_add(bytes_to_write(tensor)?)
            .ok_or_else(|| Error::Unwritable("more bytes than can be counted".to_string()))?;
        lines.push(format!(
            "{}:{{\"dtype\":\"{}\",\"shape\":{:?},\"data_offsets\":[{start},{end}]}}",
            text(name),
            name_of(*element),
            tensor.shape()
        ));
    }
    let metadata: Vec<String> = metadata
        .iter()
        .map(|(key, value)| format!("{}:{}", text(key), text(value)))
        .collect();
    lines.insert(0, format!("\"{METADATA}\":{{{}}}", metadata.join(",")));
    let mut header = format!("{{{}}}", lines.join(","));
    // The data starts at a multiple of 8.
    let padding = header.len().next_multiple_of(8) - header.len();
    header.extend(std::iter::repeat_n(' ', padding));
    Ok(header)
}

const DTYPES: [(Dtype, &str, Element); 13] = [
    (Dtype::F32, "F32", Element::Own(DType::F32)),
    (Dtype::F64, "F64", Element::Own(DType::F64)),
    (Dtype::F16, "F16", Element::Own(DType::F16)),
    (Dtype::BF16, "BF16", Element::Own(DType::BF16)),
    (Dtype::I64, "I64", Element::Own(DType::I64)),
    (Dtype::I32, "I32", Element::Own(DType::I32)),
    (Dtype::I16, "I16", Element::Own(DType::I16)),
    (Dtype::I8, "I8", Element::Own(DType::I8)),
    (Dtype::U8, "U8", Element::Own(DType::U8)),
    (Dtype::U16, "U16", Element::U16),
    (Dtype::U32, "U32", Element::U32),
    (Dtype::U64, "U64", Element::U64),
    (Dtype::BOOL, "BOOL", Element::Own(DType::Bool)),
];

fn element_of(dtype: Dtype) -> Option<Element> {
    let mut all = DTYPES.iter();
    all.find(|entry| entry.0 == dtype).map(|entry| entry.2)
}

fn name_of(element: Element) -> &'static str {
    let mut all = DTYPES.iter();
    all.find(|entry| entry.2 == element)
        .map_or("", |entry| entry.1)
}
