//! Data sets and how they are read in batches: `torch.utils.data`, in its order for a seed.
//!
//! ```
//! use pleach::{Tensor, manual_seed, tensor};
//! use pleach::data::{DataLoader, TensorDataset};
//!
//! manual_seed(0);
//! let x = Tensor::randn([10, 3]);
//! let y = Tensor::arange(10);
//! let loader = DataLoader::builder(TensorDataset::new((x, y))?)
//!     .batch_size(4)
//!     .shuffle(true)
//!     .build()?;
//! for epoch in 0..2 {
//!     for batch in &loader {
//!         let (x, y) = batch?;
//!         assert_eq!(x.shape(), [y.numel(), 3]);
//!     }
//! }
//! assert_eq!(loader.len(), 3);
//! # Ok::<(), pleach::Error>(())
//! ```
//!
//! - A [`Dataset`] has a length and gives the element at an index: [`TensorDataset`], [`Items`],
//!   parts ([`Subset`], [`random_split`]) and rows ([`ConcatDataset`]) of others, [`Dataset::map`],
//!   and your own. A [`DataLoader`] goes through it in the order of a [`Sampler`].
//! - An [`IterableDataset`] gives its elements one after another; an [`IterableLoader`] goes
//!   through it.
//! - A loader makes batches by [`Collate`], PyTorch's `default_collate`, or by your `collate_fn`, on
//!   the calling thread or on workers in the background ([`worker_info`]).
//!
//! Errors are those of [`pleach_core`]; a data set wraps its own by
//! [`Error::other`](pleach_core::Error::other).

#![forbid(unsafe_code)]

mod collate;
mod concat_dataset;
mod dataset;
mod items;
mod iterable_dataset;
mod loader;
mod random_split;
mod samplers;
mod subset;
mod tensor_dataset;

pub use collate::{Collate, CollateFn, DefaultCollate};
pub use concat_dataset::ConcatDataset;
pub use dataset::{Dataset, Map, check_index};
pub use items::Items;
pub use iterable_dataset::IterableDataset;
pub use loader::{
    Batches, DataLoader, DataLoaderBuilder, IterableLoader, IterableLoaderBuilder, WorkerInfo,
    worker_info,
};
pub use random_split::{SplitLengths, random_split, random_split_with};
pub use samplers::{
    BatchSampler, RandomSampler, RandomSamplerBuilder, Sampler, SequentialSampler,
    SubsetRandomSampler, WeightedRandomSampler, WeightedRandomSamplerBuilder,
};
pub use subset::Subset;
pub use tensor_dataset::{TensorDataset, Tensors};
