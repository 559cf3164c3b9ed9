//! Random fills of tensors: path and order depend on the layout, as PyTorch's do.

use half::{bf16, f16};
use pleach_kernels::Buffer;
use rand::distr::Distribution;

use super::operand::Operand;
use crate::random::{
    Generator, check_bernoulli, check_exponential, check_normal, check_uniform, random_bounds,
    warn_of_bounds,
};
use crate::{DType, Error, IntoShape, Result, Tensor};

/// A distribution of a float type to fill a tensor with.
#[derive(Clone, Copy)]
pub(crate) enum Fill {
    Uniform { from: f64, to: f64 },
    Normal { mean: f64, std: f64 },
    Exponential { lambda: f64 },
}

impl Fill {
    /// PyTorch's refusal of a dtype that is not a float type.
    fn refusal(self, dtype: DType) -> Error {
        match self {
            Fill::Uniform { .. } => Error::not_implemented("check_uniform_bounds", dtype),
            Fill::Normal { .. } => Error::not_implemented("normal_kernel_cpu", dtype),
            Fill::Exponential { .. } => Error::dtype(format!(
                "Exponential distribution is a continuous probability distribution. dtype must be \
                 a floating point but you specified {}",
                dtype.torch_name()
            )),
        }
    }
}

impl Tensor {
    /// Fills with random values from the current generator.
    pub(crate) fn fill_random(&mut self, name: &'static str, fill: Fill) -> Result<&mut Self> {
        let generator = Generator::current();
        self.overwrite(name, |t| t.draw(&generator, fill))
    }

    /// Fills with samples of a distribution of f64 numbers, in memory order, each rounded to the
    /// dtype.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn sample_from(
        &mut self,
        generator: &Generator,
        distribution: &impl Distribution<f64>,
    ) -> Result<&mut Self> {
        self.overwrite("SampleBackward", |t| {
            if !t.dtype().is_float() {
                return Err(Error::not_implemented("sample", t.dtype()));
            }
            dispatch_all!(t.dtype(), T => t.refill_in_memory_order::<T>(|out| {
                let mut samples = Buffer::try_zeroed(out.len())?;
                generator.fill_sample(&mut samples, distribution);
                for (o, s) in out.iter_mut().zip(&samples[..]) {
                    *o = <T as crate::Element>::from_f64(*s);
                }
                Ok(())
            }))
        })
    }

    /// Fills with zeros and ones: of one probability for all, or of one for each element.
    pub(crate) fn fill_bernoulli(&mut self, p: &Operand) -> Result<&mut Self> {
        let generator = Generator::current();
        self.overwrite("BernoulliBackward0", |t| {
            t.check_unshared()?;
            match p {
                Operand::Scalar(p) => t.toss(&generator, p.to_f64()),
                Operand::Tensor(p) => t.toss_each(&generator, p),
            }
        })
    }

    /// Fills with whole numbers: of the dtype's natural range, or of one that is given.
    pub(crate) fn fill_whole(&mut self, range: Option<(i64, i64)>) -> Result<&mut Self> {
        let generator = Generator::current();
        self.overwrite("RandomBackward0", |t| {
            t.check_unshared()?;
            dispatch_all!(t.dtype(), T => {
                let range = match range {
                    Some((from, to)) => Some(random_bounds::<T>(from, to).map_err(Error::value)?),
                    None => None,
                };
                t.refill_in_memory_order::<T>(|out| {
                    match range {
                        Some((from, to)) => {
                            warn_of_bounds::<T>(from, to);
                            generator.fill_random_range(out, from, to);
                        }
                        None => generator.fill_random(out),
                    }
                    Ok(())
                })
            })
        })
    }

    /// This tensor, filled.
    fn filled(mut self, fill: impl FnOnce(&mut Tensor) -> Result<&mut Tensor>) -> Result<Tensor> {
        fill(&mut self)?;
        Ok(self)
    }

    /// Refuses to fill a tensor whose elements share memory.
    fn check_unshared(&self) -> Result<()> {
        if self.layout().shares_elements() {
            return Err(Error::shape(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.",
            ));
        }
        Ok(())
    }

    fn toss(&mut self, generator: &Generator, p: f64) -> Result<()> {
        check_bernoulli(p).map_err(Error::value)?;
        dispatch_all!(self.dtype(), T => self.refill_in_memory_order::<T>(|out| {
            generator.fill_bernoulli(out, p);
            Ok(())
        }))
    }

    /// The probabilities are broadcast, and taken in the order of this tensor's memory.
    fn toss_each(&mut self, generator: &Generator, p: &Tensor) -> Result<()> {
        if !p.dtype().is_float() {
            return Err(Error::not_implemented("bernoulli_tensor_cpu_p_", p.dtype()));
        }
        let p = p.detach().broadcast_to(self.shape())?;
        let order: Vec<i64> = match self.is_contiguous() {
            true => (0..self.rank() as i64).collect(),
            false => {
                let order = self.layout().memory_order();
                order.into_iter().map(|d| d as i64).collect()
            }
        };
        let each = p.permute(order)?.try_to_vec_f64()?;
        if each.iter().any(|p| !(0.0..=1.0).contains(p)) {
            return Err(Error::value(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)",
            ));
        }
        let wide = p.dtype() == DType::F64;
        dispatch_all!(self.dtype(), T => self.refill_in_memory_order::<T>(|out| {
            generator.fill_bernoulli_each(out, &each, wide);
            Ok(())
        }))
    }

    fn draw(&mut self, generator: &Generator, fill: Fill) -> Result<()> {
        self.check_unshared()?;
        // The path of the normal fill is chosen by the layout before any un-sharing.
        let contiguous = self.is_contiguous();
        macro_rules! float_fill {
            ($t:ty) => {
                self.refill_in_memory_order::<$t>(|out| {
                    match fill {
                        Fill::Uniform { from, to } => {
                            check_uniform::<$t>(from, to).map_err(Error::value)?;
                            generator.fill_uniform(out, from, to);
                        }
                        Fill::Normal { mean, std } => {
                            check_normal(std).map_err(Error::value)?;
                            generator.fill_normal(out, mean, std, contiguous);
                        }
                        Fill::Exponential { lambda } => {
                            check_exponential(lambda).map_err(Error::value)?;
                            generator.fill_exponential(out, lambda);
                        }
                    }
                    Ok(())
                })
            };
        }
        match self.dtype() {
            DType::F32 => float_fill!(f32),
            DType::F64 => float_fill!(f64),
            DType::F16 => float_fill!(f16),
            DType::BF16 => float_fill!(bf16),
            other => Err(fill.refusal(other)),
        }
    }
}

twins! {
    /// Values uniform in `[0, 1)`, f32, from the current generator.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// manual_seed(42);
    /// assert_eq!(Tensor::rand([2]).to_vec::<f32>()?, [0.88226926, 0.91500396]); // PyTorch's
    /// # Ok::<(), pleach::Error>(())
    /// ```
    rand, try_rand (shape: impl IntoShape) => Self::rand_of(shape, DType::F32);

    /// Standard normal values, f32, from the current generator.
    randn, try_randn (shape: impl IntoShape) => Self::randn_of(shape, DType::F32);

    /// A random permutation of `0..n`, i64, from the current generator.
    randperm, try_randperm (n: usize) => {
        let mut order = Buffer::try_new(n)?;
        Generator::current().fill_permutation(&mut order);
        Ok(Tensor::from_buffer(order, [n]))
    };
}

/// # Random numbers, from the current generator
impl Tensor {
    /// Values uniform in `[0, 1)` of a float dtype.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn rand_of(shape: impl IntoShape, dtype: DType) -> Result<Tensor> {
        Tensor::try_zeros_of(shape, dtype)?.filled(|t| t.uniform_(0.0, 1.0))
    }

    /// Values uniform in `[0, 1)` of this tensor's shape, dtype and order in memory.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn rand_like(&self) -> Result<Tensor> {
        self.try_zeros_like()?.filled(|t| t.uniform_(0.0, 1.0))
    }

    /// Standard normal values of a float dtype.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn randn_of(shape: impl IntoShape, dtype: DType) -> Result<Tensor> {
        Tensor::try_zeros_of(shape, dtype)?.filled(|t| t.normal_(0.0, 1.0))
    }

    /// Standard normal values of this tensor's shape, dtype and order in memory.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn randn_like(&self) -> Result<Tensor> {
        self.try_zeros_like()?.filled(|t| t.normal_(0.0, 1.0))
    }

    /// Normal values, f32: `torch.normal(mean, std, size)`.
    ///
    /// # Errors
    /// If `std` is negative or nan.
    pub fn normal(mean: f64, std: f64, shape: impl IntoShape) -> Result<Tensor> {
        Tensor::try_zeros(shape)?.filled(|t| t.normal_(mean, std))
    }

    /// Whole numbers in `low..high`, i64.
    ///
    /// # Errors
    /// If the range is empty.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// manual_seed(42);
    /// assert_eq!(Tensor::randint(0, 10, [4])?.to_vec::<i64>()?, [2, 7, 6, 4]); // PyTorch's
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn randint(low: i64, high: i64, shape: impl IntoShape) -> Result<Tensor> {
        Self::randint_of(low, high, shape, DType::I64)
    }

    /// Whole numbers in `low..high` of a dtype.
    ///
    /// # Errors
    /// If the range is empty or the dtype cannot hold it.
    pub fn randint_of(low: i64, high: i64, shape: impl IntoShape, dtype: DType) -> Result<Tensor> {
        Tensor::try_zeros_of(shape, dtype)?.filled(|t| t.random_range_(low, high))
    }

    /// Whole numbers in `low..high` of this tensor's shape, dtype and order in memory.
    ///
    /// # Errors
    /// If the range is empty or the dtype cannot hold it.
    pub fn randint_like(&self, low: i64, high: i64) -> Result<Tensor> {
        self.try_zeros_like()?
            .filled(|t| t.random_range_(low, high))
    }

    /// Ones and zeros, where this tensor says how probable a one is: `torch.bernoulli(p)`. The
    /// result is row-major, whatever the order of `p` in memory. The gradient is 0, as in PyTorch.
    ///
    /// # Errors
    /// If the dtype is not a float type, or an element is not in `[0, 1]`.
    ///
    /// ```
    /// use pleach::{manual_seed, tensor};
    /// manual_seed(42);
    /// let p = tensor![0.0, 0.9, 0.9, 1.0];
    /// assert_eq!(p.bernoulli()?.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0]); // PyTorch's
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn bernoulli(&self) -> Result<Tensor> {
        let zeros = Tensor::try_zeros_of(self.shape(), self.dtype())?;
        let drawn = zeros.filled(|t| t.bernoulli_(self.detach()))?;
        self.overwritten(&drawn, "BernoulliBackward0")
    }
}
