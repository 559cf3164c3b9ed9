//! [`load`]: reading a file of any format.

use std::path::Path;

use pleach_nn::StateDict;

use crate::pickle::ScriptClasses;
use crate::source::Source;
use crate::zip::Archive;
use crate::{Error, Loader, Result, Value, npy, pickle, recognise, safetensors, sharded, torch};

/// Reads a checkpoint: `.pth`, `.pt`, `.bin` and the like as `torch.save` writes them, now or before
/// 1.6; `.safetensors`; `.npy`; `.npz`. The content decides, not the name (but a file called
/// `.safetensors` must be one). Tensors of other devices are loaded into ordinary memory. NumPy's
/// numbers and arrays are numbers and tensors.
///
/// A checkpoint in several files is loaded by its index, such as `model.safetensors.index.json`, or
/// by its folder: a dict of all its tensors.
///
/// Nothing in a file is ever executed.
///
/// # Errors
/// If the file cannot be read, is damaged, is something else, holds what pleach has no equal of, or
/// asks for anything but tensors, containers and numbers ([`Loader::opaque_objects`] reads more).
/// The text says what and where.
///
/// ```
/// use pleach::checkpoint::{Dict, load, save};
/// use pleach::tensor;
/// # let dir = std::env::temp_dir().join(format!("pleach-load-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).unwrap();
/// let path = dir.join("run.pth");
/// save(Dict::new().with("epoch", 3).with("weight", tensor![1.0, 2.0]), &path)?;
/// let checkpoint = load(&path)?;
/// assert_eq!(checkpoint.get("epoch")?.as_int()?, 3);
/// assert_eq!(checkpoint.get("weight")?.as_tensor()?.to_vec::<f32>()?, [1.0, 2.0]);
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), pleach::checkpoint::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<Value> {
    Loader::new().load(path)
}

/// Reads a file that holds a model's state dict and nothing else, of any format.
///
/// # Errors
/// Those of [`load`] and [`Value::state_dict`].
pub fn load_state_dict(path: impl AsRef<Path>) -> Result<StateDict> {
    Loader::new().load_state_dict(path)
}

impl Loader {
    /// Reads a file, an index or a folder, as [`load`] does.
    ///
    /// # Errors
    /// Those of [`load`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Value> {
        let path = path.as_ref();
        match sharded::index_of(path, &self.limits) {
            Ok(None) => self.load_file(path),
            Ok(Some(sharded::Found::File(file))) => self.load_file(&file),
            Ok(Some(sharded::Found::Index(index))) => index.load(|file| self.load_file(file)),
            Err(error) => Err(error.in_file(path)),
        }
    }

    /// Reads one file.
    fn load_file(&self, path: &Path) -> Result<Value> {
        let is_safetensors = path.extension().is_some_and(|e| e == "safetensors");
        Source::open(path)
            .map_err(Error::Io)
            .and_then(|source| match is_safetensors {
                true => self.load_safetensors(&source),
                false => self.load_source(&source),
            })
            .map_err(|error| error.in_file(path))
    }

    /// Reads a file whose name says what it must be.
    fn load_safetensors(&self, source: &Source) -> Result<Value> {
        let start = start_of(source)?;
        if safetensors::is_one(&start, source.len()) {
            return safetensors::load(source, &self.limits, self.dtype);
        }
        let other = match &start[..] {
            [b'P', b'K', 3 | 5, 4 | 6, ..] => "a zip archive, as torch.save and numpy.savez write",
            _ if torch::is_legacy(&start) => "a pickle, as torch.save before PyTorch 1.6 writes",
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "an array of NumPy (.npy)",
            _ => {
                return Err(match recognise::is_known(&start) {
                    true => recognise::unknown(&start, source.len()),
                    // Damaged, more likely: say where.
                    false => match safetensors::load(source, &self.limits, self.dtype) {
                        Ok(value) => return Ok(value),
                        Err(error) => error,
                    },
                });
            }
        };
        Err(Error::NotACheckpoint(format!(
            "it is no .safetensors file, as its name says, but {other}; give it the name it should \
             have (.pth, .npz, .npy), or load the right file"
        )))
    }

    /// Reads a file that holds a model's state dict and nothing else.
    ///
    /// # Errors
    /// Those of [`load`] and [`Value::state_dict`].
    pub fn load_state_dict(&self, path: impl AsRef<Path>) -> Result<StateDict> {
        let path = path.as_ref();
        let value = self.load(path)?;
        value.state_dict().map_err(|error| error.in_file(path))
    }

    /// Reads what a file would hold from memory.
    ///
    /// # Errors
    /// Those of [`load`].
    pub fn load_bytes(&self, bytes: &[u8]) -> Result<Value> {
        self.load_source(&Source::Bytes(bytes))
    }

    /// Reads a pickle that Python's `pickle.dump` made of containers, texts and numbers.
    ///
    /// # Errors
    /// If it holds anything else, or is damaged.
    ///
    /// ```
    /// use pleach::checkpoint::Loader;
    /// let value = Loader::new().load_pickle(b"\x80\x02]q\x00(K\x01X\x01\x00\x00\x00ae.")?;
    /// assert_eq!(value.to_string(), "[1, 'a']");
    /// let error = Loader::new().load_pickle(b"\x80\x02cos\nsystem\n.").unwrap_err();
    /// assert!(error.to_string().starts_with("pickle, byte 2: refuses the global `os.system`"));
    /// # Ok::<(), pleach::checkpoint::Error>(())
    /// ```
    pub fn load_pickle(&self, bytes: &[u8]) -> Result<Value> {
        const LABEL: &str = "pickle";
        if bytes.len() > self.limits.pickle_bytes {
            let limit = self.limits.pickle_bytes;
            return Err(Error::limit(LABEL, "bytes of a pickle", limit));
        }
        let pickled = pickle::run(bytes, &self.limits, self.opaque_objects);
        let pickled = pickled.map_err(|fault| fault.into_error(LABEL))?;
        match pickled.storages.first() {
            Some(storage) => {
                let what = format!("the data of storage '{}' is not in a pickle", storage.key);
                Err(Error::corrupt(LABEL, what))
            }
            None => pickle::build(&pickled, &[], LABEL, self, &ScriptClasses::new()),
        }
    }

    fn load_source(&self, source: &Source) -> Result<Value> {
        let start = start_of(source)?;
        match &start[..] {
            [b'P', b'K', 3 | 5, 4 | 6, ..] => self.load_zip(source),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => npy::load(source, self.dtype),
            _ if safetensors::is_one(&start, source.len()) => {
                safetensors::load(source, &self.limits, self.dtype)
            }
            _ if torch::is_legacy(&start) => torch::load_legacy(source, self),
            _ if self.is_pickle(source) => {
                Err(Error::NotACheckpoint(torch::BARE_PICKLE.to_string()))
            }
            _ => Err(recognise::unknown(&start, source.len())),
        }
    }

    /// Whether the whole file is a pickle of protocol 0 or 1, which has no mark at its start.
    fn is_pickle(&self, source: &Source) -> bool {
        const LONGEST: u64 = 1 << 20;
        if source.len() > LONGEST {
            return false;
        }
        let bytes = source.read_vec(0, source.len() as usize);
        bytes.is_ok_and(|bytes| {
            let pickled = pickle::run(&bytes, &self.limits, true);
            pickled.is_ok_and(|pickled| pickled.len == bytes.len())
        })
    }

    fn load_zip(&self, source: &Source) -> Result<Value> {
        let archive = Archive::open(source, &self.limits)?;
        if let Some(root) = torch::root_of(&archive) {
            return torch::load_zip(&archive, &root, self);
        }
        if archive.names().iter().any(|name| name.ends_with(".npy")) {
            return npy::load_archive(&archive, self.dtype);
        }
        Err(recognise::unknown_archive(&archive.names()))
    }
}

fn start_of(source: &Source) -> Result<Vec<u8>> {
    const START: u64 = 2048;
    Ok(source.read_vec(0, source.len().min(START) as usize)?)
}
