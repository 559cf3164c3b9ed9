//! [`Dropout2d`].

use crate::functional;

dropout_layer! {
    /// In training mode, sets whole channels of a 2-d signal to zero with probability `p` and
    /// multiplies the others by `1 / (1 - p)`; in evaluation mode, returns the input.
    ///
    /// See [`functional::dropout2d`] for shapes and the random numbers.
    ///
    /// ```
    /// use pleach_core::{Tensor, manual_seed};
    /// use pleach_nn::{Forward, Module, layers::Dropout2d};
    ///
    /// let dropout = Dropout2d::new(0.5)?;
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([1, 3, 1, 2]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
    /// dropout.eval();
    /// let x = Tensor::ones([1, 3, 1, 2]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    Dropout2d, Dropout2dBuilder, functional::dropout2d
}
