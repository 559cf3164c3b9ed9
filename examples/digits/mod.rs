//! The digits that the examples learn from: 8 × 8 pixels each.

// No example uses everything.
#![allow(dead_code)]

use std::io::Read;

use flate2::read::GzDecoder;
use once_cell::sync::OnceCell;
use pleach::prelude::*;

const ARCHIVE: &[u8] = include_bytes!("data/digits.csv.gz");
const SIDE: usize = 8;

/// Images `[N, 1, 8, 8]` with values in 0 ..= 1, and their labels, i64 `[N]`.
pub struct Digits {
    pub images: Tensor,
    pub labels: Tensor,
}

impl Digits {
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// The samples at these positions.
    pub fn pick(&self, positions: &Tensor) -> Result<Digits> {
        Ok(Digits {
            images: self.images.index(positions)?,
            labels: self.labels.index(positions)?,
        })
    }

    /// The digits in a range, labelled from 0: 5 to 9 become classes 0 to 4.
    pub fn classes(&self, range: std::ops::Range<i64>) -> Result<Digits> {
        let inside = self
            .labels
            .ge(range.start)?
            .logical_and(&self.labels.lt(range.end)?)?;
        Ok(Digits {
            images: self.images.index(&inside)?,
            labels: self.labels.index(&inside)?.sub(range.start)?,
        })
    }

    /// Four fifths to train on and one fifth held out, dealt by the current generator.
    pub fn split(&self) -> Result<(Digits, Digits)> {
        let order = Tensor::randperm(self.len());
        let cut = (self.len() * 4 / 5) as i64;
        Ok((
            self.pick(&order.index(..cut)?)?,
            self.pick(&order.index(cut..)?)?,
        ))
    }
}

/// All digits, read from the archive at the first call.
pub fn digits() -> Result<&'static Digits> {
    static DIGITS: OnceCell<Digits> = OnceCell::new();
    DIGITS.get_or_try_init(read)
}

fn read() -> Result<Digits> {
    let mut text = String::new();
    GzDecoder::new(ARCHIVE)
        .read_to_string(&mut text)
        .map_err(Error::other)?;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let row: Vec<u8> = line
            .split(',')
            .map(|field| field.trim().parse().map_err(Error::other))
            .collect::<Result<_>>()?;
        let [image @ .., label] = row.as_slice() else {
            return Err(Error::other("a line of the digits is empty"));
        };
        pixels.extend(image.iter().map(|&p| f32::from(p) / 16.0));
        labels.push(i64::from(*label));
    }
    let n = labels.len();
    Ok(Digits {
        images: Tensor::from_vec(pixels, [n, 1, SIDE, SIDE])?,
        labels: Tensor::from_vec(labels, [n])?,
    })
}

/// The first pictures beside each other, in characters: the darker, the brighter the pixel.
pub fn show(images: &Tensor, count: usize) -> Result<String> {
    const SHADES: &[u8] = b" .:-=+*#%@";
    let pixels = images.index(..count as i64)?.to_vec::<f32>()?;
    let mut text = String::new();
    for row in 0..SIDE {
        for image in pixels.chunks(SIDE * SIDE) {
            for pixel in &image[row * SIDE..][..SIDE] {
                let shade = (pixel.clamp(0.0, 1.0) * (SHADES.len() - 1) as f32).round();
                text.push(SHADES[shade as usize].into());
            }
            text.push_str("  ");
        }
        text.push('\n');
    }
    Ok(text)
}
