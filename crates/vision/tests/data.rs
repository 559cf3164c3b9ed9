//! Datasets from files, whole and broken.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use pleach_core::{Result, Tensor, manual_seed};
use pleach_data::{DataLoader, Dataset, Items};
use pleach_vision::datasets::{CIFAR10, ImageDataset, MNIST, read_idx};
use pleach_vision::transforms::RandomHorizontalFlip;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("writing a small file");
    path
}

fn idx(shape: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    bytes.extend(shape.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

fn images() -> Vec<u8> {
    idx(&[2, 2, 3], &(0..12).collect::<Vec<u8>>())
}

#[test]
fn mnist_reads_plain_and_compressed_files() -> Result<()> {
    let dir = folder();
    let (images, labels) = (images(), idx(&[2], &[7, 9]));
    let plain = (
        write(&dir, "images", &images),
        write(&dir, "labels", &labels),
    );
    let gz = (
        write(&dir, "i.gz", &zipped(&images)),
        write(&dir, "l.gz", &zipped(&labels)),
    );
    for (images, labels) in [plain, gz] {
        let data = MNIST::from_files(images, labels)?;
        assert_eq!(data.len(), 2);
        let (image, label) = data.get(1)?;
        assert_eq!((image.shape(), label), (&[1, 2, 3][..], 9));
        assert_eq!(image.to_vec::<u8>()?, [6, 7, 8, 9, 10, 11]);
        let error = data.get(2).unwrap_err();
        let expected = "index 2 is out of range for a dataset of 2 elements";
        assert_eq!(error.to_string(), expected);
    }
    Ok(())
}

#[test]
fn mnist_finds_the_files_in_torchvisions_folders() -> Result<()> {
    let dir = folder();
    let raw = dir.path().join("MNIST/raw");
    fs::create_dir_all(&raw).expect("a folder");
    fs::write(raw.join("t10k-images-idx3-ubyte"), images()).expect("a file");
    fs::write(
        raw.join("t10k-labels-idx1-ubyte.gz"),
        zipped(&idx(&[2], &[1, 2])),
    )
    .expect("a file");
    assert_eq!(MNIST::from_folder(dir.path(), false)?.labels(), [1, 2]);
    let error = MNIST::from_folder(dir.path(), true).map(drop).unwrap_err();
    assert!(
        error.to_string().contains("train-images-idx3-ubyte"),
        "{error}"
    );
    Ok(())
}

/// The error of reading these bytes.
fn idx_error(bytes: &[u8]) -> String {
    let dir = folder();
    let path = write(&dir, "file", bytes);
    let error = read_idx(&path).map(drop).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "file")
}

#[test]
fn broken_idx_files_are_errors_that_say_where() {
    let good = images();
    assert_eq!(
        idx_error(&good[..20]),
        "file at byte 20: the file ends, but 12 bytes of values begin at byte 16"
    );
    assert_eq!(
        idx_error(&good[..10]),
        "file at byte 10: the file ends, but 4 bytes of size 1 begin at byte 8"
    );
    assert_eq!(
        idx_error(&[good.clone(), vec![0]].concat()),
        "file at byte 28: the file should end here, but goes on"
    );
    assert_eq!(
        idx_error(&[0, 0, 13, 1, 0, 0, 0, 0]),
        "file at byte 4: type 0x0d, but only bytes (0x08) can be read"
    );
    assert!(idx_error(b"garbage!").contains("no IDX file: it begins with 0x67617262"));
    assert!(idx_error(b"").contains("the file ends"));
    // A size that the file does not have takes no memory.
    assert!(idx_error(&idx(&[u32::MAX, u32::MAX], &[1])).contains("the file ends"));
    assert!(idx_error(&idx(&[u32::MAX; 3], &[1])).contains("more values than memory has bytes"));
    let gz = zipped(&good);
    assert!(idx_error(&gz[..gz.len() - 12]).contains("at byte"));
    let mut flipped = gz.clone();
    flipped[12] ^= 0xff;
    idx_error(&flipped);
}

#[test]
fn every_cut_and_every_flipped_byte_of_an_idx_file_is_no_panic() {
    let dir = folder();
    for file in [images(), zipped(&images())] {
        for end in 0..file.len() {
            assert!(
                read_idx(write(&dir, "cut", &file[..end])).is_err(),
                "cut at {end}"
            );
        }
        for i in 0..file.len() {
            let mut bytes = file.clone();
            bytes[i] ^= 0x55;
            // Changed values are values; anything else is an error.
            let _ = read_idx(write(&dir, "flipped", &bytes));
        }
    }
}

#[test]
fn labels_and_images_must_belong_together() {
    let dir = folder();
    let images = write(&dir, "images", &images());
    let error = |labels: &[u8]| {
        let labels = write(&dir, "labels", labels);
        MNIST::from_files(&images, labels)
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    assert!(error(&idx(&[3], &[1, 2, 3])).contains("3 labels, but"));
    assert!(error(&idx(&[1, 2], &[1, 2])).contains("2 dimensions, labels have 1"));
}

fn record(label: u8, first: u8) -> Vec<u8> {
    let pixels = (0..3072).map(|i| first.wrapping_add((i / 1024) as u8));
    std::iter::once(label).chain(pixels).collect()
}

#[test]
fn cifar10_reads_binary_files_and_refuses_broken_ones() -> Result<()> {
    let dir = folder();
    let whole = [record(3, 10), record(9, 20)].concat();
    let data = CIFAR10::from_files(&[write(&dir, "a.bin", &whole)], None)?;
    let (image, label) = data.get(1)?;
    assert_eq!((image.shape(), label), (&[3, 32, 32][..], 9));
    assert_eq!(image.index((2, 0, 0))?.item()?, 22.0);

    let error = |bytes: &[u8], count| {
        let path = write(&dir, "b.bin", bytes);
        let result = CIFAR10::from_files(&[path], count);
        result.map(drop).unwrap_err().to_string()
    };
    assert!(error(&whole[..4000], None).contains("3073 bytes of image 1 of 2 begin at byte 3073"));
    assert!(error(&whole, Some(3)).contains("image 2 of 3 begin at byte 6146"));
    assert!(error(&whole, Some(1)).contains("at byte 3073: the file should end here"));
    assert!(error(&record(10, 0), None).contains("at byte 0: label 10, but there are ten classes"));
    let missing = CIFAR10::from_folder(dir.path(), true)
        .map(drop)
        .unwrap_err();
    assert!(
        missing.to_string().contains("data_batch_1.bin"),
        "{missing}"
    );
    Ok(())
}

#[test]
fn cifar10_reads_compressed_files_of_any_number_of_images() -> Result<()> {
    let dir = folder();
    let whole = [record(3, 10), record(9, 20), record(0, 30)].concat();
    let path = write(&dir, "a.bin.gz", &zipped(&whole));
    assert_eq!(CIFAR10::from_files(&[&path], None)?.labels(), [3, 9, 0]);
    assert_eq!(CIFAR10::from_files(&[&path], Some(3))?.labels(), [3, 9, 0]);
    let error = |bytes: &[u8], count| {
        let path = write(&dir, "b.bin.gz", bytes);
        let text = CIFAR10::from_files(&[&path], count).map(drop).unwrap_err();
        text.to_string().replace(&path.display().to_string(), "b")
    };
    let cut = zipped(&whole[..4000]);
    let expected = "b at byte 4000: the file ends, but 3073 bytes of image 1 begin at byte 3073";
    assert_eq!(error(&cut, None), expected);
    assert!(error(&zipped(&whole), Some(2)).contains("b at byte 6146: the file should end here"));
    let zipped = zipped(&whole);
    assert!(error(&zipped[..zipped.len() - 9], None).starts_with("b at byte"));
    for garbage in [&b"garbage"[..], b"\x1f\x8b"] {
        let longer = [&zipped[..], garbage].concat();
        assert!(
            error(&longer, None).contains("b at byte 9219"),
            "{}",
            error(&longer, None)
        );
    }
    Ok(())
}

#[test]
fn a_label_that_is_no_digit_is_an_error_of_its_file() {
    let dir = folder();
    write(&dir, "t10k-images-idx3-ubyte", &images());
    let labels = write(&dir, "t10k-labels-idx1-ubyte", &idx(&[2], &[9, 10]));
    let error = MNIST::from_folder(dir.path(), false).map(drop).unwrap_err();
    let expected = format!(
        "{} at byte 9: label 10, but there are ten classes",
        labels.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn transforms_on_workers_draw_the_same_numbers_at_every_run() -> Result<()> {
    let run = |workers| -> Result<Vec<f32>> {
        manual_seed(1);
        let image = Tensor::arange(8).float()?.reshape([1, 2, 4])?;
        let data: Items<(Tensor, i64)> = (0..20).map(|i| (image.clone(), i)).collect();
        let data = data.transformed(RandomHorizontalFlip::new(0.5)?);
        let loader = DataLoader::builder(data)
            .batch_size(3)
            .num_workers(workers)
            .build()?;
        let mut firsts = Vec::new();
        for batch in &loader {
            let (images, _) = batch?;
            firsts.extend(
                images
                    .select(1, 0)?
                    .select(1, 0)?
                    .select(1, 0)?
                    .to_vec::<f32>()?,
            );
        }
        Ok(firsts)
    };
    for workers in [0, 1, 3] {
        let flips = run(workers)?;
        assert_eq!(flips, run(workers)?);
        assert!(flips.contains(&0.0) && flips.contains(&3.0), "{flips:?}");
    }
    Ok(())
}

#[test]
fn a_missing_file_is_named() {
    let error = read_idx(Path::new("/nonexistent/train-images")).unwrap_err();
    assert!(
        error.to_string().starts_with("/nonexistent/train-images: "),
        "{error}"
    );
}
