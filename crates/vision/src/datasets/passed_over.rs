//! [`PassedOver`]: what a folder of images holds that is no image of a class.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why an [`ImageFolder`](super::ImageFolder) passes over a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A file in a class whose name has another extension.
    Extension,
    /// A file in a class that `is_valid_file` refused.
    Refused,
    /// A file beside the classes, in no one of them.
    OutsideClasses,
    /// A folder whose name begins with a dot, such as a notebook's `.ipynb_checkpoints`.
    Hidden,
    /// What macOS adds to an archive: `__MACOSX`, and files whose names begin with `._`.
    MacOs,
    /// A name that is not UTF-8.
    NotText,
    /// A symbolic link to nothing.
    BrokenLink,
    /// A symbolic link to a folder that it is in.
    LinkLoop,
    /// A pipe, socket or device.
    NotAFile,
    /// A class without images. With `allow_empty` it keeps its name and number.
    EmptyClass,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Extension => "files with another extension",
            Reason::Refused => "files that is_valid_file refused",
            Reason::OutsideClasses => "files outside of the classes",
            Reason::Hidden => "hidden folders",
            Reason::MacOs => "entries that macOS added",
            Reason::NotText => "entries whose name is not UTF-8",
            Reason::BrokenLink => "symbolic links to nothing",
            Reason::LinkLoop => "symbolic links to a folder that they are in",
            Reason::NotAFile => "entries that are neither file nor folder",
            Reason::EmptyClass => "classes without images",
        })
    }
}

/// What an [`ImageFolder`](super::ImageFolder) passes over: every file and folder below its root
/// that is neither an image nor leads to one, with the reason. Of a folder that is passed over,
/// what is in it is not listed.
///
/// Its text has a line for each reason, with the count and the first names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOver {
    root: PathBuf,
    entries: Vec<(PathBuf, Reason)>,
}

impl PassedOver {
    pub(super) fn new(root: &Path, mut entries: Vec<(PathBuf, Reason)>) -> Self {
        entries.sort();
        PassedOver {
            root: root.to_path_buf(),
            entries,
        }
    }

    /// How many files and folders.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether everything is an image of a class.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The paths, sorted, and the reason of each.
    pub fn entries(&self) -> &[(PathBuf, Reason)] {
        &self.entries
    }

    /// The paths that are passed over for a reason.
    pub fn of(&self, reason: Reason) -> impl Iterator<Item = &Path> {
        let of_it = self.entries.iter().filter(move |entry| entry.1 == reason);
        of_it.map(|entry| entry.0.as_path())
    }
}

/// Names of a line.
const NAMES: usize = 5;

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} passed over", self.root.display(), self.len())?;
        let mut reasons: Vec<Reason> = self.entries.iter().map(|entry| entry.1).collect();
        reasons.sort();
        reasons.dedup();
        for reason in reasons {
            let count = self.of(reason).count();
            write!(f, "\n  {count} {reason}: ")?;
            for (i, path) in self.of(reason).take(NAMES).enumerate() {
                let name = path.strip_prefix(&self.root).unwrap_or(path);
                let comma = if i == 0 { "" } else { ", " };
                write!(f, "{comma}{}", name.display())?;
            }
            if count > NAMES {
                write!(f, " and {} more", count - NAMES)?;
            }
        }
        Ok(())
    }
}
