//! [`AlphaDropout`].

use crate::functional;

dropout_layer! {
    /// In training mode, sets elements to SELU's lowest value with probability `p`, and scales and
    /// shifts all so that zero mean and unit variance stay; in evaluation mode, returns the input.
    ///
    /// See [`functional::alpha_dropout`] for shapes and the random numbers.
    ///
    /// ```
    /// use pleach_core::{Tensor, manual_seed};
    /// use pleach_nn::{Forward, Module, layers::AlphaDropout};
    ///
    /// let dropout = AlphaDropout::new(0.5)?;
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([4]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [-0.77919394, -0.77919394, 1.6655989, -0.77919394]);
    /// dropout.eval();
    /// let x = Tensor::ones([4]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    AlphaDropout, AlphaDropoutBuilder, functional::alpha_dropout
}
