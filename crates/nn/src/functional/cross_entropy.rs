//! Cross entropy of scores and classes.

use pleach_core::autograd::{Attributes, GradsOf, Operation, Own, Saved, apply};
use pleach_core::{Error, Result, Tensor};

use super::nll_loss::{NllLoss, class_dim, is_half, node_name, of_half, smoothed};
use super::{Reduction, log_softmax};
use crate::setters::{given, setters};

/// The negative log-likelihood of the softmax of `input`, reduced.
///
/// Shapes: input (scores) `[C]`, `[N, C]` or `[N, C, d1, …]`; target either classes (i64 or u8),
/// the input's shape without C, or the probability of each class, the input's shape; weight `[C]`.
/// The result is 0-d, or has one loss for each target.
///
/// - Classes equal to `ignore_index` count for nothing; the mean is
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
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, CrossEntropyOptions};
/// let scores = tensor![[0.0, 0.0], [100.0, 0.0]];
/// let loss = F::cross_entropy(&scores, &tensor![1, 0], Default::default())?;
/// assert_eq!(loss.item()?, 0.6931472f32 as f64 / 2.0); // the mean
/// let options = CrossEntropyOptions::new().reduction("none");
/// let loss = F::cross_entropy(&scores, &tensor![1, 0], options)?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.6931472, 0.0]); // ln 2: a guess; 0: certain
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn cross_entropy(
    input: &Tensor,
    target: &Tensor,
    options: CrossEntropyOptions<'_>,
) -> Result<Tensor> {
    let CrossEntropyOptions {
        weight,
        ignore_index,
        reduction,
        label_smoothing,
    } = options;
    let reduction = reduction?;
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
    let of_classes = input.shape() != target.shape();
    if is_half(input) {
        return of_half(
            input,
            (target, of_classes),
            weight,
            |input, target, weight| {
                let options = CrossEntropyOptions::new()
                    .weight(weight)
                    .ignore_index(ignore_index)
                    .reduction(reduction)
                    .label_smoothing(label_smoothing);
                cross_entropy(input, target, options)
            },
        );
    }
    if !of_classes && target.dtype().is_float() && ignore_index >= 0 {
        return Err(Error::value(
            "ignore_index is not supported for floating point target",
        ));
    }
    let mut fused = NllLoss {
        softmax: true,
        ignore_index: Some(ignore_index),
        label_smoothing,
        reduction,
        grad_name: match label_smoothing {
            0.0 => node_name(input.rank()),
            _ => "AddBackward0",
        },
    };
    if of_classes {
        return fused.of_classes(input, target, weight);
    }
    let dim = class_dim(input.shape());
    let classes = input.shape()[dim];
    let is_constant = |t: &Tensor| t.dtype() == input.dtype() && !t.requires_grad();
    if is_constant(target)
        && classes > 0
        && weight.is_none_or(|w| is_constant(w) && w.shape() == [classes])
    {
        fused.ignore_index = None;
        fused.grad_name = match reduction {
            Reduction::Mean => "DivBackward1",
            Reduction::None | Reduction::Sum => "NegBackward0",
        };
        return apply(fused, (input, target, weight));
    }
    let log_probs = log_softmax(input, dim as i64)?;
    if !target.dtype().is_float() {
        return Err(Error::dtype(format!(
            "Expected floating point type for target with class probabilities, got {}",
            target.dtype().torch_name()
        ))
        .hint_conversion(target.dtype(), input.dtype()));
    }
    let mut product = log_probs.mul(&smoothed(target, label_smoothing, classes)?)?;
    if let Some(weight) = weight {
        if weight.shape() != [classes] {
            return Err(Error::shape(format!(
                "cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}",
                weight.shape()
            )));
        }
        let mut sizes = vec![1; input.rank()];
        sizes[dim] = classes;
        product = product.mul(&weight.reshape(sizes)?)?;
    }
    match reduction {
        Reduction::None => product.sum_dim(dim as i64, false)?.neg(),
        Reduction::Sum => product.sum()?.neg(),
        Reduction::Mean => {
            // 0 / 0, which is nan, if there are no samples.
            let samples = product.numel() as f64 / classes.max(1) as f64;
            apply(DivBySize(samples), &product.sum()?.neg()?)
        }
    }
}

/// What [`cross_entropy`] takes beside its tensors.
#[derive(Debug, Clone)]
#[must_use]
pub struct CrossEntropyOptions<'a> {
    weight: Option<&'a Tensor>,
    ignore_index: i64,
    reduction: Result<Reduction>,
    label_smoothing: f64,
}

impl<'a> CrossEntropyOptions<'a> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        CrossEntropyOptions {
            weight: None,
            ignore_index: -100,
            reduction: Ok(Reduction::Mean),
            label_smoothing: 0.0,
        }
    }

    setters! {
        |options| options;
        /// A weight for each class (all 1 by default).
        weight: impl Into<Option<&'a Tensor>> = weight.into();
        /// The class that counts for nothing (-100 by default).
        ignore_index: i64 = ignore_index;
        /// How the losses of single elements become one: `"mean"` (the default), `"sum"` or
        /// `"none"`, or a [`Reduction`].
        reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
        /// How much of the target is spread over all classes (0 by default).
        label_smoothing: f64 = label_smoothing;
    }
}

impl Default for CrossEntropyOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// A division by a number of samples, which PyTorch gives a name of its own.
#[derive(Clone, Debug)]
pub struct DivBySize(f64);

impl Operation for DivBySize {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "div"
    }
    fn grad_name(&self) -> &'static str {
        "DivBackward1"
    }
    fn attributes(&self) -> Attributes {
        vec![("other", self.0.into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        x.div(self.0)
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([Some(grad.div(self.0)?)])
    }
}
