//! `checkpoints/`: files to be read, refused or survived.

use crate::support::data::{Family, cases};
use crate::support::report::Report;
use crate::support::value::unknown;

pub fn run() {
    let Some(family) = Family::open("checkpoints") else {
        return;
    };
    let mut report = Report::new("checkpoints");
    if let Some(index) = family.json("expected.json") {
        for case in cases(&index, "files") {
            let file = case["file"].as_str().unwrap_or("?");
            let format = file.rsplit('.').next().unwrap_or(file);
            report.case(file, || unknown(format!("reading .{format}")));
        }
    }
    report.finish();
}
