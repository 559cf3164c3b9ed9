//! The draws of a [`Generator`]: each fills a slice in order under one lock.

use pleach_kernels::random::mt19937::Mt19937;
use pleach_kernels::random::{bernoulli, normal, uniform};
use rand::distr::Distribution;

use super::float::RandomFloat;
use super::generator::Generator;
use super::state::State;
use crate::error::done;
use crate::memory::vec_for;
use crate::{DType, Element};

/// From this range on, an integer takes two words.
const WIDE_RANGE: u64 = 1 << 28;

/// From this length on, PyTorch makes permutations in another way.
const LONG_PERMUTATION: usize = u32::MAX as usize / 20;

/// Fills take the elements in *memory order*, which is PyTorch's for tensors of any strides: a
/// transposed or channels-last tensor has its values drawn as they lie in memory.
///
/// Arguments are not checked: `check_uniform` and its like hold PyTorch's checks, which an
/// operation on tensors makes before it draws. An empty slice draws nothing.
impl Generator {
    /// Values uniform in `[from, to)`; the bounds are rounded to the element type first.
    ///
    /// ```
    /// use pleach::Generator;
    ///
    /// let mut values = [0.0f64];
    /// Generator::seeded(42).fill_uniform(&mut values, 0.0, 1.0);
    /// assert_eq!(values, [0.05815448596142969]); // torch.rand(1, dtype=torch.float64)
    /// ```
    pub fn fill_uniform<T: RandomFloat>(&self, out: &mut [T], from: f64, to: f64) {
        T::uniform(&mut self.lock().engine, out, from, to);
    }

    /// Normal values. `contiguous` says whether the tensor that they belong to is row-major
    /// without gaps: with 16 elements or more, such a tensor gets other numbers than the rest.
    ///
    /// ```
    /// use pleach::Generator;
    ///
    /// let mut values = [0.0f32; 2];
    /// Generator::seeded(42).fill_normal(&mut values, 0.0, 1.0, true);
    /// assert_eq!(values, [0.33669037, 0.1288094]); // torch.randn(2)
    /// ```
    pub fn fill_normal<T: RandomFloat>(
        &self,
        out: &mut [T],
        mean: f64,
        std: f64,
        contiguous: bool,
    ) {
        let state = &mut *self.lock();
        if contiguous && out.len() >= normal::BLOCK {
            T::normal_blocks(&mut state.engine, out, mean, std);
        } else {
            let State {
                engine,
                cached_normal,
                ..
            } = state;
            normal::fill_serial(engine, cached_normal, out, mean, std, T::round);
        }
    }

    /// Ones with probability `p`, zeros otherwise, in any element type.
    ///
    /// ```
    /// use pleach::Generator;
    ///
    /// let mut coins = [false; 4];
    /// Generator::seeded(42).fill_bernoulli(&mut coins, 0.1);
    /// assert_eq!(coins, [true, true, false, true]);
    /// ```
    pub fn fill_bernoulli<T: Element>(&self, out: &mut [T], p: f64) {
        let engine = &mut self.lock().engine;
        let mut coins = [false; 1024];
        for out in out.chunks_mut(coins.len()) {
            let coins = &mut coins[..out.len()];
            bernoulli::fill(engine, coins, p);
            for (out, coin) in out.iter_mut().zip(coins) {
                *out = T::from_i64((*coin).into());
            }
        }
    }

    /// A one for each element with its own probability, otherwise zero. `wide` says that the
    /// probabilities are of type f64, for which PyTorch draws f64 uniforms; for the smaller types
    /// it draws f32 ones.
    ///
    /// # Panics
    /// If there are not as many probabilities as elements.
    pub fn fill_bernoulli_each<T: Element>(&self, out: &mut [T], p: &[f64], wide: bool) {
        assert_eq!(out.len(), p.len(), "one probability an element");
        let engine = &mut self.lock().engine;
        for (out, &p) in out.iter_mut().zip(p) {
            let u = match wide {
                true => uniform::sample_f64(engine),
                false => uniform::sample_f32(engine).into(),
            };
            *out = T::from_i64((u < p).into());
        }
    }

    /// Exponential values with rate `lambda`.
    pub fn fill_exponential<T: RandomFloat>(&self, out: &mut [T], lambda: f64) {
        let engine = &mut self.lock().engine;
        for out in out {
            *out = T::round((-1.0 / lambda) * (-uniform::sample_f64(engine)).ln_1p());
        }
    }

    /// Whole numbers of the element type's natural range, as PyTorch's `random_()`: from 0 to the
    /// largest integer, or for floats to the largest up to which all integers are exact.
    pub fn fill_random<T: Element>(&self, out: &mut [T]) {
        let (count, wide) = match T::DTYPE {
            DType::Bool => (2, false),
            DType::U8 => (1 << 8, false),
            DType::I8 => (1 << 7, false),
            DType::I16 => (1 << 15, false),
            DType::I32 => (1 << 31, false),
            DType::I64 => (1 << 63, true),
            DType::BF16 => ((1 << 8) + 1, false),
            DType::F16 => ((1 << 11) + 1, false),
            DType::F32 => ((1 << 24) + 1, false),
            DType::F64 => ((1 << 53) + 1, true),
        };
        fill_below(&mut self.lock().engine, out, 0, count, wide);
    }

    /// Whole numbers in `from..to`, as PyTorch's `randint` and `random_(from, to)`.
    ///
    /// ```
    /// use pleach::Generator;
    ///
    /// let mut values = [0i64; 4];
    /// Generator::seeded(42).fill_random_range(&mut values, 0, 10);
    /// assert_eq!(values, [2, 7, 6, 4]); // torch.randint(0, 10, (4,))
    /// ```
    ///
    /// # Panics
    /// If `from >= to`.
    pub fn fill_random_range<T: Element>(&self, out: &mut [T], from: i64, to: i64) {
        assert!(from < to, "an empty range: {from}..{to}");
        let count = to.wrapping_sub(from) as u64;
        let wide = count >= WIDE_RANGE;
        fill_below(&mut self.lock().engine, out, from, count, wide);
    }

    /// 64 random bits each, as PyTorch's `random_(-2**63, None)`.
    pub fn fill_random_bits(&self, out: &mut [i64]) {
        let engine = &mut self.lock().engine;
        out.fill_with(|| engine.word64() as i64);
    }

    /// Values of any distribution of the `rand` family, all drawn under one lock: the distribution
    /// must not itself use this generator by another handle.
    ///
    /// ```
    /// use pleach::Generator;
    ///
    /// let mut values = [0.0f64; 1000];
    /// let gamma = rand_distr::Gamma::new(3.0, 2.0)?; // of mean 6
    /// Generator::seeded(42).fill_sample(&mut values, &gamma);
    /// let mean = values.iter().sum::<f64>() / 1000.0;
    /// assert!((5.5..6.5).contains(&mean));
    /// # Ok::<(), rand_distr::GammaError>(())
    /// ```
    pub fn fill_sample<T>(&self, out: &mut [T], distribution: &impl Distribution<T>) {
        let state = &mut *self.lock();
        out.fill_with(|| distribution.sample(state));
    }

    /// A random permutation of `0..n`.
    ///
    /// ```
    /// use pleach::Generator;
    ///
    /// assert_eq!(Generator::seeded(42).randperm(10), [2, 6, 1, 8, 4, 5, 0, 9, 3, 7]);
    /// ```
    ///
    /// # Panics
    /// If memory for `n` numbers cannot be had; [`Generator::fill_permutation`] takes memory that
    /// is there.
    #[track_caller]
    pub fn randperm(&self, n: usize) -> Vec<i64> {
        let mut order = done(vec_for(n));
        order.resize(n, 0);
        self.fill_permutation(&mut order);
        order
    }

    /// A random permutation of the numbers from 0 on, as many as there is room for.
    pub fn fill_permutation(&self, out: &mut [i64]) {
        let engine = &mut self.lock().engine;
        if out.len() < LONG_PERMUTATION {
            short_permutation(engine, out)
        } else {
            long_permutation(engine, out)
        }
    }
}

/// Fills with `from` plus a number below `count`, drawn from one word or two.
fn fill_below<T: Element>(engine: &mut Mt19937, out: &mut [T], from: i64, count: u64, wide: bool) {
    let place = |offset: u64| T::from_i64(from.wrapping_add(offset as i64));
    if wide {
        out.fill_with(|| place(engine.word64() % count));
    } else {
        out.fill_with(|| place(u64::from(engine.word()) % count));
    }
}

fn short_permutation(engine: &mut Mt19937, order: &mut [i64]) {
    let n = order.len();
    order.iter_mut().zip(0..).for_each(|(o, i)| *o = i);
    for i in 0..n.saturating_sub(1) {
        let offset = engine.word() % (n - i) as u32;
        order.swap(i, i + offset as usize);
    }
}

fn long_permutation(engine: &mut Mt19937, order: &mut [i64]) {
    for i in 0..order.len() {
        let other = (engine.word64() % (i as u64 + 1)) as usize;
        order[i] = i as i64;
        order.swap(i, other);
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    /// How many words a fresh generator has given.
    fn words_taken(generator: &Generator) -> usize {
        generator.lock().engine.position()
    }

    #[test]
    fn empty_fills_draw_nothing() {
        let generator = Generator::seeded(1);
        generator.fill_uniform::<f32>(&mut [], 0.0, 1.0);
        generator.fill_normal::<f64>(&mut [], 0.0, 1.0, true);
        generator.fill_bernoulli::<bool>(&mut [], 0.5);
        generator.fill_random::<u8>(&mut []);
        assert_eq!(generator.randperm(0), []);
        assert_eq!(generator.randperm(1), [0]);
        assert_eq!(generator.get_state(), Generator::seeded(1).get_state());
    }

    #[test]
    fn the_cached_normal_survives_other_draws_and_serves_any_type() {
        let reference = Generator::seeded(3);
        let mut pair = [0.0f64; 2];
        reference.fill_normal(&mut pair, 0.0, 1.0, true);

        let generator = Generator::seeded(3);
        let mut first = [0.0f32];
        generator.fill_normal(&mut first, 0.0, 1.0, true);
        assert_eq!(first[0], pair[0] as f32);
        generator.fill_normal(&mut [0.0f32; 20], 0.0, 1.0, true);
        generator.fill_uniform(&mut [f16::ZERO; 3], 0.0, 1.0);
        generator.randperm(4);
        let mut second = [bf16::ZERO];
        generator.fill_normal(&mut second, 0.0, 1.0, true);
        assert_eq!(second[0], bf16::from_f32(pair[1] as f32));
    }

    #[test]
    fn fewer_than_16_or_scattered_elements_are_drawn_one_by_one() {
        let draw = |length: usize, contiguous: bool| {
            let mut values = vec![0.0f64; length];
            Generator::seeded(3).fill_normal(&mut values, 0.0, 1.0, contiguous);
            values
        };
        assert_eq!(draw(15, true), draw(15, false));
        assert_eq!(draw(16, false)[..15], draw(15, true));
        assert_ne!(draw(16, true), draw(16, false));
    }

    #[test]
    fn wide_ranges_take_two_words() {
        let generator = Generator::seeded(42);
        let mut one = [0i64];
        generator.fill_random_range(&mut one, -5, (1 << 28) - 6);
        assert_eq!(words_taken(&generator), 1);
        generator.fill_random_range(&mut one, -5, (1 << 28) - 5);
        assert_eq!(words_taken(&generator), 3);
        generator.fill_random_range(&mut one, i64::MIN, i64::MAX);
        assert_eq!(words_taken(&generator), 5);
    }

    #[test]
    fn random_covers_the_natural_range_of_the_type() {
        let generator = Generator::seeded(42);
        let (word, wide) = (0x5fe1_dc66u32, 0xcbea_3db3_f362_035c_u64);
        let mut int = [0i32];
        generator.fill_random(&mut int);
        assert_eq!(int, [(word % (1 << 31)) as i32]);
        let mut long = [0i64];
        generator.fill_random(&mut long);
        assert_eq!(long, [(wide % (1 << 63)) as i64]);
        generator.manual_seed(42);
        let mut float = [0.0f32];
        generator.fill_random(&mut float);
        assert_eq!(float, [(word % ((1 << 24) + 1)) as f32]);
    }

    #[test]
    fn both_ways_permute() {
        for n in [0, 1, 2, 1000] {
            for permutation in [short_permutation, long_permutation] {
                let mut order = vec![0; n];
                permutation(&mut Mt19937::new(1), &mut order);
                order.sort_unstable();
                assert!(order.into_iter().eq(0..n as i64));
            }
        }
    }

    #[test]
    fn samples_of_a_distribution_continue_the_stream() {
        let generator = Generator::seeded(42);
        let mut words = [0u32; 2];
        generator.fill_sample(&mut words, &rand::distr::StandardUniform);
        assert_eq!(words, [0x5fe1_dc66, 0xcbea_3db3]);
        assert_eq!(words_taken(&generator), 2);
    }
}
