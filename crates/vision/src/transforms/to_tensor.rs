//! [`ToTensor`].

use pleach_core::{DType, Tensor};

use super::{Transform, size_of};
use crate::Result;

/// From u8, 0 to 255, to f32, 0 to 1. A float image stays as it is.
///
/// ```
/// use pleach::{DType, tensor};
/// use pleach::vision::transforms::{ToTensor, Transform};
/// let image = tensor![[[0, 51, 255]]].to_dtype(DType::U8)?;
/// assert_eq!(ToTensor.apply(&image)?.to_vec::<f32>()?, [0.0, 0.2, 1.0]);
/// # Ok::<(), pleach::vision::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ToTensor;

impl Transform for ToTensor {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        size_of(image, "ToTensor")?;
        match image.dtype() {
            DType::U8 => Ok(image.float()?.div(255.0)?),
            _ => Ok(image.clone()),
        }
    }
}
