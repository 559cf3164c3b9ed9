//! Says what is on an image: the five classes that a model finds likeliest.
//!
//! ```text
//! cargo run --release --example inference -- IMAGE... --checkpoint finetune.pth
//! cargo run --release --example inference -- IMAGE... --model resnet18 [--weights FILE]
//! ```
//!
//! With `--checkpoint` the model is one that the example `finetune` has trained. With `--model` it
//! is torchvision's, trained on ImageNet: from a file, or downloaded (for which pleach wants the
//! feature `https`, or a mirror in `PLEACH_WEIGHTS_MIRROR`).

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use pleach::checkpoint::Value as Saved;
use pleach::prelude::*;
use pleach::vision::datasets::read_image;
use pleach::vision::models::get_model;
use pleach::vision::transforms::*;
use pleach::vision::weights::{Cache, Weights, current_name, imagenet_classes};

type Outcome<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("inference: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let (mut images, mut checkpoint, mut model, mut weights) = (Vec::new(), None, None, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(path) => images.push(PathBuf::from(path)),
            Long("checkpoint") => checkpoint = Some(PathBuf::from(parser.value()?)),
            Long("model") => model = Some(parser.value()?.string()?),
            Long("weights") => weights = Some(PathBuf::from(parser.value()?)),
            other => return Err(other.unexpected().into()),
        }
    }
    let classifier = match (checkpoint, model) {
        (Some(path), None) => Classifier::finetuned(path)?,
        (None, Some(model)) => Classifier::imagenet(&model, weights)?,
        _ => return Err("either --checkpoint or --model says which model".into()),
    };
    for path in images {
        println!("{}", path.display());
        for (probability, class) in classifier.top(&read_image(&path)?, 5)? {
            println!("  {:5.1} % {class}", 100.0 * probability);
        }
    }
    Ok(())
}

/// A model, what is done to an image before it sees it, and what its outputs mean.
struct Classifier {
    model: Box<dyn Forward>,
    transform: Compose,
    classes: Vec<String>,
}

impl Classifier {
    /// From a checkpoint of the example `finetune`.
    fn finetuned(path: PathBuf) -> Outcome<Self> {
        let saved = load(&path)?;
        let classes = saved.get("classes")?.as_items()?;
        let classes: Vec<String> = classes
            .iter()
            .map(|class| class.as_str().map(String::from))
            .collect::<std::result::Result<_, _>>()?;
        let model = get_model(saved.get("model")?.as_str()?, classes.len())?;
        model.load_state_dict(&saved.get("model_state")?.state_dict()?, true)?;

        let preparation = saved.get("preparation")?;
        let size = preparation.get("size")?.as_usize()?;
        let numbers = |key: &str| -> Outcome<Vec<f64>> {
            let items = preparation
                .get(key)?
                .as_items()?
                .iter()
                .map(Saved::as_float);
            Ok(items.collect::<std::result::Result<_, _>>()?)
        };
        let transform = match preparation.get("grey")?.as_bool()? {
            true => Compose::new()
                .then(Resize::new((size, size)))
                .then(Grayscale::new(3)?),
            false => Compose::new()
                .then(Resize::new(size * 8 / 7))
                .then(CenterCrop::new(size)),
        };
        let normalize = Normalize::new(&numbers("mean")?, &numbers("std")?)?;
        Ok(Classifier {
            model,
            transform: transform.then(ToTensor).then(normalize),
            classes,
        })
    }

    /// Trained on ImageNet.
    fn imagenet(name: &str, file: Option<PathBuf>) -> Outcome<Self> {
        let weights = Weights::of(name).ok_or("no weights of this model are known")?;
        let path = match file {
            Some(path) => path,
            None => Cache::from_env()?.get(weights)?,
        };
        let classes = imagenet_classes();
        let model = get_model(name, classes.len())?;
        let state = load_state_dict(&path)?;
        let state: StateDict = state
            .iter()
            .map(|(name, t)| (current_name(name), t.clone()))
            .collect();
        model.load_state_dict(&state, true)?;
        Ok(Classifier {
            model,
            transform: weights.transforms(),
            classes: classes.into_iter().map(String::from).collect(),
        })
    }

    /// The likeliest classes with their probabilities, the likeliest first.
    fn top(&self, image: &Tensor, count: usize) -> Outcome<Vec<(f64, &str)>> {
        self.model.eval();
        let input = self.transform.apply(image)?.unsqueeze(0)?;
        let logits = no_grad(|| self.model.call(&input))?;
        let count = count.min(self.classes.len());
        let (probabilities, classes) = logits.softmax(1)?.topk(count, 1, true)?;
        let classes = classes.to_vec::<i64>()?;
        let names = classes
            .iter()
            .map(|&class| self.classes[class as usize].as_str());
        Ok(probabilities.to_vec_f64().into_iter().zip(names).collect())
    }
}
