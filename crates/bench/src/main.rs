//! The benchmark program: how fast pleach is, beside PyTorch.
//!
//! ```text
//! cargo run --release -p pleach-bench -- [--only REGEX] [--threads 1,2] [--json] [--torch PYTHON]
//! ```
//!
//! Each row is a scenario on a number of threads, through the public interface; with `--torch`,
//! whose value is a Python that can import torch, the same runs there, in turn with ours. The book's
//! chapter on performance tells how to read the table.
//!
//! Families of scenarios are modules here, listed in [`FAMILIES`]. A scenario names the function in
//! `torch/` that prepares PyTorch's side, and its arguments: sizes are written down once.

#![forbid(unsafe_code)]

mod convolution;
mod data;
mod initialise;
mod layers;
mod loading;
mod machine;
mod matmul;
mod measure;
mod networks;
mod options;
mod process;
mod report;
mod resnet;
mod scenario;
mod serving;
mod spatial;
mod sums;
mod torch;
mod training;

use std::error::Error;

use machine::Machine;
use measure::{Repeated, Sampler, Stats, in_turn, rounds};
use options::{Options, USAGE};
use report::{Row, Unit};
use scenario::{Family, Kind, Operation, Scenario};
use sums::Sums;
use torch::Torch;

/// All that can be measured.
const FAMILIES: [Family; 16] = [
    Family {
        id: "S1",
        title: "matrix products",
        scenarios: matmul::scenarios,
    },
    Family {
        id: "S2",
        title: "initialising",
        scenarios: initialise::scenarios,
    },
    Family {
        id: "S3",
        title: "a multilayer perceptron 784-512-512-10",
        scenarios: networks::mlp,
    },
    Family {
        id: "S3b",
        title: "a tiny network 4-3-1",
        scenarios: networks::tiny,
    },
    Family {
        id: "S4",
        title: "a small convolutional network on 1×28×28",
        scenarios: networks::cnn,
    },
    Family {
        id: "S5",
        title: "inference of ResNet-18 on 3×224×224",
        scenarios: resnet::inference,
    },
    Family {
        id: "S6",
        title: "training ResNet-18 on 3×224×224",
        scenarios: resnet::training,
    },
    Family {
        id: "S7",
        title: "the convolutions of ResNet-18",
        scenarios: convolution::of_resnet18,
    },
    Family {
        id: "S7b",
        title: "the depthwise and 1×1 convolutions of MobileNetV2",
        scenarios: convolution::of_mobilenet_v2,
    },
    Family {
        id: "S8",
        title: "layers and optimizers",
        scenarios: layers::scenarios,
    },
    Family {
        id: "S8b",
        title: "other convolutions, and resizing",
        scenarios: spatial::scenarios,
    },
    Family {
        id: "S9",
        title: "processes",
        scenarios: process::scenarios,
    },
    Family {
        id: "S10",
        title: "the network of S4, by batch",
        scenarios: networks::batches,
    },
    Family {
        id: "S11",
        title: "loading ResNet-18 from a file of 47 MB",
        scenarios: loading::scenarios,
    },
    Family {
        id: "S12",
        title: "one model that many threads ask",
        scenarios: serving::scenarios,
    },
    Family {
        id: "S13",
        title: "a pass over a folder of JPEG files",
        scenarios: data::scenarios,
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return Ok(());
        }
        Err(error) => return Err(format!("{error}\n{USAGE}").into()),
    };
    match &options.child {
        Some(word) => process::child(word),
        None if options.list => {
            for (family, scenarios) in wanted(&options) {
                for scenario in scenarios {
                    println!("{} {}", family.id, scenario.name);
                }
            }
            Ok(())
        }
        None => table(&options),
    }
}

/// The wanted scenarios of every family that has any.
fn wanted(options: &Options) -> impl Iterator<Item = (&'static Family, Vec<Scenario>)> {
    FAMILIES.iter().filter_map(|family| {
        let mut scenarios = (family.scenarios)(options.scale);
        scenarios.retain(|s| options.wants(&format!("{} {}", family.id, s.name)));
        (!scenarios.is_empty()).then_some((family, scenarios))
    })
}

/// Measures and prints the table.
fn table(options: &Options) -> Result<(), Box<dyn Error>> {
    let _files = loading::Files;
    let torch = options.torch.as_deref();
    let torch = torch
        .map(|python| Torch::start(python, options.compile))
        .transpose()?;
    let machine = Machine::measure(&options.threads, torch.as_ref(), options.scale);
    println!("{}", options.format.head(&machine));
    for (family, scenarios) in wanted(options) {
        if let Some(heading) = options.format.family(family) {
            println!("{heading}");
        }
        let mut sums = Sums::of(&(family.scenarios)(options.scale));
        for scenario in &scenarios {
            for &threads in &options.threads {
                pleach::set_num_threads(threads);
                let mut row = measure(scenario, threads, torch.as_ref(), options)
                    .map_err(|error| format!("{} {}: {error}", family.id, scenario.name))?;
                row.name = format!("{} {}", family.id, row.name);
                row.peak = share(&row, scenario.flops, &machine);
                println!("{}", options.format.row(&row));
                sums.add(scenario, &row);
            }
        }
        for (mut row, flops) in sums.complete() {
            row.name = format!("{} {}", family.id, row.name);
            row.peak = share(&row, flops, &machine);
            println!("{}", options.format.row(&row));
        }
    }
    Ok(())
}

/// The share of the peak that a run of so many operations reaches.
fn share(row: &Row, flops: Option<f64>, machine: &Machine) -> Option<f64> {
    Some(flops? / row.ours.median / machine.peak(row.threads)?)
}

/// Measures both sides of a scenario.
fn measure(
    scenario: &Scenario,
    threads: usize,
    torch: Option<&Torch>,
    options: &Options,
) -> Result<Row, Box<dyn Error>> {
    let (unit, forms, samples) = match &scenario.kind {
        Kind::Operation(operation) => {
            let (forms, samples) = measure_operation(operation, threads, torch, options)?;
            (Unit::Seconds, forms, samples)
        }
        Kind::Process(process) => {
            process.prepare()?;
            let program = std::env::current_exe()?;
            let mut forms = Vec::new();
            let mut sides: Vec<Sampler> = vec![Box::new(|| process.ours(&program, threads))];
            if let Some(torch) = torch {
                for form in process.forms() {
                    forms.push(form.0.to_owned());
                    sides.push(Box::new(move || process.theirs(torch, form, threads)));
                }
            }
            let samples = in_turn(&mut sides, process.rounds(options.scale))?;
            (process.unit(), forms, samples)
        }
    };
    let mut stats = samples.into_iter().map(Stats::of);
    Ok(Row {
        name: scenario.name.clone(),
        threads,
        unit,
        ours: stats.next().ok_or("nothing was measured")?,
        torch: forms.into_iter().zip(stats).collect(),
        peak: None,
    })
}

/// The names of PyTorch's forms, and the samples of ours and of each of them.
type Sides = (Vec<String>, Vec<Vec<f64>>);

/// Times both sides of an operation.
fn measure_operation(
    operation: &Operation,
    threads: usize,
    torch: Option<&Torch>,
    options: &Options,
) -> Result<Sides, Box<dyn Error>> {
    pleach::manual_seed(0);
    // Ours first: it makes the files that PyTorch's side reads.
    let run = (operation.prepare)()?;
    let forms = match torch {
        Some(torch) => torch.prepare(operation, threads, options.scale)?,
        None => Vec::new(),
    };
    let mut ours = Repeated::new(run, options.scale)?;
    let mut sides: Vec<Sampler> = vec![Box::new(move || Ok(ours.sample()?))];
    if let Some(torch) = torch {
        for form in &forms {
            sides.push(Box::new(move || torch.sample(form)));
        }
    }
    let samples = in_turn(&mut sides, rounds(options.scale))?;
    drop(sides);
    Ok((forms, samples))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::scenario::Scale;

    #[test]
    fn every_name_is_there_once() {
        let mut names = HashSet::new();
        for family in &FAMILIES {
            for scenario in (family.scenarios)(Scale::Full) {
                let name = format!("{} {}", family.id, scenario.name);
                assert!(names.insert(name.clone()), "{name}");
            }
        }
        for expected in [
            "S1 matmul 512",
            "S6 resnet18 train b16",
            "S10 small cnn train b64",
        ] {
            assert!(names.contains(expected), "{expected}");
        }
    }
}
