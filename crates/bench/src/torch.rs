//! PyTorch's side of the table: a Python child process that is asked sample by sample.

use std::cell::RefCell;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::scenario::{Operation, Scale};

/// Where the scripts are: the program is run from its sources.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/torch");

/// How glibc's allocator works under PyTorch.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Malloc {
    /// As it is: large blocks are given back at once, and every page of the next is a fault.
    Default,
    /// It keeps its pages, with which PyTorch is up to 40 % faster.
    KeepsPages,
}

impl Malloc {
    /// The variables that make it so.
    pub fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Malloc::Default => &[],
            Malloc::KeepsPages => &[("MALLOC_MMAP_MAX_", "0"), ("MALLOC_TRIM_THRESHOLD_", "-1")],
        }
    }
}

/// The child, waiting for a question.
pub struct Torch {
    python: PathBuf,
    compile: bool,
    process: RefCell<Process>,
    version: String,
}

struct Process {
    child: Child,
    /// Taken when the child is to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Torch {
    /// Starts `torch/main.py` in the given Python and waits until torch is loaded. With `compile`,
    /// the forms that `torch.compile` makes are measured too.
    pub fn start(python: &Path, compile: bool) -> Result<Torch, Box<dyn Error>> {
        let mut child = command(python, "main.py", Malloc::KeepsPages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", python.display()))?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for as pipes");
        };
        let mut process = Process {
            child,
            questions: Some(questions),
            answers: BufReader::new(answers),
        };
        let version = match &process.answer()?["version"] {
            Value::String(version) => version.clone(),
            other => return Err(format!("not a version, from Python: {other}").into()),
        };
        Ok(Torch {
            python: python.to_owned(),
            compile,
            process: RefCell::new(process),
            version,
        })
    }

    /// PyTorch's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A command that runs another script in the same Python.
    pub fn command(&self, script: &str, malloc: Malloc) -> Command {
        command(&self.python, script, malloc)
    }

    /// Prepares an operation, instead of the last one, and returns the names of its forms: those
    /// that failed are left out, with a message on standard error.
    pub fn prepare(
        &self,
        operation: &Operation,
        threads: usize,
        scale: Scale,
    ) -> Result<Vec<String>, Box<dyn Error>> {
        let answer = self.process.borrow_mut().ask(&json!({
            "op": operation.op,
            "args": operation.args,
            "threads": threads,
            "compile": self.compile,
            "tiny": scale == Scale::Tiny,
        }))?;
        for (form, message) in answer["failed"].as_object().into_iter().flatten() {
            eprintln!("PyTorch, {} {form}: {message}", operation.op);
        }
        let forms = answer["forms"].as_array().into_iter().flatten();
        Ok(forms.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Seconds that a run of a form of the prepared operation takes.
    pub fn sample(&self, form: &str) -> Result<f64, Box<dyn Error>> {
        let answer = self.process.borrow_mut().ask(&json!({ "sample": form }))?;
        let seconds = answer["seconds"].as_f64();
        seconds.ok_or_else(|| format!("not a time, from Python: {answer}").into())
    }
}

fn command(python: &Path, script: &str, malloc: Malloc) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-B", "-W", "ignore"])
        .arg(Path::new(SCRIPTS).join(script))
        // Settings meant for another library's OpenBLAS.
        .env_remove("OPENBLAS_CORETYPE")
        .env_remove("OPENBLAS_L2_SIZE");
    for (name, _) in Malloc::KeepsPages.variables() {
        command.env_remove(name);
    }
    command.envs(malloc.variables().iter().copied());
    command
}

impl Process {
    fn ask(&mut self, question: &Value) -> Result<Value, Box<dyn Error>> {
        if let Some(questions) = &mut self.questions {
            writeln!(questions, "{question}")?;
            questions.flush()?;
        }
        self.answer()
    }

    fn answer(&mut self) -> Result<Value, Box<dyn Error>> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the Python of --torch ended early (see above)".into());
        }
        serde_json::from_str(&line).map_err(|_| format!("not JSON, from Python: {line:?}").into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input ends the child.
        self.questions.take();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::FAMILIES;
    use crate::scenario::Kind;

    /// The functions under a line `@op(..)` of the scripts, and their parameters after the first.
    fn functions() -> Vec<(String, BTreeSet<String>)> {
        let mut functions = Vec::new();
        for entry in std::fs::read_dir(SCRIPTS).unwrap() {
            let script = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for definition in script.split("\n@op(").skip(1) {
                let (_, rest) = definition.split_once("\ndef ").unwrap();
                let (name, rest) = rest.split_once('(').unwrap();
                let (parameters, _) = rest.split_once(')').unwrap();
                let mut parameters = parameters
                    .split(',')
                    .map(|p| p.split('=').next().unwrap().trim().to_owned());
                assert_eq!(parameters.next().as_deref(), Some("form"), "{name}");
                functions.push((name.to_owned(), parameters.collect()));
            }
        }
        functions
    }

    #[test]
    fn the_python_side_has_every_operation_with_the_same_arguments_and_no_other() {
        let functions = functions();
        let mut used = BTreeSet::new();
        for scenario in FAMILIES.iter().flat_map(|f| (f.scenarios)(Scale::Full)) {
            let Kind::Operation(operation) = scenario.kind else {
                continue;
            };
            let mut found = functions.iter().filter(|(name, _)| name == operation.op);
            let (name, parameters) = found.next().unwrap_or_else(|| panic!("{}", operation.op));
            assert!(found.next().is_none(), "{name} twice");
            let arguments = operation.args.as_object().unwrap();
            assert_eq!(
                arguments.keys().cloned().collect::<BTreeSet<_>>(),
                *parameters,
                "{name}"
            );
            used.insert(name.clone());
        }
        let all: BTreeSet<_> = functions.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(used, all);
    }

    #[test]
    fn a_python_that_is_not_there_is_an_error_with_its_name() {
        let error = Torch::start(Path::new("no-such-python"), false)
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("no-such-python: "), "{error}");
    }
}
