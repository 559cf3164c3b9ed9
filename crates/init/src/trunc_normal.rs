//! Normal values cut off at two bounds.

use pleach_core::{DType, Error, Result, Target, Tensor};

/// Fills with normal values, of which only those within `[a, b]` are kept.
///
/// Where the interval holds more than 0.3 of the distribution, whole tensors of normal values are
/// drawn until every element has one inside; otherwise uniform values of the interval are accepted
/// by their density.
///
/// # Errors
/// If `std` is zero, the interval is empty, or the dtype is not a float type.
///
/// ```
/// let mut w = pleach_core::Tensor::zeros([1000]);
/// pleach_init::trunc_normal_(&mut w, 0.0, 1.0, -0.5, 0.5)?;
/// assert!(w.abs()?.max()?.item()? <= 0.5);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn trunc_normal_<T: Target>(target: T, mean: f64, std: f64, a: f64, b: f64) -> Result<T> {
    if mean < a - 2.0 * std || mean > b + 2.0 * std {
        log::warn!(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect."
        );
    }
    if std == 0.0 {
        return Err(Error::value("float division by zero"));
    }
    let cdf = |x: f64| (1.0 + libm::erf(x / 2f64.sqrt())) / 2.0;
    let inside = cdf((b - mean) / std) - cdf((a - mean) / std);
    target.change_values(|t| {
        if inside > 0.3 {
            redraw(t, mean, std, a, b)
        } else {
            reject(t, mean, std, a, b)
        }
    })
}

/// Normal values, with those outside replaced by the next ones at the same places.
fn redraw(t: &mut Tensor, mean: f64, std: f64, a: f64, b: f64) -> Result<()> {
    // The path of the fill is chosen by this layout in every round.
    let like = t.clone();
    t.normal_(mean, std)?;
    loop {
        let outside = t.lt(a)?.logical_or(&t.gt(b)?)?;
        if outside.any()?.item()? == 0.0 {
            return Ok(());
        }
        let mut next = like.clone();
        next.normal_(mean, std)?;
        *t = Tensor::where_cond(&outside, &next, &*t)?;
    }
}

/// Uniform values, accepted with a probability that is their density over the largest one.
fn reject(t: &mut Tensor, mean: f64, std: f64, a: f64, b: f64) -> Result<()> {
    let mode = a.max(mean.min(b));
    let peak = -0.5 * ((mode - mean) / std).powi(2);
    let dtype = t.dtype();
    // Half types compute in f32, rounded after each step.
    let compute = match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    };
    let number = |v: f64| Tensor::full_of((), v, dtype).to_dtype(compute);
    let (mean, std, peak) = (number(mean)?, number(std)?, number(peak)?);
    let rounded = |x: Tensor| x.to_dtype(dtype)?.to_dtype(compute);

    let like = t.clone();
    let mut pending = Tensor::ones_of(t.shape(), DType::Bool);
    loop {
        let mut candidate = like.clone();
        candidate.uniform_(a, b)?;
        let mut u = like.clone();
        u.uniform_(0.0, 1.0)?;
        *t = Tensor::where_cond(&pending, &candidate, &*t)?;

        let x = candidate.to_dtype(compute)?;
        let q = rounded(rounded(x.sub(&mean)?)?.div(&std)?)?;
        let square = rounded(q.mul(&q)?)?;
        let density = rounded(rounded(square.mul(-0.5)?)?.sub(&peak)?)?;
        let log_u = u.double()?.log()?.to_dtype(dtype)?.to_dtype(compute)?;
        pending = pending.logical_and(&log_u.gt(&density)?)?;
        if pending.any()?.item()? == 0.0 {
            return Ok(());
        }
    }
}
