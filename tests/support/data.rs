//! Where the golden data is, and how it is read.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use half::{bf16, f16};
use pleach::{DType, Element, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value as Json;

use super::report::say;
use super::value::{Eval, Value, bug};

/// The folder of one family.
pub struct Family {
    name: String,
    folder: PathBuf,
}

impl Family {
    /// The family's folder under `PLEACH_GOLDEN` (default: `tests/golden`).
    ///
    /// The copy in the repository is whole, so an absent folder is a failure there; a folder that
    /// the user names may hold some families only.
    pub fn open(name: &str) -> Option<Family> {
        let root = std::env::var_os("PLEACH_GOLDEN").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
            PathBuf::from,
        );
        let family = Family {
            name: name.to_string(),
            folder: root.join(name),
        };
        let there = family.folder.is_dir();
        (there || family.absent("")).then_some(family)
    }

    /// Says that something is skipped, or fails; returns false.
    fn absent(&self, file: &str) -> bool {
        let path = self.folder.join(file);
        if std::env::var_os("PLEACH_GOLDEN").is_none() {
            panic!("golden {}: {} is absent", self.name, path.display());
        }
        say(&format!(
            "golden {}: skipped, {} is absent\n",
            self.name,
            path.display()
        ));
        false
    }

    /// The names of the folders in it, sorted.
    pub fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Where a file is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// A file's bytes; `None` if it is absent and may be.
    pub fn bytes(&self, file: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(file);
        if !path.is_file() {
            self.absent(file);
            return None;
        }
        Some(fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    pub fn json(&self, file: &str) -> Option<Json> {
        let bytes = self.bytes(file)?;
        let json = serde_json::from_slice(&bytes);
        Some(json.unwrap_or_else(|e| panic!("golden {}/{file}: {e}", self.name)))
    }

    /// The tensors of a safetensors file.
    pub fn tensors(&self, file: &str) -> Option<Tensors> {
        let bytes = self.bytes(file)?;
        let parsed = SafeTensors::deserialize(&bytes)
            .unwrap_or_else(|e| panic!("golden {}/{file}: {e}", self.name));
        let tensors = parsed
            .iter()
            .map(|(name, view)| {
                let tensor = from_bytes(view.dtype(), view.shape(), view.data());
                let tensor =
                    tensor.unwrap_or_else(|e| panic!("golden {}/{file}: {name}: {e}", self.name));
                (name.to_string(), tensor)
            })
            .collect();
        Some(Tensors(tensors))
    }
}

/// Tensors by name.
pub struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }
    pub fn need(&self, name: &str) -> Eval<&Tensor> {
        self.get(name)
            .map_or_else(|| bug(format!("the file has no tensor {name}")), Ok)
    }
}

fn from_bytes(dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<Tensor, String> {
    macro_rules! read {
        ($t:ty) => {
            values(shape, bytes, |b| {
                <$t>::from_le_bytes(b.try_into().expect("chunks of its size"))
            })
        };
    }
    match dtype {
        Dtype::F32 => read!(f32),
        Dtype::F64 => read!(f64),
        Dtype::F16 => read!(f16),
        Dtype::BF16 => read!(bf16),
        Dtype::I64 => read!(i64),
        Dtype::I32 => read!(i32),
        Dtype::I16 => read!(i16),
        Dtype::I8 => read!(i8),
        Dtype::U8 => read!(u8),
        Dtype::BOOL => values(shape, bytes, |b| b[0] != 0),
        other => Err(format!("dtype {other:?}")),
    }
}

fn values<T: Element>(
    shape: &[usize],
    bytes: &[u8],
    read: impl Fn(&[u8]) -> T,
) -> Result<Tensor, String> {
    let all: Vec<T> = bytes.chunks_exact(size_of::<T>()).map(read).collect();
    Tensor::from_vec(all, shape).map_err(|e| e.to_string())
}

/// The little-endian bytes of a tensor's elements in row-major order.
pub fn to_bytes(tensor: &Tensor) -> Eval<Vec<u8>> {
    macro_rules! write {
        ($t:ty) => {
            tensor
                .to_vec::<$t>()?
                .into_iter()
                .flat_map(|v| v.to_le_bytes())
                .collect()
        };
    }
    Ok(match tensor.dtype() {
        DType::F32 => write!(f32),
        DType::F64 => write!(f64),
        DType::F16 => write!(f16),
        DType::BF16 => write!(bf16),
        DType::I64 => write!(i64),
        DType::I32 => write!(i32),
        DType::I16 => write!(i16),
        DType::I8 => write!(i8),
        DType::U8 => write!(u8),
        DType::Bool => tensor.to_vec::<bool>()?.into_iter().map(u8::from).collect(),
    })
}

/// JSON as a Python value: lists stand for tuples, numbers keep their text.
pub fn python(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) if n.is_f64() => Value::Float(n.to_string()),
        Json::Number(n) => Value::Int(n.to_string()),
        Json::String(text) => Value::str(text),
        Json::Array(items) => Value::Tuple(items.iter().map(python).collect()),
        Json::Object(_) => unreachable!("no golden argument is an object"),
    }
}

/// JSON as keyword arguments.
pub fn keywords(json: &Json) -> Vec<(String, Value)> {
    let pairs = json.as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), python(value)))
        .collect()
}

/// A JSON number, also one that JSON cannot write (`"inf"`, `"nan"`).
pub fn number(json: &Json) -> Eval<f64> {
    match (json.as_f64(), json.as_str()) {
        (Some(value), _) => Ok(value),
        (None, Some(text)) => super::value::parse_float(text),
        _ => bug(format!("not a number: {json}")),
    }
}

pub fn numbers(json: &Json) -> Eval<Vec<f64>> {
    list(json)?.iter().map(number).collect()
}

pub fn list(json: &Json) -> Eval<&Vec<Json>> {
    json.as_array()
        .map_or_else(|| bug(format!("not a list: {json}")), Ok)
}

pub fn text(json: &Json) -> Eval<&str> {
    json.as_str()
        .map_or_else(|| bug(format!("not a text: {json}")), Ok)
}

pub fn texts(json: &Json) -> Eval<Vec<&str>> {
    list(json)?.iter().map(text).collect()
}

pub fn sizes(json: &Json) -> Eval<Vec<usize>> {
    let size = |v: &Json| match v.as_u64() {
        Some(size) => Ok(size as usize),
        None => bug(format!("not a size: {v}")),
    };
    list(json)?.iter().map(size).collect()
}

/// The list under a key of a file; a file without it is broken.
pub fn cases<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key]
        .as_array()
        .unwrap_or_else(|| panic!("the file has no list {key:?}"))
}
