//! How tensors and Python values print: PyTorch's text, character by character.
//!
//! `println!("{tensor}")` is PyTorch's `print(tensor)`; what it looks like is set by
//! [`PrintOptions`]. The `python_*` functions write numbers, booleans, tuples and lists as Python
//! does; modules and optimizers print with them.
//!
//! ```
//! use pleach::tensor;
//! assert_eq!(tensor![0.5, 1.0].to_string(), "tensor([0.5000, 1.0000])");
//! ```

mod layout;
mod number;
mod options;
mod python;

pub use number::{fixed, general, scientific};
pub use options::{PrintOptions, print_options, set_print_options, with_print_options};
pub use python::{
    PythonRepr, python_bool, python_float, python_list, python_str, python_tuple, tolist_text,
};

pub(crate) use layout::{Block, close, shown};
pub(crate) use number::Cells;
