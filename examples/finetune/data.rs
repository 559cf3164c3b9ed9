//! What is trained and tested on.

use std::error::Error;
use std::path::{Path, PathBuf};

use pleach::prelude::*;
use pleach::vision::datasets::{ImageFolder, MNIST};
use pleach::vision::transforms::*;

use crate::arguments::Arguments;

/// Images with labels.
pub type Images = Box<dyn Dataset<Item = (Tensor, i64)>>;

/// The data of a run.
pub struct Data {
    pub train: Images,
    pub test: Images,
    pub classes: Vec<String>,
    pub preparation: Preparation,
}

/// What is done to an image before the model sees it; a checkpoint has it too, for those who use
/// the model later.
#[derive(Clone)]
pub struct Preparation {
    pub size: usize,
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
    /// Whether images are grey.
    pub grey: bool,
}

impl Preparation {
    /// For training: cut out and mirrored at random, unless the images are digits.
    fn train(&self) -> pleach::vision::Result<Compose> {
        if self.grey {
            return self.test();
        }
        Ok(Compose::new()
            .then(Resize::new(self.size * 8 / 7))
            .then(RandomCrop::new(self.size))
            .then(RandomHorizontalFlip::new(0.5)?)
            .then(ToTensor)
            .then(Normalize::new(&self.mean, &self.std)?))
    }

    /// For the test.
    fn test(&self) -> pleach::vision::Result<Compose> {
        let transforms = match self.grey {
            true => Compose::new()
                .then(Resize::new((self.size, self.size)))
                .then(Grayscale::new(3)?),
            false => Compose::new()
                .then(Resize::new(self.size * 8 / 7))
                .then(CenterCrop::new(self.size)),
        };
        let normalize = Normalize::new(&self.mean, &self.std)?;
        Ok(transforms.then(ToTensor).then(normalize))
    }
}

const IMAGENET: ([f64; 3], [f64; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
const DIGITS: ([f64; 1], [f64; 1]) = ([0.1307], [0.3081]);

impl Data {
    /// Opens what the command line names, and splits it.
    pub fn open(arguments: &Arguments) -> std::result::Result<Data, Box<dyn Error>> {
        let path = &arguments.data;
        match images_of_mnist(path) {
            Some(images) => Self::mnist(images, arguments),
            None => Self::folder(path, arguments),
        }
    }

    fn mnist(images: PathBuf, arguments: &Arguments) -> std::result::Result<Data, Box<dyn Error>> {
        let (mean, std) = match arguments.weights {
            // What the trained layers have seen.
            Some(_) => (IMAGENET.0.to_vec(), IMAGENET.1.to_vec()),
            None => (DIGITS.0.to_vec(), DIGITS.1.to_vec()),
        };
        let preparation = Preparation {
            size: arguments.size.unwrap_or(48),
            mean,
            std,
            grey: true,
        };
        let all = MNIST::from_files(&images, labels_beside(&images)?)?;
        let classes = all
            .labels()
            .iter()
            .max()
            .map_or(0, |&last| usize::from(last) + 1);
        let [train, test] = split(all, arguments.holdout)?;
        Ok(Data {
            train: Box::new(train.transformed(preparation.train()?)),
            test: Box::new(test.transformed(preparation.test()?)),
            classes: (0..classes).map(|class| class.to_string()).collect(),
            preparation,
        })
    }

    fn folder(path: &Path, arguments: &Arguments) -> std::result::Result<Data, Box<dyn Error>> {
        let preparation = Preparation {
            size: arguments.size.unwrap_or(224),
            mean: IMAGENET.0.to_vec(),
            std: IMAGENET.1.to_vec(),
            grey: false,
        };
        let (for_train, for_test) = (preparation.train()?, preparation.test()?);
        let parts = (path.join("train"), path.join("val"));
        if parts.0.is_dir() && parts.1.is_dir() {
            let (train, test) = (image_folder(&parts.0)?, image_folder(&parts.1)?);
            let classes = train.classes().to_vec();
            if classes != test.classes() {
                return Err("train and val have different classes".into());
            }
            return Ok(Data {
                train: Box::new(train.transformed(for_train)),
                test: Box::new(test.transformed(for_test)),
                classes,
                preparation,
            });
        }
        let all = image_folder(path)?;
        let classes = all.classes().to_vec();
        let [train, test] = split(all, arguments.holdout)?;
        Ok(Data {
            train: Box::new(train.transformed(for_train)),
            test: Box::new(test.transformed(for_test)),
            classes,
            preparation,
        })
    }
}

/// A folder of images; says what it passes over.
fn image_folder(path: &Path) -> pleach::vision::Result<ImageFolder> {
    let images = ImageFolder::new(path)?;
    if !images.passed_over().is_empty() {
        eprintln!("{}", images.passed_over());
    }
    Ok(images)
}

/// At random, the same for the same seed.
fn split<D: Dataset<Item = (Tensor, i64)> + 'static>(
    all: D,
    holdout: f64,
) -> std::result::Result<[Subset<D>; 2], Box<dyn Error>> {
    let test = (all.len() as f64 * holdout).round() as usize;
    let train = all.len().checked_sub(test);
    let train = train.ok_or("--holdout is more than everything")?;
    let mut parts = random_split(all, &[train, test])?.into_iter();
    match (parts.next(), parts.next()) {
        (Some(train), Some(test)) => Ok([train, test]),
        _ => unreachable!("two lengths give two parts"),
    }
}

/// The file of images, if the path is one or a folder that has one.
fn images_of_mnist(path: &Path) -> Option<PathBuf> {
    let is_images = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.is_file() && name.is_some_and(|name| name.contains("images-idx3"))
    };
    if is_images(path) {
        return Some(path.to_path_buf());
    }
    let inside = std::fs::read_dir(path)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let mut inside: Vec<PathBuf> = inside.filter(|path| is_images(path)).collect();
    inside.sort();
    // `train-…` after `t10k-…`.
    inside.pop()
}

/// `…-labels-idx1-ubyte` beside `…-images-idx3-ubyte`, compressed or not.
fn labels_beside(images: &Path) -> std::result::Result<PathBuf, Box<dyn Error>> {
    let name = images
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let name = name.replace("images-idx3", "labels-idx1");
    let plain = name.trim_end_matches(".gz");
    [name.clone(), plain.to_string(), format!("{plain}.gz")]
        .iter()
        .map(|name| images.with_file_name(name))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{}: no labels beside it", images.display()).into())
}
