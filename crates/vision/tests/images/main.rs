//! Image files and folders of them. The files in `tests/data/images` are Pillow's; see the README
//! there.

mod broken;
mod folder;
mod pixels;

use std::path::{Path, PathBuf};

/// The folder of the test files.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}
