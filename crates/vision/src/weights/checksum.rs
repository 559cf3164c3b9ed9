//! The sha256 that stands in a file's name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The hexadecimal digits between the last `-` and the extension: PyTorch's `name-HASH.pth`.
pub(super) fn in_name(file: &str) -> Option<&str> {
    let (_, rest) = file.rsplit_once('-')?;
    let (hash, _) = rest.split_once('.')?;
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    // PyTorch's have eight; fewer could be met by chance.
    (hash.len() >= 8 && hash.len() <= 64 && hash.chars().all(hex)).then_some(hash)
}

/// The sha256 of a file, in hexadecimal digits.
pub(super) fn of_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).map_err(Error::io(path))? {
            0 => break,
            n => hasher.update(&piece[..n]),
        }
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::in_name;

    #[test]
    fn the_hash_is_the_last_part_of_the_name() {
        assert_eq!(in_name("resnet18-f37072fd.pth"), Some("f37072fd"));
        assert_eq!(in_name("alexnet-owt-7be5be79.pth"), Some("7be5be79"));
        for name in [
            "resnet18.pth",
            "resnet18-f3.pth",
            "a-nothexxx.pth",
            "a-7be5be79",
        ] {
            assert_eq!(in_name(name), None, "{name}");
        }
    }
}
