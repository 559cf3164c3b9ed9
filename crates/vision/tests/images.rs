//! Folders of PNG and JPEG files.

use std::fs;

use image::{ColorType, ImageFormat};
use pleach_vision::data::{Dataset, ImageFolder, read_image};
use pleach_vision::{Error, Result};

/// A file of 2×1 pixels.
fn save(path: &std::path::Path, format: ImageFormat, color: ColorType, pixels: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    image::save_buffer_with_format(path, pixels, 2, 1, color, format).expect("an image");
}

#[test]
fn classes_and_files_come_in_torchvisions_order() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = dir.path();
    let red_blue = [255, 0, 0, 0, 0, 255];
    save(
        &root.join("dog/b.png"),
        ImageFormat::Png,
        ColorType::Rgb8,
        &red_blue,
    );
    save(
        &root.join("dog/a/z.PNG"),
        ImageFormat::Png,
        ColorType::Rgb8,
        &red_blue,
    );
    save(
        &root.join("cat/1.jpeg"),
        ImageFormat::Jpeg,
        ColorType::L8,
        &[200, 200],
    );
    fs::write(root.join("cat/notes.txt"), "no image").expect("a file");
    fs::write(root.join("readme.txt"), "no class").expect("a file");
    let data = ImageFolder::new(root)?;
    assert_eq!(data.classes(), ["cat", "dog"]);
    let files: Vec<_> = data
        .samples()
        .iter()
        .map(|s| s.0.strip_prefix(root).unwrap())
        .collect();
    let expected = ["cat/1.jpeg", "dog/b.png", "dog/a/z.PNG"].map(std::path::Path::new);
    assert_eq!(files, expected);

    let (image, class) = data.get(1)?;
    assert_eq!((image.shape(), class), (&[3, 1, 2][..], 1));
    assert_eq!(image.to_vec::<u8>()?, [255, 0, 0, 0, 0, 255]);
    let (grey, class) = data.get(0)?;
    assert_eq!((grey.shape(), class), (&[3, 1, 2][..], 0));
    let grey = grey.to_vec::<u8>()?;
    assert!(
        grey.iter().all(|&v| v.abs_diff(200) <= 2 && v == grey[0]),
        "{grey:?}"
    );
    assert!(matches!(data.get(3), Err(Error::Index { .. })));
    Ok(())
}

#[test]
fn folders_without_images_are_errors() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let error = || {
        ImageFolder::new(dir.path())
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    assert!(error().contains("no folders, which would be the classes"));
    fs::create_dir(dir.path().join("cat")).expect("a folder");
    assert!(error().contains("the class \"cat\" has no .jpg, .jpeg or .png files"));
    assert!(ImageFolder::new(dir.path().join("missing")).is_err());
}

#[test]
fn broken_images_are_errors_and_no_panic() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let pixels: Vec<u8> = (0..2 * 3).map(|i| i * 40).collect();
    for (name, format) in [("a.png", ImageFormat::Png), ("a.jpg", ImageFormat::Jpeg)] {
        let path = dir.path().join(name);
        save(&path, format, ColorType::Rgb8, &pixels);
        let whole = fs::read(&path).expect("the file");
        assert!(read_image(&path).is_ok());
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).expect("writing");
            // A JPEG whose end alone is missing can still be decoded.
            if end < whole.len() / 2 {
                assert!(read_image(&path).is_err(), "{name} cut at {end}");
            } else {
                let _ = read_image(&path);
            }
        }
        for i in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[i] ^= 0x3c;
            fs::write(&path, &bytes).expect("writing");
            let _ = read_image(&path);
        }
        fs::write(&path, b"garbage, not an image at all").expect("writing");
        let error = read_image(&path).map(drop).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_png_that_claims_to_be_huge_is_refused_before_memory_is_taken() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("huge.png");
    save(&path, ImageFormat::Png, ColorType::Rgb8, &[0; 6]);
    let mut bytes = fs::read(&path).expect("the file");
    // Width and height of the header, and its checksum.
    bytes[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    fs::write(&path, &bytes).expect("writing");
    assert!(matches!(read_image(&path), Err(Error::Image { .. })));
}
