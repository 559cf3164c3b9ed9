//! Files that are cut, changed, something else, or too large.

use std::fs;
use std::path::{Path, PathBuf};

use pleach_vision::datasets::{ImageOptions, read_image};
use pleach_vision::{Error, Result};
use tempfile::TempDir;

use super::data;

fn error(path: &Path) -> String {
    read_image(path).map(drop).unwrap_err().to_string()
}

fn write(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).expect("writing a small file");
    path
}

/// The test files, one of each kind.
fn files() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(data().join("images")).expect("the test files");
    let files = entries.map(|entry| {
        let entry = entry.expect("a test file");
        let name = entry.file_name().into_string().expect("a name");
        (name, fs::read(entry.path()).expect("a test file"))
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert!(files.len() > 80);
    files
}

#[test]
fn a_file_cut_anywhere_before_its_last_pixel_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut wrong = Vec::new();
    for (name, whole) in files() {
        if read_image(data().join("images").join(&name)).is_err() {
            continue;
        }
        // What comes after the pixels of the first frame may be missing.
        let needed = match name.as_str() {
            "tiff_pages.tif" => 400,
            // Of the last number the first digits are a number, too.
            _ if name.contains("_text.") => whole.len() - 4,
            _ if name.contains("png") => {
                let last = whole.windows(4).rposition(|w| w == b"IDAT");
                last.expect("a chunk of pixels")
            }
            _ => whole.len() - 1,
        };
        let mut ends = (0..needed)
            .step_by(11)
            .chain([needed / 2, needed - 2, needed - 1, needed]);
        let first = ends.find(|&end| {
            let cut = write(&dir, &name, &whole[..end]);
            match read_image(&cut) {
                Ok(_) => true,
                Err(e) => {
                    assert!(e.to_string().contains(&name), "{e}");
                    false
                }
            }
        });
        if let Some(end) = first {
            wrong.push(format!(
                "{name} of {} bytes can be cut at {end}",
                whole.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_jpeg_without_its_last_byte_is_cut_short() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in [
        "jpeg_444.jpg",
        "jpeg_progressive.jpg",
        "jpeg_grey.jpeg",
        "jpeg_restarts.jpg",
    ] {
        let whole = fs::read(data().join("images").join(name)).expect("a test file");
        for end in [whole.len() / 2, whole.len() - 2, whole.len() - 1] {
            let text = error(&write(&dir, name, &whole[..end]));
            assert!(
                text.contains(name) && text.contains("image file is truncated"),
                "{text}"
            );
        }
        // More after the end is none of the image.
        let longer = [&whole[..], &[0xff, 0xd8, 0xff, 0xe0, 1]].concat();
        assert!(read_image(write(&dir, name, &longer)).is_ok());
    }
}

#[test]
fn a_changed_byte_is_no_panic() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let small = ImageOptions::new().max_pixels(1 << 12);
    for (file, (name, whole)) in files().into_iter().enumerate() {
        // All of the header, and some of the rest.
        for i in (0..whole.len()).filter(|i| *i < 64 || (i + file) % 7 == 0) {
            let mut bytes = whole.clone();
            bytes[i] ^= if (i + file) % 2 == 0 { 0x3c } else { 0xff };
            let _ = small.read(write(&dir, &name, &bytes));
        }
    }
}

#[test]
fn what_is_no_image_says_how_it_begins() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = error(&write(&dir, "empty.jpg", b""));
    assert!(
        text.ends_with("empty.jpg: cannot identify image file: it is empty"),
        "{text}"
    );
    let text = error(&write(&dir, "page.jpg", b"<!DOCTYPE html><html>"));
    assert!(
        text.contains("page.jpg: cannot identify image file: it begins with \"<!DOCTYPE html>"),
        "{text}"
    );
    let text = error(&write(&dir, "moving.jpg", b"GIF89a\x01\0\x01\0\0\0\0;"));
    assert!(
        text.contains("moving.jpg: an image of the format Gif, but PNG, JPEG"),
        "{text}"
    );
    let text = error(&write(&dir, "short.png", b"\x89P"));
    assert!(
        text.contains("short.png: cannot identify image file"),
        "{text}"
    );
    assert!(matches!(
        read_image(dir.path().join("missing.png")),
        Err(Error::Io { .. })
    ));
    assert!(matches!(read_image(dir.path()), Err(Error::Io { .. })));
}

/// The header of a PNG or BMP, a PPM, TIFF or WebP that says it has so many pixels a side.
fn claims(name: &str, side: u32) -> Vec<u8> {
    let mut bytes = fs::read(data().join("images").join(name)).expect("a test file");
    match name.split('_').next() {
        Some("png") => {
            bytes[16..20].copy_from_slice(&side.to_be_bytes());
            bytes[20..24].copy_from_slice(&side.to_be_bytes());
            let mut crc = flate2::Crc::new();
            crc.update(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        }
        Some("bmp") => {
            bytes[18..22].copy_from_slice(&side.to_le_bytes());
            bytes[22..26].copy_from_slice(&side.to_le_bytes());
        }
        Some("jpeg") => {
            let frame = bytes
                .windows(2)
                .position(|w| w == [0xff, 0xc0])
                .expect("a frame");
            let side = (side as u16).to_be_bytes();
            bytes[frame + 5..frame + 7].copy_from_slice(&side);
            bytes[frame + 7..frame + 9].copy_from_slice(&side);
        }
        Some("tiff") => {
            // Entries of 12 bytes: tag, type, count, value.
            let start = u32::from_le_bytes(bytes[4..8].try_into().expect("four")) as usize;
            for entry in 0..2 {
                let at = start + 2 + 12 * entry;
                bytes[at + 2..at + 4].copy_from_slice(&4u16.to_le_bytes());
                bytes[at + 8..at + 12].copy_from_slice(&side.to_le_bytes());
            }
        }
        _ => bytes = format!("P6 {side} {side} 255 ").into_bytes(),
    }
    bytes
}

#[test]
fn a_file_that_claims_to_be_huge_is_refused_before_memory_is_taken() -> Result<()> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let names = [
        "png_rgb.png",
        "bmp_rgb.bmp",
        "jpeg_444.jpg",
        "tiff_raw.tif",
        "pnm_rgb.ppm",
    ];
    for name in names {
        let text = error(&write(&dir, name, &claims(name, 60_000)));
        assert!(text.contains(name), "{text}");
        // The others find earlier that the file is too small for it.
        if !["bmp_rgb.bmp", "tiff_raw.tif"].contains(&name) {
            assert!(
                text.contains("Image size (3600000000 pixels) exceeds limit of 178956970 pixels"),
                "{text}"
            );
        }
        // More than any decoder's own limits.
        if name != "jpeg_444.jpg" {
            let text = error(&write(&dir, name, &claims(name, u32::MAX / 2)));
            assert!(text.contains(name), "{text}");
        }
    }
    let path = data().join("images/png_rgb.png");
    assert!(ImageOptions::new().max_pixels(13 * 9).read(&path).is_ok());
    let text = ImageOptions::new()
        .max_pixels(13 * 9 - 1)
        .read(&path)
        .map(drop);
    let text = text.unwrap_err().to_string();
    assert!(
        text.contains("(117 pixels) exceeds limit of 116 pixels"),
        "{text}"
    );
    Ok(())
}
