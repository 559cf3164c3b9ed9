//! Trained weights: torchvision's files, downloaded once and checked.
//!
//! [`Weights`] says where the weights of a model are, [`Cache`] gets them: into the folder where
//! PyTorch has them, so that a file that PyTorch has downloaded is used, and the other way round.
//!
//! ```no_run
//! use pleach::vision::weights::{Cache, Weights};
//!
//! let weights = Weights::of("resnet18").expect("a known model");
//! let path = Cache::from_env()?.get(weights)?; // ~/.cache/torch/hub/checkpoints/resnet18-f37072fd.pth
//! # Ok::<(), pleach::vision::Error>(())
//! ```

mod cache;
mod checksum;
mod download;
mod known;

pub use cache::Cache;
pub use known::Weights;

/// The address below which torchvision's files are.
const HOME: &str = "https://download.pytorch.org/models";

/// The names of the 1000 classes of ImageNet, in the order of the models' outputs.
///
/// ```
/// assert_eq!(pleach::vision::weights::imagenet_classes()[207], "golden retriever");
/// ```
pub fn imagenet_classes() -> Vec<&'static str> {
    include_str!("imagenet_classes.txt").lines().collect()
}

/// A name of a state dict as the models have it now: the DenseNets' files have older ones.
///
/// ```
/// use pleach::vision::weights::current_name;
/// assert_eq!(
///     current_name("features.denseblock1.denselayer2.norm.1.weight"),
///     "features.denseblock1.denselayer2.norm1.weight"
/// );
/// assert_eq!(current_name("layer1.0.conv1.weight"), "layer1.0.conv1.weight");
/// ```
pub fn current_name(name: &str) -> String {
    let mut parts: Vec<String> = name.split('.').map(String::from).collect();
    let old = parts.windows(3).position(|p| {
        p[0].starts_with("denselayer")
            && ["norm", "relu", "conv"].contains(&p[1].as_str())
            && ["1", "2"].contains(&p[2].as_str())
    });
    if let Some(layer) = old {
        let number = parts.remove(layer + 2);
        parts[layer + 1] += &number;
    }
    parts.join(".")
}
