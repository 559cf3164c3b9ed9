//! An `.npy` file; the input is tried as a header of the right length with data, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pleach_fuzz::check_file;

fuzz_target!(|data: &[u8]| {
    check_file(data);
    if let Ok(len) = u16::try_from(data.len()) {
        check_file(&[b"\x93NUMPY\x01\0", &len.to_le_bytes()[..], data, &[1; 24]].concat());
    }
});
