//! PyTorch's `torch.nn.utils.parametrizations`: [`weight_norm`], [`spectral_norm`], [`orthogonal`].

mod orthogonal;
mod spectral_norm;
mod weight_norm;

use pleach_core::{Error, Result, Tensor, no_grad};

pub use self::orthogonal::{OrthogonalMap, OrthogonalOptions, orthogonal};
pub use self::spectral_norm::{SpectralNormOptions, spectral_norm};
pub use self::weight_norm::weight_norm;
use crate::Module;
use crate::parametrized::{Found, find};

/// The value of a module's parameter, which may be computed.
fn weight_of(module: &dyn Module, name: &str) -> Result<Tensor> {
    match find(module, name) {
        Found::Plain(p, _) => no_grad(|| p.try_tensor()).map(|t| t.detach()),
        Found::Computed(entry) => no_grad(|| entry.value()),
        Found::Nothing => Err(Error::value(format!(
            "Module '{module}' has no parameter or buffer with name '{name}'"
        ))),
    }
}
