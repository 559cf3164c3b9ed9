//! PyTorch's own formats.

mod legacy;
mod read;
mod script;
mod write;

pub(crate) use legacy::{BARE_PICKLE, is_one as is_legacy, load as load_legacy};
pub(crate) use read::{load as load_zip, root_of};
pub(crate) use write::write;
