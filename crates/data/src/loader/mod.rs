//! Loaders: [`DataLoader`] by index, [`IterableLoader`] one after another.

mod batches;
mod data_loader;
mod iterable_loader;
mod source;
mod worker_info;
mod workers;

pub use batches::Batches;
pub use data_loader::{DataLoader, DataLoaderBuilder};
pub use iterable_loader::{IterableLoader, IterableLoaderBuilder};
pub use worker_info::{WorkerInfo, worker_info};
