//! What the committed golden data has to give: `tests/golden_ledger.json`.
//!
//! For each family it holds how many cases pass at least, and every case whose call Rust's types
//! cannot express, by the reason. Both may only get better: fewer passed cases fail the test, and so
//! does a case that is typed out and not listed, or listed and typed out no more. Other data
//! (`PLEACH_GOLDEN`) has other cases, so it is not held against the ledger.

use serde_json::Value as Json;

/// What breaks the promises of the ledger, one line each.
pub fn check(family: &str, passed: usize, typed_out: &[(String, String)]) -> Vec<String> {
    if std::env::var_os("PLEACH_GOLDEN").is_some() {
        return Vec::new();
    }
    let ledger: Json =
        serde_json::from_str(include_str!("../golden_ledger.json")).expect("the ledger is JSON");
    let Some(floor) = ledger[family]["passed"].as_u64() else {
        return vec![format!("the ledger has no floor for {family}")];
    };
    let mut broken = Vec::new();
    if (passed as u64) < floor {
        broken.push(format!("{passed} cases passed, the floor is {floor}"));
    }
    let listed = listed(&ledger[family]["typed_out"]);
    for (case, why) in typed_out {
        if !listed.contains(&case.as_str()) {
            broken.push(format!("typed out and not listed: {case} ({why})"));
        }
    }
    for case in listed {
        if !typed_out.iter().any(|(c, _)| c == case) {
            broken.push(format!("listed as typed out, but it is not: {case}"));
        }
    }
    broken
}

/// The cases of a family that are listed as typed out, under whatever reason.
fn listed(reasons: &Json) -> Vec<&str> {
    let reasons = reasons.as_object().into_iter().flatten();
    let cases = reasons.flat_map(|(_, cases)| cases.as_array().into_iter().flatten());
    cases
        .map(|case| case.as_str().expect("cases are texts"))
        .collect()
}
