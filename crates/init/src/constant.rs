//! Initialisers that draw nothing.

use pleach_core::{Error, Result, Scalar, Target, Tensor, TensorIndex};

/// Fills with one value.
///
/// # Errors
/// Never: every dtype holds a constant.
pub fn constant_<T: Target>(target: T, value: impl Into<Scalar>) -> Result<T> {
    target.change_values(|t| t.fill_(value).map(drop))
}

/// Fills with ones.
///
/// # Errors
/// As [`constant_`].
pub fn ones_<T: Target>(target: T) -> Result<T> {
    constant_(target, 1)
}

/// Fills with zeros.
///
/// # Errors
/// As [`constant_`].
pub fn zeros_<T: Target>(target: T) -> Result<T> {
    constant_(target, 0)
}

/// The identity matrix: ones on the diagonal, zeros elsewhere.
///
/// # Errors
/// If it is not a matrix.
///
/// ```
/// let mut x = pleach::Tensor::zeros([2, 3]);
/// pleach::init::eye_(&mut x)?;
/// assert_eq!(x.to_vec::<f32>()?, [1., 0., 0., 0., 1., 0.]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn eye_<T: Target>(target: T) -> Result<T> {
    target.change_values(|t| {
        let &[rows, cols] = t.shape() else {
            return Err(Error::value("Only tensors with 2 dimensions are supported"));
        };
        t.zero_()?;
        let diagonal: Vec<i64> = (0..rows.min(cols) as i64).collect();
        t.index_put_((diagonal.clone(), diagonal), 1)?;
        Ok(())
    })
}

/// The Dirac delta: a convolution with this weight passes its input channels through, as many as
/// there are output channels in a group.
///
/// # Errors
/// If it is no convolution weight (3 to 5 dimensions), or the groups do not divide it.
pub fn dirac_<T: Target>(target: T, groups: usize) -> Result<T> {
    target.change_values(|t| {
        let shape = t.shape().to_vec();
        if !(3..=5).contains(&shape.len()) {
            return Err(Error::value(
                "Only tensors with 3, 4, or 5 dimensions are supported",
            ));
        }
        if groups == 0 {
            return Err(Error::value("integer modulo by zero"));
        }
        if !shape[0].is_multiple_of(groups) {
            return Err(Error::value("dim 0 must be divisible by groups"));
        }
        // Its sizes say nothing about how much there is to do.
        if t.numel() == 0 {
            return Ok(());
        }
        let out_per_group = shape[0] / groups;
        let mut at: Vec<Vec<i64>> = vec![Vec::new(); shape.len()];
        for group in 0..groups {
            for d in 0..out_per_group.min(shape[1]) {
                at[0].push((group * out_per_group + d) as i64);
                at[1].push(d as i64);
                for (k, &size) in shape.iter().enumerate().skip(2) {
                    at[k].push((size / 2) as i64);
                }
            }
        }
        t.zero_()?;
        let index: Vec<TensorIndex> = at.into_iter().map(Into::into).collect();
        t.index_put_(&index[..], Tensor::ones_of((), t.dtype()))?;
        Ok(())
    })
}
