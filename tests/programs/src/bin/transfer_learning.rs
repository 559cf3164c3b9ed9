//! Transfer learning on a folder of images: a body that knows one set of patterns gets a new head
//! for others. First the head learns alone, then everything, the body more slowly.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use pleach::prelude::*;
use pleach::vision::datasets::{ImageFolder, Transformed};
use pleach::vision::transforms::{Compose, Grayscale, Normalize, ToTensor};

const SIDE: usize = 16;

type Images = DataLoader<Transformed<ImageFolder>>;

/// Writes `count` images of stripes into a folder of this name: `(down, right)` is the direction in
/// which they change, and `noise` how much dirt is on them.
fn write_stripes(root: &Path, class: &str, (down, right): (f64, f64), count: usize) -> Result<()> {
    let folder = root.join(class);
    fs::create_dir_all(&folder)?;
    for i in 0..count {
        let noise = Tensor::rand([SIDE * SIDE]).to_vec::<f32>()?;
        let phase = Tensor::rand([1]).item()? * TAU;
        // A portable pixmap: a header, and three bytes a pixel.
        let mut file = format!("P6 {SIDE} {SIDE} 255\n").into_bytes();
        for (p, noise) in noise.into_iter().enumerate() {
            let (y, x) = ((p / SIDE) as f64, (p % SIDE) as f64);
            let wave = (y * down + x * right + phase).sin() * 0.3 + 0.5;
            let value = ((wave + 0.4 * (f64::from(noise) - 0.5)) * 255.0) as u8;
            file.extend([value, value, 255 - value]);
        }
        fs::write(folder.join(format!("{i:03}.ppm")), file)?;
    }
    Ok(())
}

/// The images of a folder with one folder a class, in batches.
fn load(root: &Path, shuffle: bool) -> Result<Images> {
    let prepare = Compose::new()
        .then(Grayscale::new(1)?)
        .then(ToTensor)
        .then(Normalize::new(&[0.5], &[0.25])?);
    let images = ImageFolder::new(root)?;
    println!("{} images of {:?}", images.len(), images.classes());
    let images = images.transformed(prepare);
    DataLoader::builder(images)
        .batch_size(16)
        .shuffle(shuffle)
        .build()
}

#[derive(Module)]
struct Net {
    body: Sequential,
    head: Linear,
}

impl Net {
    fn new(classes: usize) -> Self {
        Net {
            body: sequential![
                Conv2d::new(1, 8, 5),
                BatchNorm2d::new(8),
                ReLU::new(),
                MaxPool2d::new(2),
                Conv2d::new(8, 16, 3),
                BatchNorm2d::new(16),
                ReLU::new(),
                AdaptiveAvgPool2d::new(1),
                Flatten::new(),
            ],
            head: Linear::new(16, classes),
        }
    }
}

impl Forward for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.head.call(&self.body.call(x)?)
    }
}

fn train(net: &Net, images: &Images, optimizer: &mut SGD, epochs: usize) -> Result<()> {
    let criterion = CrossEntropyLoss::new();
    net.train();
    for _ in 0..epochs {
        for batch in images {
            let (x, labels) = batch?;
            optimizer.zero_grad();
            criterion.call(&net.call(&x)?, &labels)?.backward()?;
            optimizer.step()?;
        }
    }
    Ok(())
}

fn accuracy(net: &Net, images: &Images) -> Result<f64> {
    net.eval();
    let (mut right, mut count) = (0.0, 0);
    for batch in images {
        let (x, labels) = batch?;
        let guesses = no_grad(|| net.call(&x))?.argmax_dim(1, false)?;
        right += guesses.eq(&labels)?.sum()?.item()?;
        count += labels.numel();
    }
    Ok(right / count as f64)
}

fn main() -> Result<()> {
    manual_seed(0);
    let root = std::env::temp_dir().join(format!("transfer_learning-{}", std::process::id()));

    // Many images of four patterns, and few of three others.
    let known = [
        ("level", (0.8, 0.0)),
        ("upright", (0.0, 0.8)),
        ("fine", (0.0, 2.0)),
        ("rising", (-0.6, 0.6)),
    ];
    for (class, direction) in known {
        write_stripes(&root.join("known"), class, direction, 40)?;
    }
    let new = [
        ("coarse", (0.0, 0.4)),
        ("falling", (0.6, 0.6)),
        ("flat", (1.6, 0.0)),
    ];
    for (class, direction) in new {
        write_stripes(&root.join("train"), class, direction, 6)?;
        write_stripes(&root.join("test"), class, direction, 20)?;
    }

    // Somebody else's training, as it were.
    let known = load(&root.join("known"), true)?;
    let pretrained = Net::new(4);
    let mut sgd = SGD::builder(pretrained.parameters())
        .lr(0.05)
        .momentum(0.9)
        .build()?;
    train(&pretrained, &known, &mut sgd, 6)?;
    println!(
        "the four known patterns: {:.3}",
        accuracy(&pretrained, &known)?
    );

    let train_images = load(&root.join("train"), true)?;
    let test_images = load(&root.join("test"), false)?;

    // A new head on the frozen body.
    let mut net = pretrained.deep_copy();
    net.body.freeze();
    net.head = Linear::new(16, 3);
    let body_before = net.body.state_dict();
    let mut sgd = SGD::builder(net.head.parameters())
        .lr(0.1)
        .momentum(0.9)
        .build()?;
    train(&net, &train_images, &mut sgd, 15)?;
    let frozen = accuracy(&net, &test_images)?;
    let moved = |net: &Net| -> Result<bool> {
        for (name, value) in net.body.state_dict() {
            if !value.equal(&body_before[&name])? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    assert!(!moved(&net)?, "a frozen body does not move");

    // Everything, at two learning rates.
    net.body.unfreeze();
    let groups = [
        SgdGroup::new(net.body.parameters()).lr(0.005),
        SgdGroup::new(net.head.parameters()).lr(0.05),
    ];
    let mut sgd = SGD::with_groups(groups).momentum(0.9).build()?;
    train(&net, &train_images, &mut sgd, 15)?;
    let tuned = accuracy(&net, &test_images)?;
    assert!(moved(&net)?);

    println!("three new patterns, body frozen: {frozen:.3}; all trained: {tuned:.3}");
    fs::remove_dir_all(&root)?;
    assert!(tuned > 0.9 && tuned >= frozen, "{frozen}, {tuned}");
    Ok(())
}
