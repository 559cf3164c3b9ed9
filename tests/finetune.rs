//! The example `finetune`: killed at any moment, it ends as if nothing had happened; on a folder of
//! images it trains what its options say.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use pleach::prelude::*;
use pleach::vision::models::get_model;

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
            "--size",
            "32",
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

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("pleach-finetune-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("removing the folder");
    }
}

/// A PNG file of RGB pixels.
fn png(side: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(data);
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(kind);
        out.extend(data);
        out.extend(sum.sum().to_be_bytes());
    };
    let sizes = [side.to_be_bytes(), side.to_be_bytes()].concat();
    // Eight bits of red, green and blue; no filter before each row.
    chunk(b"IHDR", &[&sizes[..], &[8, 2, 0, 0, 0]].concat());
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    for y in 0..side {
        let row: Vec<u8> = (0..side).flat_map(|x| pixel(x, y)).collect();
        rows.write_all(&[&[0], &row[..]].concat()).expect("memory");
    }
    chunk(b"IDAT", &rows.finish().expect("memory"));
    chunk(b"IEND", &[]);
    out
}

/// Reddish and bluish images, a folder for each.
fn photos(folder: &Path) -> PathBuf {
    let photos = folder.join("photos");
    for (class, strong) in [("blue", 2), ("red", 0)] {
        let folder = photos.join(class);
        fs::create_dir_all(&folder).expect("a folder");
        for i in 0..12 {
            let file = png(20 + i, |x, y| {
                let mut pixel = [((x * 31 + y * 17 + i * 7) % 90) as u8; 3];
                pixel[strong] += 150;
                pixel
            });
            fs::write(folder.join(format!("{i}.png")), file).expect("writing an image");
        }
    }
    photos
}

const MODEL: &str = "squeezenet1_1";

fn finetune(data: &Path, checkpoint: &Path, options: &[&str]) -> Output {
    Command::new(program())
        .arg(data)
        .args(["--model", MODEL, "--size", "32", "--batch", "5"])
        .args(["--holdout", "0.25", "--checkpoint"])
        .arg(checkpoint)
        .args(options)
        .output()
        .expect("starting the example")
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(both).expect("UTF-8")
}

/// The names of the checkpoint's model whose values are not those of `before`.
fn changed(checkpoint: &Path, before: &StateDict) -> Result<Vec<String>> {
    let after = load(checkpoint)?.get("model_state")?.state_dict()?;
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    let differs = |name: &&str| !after[*name].equal(&before[*name]).expect("of one shape");
    Ok(before.keys().filter(differs).map(str::to_string).collect())
}

#[test]
fn options_say_what_is_trained_and_how_fast() -> Result<()> {
    let folder = Folder::new("options");
    let data = photos(&folder.0);
    let weights = folder.0.join("weights.safetensors");
    manual_seed(1);
    let before = get_model(MODEL, 2)?.state_dict();
    save(&before, &weights)?;
    let weights = weights.to_str().expect("UTF-8");
    let (head, body): (Vec<String>, Vec<String>) = before
        .keys()
        .map(str::to_string)
        .partition(|name| name.starts_with("classifier."));
    assert_eq!((head.len(), body.len()), (2, 50));

    // Name, options, the groups' rates, and the parameters that change.
    type Case<'a> = (&'a str, &'a [&'a str], &'a [f64], Vec<String>);
    let cases: [Case; 4] = [
        (
            "frozen",
            &["--freeze", "--head-lr", "0.02"],
            &[0.02],
            head.clone(),
        ),
        (
            "head",
            &["--lr", "0", "--head-lr", "0.02"],
            &[0.02, 0.0],
            head.clone(),
        ),
        (
            "body",
            &["--lr", "0.02", "--head-lr", "0"],
            &[0.0, 0.02],
            body.clone(),
        ),
        (
            "all",
            &["--lr", "0.02"],
            &[0.02, 0.02],
            [body, head].concat(),
        ),
    ];
    for (name, options, rates, expected) in cases {
        let checkpoint = folder.0.join(format!("{name}.pth"));
        let options = [&["--weights", weights], options].concat();
        let done = finetune(&data, &checkpoint, &options);
        let shown = text(&done);
        assert!(done.status.success(), "{name}: {shown}");
        assert!(
            shown.contains("18 images to train, 6 to test, 2 classes"),
            "{shown}"
        );
        assert!(shown.contains("52 loaded"), "{shown}");
        let mut got = changed(&checkpoint, &before)?;
        let mut expected = expected;
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "{name}");
        // The last step's rates are a small part of those that were asked for, the same of each.
        let saved = load(&checkpoint)?;
        let groups = saved.at("optimizer/param_groups")?.as_items()?;
        let got: Vec<f64> = groups
            .iter()
            .map(|group| group.get("lr")?.as_float())
            .collect::<std::result::Result<_, _>>()?;
        assert_eq!(got.len(), rates.len(), "{name}");
        let part = got.iter().sum::<f64>() / rates.iter().sum::<f64>();
        assert!(part > 0.0 && part < 1.0, "{name}: {part}");
        for (got, rate) in got.iter().zip(rates) {
            assert!(
                (got - rate * part).abs() < 1e-12,
                "{name}: {got}, of {rate}"
            );
        }
        assert_eq!(saved.get("epochs_done")?.as_int()?, 1);
        let classes = saved.get("classes")?.to_string();
        assert_eq!(classes, "['blue', 'red']");
    }

    // The same command again finds that all is done, and changes nothing.
    let checkpoint = folder.0.join("frozen.pth");
    let file = fs::read(&checkpoint).expect("the file");
    let options = ["--weights", weights, "--freeze", "--head-lr", "0.02"];
    let again = finetune(&data, &checkpoint, &options);
    assert!(again.status.success() && text(&again).contains("going on after epoch 1"));
    assert_eq!(fs::read(&checkpoint).expect("the file"), file);
    // A second epoch goes on from the first.
    let more = finetune(
        &data,
        &checkpoint,
        &[&options[..], &["--epochs", "2"]].concat(),
    );
    assert!(more.status.success(), "{}", text(&more));
    assert!(text(&more).contains("epoch 2/2: ") && !text(&more).contains("epoch 1/2: "));
    assert_eq!(load(&checkpoint)?.get("epochs_done")?.as_int()?, 2);
    Ok(())
}

#[test]
fn what_does_not_fit_is_told_before_anything_is_written() -> Result<()> {
    let folder = Folder::new("errors");
    let data = photos(&folder.0);
    let checkpoint = folder.0.join("run.pth");
    let refused = |data: &Path, options: &[&str]| {
        let done = finetune(data, &checkpoint, options);
        assert!(!done.status.success(), "{options:?}");
        assert!(!checkpoint.exists(), "{options:?}");
        text(&done)
    };
    let other = folder.0.join("alexnet.pth");
    save(get_model("alexnet", 2)?.state_dict(), &other)?;
    let other = other.to_str().expect("UTF-8");
    let shown = refused(&data, &["--weights", other]);
    assert!(
        shown.contains("alexnet.pth: features.3.squeeze.weight does not fit squeezenet1_1"),
        "{shown}"
    );
    let shown = refused(&data, &["--weights", "nowhere.pth"]);
    assert!(shown.contains("nowhere.pth: No such file"), "{shown}");
    for (options, what) in [
        (&["--model", "resnet19"][..], "resnet19"),
        (&["--holdout", "2"], "--holdout"),
        (&["--holdout", "0"], "at least one batch"),
        (&["--batch", "0"], "batch_size"),
        (&["--lr", "fast"], "fast"),
        (&["--fast"], "--fast"),
    ] {
        let shown = refused(&data, options);
        assert!(shown.contains(what), "{options:?}: {shown}");
        assert!(!shown.contains("panicked"), "{shown}");
    }
    fs::write(data.join("red/0.png"), b"no image").expect("writing");
    let shown = refused(&data, &[]);
    assert!(
        shown.contains("0.png") && !shown.contains("panicked"),
        "{shown}"
    );
    Ok(())
}
