//! Folders of images.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use pleach_data::Dataset;
use pleach_vision::datasets::{ImageFolder, ImageOptions, Reason};
use pleach_vision::{Error, Result};
use tempfile::TempDir;

use super::data;

/// A folder with these files, each an image of one pixel.
fn folder(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for file in files {
        add(dir.path(), file);
    }
    dir
}

fn add(root: &Path, file: impl AsRef<Path>) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, b"P6 1 1 255 \x01\x02\x03").expect("a file");
}

fn files(data: &ImageFolder, root: &Path) -> Vec<(String, i64)> {
    let samples = data.samples().iter();
    let relative = |path: &PathBuf| {
        let path = path.strip_prefix(root).expect("below the root");
        path.to_str().expect("text").to_string()
    };
    samples
        .map(|(path, class)| (relative(path), *class))
        .collect()
}

fn passed_over(data: &ImageFolder, root: &Path) -> Vec<(String, Reason)> {
    let entries = data.passed_over().entries().iter();
    let relative = |path: &PathBuf| {
        let path = path.strip_prefix(root).expect("below the root");
        path.to_string_lossy().into_owned()
    };
    entries
        .map(|(path, reason)| (relative(path), *reason))
        .collect()
}

fn error_of<T>(result: Result<T, impl ToString>) -> String {
    result.map(drop).map_err(|e| e.to_string()).unwrap_err()
}

#[test]
fn all_of_torchvision_s_extensions_are_images_in_any_case() -> Result<()> {
    let names = [
        "a.jpg", "b.JPEG", "c.png", "d.PPM", "e.Bmp", "f.pgm", "g.tif", "h.TIFF", "i.webp",
    ];
    let mut all: Vec<String> = names.iter().map(|name| format!("cat/{name}")).collect();
    // Python looks at the end of the name, and a leading dot hides only folders.
    all.extend(["cat/.jpg", "cat/.hidden.png", "cat/two.tar.jpg"].map(String::from));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let dir = folder(&all);
    for other in [
        "cat/x.gif",
        "cat/photojpg",
        "cat/y.jpg.txt",
        "cat/z.jpg~",
        "cat/w.jp2",
    ] {
        add(dir.path(), other);
    }
    let data = ImageFolder::new(dir.path())?;
    let mut sorted = all.clone();
    sorted.sort();
    let found = files(&data, dir.path());
    assert_eq!(
        found.iter().map(|f| f.0.as_str()).collect::<Vec<_>>(),
        sorted
    );
    let over = passed_over(&data, dir.path());
    let others = [
        "cat/photojpg",
        "cat/w.jp2",
        "cat/x.gif",
        "cat/y.jpg.txt",
        "cat/z.jpg~",
    ];
    assert_eq!(
        over,
        others.map(|name| (name.to_string(), Reason::Extension))
    );
    Ok(())
}

#[test]
fn classes_and_files_come_in_torchvisions_order() -> Result<()> {
    // As torchvision lists them: folders by their whole path, so that `b-a` comes before `b/a`.
    let dir = folder(&[
        "dog/b/z.ppm",
        "dog/b-a/z.ppm",
        "dog/b/a/q.ppm",
        "dog/B.PPM",
        "dog/c.ppm",
    ]);
    add(dir.path(), "Zebra/1.ppm");
    add(dir.path(), "cat/10.ppm");
    add(dir.path(), "cat/9.ppm");
    add(dir.path(), "älg/1.ppm");
    let data = ImageFolder::new(dir.path())?;
    assert_eq!(data.classes(), ["Zebra", "cat", "dog", "älg"]);
    let expected = [
        ("Zebra/1.ppm", 0),
        ("cat/10.ppm", 1),
        ("cat/9.ppm", 1),
        ("dog/B.PPM", 2),
        ("dog/c.ppm", 2),
        ("dog/b/z.ppm", 2),
        ("dog/b-a/z.ppm", 2),
        ("dog/b/a/q.ppm", 2),
        ("älg/1.ppm", 3),
    ];
    let mut expected = expected.map(|(name, class)| (name.to_string(), class));
    // `-` sorts before `/`, but after the end: dog/b, dog/b-a, dog/b/a.
    assert_eq!(files(&data, dir.path()), expected);
    expected.reverse();
    assert_ne!(files(&data, dir.path()), expected);
    assert!(data.passed_over().is_empty());
    let (image, class) = data.get(8)?;
    assert_eq!((image.to_vec::<u8>()?, class), (vec![1, 2, 3], 3));
    let error = data.get(9).unwrap_err();
    let expected = "index 9 is out of range for a dataset of 9 elements";
    assert_eq!(error.to_string(), expected);
    Ok(())
}

#[test]
fn hidden_folders_are_no_classes_and_shift_no_numbers() -> Result<()> {
    let images = ["cat/1.ppm", "dog/1.ppm"];
    let dir = folder(&images);
    let plain = files(&ImageFolder::new(dir.path())?, dir.path());
    for other in [
        ".ipynb_checkpoints/1.ppm",
        "cat/.ipynb_checkpoints/1.ppm",
        ".git/x/1.ppm",
        "__MACOSX/cat/._1.ppm",
        "cat/._1.ppm",
        ".DS_Store",
        "cat/.DS_Store",
        "readme.txt",
        "loose.png",
    ] {
        add(dir.path(), other);
    }
    fs::create_dir(dir.path().join("cat/.empty")).expect("a folder");
    let data = ImageFolder::new(dir.path())?;
    assert_eq!(data.classes(), ["cat", "dog"]);
    assert_eq!(files(&data, dir.path()), plain);
    let over = [
        (".DS_Store", Reason::OutsideClasses),
        (".git", Reason::Hidden),
        (".ipynb_checkpoints", Reason::Hidden),
        ("__MACOSX", Reason::MacOs),
        ("cat/.DS_Store", Reason::Extension),
        ("cat/._1.ppm", Reason::MacOs),
        ("cat/.empty", Reason::Hidden),
        ("cat/.ipynb_checkpoints", Reason::Hidden),
        ("loose.png", Reason::OutsideClasses),
        ("readme.txt", Reason::OutsideClasses),
    ];
    let over = over.map(|(name, reason)| (name.to_string(), reason));
    assert_eq!(passed_over(&data, dir.path()), over);
    // The root itself may be hidden.
    let data = ImageFolder::builder(dir.path().join(".git")).build()?;
    assert_eq!(data.classes(), ["x"]);
    Ok(())
}

#[test]
fn the_report_counts_and_names_what_is_passed_over() -> Result<()> {
    let dir = folder(&["cat/1.ppm", "cat/.ipynb_checkpoints/1.ppm"]);
    for i in 0..7 {
        add(dir.path(), format!("cat/{i}.txt"));
    }
    let data = ImageFolder::new(dir.path())?;
    let report = data.passed_over();
    assert_eq!(report.len(), 8);
    assert_eq!(report.of(Reason::Extension).count(), 7);
    let expected = format!(
        "{}: 8 passed over\n  \
         7 files with another extension: cat/0.txt, cat/1.txt, cat/2.txt, cat/3.txt, cat/4.txt \
         and 2 more\n  \
         1 hidden folders: cat/.ipynb_checkpoints",
        dir.path().display()
    );
    assert_eq!(report.to_string(), expected);
    Ok(())
}

/// What was logged by any test, in this process.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }
    fn log(&self, record: &log::Record) {
        let text = format!("{} {}", record.level(), record.args());
        LOGGED.lock().expect("no test panics in it").push(text);
    }
    fn flush(&self) {}
}

#[test]
fn one_warning_has_the_report_and_there_is_none_without_cause() -> Result<()> {
    log::set_logger(&Logger).expect("no other test sets one");
    log::set_max_level(log::LevelFilter::Warn);
    let dir = folder(&["cat/1.ppm", "cat/notes.txt", ".ipynb_checkpoints/1.ppm"]);
    let clean = folder(&["cat/1.ppm"]);
    let data = ImageFolder::new(dir.path())?;
    ImageFolder::new(clean.path())?;
    let logged = LOGGED.lock().expect("no test panics in it").clone();
    let about = |dir: &TempDir| {
        let path = dir.path().display().to_string();
        logged
            .iter()
            .filter(|text| text.contains(&path))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(about(&dir), [format!("WARN {}", data.passed_over())]);
    assert!(about(&clean).is_empty());
    Ok(())
}

#[test]
fn classes_without_images_are_errors_unless_they_are_allowed() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let error = error_of(ImageFolder::new(dir.path()));
    assert!(error.ends_with("Couldn't find any class folder"), "{error}");
    add(dir.path(), "b/1.ppm");
    add(dir.path(), "c/1.heic");
    fs::create_dir(dir.path().join("a")).expect("a folder");
    let error = error_of(ImageFolder::new(dir.path()));
    let expected = "Found no valid file for the classes a, c. Supported extensions are: .jpg, \
                    .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp\n";
    assert!(error.contains(expected), "{error}");
    assert!(
        error.contains("1 files with another extension: c/1.heic"),
        "{error}"
    );
    let data = ImageFolder::builder(dir.path()).allow_empty(true).build()?;
    assert_eq!(data.classes(), ["a", "b", "c"]);
    assert_eq!(files(&data, dir.path()), [("b/1.ppm".to_string(), 1)]);
    let empty: Vec<_> = data.passed_over().of(Reason::EmptyClass).collect();
    assert_eq!(empty, [dir.path().join("a"), dir.path().join("c")]);
    // Hidden folders do not help.
    let hidden = folder(&[".ipynb_checkpoints/1.ppm"]);
    let error = error_of(
        ImageFolder::builder(hidden.path())
            .allow_empty(true)
            .build(),
    );
    assert!(
        error.contains("Couldn't find any class folder\n"),
        "{error}"
    );
    assert!(
        error.ends_with("1 hidden folders: .ipynb_checkpoints"),
        "{error}"
    );
    Ok(())
}

#[test]
fn extensions_and_is_valid_file_choose_the_images() -> Result<()> {
    let dir = folder(&["a/1.ppm", "a/2.PPM", "a/3.dat", "a/4.tar.gz", "b/5.dat"]);
    let names = |data: ImageFolder| -> Vec<String> {
        files(&data, dir.path())
            .into_iter()
            .map(|file| file.0)
            .collect()
    };
    let dat = ImageFolder::builder(dir.path())
        .extensions([".DAT"])
        .build()?;
    assert_eq!(names(dat), ["a/3.dat", "b/5.dat"]);
    let both = ImageFolder::builder(dir.path())
        .extensions(["ppm", "dat"])
        .build()?;
    assert_eq!(names(both), ["a/1.ppm", "a/2.PPM", "a/3.dat", "b/5.dat"]);
    let long =
        ImageFolder::builder(dir.path()).extensions(vec![".tar.gz".to_string(), "dat".into()]);
    assert_eq!(names(long.build()?), ["a/3.dat", "a/4.tar.gz", "b/5.dat"]);

    let unwanted = dir.path().join("a/3.dat");
    let valid = ImageFolder::builder(dir.path()).is_valid_file(|path| path != unwanted);
    let data = valid.build()?;
    assert_eq!(
        passed_over(&data, dir.path()),
        [("a/3.dat".to_string(), Reason::Refused)]
    );
    assert_eq!(names(data), ["a/1.ppm", "a/2.PPM", "a/4.tar.gz", "b/5.dat"]);
    let none = ImageFolder::builder(dir.path()).is_valid_file(|path| path.ends_with("1.ppm"));
    let error = error_of(none.build());
    assert!(
        error.contains("Found no valid file for the classes b.\n"),
        "{error}"
    );

    let both = ImageFolder::builder(dir.path())
        .extensions([".ppm"])
        .is_valid_file(|_| true);
    let expected = "Both extensions and is_valid_file cannot be None or not None at the same time";
    assert_eq!(error_of(both.build()), expected);
    assert!(
        ImageFolder::builder(dir.path())
            .extensions([""; 0])
            .build()
            .is_err()
    );
    assert!(
        ImageFolder::builder(dir.path())
            .extensions(["ppm", ""])
            .build()
            .is_err()
    );
    Ok(())
}

#[test]
fn the_orientation_is_applied_on_request() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(dir.path().join("a")).expect("a folder");
    fs::copy(data().join("images/exif_6.jpg"), dir.path().join("a/1.jpg")).expect("a copy");
    assert_eq!(ImageFolder::new(dir.path())?.get(0)?.0.shape(), [3, 9, 13]);
    let upright = ImageFolder::builder(dir.path())
        .exif_transpose(true)
        .build()?;
    assert_eq!(upright.get(0)?.0.shape(), [3, 13, 9]);
    let small = ImageOptions::new().max_pixels(100);
    let small = ImageFolder::builder(dir.path())
        .image_options(small)
        .build()?;
    let error = error_of(small.get(0));
    assert!(
        error.contains("a/1.jpg: Image size (117 pixels) exceeds limit"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_broken_image_in_a_folder_is_an_error_that_names_it() -> Result<()> {
    let dir = folder(&["a/1.ppm"]);
    let jpeg = fs::read(data().join("images/jpeg_444.jpg")).expect("a test file");
    fs::write(dir.path().join("a/2.jpg"), &jpeg[..jpeg.len() / 2]).expect("a file");
    let data = ImageFolder::new(dir.path())?;
    assert!(data.get(0).is_ok());
    let error = data.get(1).unwrap_err();
    let source = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<Error>());
    assert!(matches!(source, Some(Error::Image { .. })));
    let error = error.to_string();
    assert!(
        error.contains("a/2.jpg: image file is truncated"),
        "{error}"
    );
    Ok(())
}

#[test]
fn what_cannot_be_listed_is_an_error_that_names_it() {
    let dir = folder(&["a/1.ppm"]);
    let missing = dir.path().join("missing");
    let error = error_of(ImageFolder::new(&missing));
    assert!(
        error.starts_with(&format!("{}: ", missing.display())),
        "{error}"
    );
    let file = dir.path().join("a/1.ppm");
    assert!(matches!(ImageFolder::new(&file), Err(Error::Io { path, .. }) if path == file));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs::Permissions;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn names_that_are_not_text_are_named_and_shift_no_numbers() -> Result<()> {
        let dir = folder(&["a/1.ppm", "c/1.ppm"]);
        let odd = |name: &'static [u8]| Path::new(OsStr::from_bytes(name));
        add(dir.path(), odd(b"b\xff/1.ppm"));
        add(dir.path(), odd(b"a/\xe9t\xe9.ppm"));
        add(dir.path(), odd(b"a/\xfe/1.ppm"));
        let data = ImageFolder::new(dir.path())?;
        assert_eq!(data.classes(), ["a", "c"]);
        assert_eq!(files(&data, dir.path()).len(), 2);
        let over: Vec<_> = data.passed_over().of(Reason::NotText).collect();
        let expected = [b"a/\xe9t\xe9.ppm".as_slice(), b"a/\xfe", b"b\xff"];
        assert_eq!(
            over,
            expected.map(|name| dir.path().join(OsStr::from_bytes(name)))
        );
        assert_eq!(data.passed_over().len(), 3);
        Ok(())
    }

    #[test]
    fn links_are_followed_once_and_those_to_nothing_are_named() -> Result<()> {
        let dir = folder(&["a/1.ppm", "b/1.ppm", "b/deep/2.ppm"]);
        let elsewhere = folder(&["x/9.ppm", "y/8.ppm"]);
        let link = |to: &Path, from: &str| symlink(to, dir.path().join(from)).expect("a link");
        link(Path::new("nowhere.ppm"), "a/broken.ppm");
        link(Path::new("1.ppm/no"), "a/through_a_file.ppm");
        link(Path::new("self.ppm"), "a/self.ppm");
        link(Path::new("1.ppm"), "a/link.ppm");
        link(Path::new(".."), "a/root");
        link(Path::new("."), "b/here");
        link(dir.path().join("b").as_path(), "b/deep/up");
        link(dir.path().parent().expect("a parent"), "b/deep/above");
        link(Path::new("."), "itself");
        // A class elsewhere, and a way from there back into this one.
        link(&elsewhere.path().join("x"), "linked");
        symlink(dir.path().join("b"), elsewhere.path().join("x/back")).expect("a link");
        symlink(elsewhere.path().join("x"), dir.path().join("b/there")).expect("a link");
        let data = ImageFolder::new(dir.path())?;
        assert_eq!(data.classes(), ["a", "b", "linked"]);
        let expected = [
            ("a/1.ppm", 0),
            ("a/link.ppm", 0),
            ("b/1.ppm", 1),
            ("b/deep/2.ppm", 1),
            ("b/there/9.ppm", 1),
            ("linked/9.ppm", 2),
            ("linked/back/1.ppm", 2),
            ("linked/back/deep/2.ppm", 2),
        ];
        let expected = expected.map(|(name, class)| (name.to_string(), class));
        assert_eq!(files(&data, dir.path()), expected);
        let over = |reason| {
            let paths = data.passed_over().of(reason);
            let relative = paths.map(|path| path.strip_prefix(dir.path()).expect("below"));
            relative
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        let broken = ["a/broken.ppm", "a/self.ppm", "a/through_a_file.ppm"];
        assert_eq!(over(Reason::BrokenLink), broken);
        let loops = [
            "a/root",
            "b/deep/above",
            "b/deep/up",
            "b/here",
            "b/there/back",
            "itself",
            "linked/back/deep/above",
            "linked/back/deep/up",
            "linked/back/here",
            "linked/back/there",
        ];
        assert_eq!(over(Reason::LinkLoop), loops);
        Ok(())
    }

    #[test]
    fn sockets_are_no_images() -> Result<()> {
        let dir = folder(&["a/1.ppm"]);
        let path = dir.path().join("a/2.ppm");
        let _socket = UnixListener::bind(&path).expect("a socket");
        let data = ImageFolder::new(dir.path())?;
        assert_eq!(
            passed_over(&data, dir.path()),
            [("a/2.ppm".into(), Reason::NotAFile)]
        );
        Ok(())
    }

    #[test]
    fn a_folder_that_may_not_be_read_is_an_error_that_names_it() {
        let dir = folder(&["a/1.ppm", "a/locked/1.ppm"]);
        let locked = dir.path().join("a/locked");
        fs::set_permissions(&locked, Permissions::from_mode(0o0)).expect("new permissions");
        // The superuser may read everything.
        let readable = fs::read_dir(&locked).is_ok();
        let result = ImageFolder::new(dir.path());
        fs::set_permissions(&locked, Permissions::from_mode(0o700)).expect("new permissions");
        match result {
            Ok(data) => assert!(readable && data.len() == 2),
            Err(e) => assert!(
                e.to_string()
                    .starts_with(&format!("{}: ", locked.display()))
            ),
        }
    }
}
