//! Losses of log-likelihoods: of classes, counts, numbers and distributions.

use super::Reduction;
use super::row::{losses, tensor};
use crate::functional::{
    self, CrossEntropyOptions, GaussianNllLossOptions, KlDivReduction, NllLossOptions,
    PoissonNllLossOptions, Variance,
};

losses! {
    /// The cross entropy of scores and classes, or probabilities of classes, reduced:
    /// [`functional::cross_entropy`], where all rules stand.
    ///
    /// ```text
    /// -weight[target] · log_softmax(input)[target], or -Σ_c weight[c] · target[c] · log_softmax(input)[c]
    /// ```
    ///
    /// Shapes: scores `[N, C, *]` or `[C]`; target (i64) `[N, *]` or `[]`, or probabilities of the scores'
    /// shape; the loss is 0-d, or without reduction `[N, *]` or `[]`. The mean of classes is over the sum of
    /// their weights.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{CrossEntropyLoss, Loss};
    /// let scores = tensor![[0.0, 0.0], [100.0, 0.0]];
    /// let loss = CrossEntropyLoss::new().call(&scores, &tensor![1, 0])?;
    /// assert_eq!(loss.item()?, 0.34657359f32 as f64); // the mean of ln 2 and 0
    /// let weighted = CrossEntropyLoss::builder().weight(tensor![1.0, 3.0]).build()?;
    /// assert_eq!(weighted.call(&scores, &tensor![1, 0])?.item()?, 0.51986039f32 as f64); // 3/4 ln 2
    /// # Ok::<(), pleach::Error>(())
    /// ```
    CrossEntropyLoss, CrossEntropyLossBuilder, Reduction {
        weights {
            /// The weight of each class, `[C]` (all 1 by default).
            weight;
        }
        options {
            /// The class that counts for nothing (-100 by default).
            ignore_index: i64 = -100;
            /// How much of the target is spread over all classes (0 by default).
            label_smoothing: f64 = 0.0;
        }
    }
    |this, input, target| {
        let weight = tensor(&this.weight)?;
        let options = CrossEntropyOptions::new()
            .weight(weight.as_ref())
            .ignore_index(this.ignore_index)
            .reduction(this.reduction)
            .label_smoothing(this.label_smoothing);
        functional::cross_entropy(input, target, options)
    };

    /// `-weight[target] · input[target]`, reduced: the negative log-likelihood of log-probabilities and
    /// classes, [`functional::nll_loss`].
    ///
    /// Shapes: input `[N, C, *]` or `[C]`, target (i64) `[N, *]` or `[]`; the loss is 0-d, or of the target's
    /// shape without reduction. The mean is over the sum of the targets' weights.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, NLLLoss};
    /// let log_probs = tensor![[-1.0, -2.0], [-3.0, -4.0]];
    /// assert_eq!(NLLLoss::new().call(&log_probs, &tensor![0, 1])?.item()?, 2.5);
    /// let without_first = NLLLoss::builder().ignore_index(0).build()?;
    /// assert_eq!(without_first.call(&log_probs, &tensor![0, 1])?.item()?, 4.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    NLLLoss, NLLLossBuilder, Reduction {
        weights {
            /// The weight of each class, `[C]` (all 1 by default).
            weight;
        }
        options {
            /// The class that counts for nothing (-100 by default).
            ignore_index: i64 = -100;
        }
    }
    |this, input, target| {
        let weight = tensor(&this.weight)?;
        let options = NllLossOptions::new().weight(weight.as_ref());
        let options = options.ignore_index(this.ignore_index).reduction(this.reduction);
        functional::nll_loss(input, target, options)
    };

    /// [`NLLLoss`] by an old name, which PyTorch still has: it takes images of classes, as that does.
    ///
    /// Shapes: input `[N, C, H, W]`, target (i64) `[N, H, W]`; the loss is 0-d, or of the target's shape
    /// without reduction.
    ///
    /// ```
    /// use pleach::Tensor;
    /// use pleach::nn::losses::{Loss, NLLLoss2d};
    /// use pleach::DType;
    /// let (x, y) = (Tensor::zeros([1, 3, 2, 2]), Tensor::zeros_of([1, 2, 2], DType::I64));
    /// assert_eq!(NLLLoss2d::new().call(&x, &y)?.item()?, 0.0);
    /// assert_eq!(NLLLoss2d::new().to_string(), "NLLLoss2d()");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    NLLLoss2d, NLLLoss2dBuilder, Reduction {
        weights {
            /// The weight of each class, `[C]` (all 1 by default).
            weight;
        }
        options {
            /// The class that counts for nothing (-100 by default).
            ignore_index: i64 = -100;
        }
    }
    |this, input, target| {
        let weight = tensor(&this.weight)?;
        let options = NllLossOptions::new().weight(weight.as_ref());
        let options = options.ignore_index(this.ignore_index).reduction(this.reduction);
        functional::nll_loss(input, target, options)
    };

    /// The negative log-likelihood of counts under Poisson's distribution, `exp(x) - y x`, reduced:
    /// [`functional::poisson_nll_loss`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, PoissonNLLLoss};
    /// let loss = PoissonNLLLoss::new().call(&tensor![0.0, 0.0], &tensor![5.0, 1.0])?;
    /// assert_eq!(loss.item()?, 1.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    PoissonNLLLoss, PoissonNLLLossBuilder, Reduction {
        weights {}
        options {
            /// Whether the input is the logarithm of the rate (yes, by default).
            log_input: bool = true;
            /// Whether the part that depends on the target alone is added (no, by default).
            full: bool = false;
            /// What is added to a rate before its logarithm is taken (1e-8 by default).
            eps: f64 = 1e-8;
        }
    }
    |this, input, target| {
        let options = PoissonNllLossOptions::new()
            .log_input(this.log_input)
            .full(this.full)
            .eps(this.eps)
            .reduction(this.reduction);
        functional::poisson_nll_loss(input, target, options)
    };

    /// The negative log-likelihood under normal distributions, `(ln v + (x - y)² / v) / 2`, reduced:
    /// [`functional::gaussian_nll_loss`].
    ///
    /// Shapes: input and target the same; the third argument, a [`Variance`], is a number, of that shape, or
    /// of that without its last dimension or with a size of 1 there; the loss is 0-d, or of the input's
    /// shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional::Variance;
    /// use pleach::nn::{ForwardMany, losses::GaussianNLLLoss};
    /// let (x, y, var) = (tensor![1.0, 3.0], tensor![1.0, 1.0], tensor![1.0, 1.0]);
    /// let loss = GaussianNLLLoss::new();
    /// assert_eq!(loss.call((&x, &y, Variance::Tensor(&var)))?.item()?, 1.0);
    /// assert_eq!(loss.call((&x, &y, Variance::Number(1.0)))?.item()?, 1.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    GaussianNLLLoss, GaussianNLLLossBuilder, Reduction {
        weights {}
        options {
            /// Whether the constant part is added (no, by default).
            full: bool = false;
            /// The least variance (1e-6 by default).
            eps: f64 = 1e-6;
        }
    }
    |this, input, target, var: Variance| {
        let options = GaussianNllLossOptions::new().full(this.full).eps(this.eps);
        functional::gaussian_nll_loss(input, target, var, options.reduction(this.reduction))
    };

    /// The Kullback-Leibler divergence `y (ln y - x)` of log-probabilities x, reduced:
    /// [`functional::kl_div`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction. That of
    /// distributions is `"batchmean"`, which PyTorch's default `"mean"` is not.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{KLDivLoss, Loss};
    /// let loss = KLDivLoss::builder().reduction("batchmean").build()?;
    /// let loss = loss.call(&tensor![[0.5, 0.5]].log()?, &tensor![[1.0, 0.0]])?;
    /// assert_eq!(loss.item()?, 0.6931472f32 as f64);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    KLDivLoss, KLDivLossBuilder, KlDivReduction {
        weights {}
        options {
            /// Whether the target is given by its logarithm (no, by default).
            log_target: bool = false;
        }
    }
    |this, input, target| functional::kl_div(input, target, this.reduction, this.log_target);
}
