//! An `.npz` file: a zip archive of arrays.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pleach_fuzz::check_file;

fuzz_target!(|data: &[u8]| check_file(data));
