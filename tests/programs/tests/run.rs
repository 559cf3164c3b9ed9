//! The programs in `src/bin`, run: each asserts what it has to reach.

use std::path::Path;
use std::process::Command;

/// The names of the programs, in order.
fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let files = folder.read_dir().expect("the folder is there");
    let mut names: Vec<String> = files
        .map(|entry| entry.expect("it is listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_program_reaches_what_it_asserts() {
    let names = names();
    assert_eq!(names.len(), 12, "{names:?}");
    let folder = Path::new(env!("CARGO_BIN_EXE_attention"))
        .parent()
        .expect("a program is in a folder");
    for name in names {
        let output = Command::new(folder.join(&name))
            .output()
            .unwrap_or_else(|e| panic!("{name} did not start: {e}"));
        assert!(
            output.status.success(),
            "{name}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
