//! Pleach: a neural-network framework whose heart is the module tree.
//!
//! ```
//! use pleach::prelude::*;
//!
//! #[derive(Module)]
//! struct Scale {
//!     weight: Parameter,
//! }
//!
//! impl Forward for Scale {
//!     fn forward(&self, input: &Tensor) -> Result<Tensor> {
//!         input.mul(self.weight.tensor())
//!     }
//! }
//!
//! let scale = || Scale { weight: Parameter::new(tensor![2.0]) };
//! let net = sequential![scale(), scale()];
//! assert_eq!(net.call(&tensor![1.0, 3.0])?.to_vec::<f32>()?, [4.0, 12.0]);
//! assert_eq!(net.to_string(), "Sequential(\n  (0): Scale()\n  (1): Scale()\n)");
//! assert_eq!(net.state_dict().keys().collect::<Vec<_>>(), ["0.weight", "1.weight"]);
//! # Ok::<(), pleach::Error>(())
//! ```

#![forbid(unsafe_code)]

pub use pleach_checkpoint as checkpoint;
pub use pleach_checkpoint::{load, load_state_dict, save};
pub use pleach_core::random::numpy;
pub use pleach_core::*;
pub use pleach_data as data;
pub use pleach_init as init;
pub use pleach_nn as nn;
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
        ParameterDict, Sequential, StateDict, functional, same,
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
