//! [`Error`]: what goes wrong with files, images and downloads.

use std::io;
use std::path::{Path, PathBuf};

/// The result of what reads files or changes images.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
///
/// It converts into [`pleach_core::Error`], so that `?` works in a function that returns one; there it
/// is the `source()`, and `downcast_ref::<Error>()` finds it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} at byte {offset}: {what}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where in it; in a compressed file, where in its content.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// An image could not be decoded.
    #[error("{}: {what}", .path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        what: String,
    },
    /// A folder does not hold what it should.
    #[error("{}: {what}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// An argument outside its domain.
    #[error("{0}")]
    Value(String),
    /// A file could not be downloaded.
    #[error("{url}: {what}")]
    Download {
        /// The address.
        url: String,
        /// Why.
        what: String,
    },
    /// A downloaded file is not the one that its name says.
    #[error("{}: its sha256 is {found}, but its name says {expected}", .path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// The beginning of the hash, from its name.
        expected: String,
        /// The hash of its content.
        found: String,
    },
    /// An operation on tensors failed.
    #[error(transparent)]
    Tensor(#[from] pleach_core::Error),
}

impl Error {
    /// Says which file an operation of the system was about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    /// A file that is not what it should be.
    pub(crate) fn format(path: &Path, offset: u64, what: impl Into<String>) -> Error {
        Error::Format {
            path: path.to_path_buf(),
            offset,
            what: what.into(),
        }
    }
}

impl From<Error> for pleach_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Tensor(error) => error,
            other => pleach_core::Error::other(other),
        }
    }
}
