//! [`Error`]: what is wrong with a file or with what is asked of it, and where.

use std::path::{Path, PathBuf};

/// The result of reading and writing checkpoints.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and where: in which file, at which record, byte or entry.
///
/// It becomes a [`pleach_core::Error`] through `?`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something went wrong with this file.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it was.
        source: Box<Error>,
    },
    /// The system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The file is of no format that is known.
    #[error("not a checkpoint: {0}")]
    NotACheckpoint(String),
    /// The file is damaged or was made to deceive.
    #[error("{place}: {what}")]
    Corrupt {
        /// The record and the byte, the entry, or the header.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// A pickle wants a class or function that is not on the short list of what is harmless.
    #[error(
        "{place}: refuses the global `{name}`: loading runs no code, and knows tensors, containers \
         and numbers only{hint}"
    )]
    Refused {
        /// The record and the byte.
        place: String,
        /// Module and name, joined by a dot.
        name: String,
        /// What to do about it.
        hint: String,
    },
    /// The file is fine, but holds what pleach has no equal of.
    #[error("{place}: {what}")]
    Unsupported {
        /// The record and the byte, or the entry.
        place: String,
        /// What it is.
        what: String,
    },
    /// The file asks for more than the [`Limits`](crate::Limits) allow.
    #[error("{place}: {what} (the limit is {limit})")]
    Limit {
        /// The record and the byte, or the entry.
        place: String,
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: u64,
    },
    /// A checkpoint has no such entry, or one of another type.
    #[error("{0}")]
    Access(String),
    /// What is to be saved cannot be written in this format.
    #[error("{0}")]
    Unwritable(String),
    /// The tensor library refused.
    #[error("{0}")]
    Core(#[from] pleach_core::Error),
}

impl Error {
    pub(crate) fn corrupt(place: impl Into<String>, what: impl Into<String>) -> Self {
        Error::Corrupt {
            place: place.into(),
            what: what.into(),
        }
    }

    pub(crate) fn unsupported(place: impl Into<String>, what: impl Into<String>) -> Self {
        Error::Unsupported {
            place: place.into(),
            what: what.into(),
        }
    }

    pub(crate) fn limit(place: impl Into<String>, what: &'static str, limit: usize) -> Self {
        Error::Limit {
            place: place.into(),
            what,
            limit: limit as u64,
        }
    }

    /// Says which file it was.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Error::File {
            path: path.to_path_buf(),
            source: Box::new(self),
        }
    }
}

impl From<Error> for pleach_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            other => pleach_core::ErrorKind::Io(std::sync::Arc::new(other)).into(),
        }
    }
}
