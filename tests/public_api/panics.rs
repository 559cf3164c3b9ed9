//! `docs/src/panics.md` lists what may panic: all of it, nothing else, each with what does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{PACKAGES, public_functions};

const PAGE: &str = include_str!("../../docs/src/panics.md");

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_string)
        .collect()
}

/// The rows of the page's tables: the functions, and their twins.
fn rows() -> Vec<(Vec<String>, Vec<String>)> {
    let lines = PAGE.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            assert_eq!(cells.len(), 3, "function, when, twin: {line}");
            (quoted(cells[0]), quoted(cells[2]))
        })
        .collect()
}

#[test]
fn the_page_lists_every_function_that_is_documented_to_panic() {
    let functions = public_functions(&PACKAGES);
    let documented: BTreeSet<String> = functions
        .iter()
        .filter(|function| function.panics)
        .map(|function| function.name.clone())
        .collect();
    let listed: BTreeSet<String> = rows().into_iter().flat_map(|row| row.0).collect();
    let missing: Vec<_> = documented.difference(&listed).collect();
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
    let outdated: Vec<_> = listed.difference(&documented).collect();
    assert!(
        outdated.is_empty(),
        "on the page, but not documented so: {outdated:#?}"
    );
    println!("{} functions may panic", documented.len());
}

#[test]
fn each_function_that_may_panic_has_a_twin_that_does_not() {
    let functions = public_functions(&PACKAGES);
    let panics: BTreeMap<&str, bool> = functions.iter().map(|f| (&*f.name, f.panics)).collect();
    for (names, twins) in rows() {
        assert!(!twins.is_empty(), "{names:?} have no twin");
        for twin in &twins {
            let found = panics.get(&**twin);
            assert_eq!(found, Some(&false), "the twin {twin} of {names:?}");
        }
    }
}

/// What may end a program in the middle of an expression.
const ENDINGS: [&str; 6] = [
    "panic!(",
    "todo!(",
    "unimplemented!(",
    ".unwrap()",
    "dbg!(",
    "exit(",
];

#[test]
fn sources_panic_only_where_a_function_says_so() {
    let mut found = Vec::new();
    for (file, text) in crate::sources::texts(&PACKAGES) {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !ENDINGS.iter().any(|ending| code.contains(ending)) {
                continue;
            }
            // The documentation of the function, or of the `impl`, around it.
            let before = lines[..number].iter().rev().take(30);
            let says_so = before
                .take_while(|line| !line.starts_with('}'))
                .any(|line| line.trim_start() == "/// # Panics" || line.contains("fn done<T>"));
            if !says_so {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "undocumented: {found:#?}");
}
