//! The command line.

use std::path::PathBuf;

use regex_lite::Regex;

use crate::report::Format;
use crate::scenario::Scale;

/// What is printed for `--help`.
pub const USAGE: &str = "\
usage: pleach-bench [options]
  --only REGEX      only the scenarios whose name matches, such as '^S1 ' or 'train'
  --threads 1,2     on so many threads (one, and all cores)
  --torch PYTHON    measure PyTorch beside, in this Python
  --compile         its torch.compile forms too (slow to warm up; needs a C++ compiler)
  --markdown        write Markdown tables
  --json            write a line of JSON for the machine, and one for each row
  --list            only write the names
  --tiny            run everything once at a small size, to try it; the times mean nothing";

/// What the command line asks for.
#[derive(Debug)]
pub struct Options {
    pub only: Option<Regex>,
    pub threads: Vec<usize>,
    pub torch: Option<PathBuf>,
    pub compile: bool,
    pub format: Format,
    pub list: bool,
    pub scale: Scale,
    /// What to measure as a child of this program.
    pub child: Option<String>,
}

impl Options {
    /// `None` if help was asked for.
    pub fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
        use lexopt::prelude::*;

        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut options = Options {
            only: None,
            threads: if cores > 1 { vec![1, cores] } else { vec![1] },
            torch: None,
            compile: false,
            format: Format::Text,
            list: false,
            scale: Scale::Full,
            child: None,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("only") => options.only = Some(arguments.value()?.parse_with(Regex::new)?),
                Long("threads") => {
                    options.threads = arguments.value()?.parse_with(parse_threads)?;
                }
                Long("torch") => options.torch = Some(arguments.value()?.into()),
                Long("compile") => options.compile = true,
                Long("markdown") => options.format = Format::Markdown,
                Long("json") => options.format = Format::Json,
                Long("list") => options.list = true,
                Long("tiny") => options.scale = Scale::Tiny,
                Long("child") => options.child = Some(arguments.value()?.string()?),
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }

    /// Whether a scenario of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.is_match(name))
    }
}

fn parse_threads(text: &str) -> Result<Vec<usize>, String> {
    let number = |word: &str| match word.trim().parse() {
        Ok(n @ 1..) => Ok(n),
        _ => Err(format!("{word:?} is no number of threads")),
    };
    text.split(',').map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Options>, lexopt::Error> {
        Options::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_understood() {
        let options = parse(&[
            "--only",
            "^S1 .*5",
            "--threads",
            "1,4",
            "--torch",
            "python3",
        ]);
        let options = options.unwrap().unwrap();
        assert_eq!(options.torch, Some(PathBuf::from("python3")));
        assert_eq!(options.threads, [1, 4]);
        assert!(options.wants("S1 matmul 512"));
        assert!(!options.wants("S1 matmul 2048") && !options.wants("S10 train b512"));
        let plain = parse(&[]).unwrap().unwrap();
        assert!(plain.wants("anything") && plain.threads[0] == 1);
        assert_eq!(parse(&["--json"]).unwrap().unwrap().format, Format::Json);
        assert!(parse(&["-h"]).unwrap().is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            &["--torch"][..],
            &["--fast"],
            &["word"],
            &["--only", "("],
            &["--threads", "0"],
            &["--threads", "1,"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
