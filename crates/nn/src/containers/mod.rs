//! Containers: [`Sequential`], [`ModuleList`], [`ModuleDict`], [`ParameterList`]
//! and [`ParameterDict`].
//!
//! What builds one in an expression (`append`, [`Sequential::append_named`], `sequential!`) returns
//! the container and panics where it must refuse; what changes one in place (`push`,
//! [`Sequential::push_named`], `insert`, `set`) returns that as an error.
//!
//! `share()` gives another handle to the same container and the same children: children that are
//! later added to or taken from one of the two are not seen by the other.

#[macro_use]
mod by_name;
#[macro_use]
mod by_position;
mod children;
mod into_module;
mod module_dict;
mod module_list;
mod parameter_dict;
mod parameter_list;
mod position;
mod sequential;

pub use into_module::IntoModule;
pub use module_dict::ModuleDict;
pub use module_list::ModuleList;
pub use parameter_dict::ParameterDict;
pub use parameter_list::ParameterList;
pub use position::Position;
pub use sequential::Sequential;
