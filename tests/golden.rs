//! Golden tests: everything that PyTorch's recorded runs (tests/golden) can be compared with.
//!
//! `PLEACH_GOLDEN=folder` runs other data of the same layout.

mod support;

use support::families;

#[test]
fn nn() {
    families::nn::run();
}
