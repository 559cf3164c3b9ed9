//! Normalisation by the squares of neighbouring channels.

use pleach_core::{Error, PadMode, Result, Tensor};

use super::{AvgPoolOptions, avg_pool2d, avg_pool3d};

/// `x / (k + alpha · mean of x² over size neighbouring channels)^beta`; channels that are not there
/// count as 0. PyTorch's defaults are `alpha = 1e-4`, `beta = 0.75`, `k = 1.0`.
///
/// Shapes: input and result `[N, C, *]`, with at least one dimension after the channels.
///
/// # Errors
/// If there are fewer than three dimensions, or the size is 0.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::local_response_norm(&tensor![[[3.0], [4.0]]], 2, 2.0, 0.5, 0.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 0.8]); // by √3², √(3² + 4²)
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn local_response_norm(
    input: &Tensor,
    size: usize,
    alpha: f64,
    beta: f64,
    k: f64,
) -> Result<Tensor> {
    let sizes = input.shape();
    if sizes.len() < 3 {
        return Err(Error::shape(format!(
            "Expected 3D or higher dimensionality                          input (got {} dimensions)",
            sizes.len()
        )));
    }
    if input.numel() == 0 {
        return Ok(input.clone());
    }
    // More neighbours than channels on either side are zeros that only count.
    let before = i64::try_from(size / 2).unwrap_or(i64::MAX);
    let after = i64::try_from(size.saturating_sub(1) / 2).unwrap_or(i64::MAX);
    let squares = input.mul(input)?;
    let means = if sizes.len() == 3 {
        let pads = [0, 0, before, after];
        let padded = squares.unsqueeze(1)?.pad(&pads, PadMode::Constant, 0.0)?;
        let options = AvgPoolOptions::new((size, 1)).stride(1);
        avg_pool2d(&padded, options)?.squeeze_dim(1)?
    } else {
        let volume = squares.reshape((sizes[0], 1, sizes[1], sizes[2], -1))?;
        let pads = [0, 0, 0, 0, before, after];
        let padded = volume.pad(&pads, PadMode::Constant, 0.0)?;
        let options = AvgPoolOptions::new((size, 1, 1)).stride(1);
        avg_pool3d(&padded, options)?.reshape(sizes)?
    };
    input.div(&means.mul(alpha)?.add(k)?.pow(beta)?)
}
