//! Draws from the distributions that a tensor's rows give.

use pleach_kernels::{Buffer, Float};

use crate::memory::vec_for;
use crate::random::Generator;
use crate::{DType, Element, Error, Result, Tensor};

/// Of more, PyTorch's float positions would not be exact.
const MOST_CATEGORIES: usize = 1 << 24;

impl Tensor {
    /// Positions drawn from the weights of a 1-d tensor, or of each row of a 2-d one, each as often
    /// as its weight says; the weights need not add up to 1. From the current generator, i64, of
    /// shape `[num_samples]` or `[rows, num_samples]`.
    ///
    /// Without replacement no position comes twice in a row; of positions without weight, which are
    /// drawn when there are no others left, the first comes first (PyTorch says nothing of theirs).
    ///
    /// # Errors
    /// If this is no 1-d or 2-d tensor of a float dtype, a weight is negative, infinite or nan, or
    /// those of a row are all zero; if nothing is to be drawn, or more than there is without
    /// replacement, or there are more than 2^24 weights in a row.
    ///
    /// ```
    /// use pleach::{manual_seed, tensor};
    /// manual_seed(42);
    /// let weights = tensor![0.0, 10.0, 3.0, 1.0];
    /// assert_eq!(weights.multinomial(5, true)?.to_vec::<i64>()?, [1, 1, 1, 1, 1]); // PyTorch's
    /// assert_eq!(weights.multinomial(3, false)?.to_vec::<i64>()?, [3, 1, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn multinomial(&self, num_samples: usize, replacement: bool) -> Result<Tensor> {
        let (&[n] | &[_, n]) = self.shape() else {
            return Err(Error::shape("prob_dist must be 1 or 2 dim"));
        };
        if !self.dtype().is_float() {
            return Err(Error::dtype(format!(
                "multinomial only supports floating-point dtypes for input, got: {}",
                self.dtype().torch_name()
            )));
        }
        if num_samples == 0 {
            return Err(Error::value("cannot sample n_sample <= 0 samples"));
        }
        if !replacement && num_samples > n {
            return Err(Error::value(
                "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
            ));
        }
        if n > MOST_CATEGORIES {
            return Err(Error::value("number of categories cannot exceed 2^24"));
        }
        if let [0, _] = self.shape() {
            return Tensor::try_zeros_of([0, num_samples], DType::I64);
        }
        if n == 0 {
            return Err(no_weight());
        }
        let weights = self.detach();
        // Of one sample nothing is replaced.
        match replacement && num_samples > 1 {
            true => weights.drawn_again(n, num_samples),
            false => weights.drawn_once(num_samples),
        }
    }

    /// Each position drawn from all.
    fn drawn_again(&self, n: usize, num_samples: usize) -> Result<Tensor> {
        let shape = [&self.shape()[..self.rank() - 1], &[num_samples]].concat();
        let mut out = Buffer::<i64>::try_new(crate::extent::checked_numel(&shape)?)?;
        let weights = self.to_dtype(self.dtype().comparable())?.contiguous()?;
        let generator = Generator::current();
        dispatch_float!("multinomial", weights.dtype(), T => {
            let mut cumulative = vec_for::<T>(n)?;
            let rows = weights.as_slice::<T>()?.chunks_exact(n);
            for (row, out) in rows.zip(out.chunks_exact_mut(num_samples)) {
                sum_up(row, &mut cumulative)?;
                for out in out {
                    let mut at = [0f64];
                    generator.fill_uniform(&mut at, 0.0, 1.0);
                    let below = |c: &T| Float::to_f64(*c) < at[0];
                    *out = cumulative.partition_point(below) as i64;
                }
            }
        });
        Ok(Tensor::from_buffer(out, shape))
    }

    /// The positions whose weights are largest, each divided by an exponential value.
    fn drawn_once(&self, num_samples: usize) -> Result<Tensor> {
        let valid = self.ge(0.0)?.logical_and(&self.lt(f64::INFINITY)?)?;
        if valid.all()?.item()? == 0.0 {
            return Err(Error::value(
                "probability tensor contains either `inf`, `nan` or element < 0",
            ));
        }
        if self.gt(0.0)?.any_dim(-1, false)?.all()?.item()? == 0.0 {
            return Err(no_weight());
        }
        let mut q = self.try_zeros_like()?;
        q.exponential_(1.0)?;
        let quotients = self.div(&q)?.to_dtype(self.dtype().comparable())?;
        match num_samples {
            1 => quotients.argmax_dim(-1, true),
            _ => Ok(quotients.topk(num_samples, -1, true)?.1),
        }
    }
}

/// The sums of the weights up to each, divided by that of all.
fn sum_up<T: Element + Float>(weights: &[T], cumulative: &mut Vec<T>) -> Result<()> {
    cumulative.clear();
    let mut sum = T::ZERO;
    for &weight in weights {
        let entry = |what: &str| {
            Error::value(format!(
                "invalid multinomial distribution (encountering probability entry {what})"
            ))
        };
        match Float::to_f64(weight) {
            w if w < 0.0 || w.is_nan() => return Err(entry("< 0")),
            w if w.is_infinite() => return Err(entry("= infinity or NaN")),
            _ => {}
        }
        sum += weight;
        cumulative.push(sum);
    }
    if sum == T::ZERO {
        return Err(no_weight());
    }
    cumulative.iter_mut().for_each(|c| *c = *c / sum);
    if let Some(last) = cumulative.last_mut() {
        *last = T::ONE;
    }
    Ok(())
}

fn no_weight() -> Error {
    Error::value("invalid multinomial distribution (sum of probabilities <= 0)")
}
