//! [`save`]: writing a file of any format.

use std::io::Write;
use std::path::Path;

use crate::memory::Bytes;
use crate::{Result, Value, atomic, npy, safetensors, torch};

/// The formats that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// PyTorch's: any value. Written for `.pth`, `.pt`, `.bin` and every name that is none of the
    /// others.
    Torch,
    /// A dict of tensors.
    Safetensors,
    /// One tensor.
    Npy,
    /// A dict of tensors.
    Npz,
}

impl Format {
    /// The format that a file of this name has.
    ///
    /// ```
    /// use pleach::checkpoint::Format;
    /// assert_eq!(Format::of("a/model.safetensors"), Format::Safetensors);
    /// assert_eq!(Format::of("model.ckpt"), Format::Torch);
    /// ```
    pub fn of(path: impl AsRef<Path>) -> Format {
        let extension = path.as_ref().extension().unwrap_or_default();
        match extension.to_str() {
            Some("safetensors") => Format::Safetensors,
            Some("npy") => Format::Npy,
            Some("npz") => Format::Npz,
            _ => Format::Torch,
        }
    }
}

/// Writes a checkpoint: what PyTorch's `torch.save(value, path)` does, in the format that the
/// name's ending says ([`Format::of`]).
///
/// The file is written beside its place, synced to disk and then renamed: a crash at any moment
/// leaves the old file or the new one, whole. What it holds opens in PyTorch with
/// `weights_only=True`, in `safetensors` and in NumPy.
///
/// In a `.pth` file tensors that share memory are written once, and share it again when they are
/// loaded; of a large memory only the part that is used is written. In a `.safetensors` file they
/// are written for each name, row by row, and noted to be the same.
///
/// # Errors
/// If the file cannot be written, or the format cannot hold the value.
///
/// ```
/// use pleach::checkpoint::{load_state_dict, save};
/// use pleach::nn::{Module, layers::Linear};
/// # let dir = std::env::temp_dir().join(format!("pleach-save-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).unwrap();
/// let net = Linear::new(4, 2);
/// for name in ["linear.pth", "linear.safetensors", "linear.npz"] {
///     let path = dir.join(name);
///     save(net.state_dict(), &path)?;
///     net.load_state_dict(&load_state_dict(&path)?, true)?;
/// }
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn save(value: impl Into<Value>, path: impl AsRef<Path>) -> Result<()> {
    let format = Format::of(&path);
    save_as(value, path, format)
}

/// [`save`] in a format of one's choice.
///
/// # Errors
/// Those of [`save`].
pub fn save_as(value: impl Into<Value>, path: impl AsRef<Path>, format: Format) -> Result<()> {
    let (value, path) = (value.into(), path.as_ref());
    // PyTorch calls the folder in the archive after the file.
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.filter(|stem| is_plain(stem)).unwrap_or(ROOT);
    atomic::replace(path, |out| write(&value, out, format, stem))
        .map_err(|error| error.in_file(path))
}

/// What [`save`] would write.
///
/// # Errors
/// If the format cannot hold the value.
pub fn to_bytes(value: impl Into<Value>, format: Format) -> Result<Vec<u8>> {
    let mut out = Bytes::default();
    write(&value.into(), &mut out, format, ROOT)?;
    Ok(out.0)
}

const ROOT: &str = "archive";

fn is_plain(stem: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !stem.is_empty() && stem.len() < 100 && stem.chars().all(plain) && !stem.starts_with('.')
}

fn write(value: &Value, out: &mut dyn Write, format: Format, root: &str) -> Result<()> {
    match format {
        Format::Torch => torch::write(value, out, root),
        Format::Safetensors => safetensors::write(value, out),
        Format::Npy => npy::write(value, out),
        Format::Npz => npy::write_archive(value, out),
    }
}
