//! `notebooks/`: the executed cells of the reference notebooks.

use crate::support::data::Family;
use crate::support::report::Report;
use crate::support::value::unknown;

pub fn run() {
    let Some(family) = Family::open("notebooks") else {
        return;
    };
    let mut report = Report::new("notebooks");
    for folder in ["", "seed2/"] {
        let Some(cells) = family.json(&format!("{folder}cells.json")) else {
            continue;
        };
        for (id, cell) in cells.as_object().into_iter().flatten() {
            // Python introspection has no twin.
            if cell["comparable"] == false {
                continue;
            }
            let notebook = id.split('/').next().unwrap_or(id);
            report.case(&format!("{folder}{id}"), || {
                unknown(format!("notebook {notebook}"))
            });
        }
    }
    report.finish();
}
