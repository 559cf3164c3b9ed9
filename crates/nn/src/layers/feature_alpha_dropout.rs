//! [`FeatureAlphaDropout`].

use crate::functional;

dropout_layer! {
    /// In training mode, sets whole channels to SELU's lowest value with probability `p`, and scales
    /// and shifts all so that zero mean and unit variance stay; in evaluation mode, returns the input.
    ///
    /// See [`functional::feature_alpha_dropout`] for shapes and the random numbers.
    ///
    /// ```
    /// use pleach_core::{Tensor, manual_seed};
    /// use pleach_nn::{Forward, Module, layers::FeatureAlphaDropout};
    ///
    /// let dropout = FeatureAlphaDropout::new(0.5)?;
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([1, 3, 1]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [-0.77919394, -0.77919394, 1.6655989]);
    /// dropout.eval();
    /// let x = Tensor::ones([1, 3, 1]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    FeatureAlphaDropout, FeatureAlphaDropoutBuilder, functional::feature_alpha_dropout
}
