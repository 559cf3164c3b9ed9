//! [`ImageFolder`].

use std::fs;
use std::path::{Path, PathBuf};

use pleach_core::Tensor;

use super::Dataset;
use super::dataset::check_index;
use super::image_file::read_image;
use crate::{Error, Result};

/// PNG and JPEG files in one folder a class: `root/cat/1.png`, `root/dog/x.jpeg`.
///
/// Classes are the folders' names, sorted, and so are the files of each, at any depth, as in
/// torchvision. An element is a u8 image `[3, height, width]` and the number of its class; it is
/// read when it is asked for.
pub struct ImageFolder {
    classes: Vec<String>,
    samples: Vec<(PathBuf, i64)>,
}

const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

impl ImageFolder {
    /// Lists the files of a folder.
    ///
    /// # Errors
    /// If a folder cannot be read, there are no classes, or a class has no images.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let wrong = |what: String| Error::Folder {
            path: root.to_path_buf(),
            what,
        };
        let (mut classes, mut samples) = (Vec::new(), Vec::new());
        for path in sorted(root)? {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.filter(|_| path.is_dir()) else {
                continue;
            };
            let before = samples.len();
            collect(&path, classes.len() as i64, &mut samples)?;
            if samples.len() == before {
                return Err(wrong(format!(
                    "the class {name:?} has no .jpg, .jpeg or .png files"
                )));
            }
            classes.push(name.to_string());
        }
        match classes.is_empty() {
            true => Err(wrong("no folders, which would be the classes".into())),
            false => Ok(ImageFolder { classes, samples }),
        }
    }

    /// The names of the classes, in order.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The files and their classes, in order.
    pub fn samples(&self) -> &[(PathBuf, i64)] {
        &self.samples
    }
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.map(|entry| entry.map(|e| e.path()));
    let mut paths = paths
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::io(folder))?;
    paths.sort();
    Ok(paths)
}

/// The folder and those in it at any depth, as text in order, and the files of each.
fn collect(folder: &Path, class: i64, samples: &mut Vec<(PathBuf, i64)>) -> Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    let mut files = Vec::new();
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        let (inner, inside): (Vec<_>, Vec<_>) =
            sorted(&folder)?.into_iter().partition(|p| p.is_dir());
        folders.extend(inner);
        files.push((folder, inside));
        next += 1;
    }
    files.sort_by(|a, b| a.0.as_os_str().cmp(b.0.as_os_str()));
    let is_image = |path: &PathBuf| {
        let extension = path.extension().and_then(|e| e.to_str());
        extension.is_some_and(|e| EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()))
    };
    let images = files.into_iter().flat_map(|f| f.1).filter(is_image);
    samples.extend(images.map(|path| (path, class)));
    Ok(())
}

impl Dataset for ImageFolder {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.samples.len()
    }
    fn get(&self, index: usize) -> Result<(Tensor, i64)> {
        check_index(index, self.samples.len())?;
        let (path, class) = &self.samples[index];
        Ok((read_image(path)?, *class))
    }
}
