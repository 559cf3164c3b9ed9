//! The tables that resize an axis, and the operation that applies them.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{Element, Result, Tensor, checked_numel, words};
use pleach_kernels::resample::{Resampling, Taps, resample};
use pleach_kernels::{Buffer, Float};

use super::filled;

/// How [`interpolate`](super::interpolate) finds a value between elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InterpolateMode {
    /// The element at the rounded-down position.
    #[default]
    Nearest,
    /// The element whose centre is nearest, as other programs have it.
    NearestExact,
    /// The weighted mean of the two neighbours, in sequences.
    Linear,
    /// The weighted mean of the four neighbours, in images.
    Bilinear,
    /// A cubic curve through four neighbours along both axes, in images.
    Bicubic,
    /// The weighted mean of the eight neighbours, in volumes.
    Trilinear,
    /// The mean of what an element covers: [`adaptive_avg_pool2d`](super::adaptive_avg_pool2d).
    Area,
    /// A windowed sinc over six neighbours along both axes, in images, with antialias only.
    Lanczos,
}

words! {
    InterpolateMode {
        Nearest = "nearest",
        NearestExact = "nearest-exact",
        Linear = "linear",
        Bilinear = "bilinear",
        Bicubic = "bicubic",
        Trilinear = "trilinear",
        Area = "area",
        Lanczos = "lanczos",
    },
    |text| format!("Input Error: {MODES} (got {text})")
}

const MODES: &str = "the modes are nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact";

/// How elements of an axis are found.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub mode: InterpolateMode,
    pub align_corners: bool,
    /// Whether what shrinks is smoothed first.
    pub antialias: bool,
    /// Whether PyTorch takes its kernel for small images, which has a rule of its own for nearest.
    pub small_image: bool,
}

/// The sizes of an axis, and the factor between them if it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub old: usize,
    pub new: usize,
    pub factor: Option<f64>,
}

impl Axis {
    /// The table, in the numbers of the tensor's dtype as PyTorch's; `None` where everything stays.
    fn taps<T: Float>(self, how: How) -> Option<Taps<T>> {
        use InterpolateMode::{Bicubic, Bilinear, Linear, Nearest, NearestExact, Trilinear};
        let (old, new) = (self.old, self.new);
        let taps = match how.mode {
            Nearest | NearestExact => {
                let place = self.nearest::<T>(how);
                Taps::new(old, new, |i, weights| {
                    weights.push(T::ONE);
                    (place(i) as usize).min(old - 1)
                })
            }
            // What keeps its size keeps its values, whatever the factor was; not along a cubic curve, as in
            // PyTorch.
            _ if old == new && (how.antialias || how.mode != Bicubic) => return None,
            _ if how.antialias => self.filtered::<T>(how),
            Linear | Bilinear | Trilinear => {
                let scale = self.scale::<T>(how.align_corners);
                Taps::new(old, new, |i, weights| {
                    let at = source(scale, i, how.align_corners).max(T::ZERO);
                    let (low, t) = split(at, old);
                    within(low, &[T::ONE - t, t], old, weights)
                })
            }
            Bicubic => {
                let scale = self.scale::<T>(how.align_corners);
                Taps::new(old, new, |i, weights| {
                    let at = source(scale, i, how.align_corners);
                    let (low, t) = split(at, old);
                    let (one, two) = (T::ONE, T::from_f64(2.0));
                    let a = T::from_f64(-0.75);
                    let own = [t + one, t, one - t, two - t].map(|x| cubic(x, a));
                    within(low - 1, &own, old, weights)
                })
            }
            InterpolateMode::Area | InterpolateMode::Lanczos => {
                unreachable!("an adaptive pooling, and a mode with antialias only")
            }
        };
        Some(taps)
    }

    /// The distance in the input of neighbours in the output.
    fn scale<T: Float>(self, align_corners: bool) -> T {
        let count = T::from_usize;
        match (align_corners, self.factor) {
            (true, _) if self.new == 1 => T::ZERO,
            (true, _) => count(self.old - 1) / count(self.new - 1),
            (false, Some(factor)) if factor > 0.0 => T::from_f64(1.0 / factor),
            (false, _) => count(self.old) / count(self.new),
        }
    }

    /// Where the nearest element is, as PyTorch's kernels round it.
    fn nearest<T: Float>(self, how: How) -> impl Fn(usize) -> f64 {
        let (old, new) = (self.old, self.new);
        let exact = how.mode == InterpolateMode::NearestExact;
        let single = f64::from(self.scale::<f32>(false));
        let scale = self.scale::<T>(false);
        let single_of = |at: f64| f64::from(at as f32).floor();
        move |i| match (how.small_image, exact) {
            (true, false) if new == old => i as f64,
            (true, false) if old.checked_mul(2) == Some(new) => (i / 2) as f64,
            (true, false) => single_of(single * i as f64),
            (true, true) => single_of(single * (i as f64 + 0.5)),
            (false, false) => single_of((scale * T::from_usize(i)).to_f64()),
            (false, true) => single_of(source(scale, i, false).max(T::ZERO).to_f64() + 0.5),
        }
    }

    /// The filters that PyTorch has from PIL: as wide as what they shrink.
    fn filtered<T: Float>(self, how: How) -> Taps<T> {
        let (old, new) = (self.old, self.new);
        let (filter, half): (fn(T) -> T, f64) = match how.mode {
            InterpolateMode::Bicubic => (|x| cubic(x, T::from_f64(-0.5)), 2.0),
            InterpolateMode::Lanczos => (lanczos, 3.0),
            _ => (|x| (T::ONE - x.abs()).max(T::ZERO), 1.0),
        };
        let scale = self.scale::<T>(how.align_corners);
        let wide = scale.max(T::ONE);
        let support = T::from_f64(half) * wide;
        // Also where corners are aligned, as PyTorch has it.
        let middle = T::from_f64(0.5);
        Taps::new(old, new, |i, weights| {
            let center = scale * (T::from_usize(i) + middle);
            let bound = |at: T| at.to_f64().max(0.0).min(old as f64) as usize;
            let first = bound(center - support + middle);
            let end = bound(center + support + middle).max(first);
            let mut total = T::ZERO;
            for j in first..end {
                let away = T::from_usize(j) - center + middle;
                let weight = filter(away / wide);
                total += weight;
                weights.push(weight);
            }
            if total != T::ZERO {
                weights
                    .iter_mut()
                    .rev()
                    .take(end - first)
                    .for_each(|w| *w = *w / total);
            }
            first
        })
    }
}

/// Where element `i` of the output lies in the input. The product is not rounded before the
/// subtraction: PyTorch's is contracted.
fn source<T: Float>(scale: T, i: usize, align_corners: bool) -> T {
    match align_corners {
        true => scale * T::from_usize(i),
        false => T::from_f64(scale.to_f64() * (i as f64 + 0.5) - 0.5),
    }
}

/// The element at or before a position, and how far after it the position is.
fn split<T: Float>(at: T, size: usize) -> (i64, T) {
    let low = (at.floor().to_f64() as i64).min(size as i64 - 1);
    let t = at - T::from_f64(low as f64);
    (low, t.max(T::ZERO).min(T::ONE))
}

/// What a cubic convolution gives to an element `x` away.
fn cubic<T: Float>(x: T, a: T) -> T {
    let (x, c) = (x.abs(), T::from_f64);
    if x <= T::ONE {
        ((a + c(2.0)) * x - (a + c(3.0))) * x * x + T::ONE
    } else if x < c(2.0) {
        ((a * x - c(5.0) * a) * x + c(8.0) * a) * x - c(4.0) * a
    } else {
        T::ZERO
    }
}

/// A windowed sinc.
fn lanczos<T: Float>(x: T) -> T {
    let sinc = |x: f64| match x * std::f64::consts::PI {
        0.0 => 1.0,
        x => x.sin() / x,
    };
    let x = x.to_f64();
    match x.abs() < 3.0 {
        true => T::from_f64(sinc(x) * sinc(x / 3.0)),
        false => T::ZERO,
    }
}

/// Adds the weights of neighbours from `first` on, where those beyond the axis go to its outermost
/// elements; the first neighbour that is left.
fn within<T: Float>(first: i64, own: &[T], size: usize, weights: &mut Vec<T>) -> usize {
    let place = |k: usize| (first + k as i64).clamp(0, size as i64 - 1);
    for (k, w) in own.iter().enumerate() {
        match weights.last_mut() {
            Some(last) if k > 0 && place(k) == place(k - 1) => *last += *w,
            _ => weights.push(*w),
        }
    }
    place(0) as usize
}

/// The resizing of the last one, two or three dimensions, or its gradient.
#[derive(Clone, Debug)]
pub struct Interpolate {
    /// Names of the operation, of its gradient, and of PyTorch's backward step.
    pub(super) names: [&'static str; 3],
    pub(super) axes: Vec<Axis>,
    pub(super) how: How,
    /// Whether it is the gradient.
    pub(super) grad: bool,
}

impl Operation for Interpolate {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        self.names[usize::from(self.grad)]
    }
    fn grad_name(&self) -> &'static str {
        self.names[2]
    }
    fn attributes(&self) -> Attributes {
        let size: Vec<usize> = self.axes.iter().map(|axis| axis.new).collect();
        let mut all = vec![
            ("output_size", size[..].into()),
            ("align_corners", self.how.align_corners.into()),
        ];
        let names = &["scales_d", "scales_h", "scales_w"][3 - self.axes.len()..];
        let scales = self.axes.iter().zip(names);
        all.extend(scales.filter_map(|(axis, name)| Some((*name, axis.factor?.into()))));
        all
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        dispatch_float!(Operation::name(self), x.dtype(), T => self.run::<T>(x))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::ONCE
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let back = Interpolate {
            grad: !self.grad,
            ..self.clone()
        };
        Ok([Some(apply(back, grad)?)])
    }
}

impl Interpolate {
    fn run<T: Float + Element>(&self, x: &Tensor) -> Result<Tensor> {
        let lead = x.rank() - self.axes.len();
        let planes: usize = x.shape()[..lead].iter().product();
        let sizes = self.axes.iter().map(|axis| match self.grad {
            false => [axis.old, axis.new],
            true => [axis.new, axis.old],
        });
        let sizes: Vec<[usize; 2]> = sizes.collect();
        let mut shape = x.shape()[..lead].to_vec();
        shape.extend(sizes.iter().map(|[_, after]| after));
        if checked_numel(&shape)? == 0 {
            // No table is made of sizes that no memory holds.
            return filled::<T>(&shape, |_| ());
        }
        let tables = self.axes.iter().map(|axis| {
            let taps = axis.taps::<T>(self.how)?;
            Some(if self.grad { taps.transposed() } else { taps })
        });
        let tables: Vec<Option<Taps<T>>> = tables.collect();
        let along = |d: usize| match &tables[d] {
            Some(taps) => Resampling::Taps(taps),
            None => Resampling::Keep(sizes[d][0]),
        };
        let x = x.as_slice::<T>()?;
        filled(&shape, |out| match sizes[..] {
            [_] => resample(1, x, Resampling::Keep(planes), along(0), out),
            [_, _] => resample(planes, x, along(0), along(1), out),
            [depth, height, width] => {
                let before = height[0] * width[0];
                let after = height[1] * width[1];
                // The order in which less lies between.
                if depth[1] * before < depth[0] * after {
                    let mut between = Buffer::new(planes * depth[1] * before);
                    resample(planes, x, along(0), Resampling::Keep(before), &mut between);
                    resample(planes * depth[1], &between, along(1), along(2), out);
                } else {
                    let mut between = Buffer::new(planes * depth[0] * after);
                    resample(planes * depth[0], x, along(1), along(2), &mut between);
                    resample(planes, &between, along(0), Resampling::Keep(after), out);
                }
            }
            _ => unreachable!("one, two or three axes"),
        })
    }
}
