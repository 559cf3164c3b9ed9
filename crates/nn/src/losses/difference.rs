//! Losses of the difference between input and target.

use super::Reduction;
use super::row::losses;
use crate::functional::{self, HuberLossOptions};

losses! {
    /// The absolute error `|input - target|`, reduced: [`functional::l1_loss`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{L1Loss, Loss};
    /// let (x, y) = (tensor![1.0, 2.0], tensor![1.0, 4.0]);
    /// assert_eq!(L1Loss::new().call(&x, &y)?.item()?, 1.0);
    /// assert_eq!(L1Loss::new().to_string(), "L1Loss()");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    L1Loss, L1LossBuilder, Reduction {
        weights {}
        options {}
    }
    |this, input, target| functional::l1_loss(input, target, this.reduction);

    /// The squared error `(input - target)²`, reduced: [`functional::mse_loss`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, MSELoss};
    /// let (x, y) = (tensor![1.0, 2.0], tensor![1.0, 4.0]);
    /// assert_eq!(MSELoss::new().call(&x, &y)?.item()?, 2.0);
    /// assert_eq!(MSELoss::builder().reduction("sum").build()?.call(&x, &y)?.item()?, 4.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    MSELoss, MSELossBuilder, Reduction {
        weights {}
        options {}
    }
    |this, input, target| functional::mse_loss(input, target, this.reduction);

    /// `d² / (2 beta)` of the difference d, and `|d| - beta / 2` from `beta` on, reduced:
    /// [`functional::smooth_l1_loss`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, SmoothL1Loss};
    /// let (x, y) = (tensor![1.0, 2.0], tensor![1.5, 4.0]);
    /// assert_eq!(SmoothL1Loss::new().call(&x, &y)?.item()?, (0.125 + 1.5) / 2.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    SmoothL1Loss, SmoothL1LossBuilder, Reduction {
        weights {}
        options {
            /// From which difference on the loss grows linearly (1 by default); 0 is [`L1Loss`].
            beta: f64 = 1.0;
        }
    }
    |this, input, target| functional::smooth_l1_loss(input, target, this.reduction, this.beta);

    /// `d² / 2` of the difference d, and `delta (|d| - delta / 2)` from `delta` on, reduced:
    /// [`functional::huber_loss`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{HuberLoss, Loss};
    /// let loss = HuberLoss::builder().delta(0.5).reduction("none").build()?;
    /// let losses = loss.call(&tensor![1.0, 2.0], &tensor![1.25, 4.0])?;
    /// assert_eq!(losses.to_vec::<f32>()?, [0.03125, 0.875]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    HuberLoss, HuberLossBuilder, Reduction {
        weights {}
        options {
            /// From which difference on the loss grows linearly (1 by default).
            delta: f64 = 1.0;
        }
    }
    |this, input, target| {
        let options = HuberLossOptions::new().delta(this.delta);
        functional::huber_loss(input, target, options.reduction(this.reduction))
    };
}
