//! [`spectral_norm`].

use pleach_core::{Buffer, Error, Result, Tensor, no_grad};

use super::weight_of;
use crate::functional::normalize;
use crate::parametrized::{Originals, Parametrization};
use crate::setters::setters;
use crate::utils::parametrize::register_parametrization;
use crate::{Module, Node};

/// Options of [`spectral_norm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SpectralNormOptions {
    n_power_iterations: i64,
    eps: f64,
    dim: Option<i64>,
}

impl SpectralNormOptions {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        SpectralNormOptions {
            n_power_iterations: 1,
            eps: 1e-12,
            dim: None,
        }
    }

    setters! {
        |options| options;
        /// The steps of the power method whenever the weight is read in training mode (1 by default).
        n_power_iterations: i64 = n_power_iterations;
        /// What norms are at least taken as (1e-12 by default).
        eps: f64 = eps;
        /// The dimension of the outputs (0 by default, of a transposed convolution 1).
        dim: impl Into<Option<i64>> = dim.into();
    }
}

impl Default for SpectralNormOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Parametrizes a weight, as a matrix of its outputs and all else, by its largest singular value:
/// `weight / σ`. The singular vectors are buffers, moved by the power method whenever the weight is
/// read in training mode. A weight with one dimension is normalised by its norm.
///
/// ```
/// use pleach::nn::{Module, layers::Linear};
/// use pleach::nn::utils::parametrizations::{SpectralNormOptions, spectral_norm};
/// let linear = Linear::new(20, 40);
/// spectral_norm(&linear, "weight", SpectralNormOptions::new())?;
/// let keys: Vec<_> = linear.state_dict().keys().map(str::to_string).collect();
/// assert_eq!(keys[1..], ["parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If the module has no such parameter, or that no such dimension, or no iterations are asked for.
pub fn spectral_norm(module: &dyn Module, name: &str, options: SpectralNormOptions) -> Result<()> {
    let weight = weight_of(module, name)?;
    let is_transposed = module.type_name().starts_with("ConvTranspose");
    let dim = options.dim.unwrap_or(i64::from(is_transposed));
    let rank = weight.rank() as i64;
    if dim >= rank || dim < -rank {
        return Err(Error::index(format!(
            "Dimension out of range (expected to be in range of [-{rank}, {}] but got {dim})",
            rank - 1
        )));
    }
    if options.n_power_iterations <= 0 {
        return Err(Error::value(format!(
            "Expected n_power_iterations to be positive, but got n_power_iterations={}",
            options.n_power_iterations
        )));
    }
    let mut norm = SpectralNorm {
        node: Node::new(),
        dim: dim.rem_euclid(rank) as usize,
        eps: options.eps,
        n_power_iterations: options.n_power_iterations,
        u: None,
        v: None,
    };
    if rank > 1 {
        let matrix = norm.matrix(&weight)?;
        let draw = |n: usize| -> Result<Buffer> {
            let mut vector = Tensor::try_zeros_of([n], weight.dtype())?;
            vector.normal_(0.0, 1.0)?;
            Ok(Buffer::new(normalize(&vector, 2.0, 0, options.eps)?))
        };
        norm.u = Some(draw(matrix.shape()[0])?);
        norm.v = Some(draw(matrix.shape()[1])?);
        norm.power_method(&matrix, 15)?;
    }
    register_parametrization(module, name, norm)
}

/// [`spectral_norm`]'s parametrization.
#[derive(Module)]
#[module(name = "_SpectralNorm")]
struct SpectralNorm {
    node: Node,
    dim: usize,
    eps: f64,
    n_power_iterations: i64,
    /// Singular vectors, of a weight with more than one dimension.
    #[module(rename = "_u")]
    u: Option<Buffer>,
    #[module(rename = "_v")]
    v: Option<Buffer>,
}

impl SpectralNorm {
    fn matrix(&self, weight: &Tensor) -> Result<Tensor> {
        let rank = weight.rank();
        let mut order: Vec<i64> = vec![self.dim as i64];
        order.extend((0..rank as i64).filter(|d| *d != self.dim as i64));
        weight.permute(order)?.flatten(1, -1)
    }

    fn power_method(&self, matrix: &Tensor, steps: i64) -> Result<()> {
        let (Some(u), Some(v)) = (&self.u, &self.v) else {
            return Ok(());
        };
        no_grad(|| {
            let (matrix, transposed) = (matrix.detach(), matrix.detach().t()?);
            for _ in 0..steps {
                u.try_set(normalize(&matrix.mv(&v.try_tensor()?)?, 2.0, 0, self.eps)?)?;
                v.try_set(normalize(
                    &transposed.mv(&u.try_tensor()?)?,
                    2.0,
                    0,
                    self.eps,
                )?)?;
            }
            Ok(())
        })
    }
}

impl Parametrization for SpectralNorm {
    fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
        let [weight] = originals else {
            return Err(Error::value("spectral_norm has one original"));
        };
        let (Some(u), Some(v)) = (&self.u, &self.v) else {
            return normalize(weight, 2.0, 0, self.eps);
        };
        let matrix = self.matrix(weight)?;
        if self.node.is_training() {
            self.power_method(&matrix, self.n_power_iterations)?;
        }
        let sigma = u.try_tensor()?.dot(&matrix.mv(&v.try_tensor()?)?)?;
        weight.div(&sigma)
    }

    fn right_inverse(&self, value: &Tensor) -> Result<Option<Originals>> {
        Ok(Some(value.clone().into()))
    }
}
