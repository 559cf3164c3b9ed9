//! [`Compose`].

use pleach_core::Tensor;

use super::Transform;
use crate::Result;

/// Transforms one after another.
#[derive(Default)]
pub struct Compose {
    transforms: Vec<Box<dyn Transform>>,
}

impl Compose {
    /// No transform yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one at the end.
    #[must_use = "then returns the composition"]
    pub fn then(mut self, transform: impl Transform + 'static) -> Self {
        self.transforms.push(Box::new(transform));
        self
    }
}

impl Transform for Compose {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        let first = image.clone();
        let mut transforms = self.transforms.iter();
        transforms.try_fold(first, |image, transform| transform.apply(&image))
    }
}
