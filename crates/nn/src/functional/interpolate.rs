//! Resizing.

use pleach_core::autograd::{Attributes, Call, GradsOf, Operation, Own, Saved, Saves, apply};
use pleach_core::{Element, Error, Result, Scalar, Tensor, check_room, words};
use pleach_kernels::Buffer;

use crate::setters::given;

/// How [`interpolate`] finds a value between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InterpolateMode {
    /// The pixel at the rounded-down position.
    #[default]
    Nearest,
    /// The weighted mean of the two (or four) neighbours: `linear` for one dimension, `bilinear`
    /// for two.
    Linear,
}

words! {
    InterpolateMode { Nearest = "nearest", Linear = "bilinear" | "linear" },
    |text| format!("interpolate supports the modes nearest, linear and bilinear, got {text}")
}

/// The size that [`interpolate`] makes: the spatial sizes, or factors of them. One number stands
/// for all spatial dimensions.
#[derive(Debug, Clone, PartialEq)]
pub enum Resize {
    /// The new sizes.
    Size(Vec<usize>),
    /// What the sizes are multiplied by, rounded down.
    ScaleFactor(Vec<f64>),
}

impl Resize {
    /// One size for every spatial dimension.
    pub fn size(size: usize) -> Self {
        Resize::Size(vec![size])
    }

    /// One factor for every spatial dimension.
    pub fn scale_factor(factor: f64) -> Self {
        Resize::ScaleFactor(vec![factor])
    }

    /// For each spatial dimension its new size, and the factor if one was given.
    fn of(&self, old: &[usize]) -> Result<Vec<(usize, Option<f64>)>> {
        let (name, given) = match self {
            Resize::Size(s) => ("output size", s.len()),
            Resize::ScaleFactor(f) => ("scale_factor", f.len()),
        };
        if given != 1 && given != old.len() {
            return Err(Error::value(format!(
                "Input and {name} must have the same number of spatial dimensions, but got input with spatial dimensions of {old:?} and {name} with {given} entries"
            )));
        }
        old.iter()
            .enumerate()
            .map(|(i, &n)| {
                let (new, factor) = match self {
                    Resize::Size(s) => (s[i.min(given - 1)], None),
                    Resize::ScaleFactor(f) => {
                        let factor = f[i.min(given - 1)];
                        let new = (n as f64 * factor).floor();
                        // What is negative is 0 here, and refused below.
                        let new = Scalar::Float(new).to::<i64>()?.max(0) as usize;
                        (new, Some(factor))
                    }
                };
                if new == 0 || n == 0 {
                    return Err(Error::shape(format!(
                        "Input and output sizes should be greater than 0, but got input (W: {n}) output (W: {new})"
                    )));
                }
                Ok((new, factor))
            })
            .collect()
    }
}

/// How one dimension is resized: `out[i] = x[low[i]] * (1 - weight[i]) + x[high[i]] * weight[i]`.
#[derive(Clone, Debug)]
struct Axis {
    dim: i64,
    /// The factor that was given.
    factor: Option<f64>,
    low: Tensor,
    /// The other neighbour and its weight, shaped to broadcast; `None` for nearest.
    high: Option<(Tensor, Tensor)>,
}

impl Axis {
    fn new(
        input: &Tensor,
        dim: usize,
        (new, factor): (usize, Option<f64>),
        mode: InterpolateMode,
        align_corners: bool,
    ) -> Result<Axis> {
        let old = input.shape()[dim];
        let last = old - 1;
        let scale = factor.map_or(old as f64 / new as f64, |f| 1.0 / f);
        // PyTorch's kernel for images keeps a size, and doubles it, whatever the factor was.
        let image = input.rank() == 4;
        let position = |i: usize| match mode {
            InterpolateMode::Nearest if image && new == old => i as f64,
            InterpolateMode::Nearest if image && old.checked_mul(2) == Some(new) => (i / 2) as f64,
            // PyTorch finds the nearest pixel in f32.
            InterpolateMode::Nearest => ((i as f32 * scale as f32).floor() as f64).min(last as f64),
            InterpolateMode::Linear if align_corners => match new {
                1 => 0.0,
                _ => i as f64 * last as f64 / (new - 1) as f64,
            },
            // A dimension that keeps its size keeps its values, whatever the factor was.
            InterpolateMode::Linear if new == old => i as f64,
            InterpolateMode::Linear => ((i as f64 + 0.5) * scale - 0.5).max(0.0),
        };
        let below = |i| (position(i) as i64).min(last as i64);
        let high = match mode {
            InterpolateMode::Nearest => None,
            InterpolateMode::Linear => {
                let mut shape = vec![1; input.rank()];
                shape[dim] = new;
                let weights = row(&shape, |i| (position(i) - below(i) as f64).min(1.0))?;
                let above = row(&[new], |i| (below(i) + 1).min(last as i64))?;
                Some((above, weights.to_dtype(input.dtype())?))
            }
        };
        Ok(Axis {
            dim: dim as i64,
            factor,
            low: row(&[new], below)?,
            high,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let low = x.index_select(self.dim, &self.low)?;
        match &self.high {
            None => Ok(low),
            Some((at, weight)) => {
                let high = x.index_select(self.dim, at)?;
                low.mul(&weight.rsub(1.0)?)?.add(&high.mul(weight)?)
            }
        }
    }

    fn backward(&self, g: &Tensor, size: usize) -> Result<Tensor> {
        let mut shape = g.shape().to_vec();
        shape[self.dim as usize] = size;
        let zeros = Tensor::try_zeros_of(shape, g.dtype())?;
        match &self.high {
            None => zeros.index_add(self.dim, &self.low, g),
            Some((at, weight)) => zeros
                .index_add(self.dim, &self.low, &g.mul(&weight.rsub(1.0)?)?)?
                .index_add(self.dim, at, &g.mul(weight)?),
        }
    }
}

/// What `f` says of each position along the one dimension that is not 1.
fn row<T: Element>(shape: &[usize], f: impl Fn(usize) -> T) -> Result<Tensor> {
    let n = shape.iter().product();
    Tensor::try_from_buffer(Buffer::try_from_exact_iter((0..n).map(f))?, shape)
}

/// The order in which to resize the dimensions: the first one first, unless what lies between would
/// be larger than both ends. Then those that shrink come first.
fn order(from: &[usize], to: &[usize]) -> Vec<usize> {
    let count = |sizes: &[usize]| sizes.iter().map(|n| *n as f64).product::<f64>();
    let mut order: Vec<usize> = (0..from.len()).collect();
    let largest = count(from).max(count(to));
    let between = |k: usize| count(&to[..k]) * count(&from[k..]);
    if (1..from.len()).any(|k| between(k) > largest) {
        let growth = |i: &usize| to[*i] as f64 / from[*i] as f64;
        order.sort_by(|a, b| growth(a).total_cmp(&growth(b)));
    }
    order
}

/// Resizes images (or rows, or volumes): `F.interpolate(input, size, scale_factor, mode,
/// align_corners)`. PyTorch's defaults are nearest and not aligned.
///
/// With a factor, positions in the input are found with `1 / factor`; with a size, with the ratio
/// of the sizes.
///
/// Shapes: input `[N, C, L]`, `[N, C, H, W]` or (nearest only) `[N, C, D, H, W]`; the result has
/// new sizes after the first two.
///
/// # Errors
/// If the input has other dimensions, a size is 0, or the memory cannot be had.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, InterpolateMode, Resize};
/// let row = tensor![[[1.0, 2.0]]];
/// let twice = |mode| F::interpolate(&row, Resize::scale_factor(2.0), mode, false)?.to_vec::<f32>();
/// assert_eq!(twice(InterpolateMode::Nearest)?, [1.0, 1.0, 2.0, 2.0]);
/// assert_eq!(twice(InterpolateMode::Linear)?, [1.0, 1.25, 1.75, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn interpolate(
    input: &Tensor,
    resize: Resize,
    mode: impl TryInto<InterpolateMode, Error: Into<Error>>,
    align_corners: bool,
) -> Result<Tensor> {
    let mode = given(mode)?;
    let names = match (mode, input.rank()) {
        (InterpolateMode::Nearest, 3) => ("upsample_nearest1d", "UpsampleNearest1DBackward0"),
        (InterpolateMode::Nearest, 4) => ("upsample_nearest2d", "UpsampleNearest2DBackward0"),
        (InterpolateMode::Nearest, 5) => ("upsample_nearest3d", "UpsampleNearest3DBackward0"),
        (InterpolateMode::Linear, 3) => ("upsample_linear1d", "UpsampleLinear1DBackward0"),
        (InterpolateMode::Linear, 4) => ("upsample_bilinear2d", "UpsampleBilinear2DBackward0"),
        (_, rank) => {
            return Err(Error::shape(format!(
                "Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: nearest | linear | bilinear (got {mode})"
            )));
        }
    };
    if align_corners && mode == InterpolateMode::Nearest {
        return Err(Error::value(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear",
        ));
    }
    let sizes = resize.of(&input.shape()[2..])?;
    let mut whole = input.shape()[..2].to_vec();
    whole.extend(sizes.iter().map(|(new, _)| *new));
    check_room(&whole, input.dtype())?;
    let axes = sizes
        .into_iter()
        .enumerate()
        .map(|(i, new)| Axis::new(input, i + 2, new, mode, align_corners))
        .collect::<Result<Vec<_>>>()?;
    let op = Interpolate {
        names,
        size: whole[2..].to_vec(),
        axes,
        align_corners,
    };
    apply(op, input)
}

/// Each dimension is resized by itself.
#[derive(Clone, Debug)]
pub struct Interpolate {
    /// PyTorch's names of the operation and of its backward step.
    names: (&'static str, &'static str),
    /// The new spatial sizes.
    size: Vec<usize>,
    /// The spatial dimensions.
    axes: Vec<Axis>,
    /// Whether the corners of both images lie on each other.
    align_corners: bool,
}

impl Operation for Interpolate {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        self.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.names.1
    }
    fn attributes(&self) -> Attributes {
        let mut all = vec![
            ("output_size", self.size[..].into()),
            ("align_corners", self.align_corners.into()),
        ];
        let names = &["scales_d", "scales_h", "scales_w"][3 - self.axes.len()..];
        let scales = self.axes.iter().zip(names);
        all.extend(scales.filter_map(|(axis, name)| Some((*name, axis.factor?.into()))));
        all
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        order(&x.shape()[2..], &self.size)
            .into_iter()
            .try_fold(x.detach(), |x, i| self.axes[i].forward(&x))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::ONCE
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let old = &saved.shape(0)[2..];
        let grad = order(&self.size, old)
            .into_iter()
            .try_fold(grad.clone(), |g, i| self.axes[i].backward(&g, old[i]))?;
        Ok([Some(grad)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;

    #[test]
    fn gradients_are_right_for_both_modes() {
        let values: Vec<f64> = (0..24).map(|i| ((i * 5) % 13) as f64 * 0.2).collect();
        let x = Tensor::from_vec(values, [1, 2, 3, 4]).unwrap();
        for resize in [
            Resize::scale_factor(2.0),
            Resize::ScaleFactor(vec![1.5, 0.5]),
            Resize::size(2),
            Resize::Size(vec![5, 1]),
        ] {
            for (mode, align) in [
                (InterpolateMode::Nearest, false),
                (InterpolateMode::Linear, false),
                (InterpolateMode::Linear, true),
            ] {
                let run = |x: &[Tensor]| interpolate(&x[0], resize.clone(), mode, align);
                gradcheck(run, std::slice::from_ref(&x)).unwrap();
                gradcheck(run, &[x.transpose(2, 3).unwrap()]).unwrap();
            }
        }
    }

    #[test]
    fn a_dimension_that_keeps_its_size_keeps_its_values_whatever_the_factor() {
        // PyTorch: floor(2 * 1.25) = 2 rows stay; the columns become three, at positions of 1.6.
        let x = Tensor::from_vec(vec![0f32, 1.0, 2.0, 5.0], [1, 1, 2, 2]).unwrap();
        let resize = Resize::ScaleFactor(vec![1.25, 1.6]);
        let y = interpolate(&x, resize, InterpolateMode::Linear, false).unwrap();
        assert_eq!(y.shape(), [1, 1, 2, 3]);
        assert_eq!(
            y.to_vec::<f32>().unwrap(),
            [0.0, 0.4375, 1.0, 2.0, 3.3125, 5.0]
        );
    }

    #[test]
    fn images_keep_and_double_their_size_whatever_the_factor() {
        let nearest = |shape: &[usize], factor: f64| {
            let x = Tensor::arange(2).float().unwrap().expand(shape).unwrap();
            let resize = Resize::ScaleFactor(vec![factor; shape.len() - 2]);
            let y = interpolate(&x, resize, InterpolateMode::Nearest, false).unwrap();
            let last = y.shape()[shape.len() - 1];
            y.to_vec::<f32>().unwrap()[..last].to_vec()
        };
        // PyTorch's values: images on the left, lines and volumes on the right.
        assert_eq!(nearest(&[1, 3, 5, 2], 1.25), [0.0, 1.0]);
        assert_eq!(nearest(&[1, 3, 2], 1.25), [0.0, 0.0]);
        assert_eq!(nearest(&[1, 3, 5, 2], 2.3), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(nearest(&[1, 3, 2], 2.3), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(nearest(&[1, 2, 2, 3, 2], 2.3), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn sizes_follow_the_factor_or_are_given() {
        let x = Tensor::arange(4).view([1, 1, 4]).unwrap().float().unwrap();
        let nearest = |resize| {
            let y = interpolate(&x, resize, InterpolateMode::Nearest, false).unwrap();
            y.to_vec::<f32>().unwrap()
        };
        // floor(4 * 1.4) = 5; positions i / 1.4, or i * 4 / 5.
        assert_eq!(
            nearest(Resize::scale_factor(1.4)),
            [0.0, 0.0, 1.0, 2.0, 2.0]
        );
        assert_eq!(nearest(Resize::size(5)), [0.0, 0.0, 1.0, 2.0, 3.0]);
        assert!(interpolate(&x, Resize::size(0), InterpolateMode::Nearest, false).is_err());
        assert!(interpolate(&x, Resize::size(2), InterpolateMode::Nearest, true).is_err());
        assert!(
            interpolate(
                &x.squeeze(),
                Resize::size(2),
                InterpolateMode::Nearest,
                false
            )
            .is_err()
        );
    }
}
