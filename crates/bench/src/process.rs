//! S9: what a whole process costs: its start, its memory, its program. S11 has processes too.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use pleach::prelude::*;
use pleach::vision::models::resnet18;

use crate::loading;
use crate::measure::{self, Rounds};
use crate::report::Unit;
use crate::resnet::train_step;
use crate::scenario::{Process, Scale, Scenario};
use crate::torch::{Malloc, Torch};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The rows of S9.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let train = Process::TrainMemory {
        batch: scale.of(16, 2),
        side: scale.of(224, 32),
    };
    let mut scenarios = vec![Process::FirstForward.scenario("start to first linear forward")];
    // Only Linux tells what memory a process has had.
    if cfg!(target_os = "linux") {
        scenarios.push(Process::IdleMemory.scenario("peak memory after it"));
        scenarios.push(train.scenario("peak memory of resnet18 train b16"));
    }
    scenarios.push(Process::ProgramSize.scenario("size of the program"));
    scenarios
}

/// Steps of training after which memory grows no more: the second has the momentum's buffers.
const STEPS: usize = 3;

/// One of PyTorch's ways to run a process.
pub type Form = (&'static str, &'static str, Malloc);

impl Process {
    /// What is measured.
    pub fn unit(&self) -> Unit {
        match self {
            Process::FirstForward | Process::LoadTime(_) => Unit::Seconds,
            _ => Unit::Bytes,
        }
    }

    /// How many samples of each side are taken.
    pub fn rounds(&self, scale: Scale) -> Rounds {
        match self {
            Process::FirstForward | Process::LoadTime(_) => measure::rounds(scale),
            // Memory hardly varies from run to run, nor do files.
            _ => measure::ONE_ROUND,
        }
    }

    /// What the child is asked for, as one word.
    fn word(&self) -> String {
        match self {
            Process::FirstForward => "first-forward".into(),
            Process::IdleMemory => "idle-memory".into(),
            Process::TrainMemory { batch, side } => format!("train-memory:{batch}:{side}"),
            Process::ProgramSize => "program-size".into(),
            Process::LoadTime(path) => format!("load-time:{}", path.display()),
            Process::LoadMemory(path) => format!("load-memory:{}", path.display()),
        }
    }

    fn from_word(word: &str) -> Option<Process> {
        match word.split_once(':') {
            Some(("load-time", path)) => return Some(Process::LoadTime(path.into())),
            Some(("load-memory", path)) => return Some(Process::LoadMemory(path.into())),
            _ => {}
        }
        let mut parts = word.split(':');
        let process = match parts.next()? {
            "first-forward" => Process::FirstForward,
            "idle-memory" => Process::IdleMemory,
            "train-memory" => Process::TrainMemory {
                batch: parts.next()?.parse().ok()?,
                side: parts.next()?.parse().ok()?,
            },
            _ => return None,
        };
        parts.next().is_none().then_some(process)
    }

    /// Makes what both sides' processes need.
    pub fn prepare(&self) -> Outcome<()> {
        match self {
            Process::LoadTime(path) | Process::LoadMemory(path) => Ok(loading::make(path)?),
            _ => Ok(()),
        }
    }

    /// Measures a process of ours.
    pub fn ours(&self, program: &Path, threads: usize) -> Outcome<f64> {
        if *self == Process::ProgramSize {
            return Ok(program.metadata()?.len() as f64);
        }
        let mut command = Command::new(program);
        command
            .args(["--child", &self.word()])
            .env("PLEACH_NUM_THREADS", threads.to_string());
        self.measure(command)
    }

    /// PyTorch's ways: name, argument of `torch/process.py`, allocator.
    pub fn forms(&self) -> &'static [Form] {
        const TUNED: Malloc = Malloc::KeepsPages;
        match self {
            // With the allocator as it is, these are at their smallest.
            Process::FirstForward | Process::IdleMemory | Process::ProgramSize => {
                &[("eager", "eager", Malloc::Default)]
            }
            Process::TrainMemory { .. } => &[
                ("eager", "eager", Malloc::Default),
                ("eager, pages kept", "eager", TUNED),
                (
                    "channels_last fused",
                    "channels_last fused",
                    Malloc::Default,
                ),
            ],
            Process::LoadTime(path) | Process::LoadMemory(path) => {
                match path.extension().is_some_and(|e| e == "safetensors") {
                    true => &[
                        ("load_file", "load_file", Malloc::Default),
                        ("load_file, pages kept", "load_file", TUNED),
                    ],
                    false => &[
                        ("load", "load", Malloc::Default),
                        ("load, pages kept", "load", TUNED),
                        ("load mmap", "load mmap", Malloc::Default),
                    ],
                }
            }
        }
    }

    /// Measures a process of PyTorch's.
    pub fn theirs(&self, torch: &Torch, form: &Form, threads: usize) -> Outcome<f64> {
        let mut command = torch.command("process.py", form.2);
        command.args([&self.word(), form.1, &threads.to_string()]);
        self.measure(command)
    }

    /// Runs a process that writes one line: when it is ready, or with a number.
    fn measure(&self, mut command: Command) -> Outcome<f64> {
        let start = Instant::now();
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let status = process.wait()?;
        if !status.success() {
            return Err(format!("{command:?}: {status}").into());
        }
        match self {
            Process::FirstForward => Ok(seconds),
            _ => {
                let bytes = line.trim().parse();
                bytes.map_err(|_| format!("{command:?}: not a number: {line:?}").into())
            }
        }
    }
}

/// What this program does as a child of itself: the measured work, then a line.
pub fn child(word: &str) -> Outcome<()> {
    let process = Process::from_word(word).ok_or_else(|| format!("no such child: {word}"))?;
    let mut line = "ready".to_string();
    match &process {
        Process::TrainMemory { batch, side } => {
            let mut step = train_step(*batch, *side, false)?;
            for _ in 0..STEPS {
                step()?;
            }
        }
        Process::LoadTime(path) | Process::LoadMemory(path) => {
            let model = resnet18();
            let start = Instant::now();
            loading::load_into(&model, path)?;
            line = start.elapsed().as_secs_f64().to_string();
        }
        _ => drop(Linear::new(4, 3).call(&Tensor::ones([1, 4]))?),
    }
    if process.unit() == Unit::Bytes {
        line = peak_memory()?.to_string();
    }
    println!("{line}");
    Ok(())
}

/// The most bytes of memory that this process has had: Linux tells.
fn peak_memory() -> Outcome<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    Ok(kilobytes.ok_or("no VmHWM in /proc/self/status")? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Kind;

    #[test]
    fn what_a_child_is_asked_for_it_understands() {
        let families = [scenarios, loading::scenarios];
        let all: Vec<Scenario> = families.iter().flat_map(|f| f(Scale::Full)).collect();
        assert!(all.len() > 8);
        for scenario in all {
            let Kind::Process(process) = scenario.kind else {
                continue;
            };
            if process != Process::ProgramSize {
                assert_eq!(Process::from_word(&process.word()), Some(process));
            }
        }
        assert!(child("nothing").is_err());
        assert!(child("train-memory:1").is_err());
    }
}
