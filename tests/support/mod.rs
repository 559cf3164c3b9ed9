//! The golden runner: reads what PyTorch computed and runs the same with pleach.
//!
//! `ast`, `value`, `args`, `eval`, `operators`, `builtins` evaluate the syntax trees of Python
//! text (`parser` reads what has no tree); `torch_fns`, `numpy_fns`, `tensor_methods`, `tensor_in_place`, `nn_fns`, `nn_classes`, `dimensional` and
//! the files named after a family (`index_fns`, `norms`, ..),
//! text (`parser` reads what has no tree); `torch_fns`, `numpy_fns`, `tensor_methods`, `tensor_in_place`, `nn_fns`, `nn_classes`, `dimensional`, `spatial`,
//! text (`parser` reads what has no tree); `torch_fns`, `numpy_fns`, `tensor_methods`, `tensor_in_place`, `nn_fns`, `nn_classes`, `loss_fns`, `loss_classes`, `dimensional`,
//! `module_object`, `init_fns`, `optim_fns`, `data_fns`, `vision_fns`, `nets` bind names to pleach; `warnings` listens to
//! what pleach warns of; `ledger` holds what the committed data has to give; `families` holds one runner for each folder of data.
//!
//! A case is out of scope if and only if it needs a *name* that no registry (`find`) knows. To put
//! a class or function in scope, add it to the registry of its subject.

pub mod activation_fns;
pub mod args;
pub mod ast;
pub mod builtins;
pub mod compare;
pub mod data;
pub mod data_fns;
pub mod dimensional;
pub mod elementwise_fns;
pub mod eval;
pub mod families;
pub mod index_fns;
pub mod init_fns;
pub mod ledger;
pub mod loss_classes;
pub mod loss_fns;
pub mod module_object;
pub mod nets;
pub mod nn_classes;
pub mod nn_fns;
pub mod norms;
pub mod numpy_fns;
pub mod operators;
pub mod optim_fns;
pub mod parser;
pub mod report;
pub mod shape_fns;
pub mod shape_methods;
pub mod spatial;
pub mod tensor_in_place;
pub mod tensor_methods;
pub mod torch_fns;
pub mod utils_fns;
pub mod value;
pub mod vision_fns;
pub mod warnings;
