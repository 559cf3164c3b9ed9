//! A run: model, optimizer, how far it is; and the checkpoint that holds all of that.

use std::error::Error;
use std::path::Path;

use pleach::checkpoint::{Dict, KeyMap, Value, load, save};
use pleach::optim::Optimizer;
use pleach::prelude::*;
use pleach::vision::models::{get_model, head_of};
use pleach::vision::weights::{Cache, Weights, current_name};

use crate::arguments::Arguments;
use crate::data::Preparation;

/// What a checkpoint holds.
pub struct Run {
    name: String,
    classes: Vec<String>,
    preparation: Preparation,
    pub model: Box<dyn Forward>,
    pub optimizer: SGD,
    pub epochs_done: usize,
    /// In the last test.
    pub accuracy: f64,
}

impl Run {
    /// A new run, or the one that the checkpoint holds.
    pub fn start(
        arguments: &Arguments,
        classes: Vec<String>,
        preparation: Preparation,
    ) -> std::result::Result<Self, Box<dyn Error>> {
        let name = arguments.model.clone();
        let model = get_model(&name, classes.len())?;
        let head = model.get_module(head_of(&name)?)?;
        if arguments.freeze {
            model.freeze();
            head.unfreeze();
        }
        let head_parameters = head.parameters();
        let is_head = |p: &Parameter| head_parameters.iter().any(|h| h.id() == p.id());
        let body = model.parameters().into_iter();
        let body: Vec<Parameter> = body.filter(|p| !is_head(p) && p.requires_grad()).collect();
        let mut groups = vec![SgdGroup::new(head_parameters).lr(arguments.head_lr)];
        if !body.is_empty() {
            groups.push(SgdGroup::new(body));
        }
        let optimizer = SGD::with_groups(groups)
            .lr(arguments.lr)
            .momentum(0.9)
            .nesterov(true)
            .weight_decay(5e-4)
            .build()?;
        let mut run = Run {
            name,
            classes,
            preparation,
            model,
            optimizer,
            epochs_done: 0,
            accuracy: 0.0,
        };
        if arguments.checkpoint.exists() {
            run.resume(&arguments.checkpoint)?;
            println!(
                "going on after epoch {} of {}",
                run.epochs_done,
                arguments.checkpoint.display()
            );
        } else if let Some(weights) = &arguments.weights {
            run.load_weights(weights)?;
        }
        Ok(run)
    }

    /// Everything that the rest of the training depends on, so that it goes on as if it had never
    /// stopped. The file is replaced in one step: one that is killed leaves the old one.
    pub fn save(&self, path: &Path) -> std::result::Result<(), Box<dyn Error>> {
        let generator = Generator::current().get_state();
        let generator = Tensor::from_slice(&generator, [generator.len()])?;
        let preparation = Dict::new()
            .with("size", self.preparation.size)
            .with("mean", self.preparation.mean.clone())
            .with("std", self.preparation.std.clone())
            .with("grey", self.preparation.grey);
        let checkpoint = Dict::new()
            .with("model", self.name.as_str())
            .with("classes", self.classes.clone())
            .with("preparation", preparation)
            .with("epochs_done", self.epochs_done)
            .with("accuracy", self.accuracy)
            .with("model_state", self.model.state_dict())
            .with("optimizer", self.optimizer.state_dict())
            .with("generator", generator);
        Ok(save(checkpoint, path)?)
    }

    fn resume(&mut self, path: &Path) -> std::result::Result<(), Box<dyn Error>> {
        let checkpoint = load(path)?;
        let name = checkpoint.get("model")?.as_str()?;
        let classes = checkpoint.get("classes")?.as_items()?;
        let classes: Vec<&str> = classes
            .iter()
            .map(Value::as_str)
            .collect::<Result<_, _>>()?;
        if name != self.name || classes != self.classes {
            return Err(format!(
                "{} is of another run ({name}, {} classes): move it, or name another by --checkpoint",
                path.display(),
                classes.len()
            )
            .into());
        }
        let state = checkpoint.get("model_state")?.state_dict()?;
        self.model.load_state_dict(&state, true)?;
        let optimizer = checkpoint.get("optimizer")?.optimizer_state()?;
        self.optimizer.load_state_dict(&optimizer)?;
        let generator = checkpoint.get("generator")?.as_tensor()?.to_vec::<u8>()?;
        Generator::current().set_state(&generator)?;
        self.epochs_done = checkpoint.get("epochs_done")?.as_usize()?;
        self.accuracy = checkpoint.get("accuracy")?.as_float()?;
        Ok(())
    }

    /// Starts from trained weights; of the head only if it has as many classes.
    fn load_weights(&self, weights: &str) -> std::result::Result<(), Box<dyn Error>> {
        let path = match weights {
            "imagenet" => {
                let known = Weights::of(&self.name).ok_or("no weights of this model are known")?;
                Cache::from_env()?.get(known)?
            }
            path => path.into(),
        };
        let state = load_state_dict(&path)?;
        let state = KeyMap::new().strip_prefix("module.").apply(&state)?.state;
        let state: StateDict = state
            .iter()
            .map(|(name, t)| (current_name(name), t.clone()))
            .collect();
        let report = self.model.load_matching(&state)?;
        let head = head_of(&self.name)?;
        let in_head = |name: &&String| name.strip_prefix(head).is_some_and(|n| n.starts_with('.'));
        let mismatched = report.mismatched.iter().map(|m| &m.name);
        let mut lacking = report.missing_keys.iter().chain(mismatched);
        if let Some(name) = lacking.find(|name| !in_head(name)) {
            let text = format!(
                "{}: {name} does not fit {}\n{report}",
                path.display(),
                self.name
            );
            return Err(text.into());
        }
        println!("{}: {report}", path.display());
        Ok(())
    }
}
