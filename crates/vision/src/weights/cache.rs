//! [`Cache`].

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{HOME, Weights, checksum, download};
use crate::{Error, Result};

/// The folder of downloaded weights, PyTorch's `$TORCH_HOME/hub/checkpoints`.
///
/// Several threads and processes may ask for the same file: one downloads it, the others wait. A
/// download that breaks off goes on where it ended, also in a later run. No file is given out whose
/// sha256 does not begin as its name says.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    mirror: String,
    progress: bool,
}

impl Cache {
    /// PyTorch's folder: `hub/checkpoints` in `$TORCH_HOME`, or else in `torch` in
    /// `$XDG_CACHE_HOME`, or else in `~/.cache/torch`. `$PLEACH_WEIGHTS_MIRROR` is an address to
    /// take the files from instead of `https://download.pytorch.org/models`.
    ///
    /// # Errors
    /// If none of the variables, nor `$HOME`, is set.
    pub fn from_env() -> Result<Self> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let torch = match (set("TORCH_HOME"), set("XDG_CACHE_HOME"), set("HOME")) {
            (Some(torch), _, _) => PathBuf::from(torch),
            (_, Some(cache), _) => Path::new(&cache).join("torch"),
            (_, _, Some(home)) => Path::new(&home).join(".cache/torch"),
            _ => {
                let text = "no folder for weights: TORCH_HOME and HOME are not set";
                return Err(Error::Value(text.into()));
            }
        };
        let cache = Self::in_folder(torch.join("hub/checkpoints"));
        Ok(match env::var("PLEACH_WEIGHTS_MIRROR") {
            Ok(mirror) if !mirror.is_empty() => cache.mirror(mirror),
            _ => cache,
        })
    }

    /// This folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Cache {
            folder: folder.into(),
            mirror: HOME.into(),
            progress: true,
        }
    }

    /// The address below which the files are.
    #[must_use]
    pub fn mirror(mut self, address: impl Into<String>) -> Self {
        self.mirror = address.into();
        self
    }

    /// Whether a bar shows how a download goes (yes, by default; only on a terminal).
    #[must_use]
    pub fn progress(mut self, on: bool) -> Self {
        self.progress = on;
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of weights, which are downloaded if they are not there.
    ///
    /// # Errors
    /// If the file cannot be downloaded or written, or is not what its name says.
    pub fn get(&self, weights: &Weights) -> Result<PathBuf> {
        self.get_file(weights.file)
    }

    /// The path of a file of the mirror, whose name must have its hash: `name-HASH.pth`.
    ///
    /// # Errors
    /// As [`Cache::get`], and if the name has no hash.
    pub fn get_file(&self, file: &str) -> Result<PathBuf> {
        let Some(hash) = checksum::in_name(file).filter(|_| !file.contains(['/', '\\'])) else {
            let text = format!("{file:?} does not name a file and its hash, as in name-HASH.pth");
            return Err(Error::Value(text));
        };
        let path = self.folder.join(file);
        if path.is_file() {
            check(&path, hash)?;
            return Ok(path);
        }
        fs::create_dir_all(&self.folder).map_err(Error::io(&self.folder))?;
        let _lock = self.lock(file)?;
        // Whoever had the lock before may have done it.
        if path.is_file() {
            check(&path, hash)?;
            return Ok(path);
        }
        let part = self.folder.join(format!("{file}.partial"));
        let url = format!("{}/{file}", self.mirror.trim_end_matches('/'));
        download::to_file(&url, &part, self.progress)?;
        if let Err(wrong) = check(&part, hash) {
            fs::remove_file(&part).map_err(Error::io(&part))?;
            return Err(wrong);
        }
        fs::rename(&part, &path).map_err(Error::io(&path))?;
        Ok(path)
    }

    /// Waits until no other thread or process downloads the file, and keeps them out until the
    /// lock is dropped. Its file stays: to remove it would let in two at once.
    fn lock(&self, file: &str) -> Result<File> {
        let path = self.folder.join(format!("{file}.lock"));
        let lock = File::create(&path).map_err(Error::io(&path))?;
        lock.lock().map_err(Error::io(&path))?;
        Ok(lock)
    }
}

/// That a file's sha256 begins so.
fn check(path: &Path, hash: &str) -> Result<()> {
    let found = checksum::of_file(path)?;
    match found.starts_with(hash) {
        true => Ok(()),
        false => Err(Error::Hash {
            path: path.to_path_buf(),
            expected: hash.to_string(),
            found,
        }),
    }
}
