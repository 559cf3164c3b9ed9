//! Checkpoints in several files.

use std::fs;
use std::path::{Path, PathBuf};

use pleach_checkpoint::{Dict, load, save};
use pleach_core::{Result, tensor};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pleach-sh-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn index(&self, text: &str) -> PathBuf {
        let path = self.0.join("model.safetensors.index.json");
        fs::write(&path, text).unwrap();
        path
    }

    fn part(&self, name: &str, names: &[&str]) {
        let mut dict = Dict::new();
        for name in names {
            dict.insert(*name, tensor![1.0]);
        }
        save(dict, self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refused(path: &Path) -> String {
    load(path).expect_err("it is refused").to_string()
}

#[test]
fn what_an_index_gets_wrong_is_named() {
    let folder = Folder::new("wrong");
    folder.part("a.safetensors", &["x", "y"]);
    folder.part("b.safetensors", &["z"]);
    let map = |entries: &str| format!("{{\"weight_map\": {{{entries}}}}}");
    for (entries, what) in [
        (
            r#""x": "a.safetensors", "y": "a.safetensors", "q": "c.safetensors", "r": "d.safetensors""#,
            "2 of the 3 files that the index names are not beside it: c.safetensors, d.safetensors",
        ),
        (
            r#""x": "a.safetensors", "y": "a.safetensors", "q": "b.safetensors", "z": "b.safetensors""#,
            "b.safetensors: it has no 'q', which the index says is in it",
        ),
        (
            r#""x": "a.safetensors", "z": "b.safetensors""#,
            "a.safetensors: it has 'y', which the index does not list",
        ),
        (
            r#""x": "a.safetensors", "y": "b.safetensors", "z": "b.safetensors""#,
            "a.safetensors: it has 'y', which the index says is in b.safetensors",
        ),
        (
            r#""x": "a.safetensors", "x": "b.safetensors""#,
            "'x' is there twice",
        ),
        (r#""x": 3"#, "the file of 'x' is no text"),
    ] {
        let error = refused(&folder.index(&map(entries)));
        assert!(error.contains(what), "{error}");
        assert!(error.contains("model.safetensors.index.json: "), "{error}");
    }
    for file in [
        "../a.safetensors",
        "/etc/passwd",
        "..",
        ".",
        "",
        "b/a",
        "b\\\\a",
        "C:a",
    ] {
        let error = refused(&folder.index(&map(&format!("\"x\": \"{file}\""))));
        assert!(
            error.contains("not the name of a file beside the index"),
            "{error}"
        );
    }
    for (text, what) in [
        ("{}", "it has no 'weight_map'"),
        ("[1]", "it is no JSON object"),
        ("{\"weight_map\": [1]}", "it has no 'weight_map'"),
        ("{\"weight_map\": {", "index: EOF"),
        (
            "version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer",
        ),
        ("<!DOCTYPE html><html>", "an HTML page"),
    ] {
        let error = refused(&folder.index(text));
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn parts_are_read_as_files_and_never_as_indices() {
    let folder = Folder::new("inner");
    fs::write(folder.0.join("inner.index.json"), "{\"weight_map\": {}}").unwrap();
    let index = folder.index(r#"{"weight_map": {"x": "inner.index.json"}}"#);
    let error = refused(&index);
    assert!(
        error.contains("inner.index.json: not a checkpoint: it is the index"),
        "{error}"
    );
    // A pickle in a part is as safe as anywhere.
    let evil = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/golden/checkpoints/evil_os_system.pth"
    );
    fs::copy(evil, folder.0.join("evil.bin")).unwrap();
    let error = refused(&folder.index(r#"{"weight_map": {"x": "evil.bin"}}"#));
    assert!(
        error.contains("evil.bin: ") && error.contains("`os.system`"),
        "{error}"
    );
}

#[test]
fn a_folder_is_searched_for_its_checkpoint() -> Result<()> {
    let folder = Folder::new("search");
    let error = refused(&folder.0);
    assert!(
        error.contains("no index (*.index.json) and no checkpoint"),
        "{error}"
    );
    folder.part("run.pth", &["x"]);
    assert_eq!(load(&folder.0)?.state_dict()?.len(), 1);
    folder.part("other.pth", &["x"]);
    let error = refused(&folder.0);
    assert!(
        error.contains("several checkpoints and no index that joins them: other.pth, run.pth"),
        "{error}"
    );
    folder.part("model.safetensors", &["x", "y"]);
    assert_eq!(load(&folder.0)?.state_dict()?.len(), 2);
    folder.index(r#"{"weight_map": {"z": "z.safetensors"}}"#);
    folder.part("z.safetensors", &["z"]);
    assert!(load(&folder.0)?.state_dict()?.contains_key("z"));
    // An index of another name is one by what it holds.
    let other = folder.0.join("weights.json");
    fs::write(&other, r#"{"weight_map": {"z": "z.safetensors"}}"#).unwrap();
    assert!(load(&other)?.state_dict()?.contains_key("z"));
    fs::write(&other, r#"{"hidden_size": 768}"#).unwrap();
    assert!(refused(&other).contains("a JSON text, such as a model's configuration"));
    Ok(())
}
