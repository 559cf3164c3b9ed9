//! The command line.

use std::error::Error;
use std::path::PathBuf;

use lexopt::prelude::*;

pub const HELP: &str = "\
finetune DATA [options]

DATA                a folder of images by class, or the files of MNIST (a folder, or the images)
--model NAME        resnet18 (default) or any other model of pleach::vision::models
--weights FILE      start from this state dict; `imagenet` downloads torchvision's
--freeze            train the head alone
--lr X              learning rate (default 0.02, with --weights 0.01)
--head-lr X         learning rate of the head (default: as --lr)
--epochs N          (default 1)
--batch N           images a batch (default 32)
--size N            side of the images that the model sees (default 224, MNIST 48)
--holdout X         part of the images that is kept for the test (default 0.1)
--workers N         threads that read images (default 1)
--seed N            (default 0)
--checkpoint FILE   written after every epoch, and gone on from (default finetune.pth)
";

/// The options, with their defaults.
pub struct Arguments {
    pub data: PathBuf,
    pub model: String,
    pub weights: Option<String>,
    pub freeze: bool,
    pub lr: f64,
    pub head_lr: f64,
    pub epochs: usize,
    pub batch: usize,
    pub size: Option<usize>,
    pub holdout: f64,
    pub workers: usize,
    pub seed: u64,
    pub checkpoint: PathBuf,
}

impl Arguments {
    /// Reads the command line; `None` if help is asked for.
    pub fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        let (mut data, mut lr, mut head_lr) = (None, None, None);
        let mut out = Arguments {
            data: PathBuf::new(),
            model: "resnet18".into(),
            weights: None,
            freeze: false,
            lr: 0.0,
            head_lr: 0.0,
            epochs: 1,
            batch: 32,
            size: None,
            holdout: 0.1,
            workers: 1,
            seed: 0,
            checkpoint: "finetune.pth".into(),
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(path) if data.is_none() => data = Some(PathBuf::from(path)),
                Long("model") => out.model = parser.value()?.string()?,
                Long("weights") => out.weights = Some(parser.value()?.string()?),
                Long("freeze") => out.freeze = true,
                Long("lr") => lr = Some(parser.value()?.parse()?),
                Long("head-lr") => head_lr = Some(parser.value()?.parse()?),
                Long("epochs") => out.epochs = parser.value()?.parse()?,
                Long("batch") => out.batch = parser.value()?.parse()?,
                Long("size") => out.size = Some(parser.value()?.parse()?),
                Long("holdout") => out.holdout = parser.value()?.parse()?,
                Long("workers") => out.workers = parser.value()?.parse()?,
                Long("seed") => out.seed = parser.value()?.parse()?,
                Long("checkpoint") => out.checkpoint = parser.value()?.into(),
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        out.data = data.ok_or("which data? (--help lists the options)")?;
        out.lr = lr.unwrap_or(if out.weights.is_some() { 0.01 } else { 0.02 });
        out.head_lr = head_lr.unwrap_or(out.lr);
        Ok(Some(out))
    }
}
