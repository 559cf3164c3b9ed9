//! [`State`]: what a generator remembers, and PyTorch's byte layout of it.

use std::convert::Infallible;

use pleach_kernels::random::mt19937::{Mt19937, STATE_WORDS};
use rand::TryRng;
use rand::rand_core::utils::fill_bytes_via_next_word;

/// Length of a saved state.
const BYTES: usize = 5056;

/// Offsets of PyTorch's `CPUGeneratorImplState`, little endian. What lies between is unused on the
/// CPU.
mod offset {
    pub const SEED: usize = 0;
    pub const LEFT: usize = 8;
    pub const SEEDED: usize = 12;
    pub const NEXT: usize = 16;
    /// Each word takes eight bytes.
    pub const WORDS: usize = 24;
    pub const CACHED_NORMAL: usize = 5024;
    pub const CACHE_VALID: usize = 5040;
}

#[derive(Clone)]
pub(super) struct State {
    pub engine: Mt19937,
    /// All 64 bits, of which the engine has used the low 32.
    pub seed: u64,
    /// The unscaled second sample of the last pair of serial normals.
    pub cached_normal: Option<f64>,
}

impl State {
    pub fn seeded(seed: u64) -> Self {
        State {
            engine: Mt19937::new(seed as u32),
            seed,
            cached_normal: None,
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; BYTES];
        let mut put = |offset: usize, value: &[u8]| {
            bytes[offset..][..value.len()].copy_from_slice(value);
        };
        // The block counts one word more than it has left.
        let left = self.engine.remaining() as u32 + 1;
        put(offset::SEED, &self.seed.to_le_bytes());
        put(offset::LEFT, &left.to_le_bytes());
        put(offset::SEEDED, &1u32.to_le_bytes());
        put(offset::NEXT, &(self.engine.position() as u64).to_le_bytes());
        for (index, word) in self.engine.state().iter().enumerate() {
            put(offset::WORDS + 8 * index, &u64::from(*word).to_le_bytes());
        }
        if let Some(normal) = self.cached_normal {
            put(offset::CACHED_NORMAL, &normal.to_le_bytes());
            put(offset::CACHE_VALID, &1u32.to_le_bytes());
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() != BYTES {
            return Err(format!(
                "Expected a CPUGeneratorImplState of size {BYTES} but found the input RNG state \
                 size to be {}",
                bytes.len()
            ));
        }
        let u32_at = |offset: usize| u32::from_le_bytes(array_at(bytes, offset));
        let u64_at = |offset: usize| u64::from_le_bytes(array_at(bytes, offset));

        let words: [u32; STATE_WORDS] =
            std::array::from_fn(|index| u64_at(offset::WORDS + 8 * index) as u32);
        let engine = || {
            let next = usize::try_from(u64_at(offset::NEXT)).ok()?;
            let remaining = (u32_at(offset::LEFT) as usize).checked_sub(1)?;
            let seeded = u32_at(offset::SEEDED) != 0;
            Mt19937::from_parts(words, next, remaining).filter(|_| seeded)
        };
        let cache_valid = u32_at(offset::CACHE_VALID) != 0;
        Ok(State {
            engine: engine().ok_or("Invalid mt19937 state")?,
            seed: u64_at(offset::SEED),
            cached_normal: cache_valid.then(|| f64::from_bits(u64_at(offset::CACHED_NORMAL))),
        })
    }
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[offset + index])
}

impl TryRng for State {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.engine.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.engine.word64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        fill_bytes_via_next_word(out, || self.try_next_u32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_counts_draws_as_pytorch_does() {
        let mut state = State::seeded(42);
        let left_and_next = |state: &State| {
            let bytes = state.to_bytes();
            assert_eq!(bytes.len(), BYTES);
            let left = u32::from_le_bytes(array_at(&bytes, 8));
            let next = u64::from_le_bytes(array_at(&bytes, 16));
            (left, next)
        };
        assert_eq!(left_and_next(&state), (1, 0));
        state.engine.word();
        assert_eq!(left_and_next(&state), (624, 1));
        state.engine.fill_words(&mut [0; 623]);
        assert_eq!(left_and_next(&state), (1, 624));
        state.engine.word();
        assert_eq!(left_and_next(&state), (624, 1));
    }

    #[test]
    fn the_saved_words_are_the_untempered_ones() {
        let bytes = State::seeded(0x1_0000_002a).to_bytes();
        assert_eq!(u64::from_le_bytes(array_at(&bytes, 0)), 0x1_0000_002a);
        assert_eq!(u64::from_le_bytes(array_at(&bytes, 24)), 42);
    }

    #[test]
    fn contradictory_states_are_refused() {
        let refused = |change: fn(&mut [u8])| {
            let mut bytes = State::seeded(1).to_bytes();
            change(&mut bytes);
            State::from_bytes(&bytes).err()
        };
        let invalid = Some("Invalid mt19937 state".to_owned());
        assert_eq!(refused(|_| ()), None);
        assert_eq!(refused(|bytes| bytes.fill(0)), invalid);
        assert_eq!(refused(|bytes| bytes.fill(0xff)), invalid);
        assert_eq!(refused(|bytes| bytes[8] = 0), invalid); // nothing left, not even the count
        assert_eq!(refused(|bytes| bytes[8] = 2), invalid); // a word left, but none put out
        assert_eq!(refused(|bytes| bytes[12] = 0), invalid); // never seeded
    }
}
