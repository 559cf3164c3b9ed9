//! `.pth` files as PyTorch 1.6 and later write them: a zip archive with a pickle of the tree,
//! `archive/data.pkl`, and a member for each storage, `archive/data/0`.

use pleach_core::Tensor;

use super::script;
use crate::memory::converted;
use crate::pickle::{ScriptClasses, StorageRef, build, run};
use crate::zip::{Archive, Wanted};
use crate::{Error, Loader, Result, Value};

/// The folder in the archive that holds everything, with its slash; `None` if it is no checkpoint.
pub(crate) fn root_of(archive: &Archive) -> Option<String> {
    let names = archive.names().into_iter();
    let mut roots = names.filter_map(|name| name.strip_suffix("data.pkl"));
    roots
        .find(|root| root.is_empty() || root.find('/') == Some(root.len() - 1))
        .map(str::to_string)
}

pub(crate) fn load(archive: &Archive, root: &str, loader: &Loader) -> Result<Value> {
    let big_endian = is_big_endian(archive, root)?;
    let name = format!("{root}data.pkl");
    let pickle = archive.read(&name, loader.limits.pickle_bytes, "bytes of a pickle")?;
    let pickled = run(&pickle, &loader.limits, loader.opaque_objects);
    let pickled = pickled.map_err(|fault| fault.into_error(&name))?;
    let wanted = pickled.storages.iter().filter_map(|storage| {
        let (element, len) = storage.wanted()?;
        Some(Wanted {
            member: format!("{root}data/{}", storage.key),
            element,
            len,
            before: Vec::new(),
            big_endian,
        })
    });
    let wanted: Vec<Wanted> = wanted.collect();
    let read = converted(archive.tensors(&wanted)?, loader.dtype)?;
    let storages = in_places(&pickled.storages, read);
    let scripts = match loader.opaque_objects {
        true => script::classes(archive, root, &loader.limits)?,
        false => ScriptClasses::new(),
    };
    build(&pickled, &storages, &name, loader, &scripts)
}

/// The storages that were read, at the numbers of those that are there.
pub(super) fn in_places(all: &[StorageRef], read: Vec<Tensor>) -> Vec<Option<Tensor>> {
    let mut read = read.into_iter();
    let all = all.iter();
    all.map(|storage| storage.wanted().and_then(|_| read.next()))
        .collect()
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
