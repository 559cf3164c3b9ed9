//! A save that is killed leaves the old file or the new one, whole.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use pleach_checkpoint::{Dict, load, save};
use pleach_core::Tensor;

const CHILD: &str = "PLEACH_CHECKPOINT_CHILD";

/// Not a test of its own: what the child process of the next one does.
#[test]
fn child_saves_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    for step in 0.. {
        let weight = Tensor::full([1 << 19], step as f32);
        save(Dict::new().with("step", step).with("weight", weight), &path).unwrap();
    }
}

fn start(path: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program);
    child.args(["--exact", "child_saves_until_it_is_killed"]);
    child.env(CHILD, path).stdout(std::process::Stdio::null());
    child.spawn().unwrap()
}

#[test]
fn a_killed_save_leaves_a_whole_file() {
    let folder: PathBuf = std::env::temp_dir().join(format!("pleach-crash-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("run.pth");
    for round in 0..6 {
        let _ = std::fs::remove_file(&path);
        let mut child = start(&path);
        let started = Instant::now();
        while !path.exists() {
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "it never saved"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let checkpoint = load(&path).unwrap();
        let step = checkpoint.get("step").unwrap().as_float().unwrap();
        let weight = checkpoint
            .get("weight")
            .unwrap()
            .as_tensor()
            .unwrap()
            .clone();
        let values = weight.to_vec::<f32>().unwrap();
        assert_eq!(values.len(), 1 << 19);
        assert!(values.iter().all(|&v| v == step as f32), "step {step}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
