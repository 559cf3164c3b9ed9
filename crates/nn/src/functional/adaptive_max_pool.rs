//! Maximum pooling of windows that adapt, over one, two or three dimensions.

use pleach_core::autograd::apply;
use pleach_core::{Result, Tensor};
use pleach_kernels::AdaptivePoolShape;

use super::max_pool::{MaxPool, Windows, two};
use super::sliding::empty_dimension;
use super::{OutputSize, adaptive};

/// Two functions for each number of dimensions: the maxima, and with their places.
macro_rules! adaptive_max_pools {
    ($($(#[$doc:meta])* $name:ident, $(#[$indices_doc:meta])* $with_indices:ident, $d:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(input: &Tensor, output_size: impl Into<OutputSize<$d>>) -> Result<Tensor> {
            Ok(adaptive_max_pool(input, output_size.into(), false)?.swap_remove(0))
        }

        $(#[$indices_doc])*
        pub fn $with_indices(
            input: &Tensor,
            output_size: impl Into<OutputSize<$d>>,
        ) -> Result<(Tensor, Tensor)> {
            two(adaptive_max_pool(input, output_size.into(), true)?)
        }
    )*};
}

adaptive_max_pools! {
    /// [`adaptive_max_pool2d`] of sequences, `[N, C, L]` or `[C, L]`.
    ///
    /// # Errors
    /// As [`adaptive_max_pool2d`].
    adaptive_max_pool1d,

    /// [`adaptive_max_pool1d`], and where each maximum was in its sequence, as i64.
    ///
    /// # Errors
    /// As [`adaptive_max_pool2d`].
    adaptive_max_pool1d_with_indices, 1;

    /// The maximum of windows that are chosen so that the result has a given size: window `i` of `out`
    /// covers `floor(i·size / out)` up to `ceil((i + 1)·size / out)`.
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`, result the same with the last two sizes replaced;
    /// `None` keeps a size.
    ///
    /// # Errors
    /// If the input is not 3-d or 4-d, or has an empty dimension other than N.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// let x = tensor![[[1., 7., 6.]]];
    /// assert_eq!(F::adaptive_max_pool2d(&x, (None, 2))?.to_vec::<f32>()?, [7., 7.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    adaptive_max_pool2d,

    /// [`adaptive_max_pool2d`], and where each maximum was: `row · W + column` in its plane, as i64.
    ///
    /// # Errors
    /// As [`adaptive_max_pool2d`].
    adaptive_max_pool2d_with_indices, 2;

    /// [`adaptive_max_pool2d`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
    ///
    /// # Errors
    /// As [`adaptive_max_pool2d`].
    adaptive_max_pool3d,

    /// [`adaptive_max_pool3d`], and where each maximum was: `(slice · H + row) · W + column` in its
    /// volume, as i64.
    ///
    /// # Errors
    /// As [`adaptive_max_pool2d`].
    adaptive_max_pool3d_with_indices, 3;
}

/// The maxima, and where they were if that is asked for.
pub(crate) fn adaptive_max_pool<const D: usize>(
    input: &Tensor,
    output_size: OutputSize<D>,
    indices: bool,
) -> Result<Vec<Tensor>> {
    if D == 1 {
        let name = "adaptive_max_pool1d";
        adaptive::check_one(name, input)?;
        if let Some(dim) = (1..input.rank()).find(|d| input.shape()[*d] == 0) {
            return Err(empty_dimension(name, input.shape(), dim));
        }
        let image = input.unsqueeze(-2)?;
        let outputs = adaptive_max_pool(&image, output_size.of_rows(), indices)?;
        return outputs.iter().map(|t| t.squeeze_dim(-2)).collect();
    }
    let name = format!("adaptive_max_pool{D}d");
    let (planes, plane, output) = adaptive::sizes(&name, ":", input, output_size)?;
    if let Some(dim) = (1..input.rank()).find(|d| input.shape()[*d] == 0) {
        return Err(empty_dimension(&name, input.shape(), dim));
    }
    let of = Windows::<D>::Adaptive(AdaptivePoolShape::new(planes, plane, output));
    let relu = false;
    apply(MaxPool { of, relu, indices }, input)
}
