//! What the table was measured on.

use std::time::Duration;

use pleach_kernels::{Isa, fma_peak};
use serde_json::{Value, json};

use crate::scenario::Scale;
use crate::torch::{Malloc, Torch};

/// The machine and the two sides.
pub struct Machine {
    processor: String,
    cores: usize,
    isa: Isa,
    /// Floating-point operations a second at most, by number of threads.
    peaks: Vec<(usize, f64)>,
    torch: Option<String>,
}

impl Machine {
    /// Looks around, and measures the peak for each number of threads.
    pub fn measure(threads: &[usize], torch: Option<&Torch>, scale: Scale) -> Self {
        let isa = Isa::current();
        let time = Duration::from_millis(scale.of(500, 1) as u64);
        let peak = |&n: &usize| {
            pleach::set_num_threads(n);
            (n, fma_peak(isa, time))
        };
        Machine {
            processor: processor().unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            isa,
            peaks: threads.iter().map(peak).collect(),
            torch: torch.map(|torch| torch.version().to_owned()),
        }
    }

    /// The peak of so many threads, in operations a second.
    pub fn peak(&self, threads: usize) -> Option<f64> {
        let mut peaks = self.peaks.iter();
        peaks.find(|(n, _)| *n == threads).map(|(_, peak)| *peak)
    }

    /// What is said about it before the table.
    pub fn sentences(&self) -> Vec<String> {
        let Machine {
            processor,
            cores,
            isa,
            ..
        } = self;
        let peaks: Vec<_> = self
            .peaks
            .iter()
            .map(|(n, peak)| format!("{n}: {:.0}", peak / 1e9))
            .collect();
        let mut sentences = vec![
            format!("{processor}, {cores} cores; pleach uses {isa:?}."),
            format!("Peak in f32 GFLOP/s, by threads: {}.", peaks.join(", ")),
        ];
        if let Some(version) = &self.torch {
            let variables: Vec<_> = Malloc::KeepsPages
                .variables()
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            sentences.push(format!("PyTorch {version}, under {}.", variables.join(" ")));
        }
        sentences
    }

    /// The same, for programs.
    pub fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "isa": format!("{:?}", self.isa),
            "peaks": self.peaks,
            "pytorch": self.torch,
        })
    }
}

/// The processor's name, where Linux tells it.
fn processor() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
