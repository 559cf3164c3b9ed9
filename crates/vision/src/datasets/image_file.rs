//! Image files.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};
use pleach_core::Tensor;

use super::jpeg_end::jpeg_end;
use crate::{Error, Result, room};

/// Where Pillow takes an image for a bomb: twice its `MAX_IMAGE_PIXELS`.
const MAX_PIXELS: u64 = 178_956_970;
/// The largest sample of the largest pixel, four of 16 bits; decoders need some memory beside them.
const MAX_BYTES_PER_PIXEL: u64 = 16;

/// Reads an image file as colours: u8 `[3, height, width]`, with the defaults of
/// [`ImageOptions`].
///
/// # Errors
/// As [`ImageOptions::read`].
pub fn read_image(path: impl AsRef<Path>) -> Result<Tensor> {
    ImageOptions::new().read(path)
}

/// How image files are read: as torchvision's loader does it, which is Pillow's `open` and
/// `convert("RGB")`.
///
/// The content decides the format, not the name: PNG, JPEG, BMP, PNM (`.ppm`, `.pgm`), TIFF and
/// WebP; of several frames or pages the first. Grey becomes three equal channels, transparency is
/// dropped. Of 16 bits a colour keeps the upper eight, but grey is **cut** at 255, as Pillow cuts
/// it. The pixels are Pillow's. Those of a JPEG may differ, since decoders round in their own ways:
/// by 3 of 255 at most, of what was measured, and by 30 where the colours are stored at half the
/// size. 16-bit BMP and PNM files with a largest value other than 255 differ by
/// one. TIFF files with a palette, with grey and transparency, with 32-bit samples or packed as for
/// a fax of group 3 are errors.
///
/// ```
/// use pleach::vision::datasets::ImageOptions;
///
/// let folder = std::env::temp_dir().join(format!("pleach-image-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let path = folder.join("two.ppm");
/// std::fs::write(&path, b"P6 2 1 255 \xff\x00\x00\x00\x00\xff")?;
/// let image = ImageOptions::new().exif_transpose(true).read(&path)?;
/// assert_eq!(image.shape(), [3, 1, 2]);
/// assert_eq!(image.to_vec::<u8>()?, [255, 0, 0, 0, 0, 255]);
///
/// std::fs::write(&path, b"P6 60000 60000 255 \xff")?; // which would be 11 GB
/// assert!(ImageOptions::new().read(&path).is_err());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ImageOptions {
    exif_transpose: bool,
    max_pixels: u64,
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ImageOptions {
    /// torchvision's: the orientation is not applied, and more than 178,956,970 pixels are refused.
    pub fn new() -> Self {
        ImageOptions {
            exif_transpose: false,
            max_pixels: MAX_PIXELS,
        }
    }

    /// Whether an image is turned and mirrored as its EXIF orientation says: Pillow's
    /// `ImageOps.exif_transpose` (no, by default, as torchvision's loader does not). A TIFF file
    /// always is, because Pillow does it when it reads one.
    pub fn exif_transpose(mut self, on: bool) -> Self {
        self.exif_transpose = on;
        self
    }

    /// Images of more pixels are refused before memory is taken (178,956,970 by default, which is
    /// where Pillow refuses them).
    pub fn max_pixels(mut self, pixels: u64) -> Self {
        self.max_pixels = pixels;
        self
    }

    /// Reads a file: u8 `[3, height, width]`.
    ///
    /// # Errors
    /// If the file cannot be read, is no image of these formats, of a kind that its decoder does
    /// not know, ends early or is broken, or has too many pixels. The error names the file.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Tensor> {
        let path = path.as_ref();
        let wrong = |what: String| Error::Image {
            path: path.to_path_buf(),
            what,
        };
        let mut file = BufReader::new(File::open(path).map_err(Error::io(path))?);
        let mut start = [0; 16];
        let start = read_start(&mut file, &mut start).map_err(Error::io(path))?;
        let format = format_of(start).map_err(wrong)?;
        if format == ImageFormat::WebP && start.len() >= 8 {
            let size: [u8; 4] = [start[4], start[5], start[6], start[7]];
            let size = u64::from(u32::from_le_bytes(size)) + 8;
            let there = file.get_ref().metadata().map_err(Error::io(path))?.len();
            if there < size {
                let text = format!("image file is truncated: {there} bytes of {size}");
                return Err(wrong(text));
            }
        }
        file.rewind().map_err(Error::io(path))?;
        let decoded = match format {
            ImageFormat::Jpeg => {
                let end = jpeg_end(&mut file).map_err(Error::io(path))?;
                let Some(end) = end.filter(|&end| end <= self.max_bytes()) else {
                    let what = match end {
                        None => "image file is truncated: it has no end-of-image marker".into(),
                        Some(end) => format!("a JPEG of {end} bytes, which is too large"),
                    };
                    return Err(wrong(what));
                };
                file.rewind().map_err(Error::io(path))?;
                let mut bytes = Vec::new();
                let read = file.take(end).read_to_end(&mut bytes);
                read.map_err(Error::io(path))?;
                self.decode(format, std::io::Cursor::new(bytes))
            }
            _ => self.decode(format, file),
        };
        let (pixels, orientation) = decoded.map_err(wrong)?;
        let image = Tensor::from_vec(pixels.planes, [3, pixels.height, pixels.width])?;
        match self.exif_transpose || format == ImageFormat::Tiff {
            true => turned(&image, orientation),
            false => Ok(image),
        }
    }

    fn max_bytes(&self) -> u64 {
        self.max_pixels
            .saturating_mul(MAX_BYTES_PER_PIXEL)
            .saturating_add(1 << 24)
    }

    fn decode<R>(
        &self,
        format: ImageFormat,
        content: R,
    ) -> std::result::Result<(Pixels, Orientation), String>
    where
        R: std::io::BufRead + Seek,
    {
        let mut reader = ImageReader::with_format(content, format);
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(self.max_bytes());
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
        let (width, height) = decoder.dimensions();
        let count = u64::from(width) * u64::from(height);
        if count > self.max_pixels {
            return Err(format!(
                "Image size ({count} pixels) exceeds limit of {} pixels, could be decompression \
                 bomb DOS attack.",
                self.max_pixels
            ));
        }
        // An orientation that cannot be read is none, as in Pillow.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let color = decoder.color_type();
        let size = decoder.total_bytes();
        let bytes_of_it = usize::try_from(size).unwrap_or(usize::MAX);
        room::check(&[bytes_of_it, 2], 1, "reading it").map_err(|e| e.to_string())?;
        let mut bytes = vec![0; bytes_of_it];
        decoder.read_image(&mut bytes).map_err(|e| e.to_string())?;
        let planes = planes(&bytes, color, format)?;
        let (width, height) = (width as usize, height as usize);
        let pixels = Pixels {
            planes,
            width,
            height,
        };
        Ok((pixels, orientation))
    }
}

/// Three planes of bytes.
struct Pixels {
    planes: Vec<u8>,
    width: usize,
    height: usize,
}

/// As many of the first bytes as there are.
fn read_start<'a>(file: &mut impl Read, start: &'a mut [u8]) -> std::io::Result<&'a [u8]> {
    let mut filled = 0;
    while filled < start.len() {
        match file.read(&mut start[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(&start[..filled])
}

/// The format of a file that begins so.
fn format_of(start: &[u8]) -> std::result::Result<ImageFormat, String> {
    const READ: &str = "PNG, JPEG, BMP, PNM, TIFF and WebP are read";
    if start.is_empty() {
        return Err("cannot identify image file: it is empty".into());
    }
    match image::guess_format(start) {
        Ok(format) if format.reading_enabled() => Ok(format),
        Ok(other) => Err(format!("an image of the format {other:?}, but {READ}")),
        Err(_) => Err(format!(
            "cannot identify image file: it begins with \"{}\"; {READ}",
            start.escape_ascii()
        )),
    }
}

/// The three planes of decoded pixels, converted as Pillow's `convert("RGB")` does.
fn planes(
    bytes: &[u8],
    color: ColorType,
    format: ImageFormat,
) -> std::result::Result<Vec<u8>, String> {
    let pixels = bytes.len() / usize::from(color.bytes_per_pixel());
    let mut planes = Vec::with_capacity(3 * pixels);
    let mut add = |channels: usize, taken: [usize; 3], value: fn(u16) -> u8| {
        let wide = usize::from(color.bytes_per_pixel()) / channels == 2;
        let size = if wide { 2 * channels } else { channels };
        for channel in taken {
            planes.extend(bytes.chunks_exact(size).map(|pixel| match wide {
                true => value(u16::from_ne_bytes([
                    pixel[2 * channel],
                    pixel[2 * channel + 1],
                ])),
                false => pixel[channel],
            }));
        }
    };
    let cut: fn(u16) -> u8 = |v| v.min(255) as u8;
    let upper: fn(u16) -> u8 = |v| (v >> 8) as u8;
    let rounded: fn(u16) -> u8 = |v| ((u32::from(v) * 255 + 32767) / 65535) as u8;
    let color16 = match format {
        ImageFormat::Pnm => rounded,
        _ => upper,
    };
    match color {
        ColorType::L8 | ColorType::L16 => add(1, [0; 3], cut),
        ColorType::La8 | ColorType::La16 => add(2, [0; 3], color16),
        ColorType::Rgb8 | ColorType::Rgb16 => add(3, [0, 1, 2], color16),
        ColorType::Rgba8 | ColorType::Rgba16 => add(4, [0, 1, 2], color16),
        other => return Err(format!("pixels of the kind {other:?} cannot be read")),
    }
    Ok(planes)
}

/// The image as its orientation says it should be seen.
fn turned(image: &Tensor, orientation: Orientation) -> Result<Tensor> {
    let transposed = || image.transpose(1, 2);
    let turned = match orientation {
        Orientation::NoTransforms => return Ok(image.clone()),
        Orientation::FlipHorizontal => image.flip([2])?,
        Orientation::Rotate180 => image.flip([1, 2])?,
        Orientation::FlipVertical => image.flip([1])?,
        Orientation::Rotate90FlipH => transposed()?,
        Orientation::Rotate90 => transposed()?.flip([2])?,
        Orientation::Rotate270FlipH => transposed()?.flip([1, 2])?,
        Orientation::Rotate270 => transposed()?.flip([1])?,
    };
    Ok(turned.contiguous()?)
}
