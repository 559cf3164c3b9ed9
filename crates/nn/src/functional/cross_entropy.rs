//! Cross entropy of scores and classes.

use pleach_core::autograd::{Backward, record};
use pleach_core::{Error, Result, Tensor};
use smallvec::smallvec;

use super::{Reduction, log_softmax, nll_loss};

/// The negative log-likelihood of the softmax of `input`, reduced.
///
/// Shapes: input (scores) `[C]`, `[N, C]` or `[N, C, d1, …]`; target either classes (i64 or u8),
/// the input's shape without C, or the probability of each class, the input's shape; weight `[C]`.
/// The result is 0-d, or has one loss for each target.
///
/// - Classes equal to `ignore_index` (PyTorch's default is -100) count for nothing; the mean is
///   over the sum of the used targets' weights, nan if there are none.
/// - Probabilities: the loss is `-Σ_c weight[c] · target[c] · log softmax[c]`; the mean is over the
///   number of samples, also with weights.
/// - `label_smoothing` e mixes the target with the uniform distribution: `(1 - e) · target + e / C`.
///
/// # Errors
/// If shapes or dtypes do not fit, a target is no class, or `label_smoothing` is not between 0
/// and 1.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{functional as F, losses::Reduction};
/// let scores = tensor![[0.0, 0.0], [100.0, 0.0]];
/// let loss = F::cross_entropy(&scores, &tensor![1, 0], None, -100, Reduction::None, 0.0)?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.6931472, 0.0]); // ln 2: a guess; 0: certain
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn cross_entropy(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    ignore_index: i64,
    reduction: Reduction,
    label_smoothing: f64,
) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&label_smoothing) {
        return Err(Error::value(format!(
            "label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}"
        )));
    }
    if input.rank() == 0 {
        return Err(Error::value("Expected 1 or more dimensions (got 0)"));
    }
    let class_dim = if input.rank() == 1 { 0 } else { 1 };
    let call = Call {
        log_probs: &log_softmax(input, class_dim)?,
        target,
        weight,
        class_dim,
        reduction,
        label_smoothing,
    };
    if input.shape() == target.shape() {
        return call.of_probabilities();
    }
    let loss = nll_loss(call.log_probs, target, weight, ignore_index, reduction)?;
    if label_smoothing == 0.0 {
        return Ok(loss);
    }
    call.smoothed(loss, ignore_index)
}

struct Call<'a> {
    log_probs: &'a Tensor,
    target: &'a Tensor,
    weight: Option<&'a Tensor>,
    class_dim: i64,
    reduction: Reduction,
    label_smoothing: f64,
}

impl Call<'_> {
    fn classes(&self) -> usize {
        self.log_probs.shape()[self.class_dim as usize]
    }

    /// The weights, to be multiplied with a tensor that has the class dimension.
    fn weight_along_classes(&self) -> Result<Option<Tensor>> {
        let Some(weight) = self.weight else {
            return Ok(None);
        };
        if weight.shape() != [self.classes()] {
            return Err(Error::shape(format!(
                "cross_entropy: weight tensor should be defined either for all {} classes or no classes but got weight tensor of shape: {:?}",
                self.classes(),
                weight.shape()
            )));
        }
        let mut sizes = vec![1; self.log_probs.rank()];
        sizes[self.class_dim as usize] = self.classes();
        weight.reshape(sizes).map(Some)
    }

    fn of_probabilities(&self) -> Result<Tensor> {
        if !self.target.dtype().is_float() {
            return Err(Error::dtype(format!(
                "Expected floating point type for target with class probabilities, got {}",
                self.target.dtype().torch_name()
            )));
        }
        let mut target = self.target.clone();
        if self.label_smoothing > 0.0 {
            target = target
                .mul(1.0 - self.label_smoothing)?
                .add(self.label_smoothing / self.classes() as f64)?;
        }
        let mut product = self.log_probs.mul(&target)?;
        if let Some(weight) = self.weight_along_classes()? {
            product = product.mul(&weight)?;
        }
        match self.reduction {
            Reduction::None => product.sum_dim(self.class_dim, false)?.neg(),
            Reduction::Sum => product.sum()?.neg(),
            Reduction::Mean => {
                // 0 / 0, which is nan, if there are no samples.
                let samples = product.numel() as f64 / self.classes().max(1) as f64;
                divided(&product.sum()?.neg()?, samples)
            }
        }
    }

    /// Mixes the loss of the classes with the mean loss over all classes.
    fn smoothed(&self, loss: Tensor, ignore_index: i64) -> Result<Tensor> {
        let weighted = match self.weight_along_classes()? {
            Some(weight) => self.log_probs.mul(&weight)?,
            None => self.log_probs.clone(),
        };
        let ignored = self.target.eq(ignore_index)?;
        let smooth = weighted.sum_dim(self.class_dim, false)?.neg()?;
        let smooth = smooth.masked_fill(&ignored, 0.0)?;
        let smooth = match self.reduction {
            Reduction::None => smooth,
            Reduction::Sum => smooth.sum()?,
            Reduction::Mean => {
                let total = self.total_weight(&ignored)?;
                smooth.sum()?.div(total)?
            }
        };
        loss.mul(1.0 - self.label_smoothing)?
            .add(&smooth.mul(self.label_smoothing / self.classes() as f64)?)
    }

    /// The sum of the weights of the targets that are not ignored.
    fn total_weight(&self, ignored: &Tensor) -> Result<f64> {
        let used = self.target.masked_select(&ignored.logical_not()?)?;
        match self.weight {
            Some(weight) => weight
                .detach()
                .index_select(0, &used.long()?)?
                .sum()?
                .item(),
            None => Ok(used.numel() as f64),
        }
    }
}

/// A division under PyTorch's name for one by a size.
fn divided(x: &Tensor, by: f64) -> Result<Tensor> {
    let out = x.detach().div(by)?;
    Ok(record(out, &[x], |_| {
        Backward::stateless("DivBackward1", move |grad: &Tensor| {
            Ok(smallvec![Some(grad.div(by)?)])
        })
    }))
}
