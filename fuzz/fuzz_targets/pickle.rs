//! A pickle without a container.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pleach_fuzz::{check, loader};

fuzz_target!(|data: &[u8]| check(loader().load_pickle(data)));
