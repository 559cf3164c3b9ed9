//! Maximum pooling of windows at random distances, over two or three dimensions.

use std::sync::Arc;

use pleach_core::autograd::{Attributes, GradOf, GradsOf, Operation, Own, Rules, Saved, apply};
use pleach_core::print::{PythonRepr, python_tuple};
use pleach_core::{DType, Element, Error, ErrorKind, Result, Tensor, check_room};
use pleach_kernels::{PlacedPoolShape, max_pool_backward, placed_max_pool};

use super::sliding::{planes, with_plane};
use super::{Size, filled, two, widened};
use crate::setters::setters;

/// A fraction along each of `D` dimensions: one number for all, or one each.
///
/// ```
/// use pleach::nn::functional::Ratio;
/// assert_eq!(Ratio::<2>::from(0.5).array(), [0.5, 0.5]);
/// assert_eq!(Ratio::from([0.5, 0.7]).to_string(), "(0.5, 0.7)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio<const D: usize> {
    each: [f64; D],
    single: bool,
}

impl<const D: usize> Ratio<D> {
    /// The fraction along each dimension.
    pub fn array(self) -> [f64; D] {
        self.each
    }
}

impl<const D: usize> From<f64> for Ratio<D> {
    fn from(all: f64) -> Self {
        Ratio {
            each: [all; D],
            single: true,
        }
    }
}
impl<const D: usize> From<[f64; D]> for Ratio<D> {
    fn from(each: [f64; D]) -> Self {
        Ratio {
            each,
            single: false,
        }
    }
}
impl<const D: usize> std::fmt::Display for Ratio<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&match self.single {
            true => self.each[0].python_repr(),
            false => python_tuple(&self.each),
        })
    }
}

/// What a fractional maximum pooling takes: the size of its windows, the size of the output or its
/// ratio to the input's, of which it needs one, and numbers from the default generator, or those that
/// are set.
#[derive(Debug, Clone)]
#[must_use]
pub struct FractionalMaxPoolOptions<const D: usize> {
    pub(crate) kernel_size: Size<D>,
    pub(crate) output_size: Option<Size<D>>,
    pub(crate) output_ratio: Option<Ratio<D>>,
    pub(crate) random_samples: Option<Tensor>,
}

impl<const D: usize> FractionalMaxPoolOptions<D> {
    /// Windows of this size.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        const { assert!(D == 2 || D == 3, "two or three dimensions") };
        FractionalMaxPoolOptions {
            kernel_size: kernel_size.into(),
            output_size: None,
            output_ratio: None,
            random_samples: None,
        }
    }

    fractional_max_pool_setters!(|options| options);
}

/// The setters of [`FractionalMaxPoolOptions`], and of what holds them.
macro_rules! fractional_max_pool_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// The size of the output; there is no default, but `output_ratio` may stand for it.
            output_size: impl Into<Size<D>> = Some(output_size.into());
            /// The size of the output over that of the input, rounded down; there is no default, but
            /// `output_size` may stand for it.
            output_ratio: impl Into<Ratio<D>> = Some(output_ratio.into());
            /// PyTorch's `_random_samples`: numbers from 0 to 1, `[N, C, D]`, by which the windows of each
            /// plane are placed (drawn, by default).
            random_samples: &Tensor = Some(random_samples.clone());
        }
    };
}
pub(crate) use fractional_max_pool_setters;

/// Two functions for each number of dimensions: the maxima, and with their places.
macro_rules! fractional_max_pools {
    ($($(#[$doc:meta])* $name:ident, $(#[$indices_doc:meta])* $with_indices:ident, $d:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(input: &Tensor, options: FractionalMaxPoolOptions<$d>) -> Result<Tensor> {
            Ok(fractional_max_pool(input, options, false)?.swap_remove(0))
        }

        $(#[$indices_doc])*
        pub fn $with_indices(
            input: &Tensor,
            options: FractionalMaxPoolOptions<$d>,
        ) -> Result<(Tensor, Tensor)> {
            two(fractional_max_pool(input, options, true)?)
        }
    )*};
}

fractional_max_pools! {
    /// The maximum of windows of one size at random distances, drawn for each plane so that the output has
    /// its size (B. Graham, 2014): `floor((i + u) · a) - floor(u · a)` is where window `i` begins, where
    /// `a = (size - kernel) / (out - 1)` and `u` is drawn from 0 to 1; the last one ends with the plane.
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`, result the same with the last two sizes replaced.
    ///
    /// # Errors
    /// If neither size nor ratio is given, the input has other dimensions, or the windows do not fit.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional::{self as F, FractionalMaxPoolOptions};
    /// let x = tensor![[[1., 7., 6., 2., 3.]]];
    /// let options = FractionalMaxPoolOptions::new((1, 2)).output_size((1, 3));
    /// let y = F::fractional_max_pool2d(&x, options.random_samples(&tensor![[[0.5, 0.5]]]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [7., 6., 3.]); // from 0, 2 and 3 on
    /// # Ok::<(), pleach::Error>(())
    /// ```
    fractional_max_pool2d,

    /// [`fractional_max_pool2d`], and where each maximum was: `row · W + column` in its plane, as i64.
    ///
    /// # Errors
    /// As [`fractional_max_pool2d`].
    fractional_max_pool2d_with_indices, 2;

    /// [`fractional_max_pool2d`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
    ///
    /// # Errors
    /// As [`fractional_max_pool2d`].
    fractional_max_pool3d,

    /// [`fractional_max_pool3d`], and where each maximum was: `(slice · H + row) · W + column` in its
    /// volume, as i64.
    ///
    /// # Errors
    /// As [`fractional_max_pool2d`].
    fractional_max_pool3d_with_indices, 3;
}

/// The maxima, and where they were if that is asked for.
pub(crate) fn fractional_max_pool<const D: usize>(
    input: &Tensor,
    options: FractionalMaxPoolOptions<D>,
    indices: bool,
) -> Result<Vec<Tensor>> {
    let rank = input.rank();
    let name = if D == 2 {
        "fractional_max_pool2d"
    } else {
        "fractional_max_pool3d"
    };
    if options.output_size.is_none() && options.output_ratio.is_none() {
        return Err(Error::value(format!(
            "{name} requires specifying either an output_size or an output_ratio"
        )));
    }
    if rank <= D {
        let dim = -(D as i64) - 1;
        return Err(ErrorKind::DimOutOfRange { dim, rank }.into());
    }
    let (count, plane) = planes::<D>(input);
    let output = match (options.output_size, options.output_ratio) {
        (None, Some(ratio)) => {
            let ratio = ratio.array();
            std::array::from_fn(|d| (plane[d] as f64 * ratio[d]) as usize)
        }
        (size, _) => size.unwrap_or(0.into()).array(),
    };
    let batch = if rank == D + 1 { 1 } else { input.shape()[0] };
    let channels = input.shape()[rank - D - 1];
    let samples = match options.random_samples {
        Some(samples) => samples,
        None => Tensor::rand_of([batch, channels, D], input.dtype())?,
    };
    let kernel = options.kernel_size.array();
    check::<D>(input, &samples, kernel, plane, output)?;
    let three = |sizes: [usize; D]| {
        let mut all = [1; 3];
        all[3 - D..].copy_from_slice(&sizes);
        all
    };
    let shape = PlacedPoolShape {
        planes: count,
        input: three(plane),
        output: three(output),
        kernel: three(kernel),
    };
    check_room(&with_plane::<D>(input, shape.output), input.dtype())?;
    let digits = match input.dtype() {
        DType::F64 => 53,
        DType::F32 => 24,
        DType::F16 => 11,
        DType::BF16 => 8,
        dtype => return Err(ErrorKind::NotImplementedFor { op: name, dtype }.into()),
    };
    let samples = samples.detach().double()?.contiguous()?;
    let samples = samples.as_slice::<f64>()?.chunks_exact(D).take(count);
    let starts = samples.flat_map(|own| starts::<D>(own, digits, &shape));
    let starts = starts.collect::<Vec<_>>().into();
    apply(
        FractionalMaxPool::<D> {
            shape,
            starts,
            indices,
        },
        input,
    )
}

/// PyTorch's checks.
fn check<const D: usize>(
    input: &Tensor,
    samples: &Tensor,
    kernel: [usize; D],
    plane: [usize; D],
    output: [usize; D],
) -> Result<()> {
    let (rank, sizes) = (input.rank(), input.shape());
    let name = if D == 2 {
        "fractional_max_pool2d()"
    } else {
        "fractional_max_pool3d_out()"
    };
    if kernel.contains(&0) {
        let each: Vec<String> = kernel.iter().map(usize::to_string).collect();
        return Err(Error::value(format!(
            "{name}: kernel size should be greater than zero, but got {}",
            each.join("x")
        )));
    }
    ensure!(
        rank == D + 1 || rank == D + 2,
        "{name}: Expected {}D or {}D tensor, but got: {sizes:?}",
        D + 1,
        D + 2
    );
    for dim in usize::from(rank == D + 2)..rank {
        ensure!(
            sizes[dim] != 0,
            "{name}: Expected input to have non-zero size for non-batch dimensions, but got{sizes:?} with dimension {dim} being empty."
        );
    }
    let names = &["time", "height", "width"][3 - D..];
    for d in 0..D {
        // PyTorch leaves room for one more in volumes.
        let room = if D == 3 { 0 } else { 1 };
        ensure!(
            output[d].saturating_add(kernel[d]) <= plane[d] + room,
            "{name}: pool {} {} too large relative to input {0} {}",
            names[d],
            kernel[d],
            plane[d]
        );
    }
    if samples.dtype() != input.dtype() {
        return Err(Error::dtype(
            "Expect _random_samples to have the same dtype as input",
        ));
    }
    ensure!(
        samples.rank() == 3,
        "Expect _random_samples to have 3 dimensions, got {}",
        samples.rank()
    );
    let batch = if rank == D + 2 { sizes[0] } else { 1 };
    ensure!(
        samples.shape()[0] >= batch,
        "Expect _random_samples.size(0) no less then input batch size."
    );
    ensure!(
        samples.shape()[1] == sizes[rank - D - 1],
        "Expect _random_samples.size(1) equals to input channel size."
    );
    ensure!(
        samples.shape()[2] == D,
        "Expect _random_samples.size(2) equals to {D}; got {}.",
        samples.shape()[2]
    );
    Ok(())
}

/// A number with so many binary digits, half to even.
fn rounded(v: f64, digits: u32) -> f64 {
    let rest = 53 - digits;
    let (bits, last) = (v.to_bits(), 1u64 << rest);
    let half = (last >> 1).saturating_sub(u64::from(bits & last == 0));
    f64::from_bits(bits.wrapping_add(half) & !(last - 1))
}

/// Where the windows of a plane begin along depth, height and width, in numbers of so many binary digits:
/// those of its dtype.
fn starts<const D: usize>(samples: &[f64], digits: u32, shape: &PlacedPoolShape) -> Vec<usize> {
    let rounded = |v: f64| rounded(v, digits);
    let mut all = Vec::with_capacity(shape.output.iter().sum());
    for d in 0..3 {
        // Only without windows is there less room than none.
        let room = shape.input[d].saturating_sub(shape.kernel[d]);
        let count = shape.output[d];
        // An image's numbers are for width and height, a volume's for depth, height and width.
        let sample = match (D, d) {
            (2, 0) => 0.0,
            (2, _) => samples[2 - d],
            _ => samples[d],
        };
        if count > 1 {
            let number = |n: usize| rounded(n as f64);
            let step = rounded(number(room) / number(count - 1));
            let place = |at: f64| rounded(at * step) as usize;
            let first = place(sample);
            let before = (0..count - 1).map(|i| place(rounded(number(i) + sample)));
            // Samples that are not from 0 to 1 place no window outside.
            all.extend(before.map(|at| at.saturating_sub(first).min(room)));
        }
        if count > 0 {
            all.push(room);
        }
    }
    all
}

/// The maximum of each window, and where it was if that is asked for.
#[derive(Clone, Debug)]
pub struct FractionalMaxPool<const D: usize> {
    shape: PlacedPoolShape,
    /// Where the windows of each plane begin.
    starts: Arc<[usize]>,
    /// Whether the places of the maxima are an output too.
    indices: bool,
}

impl<const D: usize> Operation for FractionalMaxPool<D> {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Vec<Tensor>;
    const RULES: Rules = Rules::WIDENED;

    fn name(&self) -> &'static str {
        if D == 2 {
            "fractional_max_pool2d"
        } else {
            "fractional_max_pool3d"
        }
    }
    fn grad_name(&self) -> &'static str {
        match D {
            2 => "FractionalMaxPool2DBackward0",
            _ => "FractionalMaxPool3DBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        vec![
            ("kernel_size", self.shape.kernel[3 - D..].into()),
            ("output_size", self.shape.output[3 - D..].into()),
        ]
    }
    fn forward(&self, x: &Tensor, own: &mut Own) -> Result<Vec<Tensor>> {
        let sizes = with_plane::<D>(x, self.shape.output);
        let (out, places) = dispatch_float!(Operation::name(self), x.dtype(), T => {
            let x = x.as_slice::<T>()?;
            let places = filled(&sizes, |to| placed_max_pool(&self.shape, x, &self.starts, to))?;
            (self.values::<T>(x, places.as_slice()?, &sizes)?, places)
        });
        let mut outputs = vec![out];
        if self.indices {
            outputs.push(places.clone());
        }
        own.keep(places);
        Ok(outputs)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let grad = &widened(grads[0].as_ref().expect("the only one"))?;
        let (sizes, places) = (saved.shape(0), saved.own(0)?);
        if saved.recording() {
            let first = -(D as i64);
            let zeros = Tensor::try_zeros_of(sizes, grad.dtype())?.flatten(first, -1)?;
            let (places, grad) = (places.flatten(first, -1)?, grad.flatten(first, -1)?);
            return Ok([Some(zeros.scatter_add(-1, &places, &grad)?.reshape(sizes)?)]);
        }
        let (grad, planes) = (grad.contiguous()?, self.shape.planes);
        dispatch_float!(Operation::name(self), grad.dtype(), T => {
            let (grad, places) = (grad.as_slice::<T>()?, places.as_slice()?);
            Ok([Some(filled(sizes, |dx| max_pool_backward(planes, grad, places, dx))?)])
        })
    }
}

impl<const D: usize> FractionalMaxPool<D> {
    fn values<T: Element>(&self, x: &[T], places: &[i64], sizes: &[usize]) -> Result<Tensor> {
        filled(sizes, |out: &mut [T]| {
            if out.is_empty() {
                return;
            }
            let (plane, from) = (out.len() / self.shape.planes, x.len() / self.shape.planes);
            let planes = out.chunks_exact_mut(plane).zip(places.chunks_exact(plane));
            for ((out, places), x) in planes.zip(x.chunks_exact(from)) {
                for (out, place) in out.iter_mut().zip(places) {
                    *out = x[*place as usize];
                }
            }
        })
    }
}
