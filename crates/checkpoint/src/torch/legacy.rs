//! `.pth` files as PyTorch before 1.6 wrote them: five pickles in a row (a magic number, the
//! protocol's version, facts about the machine, the tree, the keys of the storages), then for each
//! key the number of elements in 8 bytes, and the elements. All of it is little-endian, whatever
//! the machine was.

use super::read::in_places;
use crate::memory::{Extent, converted, read_all};
use crate::pickle::{Item, Node, Pickled, ScriptClasses, build, run};
use crate::source::Source;
use crate::{Error, Loader, Result, Value};

const MAGIC: i128 = 0x1950a86a20f9469cfc6c;
/// The start of the magic number as protocols 0 and 1 write it.
const MAGIC_LINE: &[u8] = b"L119547037146038801333356L";
const VERSION: i64 = 1001;

/// Whether a file that starts like this may be one: a pickle of the magic number, in any protocol.
pub(crate) fn is_one(start: &[u8]) -> bool {
    start.starts_with(b"\x80") || start.starts_with(MAGIC_LINE)
}

pub(crate) fn load(source: &Source, loader: &Loader) -> Result<Value> {
    let most = (loader.limits.pickle_bytes as u64).min(source.len()) as usize;
    // The pickles say nowhere how long they are: read more until they are whole.
    let mut window = most.min(64 << 10);
    loop {
        let start = source.read_vec(0, window)?;
        match load_from(&start, source, loader) {
            Err(Failure::TooShort(_)) if window < most => {
                window = window.saturating_mul(8).min(most)
            }
            Err(Failure::TooShort(error) | Failure::Error(error)) => return Err(error),
            Ok(value) => return Ok(value),
        }
    }
}

/// What a pickle is that `torch.save` did not write.
pub(crate) const BARE_PICKLE: &str = "it is a pickle, but not one of torch.save, which writes \
    PyTorch's magic number first; in Python, write what it holds with torch.save(..), or, if it is \
    of texts, numbers, containers and arrays only, read it with `Loader::load_pickle`";

/// An error, and whether it may go away when more of the file is read.
enum Failure {
    TooShort(Error),
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

/// The pickles of a file, one after the other.
struct Pickles<'a> {
    bytes: &'a [u8],
    at: usize,
    loader: &'a Loader,
}

impl<'a> Pickles<'a> {
    fn next(&mut self, label: &str) -> Result<Pickled<'a>, Failure> {
        let start = self.at;
        let (limits, opaque) = (&self.loader.limits, self.loader.opaque_objects);
        match run(&self.bytes[start..], limits, opaque) {
            Ok(pickled) => {
                self.at += pickled.len;
                Ok(pickled)
            }
            Err(mut fault) => {
                let too_short = fault.is_end();
                fault.at += start;
                let error = fault.into_error(label);
                Err(match too_short {
                    true => Failure::TooShort(error),
                    false => Failure::Error(error),
                })
            }
        }
    }
}

fn load_from(start: &[u8], source: &Source, loader: &Loader) -> Result<Value, Failure> {
    let mut pickles = Pickles {
        bytes: start,
        at: 0,
        loader,
    };
    let magic = pickles.next("first pickle")?;
    if !matches!(&magic.nodes[..], [Node::BigInt(value)] if **value == MAGIC) {
        return Err(Error::NotACheckpoint(BARE_PICKLE.to_string()).into());
    }
    match pickles.next("protocol version")?.root {
        Item::Int(VERSION) => {}
        other => {
            let what = format!("the version of the format is {other:?}, not {VERSION}");
            return Err(Error::unsupported("protocol version", what).into());
        }
    }
    pickles.next("facts about the machine")?;
    let tree = pickles.next("tree")?;
    let keys = pickles.next("keys of the storages")?;
    let extents = extents(&tree, &keys, source, pickles.at as u64)?;
    let read = converted(read_all(source, &extents)?, loader.dtype)?;
    let storages = in_places(&tree.storages, read);
    Ok(build(
        &tree,
        &storages,
        "tree",
        loader,
        &ScriptClasses::new(),
    )?)
}

/// Where the data of the tree's storages is, in the tree's order.
fn extents(tree: &Pickled, keys: &Pickled, source: &Source, start: u64) -> Result<Vec<Extent>> {
    const PLACE: &str = "keys of the storages";
    let items = match keys.root {
        Item::Node(n) => match &keys.nodes[n as usize] {
            Node::List(items) => items.as_slice(),
            _ => return Err(Error::corrupt(PLACE, "it is not a list")),
        },
        _ => return Err(Error::corrupt(PLACE, "it is not a list")),
    };
    let by_key: std::collections::HashMap<&str, usize> = tree
        .storages
        .iter()
        .enumerate()
        .map(|(number, storage)| (storage.key.as_str(), number))
        .collect();
    let mut found: Vec<Option<u64>> = vec![None; tree.storages.len()];
    let mut at = start;
    for item in items {
        let key = match item {
            Item::Text(span) => span.text(keys.bytes).to_string(),
            Item::Int(key) => key.to_string(),
            other => return Err(Error::corrupt(PLACE, format!("a key is {other:?}"))),
        };
        let name = format!("storage '{key}'");
        let Some(&number) = by_key.get(key.as_str()) else {
            return Err(Error::corrupt(name, "no tensor uses it"));
        };
        if found[number].is_some() {
            return Err(Error::corrupt(name, "it is there twice"));
        }
        let storage = &tree.storages[number];
        let mut len = [0; 8];
        if source.read_exact_at(&mut len, at).is_err() {
            let what = format!("the file of {} bytes ends before its data", source.len());
            return Err(Error::corrupt(name, what));
        }
        let len = u64::from_le_bytes(len);
        if len != storage.len as u64 {
            let what = format!("{len} elements are there, and {} announced", storage.len);
            return Err(Error::corrupt(name, what));
        }
        let end = storage.bytes().and_then(|bytes| u64::try_from(bytes).ok());
        let end = end.and_then(|bytes| bytes.checked_add(at + 8));
        match end {
            Some(end) if end <= source.len() => {
                found[number] = Some(at + 8);
                at = end;
            }
            _ => {
                let of = storage.element.map(|element| format!(" of {element}"));
                let what = format!(
                    "its {len} elements{} reach beyond the file of {} bytes",
                    of.unwrap_or_default(),
                    source.len()
                );
                return Err(Error::corrupt(name, what));
            }
        }
    }
    let mut out = Vec::with_capacity(found.len());
    for (offset, storage) in found.into_iter().zip(&tree.storages) {
        let name = format!("storage '{}'", storage.key);
        let Some(offset) = offset else {
            return Err(Error::corrupt(name, "its data is not there"));
        };
        if let Some((element, len)) = storage.wanted() {
            out.push(Extent {
                name,
                element,
                len,
                offset,
                crc: None,
                before: Vec::new(),
                big_endian: false,
            });
        }
    }
    Ok(out)
}
