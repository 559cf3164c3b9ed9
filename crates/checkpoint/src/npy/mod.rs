//! NumPy's `.npy`, one array, and `.npz`, a zip archive of arrays.

mod header;

use std::io::Write;

use pleach_core::{DType, Tensor};

use self::header::Header;
use crate::memory::{Extent, read_all, row_major};
use crate::safetensors::write_tensor;
use crate::source::Source;
use crate::torch::converted;
use crate::zip::{Archive, ArchiveWriter, Wanted};
use crate::{Dict, Error, Result, Value};

const SUFFIX: &str = ".npy";
/// More than the start of any honest file needs.
const START: usize = 1 << 16;

/// Reads an `.npy` file.
pub(crate) fn load(source: &Source, dtype: Option<DType>) -> Result<Value> {
    const PLACE: &str = "array";
    let start = source.read_vec(0, source.len().min(START as u64) as usize)?;
    let header = Header::read(&start, PLACE)?;
    let len = header.numel(PLACE)?;
    let bytes = len as u64 * header.dtype.size_of() as u64;
    let there = source.len() - header.len as u64;
    if there != bytes {
        let what = format!("{there} bytes of data are there, and {bytes} announced");
        return Err(Error::corrupt(PLACE, what));
    }
    let extent = Extent {
        name: PLACE.to_string(),
        dtype: header.dtype,
        len,
        offset: header.len as u64,
        big_endian: header.big_endian,
        crc: None,
        before: Vec::new(),
    };
    let data = converted(read_all(source, &[extent])?, dtype)?;
    Ok(Value::Tensor(header.shaped(&data[0], PLACE)?))
}

/// Reads an `.npz` file: a dict of its arrays.
pub(crate) fn load_archive(archive: &Archive, dtype: Option<DType>) -> Result<Value> {
    let mut headers = Vec::new();
    let mut wanted = Vec::new();
    for member in archive.names() {
        let Some(name) = member.strip_suffix(SUFFIX) else {
            return Err(Error::unsupported(member, "a member that is no array"));
        };
        let mut start = archive.read_start(member, START)?;
        let header = Header::read(&start, member)?;
        start.truncate(header.len);
        wanted.push(Wanted {
            member: member.to_string(),
            dtype: header.dtype,
            len: header.numel(member)?,
            before: start,
            big_endian: header.big_endian,
        });
        headers.push((name, header));
    }
    let tensors = converted(archive.tensors(&wanted)?, dtype)?;
    let mut entries = Vec::with_capacity(headers.len());
    for ((name, header), tensor) in headers.into_iter().zip(tensors) {
        let tensor = header.shaped(&tensor, name)?;
        entries.push((Value::from(name), Value::Tensor(tensor)));
    }
    Ok(Value::Dict(Dict::from_entries(entries)))
}

/// Writes a tensor as an `.npy` file.
pub(crate) fn write(value: &Value, out: &mut dyn Write) -> Result<()> {
    let Ok(tensor) = value.as_tensor() else {
        let what = format!("an .npy file holds one tensor, not {}", value.type_name());
        return Err(Error::Unwritable(what));
    };
    out.write_all(&header_of(tensor)?)?;
    write_tensor(&tensor.detach(), out)
}

/// Writes a dict of tensors as an `.npz` file.
pub(crate) fn write_archive(value: &Value, out: &mut dyn Write) -> Result<()> {
    let Value::Dict(dict) = value else {
        let what = format!(
            "an .npz file holds a dict of tensors, not {}",
            value.type_name()
        );
        return Err(Error::Unwritable(what));
    };
    let mut archive = ArchiveWriter::new(out);
    for (key, value) in dict.iter() {
        let (Value::Str(name), Ok(tensor)) = (key, value.as_tensor()) else {
            let what = format!(
                "an .npz file holds tensors by names, and {key} is {}",
                value.type_name()
            );
            return Err(Error::Unwritable(what));
        };
        let header = header_of(tensor).map_err(|e| Error::Unwritable(format!("'{name}': {e}")))?;
        let mut data = Vec::new();
        write_tensor(&tensor.detach(), &mut data)?;
        archive.add(&format!("{name}{SUFFIX}"), &[&header, &data])?;
    }
    archive.finish()?;
    Ok(())
}

fn header_of(tensor: &Tensor) -> Result<Vec<u8>> {
    Header {
        dtype: tensor.dtype(),
        big_endian: false,
        fortran_order: false,
        shape: tensor.shape().to_vec(),
        len: 0,
    }
    .write()
}

impl Header {
    fn numel(&self, place: &str) -> Result<usize> {
        match row_major(&self.shape) {
            Some(_) => Ok(self.shape.iter().product()),
            None => {
                let what = format!("a shape of more than can be counted: {:?}", self.shape);
                Err(Error::corrupt(place, what))
            }
        }
    }

    /// The array of this data; one in Fortran's order is a view with the strides reversed.
    fn shaped(&self, data: &Tensor, place: &str) -> Result<Tensor> {
        self.numel(place)?;
        let mut shape = self.shape.clone();
        if self.fortran_order {
            shape.reverse();
        }
        let mut strides = row_major(&shape).unwrap_or_default();
        if self.fortran_order {
            strides.reverse();
        }
        Ok(data.as_strided(self.shape.as_slice(), strides, 0)?)
    }
}
