//! Parameters that are computed of others: PyTorch's `torch.nn.utils.parametrize`.
//!
//! A parametrized parameter is computed whenever the module's field is read, so that a layer's call
//! sees the value and gradients flow to what it is computed of. In the tree stand, in its place,
//! `parametrizations.NAME.original` (or `original0`, `original1`, …) and the parametrizations; the
//! module prints as `ParametrizedLinear`, say, but stays what it is.

mod register;

pub use register::{
    cached, is_parametrized, register_parametrization, register_parametrization_unchecked,
    remove_parametrizations,
};

pub use crate::parametrized::{Originals, Parametrization};
