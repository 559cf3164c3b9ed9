//! [`Alias`]: the same value, as the output of a step of its own.

use super::{Call, GradsOf, Operation, Own, Rules, Saved, Saves};
use crate::{Result, Tensor};

/// The same value again.
#[derive(Clone)]
pub(crate) struct Alias;

impl Operation for Alias {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::VIEW;

    fn name(&self) -> &'static str {
        "alias"
    }
    fn grad_name(&self) -> &'static str {
        "AliasBackward0"
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        Ok(x.clone())
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([Some(grad.clone())])
    }
}
