//! In which order a loader goes through a data set: PyTorch's samplers.

mod batch;
mod random;
mod sampler;
mod sequential;
mod subset_random;
mod weighted_random;

pub use batch::BatchSampler;
pub(crate) use batch::check_batch_size;
pub use random::{RandomSampler, RandomSamplerBuilder};
pub use sampler::Sampler;
pub(crate) use sampler::draw_seed;
pub use sequential::SequentialSampler;
pub use subset_random::SubsetRandomSampler;
pub use weighted_random::{WeightedRandomSampler, WeightedRandomSamplerBuilder};
