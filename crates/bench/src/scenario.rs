//! What is measured: scenarios, in families.

use std::path::PathBuf;

use pleach::Result;
use serde_json::Value;

/// Scenarios that belong together.
pub struct Family {
    /// What their names start with: `S1`.
    pub id: &'static str,
    /// What they are, as a heading.
    pub title: &'static str,
    /// Lists them.
    pub scenarios: fn(Scale) -> Vec<Scenario>,
}

/// How large the tensors are.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Scale {
    /// As the name says.
    Full,
    /// As small as can be, to try whether everything runs.
    Tiny,
}

impl Scale {
    /// The first size at full scale, else the second.
    pub fn of(self, full: usize, tiny: usize) -> usize {
        match self {
            Scale::Full => full,
            Scale::Tiny => tiny,
        }
    }
}

/// One thing that is measured, here and in PyTorch.
pub struct Scenario {
    /// The name of its row, without the family's.
    pub name: String,
    /// The floating-point operations of a run, if it is bound by them.
    pub flops: Option<f64>,
    /// The sum that it is part of.
    pub part: Option<Part>,
    /// How it is run.
    pub kind: Kind,
}

/// A scenario's part in a sum over several.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// The name of the sum's row.
    pub sum: String,
    /// How often the scenario counts.
    pub times: usize,
}

/// How a scenario is run.
pub enum Kind {
    /// A closure that is timed.
    Operation(Operation),
    /// Something about whole processes.
    Process(Process),
}

/// Both sides of a timed scenario.
pub struct Operation {
    /// The name of the function in `torch/` that prepares PyTorch's side.
    pub op: &'static str,
    /// Its arguments, an object: the sizes are written down once, for both sides.
    pub args: Value,
    /// Prepares our side.
    pub prepare: Box<dyn Fn() -> Result<Run>>,
}

/// Runs what is timed, once.
pub type Run = Box<dyn FnMut() -> Result<()>>;

/// A measurement of processes.
#[derive(Clone, PartialEq, Debug)]
pub enum Process {
    /// Seconds from the start of a process until the first `Linear` has run forward.
    FirstForward,
    /// The most memory that a process ever had, after that.
    IdleMemory,
    /// The most memory that a process ever had, after training steps of ResNet-18.
    TrainMemory {
        /// Images in a batch.
        batch: usize,
        /// Their height and width.
        side: usize,
    },
    /// Bytes of what must be there to run a model.
    ProgramSize,
    /// Seconds that the first loading of a file into ResNet-18 takes, the model being there.
    LoadTime(PathBuf),
    /// The most memory that a process ever had, after that.
    LoadMemory(PathBuf),
}

impl Process {
    /// A scenario of it.
    pub fn scenario(self, name: &str) -> Scenario {
        Scenario {
            name: name.into(),
            flops: None,
            part: None,
            kind: Kind::Process(self),
        }
    }
}

impl Scenario {
    /// A timed scenario that is not bound by floating-point operations.
    pub fn timed(
        name: impl Into<String>,
        op: &'static str,
        args: Value,
        prepare: impl Fn() -> Result<Run> + 'static,
    ) -> Self {
        Scenario {
            name: name.into(),
            flops: None,
            part: None,
            kind: Kind::Operation(Operation {
                op,
                args,
                prepare: Box::new(prepare),
            }),
        }
    }

    /// The same, with the floating-point operations of a run.
    pub fn flops(mut self, flops: f64) -> Self {
        self.flops = Some(flops);
        self
    }

    /// The same, as a part of a sum.
    pub fn part(mut self, sum: impl Into<String>, times: usize) -> Self {
        self.part = Some(Part {
            sum: sum.into(),
            times,
        });
        self
    }
}

/// A [`Run`] of a closure whose result is dropped.
pub fn run<R>(mut f: impl FnMut() -> Result<R> + 'static) -> Result<Run> {
    Ok(Box::new(move || f().map(drop)))
}
