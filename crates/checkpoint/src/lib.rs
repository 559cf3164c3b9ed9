//! Checkpoint files: what training writes and fine-tuning starts from.
//!
//! [`load`] reads what PyTorch writes (`.pth` now and before 1.6), `.safetensors`, `.npy` and
//! `.npz`; [`save`] writes them. A file becomes a [`Value`], the tree that Python would have, from
//! which [`Value::state_dict`] and [`Value::optimizer_state`] take what a model and an optimizer
//! need. [`KeyMap`] adapts names.
//!
//! ```
//! use pleach::checkpoint::{Dict, load, save};
//! use pleach::nn::{Module, layers::Linear};
//! use pleach::optim::{Optimizer, SGD};
//! # let dir = std::env::temp_dir().join(format!("pleach-crate-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir).unwrap();
//! let net = Linear::new(4, 2);
//! let mut optimizer = SGD::builder(net.parameters()).lr(0.1).momentum(0.9).build()?;
//! let path = dir.join("run.pth");
//! let checkpoint = Dict::new()
//!     .with("epoch", 3)
//!     .with("model_state", net.state_dict())
//!     .with("optimizer", optimizer.state_dict());
//! save(checkpoint, &path)?;
//!
//! let checkpoint = load(&path)?;
//! net.load_state_dict(&checkpoint.get("model_state")?.state_dict()?, true)?;
//! optimizer.load_state_dict(&checkpoint.get("optimizer")?.optimizer_state()?)?;
//! assert_eq!(checkpoint.get("epoch")?.as_int()?, 3);
//! # std::fs::remove_dir_all(&dir).unwrap();
//! # Ok::<(), pleach::Error>(())
//! ```
//!
//! # Safety from files
//! The pickle in a `.pth` file is a program. Here it is run by a small machine that knows tensors,
//! containers and numbers, and refuses every other name, or keeps it as a name
//! ([`Loader::opaque_objects`]): nothing is executed. Sizes are checked against the file before
//! memory is taken, and the [`Limits`] bound the rest.

#![forbid(unsafe_code)]

mod access;
mod array;
mod atomic;
mod bigint;
mod convert;
mod display;
mod element;
mod error;
mod keys;
mod limits;
mod loader;
mod memory;
mod module;
mod npy;
mod pickle;
mod read;
mod recognise;
mod safetensors;
mod saver;
mod sharded;
mod source;
mod torch;
mod unsigned;
mod value;
mod zip;

pub use access::Key;
pub use bigint::BigInt;
pub use error::{Error, Result};
pub use keys::{KeyMap, Mapped};
pub use limits::Limits;
pub use loader::Loader;
pub use read::{load, load_state_dict};
pub use saver::{Format, save, save_as, to_bytes};
pub use unsigned::{Unsigned, UnsignedTensor};
pub use value::{Dict, Opaque, Value};
