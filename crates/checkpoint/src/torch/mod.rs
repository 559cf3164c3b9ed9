//! PyTorch's own formats.

mod legacy;
mod read;
mod write;

pub(crate) use legacy::load as load_legacy;
pub(crate) use read::{converted, load as load_zip, root_of};
pub(crate) use write::write;
