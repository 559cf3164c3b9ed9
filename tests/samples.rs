//! The samples of the documentation work for a program that depends on `pleach` alone: none names
//! an inner crate. (That they compile and run is the doctests' matter.)

use std::fs;
use std::path::{Path, PathBuf};

const INNER: [&str; 8] = [
    "pleach_core",
    "pleach_nn",
    "pleach_init",
    "pleach_optim",
    "pleach_checkpoint",
    "pleach_data",
    "pleach_vision",
    "pleach_derive",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "md") {
            found.push(path);
        }
    }
}

/// The lines of code in the documentation of a file, with their numbers.
fn samples(text: &str, is_page: bool) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let Some(line) = doc.or(is_page.then_some(line)) else {
            inside = false;
            continue;
        };
        match line.trim_start().starts_with("```") {
            true => inside = !inside,
            false if inside => lines.push((i + 1, line)),
            false => {}
        }
    }
    lines
}

#[test]
fn samples_name_no_inner_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    sources(&root.join("docs"), &mut files);
    for entry in fs::read_dir(root.join("crates")).expect("there are crates") {
        let path = entry.expect("the entry can be read").path();
        // Not for users.
        if !path.ends_with("kernels") && !path.ends_with("bench") {
            sources(&path.join("src"), &mut files);
        }
    }
    let mut lines = 0;
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("the file can be read");
        for (number, line) in samples(&text, file.extension().is_some_and(|e| e == "md")) {
            lines += 1;
            if INNER.iter().any(|inner| line.contains(inner)) {
                let file = file.strip_prefix(root).expect("it is below the root");
                wrong.push(format!("{}:{number}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} lines:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(lines > 1000, "only {lines} lines of samples were found");
}
