//! [`RandomHorizontalFlip`].

use pleach_core::{Generator, Tensor};

use super::{Transform, size_of};
use crate::{Error, Result};

/// Mirrors left and right with some probability.
#[derive(Debug, Clone, Copy)]
pub struct RandomHorizontalFlip {
    p: f64,
}

impl RandomHorizontalFlip {
    /// torchvision's default is 0.5.
    ///
    /// # Errors
    /// If the probability is not between 0 and 1.
    pub fn new(p: f64) -> Result<Self> {
        match (0.0..=1.0).contains(&p) {
            true => Ok(RandomHorizontalFlip { p }),
            false => Err(Error::Value(format!(
                "p should be between 0 and 1, got {p}"
            ))),
        }
    }
}

impl Transform for RandomHorizontalFlip {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        size_of(image, "RandomHorizontalFlip")?;
        let mut drawn = [0.0f32];
        Generator::current().fill_uniform(&mut drawn, 0.0, 1.0);
        match f64::from(drawn[0]) < self.p {
            true => Ok(image.flip(-1)?),
            false => Ok(image.clone()),
        }
    }
}
