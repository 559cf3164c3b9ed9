//! The Mersenne twister of PyTorch's CPU generator.

use crate::{Isa, Loop};

/// Number of words in the state, and of outputs between two regenerations.
pub const STATE_WORDS: usize = 624;

/// Distance of the word that the recurrence mixes in.
const MIDDLE: usize = 397;

/// The standard mt19937 engine with 32-bit seeds.
///
/// The state holds the untempered words of the current block. The block after it is generated
/// when a word is asked for and none is left, never earlier: saved states depend on that.
///
/// ```
/// use pleach_kernels::random::mt19937::Mt19937;
///
/// let mut engine = Mt19937::new(42);
/// assert_eq!(engine.word(), 0x5fe1_dc66);
/// assert_eq!(engine.word64(), 0xcbea_3db3_f362_035c);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mt19937 {
    state: [u32; STATE_WORDS],
    /// Index of the next word to put out.
    next: usize,
    /// Words not yet put out. `next + remaining` is 624, save that a block not yet generated has
    /// `remaining` 0 and any `next`.
    remaining: usize,
}

impl Mt19937 {
    /// An engine at the start of the stream of `seed`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; STATE_WORDS];
        let mut word = seed;
        for (index, slot) in (0..).zip(&mut state).skip(1) {
            word = 1_812_433_253u32
                .wrapping_mul(word ^ (word >> 30))
                .wrapping_add(index);
            *slot = word;
        }
        Mt19937 {
            state,
            next: 0,
            remaining: 0,
        }
    }

    /// The engine with this block of untempered words, whose word `next` comes out next and which
    /// has `remaining` words left; 0 means that the next block is generated first.
    ///
    /// `None` if the two counts contradict each other.
    pub fn from_parts(state: [u32; STATE_WORDS], next: usize, remaining: usize) -> Option<Self> {
        let consistent = match remaining {
            0 => next <= STATE_WORDS,
            _ => next.checked_add(remaining) == Some(STATE_WORDS),
        };
        consistent.then_some(Mt19937 {
            state,
            next,
            remaining,
        })
    }

    /// The untempered words of the current block.
    pub fn state(&self) -> &[u32; STATE_WORDS] {
        &self.state
    }

    /// Index in the block of the next word to put out.
    pub fn position(&self) -> usize {
        self.next
    }

    /// How many words of the block have not been put out.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// The next 32 random bits.
    #[inline]
    pub fn word(&mut self) -> u32 {
        if self.remaining == 0 {
            self.regenerate();
        }
        let word = temper(self.state[self.next]);
        self.next += 1;
        self.remaining -= 1;
        word
    }

    /// The next 64 random bits: two words, the first of which is the high half.
    #[inline]
    pub fn word64(&mut self) -> u64 {
        let high = self.word();
        let low = self.word();
        join(high, low)
    }

    /// Fills `out` with the next words.
    pub fn fill_words(&mut self, out: &mut [u32]) {
        Isa::current().run(FillWords { engine: self, out });
    }

    /// Puts out some of the next words, at least one and at most `most`, which must not be 0. They
    /// are untempered: callers temper as they convert, so that words need no buffer.
    ///
    /// Inlined, so that a loop generates blocks with the instruction set it was compiled for.
    #[inline(always)]
    pub(super) fn take(&mut self, most: usize) -> &[u32] {
        if self.remaining == 0 {
            twist(&mut self.state);
            self.next = 0;
            self.remaining = STATE_WORDS;
        }
        let count = most.min(self.remaining);
        let start = self.next;
        self.next += count;
        self.remaining -= count;
        &self.state[start..start + count]
    }

    fn regenerate(&mut self) {
        Isa::current().run(Twist(&mut self.state));
        self.next = 0;
        self.remaining = STATE_WORDS;
    }
}

impl std::fmt::Debug for Mt19937 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mt19937")
            .field("next", &self.next)
            .field("remaining", &self.remaining)
            .finish_non_exhaustive()
    }
}

/// Two words as 64 bits, the first word on top.
#[inline(always)]
pub(super) fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Makes a word of the state a random one.
#[inline(always)]
pub(super) fn temper(mut word: u32) -> u32 {
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c_5680;
    word ^= (word << 15) & 0xefc6_0000;
    word ^ (word >> 18)
}

struct FillWords<'a> {
    engine: &'a mut Mt19937,
    out: &'a mut [u32],
}

impl Loop for FillWords<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut out = self.out;
        while !out.is_empty() {
            let words = self.engine.take(out.len());
            let (now, later) = out.split_at_mut(words.len());
            for (out, &word) in now.iter_mut().zip(words) {
                *out = temper(word);
            }
            out = later;
        }
    }
}

/// The word that follows from `this` and its successor, before the middle word is mixed in.
#[inline(always)]
fn step(this: u32, following: u32) -> u32 {
    let joined = (this & 0x8000_0000) | (following & 0x7fff_ffff);
    let odd_mask = (following & 1).wrapping_neg();
    (joined >> 1) ^ (odd_mask & 0x9908_b0df)
}

/// Generates the words from `START` to `END` of the next block in place, from words of which none
/// is among them, save for their own predecessors.
#[inline(always)]
fn advance<const START: usize, const END: usize>(state: &mut [u32; STATE_WORDS]) {
    for i in START..END {
        let middle = if START < OLD { i + MIDDLE } else { i - OLD };
        state[i] = state[middle] ^ step(state[i], state[i + 1]);
    }
}

/// The number of words that mix in one of the old block; the others mix in one of the new.
const OLD: usize = STATE_WORDS - MIDDLE;

/// Generates the next block in place.
#[inline(always)]
fn twist(state: &mut [u32; STATE_WORDS]) {
    advance::<0, 192>(state);
    advance::<192, OLD>(state);
    advance::<OLD, 419>(state);
    advance::<419, 454>(state);
    advance::<454, 582>(state);
    advance::<582, 623>(state);
    state[STATE_WORDS - 1] = state[MIDDLE - 1] ^ step(state[STATE_WORDS - 1], state[0]);
}

struct Twist<'a>(&'a mut [u32; STATE_WORDS]);

impl Loop for Twist<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        twist(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED_42: [u32; 8] = [
        0x5fe1_dc66,
        0xcbea_3db3,
        0xf362_035c,
        0x2ef5_950e,
        0xbb63_f46a,
        0xc799_d447,
        0x9941_aebc,
        0x98cb_2c14,
    ];

    #[test]
    fn seed_42_gives_the_published_words() {
        let mut engine = Mt19937::new(42);
        assert_eq!(SEED_42.map(|_| engine.word()), SEED_42);
    }

    #[test]
    fn the_ten_thousandth_word_of_the_standard_seed_is_the_standards() {
        let mut engine = Mt19937::new(5489);
        let mut words = vec![0; 10_000];
        engine.fill_words(&mut words);
        assert_eq!(words[9_999], 4_123_659_995);
    }

    #[test]
    fn bulk_fills_of_any_length_continue_the_stream() {
        let mut one_by_one = Mt19937::new(7);
        let mut bulk = Mt19937::new(7);
        for count in [0, 1, 623, 624, 625, 2000, 3, 1247] {
            let mut words = vec![0; count];
            bulk.fill_words(&mut words);
            for word in words {
                assert_eq!(word, one_by_one.word());
            }
        }
        assert_eq!(bulk, one_by_one);
    }

    #[test]
    fn the_first_word_is_the_high_half_of_64_bits() {
        assert_eq!(Mt19937::new(42).word64(), 0x5fe1_dc66_cbea_3db3);
    }

    #[test]
    fn every_instruction_set_generates_the_same_block() {
        for isa in Isa::available() {
            let mut state = *Mt19937::new(42).state();
            isa.run(Twist(&mut state));
            let mut expected = *Mt19937::new(42).state();
            for i in 0..STATE_WORDS {
                expected[i] = expected[(i + MIDDLE) % STATE_WORDS]
                    ^ step(expected[i], expected[(i + 1) % STATE_WORDS]);
            }
            assert_eq!(state, expected, "{isa:?}");
            assert_eq!(
                state[..8].iter().map(|&w| temper(w)).collect::<Vec<_>>(),
                SEED_42
            );
        }
    }

    #[test]
    fn an_engine_is_rebuilt_from_its_parts() {
        let mut engine = Mt19937::new(3);
        for draws in [0, 1, 600, 23, 1] {
            engine.fill_words(&mut vec![0; draws]);
            let copy = Mt19937::from_parts(*engine.state(), engine.position(), engine.remaining())
                .unwrap();
            assert_eq!(copy, engine);
            assert_eq!(copy.clone().word(), engine.clone().word());
        }
        assert_eq!(Mt19937::from_parts([0; 624], 3, 4), None);
        assert_eq!(Mt19937::from_parts([0; 624], 625, 0), None);
    }
}
