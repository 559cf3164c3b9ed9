//! Grids of affine transformations.

use pleach_core::print::python_tuple;
use pleach_core::{Element, Error, Result, Tensor, check_room, size_text};

use super::filled;
use super::grid_sample::warn_of_corners;

/// The points that an affine transformation of a regular grid has, for
/// [`grid_sample`](super::grid_sample): `F.affine_grid`.
///
/// Shapes: theta `[N, 2, 3]` and size `[N, C, H, W]`, result `[N, H, W, 2]`; or theta `[N, 3, 4]` and
/// size `[N, C, D, H, W]`, result `[N, D, H, W, 3]`.
///
/// `align_corners` says whether -1 and 1 are the centres of the outermost elements, not their outer
/// edges; `None` is no, with PyTorch's warning.
///
/// # Errors
/// If shapes do not fit, a size is 0, or theta is no float.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let shift = tensor![[[1., 0., 0.5], [0., 1., 0.]]];
/// let grid = F::affine_grid(&shift, &[1, 1, 1, 2], false)?;
/// assert_eq!(grid.to_vec::<f32>()?, [0., 0., 1., 0.]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn affine_grid(
    theta: &Tensor,
    size: &[usize],
    align_corners: impl Into<Option<bool>>,
) -> Result<Tensor> {
    let align_corners = align_corners.into().unwrap_or_else(|| {
        warn_of_corners();
        false
    });
    if !theta.dtype().is_float() {
        return Err(Error::dtype(format!(
            "Expected theta to have floating point type, but got {}",
            theta.dtype()
        )));
    }
    let axes = match size.len() {
        4 => 2,
        5 => 3,
        _ => {
            return Err(Error::value(format!(
                "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {}.",
                python_tuple(size)
            )));
        }
    };
    ensure!(
        theta.rank() == 3 && theta.shape()[1..] == [axes, axes + 1],
        "Expected a batch of {axes}D affine matrices of shape Nx{axes}x{} for size {}. Got {}.",
        axes + 1,
        python_tuple(size),
        size_text(theta.shape())
    );
    let spatial = &size[2..];
    if align_corners && spatial.iter().min() == Some(&1) {
        log::warn!(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This is not an intended use case of affine_grid. See the documentation of affine_grid for details."
        );
    } else if size.contains(&0) {
        return Err(Error::value(format!(
            "Expected non-zero, positive output size. Got {}",
            python_tuple(size)
        )));
    }
    let result = [&size[..1], spatial, &[axes]].concat();
    check_room(&result, theta.dtype())?;
    let points: usize = spatial.iter().product();
    let base = dispatch_float!("affine_grid_generator", theta.dtype(), T => {
        filled(&[1, points, axes + 1], |out: &mut [T]| base(spatial, align_corners, out))?
    });
    let base = base.broadcast_to(&[size[0], points, axes + 1])?;
    base.bmm(&theta.transpose(1, 2)?)?.view(&result[..])
}

/// The points of a regular grid, the last axis first, with a 1 after each.
fn base<T: Element>(spatial: &[usize], align_corners: bool, out: &mut [T]) {
    let axis = |n: usize| {
        let edge = match (align_corners, n) {
            (_, ..=1) => 0.0,
            (true, _) => 1.0,
            (false, _) => (n - 1) as f64 / n as f64,
        };
        (0..n).map(move |i| match n {
            1 => 0.0,
            _ => edge * (2.0 * i as f64 / (n - 1) as f64 - 1.0),
        })
    };
    let axes: Vec<Vec<f64>> = spatial.iter().map(|n| axis(*n).collect()).collect();
    for (mut i, point) in out.chunks_exact_mut(axes.len() + 1).enumerate() {
        for (axis, to) in axes.iter().rev().zip(point.iter_mut()) {
            *to = T::from_f64(axis[i % axis.len()]);
            i /= axis.len();
        }
        point[axes.len()] = T::from_f64(1.0);
    }
}
