//! S13: a pass over a folder of JPEG files, as networks are trained on it.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use pleach::prelude::*;
use pleach::vision::datasets::ImageFolder;
use pleach::vision::transforms::{
    Compose, Normalize, RandomCrop, RandomHorizontalFlip, Resize, ToTensor,
};
use serde_json::json;

use crate::loading::folder;
use crate::scenario::{Run, Scale, Scenario, run};

/// Width and height of a file, near to what ImageNet's have.
const SIZE: (u32, u32) = (500, 375);

/// The rows: by the workers that read.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let (files, batch) = (scale.of(128, 4), scale.of(32, 2));
    let row = |workers: usize| {
        let path = folder().join(format!("jpeg{files}"));
        let args = json!({"path": path, "batch": batch, "workers": workers});
        let name = format!("{files} jpeg files, {workers} workers");
        Scenario::timed(name, "read_jpeg", args, move || {
            make(&path, files)?;
            pass(&path, batch, workers)
        })
    };
    [0, 1, 2].map(row).into()
}

fn pass(path: &Path, batch: usize, workers: usize) -> Result<Run> {
    let transform = Compose::new()
        .then(Resize::new(256))
        .then(RandomCrop::new(224))
        .then(RandomHorizontalFlip::new(0.5)?)
        .then(ToTensor)
        .then(Normalize::imagenet());
    let loader = DataLoader::builder(ImageFolder::new(path)?.transformed(transform))
        .batch_size(batch)
        .shuffle(true)
        .num_workers(workers)
        .build()?;
    run(move || {
        for batch in &loader {
            batch?;
        }
        Ok(())
    })
}

/// Writes images of smooth colours with some noise, in two classes.
fn make(path: &Path, files: usize) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let noise = Generator::seeded(0);
    for i in 0..files {
        let class = path.join(["a", "b"][i % 2]);
        std::fs::create_dir_all(&class).map_err(pleach::Error::other)?;
        let (u, v) = (noise.word() % 97 + 20, noise.word() % 89 + 20);
        let image = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
            let wave = |n: u32, k: u32| (f64::from(n) / f64::from(k)).sin() * 90.0 + 110.0;
            let grain = f64::from(noise.word() % 24);
            Rgb([wave(x, u), wave(y, v), wave(x + y, u + v)].map(|c| (c + grain) as u8))
        });
        let file = class.join(format!("{i}.jpg"));
        let saved = image.save_with_format(file, ImageFormat::Jpeg);
        saved.map_err(pleach::Error::other)?;
    }
    Ok(())
}
