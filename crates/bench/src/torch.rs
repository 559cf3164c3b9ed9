//! PyTorch's side of the table: a Python child process that is asked row by row.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The child, waiting for the name of a row.
pub struct Torch {
    process: Child,
    /// Taken when the child is to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    version: String,
}

impl Torch {
    /// Starts `torch_bench.py` in the given Python and waits until torch is loaded.
    pub fn start(python: &Path) -> io::Result<Torch> {
        let mut process = Command::new(python)
            .args(["-W", "ignore", "-c", include_str!("torch_bench.py")])
            // Settings meant for another library's OpenBLAS.
            .env_remove("OPENBLAS_CORETYPE")
            .env_remove("OPENBLAS_L2_SIZE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", python.display()))
            })?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            unreachable!("both were asked for as pipes");
        };
        let mut torch = Torch {
            process,
            questions: Some(questions),
            answers: BufReader::new(answers),
            version: String::new(),
        };
        torch.version = torch.answer()?;
        Ok(torch)
    }

    /// PyTorch's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Seconds that one run of the row takes there, or `None` if it has no such row.
    pub fn seconds(&mut self, name: &str) -> io::Result<Option<f64>> {
        if let Some(questions) = &mut self.questions {
            writeln!(questions, "{name}")?;
            questions.flush()?;
        }
        let answer = self.answer()?;
        if answer == "none" {
            return Ok(None);
        }
        let seconds = answer.parse();
        seconds
            .map(Some)
            .map_err(|_| io::Error::other(format!("not a time, from Python: {answer:?}")))
    }

    fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(io::Error::other(
                "the Python of --torch ended early (see above)",
            ));
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // The end of its input ends the child.
        self.questions.take();
        let _ = self.process.wait();
    }
}
