//! Zip archives: the container of `.pth` and `.npz` files.

mod read;
mod write;

pub(crate) use read::{Archive, Wanted};
pub(crate) use write::ArchiveWriter;
