//! Random fills of tensors: path and order depend on the layout, as PyTorch's do.

use half::{bf16, f16};
use rand::distr::Distribution;

use crate::random::{Generator, check_bernoulli, check_normal, check_uniform};
use crate::{DType, Error, Result, Tensor};

/// A distribution to fill a tensor with.
#[derive(Clone, Copy)]
pub(crate) enum Fill {
    Uniform { from: f64, to: f64 },
    Normal { mean: f64, std: f64 },
    Bernoulli { p: f64 },
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
                let mut samples = vec![0.0; out.len()];
                generator.fill_sample(&mut samples, distribution);
                for (o, s) in out.iter_mut().zip(samples) {
                    *o = <T as crate::Element>::from_f64(s);
                }
                Ok(())
            }))
        })
    }

    fn draw(&mut self, generator: &Generator, fill: Fill) -> Result<()> {
        let dtype = self.dtype();
        if self
            .shape()
            .iter()
            .zip(self.strides())
            .any(|(&size, &stride)| size > 1 && stride == 0)
        {
            return Err(Error::shape(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.",
            ));
        }
        if let Fill::Bernoulli { p } = fill {
            check_bernoulli(p).map_err(Error::value)?;
            return dispatch_all!(dtype, T => self.refill_in_memory_order::<T>(|out| {
                generator.fill_bernoulli(out, p);
                Ok(())
            }));
        }
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
                        Fill::Bernoulli { .. } => unreachable!("handled above"),
                    }
                    Ok(())
                })
            };
        }
        match dtype {
            DType::F32 => float_fill!(f32),
            DType::F64 => float_fill!(f64),
            DType::F16 => float_fill!(f16),
            DType::BF16 => float_fill!(bf16),
            other => Err(Error::not_implemented(
                match fill {
                    Fill::Normal { .. } => "normal_kernel_cpu",
                    _ => "check_uniform_bounds",
                },
                other,
            )),
        }
    }
}
