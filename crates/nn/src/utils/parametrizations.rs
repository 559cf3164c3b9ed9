//! PyTorch's `torch.nn.utils.parametrizations`: [`weight_norm`] and [`spectral_norm`].

use pleach_core::{Buffer, Error, Result, Tensor, no_grad};

use super::parametrize::{
    Originals, Parametrization, register_parametrization, register_parametrization_unchecked,
};
use crate::functional::normalize;
use crate::parametrized::{self as parts, Found};
use crate::setters::setters;
use crate::{Module, Node};

/// Parametrizes a weight by its magnitude `g`, one for each index of a dimension, and its direction
/// `v`: `weight = g · v / ‖v‖`. With `None` there is one magnitude for all.
///
/// In a state dict they are `parametrizations.weight.original0` and `original1`; files in which they
/// are `weight_g` and `weight_v` (PyTorch's older `weight_norm`) load too.
///
/// ```
/// use pleach::nn::{Module, layers::Linear, utils::parametrizations::weight_norm};
/// let linear = Linear::new(20, 40);
/// weight_norm(&linear, "weight", 0)?;
/// assert_eq!(
///     linear.to_string(),
///     "ParametrizedLinear(\n  in_features=20, out_features=40, bias=True\n  (parametrizations): ModuleDict(\n    (weight): ParametrizationList(\n      (0): _WeightNorm()\n    )\n  )\n)"
/// );
/// assert_eq!(linear.get_parameter("parametrizations.weight.original0")?.shape(), [40, 1]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If the module has no such parameter, or that no such dimension.
pub fn weight_norm(module: &dyn Module, name: &str, dim: impl Into<Option<i64>>) -> Result<()> {
    let dim = dim.into().unwrap_or(-1);
    register_parametrization_unchecked(module, name, WeightNorm { dim })
}

/// [`weight_norm`]'s parametrization.
#[derive(Module)]
#[module(name = "_WeightNorm")]
pub(crate) struct WeightNorm {
    /// -1 is all dimensions, as in PyTorch.
    dim: i64,
}

impl WeightNorm {
    fn norm(&self, v: &Tensor) -> Result<Tensor> {
        if self.dim == -1 {
            return v.norm();
        }
        let rank = v.rank() as i64;
        if !(-rank..rank).contains(&self.dim) {
            return Err(Error::index(format!(
                "Dimension out of range (expected to be in range of [{}, {}], but got {})",
                -rank,
                rank - 1,
                self.dim
            )));
        }
        let dim = self.dim.rem_euclid(rank);
        let others: Vec<i64> = (0..rank).filter(|d| *d != dim).collect();
        match others.is_empty() {
            true => v.abs(),
            false => v.norm_dim(2.0, others, true),
        }
    }
}

impl Parametrization for WeightNorm {
    fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
        let [g, v] = originals else {
            return Err(Error::value("weight_norm has two originals"));
        };
        v.mul(&g.div(&self.norm(v)?)?)
    }

    fn right_inverse(&self, weight: &Tensor) -> Result<Option<Originals>> {
        Ok(Some(vec![self.norm(weight)?, weight.clone()].into()))
    }
}

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
    let weight = match parts::find(module, name) {
        Found::Plain(p, _) => no_grad(|| p.try_tensor())?,
        Found::Computed(entry) => no_grad(|| entry.value())?,
        Found::Nothing => {
            return Err(Error::value(format!(
                "Module '{module}' has no parameter or buffer with name '{name}'"
            )));
        }
    };
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
