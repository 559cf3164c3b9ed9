//! Pleach: a neural-network framework whose heart is the module tree. PyTorch's programs, in Rust:
//! the same tree, names, printed text, state dict and, for a seed, the same initial weights.
//!
//! ```
//! use pleach::prelude::*;
//!
//! #[derive(Module)]
//! struct Net {
//!     hidden: Linear,
//!     out: Linear,
//! }
//!
//! impl Forward for Net {
//!     fn forward(&self, x: &Tensor) -> Result<Tensor> {
//!         self.out.call(&self.hidden.call(x)?.relu()?)
//!     }
//! }
//!
//! fn main() -> Result<()> {
//!     manual_seed(0);
//!     // Points, and whether they lie within a circle.
//!     let x = Tensor::rand([512, 2]).mul(2.0)?.sub(1.0)?;
//!     let y = x.square()?.sum_dim(1, false)?.lt(0.6)?.long()?;
//!     let loader = DataLoader::builder(TensorDataset::new((x.clone(), y.clone()))?)
//!         .batch_size(32)
//!         .shuffle(true)
//!         .build()?;
//!
//!     let mut net = Net { hidden: Linear::new(2, 32), out: Linear::new(32, 2) };
//!     // Walk the tree and match layers by type.
//!     net.try_apply(&mut |m| {
//!         if let Some(linear) = m.downcast_ref::<Linear>() {
//!             init::kaiming_normal_(&linear.weight, 0.0, "fan_in", "relu")?;
//!         }
//!         Ok(())
//!     })?;
//!     let loss_fn = CrossEntropyLoss::new();
//!     let mut optimizer = Adam::builder(net.parameters()).lr(0.01).build()?;
//!     for _epoch in 0..15 {
//!         for batch in &loader {
//!             let (x, y) = batch?;
//!             optimizer.zero_grad();
//!             loss_fn.call(&net.call(&x)?, &y)?.backward()?;
//!             optimizer.step()?;
//!         }
//!     }
//!
//!     net.eval();
//!     let answers = no_grad(|| net.call(&x))?.argmax_dim(1, false)?;
//!     let right = answers.eq(&y)?.float()?.mean()?.item()?;
//!     assert!(right > 0.95, "{right}");
//!
//!     assert_eq!(net.named_parameters()[0].0, "hidden.weight");
//!     println!("{net}");
//!     Ok(())
//! }
//! ```
//!
//! # What is where
//!
//! - [`prelude`]: what nearly every program needs.
//! - [`Tensor`], whose methods stand under their topics; [`autograd`]: gradients, operations of your own, traces, the profiler;
//!   [`Generator`], [`manual_seed`]: PyTorch's random numbers.
//! - [`nn`]: [`Module`](nn::Module) and its derive, [`Forward`](nn::Forward), [`layers`](nn::layers), [`losses`](nn::losses),
//!   containers, [`functional`], [`StateDict`](nn::StateDict), [`summary`](fn@summary), [`fuse`](nn::fuse()).
//! - [`init`]: all of `torch.nn.init`.
//! - [`optim`]: [`SGD`](optim::SGD), [`Adam`](optim::Adam), [`AdamW`](optim::AdamW), and [`Rule`](optim::Rule) for your own.
//! - [`data`]: [`Dataset`](data::Dataset), [`DataLoader`](data::DataLoader), samplers.
//! - [`checkpoint`]: `.pth`, `.safetensors`, `.npy` and `.npz`, read and written.
//! - [`vision`]: torchvision's models, data sets, transforms and trained weights.
//!
//! # In your program
//!
//! ```toml
//! # Without these lines a debug build computes many times slower than a release build.
//! [profile.dev]
//! opt-level = 1
//! [profile.dev.package."*"]
//! opt-level = 3
//! ```
//!
//! Warnings go through the `log` crate: start a logger, such as `env_logger`, to see them.
//!
//! Features: `image` reads image files; `weights` downloads trained weights by plain HTTP, `https` from torchvision's own
//! address. All are off by default.

#![forbid(unsafe_code)]

pub use pleach_checkpoint as checkpoint;
pub use pleach_checkpoint::{load, load_state_dict, save};
pub use pleach_core::random::numpy;
pub use pleach_core::*;
pub use pleach_data as data;
pub use pleach_init as init;
pub use pleach_nn as nn;
pub use pleach_nn::functional;
pub use pleach_nn::{sequential, summary, summary_of};
pub use pleach_optim as optim;
pub use pleach_vision as vision;

/// What `#[derive(Module)]` expands to.
#[doc(hidden)]
pub use pleach_nn::__derive;

/// What nearly every program needs: `use pleach::prelude::*`.
pub mod prelude {
    pub use crate::data::{
        BatchSampler, Collate, ConcatDataset, DataLoader, Dataset, Items, IterableDataset,
        IterableLoader, RandomSampler, Sampler, SequentialSampler, Subset, SubsetRandomSampler,
        TensorDataset, WeightedRandomSampler, random_split, worker_info,
    };
    pub use crate::nn::layers::*;
    pub use crate::nn::losses::*;
    pub use crate::nn::{
        Chain, Forward, ForwardMany, Module, ModuleDict, ModuleExt, ModuleList, Node,
        ParameterDict, ParameterList, Sequential, StateDict, functional, same,
    };
    pub use crate::optim::{Adam, AdamGroup, AdamW, AdamWGroup, Optimizer, SGD, SgdGroup};
    pub use crate::vision::datasets::ImageDataset;
    pub use crate::{
        Buffer, DType, Error, Generator, Parameter, Result, Tensor, TensorIndex, checkpoint, data,
        init, load, load_state_dict, manual_seed, nn, no_grad, optim, save, sequential, slice,
        summary, tensor,
    };
}

/// The README and the book, whose code is compiled and run.
#[cfg(doctest)]
mod documentation {
    macro_rules! page {
        ($name:ident, $path:literal) => {
            #[doc = include_str!($path)]
            mod $name {}
        };
    }
    page!(readme, "../../../README.md");
    page!(tour, "../../../docs/src/tour.md");
    page!(for_pytorch_users, "../../../docs/src/for-pytorch-users.md");
    page!(initialising, "../../../docs/src/initialising.md");
    page!(walking, "../../../docs/src/walking.md");
    page!(looking_inside, "../../../docs/src/looking-inside.md");
    page!(modules, "../../../docs/src/modules.md");
    page!(random, "../../../docs/src/random.md");
    page!(fine_tuning, "../../../docs/src/fine-tuning.md");
    page!(data, "../../../docs/src/data.md");
    page!(images, "../../../docs/src/images.md");
    page!(checkpoints, "../../../docs/src/checkpoints.md");
}
