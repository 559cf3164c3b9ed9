//! S11: loading ResNet-18 from a file, again and again and in a fresh process.

use std::path::{Path, PathBuf};

use pleach::checkpoint::{load_state_dict, save};
use pleach::prelude::*;
use pleach::vision::models::resnet18;
use serde_json::json;

use crate::scenario::{Process, Scale, Scenario, run};

/// The files, by the last part of the names of PyTorch's functions that read them.
const FILES: [(&str, &str); 2] = [
    ("pth", "resnet18.pth"),
    ("safetensors", "resnet18.safetensors"),
];

/// The rows. They are the same at every scale.
pub fn scenarios(_: Scale) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (kind, name) in FILES {
        let path = folder().join(name);
        let (read, load) = match kind {
            "pth" => ("read_pth", "load_pth"),
            _ => ("read_safetensors", "load_safetensors"),
        };
        let args = json!({ "path": path });
        let file = path.clone();
        scenarios.push(Scenario::timed(
            format!("read {name}"),
            read,
            args.clone(),
            move || {
                make(&file)?;
                let file = file.clone();
                run(move || Ok(load_state_dict(&file)?))
            },
        ));
        let file = path.clone();
        scenarios.push(Scenario::timed(
            format!("load {name}"),
            load,
            args,
            move || {
                make(&file)?;
                let (file, model) = (file.clone(), resnet18());
                run(move || load_into(&model, &file))
            },
        ));
        let name = format!("load {name} in a fresh process");
        scenarios.push(Process::LoadTime(path.clone()).scenario(&name));
        // Only Linux tells what memory a process has had.
        if cfg!(target_os = "linux") {
            let name = format!("{name}: peak memory");
            scenarios.push(Process::LoadMemory(path).scenario(&name));
        }
    }
    scenarios
}

/// Loads a file into a model.
pub fn load_into(model: &impl Module, path: &Path) -> Result<()> {
    model
        .load_state_dict(&load_state_dict(path)?, true)
        .map(drop)
}

/// Makes the file, if this process has not yet.
pub fn make(path: &Path) -> Result<()> {
    if !path.exists() {
        let failed = |error| pleach::Error::value(format!("{}: {error}", path.display()));
        std::fs::create_dir_all(folder()).map_err(failed)?;
        save(resnet18().state_dict(), path)?;
    }
    Ok(())
}

/// Where this process puts the files.
pub fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("pleach-bench-{}", std::process::id()))
}

/// Removes the files at its end.
pub struct Files;

impl Drop for Files {
    fn drop(&mut self) {
        // Most runs have made none, and at the end of a program there is nobody to tell.
        let _ = std::fs::remove_dir_all(folder());
    }
}
