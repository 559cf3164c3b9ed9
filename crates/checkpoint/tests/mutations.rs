//! Damaged files are errors, never panics: the golden files, and those of `data`, with random bytes changed, cut, doubled
//! and put together.
//!
//! `PLEACH_MUTATIONS=1000 cargo test --release -p pleach-checkpoint --test mutations` tries a thousand for each
//! file instead of a few; `fuzz/` searches better, but needs a tool.

use std::fs;

use pleach_checkpoint::{Format, Limits, Loader, to_bytes};

/// A small generator of random numbers (xorshift), the same at each run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// Bytes that mean something to one of the formats.
const TELLING: [u8; 16] = *b"\x00\x01\xff\x7f\x80()}]RbQqhtK";

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    let len = 1 + random.below(8);
    match random.below(7) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = TELLING[random.below(16)],
        2 => bytes.truncate(at),
        3 => {
            let end = (at + len).min(bytes.len());
            bytes.drain(at..end);
        }
        4 => {
            let end = (at + 8 * len).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        5 => {
            let from = random.below(other.len());
            let piece = &other[from..(from + 8 * len).min(other.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        _ => {
            let extreme = [u64::MAX, 1 << 63, (1 << 31) - 1, 1 << 32][random.below(4)];
            let end = (at + len.min(8)).min(bytes.len());
            bytes.splice(at..end, extreme.to_le_bytes().into_iter().take(len.min(8)));
        }
    }
}

#[test]
fn damaged_files_are_errors() {
    let times = std::env::var("PLEACH_MUTATIONS").ok();
    let times: usize = times.map_or(20, |text| text.parse().expect("a number"));
    let here = env!("CARGO_MANIFEST_DIR");
    let folders = ["../../tests/golden/checkpoints", "tests/data"];
    let mut paths: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(format!("{here}/{folder}")).unwrap())
        .map(|e| e.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let files = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e != "json" && e != "py"));
    let files: Vec<Vec<u8>> = files.map(|path| fs::read(path).unwrap()).collect();
    let files: Vec<&Vec<u8>> = files.iter().filter(|file| file.len() < 6000).collect();
    assert!(files.len() > 140);
    let mut limits = Limits::default();
    limits.values = 20_000;
    limits.inflated_bytes = 1 << 20;
    limits.repeated_elements = 1 << 16;
    let loader = Loader::new().limits(limits);
    let opaque = loader.clone().opaque_objects(true);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut loaded = 0;
    for file in &files {
        for _ in 0..times {
            let mut bytes = file.to_vec();
            for _ in 0..=random.below(4) {
                let other = files[random.below(files.len())];
                mutate(&mut bytes, other, &mut random);
            }
            for result in [opaque.load_bytes(&bytes), opaque.load_pickle(&bytes)] {
                match result {
                    Err(error) => assert!(!error.to_string().is_empty()),
                    Ok(value) => {
                        assert!(!value.to_string().is_empty());
                        drop(value.state_dict());
                    }
                }
            }
            for result in [loader.load_bytes(&bytes), loader.load_pickle(&bytes)] {
                match result {
                    Err(error) => assert!(!error.to_string().is_empty()),
                    Ok(value) => {
                        loaded += 1;
                        // Whatever loads can be saved, and is the same then.
                        let text = format!("{value:?}");
                        let saved = to_bytes(value, Format::Torch).unwrap();
                        let back = loader.load_bytes(&saved).unwrap();
                        assert_eq!(format!("{back:?}"), text);
                    }
                }
            }
        }
    }
    assert!(loaded > times, "only {loaded} files were still good");
}
