//! Image files.

use std::path::Path;

use image::{ImageReader, Limits};
use pleach_core::Tensor;

use crate::{Error, Result};

/// A side longer than this is refused.
const MAX_SIDE: u32 = 1 << 15;
/// So is an image that takes more memory to decode.
const MAX_BYTES: u64 = 1 << 30;

/// Reads a PNG or JPEG file as colours: u8 `[3, height, width]`. Grey becomes three equal
/// channels; transparency is dropped. The content decides the format, not the name.
///
/// # Errors
/// If the file cannot be read, is no such image, or is larger than 32768 pixels a side or a GiB.
pub fn read_image(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let wrong = |e: image::ImageError| Error::Image {
        path: path.to_path_buf(),
        what: e.to_string(),
    };
    let reader = ImageReader::open(path).map_err(Error::io(path))?;
    let mut reader = reader.with_guessed_format().map_err(Error::io(path))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let image = reader.decode().map_err(wrong)?.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = Tensor::from_vec(image.into_raw(), [height, width, 3])?;
    Ok(pixels.permute([2, 0, 1])?.contiguous()?)
}
