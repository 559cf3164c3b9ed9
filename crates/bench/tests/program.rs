//! The program as a whole: every row at a tiny size.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Runs the program and returns what it wrote.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pleach-bench"))
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_row_runs() {
    let listed = run(&["--list", "--tiny"]);
    let mut missing: BTreeSet<&str> = listed.lines().collect();
    let table = run(&["--tiny", "--json", "--threads", "2"]);
    let mut lines = table.lines().map(|l| serde_json::from_str(l).unwrap());
    let machine: Value = lines.next().unwrap();
    assert!(machine["peaks"][0][1].as_f64().unwrap() > 1e6);
    let mut sums = BTreeSet::new();
    for row in lines {
        let name = row["scenario"].as_str().unwrap().to_owned();
        assert!(row["pleach"]["median"].as_f64().unwrap() > 0.0, "{name}");
        if !missing.remove(name.as_str()) {
            sums.insert(name);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    // Two networks, two batches, two passes.
    assert_eq!(sums.len(), 8, "{sums:?}");
}

#[test]
fn only_what_matches_is_measured() {
    let table = run(&["--tiny", "--json", "--threads", "1", "--only", "^S1 .*x"]);
    let names: Vec<String> = table
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["scenario"].to_string())
        .collect();
    assert_eq!(
        names,
        ["\"S1 matmul 64x512x512\"", "\"S1 matmul 128x512x784\""]
    );
}
