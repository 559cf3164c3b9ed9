//! [`Dropout`].

use crate::functional;

dropout_layer! {
    /// In training mode, sets each element to zero with probability `p` and multiplies the others by
    /// `1 / (1 - p)`; in evaluation mode, returns the input. Any shape.
    ///
    /// See [`functional::dropout`] for shapes and the random numbers.
    ///
    /// ```
    /// use pleach_core::{Tensor, manual_seed};
    /// use pleach_nn::{Forward, Module, layers::Dropout};
    ///
    /// let dropout = Dropout::new(0.5)?;
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([4]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 2.0, 0.0]);
    /// dropout.eval();
    /// let x = Tensor::ones([4]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    Dropout, DropoutBuilder, functional::dropout
}
