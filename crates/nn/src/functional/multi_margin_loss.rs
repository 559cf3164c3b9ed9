//! Losses that ask for a margin between the scores of right and wrong classes.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{DType, Element, Error, Result, Tensor};
use pleach_kernels::{Float, for_each_chunk_mut};

use super::loss_options::loss_options;
use super::pair_loss::no_gradient;
use super::{Reduction, check_dtype, filled};
use crate::setters::{given, setters};

/// `Σ_c max(0, margin - input[target] + input[c])^p / C` over all classes but the target, reduced;
/// times the weight of the target's class, where there are weights.
///
/// Shapes: input `[N, C]` or `[C]`, target (i64) `[N]` or `[]`, weight `[C]`; the result is 0-d, or of
/// the target's shape without reduction.
///
/// # Errors
/// If shapes or dtypes do not fit, a target is no class, `p` is not 1 or 2, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let scores = tensor![[1.0, 0.5, 3.0, -2.0]];
/// let loss = F::multi_margin_loss(&scores, &tensor![0], Default::default())?;
/// assert_eq!(loss.item()?, (0.5 + 3.0) / 4.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn multi_margin_loss(
    input: &Tensor,
    target: &Tensor,
    options: MultiMarginLossOptions<'_>,
) -> Result<Tensor> {
    const NAME: &str = "multi_margin_loss";
    let reduction = options.reduction?;
    check_power(options.p)?;
    if options.weight.is_some_and(|w| w.rank() != 1) {
        return Err(Error::value("weight must be one-dimensional"));
    }
    let (rows, classes) = rows_and_classes(input)?;
    if target.rank() > 1 || target.numel() != rows {
        return Err(Error::shape(format!(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected target size [{rows}], but got {:?}. Input has shape {:?}.",
            target.shape(),
            input.shape()
        )));
    }
    if let Some(weight) = options.weight {
        if weight.numel() != classes {
            return Err(Error::shape(format!(
                "inconsistent weight size, expected {classes} but got {:?}",
                weight.shape()
            )));
        }
        no_gradient(NAME, "weight", weight)?;
    }
    check_floats("multi_margin_loss_cpu_kernel", input)?;
    check_dtype(target, DType::I64)?;
    if let Some(weight) = options.weight {
        check_dtype(weight, input.dtype())?;
    }
    let is_class = |t: &i64| (0..classes as i64).contains(t);
    if !target.contiguous()?.as_slice::<i64>()?.iter().all(is_class) {
        return Err(Error::index("target out of range"));
    }
    let loss = MarginLoss {
        kind: Kind::Class {
            squared: options.p == 2,
            margin: options.margin,
        },
        reduction,
    };
    apply(loss, (input, target, options.weight))
}

/// `Σ_t Σ_c max(0, 1 - input[t] + input[c]) / C` over all targets and all classes that are none,
/// reduced.
///
/// Shapes: input `[N, C]` or `[C]`; target (i64) the same: classes, which end at the first -1; the
/// result is 0-d, or `[N]` or 0-d without reduction.
///
/// # Errors
/// If shapes or dtypes do not fit, a target is no class, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let scores = tensor![0.1, 0.2, 0.4, 0.8];
/// let loss = F::multilabel_margin_loss(&scores, &tensor![3, 0, -1, 1], "mean")?;
/// assert!((loss.item()? - 0.85).abs() < 1e-6);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn multilabel_margin_loss(
    input: &Tensor,
    target: &Tensor,
    reduction: impl TryInto<Reduction, Error: Into<Error>>,
) -> Result<Tensor> {
    let reduction = given(reduction)?;
    let (_, classes) = rows_and_classes(input)?;
    let same = match input.rank() {
        2 => target.shape() == input.shape(),
        _ => target.rank() <= 1 && target.numel() == classes,
    };
    if !same {
        return Err(Error::shape(format!(
            "inconsistent target size: {:?} for input of size: {:?}",
            target.shape(),
            input.shape()
        )));
    }
    check_dtype(target, DType::I64)?;
    check_floats("multilabel_margin_loss_forward_out_frame", input)?;
    let is_class = |t: &i64| (-1..classes as i64).contains(t);
    if !target.contiguous()?.as_slice::<i64>()?.iter().all(is_class) {
        return Err(Error::index("argument #2 'target' is out of range"));
    }
    let loss = MarginLoss {
        kind: Kind::Labels,
        reduction,
    };
    apply(loss, (input, target, None))
}

loss_options! {
    /// What [`multi_margin_loss`] takes beside its tensors.
    MultiMarginLossOptions<'a> {
        weights {
            /// A weight for each class.
            weight;
        }
        values {
            /// The power of each difference, 1 (the default) or 2.
            p: i64 = 1;
            /// By how much the score of the target should be larger (1 by default).
            margin: f64 = 1.0;
        }
    }
}

pub(crate) fn check_power(p: i64) -> Result<()> {
    match p {
        1 | 2 => Ok(()),
        _ => Err(Error::value("only p == 1 and p == 2 supported")),
    }
}

/// Samples and classes of scores `[N, C]`, `[C]` or `[]`.
fn rows_and_classes(input: &Tensor) -> Result<(usize, usize)> {
    match *input.shape() {
        [] => Ok((1, 1)),
        [classes] if classes > 0 => Ok((1, classes)),
        [rows, classes] if classes > 0 => Ok((rows, classes)),
        ref other => Err(Error::shape(format!(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {other:?}"
        ))),
    }
}

fn check_floats(kernel: &'static str, input: &Tensor) -> Result<()> {
    match input.dtype() {
        DType::F32 | DType::F64 => Ok(()),
        other => Err(Error::not_implemented(kernel, other)),
    }
}

#[derive(Copy, Clone, Debug)]
enum Kind {
    /// One class a sample.
    Class { squared: bool, margin: f64 },
    /// A list of classes.
    Labels,
}

/// The loss of scores and classes, after all checks.
#[derive(Clone, Debug)]
pub struct MarginLoss {
    kind: Kind,
    reduction: Reduction,
}

/// The targets of one sample, with what they make of it.
struct Row<'a, T> {
    kind: Kind,
    x: &'a [T],
    targets: &'a [i64],
    weight: Option<&'a [T]>,
}

impl<T: Float> Row<'_, T> {
    /// Calls `f(target, class, term, slope)` for each term of the sum that is above 0; the slope is
    /// that by the class's score, and its opposite that by the target's.
    fn for_each_term(&self, mut f: impl FnMut(usize, usize, T, T)) {
        let count = T::from_usize(self.x.len());
        let of_label = |targets: &[i64], class: usize| targets.contains(&(class as i64));
        match self.kind {
            Kind::Class { squared, margin } => {
                let target = self.targets[0] as usize;
                let factor = self.weight.map_or(T::ONE, |w| w[target]) / count;
                for (class, x) in self.x.iter().enumerate() {
                    let z = T::from_f64(margin) - self.x[target] + *x;
                    if class != target && z > T::ZERO {
                        match squared {
                            true => f(target, class, z * z * factor, (z + z) * factor),
                            false => f(target, class, z * factor, factor),
                        }
                    }
                }
            }
            Kind::Labels => {
                let end = self.targets.iter().position(|t| *t < 0);
                let targets = &self.targets[..end.unwrap_or(self.targets.len())];
                for class in (0..self.x.len()).filter(|c| !of_label(targets, *c)) {
                    for target in targets {
                        let target = *target as usize;
                        let z = T::ONE - self.x[target] + self.x[class];
                        if z > T::ZERO {
                            f(target, class, z / count, T::ONE / count);
                        }
                    }
                }
            }
        }
    }
}

impl MarginLoss {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Class { .. } => "multi_margin_loss",
            Kind::Labels => "multilabel_margin_loss",
        }
    }

    /// Sample `i` of the scores `x`, which have `classes`.
    fn row<'a, T: Float>(
        &self,
        (x, classes): (&'a [T], usize),
        targets: &'a [i64],
        weight: Option<&'a [T]>,
        i: usize,
    ) -> Row<'a, T> {
        let each = match self.kind {
            Kind::Class { .. } => 1,
            Kind::Labels => classes,
        };
        Row {
            kind: self.kind,
            x: &x[i * classes..(i + 1) * classes],
            targets: &targets[i * each..(i + 1) * each],
            weight,
        }
    }

    /// The shape of the losses of single samples.
    fn shape(&self, input: &[usize], target: &[usize]) -> Vec<usize> {
        match (self.kind, input) {
            (Kind::Class { .. }, _) => target.to_vec(),
            (Kind::Labels, [rows, _]) => vec![*rows],
            (Kind::Labels, _) => Vec::new(),
        }
    }

    fn losses<T: Float + Element>(
        &self,
        (x, target, weight): (&Tensor, &Tensor, Option<&Tensor>),
    ) -> Result<Tensor> {
        let (_, classes) = rows_and_classes(x)?;
        let (scores, targets) = (x.as_slice::<T>()?, target.as_slice::<i64>()?);
        let weight = weight.map(Tensor::as_slice::<T>).transpose()?;
        filled(&self.shape(x.shape(), target.shape()), |out| {
            for_each_chunk_mut(out, rows_of_task(classes), |task, out| {
                for (j, loss) in out.iter_mut().enumerate() {
                    let i = task * rows_of_task(classes) + j;
                    let row = self.row((scores, classes), targets, weight, i);
                    // In f64, as PyTorch sums them.
                    let mut sum = 0.0;
                    row.for_each_term(|_, _, term, _| sum += Float::to_f64(term));
                    *loss = <T as Float>::from_f64(sum);
                }
            });
        })
    }

    fn gradient<T: Float + Element>(
        &self,
        (x, target, weight): (&Tensor, &Tensor, Option<&Tensor>),
        grad: &Tensor,
    ) -> Result<Tensor> {
        let (rows, classes) = rows_and_classes(x)?;
        let (scores, targets) = (x.as_slice::<T>()?, target.as_slice::<i64>()?);
        let weight = weight.map(Tensor::as_slice::<T>).transpose()?;
        let grad = grad.as_slice::<T>()?;
        let scale = match self.reduction {
            Reduction::Mean => T::ONE / T::from_usize(rows),
            Reduction::None | Reduction::Sum => T::ONE,
        };
        let each = rows_of_task(classes);
        filled(x.shape(), |out| {
            for_each_chunk_mut(out, each * classes, |task, out| {
                out.fill(T::ZERO);
                for (j, out) in out.chunks_mut(classes).enumerate() {
                    let i = task * each + j;
                    let row = self.row((scores, classes), targets, weight, i);
                    row.for_each_term(|target, class, _, slope| {
                        out[class] += slope * scale;
                        out[target] += -(slope * scale);
                    });
                    // In this order, as PyTorch: what has no slope may still meet an infinite gradient.
                    let up = grad[if grad.len() == rows { i } else { 0 }];
                    out.iter_mut().for_each(|out| *out *= up);
                }
            });
        })
    }
}

/// Samples that one thread takes.
fn rows_of_task(classes: usize) -> usize {
    ((1 << 13) / classes).max(1)
}

impl Operation for MarginLoss {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        MarginLoss::name(self)
    }
    fn grad_name(&self) -> &'static str {
        match self.kind {
            Kind::Class { .. } => "MultiMarginLossBackward0",
            Kind::Labels => "MultilabelMarginLossBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        let mut all = vec![("reduction", self.reduction.name().into())];
        if let Kind::Class { squared, margin } = self.kind {
            all.push(("p", (1 + i64::from(squared)).into()));
            all.push(("margin", margin.into()));
        }
        all
    }
    fn forward(&self, inputs: Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let losses = dispatch_float!(self.name(), inputs.0.dtype(), T => self.losses::<T>(inputs)?);
        self.reduction.of(&losses)
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1).input(2)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (x, target, weight) = (saved.input(0)?, saved.input(1)?, saved.optional(2));
        let gradient = MarginGradient(self.clone());
        let dx = apply(gradient, (&x, &target, weight.as_ref(), grad))?;
        Ok([Some(dx), None, None])
    }
}

/// The gradient of the scores; as in PyTorch it has none itself.
#[derive(Clone, Debug)]
struct MarginGradient(MarginLoss);

impl Operation for MarginGradient {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        match self.0.kind {
            Kind::Class { .. } => "multi_margin_loss_backward",
            Kind::Labels => "multilabel_margin_loss_backward",
        }
    }
    fn forward(&self, (x, target, weight, grad): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        dispatch_float!(self.name(), x.dtype(), T => {
            self.0.gradient::<T>((x, target, weight), grad)
        })
    }
}
