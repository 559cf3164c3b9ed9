//! Clamping between tensors.

use crate::autograd::{Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::{Result, Tensor};

/// A tensor limited by two others.
#[derive(Clone, Debug)]
struct ClampBetween;

impl Operation for ClampBetween {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        "clamp"
    }
    fn grad_name(&self) -> &'static str {
        "ClampBackward0"
    }
    fn forward(&self, (x, min, max): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        x.maximum(min)?.minimum(max)
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1).input(2)
    }
    /// An element at one of the bounds shares the gradient with it, one that both are equal to has all of
    /// it. Where anything is nan the element has it; where the bounds cross, the upper one.
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let [x, min, max] = [0, 1, 2].map(|i| saved.input(i));
        let (x, min, max) = (x?.detach(), min?.detach(), max?.detach());
        let nan = x
            .isnan()?
            .logical_or(&min.isnan()?)?
            .logical_or(&max.isnan()?)?;
        let (crossed, one) = (min.gt(&max)?, min.eq(&max)?);
        let half = |x: &Tensor, bound: &Tensor| -> Result<Tensor> {
            let share = x.eq(bound)?.float()?.mul(0.5)?;
            share.masked_fill(&one, 0.0)?.masked_fill(&crossed, 0.0)
        };
        let (at_min, at_max) = (half(&x, &min)?, half(&x, &max)?);
        let share = |all: Tensor, at: &Tensor, if_crossed: f64, if_nan: f64| -> Result<Tensor> {
            let share = all.float()?.masked_fill(&crossed, if_crossed)?;
            grad.mul(
                &share
                    .add(at)?
                    .masked_fill(&nan, if_nan)?
                    .to_dtype(grad.dtype())?,
            )
        };
        let inside = x.ge(&min)?.logical_and(&x.le(&max)?)?;
        let shared = at_min.add(&at_max)?.neg()?;
        Ok([
            saved.grad(0, || share(inside, &shared, 0.0, 1.0))?,
            saved.grad(1, || share(x.lt(&min)?, &at_min, 0.0, 0.0))?,
            saved.grad(2, || share(x.gt(&max)?, &at_max, 1.0, 0.0))?,
        ])
    }
}

impl Tensor {
    /// `self` limited to `min ..= max`, all of one dtype.
    pub(super) fn clamp_between(&self, min: &Tensor, max: &Tensor) -> Result<Tensor> {
        apply(ClampBetween, (self, min, max))
    }
}
