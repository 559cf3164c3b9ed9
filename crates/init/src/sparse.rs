//! Sparse initialisation. "Deep learning via Hessian-free optimization", Martens, 2010.

use pleach_core::{Error, Generator, Result, Target, TensorIndex};

/// Fills a matrix with normal values of mean 0, then sets a part of each column to zero:
/// `ceil(sparsity * rows)` rows, chosen anew for each column.
///
/// As in PyTorch, the rows are always chosen by the current generator, also where the values come
/// from another one ([`with`](crate::with)). A count above the rows zeroes all of them; a negative
/// one counts from the end of the choice, as Python's slices do.
///
/// # Errors
/// If it is not a matrix, `std` is negative, or the sparsity is not finite.
///
/// ```
/// let mut w = pleach::Tensor::zeros([10, 4]);
/// pleach::init::sparse_(&mut w, 0.3, 0.01)?;
/// assert_eq!(w.eq(0.0)?.sum_dim(0, false)?.to_vec::<i64>()?, [3, 3, 3, 3]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn sparse_<T: Target>(target: T, sparsity: f64, std: f64) -> Result<T> {
    let chooser = Generator::current();
    target.change_values(|t| {
        let &[rows, columns] = t.shape() else {
            return Err(Error::value("Only tensors with 2 dimensions are supported"));
        };
        t.normal_(0.0, std)?;
        let zeros = (sparsity * rows as f64).ceil();
        if !zeros.is_finite() {
            return Err(Error::value(format!(
                "cannot convert float {zeros} to integer: sparsity is {sparsity}"
            )));
        }
        if t.numel() == 0 {
            return Ok(());
        }
        let count = zeros as i64;
        let end = if count < 0 {
            rows.saturating_sub(count.unsigned_abs() as usize)
        } else {
            rows.min(count as usize)
        };
        for column in 0..columns {
            let mut chosen = chooser.randperm(rows);
            chosen.truncate(end);
            if !chosen.is_empty() {
                let index: [TensorIndex; 2] = [chosen.into(), column.into()];
                t.index_put_(&index[..], 0.0)?;
            }
        }
        Ok(())
    })
}
