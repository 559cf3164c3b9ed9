//! PyTorch's checks of the arguments of its fills, with its texts.

use super::float::RandomFloat;
use crate::{DType, Element};

/// Whether `uniform_(from, to)` is possible in the type `T`.
///
/// ```
/// use pleach::random::check_uniform;
///
/// assert_eq!(
///     check_uniform::<f32>(1.0, 0.0).unwrap_err(),
///     "uniform_ expects to return a [from, to) range, but found from=1 > to=0"
/// );
/// ```
///
/// # Errors
/// If a bound is not finite in `T`, the bounds are in the wrong order or too far apart.
pub fn check_uniform<T: RandomFloat>(from: f64, to: f64) -> Result<(), String> {
    for (name, bound) in [("from", from), ("to", to)] {
        check_within::<T>(name, (-T::MAX..=T::MAX).contains(&bound))?;
    }
    if from > to {
        return Err(format!(
            "uniform_ expects to return a [from, to) range, but found from={} > to={}",
            general(from),
            general(to)
        ));
    }
    if to - from > T::MAX {
        return Err(format!(
            "uniform_ expects to-from <= std::numeric_limits<{}>::max(), but found to={} and \
             from={} which result in to-from to exceed the limit",
            T::DTYPE.torch_name(),
            general(to),
            general(from)
        ));
    }
    Ok(())
}

/// Whether `normal_` takes this standard deviation.
///
/// # Errors
/// If it is negative or NaN.
pub fn check_normal(std: f64) -> Result<(), String> {
    if std >= 0.0 {
        return Ok(());
    }
    Err(format!(
        "normal expects std >= 0.0, but found std {}",
        general(std)
    ))
}

/// Whether `bernoulli_` takes this probability.
///
/// # Errors
/// If it is not in `[0, 1]`.
pub fn check_bernoulli(p: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(format!(
        "bernoulli_ expects p to be in [0, 1], but got p={}",
        general(p)
    ))
}

/// Whether `exponential_` takes this rate.
///
/// # Errors
/// If it is not positive.
pub fn check_exponential(lambda: f64) -> Result<(), String> {
    if lambda > 0.0 {
        return Ok(());
    }
    Err(format!(
        "exponential_ expects lambda > 0.0, but found lambda={}",
        general(lambda)
    ))
}

/// The bounds with which `random_(from, to)` and `randint` fill a tensor of type `T`: those given,
/// save that a float type moves bounds it cannot represent inwards.
///
/// ```
/// use pleach::random::random_bounds;
///
/// assert_eq!(random_bounds::<f32>(0, (1 << 24) + 4)?, (0, (1 << 24) + 2));
/// assert_eq!(
///     random_bounds::<u8>(0, 300).unwrap_err(),
///     "to - 1 is out of bounds for unsigned char"
/// );
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// If the range is empty or `T` cannot hold it.
pub fn random_bounds<T: Element>(from: i64, to: i64) -> Result<(i64, i64), String> {
    if from >= to {
        return Err(format!(
            "random_ expects 'from' to be less than 'to', but got from={from} >= to={to}"
        ));
    }
    let (mut from, mut to) = (from, to);
    if let Some(digits) = digits(T::DTYPE) {
        from = round_from::<T>(from, digits);
        to = round_to::<T>(to, digits);
        if from >= to {
            return Err(format!(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but \
                 got from={from} >= to={to}"
            ));
        }
    }
    let (least, greatest) = limits(T::DTYPE);
    for (name, bound) in [("from", from), ("to - 1", to - 1)] {
        check_within::<T>(name, (least..=greatest).contains(&bound))?;
    }
    Ok((from, to))
}

/// Warns, as PyTorch does, if `random_` is asked for integers between which the float type `T` has
/// gaps. The bounds are those of [`random_bounds`].
pub(crate) fn warn_of_bounds<T: Element>(from: i64, to: i64) {
    let Some(digits) = digits(T::DTYPE) else {
        return;
    };
    let exact = -(1 << digits)..=1i64 << digits;
    for (name, bound) in [("from", from), ("to - 1", to - 1)] {
        if !exact.contains(&bound) {
            log::warn!(
                "{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision \
                 limitations {} can support discrete uniform distribution only within this range. \
                 This warning will become an error in version 1.7 release, please fix the code in \
                 advance",
                T::DTYPE.c_name()
            );
        }
    }
}

fn check_within<T: Element>(name: &str, within: bool) -> Result<(), String> {
    if within {
        return Ok(());
    }
    Err(format!("{name} is out of bounds for {}", T::DTYPE.c_name()))
}

/// Bits of a float type's mantissa, the hidden one included.
fn digits(dtype: DType) -> Option<u32> {
    match dtype {
        DType::F32 => Some(24),
        DType::F64 => Some(53),
        DType::F16 => Some(11),
        DType::BF16 => Some(8),
        _ => None,
    }
}

/// The integers between which a type's values lie.
fn limits(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Bool => (0, 1),
        DType::U8 => (0, u8::MAX.into()),
        DType::I8 => (i8::MIN.into(), i8::MAX.into()),
        DType::I16 => (i16::MIN.into(), i16::MAX.into()),
        DType::I32 => (i32::MIN.into(), i32::MAX.into()),
        DType::F16 => (-65504, 65504),
        DType::I64 | DType::F32 | DType::F64 | DType::BF16 => (i64::MIN, i64::MAX),
    }
}

/// `value` rounded to `T` and back; x86-64 gives the least integer for what does not fit.
fn through<T: Element>(value: i64) -> i64 {
    let rounded = T::from_i64(value).to_f64();
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
        rounded as i64
    } else {
        i64::MIN
    }
}

/// The distance of neighbouring values of a float type near `value`.
fn spacing(value: i64, digits: u32) -> i64 {
    let magnitude = value.unsigned_abs().max(1).ilog2();
    1i64 << (magnitude + 1).saturating_sub(digits)
}

fn round_from<T: Element>(from: i64, digits: u32) -> i64 {
    let rounded = through::<T>(from + 1);
    if rounded < from {
        rounded.wrapping_add(spacing(from + 1, digits))
    } else {
        from
    }
}

fn round_to<T: Element>(to: i64, digits: u32) -> i64 {
    let rounded = through::<T>(to - 1);
    if rounded >= to {
        rounded.wrapping_sub(spacing(to - 1, digits))
    } else {
        to
    }
}

/// A number as C's `%g` prints it: six significant digits, no trailing zeros.
fn general(value: f64) -> String {
    crate::print::general(value, 6)
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    #[test]
    fn numbers_print_as_in_c() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-0.25, "-0.25"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.333333"),
            (123456.0, "123456"),
            (1234567.0, "1.23457e+06"),
            (999999.5, "1e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (3e38, "3e+38"),
            (-1.5e-300, "-1.5e-300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn uniform_refuses_with_pytorchs_texts() {
        let refused = |from, to| check_uniform::<f32>(from, to).unwrap_err();
        assert_eq!(
            refused(0.5, -0.25),
            "uniform_ expects to return a [from, to) range, but found from=0.5 > to=-0.25"
        );
        assert_eq!(refused(0.0, f64::INFINITY), "to is out of bounds for float");
        assert_eq!(refused(f64::NAN, 1.0), "from is out of bounds for float");
        assert_eq!(
            refused(-3e38, 3e38),
            "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 \
             and from=-3e+38 which result in to-from to exceed the limit"
        );
        assert_eq!(
            check_uniform::<f64>(0.0, f64::INFINITY).unwrap_err(),
            "to is out of bounds for double"
        );
        assert_eq!(check_uniform::<f64>(-3e38, 3e38), Ok(()));
        assert_eq!(check_uniform::<f32>(1.0, 1.0), Ok(()));
        assert!(check_uniform::<f16>(0.0, 65504.0).is_ok());
        assert!(check_uniform::<f16>(0.0, 65505.0).is_err());
        assert!(check_uniform::<bf16>(0.0, f32::MAX.into()).is_err());
    }

    #[test]
    fn normal_refuses_negative_deviations() {
        assert_eq!(check_normal(0.0), Ok(()));
        for (std, text) in [(-1.0, "-1"), (-0.5, "-0.5"), (f64::NAN, "nan")] {
            assert_eq!(
                check_normal(std).unwrap_err(),
                format!("normal expects std >= 0.0, but found std {text}")
            );
        }
    }

    #[test]
    fn bernoulli_refuses_what_is_no_probability() {
        assert_eq!(check_bernoulli(1.0), Ok(()));
        for (p, text) in [(1.5, "1.5"), (-0.1, "-0.1"), (f64::NAN, "nan")] {
            assert_eq!(
                check_bernoulli(p).unwrap_err(),
                format!("bernoulli_ expects p to be in [0, 1], but got p={text}")
            );
        }
    }

    #[test]
    fn integer_bounds_must_be_ordered_and_fit_the_type() {
        assert_eq!(
            random_bounds::<i64>(5, 5).unwrap_err(),
            "random_ expects 'from' to be less than 'to', but got from=5 >= to=5"
        );
        assert_eq!(random_bounds::<u8>(0, 256), Ok((0, 256)));
        assert_eq!(
            random_bounds::<u8>(-1, 3).unwrap_err(),
            "from is out of bounds for unsigned char"
        );
        assert_eq!(
            random_bounds::<i64>(i64::MIN, i64::MAX),
            Ok((i64::MIN, i64::MAX))
        );
    }

    #[test]
    fn float_types_move_bounds_that_they_cannot_hold() {
        let limit = 1 << 24;
        assert_eq!(random_bounds::<f32>(3, 17), Ok((3, 17)));
        assert_eq!(random_bounds::<f32>(0, limit + 4), Ok((0, limit + 2)));
        // -2 * limit - 6 lies between -2 * limit - 4 and -2 * limit - 8 and rounds to the latter.
        assert_eq!(
            random_bounds::<f32>(-2 * limit - 7, 0),
            Ok((-2 * limit - 4, 0))
        );
        assert!(random_bounds::<f32>(i64::MIN, i64::MAX).is_ok());
        assert!(random_bounds::<f64>(i64::MIN, i64::MAX).is_ok());
        assert_eq!(
            random_bounds::<f16>(0, 70_000).unwrap_err(),
            "to - 1 is out of bounds for c10::Half"
        );
    }
}
