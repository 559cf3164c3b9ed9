//! [`load`] and [`Loader`]: reading a file of any format.

use std::path::Path;

use pleach_core::DType;
use pleach_nn::StateDict;

use crate::source::Source;
use crate::zip::Archive;
use crate::{Error, Limits, Result, Value, npy, pickle, safetensors, torch};

/// Reads a checkpoint: `.pth`, `.pt`, `.bin` and the like as `torch.save` writes them, now or before
/// 1.6; `.safetensors`; `.npy`; `.npz`. The content decides, not the name (but a file called
/// `.safetensors` must be one). Tensors of other devices are loaded into ordinary memory.
///
/// Nothing in a file is ever executed.
///
/// # Errors
/// If the file cannot be read, is damaged, holds what pleach has no equal of, or asks for anything
/// but tensors, containers and numbers. The text says what and where.
///
/// ```
/// use pleach_checkpoint::{Dict, load, save};
/// use pleach_core::tensor;
/// # let dir = std::env::temp_dir().join(format!("pleach-load-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).unwrap();
/// let path = dir.join("run.pth");
/// save(Dict::new().with("epoch", 3).with("weight", tensor![1.0, 2.0]), &path)?;
/// let checkpoint = load(&path)?;
/// assert_eq!(checkpoint.get("epoch")?.as_int()?, 3);
/// assert_eq!(checkpoint.get("weight")?.as_tensor()?.to_vec::<f32>()?, [1.0, 2.0]);
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), pleach_checkpoint::Error>(())
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

/// Reads checkpoints in other ways than [`load`] does.
///
/// ```
/// use pleach_checkpoint::{Format, Loader, Value, to_bytes};
/// use pleach_core::{DType, tensor};
/// let bytes = to_bytes(tensor![1.0, 2.0], Format::Torch)?;
/// let value = Loader::new().dtype(DType::F64).load_bytes(&bytes)?;
/// assert_eq!(value.as_tensor()?.to_vec::<f64>()?, [1.0, 2.0]);
/// # Ok::<(), pleach_checkpoint::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Loader {
    limits: Limits,
    dtype: Option<DType>,
}

impl Loader {
    /// One that does what [`load`] does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Converts tensors of floats to this dtype. Tensors that share memory still do.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Refuses files that ask for more than this.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads a file, as [`load`] does.
    ///
    /// # Errors
    /// Those of [`load`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Value> {
        let path = path.as_ref();
        let is_safetensors = path.extension().is_some_and(|e| e == "safetensors");
        Source::open(path)
            .map_err(Error::Io)
            .and_then(|source| match is_safetensors {
                true => safetensors::load(&source, &self.limits, self.dtype),
                false => self.load_source(&source),
            })
            .map_err(|error| error.in_file(path))
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
    /// use pleach_checkpoint::Loader;
    /// let value = Loader::new().load_pickle(b"\x80\x02]q\x00(K\x01X\x01\x00\x00\x00ae.")?;
    /// assert_eq!(value.to_string(), "[1, 'a']");
    /// let error = Loader::new().load_pickle(b"\x80\x02cos\nsystem\n.").unwrap_err();
    /// assert!(error.to_string().starts_with("pickle, byte 2: refuses the global `os.system`"));
    /// # Ok::<(), pleach_checkpoint::Error>(())
    /// ```
    pub fn load_pickle(&self, bytes: &[u8]) -> Result<Value> {
        const LABEL: &str = "pickle";
        if bytes.len() > self.limits.pickle_bytes {
            let limit = self.limits.pickle_bytes;
            return Err(Error::limit(LABEL, "bytes of a pickle", limit));
        }
        let pickled = pickle::run(bytes, &self.limits).map_err(|f| f.into_error(LABEL))?;
        match pickled.storages.first() {
            Some(storage) => {
                let what = format!("the data of storage '{}' is not in a pickle", storage.key);
                Err(Error::corrupt(LABEL, what))
            }
            None => pickle::build(&pickled, &[], LABEL, &self.limits),
        }
    }

    fn load_source(&self, source: &Source) -> Result<Value> {
        let mut start = vec![0; source.len().min(512) as usize];
        source.read_exact_at(&mut start, 0)?;
        match &start[..] {
            [] => Err(Error::NotACheckpoint("the file is empty".to_string())),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => self.load_zip(source),
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => npy::load(source, self.dtype),
            _ if safetensors::is_one(&start, source.len()) => {
                safetensors::load(source, &self.limits, self.dtype)
            }
            [0x80, ..] => torch::load_legacy(source, &self.limits, self.dtype),
            _ if start.get(257..262) == Some(b"ustar") => Err(Error::unsupported(
                "file",
                "the tar format of PyTorch before 0.1.10 is not read; load and save it with PyTorch",
            )),
            _ => {
                let shown = &start[..start.len().min(8)];
                let what = format!("it starts with '{}'", shown.escape_ascii());
                Err(Error::NotACheckpoint(what))
            }
        }
    }

    fn load_zip(&self, source: &Source) -> Result<Value> {
        let archive = Archive::open(source, &self.limits)?;
        if let Some(root) = torch::root_of(&archive) {
            return torch::load_zip(&archive, &root, &self.limits, self.dtype);
        }
        if archive.names().iter().any(|name| name.ends_with(".npy")) {
            return npy::load_archive(&archive, self.dtype);
        }
        Err(Error::NotACheckpoint(
            "the zip archive has neither a data.pkl, as PyTorch's have, nor arrays".to_string(),
        ))
    }
}
