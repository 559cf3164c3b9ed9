//! `notebooks/`: the cells of the reference notebooks, against the examples that are their twins.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::support::compare;
use crate::support::data::{Family, text};
use crate::support::report::Report;
use crate::support::value::{Eval, EvalError, bug, unknown};

#[path = "../../../examples/notebook_000.rs"]
mod notebook_000;
#[path = "../../../examples/notebook_001.rs"]
mod notebook_001;
#[path = "../../../examples/notebook_002.rs"]
mod notebook_002;
#[path = "../../../examples/notebook_003.rs"]
mod notebook_003;
#[path = "../../../examples/notebook_004.rs"]
mod notebook_004;

/// Runs with a seed, and shows each cell's id and text.
type Notebook = fn(u32, &mut dyn FnMut(&str, &str)) -> pleach::Result<()>;

/// The example that is a notebook's twin.
fn find(notebook: &str) -> Option<Notebook> {
    Some(match notebook {
        "000" => notebook_000::run,
        "001" => notebook_001::run,
        "002" => notebook_002::run,
        "003" => notebook_003::run,
        "004" => notebook_004::run,
        _ => return None,
    })
}

pub fn run() {
    let Some(family) = Family::open("notebooks") else {
        return;
    };
    let mut report = Report::new("notebooks");
    // A folder `seedN` holds what seed N gives, the folder itself what seed 0 gives.
    let mut folders = vec![(0, String::new())];
    for name in family.folders() {
        if let Some(seed) = name.strip_prefix("seed").and_then(|n| n.parse().ok()) {
            folders.push((seed, format!("{name}/")));
        }
    }
    for (seed, folder) in folders {
        let cells = family.json(&format!("{folder}cells.json"));
        let expected = family.json(&format!("{folder}expected.json"));
        if let (Some(cells), Some(expected)) = (cells, expected) {
            run_folder(seed, &folder, &cells, &expected, &mut report);
        }
    }
    report.finish();
}

fn run_folder(seed: u32, folder: &str, cells: &Json, expected: &Json, report: &mut Report) {
    let mut ran: HashMap<String, Ran> = HashMap::new();
    for (id, cell) in cells.as_object().into_iter().flatten() {
        // Python introspection has no twin.
        if cell["comparable"] == false {
            continue;
        }
        let notebook = id.split('/').next().unwrap_or(id);
        report.case(&format!("{folder}{id}"), || {
            let Some(run) = find(notebook) else {
                return unknown(format!("notebook {notebook}"));
            };
            let ran = ran
                .entry(notebook.to_string())
                .or_insert_with(|| Ran::new(run, seed));
            ran.compare(id, text(&expected[id])?)
        });
    }
}

/// What a notebook printed, cell by cell, and how it ended.
struct Ran {
    texts: HashMap<String, String>,
    end: pleach::Result<()>,
}

impl Ran {
    fn new(run: Notebook, seed: u32) -> Self {
        let mut texts = HashMap::new();
        let end = run(seed, &mut |id, text| {
            texts.insert(id.to_string(), text.to_string());
        });
        Ran { texts, end }
    }

    fn compare(&self, id: &str, expected: &str) -> Eval<()> {
        match (self.texts.get(id), &self.end) {
            (Some(text), _) => compare::equal("text", text.as_str(), expected),
            (None, Err(error)) => Err(EvalError::Raised(error.to_string())),
            (None, Ok(())) => bug("the example has no such cell"),
        }
    }
}
