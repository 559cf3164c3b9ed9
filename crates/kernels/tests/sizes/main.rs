//! Kernels on the sizes that people have: every image size from 1 to 300, with the kernels, strides,
//! paddings and dilations of real networks, against plain loops in f64.
//!
//! Most values are small whole numbers, whose sums every float holds exactly: the results must be
//! equal, whatever the order of the sums.
//!
//! The environment variable `PLEACH_TEST_SIZES` says how much is tried:
//! - unset: each size once for each kind of window, with instruction sets, threads and floats taking
//!   turns; about half a minute;
//! - `all`: every height with every width (`scripts/long.sh`);
//! - `small`: a few sizes, for runs under a sanitizer.

mod activation;
mod batch_norm;
mod channels;
mod conv;
mod gemm;
mod harness;
mod huge;
mod nan;
mod norms;
mod pool;
mod reduce;
mod reference;
mod resample;
