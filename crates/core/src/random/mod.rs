//! Random numbers: PyTorch's CPU generator, bit for bit.
//!
//! Every function that draws takes a [`Generator`] or uses the thread's current one, which
//! [`manual_seed`] seeds. The same seed gives the numbers that PyTorch gives:
//!
//! ```
//! use pleach::random::{Generator, manual_seed};
//!
//! manual_seed(42);
//! let mut values = [0.0f32; 2];
//! Generator::current().fill_uniform(&mut values, 0.0, 1.0);
//! assert_eq!(values, [0.88226926, 0.91500396]); // torch.manual_seed(42); torch.rand(2)
//! ```
//!
//! The current generator belongs to the thread, so threads never disturb each other's streams:
//! a new thread starts with a generator of its own, seeded from the system. Pass a clone of a
//! `Generator` to another thread to share one.

mod checks;
mod fill;
mod float;
mod generator;
pub mod numpy;
mod seed;
mod state;

pub(crate) use checks::warn_of_bounds;
pub use checks::{check_bernoulli, check_exponential, check_normal, check_uniform, random_bounds};
pub use float::RandomFloat;
pub use generator::{Generator, initial_seed, manual_seed};
pub use seed::Seed;
