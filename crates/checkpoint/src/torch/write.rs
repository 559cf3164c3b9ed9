//! Writing `.pth` files, as PyTorch 1.6 and later do.

use std::collections::HashMap;
use std::io::Write;

use pleach_core::Tensor;

use crate::memory::bytes_of_tensor;
use crate::pickle::{self, Saved};
use crate::zip::ArchiveWriter;
use crate::{Error, Result, Value};

/// The part of a memory that tensors use.
struct Part {
    /// Some tensor in it.
    tensor: Tensor,
    start: usize,
    end: usize,
}

/// Writes a value. `root` is the folder in the archive.
pub(crate) fn write(value: &Value, out: &mut dyn Write, root: &str) -> Result<()> {
    let mut parts = Parts::default();
    parts.collect(value, 0)?;
    let pickle = pickle::write(value, &|tensor| parts.saved(tensor))?;
    let mut archive = ArchiveWriter::new(out);
    archive.add(&format!("{root}/data.pkl"), &[&pickle])?;
    archive.add(&format!("{root}/byteorder"), &[b"little"])?;
    for (number, part) in parts.all.iter().enumerate() {
        let len = part.end - part.start;
        let used = part.tensor.as_strided([len], [1], part.start)?;
        let name = format!("{root}/data/{number}");
        if cfg!(target_endian = "big") {
            archive.add(&name, &[&used.to_le_bytes()])?;
        } else {
            archive.add(&name, &[bytes_of_tensor(&used)?])?;
        }
    }
    archive.add(&format!("{root}/version"), &[b"3\n"])?;
    archive.finish()?;
    Ok(())
}

#[derive(Default)]
struct Parts {
    all: Vec<Part>,
    by_memory: HashMap<usize, usize>,
}

impl Parts {
    /// Notes the memory of all tensors in a value.
    fn collect(&mut self, value: &Value, depth: usize) -> Result<()> {
        if depth > pickle::MOST_DEPTH {
            return Err(pickle::too_deep());
        }
        match value {
            Value::Tensor(tensor) | Value::Parameter { data: tensor, .. } => self.add(tensor),
            Value::Unsigned(tensor) => self.add(&tensor.bits),
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                for item in items {
                    self.collect(item, depth + 1)?;
                }
            }
            Value::Dict(dict) => {
                for (_, value) in dict.iter() {
                    self.collect(value, depth + 1)?;
                }
                for (_, value) in dict.attributes().iter().filter(|_| dict.is_ordered()) {
                    self.collect(value, depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, tensor: &Tensor) {
        let (start, end) = extent(tensor);
        let all = &mut self.all;
        let number = *self
            .by_memory
            .entry(tensor.storage_id())
            .or_insert_with(|| {
                all.push(Part {
                    tensor: tensor.detach(),
                    start,
                    end,
                });
                all.len() - 1
            });
        let part = &mut all[number];
        if part.start == part.end {
            (part.start, part.end) = (start, end);
        } else if start < end {
            part.start = part.start.min(start);
            part.end = part.end.max(end);
        }
    }

    /// Where a tensor will be found.
    fn saved(&self, tensor: &Tensor) -> Result<Saved> {
        let number = self.by_memory.get(&tensor.storage_id()).copied();
        let number = number.ok_or_else(|| {
            Error::Unwritable("a tensor came into the value while it was saved".to_string())
        })?;
        let part = &self.all[number];
        let (start, end) = extent(tensor);
        Ok(Saved {
            storage: number,
            len: part.end - part.start,
            offset: if start < end { start - part.start } else { 0 },
        })
    }
}

/// The range of the memory in which the tensor's elements are; empty if there are none.
fn extent(tensor: &Tensor) -> (usize, usize) {
    let start = tensor.storage_offset();
    if tensor.numel() == 0 {
        return (start, start);
    }
    let dims = tensor.shape().iter().zip(tensor.strides());
    let last: usize = dims.map(|(size, stride)| (size - 1) * stride).sum();
    (start, start + last + 1)
}
