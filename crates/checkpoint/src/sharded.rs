//! Checkpoints in several files: an index in JSON says which file has which tensor.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Dict, Error, Limits, Result, Value};

/// Whether a file is called as an index is: `model.safetensors.index.json`, also with a variant's
/// name before the ending.
fn is_index(name: &str) -> bool {
    name == "index.json" || (name.ends_with(".json") && name.contains(".index."))
}

/// The indices and files that a folder is looked through for, the best first.
const NAMES: [&str; 8] = [
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.bin.index.json",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
];

/// What a path leads to.
pub(crate) enum Found {
    /// A single file in a folder.
    File(PathBuf),
    Index(Index),
}

/// The index of a checkpoint.
pub(crate) struct Index {
    path: PathBuf,
    /// The file of each tensor, in the index's order.
    map: Vec<(String, String)>,
}

/// The index that a path leads to: itself, or in a folder. `None` for an ordinary file.
pub(crate) fn index_of(path: &Path, limits: &Limits) -> Result<Option<Found>> {
    if path.is_dir() {
        let found = in_folder(path)?;
        let name = found.file_name().unwrap_or_default().to_string_lossy();
        return Ok(Some(match is_index(&name) {
            true => Found::Index(Index::read(&found, limits).map_err(|e| e.in_file(&found))?),
            false => Found::File(found),
        }));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match is_index(&name) || (name.ends_with(".json") && has_map(path, limits)) {
        true => Ok(Some(Found::Index(Index::read(path, limits)?))),
        false => Ok(None),
    }
}

/// Whether a file of another name has what makes an index.
fn has_map(path: &Path, limits: &Limits) -> bool {
    let small = |m: std::fs::Metadata| m.is_file() && m.len() <= limits.header_bytes as u64;
    if !std::fs::metadata(path).is_ok_and(small) {
        return false;
    }
    let key = b"\"weight_map\"";
    std::fs::read(path).is_ok_and(|text| text.windows(key.len()).any(|w| w == key))
}

/// The index or the only checkpoint of a folder.
fn in_folder(folder: &Path) -> Result<PathBuf> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if let Some(name) = NAMES.iter().find(|known| names.iter().any(|n| n == *known)) {
        return Ok(folder.join(name));
    }
    names.retain(|name| !name.starts_with('.'));
    let ends = [".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".npz"];
    let is_file = |name: &&String| ends.iter().any(|end| name.ends_with(end));
    let indices: Vec<&String> = names.iter().filter(|name| is_index(name)).collect();
    let candidates = match indices.is_empty() {
        true => names.iter().filter(is_file).collect(),
        false => indices,
    };
    match &candidates[..] {
        [one] => Ok(folder.join(one)),
        [] => Err(Error::NotACheckpoint(
            "the folder has no index (*.index.json) and no checkpoint in it".to_string(),
        )),
        several => {
            let names: Vec<&str> = several.iter().take(8).map(|name| name.as_str()).collect();
            let more = if several.len() > 8 { ", …" } else { "" };
            Err(Error::NotACheckpoint(format!(
                "the folder has several checkpoints and no index that joins them: {}{more}; load \
                 one by its path",
                names.join(", ")
            )))
        }
    }
}

impl Index {
    fn read(path: &Path, limits: &Limits) -> Result<Index> {
        let most = limits.header_bytes;
        let len = std::fs::metadata(path)?.len();
        if len > most as u64 {
            return Err(Error::limit("index", "bytes of a header", most));
        }
        let text = std::fs::read(path)?;
        let corrupt = |what: String| Error::corrupt("index", what);
        let Entries(entries) = match serde_json::from_slice(&text) {
            Ok(entries) => entries,
            Err(error) if error.is_data() => return Err(corrupt(error.to_string())),
            // Something else than JSON: a page, a pointer, ...
            Err(error) => {
                return Err(
                    match crate::recognise::is_known(&text) && text.first() != Some(&b'{') {
                        true => crate::recognise::unknown(&text[..text.len().min(2048)], len),
                        false => corrupt(error.to_string()),
                    },
                );
            }
        };
        let map = entries.into_iter().find(|(key, _)| key == "weight_map");
        let Some((_, Node::Object(Entries(map)))) = map else {
            let what = "it has no 'weight_map', which says the file of each tensor";
            return Err(corrupt(what.to_string()));
        };
        let mut out = Vec::with_capacity(map.len());
        for (name, file) in map {
            let Node::Text(file) = file else {
                return Err(corrupt(format!("the file of '{name}' is no text")));
            };
            check_name(&name, &file)?;
            out.push((name, file));
        }
        Ok(Index {
            path: path.to_path_buf(),
            map: out,
        })
    }

    /// One dict of the tensors of all files, in the index's order; `load` reads a file.
    pub fn load(&self, load: impl Fn(&Path) -> Result<Value>) -> Result<Value> {
        self.load_parts(load)
            .map_err(|error| error.in_file(&self.path))
    }

    fn load_parts(&self, load: impl Fn(&Path) -> Result<Value>) -> Result<Value> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let mut files: Vec<&str> = Vec::new();
        let mut wanted: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
        for (place, (name, file)) in self.map.iter().enumerate() {
            let names = wanted.entry(file).or_insert_with(|| {
                files.push(file);
                HashMap::new()
            });
            names.insert(name, place);
        }
        let listed: HashMap<&str, &str> = self
            .map
            .iter()
            .map(|(name, file)| (name.as_str(), file.as_str()))
            .collect();
        self.check_files(folder, &files)?;
        let mut values: Vec<Option<Value>> = vec![None; self.map.len()];
        let mut attributes: Vec<(String, Dict)> = Vec::new();
        for file in files {
            let mut part = match load(&folder.join(file))? {
                Value::Dict(part) => part,
                other => {
                    let what = format!("a dict of tensors is wanted, not {}", other.type_name());
                    return Err(Error::corrupt(file, what));
                }
            };
            gather(&mut part, &mut attributes);
            let names = &wanted[file];
            for (key, value) in part {
                let Value::Str(name) = key else {
                    return Err(Error::corrupt(
                        file,
                        format!("its entry {key:?} has no name"),
                    ));
                };
                match (names.get(name.as_str()), listed.get(name.as_str())) {
                    (Some(&place), _) => values[place] = Some(value),
                    (None, Some(other)) => {
                        let what = format!("it has '{name}', which the index says is in {other}");
                        return Err(Error::corrupt(file, what));
                    }
                    (None, None) => {
                        let what = format!("it has '{name}', which the index does not list");
                        return Err(Error::corrupt(file, what));
                    }
                }
            }
        }
        let mut entries = Vec::with_capacity(self.map.len());
        for ((name, file), value) in self.map.iter().zip(values) {
            let Some(value) = value else {
                let what = format!("it has no '{name}', which the index says is in it");
                return Err(Error::corrupt(file, what));
            };
            entries.push((Value::from(name.as_str()), value));
        }
        let mut out = Dict::from_entries(entries);
        out.set_ordered(true);
        for (name, attribute) in attributes {
            out.set_attribute(name, attribute);
        }
        Ok(Value::Dict(out))
    }

    /// Names the files that are not there, before any is read.
    fn check_files(&self, folder: &Path, files: &[&str]) -> Result<()> {
        let missing = files.iter().filter(|file| !folder.join(file).is_file());
        let missing: Vec<&str> = missing.copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let shown = missing.iter().take(8).copied().collect::<Vec<_>>();
        let more = if missing.len() > 8 { ", …" } else { "" };
        let what = format!(
            "{} of the {} files that the index names are not beside it: {}{more}",
            missing.len(),
            files.len(),
            shown.join(", ")
        );
        Err(Error::Io(io::Error::new(io::ErrorKind::NotFound, what)))
    }
}

/// A file beside the index, and nowhere else.
fn check_name(tensor: &str, file: &str) -> Result<()> {
    let plain =
        !file.is_empty() && !file.contains(['/', '\\', ':', '\0']) && file != "." && file != "..";
    match plain {
        true => Ok(()),
        false => Err(Error::corrupt(
            "index",
            format!(
                "the file of '{tensor}' is '{}', which is not the name of a file beside the index",
                file.escape_debug()
            ),
        )),
    }
}

/// Joins the attributes of the parts that are dicts, such as `_metadata`.
fn gather(part: &mut Dict, attributes: &mut Vec<(String, Dict)>) {
    for (name, value) in part.attributes() {
        let Value::Dict(dict) = value else {
            continue;
        };
        match attributes.iter_mut().find(|(known, _)| known == name) {
            None => attributes.push((name.clone(), dict.clone())),
            Some((_, all)) => {
                for (key, value) in dict.iter() {
                    all.insert_value(key.clone(), value.clone());
                }
            }
        }
    }
}

/// The entries of a JSON object in their order, each once.
struct Entries(Vec<(String, Node)>);

/// A value in the index, as far as it matters.
enum Node {
    Object(Entries),
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match from.deserialize_any(NodeVisitor)? {
            Node::Object(entries) => Ok(entries),
            _ => Err(D::Error::custom("it is no JSON object")),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        let mut known = HashSet::new();
        while let Some((key, value)) = map.next_entry::<String, Node>()? {
            if !known.insert(key.clone()) {
                return Err(A::Error::custom(format!("'{key}' is there twice")));
            }
            entries.push((key, value));
        }
        Ok(Node::Object(Entries(entries)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Other)
    }
    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_string()))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }
}
