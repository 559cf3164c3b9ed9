//! Random streams with PyTorch's bits: the Mersenne twister and what PyTorch's CPU kernels make of
//! its words.
//!
//! | module | turns words into |
//! | --- | --- |
//! | [`mt19937`] | the engine itself: 32-bit words |
//! | [`uniform`] | uniform floats in `[from, to)` |
//! | [`normal`] | normal floats, by Box-Muller in blocks of 16 or one by one |
//! | [`box_muller`] | (the block transform under `normal`) |
//! | [`bernoulli`] | draws of zero and one |
//!
//! Every fill reads the words in order and writes the slice in order, so how many words it takes
//! depends on the length and the element type alone (and for serial normals on a sample cached
//! before). An empty slice takes none.
//!
//! ```
//! use pleach_kernels::random::{mt19937::Mt19937, uniform};
//!
//! let mut engine = Mt19937::new(42);
//! let mut values = [0.0; 2];
//! uniform::fill_f32(&mut engine, &mut values, 0.0, 1.0);
//! assert_eq!(values, [0.88226926, 0.91500396]); // torch.manual_seed(42); torch.rand(2)
//! ```

pub mod bernoulli;
pub mod box_muller;
pub mod mt19937;
pub mod normal;
pub mod uniform;

/// Elements converted from one batch of words: small enough for the first-level cache, a multiple
/// of the 16-element block of [`normal`].
const BATCH: usize = 1024;
