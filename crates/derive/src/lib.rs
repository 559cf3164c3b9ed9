//! `#[derive(Module)]`: the module tree of [pleach](https://docs.rs/pleach), from a struct's
//! fields.

#![forbid(unsafe_code)]

mod attributes;
mod body;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct, or an enum of modules, a module: its fields, in their order, are its members.
///
/// A field may be a `Parameter`, a `Buffer`, a module, a `Box<dyn Forward>`, a `Box<dyn Module>`,
/// an `Option`, `Vec`, array, tuple or `Box` of those, a `Node`, a `Setting`, or a plain value
/// (numbers, strings, tensors, tuples of them), which is no member. A `Vec`, array or tuple with
/// modules is a `ModuleList` in the tree, a `Vec<(String, M)>` a `ModuleDict`: its names have no dots
/// and do not repeat. Any other type is an error that asks for
/// `#[module(skip)]`.
///
/// It writes `Module`, `Field`, `Display` (PyTorch's tree text), and methods
/// `deep_copy(&self) -> Self` and, if there is a field of type `Node`, `share(&self) -> Self`.
///
/// Attributes of the struct:
/// - `#[module(name = "Conv2dNormActivation")]`: the type's name in print and errors; any expression
///   that gives a `&'static str` will do, as `NAMES[D - 1]` in a type over `const D: usize`.
/// - `#[module(extra_repr)]`: an inherent `fn extra_repr(&self) -> String` says what stands
///   between the parentheses in print.
/// - `#[module(refused_entries)]`: an inherent method of the signature of `Module::refused_entries`
///   says which old entries of a state dict are wrong.
/// - `#[module(version = 2)]`: PyTorch's `_version`, which a state dict carries.
/// - `#[module(collapses)]`: equal neighbours among its children print as one line, as in a
///   `ModuleList`.
/// - `#[module(debug)]`: `{:?}` prints the tree text, as `{}` does. (`#[derive(Debug, Module)]` gives
///   Rust's own, with all values.)
/// - `#[module(transparent)]`: the struct stands for its first field, a module (or a `Box` of one),
///   as a subclass for its base. That module's members are the struct's own, before those of
///   further fields; its node, version, `extra_repr` and `share()` are the struct's, and downcasts
///   find both.
///
/// Attributes of a field:
/// - `#[module(rename = "downsample")]`: its name in the tree.
/// - `#[module(show_none)]`: an `Option` that prints `(name): None` when it is empty.
/// - `#[module(skip)]`: not a member, whatever it holds; `share()` and `deep_copy()` clone it.
///
/// In an enum, a variant around one module stands for it in the same way, and bears its name too; a
/// variant without fields, or with named ones, is a module of the variant's name.
/// `name`, `rename`, `show_none` and `skip` work there too.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
