//! [`Normalize`].

use pleach_core::Tensor;

use super::{Transform, size_of};
use crate::{Error, Result};

/// `(x - mean) / std`, each channel with its own numbers, in a float image.
#[derive(Debug, Clone)]
pub struct Normalize {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalize {
    /// One mean and one deviation for each channel, or one for all.
    ///
    /// # Errors
    /// If their numbers differ, or a deviation is zero.
    pub fn new(mean: &[f64], std: &[f64]) -> Result<Self> {
        if mean.len() != std.len() || mean.is_empty() {
            return Err(Error::Value(format!(
                "Normalize takes as many deviations as means, got {} and {}",
                std.len(),
                mean.len()
            )));
        }
        if std.contains(&0.0) {
            let text = "Normalize: std is zero, leading to division by zero";
            return Err(Error::Value(text.into()));
        }
        Ok(Normalize {
            mean: mean.to_vec(),
            std: std.to_vec(),
        })
    }

    /// The statistics of ImageNet, which torchvision's trained models expect.
    pub fn imagenet() -> Self {
        Normalize {
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
        }
    }
}

impl Transform for Normalize {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        let [channels, _, _] = size_of(image, "Normalize")?;
        if !image.dtype().is_float() {
            return Err(Error::Value(format!(
                "Normalize takes float images, not {}: put it after ToTensor",
                image.dtype()
            )));
        }
        if ![1, channels].contains(&self.mean.len()) {
            return Err(Error::Value(format!(
                "Normalize has {} means for an image of {channels} channels",
                self.mean.len()
            )));
        }
        let column = |values: &[f64]| -> Result<Tensor> {
            let values = Tensor::from_slice(values, [values.len(), 1, 1])?;
            Ok(values.to_dtype(image.dtype())?)
        };
        let (mean, std) = (column(&self.mean)?, column(&self.std)?);
        if std.to_vec_f64().contains(&0.0) {
            return Err(Error::Value(format!(
                "std evaluated to zero after conversion to {}, leading to division by zero.",
                image.dtype()
            )));
        }
        Ok(image.sub(&mean)?.div(&std)?)
    }
}
