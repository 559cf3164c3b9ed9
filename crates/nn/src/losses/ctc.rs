//! [`CTCLoss`].

use super::Reduction;
use super::row::losses;
use crate::functional::{self, CtcLossOptions};

losses! {
    /// Connectionist temporal classification (Graves et al. 2006), reduced: [`functional::ctc_loss`], where
    /// all rules stand. `-ln p(target)`, where p sums over all ways to spread the target's labels over the
    /// steps, each for one step or more, with blanks between.
    ///
    /// Shapes: log-probabilities `[T, N, C]` or `[T, C]`; targets `[N, S]` or, one after the other,
    /// `[Σ target_lengths]`; lengths of the inputs and of the targets `[N]` or `[]`. The loss is 0-d, or
    /// without reduction `[N]` or `[]`. The mean is that of each sample's loss over its number of labels.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// use pleach::nn::{ForwardMany, losses::CTCLoss};
    /// let log_probs = Tensor::full([2, 1, 2], 0.5f64.ln());
    /// let (targets, lengths) = (tensor![[1]], tensor![1]);
    /// let loss = CTCLoss::new().call((&log_probs, &targets, &tensor![2], &lengths))?;
    /// assert!((loss.item()? + 0.75f64.ln()).abs() < 1e-6); // all ways but two blanks
    /// # Ok::<(), pleach::Error>(())
    /// ```
    CTCLoss, CTCLossBuilder, Reduction {
        weights {}
        options {
            /// The label between others (0 by default).
            blank: i64 = 0;
            /// Whether an infinite loss counts as 0, and has no gradient (no, by default).
            zero_infinity: bool = false;
        }
    }
    |this, log_probs, targets, input_lengths, target_lengths| {
        let options = CtcLossOptions::new()
            .blank(this.blank)
            .zero_infinity(this.zero_infinity)
            .reduction(this.reduction);
        functional::ctc_loss(log_probs, targets, input_lengths, target_lengths, options)
    };
}
