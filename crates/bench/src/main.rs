//! The benchmark program: how fast pleach is, beside PyTorch.
//!
//! ```text
//! cargo run --release -p pleach-bench -- [--torch PYTHON] [WORD]...
//! ```
//!
//! Each row is one operation. It runs on one thread through the public interface; with `--torch`,
//! whose value is a Python that can import torch, the same operation then runs there, a moment
//! later, and is measured in the same way ([`measure`]). Words choose the rows whose names contain
//! one of them.
//!
//! A new family of rows is a module with a function `rows` here, and a function of the same rows in
//! `torch_bench.py`.

#![forbid(unsafe_code)]

mod measure;
mod random;
mod torch;

use std::error::Error;
use std::path::PathBuf;

use measure::Row;
use torch::Torch;

const USAGE: &str = "usage: pleach-bench [--torch PYTHON] [WORD]...";

/// What the command line asks for.
#[derive(Default)]
struct Options {
    torch: Option<PathBuf>,
    words: Vec<String>,
}

impl Options {
    /// `None` if help was asked for.
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                lexopt::Arg::Long("torch") => options.torch = Some(arguments.value()?.into()),
                lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return Ok(None),
                lexopt::Arg::Value(word) => options.words.push(word.into_string()?),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }

    fn wants(&self, row: &Row) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| row.name.contains(word))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return Ok(());
        }
        Err(error) => return Err(format!("{error}\n{USAGE}").into()),
    };
    let mut torch = options.torch.as_deref().map(Torch::start).transpose()?;
    pleach::set_num_threads(1);

    if let Some(torch) = &torch {
        println!("PyTorch {}\n", torch.version());
    }
    println!(
        "{:<28} {:>12} {:>12} {:>8}  unit",
        "one thread", "pleach", "PyTorch", "ratio"
    );
    for mut row in random::rows().into_iter().filter(|row| options.wants(row)) {
        let ours = row.amount / measure::seconds(&mut row.run)?;
        let theirs = match &mut torch {
            Some(torch) => torch.seconds(row.name)?.map(|seconds| row.amount / seconds),
            None => None,
        };
        let (theirs, ratio) = match theirs {
            Some(theirs) => (format!("{theirs:.2}"), format!("{:.2}", ours / theirs)),
            None => Default::default(),
        };
        println!(
            "{:<28} {ours:>12.2} {theirs:>12} {ratio:>8}  {}",
            row.name, row.unit
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Options>, lexopt::Error> {
        Options::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn arguments_are_a_python_and_words() {
        let options = parse(&["normal", "--torch", "python3", "uniform"])
            .unwrap()
            .unwrap();
        assert_eq!(options.torch, Some(PathBuf::from("python3")));
        let chosen = |name| {
            options.wants(&Row {
                name,
                amount: 1.0,
                unit: "",
                run: Box::new(|| Ok(())),
            })
        };
        assert!(chosen("normal_") && chosen("trunc_normal_") && !chosen("dropout"));
        assert!(parse(&["-h"]).unwrap().is_none());
        assert!(parse(&["--torch"]).is_err());
        assert!(parse(&["--fast"]).is_err());
    }
}
