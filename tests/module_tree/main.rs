//! The module tree through the facade: orders, names, sharing, surgery, loading, error paths and
//! printing, with small layers of the test's own. Expected lists are PyTorch's
//! (`tests/golden/modules`) or written out.

mod by_hand;
mod containers;
mod derived;
mod errors;
mod freezing;
mod layers;
mod listing;
mod loading;
mod printing;
mod program;
mod sharing;
mod surgery;
mod transparent;
