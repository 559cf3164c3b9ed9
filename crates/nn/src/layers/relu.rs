//! [`ReLU`].

use crate::functional;

inplace_activation! {
    /// `max(x, 0)`, element by element. Any shape.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// use pleach_nn::{Forward, layers::ReLU};
    /// let y = ReLU::new().call(&tensor![-1.0, 2.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ReLU, functional::relu
}
