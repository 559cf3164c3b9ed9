//! A program of the public API: see `../api/mod.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../api/mod.rs"]
mod api;

fuzz_target!(|data: &[u8]| {
    api::run(data, api::Limits::IN_4_GIB, |_| {});
    // What one program leaves for reuse must not be what the next one lacks.
    if pleach_kernels::buffer::cached_bytes() > 64 << 20 {
        pleach_kernels::buffer::empty_cache();
    }
});
