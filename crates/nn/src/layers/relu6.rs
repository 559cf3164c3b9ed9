//! [`ReLU6`].

use crate::functional;

inplace_activation! {
    /// `min(max(x, 0), 6)`, element by element. Any shape.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// use pleach_nn::{Forward, layers::ReLU6};
    /// let y = ReLU6::new().call(&tensor![-1.0, 2.0, 7.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0, 6.0]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ReLU6, functional::relu6
}
