//! A pickle without a container.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pleach_fuzz::{check, check_opaque, loader};

fuzz_target!(|data: &[u8]| {
    let plain = loader().load_pickle(data);
    check_opaque(&plain, loader().opaque_objects(true).load_pickle(data));
    check(plain);
});
