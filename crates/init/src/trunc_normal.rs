//! Normal values cut off at two bounds.

use pleach_core::{DType, Error, Result, Target, Tensor};

/// Fills with normal values, of which only those within `[a, b]` are kept.
///
/// Where the interval holds more than 0.3 of the distribution, whole tensors of normal values are
/// drawn until every element has one inside; otherwise uniform values of the interval are accepted
/// by their density.
///
/// # Errors
/// If `std` is zero, the interval is empty, the dtype is not a float type, or so little of the
/// distribution is within the interval that hardly any value would be accepted (PyTorch does not
/// return then).
///
/// ```
/// let mut w = pleach::Tensor::zeros([1000]);
/// pleach::init::trunc_normal_(&mut w, 0.0, 1.0, -0.5, 0.5)?;
/// assert!(w.abs()?.max()?.item()? <= 0.5);
/// # Ok::<(), pleach::Error>(())
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

/// The part of the uniform values that is accepted, roughly: below this one the loop is refused.
const FEWEST_ACCEPTED: f64 = 1e-4;
/// After so many rounds nothing is accepted any more: the density at the bounds is lost in rounding.
const MOST_ROUNDS: f64 = 200_000.0;

fn too_little(mean: f64, std: f64, a: f64, b: f64) -> Error {
    Error::value(format!(
        "trunc_normal_: [{a}, {b}] holds too little of the normal distribution of mean {mean} and \
         standard deviation {std} to draw from"
    ))
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
    let mut accepted = 1.0;
    if peak.abs() < f32::MAX as f64 && a < b {
        // In a tail the density falls by e within this length.
        let length = std.abs().min(std * std / (mode - mean).abs());
        accepted = (length / (b - a)).min(1.0);
        if accepted < FEWEST_ACCEPTED {
            return Err(too_little(mean, std, a, b));
        }
    }
    // Ten times as many as the last of so many values waits for, but by a chance below e^-50.
    let rounds = 10.0 * ((t.numel().max(1) as f64).ln() + 10.0) / accepted;
    let number = |v: f64| Tensor::try_full_of((), v, dtype)?.to_dtype(compute);
    let (center, deviation, peak) = (number(mean)?, number(std)?, number(peak)?);
    let rounded = |x: Tensor| x.to_dtype(dtype)?.to_dtype(compute);

    let like = t.clone();
    let mut pending = Tensor::try_ones_of(t.shape(), DType::Bool)?;
    for _ in 0..rounds.min(MOST_ROUNDS) as usize {
        let mut candidate = like.clone();
        candidate.uniform_(a, b)?;
        let mut u = like.clone();
        u.uniform_(0.0, 1.0)?;
        *t = Tensor::where_cond(&pending, &candidate, &*t)?;

        let x = candidate.to_dtype(compute)?;
        let q = rounded(rounded(x.sub(&center)?)?.div(&deviation)?)?;
        let square = rounded(q.mul(&q)?)?;
        let density = rounded(rounded(square.mul(-0.5)?)?.sub(&peak)?)?;
        let log_u = u.double()?.log()?.to_dtype(dtype)?.to_dtype(compute)?;
        pending = pending.logical_and(&log_u.gt(&density)?)?;
        if pending.any()?.item()? == 0.0 {
            return Ok(());
        }
    }
    Err(too_little(mean, std, a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_holds_next_to_nothing_is_refused_at_once() {
        for (mean, std, a, b) in [
            (0.0, 1e-5, 0.3, 1.0),
            (1e3, 0.1, -2.0, 2.0),
            (-2.5, 1e-3, 0.0, 255.0),
            (0.0, -1e-5, 0.3, 1.0),
        ] {
            let mut w = Tensor::zeros([10]);
            let refused = trunc_normal_(&mut w, mean, std, a, b)
                .map(drop)
                .unwrap_err();
            assert!(
                refused.to_string().contains("holds too little"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_tail_that_can_be_drawn_from_is() -> Result<()> {
        let mut w = Tensor::zeros([500]);
        trunc_normal_(&mut w, 0.0, 1.0, 5.0, 10.0)?;
        assert!(w.min()?.item()? >= 5.0 && w.max()?.item()? <= 10.0);
        // The mean of a normal value above 5 is φ(5) / (1 - Φ(5)) = 5.1865.
        assert!((w.mean()?.item()? - 5.1865).abs() < 0.05);
        Ok(())
    }
}
