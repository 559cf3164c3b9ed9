//! Parameters with a mask: PyTorch's `torch.nn.utils.prune`.
//!
//! A pruned parameter is `NAME_orig · NAME_mask` whenever the module's field is read; the two stand in
//! the tree in its place, at the end of the module's parameters and buffers. Pruning again prunes what
//! is left.

mod masks;

pub use masks::{
    Amount, Unstructured, custom_from_mask, global_unstructured, identity, is_pruned,
    l1_unstructured, ln_structured, random_structured, random_unstructured, remove,
};
