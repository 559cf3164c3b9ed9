//! State dicts in `.safetensors` files.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use pleach_core::{DType, Error, ErrorKind, Result, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, View};

use super::StateDict;

impl StateDict {
    /// Writes a `.safetensors` file. It is written beside its place, synced and then renamed: a
    /// crash leaves the old file whole. Tensors that share memory are written once for each name. The
    /// file is put together in memory first.
    ///
    /// # Errors
    /// If the file cannot be written.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// use pleach_nn::StateDict;
    /// # let dir = std::env::temp_dir().join(format!("pleach-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// let path = dir.join("model.safetensors");
    /// StateDict::from_iter([("weight", tensor![1.0, 2.0])]).save_safetensors(&path)?;
    /// let dict = StateDict::load_safetensors(&path)?;
    /// assert_eq!(dict["weight"].to_vec::<f32>()?, [1.0, 2.0]);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn save_safetensors(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let temporary = temporary_beside(path);
        let written = self.write(&temporary, path);
        if written.is_err() {
            // Best effort: the error to report is the first one.
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(|text| io_error("writing", path, text))
    }

    fn write(&self, temporary: &Path, path: &Path) -> Result<(), String> {
        const RESERVED: &str = "__metadata__";
        if self.contains_key(RESERVED) {
            return Err(format!("no tensor can be called {RESERVED}"));
        }
        // The mark by which other programs know whose conventions the names follow.
        let info = HashMap::from([("format".to_string(), "pt".to_string())]);
        let views = self.iter().map(|(name, tensor)| (name, Bytes(tensor)));
        // The crate's own writer makes files that only their owner can read.
        let bytes = safetensors::serialize(views, Some(info)).map_err(|e| e.to_string())?;
        replace(temporary, path, &bytes).map_err(|e| e.to_string())
    }

    /// Reads a `.safetensors` file, in the order of its data. It has no versions.
    ///
    /// # Errors
    /// If the file cannot be read, is not whole and valid, or holds a dtype that pleach lacks.
    pub fn load_safetensors(path: impl AsRef<Path>) -> Result<StateDict> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|e| io_error("reading", path, e.to_string()))?;
        Self::from_safetensors(&bytes).map_err(|text| io_error("reading", path, text))
    }

    fn from_safetensors(bytes: &[u8]) -> Result<StateDict, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let mut out = StateDict::new();
        // The file's own iterator has the order of a hash map.
        for name in header.offset_keys() {
            let view = file.tensor(&name).map_err(|e| e.to_string())?;
            let dtype = dtype_of(view.dtype())
                .ok_or_else(|| format!("`{name}` has the unsupported dtype {:?}", view.dtype()))?;
            let tensor = Tensor::from_le_bytes(view.data(), view.shape(), dtype)
                .map_err(|e| format!("`{name}`: {e}"))?;
            out.insert(name, tensor);
        }
        Ok(out)
    }
}

/// Puts a file in place through a temporary one.
fn replace(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, path)?;
    if cfg!(unix) {
        // The new name is on disk only when the folder is.
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn io_error(what: &str, path: &Path, text: String) -> Error {
    Error::new(ErrorKind::Io(format!("{what} {}: {text}", path.display())))
}

/// A name in the same folder that no other writer uses.
fn temporary_beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{number}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// A tensor as the `safetensors` crate wants to see it.
struct Bytes<'a>(&'a Tensor);

impl View for Bytes<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::I16 => Dtype::I16,
            DType::I8 => Dtype::I8,
            DType::U8 => Dtype::U8,
            DType::Bool => Dtype::BOOL,
        }
    }
    fn shape(&self) -> &[usize] {
        self.0.shape()
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_le_bytes())
    }
    fn data_len(&self) -> usize {
        self.0.numel() * self.0.dtype().size_of()
    }
}

fn dtype_of(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => DType::Bool,
        _ => return None,
    })
}
