//! [`CTCLoss`].

use super::Reduction;
use super::row::losses;
use crate::functional::{self, CtcLossOptions};

losses! {
    /// Connectionist temporal classification: [`functional::ctc_loss`], where shapes and rules stand.
    /// Arguments: log-probabilities, targets, lengths of the inputs, lengths of the targets.
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
