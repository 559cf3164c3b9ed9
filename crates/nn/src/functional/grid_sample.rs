//! Sampling of images and volumes at points between their elements.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{DType, Error, Result, Tensor, check_room, words};
use pleach_kernels::grid_sample::{GridMode, GridPadding, GridSample};

use super::{check_dtype, filled};
use crate::setters::{given, setters};

/// How [`grid_sample`] finds a value between elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GridSampleMode {
    /// The weighted mean of the two neighbours along each axis.
    #[default]
    Bilinear,
    /// The nearest element.
    Nearest,
    /// A cubic curve through the four neighbours along each axis.
    Bicubic,
}

words! {
    GridSampleMode { Bilinear = "bilinear", Nearest = "nearest", Bicubic = "bicubic" },
    |text| format!("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{text}'")
}

/// What [`grid_sample`] sees beyond the edge of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GridPaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The outermost elements.
    Border,
    /// The input, mirrored at its edge.
    Reflection,
}

words! {
    GridPaddingMode { Zeros = "zeros", Border = "border", Reflection = "reflection" },
    |text| format!("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{text}'")
}

/// What [`grid_sample`] takes beside its tensors: bilinear, zeros outside, and corners not aligned, or
/// what is set.
#[derive(Debug, Clone)]
#[must_use]
pub struct GridSampleOptions {
    mode: Result<GridSampleMode>,
    padding_mode: Result<GridPaddingMode>,
    align_corners: Option<bool>,
}

impl Default for GridSampleOptions {
    fn default() -> Self {
        GridSampleOptions {
            mode: Ok(GridSampleMode::Bilinear),
            padding_mode: Ok(GridPaddingMode::Zeros),
            align_corners: None,
        }
    }
}

impl GridSampleOptions {
    /// PyTorch's defaults. It warns as PyTorch does if `align_corners` is left out.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        |options| options;
        /// How a value between elements is found: a [`GridSampleMode`] or PyTorch's string
        /// (`"bilinear"` by default).
        mode: impl TryInto<GridSampleMode, Error: Into<Error>> = given(mode);
        /// What lies outside: a [`GridPaddingMode`] or PyTorch's string (`"zeros"` by default).
        padding_mode: impl TryInto<GridPaddingMode, Error: Into<Error>> = given(padding_mode);
        /// Whether -1 and 1 are the centres of the outermost elements, not their outer edges
        /// (no, by default, with a warning).
        align_corners: bool = Some(align_corners);
    }
}

/// The values of images or volumes at points: `F.grid_sample`. A point's coordinates are `(x, y)`, or
/// `(x, y, z)`, from -1 at the left, top and front to 1 at the right, bottom and back.
///
/// Shapes: input `[N, C, H, W]` and grid `[N, h, w, 2]`, result `[N, C, h, w]`; or input
/// `[N, C, D, H, W]` and grid `[N, d, h, w, 3]`, result `[N, C, d, h, w]`.
///
/// Both have a gradient; that of a grid is zero for the nearest element, and on and beyond the edge where
/// nothing changes.
///
/// # Errors
/// If shapes or dtypes do not fit, or an axis of the input is empty.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, GridSampleOptions};
/// let image = tensor![[[[1., 2.], [3., 4.]]]];
/// let points = tensor![[[[0., 0.], [1., -1.], [0.5, 1.]]]];
/// let options = GridSampleOptions::new().align_corners(true);
/// assert_eq!(F::grid_sample(&image, &points, options)?.to_vec::<f32>()?, [2.5, 2., 3.75]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn grid_sample(input: &Tensor, grid: &Tensor, options: GridSampleOptions) -> Result<Tensor> {
    let (mode, padding) = (options.mode?, options.padding_mode?);
    let align_corners = options.align_corners.unwrap_or_else(|| {
        warn_of_corners();
        false
    });
    let (from, to) = (input.shape(), grid.shape());
    ensure!(
        from.first() == to.first(),
        "grid_sampler(): expected grid and input to have same batch size, but got input with sizes {from:?} and grid with sizes {to:?}"
    );
    let axes = from.len().saturating_sub(2);
    ensure!(
        to.last() == Some(&axes),
        "grid_sampler(): expected grid to have size {axes} in last dimension, but got grid with sizes {to:?}"
    );
    ensure!(
        matches!(from.len(), 4 | 5) && from.len() == to.len(),
        "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes {from:?} and grid with sizes {to:?}"
    );
    if let Some(dim) = (2..from.len()).find(|d| from[*d] == 0) {
        return Err(Error::shape(format!(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {from:?} with dimension {dim} being empty"
        )));
    }
    if !input.dtype().is_float() {
        let op = "grid_sampler_2d_cpu_kernel_impl";
        return Err(Error::not_implemented(op, input.dtype()));
    }
    check_dtype(grid, input.dtype())?;
    let points = &to[1..to.len() - 1];
    let output = [&from[..2], points].concat();
    check_room(&output, input.dtype())?;
    let sample = GridSample {
        batch: from[0],
        channels: from[1],
        input: from[2..].to_vec(),
        points: points.iter().product(),
        mode: match mode {
            GridSampleMode::Bilinear => GridMode::Linear,
            GridSampleMode::Nearest => GridMode::Nearest,
            GridSampleMode::Bicubic => GridMode::Cubic,
        },
        padding: match padding {
            GridPaddingMode::Zeros => GridPadding::Zeros,
            GridPaddingMode::Border => GridPadding::Border,
            GridPaddingMode::Reflection => GridPadding::Reflection,
        },
        align_corners,
    };
    apply(GridSampler { sample, output }, (input, grid))
}

/// PyTorch's warning.
pub(super) fn warn_of_corners() {
    log::warn!(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
    );
}

/// The values of an input at the points of a grid.
#[derive(Clone, Debug)]
pub struct GridSampler {
    sample: GridSample,
    /// The sizes of the output.
    output: Vec<usize>,
}

impl Operation for GridSampler {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        if self.sample.input.len() == 2 {
            "grid_sampler_2d"
        } else {
            "grid_sampler_3d"
        }
    }
    fn grad_name(&self) -> &'static str {
        match self.sample.input.len() {
            2 => "GridSampler2DBackward0",
            _ => "GridSampler3DBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        let (mode, padding) = (self.sample.mode, self.sample.padding);
        let words = match (mode, padding) {
            (GridMode::Linear, _) => "bilinear",
            (GridMode::Nearest, _) => "nearest",
            (GridMode::Cubic, _) => "bicubic",
        };
        let outside = match padding {
            GridPadding::Zeros => "zeros",
            GridPadding::Border => "border",
            GridPadding::Reflection => "reflection",
        };
        vec![
            ("interpolation_mode", words.into()),
            ("padding_mode", outside.into()),
            ("align_corners", self.sample.align_corners.into()),
        ]
    }
    fn forward(&self, (x, grid): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        dispatch_float!(Operation::name(self), x.dtype(), T => {
            let (x, grid) = (x.as_slice::<T>()?, grid.as_slice::<T>()?);
            filled(&self.output, |out| self.sample.forward(x, grid, out))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        if saved.recording() {
            let parts = saved.by_parts(grad, |inputs| match inputs {
                [Some(x), Some(grid)] => self.by_parts(x, grid),
                _ => unreachable!("both were kept"),
            })?;
            let mut parts = parts.into_iter();
            let mut next = |i: usize| {
                saved.grad(i, || match parts.next().flatten() {
                    Some(grad) => Ok(grad),
                    // The nearest element does not change with the point.
                    None => Tensor::try_zeros_of(saved.shape(i), grad.dtype()),
                })
            };
            return Ok([next(0)?, next(1)?]);
        }
        let dense = |t: &Tensor| match t.dtype() {
            DType::F16 | DType::BF16 => t.float()?.contiguous(),
            _ => t.contiguous(),
        };
        let (x, grid, grad) = (
            dense(&saved.input(0)?)?,
            dense(&saved.input(1)?)?,
            dense(grad)?,
        );
        dispatch_float!(Operation::name(self), x.dtype(), T => {
            let (x, points, grad) = (x.as_slice::<T>()?, grid.as_slice::<T>()?, grad.as_slice::<T>()?);
            let sample = &self.sample;
            Ok([
                saved.grad(0, || {
                    filled(saved.shape(0), |dx| sample.backward_input(grad, points, dx))
                })?,
                saved.grad(1, || {
                    filled(saved.shape(1), |dgrid| sample.backward_grid(grad, x, points, dgrid))
                })?,
            ])
        })
    }
}

/// Neighbours along an axis: their places, as whole floats, and their weights.
type Neighbours = Vec<(Tensor, Option<Tensor>)>;

impl GridSampler {
    /// The same in operations, which have derivatives of any order.
    fn by_parts(&self, x: &Tensor, grid: &Tensor) -> Result<Tensor> {
        let s = &self.sample;
        let (axes, points) = (s.input.len(), [s.batch, s.points]);
        let grid = grid.reshape([s.batch, s.points, axes])?;
        // Neighbours as places in a plane, with weights where they have any.
        let mut all: Neighbours = Vec::new();
        let mut stride = 1;
        for (axis, size) in s.input.iter().rev().enumerate() {
            let own = self.along(&grid.select(-1, axis as i64)?, *size)?;
            let mut product = Vec::new();
            for (at, weight) in own {
                let inside = at.ge(0.0)?.logical_and(&at.lt(*size as f64)?)?;
                let inside = inside.to_dtype(grid.dtype())?;
                let weight = match weight {
                    Some(weight) => weight.mul(&inside)?,
                    None => inside,
                };
                let at = at
                    .clamp(0.0, (*size - 1) as f64)?
                    .long()?
                    .mul(stride as i64)?;
                if all.is_empty() {
                    product.push((at, Some(weight)));
                    continue;
                }
                for (place, other) in &all {
                    let both = match other {
                        Some(other) => other.mul(&weight)?,
                        None => weight.clone(),
                    };
                    product.push((place.add(&at)?, Some(both)));
                }
            }
            all = product;
            stride *= size;
        }
        let x = x.flatten(2, -1)?;
        let mut sum: Option<Tensor> = None;
        for (place, weight) in all {
            let spread = [points[0], s.channels, points[1]];
            let place = place.unsqueeze(1)?.broadcast_to(&spread)?;
            let mut term = x.gather(-1, &place)?;
            if let Some(weight) = weight {
                term = term.mul(&weight.unsqueeze(1)?)?;
            }
            sum = Some(match sum {
                Some(sum) => term.add(&sum)?,
                None => term,
            });
        }
        match sum {
            Some(sum) => sum.reshape(&self.output[..]),
            None => Tensor::try_zeros_of(&self.output[..], x.dtype()),
        }
    }

    /// The neighbours of coordinates `[N, points]` along an axis.
    fn along(&self, coordinates: &Tensor, size: usize) -> Result<Neighbours> {
        let n = size as f64;
        let from_zero = coordinates.add(1.0)?;
        let position = match self.sample.align_corners {
            true => from_zero.mul((n - 1.0) / 2.0)?,
            false => from_zero.mul(n)?.sub(1.0)?.mul(0.5)?,
        };
        let after = |low: &Tensor, steps: f64| low.add(steps);
        Ok(match self.sample.mode {
            GridMode::Nearest => vec![(self.within(&position, n)?.detach().round()?, None)],
            GridMode::Linear => {
                let position = self.within(&position, n)?;
                let low = position.detach().floor()?;
                let t = position.sub(&low)?;
                let high = after(&low, 1.0)?;
                vec![(low, Some(t.rsub(1.0)?)), (high, Some(t))]
            }
            GridMode::Cubic => {
                let low = position.detach().floor()?;
                let t = position.sub(&low)?;
                let a = -0.75;
                let near = |x: &Tensor| {
                    let inner = x.mul(a + 2.0)?.sub(a + 3.0)?;
                    inner.mul(x)?.mul(x)?.add(1.0)
                };
                let far = |x: &Tensor| {
                    let inner = x.mul(a)?.sub(5.0 * a)?.mul(x)?.add(8.0 * a)?;
                    inner.mul(x)?.sub(4.0 * a)
                };
                let weights = [
                    far(&t.add(1.0)?)?,
                    near(&t)?,
                    near(&t.rsub(1.0)?)?,
                    far(&t.rsub(2.0)?)?,
                ];
                let mut all = Vec::new();
                for (k, weight) in weights.into_iter().enumerate() {
                    let at = self.within(&after(&low, k as f64 - 1.0)?, n)?;
                    all.push((at.detach(), Some(weight)));
                }
                all
            }
        })
    }

    /// Positions, as their padding has them.
    fn within(&self, position: &Tensor, n: f64) -> Result<Tensor> {
        match self.sample.padding {
            GridPadding::Zeros => Ok(position.clone()),
            GridPadding::Border => position.clamp(0.0, n - 1.0),
            GridPadding::Reflection => {
                let (low, span) = match self.sample.align_corners {
                    true => (0.0, n - 1.0),
                    false => (-0.5, n),
                };
                if span == 0.0 {
                    return position.mul(0.0);
                }
                let away = position.sub(low)?.abs()?;
                let turns = away.detach().div(span)?.floor()?;
                let rest = away.sub(&turns.mul(span)?)?;
                let even = turns.remainder(2.0)?.eq(0.0)?;
                let back = Tensor::where_cond(&even, &rest, &rest.rsub(span)?)?;
                back.add(low)?.clamp(0.0, n - 1.0)
            }
        }
    }
}
