//! Random programs of the public API end without a panic.
//!
//! `PLEACH_API_PROGRAMS=100000 cargo test --test public_api` runs more of them, from another seed
//! each time if `PLEACH_API_SEED` says so.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pleach::random::{Generator, manual_seed};

use crate::api::{self, CALLS, Limits};

/// A number that the environment may set.
fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The bytes of one program.
fn program(generator: &Generator) -> Vec<u8> {
    let n = 40 + generator.word() as usize % 400;
    (0..n).map(|_| generator.word() as u8).collect()
}

#[test]
fn random_programs_of_the_public_api_do_not_panic() {
    let count = setting("PLEACH_API_PROGRAMS", 10_000);
    let verbose = setting("PLEACH_API_VERBOSE", 0) > 0;
    let generator = Generator::seeded(setting("PLEACH_API_SEED", 0));
    let place = Arc::new(Mutex::new(String::new()));
    let last = place.clone();
    let old = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        *last.lock().unwrap() = info.to_string()
    }));

    let mut calls = BTreeMap::<&str, u64>::new();
    let mut findings = BTreeMap::<String, (u64, String)>::new();
    for number in 0..count {
        let bytes = program(&generator);
        let start = Instant::now();
        let mut trace = Vec::new();
        let seen = |name| {
            trace.push(name);
            if verbose {
                eprintln!("{number} {name}");
            }
        };
        let run = AssertUnwindSafe(|| api::run(&bytes, Limits::QUICK, seen));
        let failed = panic::catch_unwind(run).is_err();
        for name in &trace {
            *calls.entry(name).or_default() += 1;
        }
        let mut found = |what: String| {
            let names = trace.last().copied().unwrap_or_default();
            let text = format!("program {number}, {names}\n{}", hex(&bytes));
            findings.entry(what).or_insert((0, text)).0 += 1;
        };
        if failed {
            found(place.lock().unwrap().clone());
        }
        if start.elapsed() > Duration::from_secs(10) {
            found(format!("{:?} in one program", start.elapsed()));
        }
    }
    panic::set_hook(old);
    manual_seed(0);

    let made: u64 = calls.values().sum();
    println!(
        "{count} programs, {made} calls, {} findings",
        findings.len()
    );
    let text: Vec<String> = findings
        .iter()
        .map(|(what, (times, which))| format!("{times} times: {what}\n{which}\n"))
        .collect();
    assert!(findings.is_empty(), "{}", text.join("\n"));
    let all = CALLS.iter().copied().flatten();
    let never: Vec<&str> = all
        .map(|c| c.names)
        .filter(|n| !calls.contains_key(n))
        .collect();
    assert!(
        count < 10_000 || never.is_empty(),
        "never called: {never:#?}"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
