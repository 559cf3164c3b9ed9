//! [`CenterCrop`] and [`RandomCrop`].

use pleach_core::{Generator, PadMode, Tensor};

use super::{Transform, size_of};
use crate::{Error, Result, room};

/// Cuts out the middle; an image that is too small gets zeros around it first.
#[derive(Debug, Clone, Copy)]
pub struct CenterCrop {
    height: usize,
    width: usize,
}

impl CenterCrop {
    /// A square of this side.
    pub fn new(side: usize) -> Self {
        Self::of(side, side)
    }

    /// A rectangle.
    pub fn of(height: usize, width: usize) -> Self {
        CenterCrop { height, width }
    }
}

impl Transform for CenterCrop {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        let [_, height, width] = size_of(image, "CenterCrop")?;
        let (more_rows, more_columns) = (
            self.height.saturating_sub(height),
            self.width.saturating_sub(width),
        );
        let halves = |more: usize| [more / 2, more.div_ceil(2)];
        let image = pad(image, halves(more_columns), halves(more_rows))?;
        let [_, height, width] = size_of(&image, "CenterCrop")?;
        let top = half_to_even(height - self.height);
        let left = half_to_even(width - self.width);
        crop(&image, top, left, self.height, self.width)
    }
}

/// Half of a number, rounded as Python does.
fn half_to_even(number: usize) -> usize {
    let half = number / 2;
    half + usize::from(number % 2 == 1 && half % 2 == 1)
}

/// Cuts out a part at random.
#[derive(Debug, Clone, Copy)]
pub struct RandomCrop {
    height: usize,
    width: usize,
    padding: usize,
    pad_if_needed: bool,
}

impl RandomCrop {
    /// A square of this side.
    pub fn new(side: usize) -> Self {
        Self::of(side, side)
    }

    /// A rectangle.
    pub fn of(height: usize, width: usize) -> Self {
        RandomCrop {
            height,
            width,
            padding: 0,
            pad_if_needed: false,
        }
    }

    /// Zeros on every side of the image, before it is cropped (0 by default).
    #[must_use]
    pub fn padding(mut self, pixels: usize) -> Self {
        self.padding = pixels;
        self
    }

    /// Whether an image that is too small gets zeros on both sides (no, by default: it is an
    /// error), as many on each as it lacks.
    #[must_use]
    pub fn pad_if_needed(mut self, on: bool) -> Self {
        self.pad_if_needed = on;
        self
    }
}

impl Transform for RandomCrop {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        size_of(image, "RandomCrop")?;
        let mut image = pad(image, [self.padding; 2], [self.padding; 2])?;
        let [_, height, width] = size_of(&image, "RandomCrop")?;
        if self.pad_if_needed {
            let columns = self.width.saturating_sub(width);
            let rows = self.height.saturating_sub(height);
            image = pad(&image, [columns; 2], [rows; 2])?;
        }
        let [_, height, width] = size_of(&image, "RandomCrop")?;
        if height < self.height || width < self.width {
            return Err(Error::Value(format!(
                "Required crop size ({}, {}) is larger than input image size ({height}, {width})",
                self.height, self.width
            )));
        }
        if (height, width) == (self.height, self.width) {
            return Ok(image);
        }
        let mut corner = [0i64];
        let mut draw = |positions: usize| {
            Generator::current().fill_random_range(&mut corner, 0, positions as i64);
            corner[0] as usize
        };
        let top = draw(height - self.height + 1);
        let left = draw(width - self.width + 1);
        crop(&image, top, left, self.height, self.width)
    }
}

/// Zeros left and right, above and below.
fn pad(image: &Tensor, columns: [usize; 2], rows: [usize; 2]) -> Result<Tensor> {
    let [channels, height, width] = size_of(image, "a crop")?;
    if (columns, rows) == ([0, 0], [0, 0]) {
        return Ok(image.clone());
    }
    let padded = |size: usize, sides: [usize; 2]| {
        let size = size.saturating_add(sides[0]).saturating_add(sides[1]);
        // A tensor's sizes are i64 in many places.
        match i64::try_from(size) {
            Ok(_) => Ok(size),
            Err(_) => Err(Error::Value(format!(
                "cannot pad {sides:?} pixels: the image gets too large"
            ))),
        }
    };
    let sizes = [channels, padded(height, rows)?, padded(width, columns)?];
    room::check(&sizes, image.dtype().size_of(), "the padded image")?;
    let sides = [columns[0], columns[1], rows[0], rows[1]].map(|n| n as i64);
    Ok(image.pad(&sides, PadMode::Constant, 0.0)?)
}

fn crop(image: &Tensor, top: usize, left: usize, height: usize, width: usize) -> Result<Tensor> {
    Ok(image.narrow(1, top, height)?.narrow(2, left, width)?)
}
