//! The programs call every public function, or say why not.

use std::collections::BTreeSet;

use crate::api::{CALLS, LEFT_OUT};
use crate::sources::public_functions;

/// Without the module of a free function: `functional::relu` is `relu`.
fn plain(name: &str) -> String {
    match name.split_once("::") {
        Some((module, rest)) if module.starts_with(char::is_lowercase) => rest.to_string(),
        _ => name.to_string(),
    }
}

fn names<'a>(lists: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    lists.flat_map(str::split_whitespace).map(plain).collect()
}

#[test]
fn programs_call_every_public_function_or_say_why_not() {
    let functions = public_functions(&["core", "nn", "optim", "init", "data"]);
    let public: BTreeSet<String> = functions.into_iter().map(|f| f.name).collect();
    assert!(
        public.len() > 600,
        "only {} public functions were found",
        public.len()
    );
    let called = names(CALLS.iter().copied().flatten().map(|call| call.names));
    let left_out = names(LEFT_OUT.iter().map(|entry| entry.0));

    let neither: Vec<_> = public
        .iter()
        .filter(|name| !name.contains(" for "))
        .filter(|name| !called.contains(*name) && !left_out.contains(*name))
        .collect();
    assert!(neither.is_empty(), "no program calls them: {neither:#?}");
    let both: Vec<_> = called.intersection(&left_out).collect();
    assert!(both.is_empty(), "left out, and called: {both:#?}");
    let unknown: Vec<_> = called
        .union(&left_out)
        .filter(|name| !public.contains(*name))
        .filter(|name| !name.ends_with("::to_string") && !name.ends_with("::from_iter"))
        .collect();
    assert!(
        unknown.is_empty(),
        "there are no such functions: {unknown:#?}"
    );
    println!(
        "{} public functions: {} called by programs, {} left out",
        public.len(),
        public.intersection(&called).count(),
        public.intersection(&left_out).count()
    );
}
