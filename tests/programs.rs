//! The programs in `tests/programs`: a package of its own, as a user of pleach has one. They are
//! built in its debug profile and run; each asserts what it has to reach.

use std::path::Path;
use std::process::Command;

/// Runs a command; what it wrote, if it failed.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|e| format!("{command:?} did not start: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The names of the programs, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = folder
        .read_dir()
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("it is listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| {
            path.file_stem()
                .expect("it has an extension")
                .to_string_lossy()
                .into()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_program_builds_and_reaches_what_it_asserts() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let names = names(&package.join("src/bin"));
    assert_eq!(names.len(), 12, "{names:?}");

    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
        command.args(arguments).current_dir(&package);
        command.env("CARGO_TARGET_DIR", target);
        // Nobody debugs them here, and without it they are built faster.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(&mut command)
    };
    if let Err(text) = cargo(&["build", "--locked", "--bins"]) {
        panic!("{text}\nIf only the lock file is old, `cargo fetch` in tests/programs renews it.");
    }
    let failed: Vec<String> = names
        .iter()
        .filter_map(|name| cargo(&["run", "--locked", "--quiet", "--bin", name]).err())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
