//! The pixels of image files, beside Pillow's.

use std::fs;

use pleach_vision::Result;
use pleach_vision::datasets::{ImageOptions, read_image};

use super::data;

/// A line of `pixels.txt`: what Pillow makes of a file, in rows of three bytes a pixel.
struct Expected {
    name: String,
    /// Turned as the EXIF orientation says.
    upright: bool,
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

fn expected() -> Vec<Expected> {
    let text = fs::read_to_string(data().join("pixels.txt")).expect("the pixels");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("four words");
        let (name, width, height, hex) = (word(), word(), word(), word());
        let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("two digits");
        Expected {
            name: name.trim_end_matches(":upright").to_string(),
            upright: name.ends_with(":upright"),
            width: width.parse().expect("a number"),
            height: height.parse().expect("a number"),
            rgb: (0..hex.len()).step_by(2).map(byte).collect(),
        }
    });
    parsed.collect()
}

/// How far a pixel may be from Pillow's: nothing, but where a decoder rounds in its own way.
fn tolerance(name: &str) -> u8 {
    match name {
        "bmp_555.bmp" | "bmp_565.bmp" | "pnm_grey100.pgm" | "pnm_rgb100.ppm" => 1,
        "tiff_jpeg.tif" => 2,
        _ if name.starts_with("jpeg_") => 2,
        _ if name.starts_with("exif_") && name.ends_with(".jpg") => 2,
        "really_jpeg.webp" => 2,
        _ => 0,
    }
}

/// Kinds of TIFF files that Pillow reads and the decoder does not.
const UNREAD: [&str; 5] = [
    "tiff_float.tif",
    "tiff_grey_alpha.tif",
    "tiff_group3.tif",
    "tiff_int32.tif",
    "tiff_palette.tif",
];

#[test]
fn every_kind_of_file_has_pillow_s_pixels() -> Result<()> {
    let all = expected();
    assert!(all.len() > 100, "{} lines", all.len());
    let mut wrong = Vec::new();
    for expected in all {
        let name = expected.name.as_str();
        let path = data().join("images").join(name);
        let read = ImageOptions::new()
            .exif_transpose(expected.upright)
            .read(&path);
        if UNREAD.contains(&name) {
            let error = read.map(drop).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            continue;
        }
        let image = match read {
            Ok(image) => image,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        if image.shape() != [3, expected.height, expected.width] {
            wrong.push(format!("{name}: {:?}", image.shape()));
            continue;
        }
        let rows = image.permute([1, 2, 0])?.to_vec::<u8>()?;
        let furthest = rows
            .iter()
            .zip(&expected.rgb)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        if furthest > Some(tolerance(name)) {
            wrong.push(format!("{name}: {furthest:?} off"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn the_orientation_is_left_alone_by_default_but_in_tiff_files() -> Result<()> {
    for orientation in 1..=8 {
        let jpg = data().join(format!("images/exif_{orientation}.jpg"));
        assert_eq!(read_image(&jpg)?.shape(), [3, 9, 13]);
        let upright = ImageOptions::new().exif_transpose(true);
        let turned = if orientation > 4 {
            [3, 13, 9]
        } else {
            [3, 9, 13]
        };
        assert_eq!(upright.read(&jpg)?.shape(), turned);
        let tif = data().join(format!("images/exif_{orientation}.tif"));
        assert_eq!(read_image(&tif)?.shape(), turned);
        assert_eq!(upright.read(&tif)?.shape(), turned);
    }
    Ok(())
}
