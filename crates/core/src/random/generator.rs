//! [`Generator`]: the shared handle, its seeding, saving and scoping.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::TryRng;

use super::seed::Seed;
use super::state::State;

/// The seed of a generator that was never given one.
const DEFAULT_SEED: u64 = 67_280_421_310_721;

/// PyTorch's CPU random generator, bit for bit.
///
/// A `Generator` is a handle: its clones draw from one stream, as assigned variables do in
/// Python. To fork the stream itself, copy the state with [`get_state`](Self::get_state) and
/// [`set_state`](Self::set_state).
///
/// Besides PyTorch's fills (`fill_uniform`, `fill_normal`, …) it is a generator of the [`rand`]
/// crate, so every distribution of that crate's family draws from it:
///
/// ```
/// use pleach::Generator;
/// use rand::RngExt;
///
/// let mut generator = Generator::seeded(42);
/// assert_eq!(generator.word(), 0x5fe1_dc66);
/// let die = generator.random_range(1..=6);
/// assert!((1..=6).contains(&die));
/// ```
#[derive(Clone)]
pub struct Generator(Arc<Mutex<State>>);

thread_local! {
    static CURRENT: RefCell<Generator> = RefCell::new(Generator::seeded(seed_of_the_system()));
}

/// A number that differs from run to run and from thread to thread.
fn seed_of_the_system() -> u64 {
    RandomState::new().hash_one(0)
}

/// Seeds the thread's current generator: its default one, or inside [`Generator::scope`] that
/// scope's.
///
/// ```
/// use pleach::random::{Generator, initial_seed, manual_seed};
///
/// manual_seed(42);
/// assert_eq!(initial_seed(), 42);
/// assert_eq!(Generator::current().randperm(10), [2, 6, 1, 8, 4, 5, 0, 9, 3, 7]);
/// ```
pub fn manual_seed(seed: impl Seed) {
    Generator::current().manual_seed(seed);
}

/// The seed of the thread's current generator.
pub fn initial_seed() -> u64 {
    Generator::current().initial_seed()
}

impl Generator {
    /// A new generator with PyTorch's seed for those, 67280421310721.
    pub fn new() -> Self {
        Self::seeded(DEFAULT_SEED)
    }

    /// A new generator with this seed.
    pub fn seeded(seed: impl Seed) -> Self {
        Generator(Arc::new(Mutex::new(State::seeded(seed.into_bits()))))
    }

    /// The thread's current generator: its default one, or that of the innermost
    /// [`scope`](Self::scope).
    pub fn current() -> Self {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Starts the stream of `seed`. Streams depend on the low 32 bits alone.
    pub fn manual_seed(&self, seed: impl Seed) {
        *self.lock() = State::seeded(seed.into_bits());
    }

    /// The seed that the stream was started with, all 64 bits of it.
    pub fn initial_seed(&self) -> u64 {
        self.lock().seed
    }

    /// Makes this the thread's current generator while `body` runs.
    ///
    /// ```
    /// use pleach::random::{Generator, initial_seed};
    ///
    /// let generator = Generator::seeded(7);
    /// assert_eq!(generator.scope(initial_seed), 7);
    /// ```
    pub fn scope<R>(&self, body: impl FnOnce() -> R) -> R {
        struct Restore(Generator);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.with_borrow_mut(|current| mem::swap(current, &mut self.0));
            }
        }
        let _restore = Restore(CURRENT.replace(self.clone()));
        body()
    }

    /// The whole state, in the 5056 bytes of `torch.Generator.get_state()`.
    ///
    /// ```
    /// use pleach::Generator;
    ///
    /// let generator = Generator::new();
    /// let state = generator.get_state();
    /// let order = generator.randperm(5);
    /// generator.set_state(&state)?;
    /// assert_eq!(generator.randperm(5), order);
    /// # Ok::<(), String>(())
    /// ```
    pub fn get_state(&self) -> Vec<u8> {
        self.lock().to_bytes()
    }

    /// Restores a state of [`get_state`](Self::get_state) or of PyTorch.
    ///
    /// # Errors
    /// If the bytes are not 5056, or no state of a generator. The generator is then as it was.
    pub fn set_state(&self, bytes: &[u8]) -> Result<(), String> {
        *self.lock() = State::from_bytes(bytes)?;
        Ok(())
    }

    /// The next 32 random bits.
    pub fn word(&self) -> u32 {
        self.lock().engine.word()
    }

    /// The next 64 random bits: two words, the first of which is the high half.
    pub fn word64(&self) -> u64 {
        self.lock().engine.word64()
    }

    /// A state stays valid between draws, so one whose user panicked is as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Generator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("initial_seed", &self.initial_seed())
            .finish_non_exhaustive()
    }
}

/// `next_u32` is one word of the stream, `next_u64` two, and bytes come four to a word.
impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.lock().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.lock().try_next_u64()
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.lock().try_fill_bytes(out)
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn a_generator_never_seeded_has_pytorchs_seed() {
        assert_eq!(Generator::new().initial_seed(), 67_280_421_310_721);
        assert_eq!(Generator::default().word(), Generator::new().word());
    }

    #[test]
    fn only_the_low_half_of_the_seed_makes_the_stream() {
        let high = Generator::seeded((1u64 << 32) + 1);
        assert_eq!(high.initial_seed(), (1 << 32) + 1);
        assert_eq!(high.word64(), Generator::seeded(1).word64());
    }

    #[test]
    fn clones_share_one_stream() {
        let generator = Generator::seeded(42);
        generator.clone().word();
        assert_eq!(generator.word(), 0xcbea_3db3);
    }

    #[test]
    fn a_saved_state_restores_position_seed_and_cache() {
        let generator = Generator::seeded(5);
        let mut one = [0.0f64];
        let mut next = || {
            generator.fill_normal(&mut one, 0.0, 1.0, true);
            (one[0], generator.word())
        };
        next();
        let state = generator.get_state();
        let expected = [next(), next(), next()];

        generator.manual_seed(1);
        generator.set_state(&state).unwrap();
        assert_eq!(generator.initial_seed(), 5);
        assert_eq!(generator.get_state(), state);
        assert_eq!([next(), next(), next()], expected);
    }

    #[test]
    fn a_refused_state_leaves_the_generator_alone() {
        let generator = Generator::seeded(5);
        assert_eq!(
            generator.set_state(&[0; 10]).unwrap_err(),
            "Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to \
             be 10"
        );
        assert_eq!(
            generator.set_state(&[0; 5056]).unwrap_err(),
            "Invalid mt19937 state"
        );
        assert_eq!(generator.get_state(), Generator::seeded(5).get_state());
    }

    #[test]
    fn scopes_nest_and_end() {
        manual_seed(1);
        let (outer, inner) = (Generator::seeded(2), Generator::seeded(3));
        outer.scope(|| {
            assert_eq!(initial_seed(), 2);
            inner.scope(|| {
                assert_eq!(initial_seed(), 3);
                manual_seed(4);
            });
            assert_eq!(initial_seed(), 2);
        });
        assert_eq!(initial_seed(), 1);
        assert_eq!(inner.initial_seed(), 4);
    }

    #[test]
    fn a_panic_ends_the_scope() {
        manual_seed(1);
        let generator = Generator::seeded(2);
        let body = std::panic::AssertUnwindSafe(|| generator.scope(|| panic!("on purpose")));
        std::panic::catch_unwind(body).unwrap_err();
        assert_eq!(initial_seed(), 1);
    }

    #[test]
    fn threads_have_default_generators_of_their_own() {
        manual_seed(42);
        let (theirs, drawn) = std::thread::spawn(|| {
            let seed = initial_seed();
            manual_seed(42);
            (seed, Generator::current().word())
        })
        .join()
        .unwrap();
        assert_ne!(theirs, 42);
        assert_eq!(Generator::current().word(), drawn);
    }

    #[test]
    fn it_is_a_rand_generator() {
        let mut generator = Generator::seeded(42);
        assert_eq!(generator.next_u32(), 0x5fe1_dc66);
        assert_eq!(generator.next_u64(), 0xcbea_3db3_f362_035c);
        let mut bytes = [0; 5];
        generator.fill_bytes(&mut bytes);
        assert_eq!(bytes, [0x0e, 0x95, 0xf5, 0x2e, 0x6a]);
    }
}
