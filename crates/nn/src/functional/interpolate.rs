//! Resizing.

use pleach_core::autograd::apply;
use pleach_core::print::{PythonRepr, python_tuple};
use pleach_core::{DType, Error, Result, Scalar, Tensor, check_room};

use super::resampling::{Axis, How, Interpolate, InterpolateMode};
use super::{adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d};
use crate::setters::{given, setters};

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

    /// As PyTorch's layers print it; what stands for all dimensions as a number.
    pub(crate) fn repr(&self) -> String {
        fn text(items: &[impl PythonRepr]) -> String {
            match items {
                [all] => all.python_repr(),
                each => python_tuple(each),
            }
        }
        match self {
            Resize::Size(sizes) => format!("size={}", text(sizes)),
            Resize::ScaleFactor(factors) => format!("scale_factor={}", text(factors)),
        }
    }

    /// For each spatial dimension its new size, and the factor if one was given.
    fn of(&self, old: &[usize]) -> Result<Vec<(i64, Option<f64>)>> {
        let (given, what, form) = match self {
            Resize::Size(s) => (
                s.len(),
                format!(
                    "output must have the same number of spatial dimensions, but got input with spatial dimensions of {old:?} and output size of {}",
                    python_tuple(s)
                ),
                "output size in (o1, o2, ...,oK)",
            ),
            Resize::ScaleFactor(f) => (
                f.len(),
                format!(
                    "scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of {old:?} and scale_factor of shape {}",
                    python_tuple(f)
                ),
                "scale_factor in (s1, s2, ...,sK)",
            ),
        };
        if given != 1 && given != old.len() {
            return Err(Error::value(format!(
                "Input and {what}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and {form} format."
            )));
        }
        let each = old.iter().enumerate().map(|(i, &n)| match self {
            // What does not fit is refused as a size that no memory holds.
            Resize::Size(s) => {
                let size = s[i.min(given - 1)];
                Ok((i64::try_from(size).unwrap_or(i64::MAX), None))
            }
            Resize::ScaleFactor(f) => {
                let factor = f[i.min(given - 1)];
                let new = Scalar::Float((n as f64 * factor).trunc()).to::<i64>()?;
                Ok((new, Some(factor)))
            }
        });
        each.collect()
    }
}

/// What [`interpolate`] takes: a size or a factor; and the nearest element, corners not aligned, the
/// factor as it was given and no antialias, or what is set. A [`Resize`] alone will do as options.
#[derive(Debug, Clone)]
#[must_use]
pub struct InterpolateOptions {
    pub(crate) resize: Resize,
    pub(crate) mode: Result<InterpolateMode>,
    pub(crate) align_corners: Option<bool>,
    pub(crate) recompute_scale_factor: Option<bool>,
    pub(crate) antialias: bool,
}

impl InterpolateOptions {
    /// PyTorch's defaults.
    pub fn new(resize: Resize) -> Self {
        InterpolateOptions {
            resize,
            mode: Ok(InterpolateMode::Nearest),
            align_corners: None,
            recompute_scale_factor: None,
            antialias: false,
        }
    }

    interpolate_setters!(|options| options);
    setters! {
        |options| options;
        /// Whether what shrinks is smoothed first, as PIL does (no, by default). Bilinear, bicubic and
        /// lanczos have it.
        antialias: bool = antialias;
    }
}

impl From<Resize> for InterpolateOptions {
    fn from(resize: Resize) -> Self {
        Self::new(resize)
    }
}

/// The setters of [`InterpolateOptions`], and of what holds them.
macro_rules! interpolate_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// How a value between elements is found (the nearest element by default): an
            /// [`InterpolateMode`](crate::functional::InterpolateMode) or PyTorch's string.
            mode: impl TryInto<InterpolateMode, Error: Into<Error>> = given(mode);
            /// Whether the centres of the outermost elements stay on each other, not their outer edges
            /// (no, by default). The nearest element and the mean of an area know no such thing.
            align_corners: impl Into<Option<bool>> = align_corners.into();
            /// Whether positions are found with the ratio of the sizes where a factor was given (no, by
            /// default).
            recompute_scale_factor: impl Into<Option<bool>> = recompute_scale_factor.into();
        }
    };
}
pub(crate) use interpolate_setters;

/// Resizes images (or sequences, or volumes): `F.interpolate(input, size, scale_factor, mode,
/// align_corners, recompute_scale_factor, antialias)`.
///
/// Along each dimension, element `i` of the result lies at `(i + 0.5) · scale - 0.5` in the input, or
/// at `i · (old - 1) / (new - 1)` with `align_corners`; `scale` is `1 / factor` where a factor was
/// given, else `old / new`. With `antialias`, a filter as wide as what an element covers.
///
/// Shapes: input `[N, C, L]` (nearest, nearest-exact, linear, area), `[N, C, H, W]` (all but linear and
/// trilinear) or `[N, C, D, H, W]` (nearest, nearest-exact, trilinear, area); the result has new sizes
/// after the first two. Floats; the nearest elements of u8 too.
///
/// # Errors
/// If the input has other dimensions or another dtype, a size is 0, an option does not go with the mode,
/// or the memory cannot be had.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, InterpolateOptions, Resize};
/// let row = tensor![[[1.0, 2.0]]];
/// let twice = Resize::scale_factor(2.0);
/// assert_eq!(F::interpolate(&row, twice.clone())?.to_vec::<f32>()?, [1.0, 1.0, 2.0, 2.0]);
/// let linear = InterpolateOptions::new(twice).mode("linear");
/// assert_eq!(F::interpolate(&row, linear)?.to_vec::<f32>()?, [1.0, 1.25, 1.75, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn interpolate(input: &Tensor, options: impl Into<InterpolateOptions>) -> Result<Tensor> {
    run(input, options.into())
}

fn run(input: &Tensor, options: InterpolateOptions) -> Result<Tensor> {
    use InterpolateMode::*;
    let InterpolateOptions {
        resize,
        mode,
        align_corners,
        recompute_scale_factor,
        antialias,
    } = options;
    let (mode, rank) = (mode?, input.rank());
    if matches!(mode, Nearest | NearestExact | Area) && align_corners.is_some() {
        return Err(Error::value(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear",
        ));
    }
    let align_corners = align_corners.unwrap_or(false);
    let old = input.shape().get(2..).unwrap_or_default();
    let mut sizes = resize.of(old)?;
    if recompute_scale_factor == Some(true) {
        if let Resize::Size(_) = resize {
            return Err(Error::value(
                "recompute_scale_factor is not meaningful with an explicit size.",
            ));
        }
        sizes.iter_mut().for_each(|(_, factor)| *factor = None);
    }
    if antialias && !(matches!(mode, Bilinear | Bicubic | Lanczos) && rank == 4) {
        return Err(Error::value(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input",
        ));
    }
    if mode == Lanczos && rank == 4 {
        let refused = match (align_corners, antialias) {
            (true, _) => "Lanczos mode does not support align_corners=True",
            (false, false) => "Lanczos mode requires antialias=True",
            (false, true) => "",
        };
        if !refused.is_empty() {
            return Err(Error::value(refused));
        }
    }
    let names = match (mode, rank, antialias) {
        (Area, 3..=5, _) => return area(input, &sizes),
        (Nearest, 3, _) => names!("upsample_nearest1d", "UpsampleNearest1DBackward0"),
        (Nearest, 4, _) => names!("upsample_nearest2d", "UpsampleNearest2DBackward0"),
        (Nearest, 5, _) => names!("upsample_nearest3d", "UpsampleNearest3DBackward0"),
        (NearestExact, 3, _) => {
            names!(
                "_upsample_nearest_exact1d",
                "UpsampleNearestExact1DBackward0"
            )
        }
        (NearestExact, 4, _) => {
            names!(
                "_upsample_nearest_exact2d",
                "UpsampleNearestExact2DBackward0"
            )
        }
        (NearestExact, 5, _) => {
            names!(
                "_upsample_nearest_exact3d",
                "UpsampleNearestExact3DBackward0"
            )
        }
        (Linear, 3, _) => names!("upsample_linear1d", "UpsampleLinear1DBackward0"),
        (Bilinear, 4, false) => names!("upsample_bilinear2d", "UpsampleBilinear2DBackward0"),
        (Bilinear, 4, true) => names!("_upsample_bilinear2d_aa", "UpsampleBilinear2DAaBackward0"),
        (Bicubic, 4, false) => names!("upsample_bicubic2d", "UpsampleBicubic2DBackward0"),
        (Bicubic, 4, true) => names!("_upsample_bicubic2d_aa", "UpsampleBicubic2DAaBackward0"),
        (Lanczos, 4, _) => names!("_upsample_lanczos2d_aa", "UpsampleLanczos2DAaBackward0"),
        (Trilinear, 5, _) => names!("upsample_trilinear3d", "UpsampleTrilinear3DBackward0"),
        _ => return Err(refusal(mode, rank)),
    };
    let new = checked(input, &sizes)?;
    let small = matches!(new[..], [height, width] if height.saturating_add(width) <= 128);
    let axes = old.iter().zip(&new).zip(&sizes);
    let op = Interpolate {
        names,
        axes: axes
            .map(|((&old, &new), (_, factor))| Axis {
                old,
                new,
                factor: *factor,
            })
            .collect(),
        how: How {
            mode,
            align_corners,
            antialias,
            small_image: small,
        },
        grad: false,
    };
    match input.dtype() {
        // Exact in f32.
        DType::U8 if matches!(mode, Nearest | NearestExact) => {
            apply(op, &input.float()?)?.to_dtype(DType::U8)
        }
        dtype if dtype.is_float() => apply(op, input),
        dtype => Err(Error::not_implemented(names[0], dtype)),
    }
}

/// The names of an operation, of its gradient, and of PyTorch's backward step.
macro_rules! names {
    ($name:literal, $backward:literal) => {
        [$name, concat!($name, "_backward"), $backward]
    };
}
use names;

/// The new sizes, after PyTorch's checks.
fn checked(input: &Tensor, sizes: &[(i64, Option<f64>)]) -> Result<Vec<usize>> {
    let (old, rank) = (&input.shape()[2..], input.rank());
    if old.contains(&0) || sizes.iter().any(|(new, _)| *new <= 0) {
        let names = &["D", "H", "W"][3 - old.len()..];
        let text = |sizes: &mut dyn Iterator<Item = i64>| {
            let each: Vec<_> = names
                .iter()
                .zip(sizes)
                .map(|(d, n)| format!("{d}: {n}"))
                .collect();
            each.join(", ")
        };
        return Err(Error::shape(format!(
            "Input and output sizes should be greater than 0, but got input ({}) {}output ({})",
            text(&mut old.iter().map(|n| *n as i64)),
            if rank == 3 { "and " } else { "" },
            text(&mut sizes.iter().map(|(new, _)| *new))
        )));
    }
    if input.shape()[1] == 0 {
        return Err(Error::shape(format!(
            "Non-empty {rank}D data tensor expected but got a tensor with sizes {:?}",
            input.shape()
        )));
    }
    let new: Vec<usize> = sizes.iter().map(|(new, _)| *new as usize).collect();
    check_room(&[&input.shape()[..2], &new].concat(), input.dtype())?;
    Ok(new)
}

/// The mean of what each element covers.
fn area(input: &Tensor, sizes: &[(i64, Option<f64>)]) -> Result<Tensor> {
    match checked(input, sizes)?[..] {
        [w] => adaptive_avg_pool1d(input, w),
        [h, w] => adaptive_avg_pool2d(input, (h, w)),
        [d, h, w] => adaptive_avg_pool3d(input, (d, h, w)),
        _ => unreachable!("three to five dimensions"),
    }
}

/// PyTorch's refusal of a mode with so many dimensions.
fn refusal(mode: InterpolateMode, rank: usize) -> Error {
    let needs = match mode {
        InterpolateMode::Linear => 3,
        InterpolateMode::Bilinear => 4,
        InterpolateMode::Trilinear => 5,
        _ => 0,
    };
    Error::shape(match rank {
        3..=5 if needs > 0 => format!("Got {rank}D input, but {mode} mode needs {needs}D input"),
        _ => format!(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        ),
    })
}

/// PyTorch's older name of [`interpolate`], which warns.
///
/// # Errors
/// As [`interpolate`].
pub fn upsample(input: &Tensor, options: impl Into<InterpolateOptions>) -> Result<Tensor> {
    deprecated("upsample");
    run(input, options.into())
}

/// [`interpolate`] to the nearest element, under PyTorch's older name, which warns.
///
/// # Errors
/// As [`interpolate`].
pub fn upsample_nearest(input: &Tensor, resize: Resize) -> Result<Tensor> {
    deprecated("upsample_nearest");
    run(input, resize.into())
}

/// Bilinear [`interpolate`] with aligned corners, under PyTorch's older name, which warns.
///
/// # Errors
/// As [`interpolate`].
pub fn upsample_bilinear(input: &Tensor, resize: Resize) -> Result<Tensor> {
    deprecated("upsample_bilinear");
    let options = InterpolateOptions::new(resize).mode(InterpolateMode::Bilinear);
    run(input, options.align_corners(true))
}

fn deprecated(name: &str) {
    log::warn!("`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.");
}
