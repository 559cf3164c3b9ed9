//! Orthogonal initialisation. "Exact solutions to the nonlinear dynamics of learning in deep
//! linear neural networks", Saxe, McClelland and Ganguli, 2013.

use pleach_core::{DType, Error, Result, Target, Tensor};
use pleach_kernels::{Buffer, orthogonal_factor};

/// Fills with a matrix whose rows or columns (whichever are fewer) are orthonormal, times `gain`;
/// further dimensions count as columns.
///
/// It is the factor Q of a matrix of normal values, with the signs that make it uniformly
/// distributed. It is computed in f64 and then rounded; PyTorch's own last bits depend on its
/// number of threads.
///
/// # Errors
/// If there are fewer than two dimensions, or the dtype is not f32 or f64.
///
/// ```
/// use pleach::Tensor;
/// let mut w = Tensor::zeros([3, 8]);
/// pleach::init::orthogonal_(&mut w, 1.0)?;
/// assert!(w.mm(&w.t()?)?.allclose(&Tensor::eye(3), 0.0, 1e-6)?);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn orthogonal_<T: Target>(target: T, gain: f64) -> Result<T> {
    target.change_values(|t| {
        let shape = t.shape().to_vec();
        let &[rows, _, ..] = shape.as_slice() else {
            return Err(Error::value(
                "Only tensors with 2 or more dimensions are supported",
            ));
        };
        if t.numel() == 0 {
            return Ok(());
        }
        if !matches!(t.dtype(), DType::F32 | DType::F64) {
            return Err(Error::not_implemented("geqrf_cpu", t.dtype()));
        }
        let columns = t.numel() / rows;
        let normal = Tensor::randn_of([rows, columns], t.dtype())?.double()?;
        let wide = rows < columns;
        let tall = if wide { normal.t()? } else { normal };
        let mut q = Buffer::from_slice(tall.contiguous()?.as_slice::<f64>()?);
        orthogonal_factor(&mut q, rows.max(columns), rows.min(columns));
        let q = Tensor::from_buffer(q, tall.shape());
        let q = if wide { q.t()? } else { q };
        *t = q.to_dtype(t.dtype())?.mul(gain)?.reshape(&shape[..])?;
        Ok(())
    })
}
