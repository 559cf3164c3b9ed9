//! Going through a folder of images.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::passed_over::Reason;
use crate::{Error, Result};

/// What is found below a folder.
pub(super) struct Walk<'a> {
    /// Whether a file is an image; the reason why it is passed over if not.
    pub is_image: &'a dyn Fn(&Path, &str) -> Result<(), Reason>,
    pub passed_over: Vec<(PathBuf, Reason)>,
}

/// A folder that is to be gone through.
struct Folder {
    path: PathBuf,
    /// The path without symbolic links.
    real: PathBuf,
    /// The position of the folder in which it was found.
    found_in: Option<usize>,
}

/// What a name in a folder stands for.
enum Kind {
    File,
    Folder,
    /// A symbolic link to a folder, which really is this one.
    LinkedFolder(PathBuf),
    PassedOver(Reason),
}

impl Walk<'_> {
    /// The folders in a root that are classes, by path and name, sorted by name.
    pub fn classes(&mut self, root: &Path) -> Result<Vec<(PathBuf, String)>> {
        let real = fs::canonicalize(root).map_err(Error::io(root))?;
        let mut classes = Vec::new();
        for entry in sorted(root)? {
            let path = entry.path();
            match kind(&entry)? {
                Kind::LinkedFolder(target) if real.starts_with(&target) => {
                    self.passed_over.push((path, Reason::LinkLoop));
                }
                Kind::Folder | Kind::LinkedFolder(_) => {
                    // A name that is not text is passed over by its kind.
                    if let Ok(name) = entry.file_name().into_string() {
                        classes.push((path, name));
                    }
                }
                Kind::File => self.passed_over.push((path, Reason::OutsideClasses)),
                Kind::PassedOver(reason) => self.passed_over.push((path, reason)),
            }
        }
        Ok(classes)
    }

    /// The images of a class in a root, at any depth: the folders as text in order, and the files
    /// of each.
    pub fn images(&mut self, root: &Path, class: &Path) -> Result<Vec<PathBuf>> {
        let real = |path: &Path| fs::canonicalize(path).map_err(Error::io(path));
        let mut folders = vec![
            Folder {
                path: root.to_path_buf(),
                real: real(root)?,
                found_in: None,
            },
            Folder {
                path: class.to_path_buf(),
                real: real(class)?,
                found_in: Some(0),
            },
        ];
        let mut images = Vec::new();
        let mut next = 1;
        while next < folders.len() {
            let mut files = Vec::new();
            for entry in sorted(&folders[next].path)? {
                let path = entry.path();
                let reason = match kind(&entry)? {
                    Kind::File => {
                        let name = entry.file_name();
                        match (self.is_image)(&path, &name.to_string_lossy()) {
                            Ok(()) => {
                                files.push(path);
                                continue;
                            }
                            Err(reason) => reason,
                        }
                    }
                    Kind::LinkedFolder(target) if leads_back(&folders, next, &target) => {
                        Reason::LinkLoop
                    }
                    Kind::Folder => {
                        let real = folders[next].real.join(entry.file_name());
                        folders.push(Folder {
                            path,
                            real,
                            found_in: Some(next),
                        });
                        continue;
                    }
                    Kind::LinkedFolder(real) => {
                        folders.push(Folder {
                            path,
                            real,
                            found_in: Some(next),
                        });
                        continue;
                    }
                    Kind::PassedOver(reason) => reason,
                };
                self.passed_over.push((path, reason));
            }
            images.push((folders[next].path.clone(), files));
            next += 1;
        }
        images.sort_by(|a, b| a.0.as_os_str().cmp(b.0.as_os_str()));
        Ok(images.into_iter().flat_map(|folder| folder.1).collect())
    }
}

/// Whether a link in a folder leads to this folder, to one by which it was reached, or above one.
fn leads_back(folders: &[Folder], from: usize, target: &Path) -> bool {
    let mut folder = Some(from);
    while let Some(position) = folder {
        if folders[position].real.starts_with(target) {
            return true;
        }
        folder = folders[position].found_in;
    }
    false
}

fn sorted(folder: &Path) -> Result<Vec<DirEntry>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let entries: io::Result<Vec<_>> = entries.collect();
    let mut entries = entries.map_err(Error::io(folder))?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn kind(entry: &DirEntry) -> Result<Kind> {
    let path = entry.path();
    let mut file_type = entry.file_type().map_err(Error::io(&path))?;
    let is_link = file_type.is_symlink();
    if is_link {
        match fs::metadata(&path) {
            Ok(target) => file_type = target.file_type(),
            Err(e) if leads_nowhere(&e) => return Ok(Kind::PassedOver(Reason::BrokenLink)),
            Err(e) => return Err(Error::io(&path)(e)),
        }
    }
    let name = entry.file_name();
    let Some(name) = name.to_str() else {
        return Ok(Kind::PassedOver(Reason::NotText));
    };
    Ok(if name == "__MACOSX" || name.starts_with("._") {
        Kind::PassedOver(Reason::MacOs)
    } else if file_type.is_file() {
        Kind::File
    } else if !file_type.is_dir() {
        Kind::PassedOver(Reason::NotAFile)
    } else if name.starts_with('.') {
        Kind::PassedOver(Reason::Hidden)
    } else if is_link {
        Kind::LinkedFolder(fs::canonicalize(&path).map_err(Error::io(&path))?)
    } else {
        Kind::Folder
    })
}

/// Whether following a link failed because there is nothing at its end, or no end.
fn leads_nowhere(error: &io::Error) -> bool {
    // `ErrorKind::FilesystemLoop` is not stable yet.
    let too_many_links = match () {
        () if cfg!(target_os = "linux") => 40,
        () if cfg!(windows) => 1921,
        () => 62,
    };
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(too_many_links)
}
