//! [`Grayscale`].

use pleach_core::Tensor;

use super::color::Planes;
use super::{Transform, bytes_of, size_of};
use crate::{Error, Result};

/// To grey, in one channel or in three equal ones; so it also makes three channels of one. Takes
/// u8 images of one or three channels.
#[derive(Debug, Clone, Copy)]
pub struct Grayscale {
    channels: usize,
}

impl Grayscale {
    /// One channel or three.
    ///
    /// # Errors
    /// If it is neither.
    pub fn new(num_output_channels: usize) -> Result<Self> {
        match num_output_channels {
            1 | 3 => Ok(Grayscale {
                channels: num_output_channels,
            }),
            other => Err(Error::Value(format!(
                "num_output_channels should be either 1 or 3, got {other}"
            ))),
        }
    }
}

impl Transform for Grayscale {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        let [channels, height, width] = size_of(image, "Grayscale")?;
        if ![1, 3].contains(&channels) {
            let text = format!("Grayscale takes images of 1 or 3 channels, not {channels}");
            return Err(Error::Value(text));
        }
        let bytes = bytes_of(image, "Grayscale")?;
        let grey = Planes { bytes, channels }.grey();
        let shape = [self.channels, height, width];
        Ok(Tensor::from_vec(grey.repeat(self.channels), shape)?)
    }
}
