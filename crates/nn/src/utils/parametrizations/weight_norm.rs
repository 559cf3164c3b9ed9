//! [`weight_norm`].

use pleach_core::{Error, Result, Tensor};

use crate::Module;
use crate::parametrized::{Originals, Parametrization};
use crate::utils::parametrize::register_parametrization_unchecked;

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
