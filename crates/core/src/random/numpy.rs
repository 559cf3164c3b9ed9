//! NumPy's legacy random stream: `np.random.seed`, `np.random.uniform`, `np.random.normal`.
//!
//! The source of the formulas is NumPy's `RandomState`; its stream is frozen by NumPy's own
//! compatibility policy.

use pleach_kernels::random::mt19937::Mt19937;

use crate::error::done;
use crate::memory::buffer_for;
use crate::{IntoShape, Tensor};

/// `np.random.RandomState(seed)`, number for number.
///
/// Values are f64, as NumPy's. [`Tensor::array`] or [`Tensor::to_array`] give them as `ndarray`
/// arrays.
///
/// ```
/// use pleach::numpy::RandomState;
/// let mut random = RandomState::new(42);
/// assert_eq!(random.uniform(0.0, 1.0, [2]).to_vec::<f64>()?, [0.3745401188473625, 0.9507143064099162]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub struct RandomState {
    engine: Mt19937,
    /// The second value of the last pair of normal values.
    cached: Option<f64>,
}

impl RandomState {
    /// The stream of a seed.
    pub fn new(seed: u32) -> Self {
        RandomState {
            engine: Mt19937::new(seed),
            cached: None,
        }
    }

    /// Starts the stream of a seed: `np.random.seed(seed)`.
    pub fn seed(&mut self, seed: u32) {
        *self = Self::new(seed);
    }

    /// A number in `[0, 1)` with 53 random bits, from two words.
    fn double(&mut self) -> f64 {
        let high = (self.engine.word() >> 5) as f64;
        let low = (self.engine.word() >> 6) as f64;
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// A standard normal value, by the polar method: pairs are made, the second of each is
    /// returned first.
    fn gauss(&mut self) -> f64 {
        if let Some(z) = self.cached.take() {
            return z;
        }
        loop {
            let x1 = 2.0 * self.double() - 1.0;
            let x2 = 2.0 * self.double() - 1.0;
            let r2 = x1 * x1 + x2 * x2;
            if r2 < 1.0 && r2 != 0.0 {
                let f = (-2.0 * r2.ln() / r2).sqrt();
                self.cached = Some(f * x1);
                return f * x2;
            }
        }
    }

    /// f64 values uniform in `[low, high)`: `np.random.uniform(low, high, size)`.
    ///
    /// # Panics
    /// If the memory cannot be had; [`fill_uniform`](Self::fill_uniform) takes memory that is there.
    #[track_caller]
    pub fn uniform(&mut self, low: f64, high: f64, shape: impl IntoShape) -> Tensor {
        let shape = shape.into_shape();
        let mut values = done(buffer_for::<f64>(&shape));
        self.fill_uniform(&mut values[..], low, high);
        Tensor::from_buffer(values, shape)
    }

    /// f64 normal values: `np.random.normal(mean, std, size)`.
    ///
    /// # Panics
    /// If the memory cannot be had; [`fill_normal`](Self::fill_normal) takes memory that is there.
    #[track_caller]
    pub fn normal(&mut self, mean: f64, std: f64, shape: impl IntoShape) -> Tensor {
        let shape = shape.into_shape();
        let mut values = done(buffer_for::<f64>(&shape));
        self.fill_normal(&mut values[..], mean, std);
        Tensor::from_buffer(values, shape)
    }

    /// Fills an `ndarray` array (in its logical order, whatever its layout), a slice or a vector
    /// as [`uniform`](Self::uniform) does.
    ///
    /// ```
    /// use pleach::numpy::RandomState;
    /// let mut array = ndarray::Array2::zeros((1, 2));
    /// RandomState::new(42).fill_uniform(&mut array, 0.0, 1.0);
    /// assert_eq!(array, ndarray::array![[0.3745401188473625, 0.9507143064099162]]);
    /// ```
    pub fn fill_uniform<'a>(
        &mut self,
        out: impl IntoIterator<Item = &'a mut f64>,
        low: f64,
        high: f64,
    ) {
        for value in out {
            *value = low + (high - low) * self.double();
        }
    }

    /// Fills an `ndarray` array (in its logical order, whatever its layout), a slice or a vector
    /// as [`normal`](Self::normal) does.
    pub fn fill_normal<'a>(
        &mut self,
        out: impl IntoIterator<Item = &'a mut f64>,
        mean: f64,
        std: f64,
    ) {
        for value in out {
            *value = mean + std * self.gauss();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_starts_over_and_forgets_the_cached_value() {
        let mut random = RandomState::new(3);
        let first = random.normal(0.0, 1.0, [3]).to_vec::<f64>().unwrap();
        random.seed(3);
        let again = random.normal(0.0, 1.0, [3]).to_vec::<f64>().unwrap();
        assert_eq!(first, again);
    }

    #[test]
    fn arrays_are_filled_in_logical_order() {
        let expected = RandomState::new(5).normal(1.0, 2.0, [2, 3]);
        let mut turned = ndarray::Array2::<f64>::zeros((3, 2));
        RandomState::new(5).fill_normal(turned.view_mut().reversed_axes(), 1.0, 2.0);
        let logical: Vec<f64> = turned.t().iter().copied().collect();
        assert_eq!(logical, expected.to_vec::<f64>().unwrap());
    }

    #[test]
    fn pairs_of_normal_values_are_split_between_calls() {
        let mut whole = RandomState::new(7);
        let mut parts = RandomState::new(7);
        let mut joined = parts.normal(1.0, 2.0, [1]).to_vec::<f64>().unwrap();
        joined.extend(parts.normal(1.0, 2.0, [3]).to_vec::<f64>().unwrap());
        assert_eq!(whole.normal(1.0, 2.0, [4]).to_vec::<f64>().unwrap(), joined);
    }
}
