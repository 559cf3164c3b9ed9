//! NumPy's `.npy`, one array, and `.npz`, a zip archive of arrays.

mod header;

pub(crate) use header::element_of_code;

use std::io::Write;

use pleach_core::{DType, Tensor};

use self::header::Header;
use crate::array::{array_of, of_element, write_tensor};
use crate::element::Element;
use crate::memory::{Bytes, Extent, converted, in_order, read_all, row_major};
use crate::source::Source;
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
    let bytes = len.checked_mul(header.element.size_of());
    let there = source.len() - header.len as u64;
    if bytes.map(|n| n as u64) != Some(there) {
        let what = format!(
            "{there} bytes of data are there, and {len} elements of {} announced",
            header.element
        );
        return Err(Error::corrupt(PLACE, what));
    }
    let extent = Extent {
        name: PLACE.to_string(),
        element: header.element,
        len,
        offset: header.len as u64,
        big_endian: header.big_endian,
        crc: None,
        before: Vec::new(),
    };
    let data = converted(read_all(source, &[extent])?, dtype)?;
    let tensor = in_order(&data[0], &header.shape, header.fortran_order, PLACE)?;
    Ok(of_element(tensor, header.element))
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
            element: header.element,
            len: header.numel(member)?,
            before: start,
            big_endian: header.big_endian,
        });
        headers.push((name, header));
    }
    let tensors = converted(archive.tensors(&wanted)?, dtype)?;
    let mut entries = Vec::with_capacity(headers.len());
    for ((name, header), tensor) in headers.into_iter().zip(tensors) {
        let tensor = in_order(&tensor, &header.shape, header.fortran_order, name)?;
        entries.push((Value::from(name), of_element(tensor, header.element)));
    }
    Ok(Value::Dict(Dict::from_entries(entries)))
}

/// Writes a tensor as an `.npy` file.
pub(crate) fn write(value: &Value, out: &mut dyn Write) -> Result<()> {
    let Some((tensor, element)) = array_of(value) else {
        let what = format!("an .npy file holds one tensor, not {}", value.type_name());
        return Err(Error::Unwritable(what));
    };
    out.write_all(&header_of(&tensor, element)?)?;
    write_tensor(&tensor, out)
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
        let (Value::Str(name), Some((tensor, element))) = (key, array_of(value)) else {
            let what = format!(
                "an .npz file holds tensors by names, and {key} is {}",
                value.type_name()
            );
            return Err(Error::Unwritable(what));
        };
        let header = header_of(&tensor, element);
        let header = header.map_err(|e| Error::Unwritable(format!("'{name}': {e}")))?;
        let mut data = Bytes::default();
        write_tensor(&tensor, &mut data)?;
        archive.add(&format!("{name}{SUFFIX}"), &[&header, &data.0])?;
    }
    archive.finish()?;
    Ok(())
}

fn header_of(tensor: &Tensor, element: Element) -> Result<Vec<u8>> {
    Header {
        element,
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
}
