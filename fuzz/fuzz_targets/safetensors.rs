//! A `.safetensors` file; the input is tried as a header of the right length with data, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pleach_fuzz::check_file;

fuzz_target!(|data: &[u8]| {
    check_file(data);
    let len = (data.len() as u64).to_le_bytes();
    check_file(&[&len, data, &[1; 24]].concat());
});
