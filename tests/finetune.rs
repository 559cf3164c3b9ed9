//! The example `finetune`, killed at any moment, ends as if nothing had happened.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The example, which `cargo test` builds beside this test.
fn program() -> PathBuf {
    let here = std::env::current_exe().expect("this program");
    let profile = here.ancestors().nth(2).expect("target/PROFILE/deps/this");
    let path = profile.join("examples").join("finetune");
    assert!(
        path.is_file(),
        "{} is not built: cargo build --example finetune",
        path.display()
    );
    path
}

/// Small images that are dark on one side, in the files of MNIST.
fn images(folder: &Path) -> PathBuf {
    const N: u32 = 40;
    const SIDE: u32 = 8;
    let head = |kind: u8, sizes: &[u32]| {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        [0, 0, 8, kind]
            .into_iter()
            .chain(sizes)
            .collect::<Vec<u8>>()
    };
    let (mut images, mut labels) = (head(3, &[N, SIDE, SIDE]), head(1, &[N]));
    for i in 0..N {
        labels.push((i % 2) as u8);
        for pixel in 0..SIDE * SIDE {
            let left = pixel % SIDE < SIDE / 2;
            let noise = (i * 31 + pixel * 17) % 60;
            images.push((noise + if left == (i % 2 == 0) { 190 } else { 0 }) as u8);
        }
    }
    let path = folder.join("t-images-idx3-ubyte");
    fs::write(&path, images).expect("writing the images");
    fs::write(folder.join("t-labels-idx1-ubyte"), labels).expect("writing the labels");
    path
}

fn start(data: &Path, checkpoint: &Path) -> Child {
    Command::new(program())
        .arg(data)
        .args([
            "--model",
            "squeezenet1_1",
            "--epochs",
            "4",
            "--batch",
            "6",
            "--holdout",
            "0.2",
            "--lr",
            "0.005",
        ])
        .arg("--checkpoint")
        .arg(checkpoint)
        .stdout(Stdio::null())
        .spawn()
        .expect("starting the example")
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_checkpoint() {
    let folder = std::env::temp_dir().join(format!("pleach-finetune-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let data = images(&folder);

    // Of one name: a `.pth` file holds its own.
    let [whole, killed] = ["whole", "killed"].map(|name| {
        let folder = folder.join(name);
        fs::create_dir(&folder).expect("a folder");
        folder.join("run.pth")
    });
    assert!(start(&data, &whole).wait().expect("its end").success());

    let (mut kills, mut pause) = (0, 10);
    loop {
        let mut child = start(&data, &killed);
        sleep(Duration::from_millis(pause));
        if let Some(status) = child.try_wait().expect("a status") {
            assert!(status.success());
            break;
        }
        child.kill().expect("killing it");
        child.wait().expect("its end");
        kills += 1;
        // Each time a little longer, so that the end comes, at no multiple of anything.
        pause += 37 + pause / 7;
    }
    assert!(kills >= 3, "killed {kills} times only");
    let same = fs::read(&whole).expect("the file") == fs::read(&killed).expect("the file");
    fs::remove_dir_all(&folder).expect("removing the folder");
    assert!(same, "the checkpoint after {kills} kills is another");
}
