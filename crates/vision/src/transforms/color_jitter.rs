//! [`ColorJitter`].

use pleach_core::{Generator, Tensor};

use super::color::Planes;
use super::{Transform, bytes_of, size_of};
use crate::{Error, Result};

/// From where to where a factor is drawn: `0.4` stands for 0.4 on both sides of the neutral factor
/// (1, for the hue 0), a pair for itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Factors {
    /// On both sides of the neutral factor.
    Around(f64),
    /// From the first to the second.
    Between(f64, f64),
}

impl From<f64> for Factors {
    fn from(around: f64) -> Self {
        Factors::Around(around)
    }
}

impl From<(f64, f64)> for Factors {
    fn from((from, to): (f64, f64)) -> Self {
        Factors::Between(from, to)
    }
}

/// Changes brightness, contrast, saturation and hue by random factors, in a random order. Takes
/// u8 images of one or three channels; without colours, saturation and hue change nothing.
///
/// ```
/// use pleach::vision::transforms::ColorJitter;
/// let jitter = ColorJitter::new().brightness(0.4)?.hue((-0.1, 0.2))?;
/// assert!(jitter.hue(0.6).is_err());
/// # Ok::<(), pleach::vision::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ColorJitter {
    /// Brightness, contrast, saturation, hue.
    factors: [Option<(f64, f64)>; 4],
}

impl ColorJitter {
    /// Changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// 0 is black, 1 the image as it is.
    ///
    /// # Errors
    /// If a factor is negative or not finite, or the second below the first.
    pub fn brightness(self, factors: impl Into<Factors>) -> Result<Self> {
        self.with(0, "brightness", factors.into())
    }

    /// 0 is even grey, 1 the image as it is.
    ///
    /// # Errors
    /// If a factor is negative or not finite, or the second below the first.
    pub fn contrast(self, factors: impl Into<Factors>) -> Result<Self> {
        self.with(1, "contrast", factors.into())
    }

    /// 0 is without colours, 1 the image as it is.
    ///
    /// # Errors
    /// If a factor is negative or not finite, or the second below the first.
    pub fn saturation(self, factors: impl Into<Factors>) -> Result<Self> {
        self.with(2, "saturation", factors.into())
    }

    /// Part of the circle of colours, 0 is the image as it is.
    ///
    /// # Errors
    /// If a factor is not in `[-0.5, 0.5]`, or the second below the first.
    pub fn hue(self, factors: impl Into<Factors>) -> Result<Self> {
        self.with(HUE, "hue", factors.into())
    }

    fn with(mut self, which: usize, name: &str, factors: Factors) -> Result<Self> {
        let neutral = if which == HUE { 0.0 } else { 1.0 };
        let (from, to) = match factors {
            Factors::Between(from, to) => (from, to),
            Factors::Around(x) if x < 0.0 => {
                let text = format!("If {name} is a single number, it must be non negative.");
                return Err(Error::Value(text));
            }
            Factors::Around(x) if which == HUE => (-x, x),
            Factors::Around(x) => ((neutral - x).max(0.0), neutral + x),
        };
        let (lowest, highest) = if which == HUE {
            (-0.5, 0.5)
        } else {
            (0.0, f64::INFINITY)
        };
        // What is drawn is a f32.
        let drawable = to <= f64::from(f32::MAX);
        if !(lowest <= from && from <= to && to <= highest && drawable) {
            return Err(Error::Value(format!(
                "{name} values should be between {lowest} and {highest}, but got {from} and {to}"
            )));
        }
        self.factors[which] = (from != neutral || to != neutral).then_some((from, to));
        Ok(self)
    }
}

const HUE: usize = 3;

impl Transform for ColorJitter {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        let [channels, height, width] = size_of(image, "ColorJitter")?;
        if ![1, 3].contains(&channels) {
            let text = format!("ColorJitter takes images of 1 or 3 channels, not {channels}");
            return Err(Error::Value(text));
        }
        let bytes = bytes_of(image, "ColorJitter")?;
        let mut planes = Planes { bytes, channels };
        let generator = Generator::current();
        let order = generator.randperm(4);
        let factors = self.factors.map(|range| {
            let (from, to) = range?;
            let mut drawn = [0.0f32];
            generator.fill_uniform(&mut drawn, from, to);
            Some(f64::from(drawn[0]))
        });
        for which in order {
            match (which, factors[which as usize]) {
                (_, None) => {}
                (0, Some(factor)) => planes.adjust_brightness(factor),
                (1, Some(factor)) => planes.adjust_contrast(factor),
                (2, Some(factor)) => planes.adjust_saturation(factor),
                (_, Some(factor)) => planes.adjust_hue(factor),
            }
        }
        Ok(Tensor::from_vec(planes.bytes, [channels, height, width])?)
    }
}
