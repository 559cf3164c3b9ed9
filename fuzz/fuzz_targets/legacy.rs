//! A `.pth` file of PyTorch before 1.6; the input is tried with the sound start of one, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pleach_fuzz::check_file;

/// The magic number, the version 1001, and an empty dict of facts.
const START: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

fuzz_target!(|data: &[u8]| {
    check_file(data);
    check_file(&[START, data].concat());
});
