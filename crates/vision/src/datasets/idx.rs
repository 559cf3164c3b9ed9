//! The IDX format of the MNIST files.

use std::path::Path;

use pleach_core::Tensor;

use super::file::Content;
use crate::Result;

/// Reads an IDX file of unsigned bytes, also one that is compressed by gzip.
///
/// The format (<http://yann.lecun.com/exdb/mnist/>): two zeros, the type (8: unsigned byte), the
/// number of dimensions, each size as four bytes with the highest first, the values.
///
/// # Errors
/// If the file cannot be read, is no IDX file of bytes, or is shorter or longer than it says.
pub fn read_idx(path: impl AsRef<Path>) -> Result<Tensor> {
    let mut file = Content::open(path.as_ref())?;
    let magic = file.number("the magic number")?;
    let [zero, zero_too, kind, rank] = magic.to_be_bytes();
    if (zero, zero_too) != (0, 0) || rank == 0 {
        return Err(file.wrong(format!("no IDX file: it begins with {magic:#010x}")));
    }
    if kind != 8 {
        return Err(file.wrong(format!(
            "type {kind:#04x}, but only bytes (0x08) can be read"
        )));
    }
    let mut shape = Vec::new();
    for d in 0..rank {
        shape.push(file.number(&format!("size {d}"))? as usize);
    }
    let bytes = shape
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size));
    let Some(bytes) = bytes else {
        return Err(file.wrong(format!("more values than memory has bytes: {shape:?}")));
    };
    let values = file.take(bytes as u64, "values")?;
    file.end()?;
    Ok(Tensor::from_vec(values, &shape[..])?)
}
