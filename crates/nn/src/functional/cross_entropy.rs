//! Cross entropy of scores and classes.

use pleach_core::autograd::{Backward, record};
use pleach_core::{Element, Error, Result, Tensor};
use pleach_kernels::{Buffer, CrossEntropy, CrossEntropyTarget, Float};
use smallvec::smallvec;

use super::nll_loss::{Targets, node_name, of_each, reduced, sizes};
use super::{Reduction, log_softmax};

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
/// If shapes or dtypes do not fit, a target is no class, `label_smoothing` is not between 0 and 1,
/// or a class is to be ignored (`ignore_index` 0 or more) where the targets are probabilities.
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
    if !input.dtype().is_float() {
        let kernel = match input.rank() {
            1 | 2 => "log_softmax_lastdim_kernel_impl",
            _ => "log_softmax_kernel_impl",
        };
        return Err(Error::not_implemented(kernel, input.dtype()));
    }
    let scores = input;
    let of_classes = input.shape() != target.shape();
    if !of_classes && target.dtype().is_float() && ignore_index >= 0 {
        return Err(Error::value(
            "ignore_index is not supported for floating point target",
        ));
    }
    let fused = if of_classes {
        let targets = Targets::new(scores, target, weight, ignore_index)?;
        Some(Fused::of_classes(scores, targets, label_smoothing))
    } else {
        Fused::of_probabilities(scores, target, weight, label_smoothing, reduction)?
    };
    if let Some(fused) = fused {
        return dispatch_float!("cross_entropy", scores.dtype(), T => {
            fused.run::<T>(scores, reduction)
        });
    }
    let class_dim = if input.rank() == 1 { 0 } else { 1 };
    let call = Call {
        log_probs: &log_softmax(scores, class_dim)?,
        target,
        weight,
        class_dim,
        reduction,
        label_smoothing,
    };
    call.of_probabilities()
}

/// A loss that is computed from the scores at once: its targets need no gradient.
struct Fused {
    /// Samples, classes, positions in a sample.
    sizes: (usize, usize, usize),
    /// The shape of the losses.
    shape: Vec<usize>,
    target: Tensor,
    /// If the targets are classes.
    ignore_index: Option<i64>,
    weight: Option<Tensor>,
    label_smoothing: f64,
    /// A node bears the name of the last operation it stands for.
    name: &'static str,
}

impl Fused {
    fn of_classes(scores: &Tensor, targets: Targets, label_smoothing: f64) -> Self {
        Fused {
            sizes: (targets.batch, targets.classes, targets.spatial),
            shape: targets.target.shape().to_vec(),
            target: targets.target,
            ignore_index: Some(targets.ignore_index),
            weight: targets.weight,
            label_smoothing,
            name: match label_smoothing {
                0.0 => node_name(scores.rank()),
                _ => "AddBackward0",
            },
        }
    }

    /// `None` where the loss is not fused: for targets that need a gradient, other dtypes, and
    /// what is refused.
    fn of_probabilities(
        scores: &Tensor,
        target: &Tensor,
        weight: Option<&Tensor>,
        label_smoothing: f64,
        reduction: Reduction,
    ) -> Result<Option<Self>> {
        let sizes = sizes(scores.shape());
        let fits =
            |weight: &Tensor| weight.shape() == [sizes.1] && weight.dtype() == scores.dtype();
        let fused = target.dtype() == scores.dtype()
            && !target.requires_grad()
            && sizes.1 > 0
            && weight.is_none_or(|w| fits(w) && !w.requires_grad());
        if !fused {
            return Ok(None);
        }
        let mut shape = scores.shape().to_vec();
        shape.remove(usize::from(shape.len() > 1));
        Ok(Some(Fused {
            sizes,
            shape,
            target: target.detach().contiguous()?,
            ignore_index: None,
            weight: weight.map(|w| w.detach().contiguous()).transpose()?,
            label_smoothing,
            name: match reduction {
                Reduction::Mean => "DivBackward1",
                Reduction::None | Reduction::Sum => "NegBackward0",
            },
        }))
    }

    fn run<T: Float + Element>(self, scores: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let x = scores.detach().contiguous()?;
        let count = self.sizes.0 * self.sizes.2;
        let room = || Buffer::<T>::try_new(count);
        let (mut losses, mut weights) = (room()?, room()?);
        let (mut max, mut log_sum) = (room()?, room()?);
        self.kernel::<T>()?.forward(
            x.as_slice()?,
            &mut losses,
            &mut weights,
            &mut max,
            &mut log_sum,
        );
        let losses = Tensor::from_buffer(losses, &self.shape[..]);
        let (loss, total) = reduced(losses, Tensor::from_buffer(weights, [count]), reduction)?;
        Ok(record(loss, &[scores], |_| {
            let [max, log_sum] = [max, log_sum].map(|b| Tensor::from_buffer(b, [count]));
            Backward::new(self.name, move |grad: &Tensor| {
                let each = of_each(grad, total, &self.shape)?;
                let mut dx = Buffer::<T>::try_new(x.numel())?;
                self.kernel::<T>()?.backward(
                    x.as_slice()?,
                    max.as_slice()?,
                    log_sum.as_slice()?,
                    each.as_slice()?,
                    &mut dx,
                );
                Ok(smallvec![Some(Tensor::from_buffer(dx, x.shape()))])
            })
        }))
    }

    fn kernel<T: Float + Element>(&self) -> Result<CrossEntropy<'_, T>> {
        let (batch, classes, spatial) = self.sizes;
        Ok(CrossEntropy {
            batch,
            classes,
            spatial,
            target: match self.ignore_index {
                Some(ignore_index) => CrossEntropyTarget::Classes {
                    classes: self.target.as_slice()?,
                    ignore_index,
                },
                None => CrossEntropyTarget::Probabilities(self.target.as_slice()?),
            },
            weight: self.weight.as_ref().map(Tensor::as_slice).transpose()?,
            label_smoothing: self.label_smoothing,
        })
    }
}

/// The loss of probabilities that may need a gradient themselves.
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
