//! No file of the golden data makes loading take more memory than the file's size and a constant.

use std::alloc::System;
use std::fs;
use std::path::PathBuf;

use cap::Cap;
use pleach_checkpoint::{Limits, Loader, load};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What the zip reader's buffer and the tree of a small file may take. Most files need a tenth of
/// it; one nests 90,000 lists.
const CONSTANT: usize = 16 << 20;

#[test]
fn loading_takes_no_more_than_the_files_size_and_a_constant() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/golden/checkpoints"
    );
    let mut files: Vec<(u64, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.metadata().unwrap().len(), entry.path()))
        .filter(|(_, path)| path.extension().is_some_and(|e| e != "json"))
        .collect();
    // The allocator keeps one maximum, so the files come in the order of what they may take.
    files.sort();
    assert!(files.len() >= 168, "{} files", files.len());
    pleach_kernels::parallel_for(8, |_| {}); // the threads take memory too
    let before = ALLOCATOR.allocated();
    for (size, path) in files {
        drop(load(&path));
        pleach_kernels::buffer::empty_cache();
        let taken = ALLOCATOR.max_allocated() - before;
        let allowed = size as usize + CONSTANT;
        assert!(taken <= allowed, "{}: {taken} of {allowed}", path.display());
    }
    hostile_pickles(before);
}

/// Pickles that cost one byte and would like to cost many.
fn hostile_pickles(before: usize) {
    let loader = Loader::new();
    // A tuple doubled forty times: 2^40 values by reference.
    let doubled = [b"\x80\x02N".to_vec(), b"2\x86".repeat(40), b".".to_vec()].concat();
    let error = loader.load_pickle(&doubled).unwrap_err().to_string();
    assert!(error.contains("values in a pickle"), "{error}");
    // A long text, named again and again; and copied again and again into bytes.
    let text = [
        b"\x80\x02](X\0\x40\0\0".to_vec(),
        vec![b'x'; 1 << 14],
        b"q\0".to_vec(),
    ]
    .concat();
    let named = [text.clone(), b"h\0".repeat(10_000), b"e.".to_vec()].concat();
    let encode = b"c_codecs\nencode\nh\0X\x06\0\0\0latin1\x86R";
    let copied = [text, encode.repeat(5_000), b"e.".to_vec()].concat();
    for pickle in [named, copied] {
        let error = loader.load_pickle(&pickle).unwrap_err().to_string();
        assert!(error.contains("values in a pickle"), "{error}");
    }
    // A list in itself.
    let circular = loader.load_pickle(b"\x80\x02]q\x00h\x00a.").unwrap_err();
    assert!(
        circular
            .to_string()
            .contains("containers within containers")
    );
    // Lengths that nobody would send.
    for lie in [
        &b"\x80\x02X\xff\xff\xff\xff."[..],
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ] {
        let error = loader.load_pickle(lie).unwrap_err().to_string();
        assert!(
            error.contains("byte 2: the pickle ends too early"),
            "{error}"
        );
    }
    let taken = ALLOCATOR.max_allocated() - before;
    assert!(taken < 6 * CONSTANT, "{taken}");
    // A value for each byte, a million times: each costs less than 200 bytes.
    let many = [
        b"\x80\x02](".to_vec(),
        vec![b'N'; 1_000_000],
        b"e.".to_vec(),
    ]
    .concat();
    let taken = |limits: Limits| {
        let before = ALLOCATOR.allocated();
        let result = Loader::new().limits(limits).load_pickle(&many).map(drop);
        (result, ALLOCATOR.max_allocated() - before)
    };
    let (loaded, cost) = taken(Limits::default());
    loaded.unwrap();
    assert!(cost < 200_000_000, "{cost}");
    let mut limits = Limits::default();
    limits.values = 999_999;
    assert!(
        taken(limits)
            .0
            .unwrap_err()
            .to_string()
            .contains("(the limit is 999999)")
    );
}
