//! [`ImageFolder`].

use std::path::{Path, PathBuf};

use pleach_core::Tensor;
use pleach_data::{Dataset, check_index};

use super::image_walk::Walk;
use super::{ImageOptions, PassedOver, Reason};
use crate::{Error, Result};

/// Image files in one folder a class: `root/cat/1.png`, `root/dog/x.jpeg`.
///
/// Classes are the folders' names, sorted, and so are the files of each, at any depth, as in
/// torchvision; symbolic links are followed. An element is a u8 image `[3, height, width]` and the
/// number of its class; it is read when it is asked for, by [`ImageOptions`].
///
/// A file is an image if its name ends, in any case, with one of
/// [`EXTENSIONS`](ImageFolder::EXTENSIONS), or as [`ImageFolderBuilder`] says. What is none is
/// passed over, and [`passed_over`](ImageFolder::passed_over) names it; if there is anything, a
/// warning (through `log`) says so. A hidden folder, such as a notebook's `.ipynb_checkpoints`, is
/// no class and its images are none, so that it does not shift the numbers of the classes:
/// torchvision would take it for one.
///
/// ```
/// use pleach::data::Dataset;
/// use pleach::vision::datasets::{ImageFolder, Reason};
///
/// let root = std::env::temp_dir().join(format!("pleach-folder-{}", std::process::id()));
/// for file in ["cat/1.ppm", "dog/a.PPM", "dog/notes.txt", ".ipynb_checkpoints/1.ppm"] {
///     let path = root.join(file);
///     std::fs::create_dir_all(path.parent().unwrap())?;
///     std::fs::write(&path, b"P6 1 1 255 \x07\x08\x09")?;
/// }
/// let data = ImageFolder::new(&root)?;
/// assert_eq!(data.classes(), ["cat", "dog"]);
/// let (image, class) = data.get(1)?;
/// assert_eq!((image.to_vec::<u8>()?, class), (vec![7, 8, 9], 1));
/// let report = data.passed_over();
/// assert_eq!(report.len(), 2);
/// assert!(report.of(Reason::Extension).eq([root.join("dog/notes.txt")]));
/// assert!(report.to_string().ends_with("1 hidden folders: .ipynb_checkpoints"));
/// # std::fs::remove_dir_all(&root)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ImageFolder {
    classes: Vec<String>,
    samples: Vec<(PathBuf, i64)>,
    passed_over: PassedOver,
    options: ImageOptions,
}

impl ImageFolder {
    /// The names of images end so: torchvision's `IMG_EXTENSIONS`.
    pub const EXTENSIONS: [&str; 9] = [
        ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
    ];

    /// Lists the images of a folder.
    ///
    /// # Errors
    /// If a folder cannot be read, there are no classes, or a class has no images.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Self::builder(root).build()
    }

    /// A folder with options.
    pub fn builder<'a>(root: impl AsRef<Path>) -> ImageFolderBuilder<'a> {
        ImageFolderBuilder {
            root: root.as_ref().to_path_buf(),
            extensions: None,
            is_valid_file: None,
            allow_empty: false,
            options: ImageOptions::new(),
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

    /// What the folder has that is no image of a class, and why.
    pub fn passed_over(&self) -> &PassedOver {
        &self.passed_over
    }
}

impl Dataset for ImageFolder {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.samples.len()
    }
    fn get(&self, index: usize) -> pleach_core::Result<(Tensor, i64)> {
        check_index(index, self.samples.len())?;
        let (path, class) = &self.samples[index];
        Ok((self.options.read(path)?, *class))
    }
}

/// Says of a file whether it is an image.
type IsValid<'a> = Box<dyn Fn(&Path) -> bool + 'a>;

/// Options of an [`ImageFolder`].
#[must_use]
pub struct ImageFolderBuilder<'a> {
    root: PathBuf,
    extensions: Option<Vec<String>>,
    is_valid_file: Option<IsValid<'a>>,
    allow_empty: bool,
    options: ImageOptions,
}

impl<'a> ImageFolderBuilder<'a> {
    /// How the names of images end, in any case and with or without the dot
    /// ([`ImageFolder::EXTENSIONS`] by default).
    pub fn extensions<S: AsRef<str>>(mut self, extensions: impl IntoIterator<Item = S>) -> Self {
        let extension = |text: S| match text.as_ref().to_lowercase() {
            text if text.starts_with('.') => text,
            text => format!(".{text}"),
        };
        self.extensions = Some(extensions.into_iter().map(extension).collect());
        self
    }

    /// Says of each file in a class whether it is an image, instead of the extensions.
    pub fn is_valid_file(mut self, is_valid: impl Fn(&Path) -> bool + 'a) -> Self {
        self.is_valid_file = Some(Box::new(is_valid));
        self
    }

    /// Whether a class may have no images (no, by default: it is an error).
    pub fn allow_empty(mut self, on: bool) -> Self {
        self.allow_empty = on;
        self
    }

    /// How the files are read.
    pub fn image_options(mut self, options: ImageOptions) -> Self {
        self.options = options;
        self
    }

    /// Whether images are turned as their EXIF orientation says
    /// ([`ImageOptions::exif_transpose`]; no, by default).
    pub fn exif_transpose(mut self, on: bool) -> Self {
        self.options = self.options.exif_transpose(on);
        self
    }

    /// Lists the images.
    ///
    /// # Errors
    /// If a folder cannot be read, there are no classes, a class has no images (without
    /// `allow_empty`), there are no extensions or an empty one, or both extensions and
    /// `is_valid_file` are given.
    pub fn build(self) -> Result<ImageFolder> {
        let extensions = self.checked_extensions()?;
        let is_image = |path: &Path, name: &str| match &self.is_valid_file {
            Some(is_valid) => is_valid(path).then_some(()).ok_or(Reason::Refused),
            None => {
                let name = name.to_lowercase();
                let ends = extensions.iter().any(|end| name.ends_with(end.as_str()));
                ends.then_some(()).ok_or(Reason::Extension)
            }
        };
        let mut walk = Walk {
            is_image: &is_image,
            passed_over: Vec::new(),
        };
        let (mut classes, mut samples, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        for (path, name) in walk.classes(&self.root)? {
            let images = walk.images(&self.root, &path)?;
            if images.is_empty() {
                walk.passed_over.push((path, Reason::EmptyClass));
                empty.push(name.clone());
            }
            let class = classes.len() as i64;
            samples.extend(images.into_iter().map(|image| (image, class)));
            classes.push(name);
        }
        let passed_over = PassedOver::new(&self.root, walk.passed_over);
        self.check_classes(&classes, &empty, &extensions, &passed_over)?;
        if !passed_over.is_empty() {
            log::warn!("{passed_over}");
        }
        Ok(ImageFolder {
            classes,
            samples,
            passed_over,
            options: self.options,
        })
    }

    fn checked_extensions(&self) -> Result<Vec<String>> {
        if self.extensions.is_some() && self.is_valid_file.is_some() {
            let text =
                "Both extensions and is_valid_file cannot be None or not None at the same time";
            return Err(Error::Value(text.into()));
        }
        let Some(extensions) = &self.extensions else {
            return Ok(ImageFolder::EXTENSIONS.map(String::from).to_vec());
        };
        if extensions.is_empty() || extensions.iter().any(|end| end == ".") {
            let text = "extensions should not be empty, nor have an empty one among them";
            return Err(Error::Value(text.into()));
        }
        Ok(extensions.clone())
    }

    /// That there are classes, and images in each.
    fn check_classes(
        &self,
        classes: &[String],
        empty: &[String],
        extensions: &[String],
        passed_over: &PassedOver,
    ) -> Result<()> {
        let mut what = if classes.is_empty() {
            "Couldn't find any class folder".to_string()
        } else if !empty.is_empty() && !self.allow_empty {
            let empty = empty.join(", ");
            let mut what = format!("Found no valid file for the classes {empty}.");
            if self.is_valid_file.is_none() {
                what += &format!(" Supported extensions are: {}", extensions.join(", "));
            }
            what
        } else {
            return Ok(());
        };
        if !passed_over.is_empty() {
            what += &format!("\n{passed_over}");
        }
        Err(Error::Folder {
            path: self.root.clone(),
            what,
        })
    }
}
