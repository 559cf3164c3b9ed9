//! `.pth` files as PyTorch 1.6 and later write them: a zip archive with a pickle of the tree,
//! `archive/data.pkl`, and a member for each storage, `archive/data/0`.

use pleach_core::{DType, Tensor};

use crate::pickle::{build, run};
use crate::zip::{Archive, Wanted};
use crate::{Error, Limits, Result, Value};

/// The folder in the archive that holds everything, with its slash; `None` if it is no checkpoint.
pub(crate) fn root_of(archive: &Archive) -> Option<String> {
    let names = archive.names().into_iter();
    let mut roots = names.filter_map(|name| name.strip_suffix("data.pkl"));
    roots
        .find(|root| root.is_empty() || root.find('/') == Some(root.len() - 1))
        .map(str::to_string)
}

pub(crate) fn load(
    archive: &Archive,
    root: &str,
    limits: &Limits,
    dtype: Option<DType>,
) -> Result<Value> {
    let big_endian = is_big_endian(archive, root)?;
    let name = format!("{root}data.pkl");
    let pickle = archive.read(&name, limits.pickle_bytes, "bytes of a pickle")?;
    let pickled = run(&pickle, limits).map_err(|fault| fault.into_error(&name))?;
    let wanted: Vec<Wanted> = pickled
        .storages
        .iter()
        .map(|storage| Wanted {
            member: format!("{root}data/{}", storage.key),
            dtype: storage.dtype,
            len: storage.len,
            before: Vec::new(),
            big_endian,
        })
        .collect();
    let storages = converted(archive.tensors(&wanted)?, dtype)?;
    build(&pickled, &storages, &name, limits)
}

/// What the member `byteorder` says. Files without one are little-endian.
fn is_big_endian(archive: &Archive, root: &str) -> Result<bool> {
    const LONGEST: usize = 64;
    let name = format!("{root}byteorder");
    if !archive.contains(&name) {
        return Ok(false);
    }
    match archive
        .read(&name, LONGEST, "bytes of a byte order")?
        .as_slice()
    {
        b"little" => Ok(false),
        b"big" => Ok(true),
        other => {
            let what = format!("unknown byte order '{}'", other.escape_ascii());
            Err(Error::corrupt(name, what))
        }
    }
}

/// Converts float storages, if that is wanted: before the views are made, so that they stay views.
pub(crate) fn converted(storages: Vec<Tensor>, dtype: Option<DType>) -> Result<Vec<Tensor>> {
    let Some(dtype) = dtype else {
        return Ok(storages);
    };
    let storages = storages.into_iter();
    let storages = storages.map(|storage| match storage.dtype().is_float() {
        true => Ok(storage.to_dtype(dtype)?),
        false => Ok(storage),
    });
    storages.collect()
}
