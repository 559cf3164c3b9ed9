//! Counts the cases of a family, and says what came of them.
//!
//! `PLEACH_GOLDEN_RESULTS=file` adds a line of JSON to a file as soon as a case is done, which
//! outlives a process that is aborted.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;

use super::ledger;
use super::value::{Eval, EvalError};

/// Writes to the terminal also when the test passes: libtest captures only what `print!` and its
/// kin write.
pub fn say(text: &str) {
    // A closed stderr must not fail a test.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What came of the cases of one family.
pub struct Report {
    family: &'static str,
    passed: usize,
    failed: Vec<(String, String)>,
    out_of_scope: BTreeMap<String, usize>,
    /// Cases whose call Rust's types cannot express, each with its reason.
    typed_out: Vec<(String, String)>,
}

impl Report {
    pub fn new(family: &'static str) -> Self {
        Report {
            family,
            passed: 0,
            failed: Vec::new(),
            out_of_scope: BTreeMap::new(),
            typed_out: Vec::new(),
        }
    }

    /// Runs one case. A panic is a failure like any other.
    pub fn case(&mut self, id: &str, run: impl FnOnce() -> Eval<()>) {
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            Err(EvalError::Bug(format!("panicked: {}", panic_text(&*panic))))
        });
        log(id, &result);
        match result {
            Ok(()) => self.passed += 1,
            Err(EvalError::Unknown(name)) => {
                let name = name.strip_prefix("torch.nn.").unwrap_or(&name).to_string();
                *self.out_of_scope.entry(name).or_default() += 1;
            }
            Err(EvalError::TypedOut(reason)) => self.typed_out.push((id.to_string(), reason)),
            Err(EvalError::Raised(text)) => {
                self.failed
                    .push((id.to_string(), format!("pleach's error: {text}")));
            }
            Err(EvalError::Bug(text)) => self.failed.push((id.to_string(), text)),
        }
    }

    /// Prints the counts, and fails if a case failed, if there was none, or if the ledger asks for
    /// more.
    pub fn finish(self) {
        let missing: usize = self.out_of_scope.values().sum();
        let mut text = format!(
            "golden {}: {} passed, {} failed, {missing} out of scope\n",
            self.family,
            self.passed,
            self.failed.len(),
        );
        if !self.typed_out.is_empty() {
            text += &format!("  typed out: {}\n", self.typed_out.len());
            let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
            for (_, reason) in &self.typed_out {
                *reasons.entry(reason).or_default() += 1;
            }
            for (reason, count) in reasons {
                text += &format!("    cannot be written: {reason} ({count})\n");
            }
        }
        if missing > 0 {
            let names: Vec<String> = self
                .out_of_scope
                .iter()
                .map(|(name, count)| format!("{name} ({count})"))
                .collect();
            text += &format!("  out of scope: {}\n", names.join(", "));
        }
        for (id, why) in &self.failed {
            text += &format!("  FAILED {id}: {why}\n");
        }
        let broken = ledger::check(self.family, self.passed, &self.typed_out);
        for line in &broken {
            text += &format!("  LEDGER {line}\n");
        }
        say(&text);
        assert!(
            self.passed + self.failed.len() + missing + self.typed_out.len() > 0,
            "golden {}: no case was found",
            self.family
        );
        assert!(
            self.failed.is_empty(),
            "golden {}: {} cases failed",
            self.family,
            self.failed.len()
        );
        assert!(
            broken.is_empty(),
            "golden {}: not what the ledger promises",
            self.family
        );
    }
}

/// The line of one case.
fn log(id: &str, result: &Eval<()>) {
    let Some(path) = std::env::var_os("PLEACH_GOLDEN_RESULTS") else {
        return;
    };
    let (outcome, text) = match result {
        Ok(()) => ("passed", ""),
        Err(EvalError::Unknown(text)) => ("out of scope", text.as_str()),
        Err(EvalError::TypedOut(text)) => ("typed out", text.as_str()),
        Err(EvalError::Raised(text)) => ("pleach's error", text.as_str()),
        Err(EvalError::Bug(text)) => ("failed", text.as_str()),
    };
    let line = format!(
        "{}\n",
        json!({ "id": id, "outcome": outcome, "text": text })
    );
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text.to_string(),
        (_, Some(text)) => text.clone(),
        _ => "without a text".to_string(),
    }
}
