//! The forms of numbers: C's `%f`, `%e` and `%g`, and the one form that all elements of a tensor
//! are written in.

use super::PrintOptions;

/// `{:e}` counts its first digit too, and no format takes more than u16::MAX.
const MOST_DECIMALS: usize = u16::MAX as usize - 1;

/// What is no number has the same text in every form.
fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("nan")
    } else if value == f64::INFINITY {
        Some("inf")
    } else if value == f64::NEG_INFINITY {
        Some("-inf")
    } else {
        None
    }
}

/// Python's `f'{value:.4f}'`: a fixed number of decimals. Rounds the exact binary value, half to
/// even; at most 65534 decimals.
///
/// ```
/// use pleach::print::fixed;
/// assert_eq!(fixed(0.03125, 4), "0.0312");
/// assert_eq!(fixed(0.09375, 4), "0.0938");
/// assert_eq!(fixed(f64::NAN, 4), "nan");
/// ```
pub fn fixed(value: f64, precision: usize) -> String {
    match not_finite(value) {
        Some(text) => text.to_string(),
        None => format!("{value:.*}", precision.min(MOST_DECIMALS)),
    }
}

/// Python's `f'{value:.4e}'`: one digit, the decimals, and an exponent with a sign and at least
/// two digits; at most 65534 decimals.
///
/// ```
/// use pleach::print::scientific;
/// assert_eq!(scientific(-2.5e-5, 4), "-2.5000e-05");
/// assert_eq!(scientific(1.0, 0), "1e+00");
/// ```
pub fn scientific(value: f64, precision: usize) -> String {
    match not_finite(value) {
        Some(text) => text.to_string(),
        None => c_exponent(&format!("{value:.*e}", precision.min(MOST_DECIMALS))),
    }
}

/// Python's `f'{value:.6g}'`: so many significant digits without the zeros at the end, fixed
/// where the decimal exponent is at least -4 and less than the digits, else scientific.
///
/// ```
/// use pleach::print::general;
/// assert_eq!(general(123456.789, 6), "123457");
/// assert_eq!(general(0.00001, 6), "1e-05");
/// ```
pub fn general(value: f64, precision: usize) -> String {
    let decimals = precision.clamp(1, MOST_DECIMALS) - 1;
    let text = scientific(value, decimals);
    // The exponent after rounding decides: 999999.5 has seven digits.
    let Some((digits, exponent)) = split_exponent(&text) else {
        return text;
    };
    if (-4..=decimals as i64).contains(&exponent) {
        let decimals = (decimals as i64 - exponent) as usize;
        return without_trailing_zeros(&fixed(value, decimals)).to_string();
    }
    let digits = without_trailing_zeros(digits);
    c_exponent(&format!("{digits}e{exponent}"))
}

fn without_trailing_zeros(digits: &str) -> &str {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}

/// The digits and the decimal exponent of a text in scientific form.
pub(super) fn split_exponent(text: &str) -> Option<(&str, i64)> {
    let (digits, exponent) = text.split_once('e')?;
    Some((digits, exponent.parse().ok()?))
}

/// Rust's exponent rewritten as C's: `1e-5` to `1e-05`.
pub(super) fn c_exponent(text: &str) -> String {
    match split_exponent(text) {
        Some((digits, exponent)) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        None => text.to_string(),
    }
}

/// The form of a float tensor's elements.
enum Form {
    /// No decimals, but a point: `3.`.
    Integer,
    Fixed,
    Scientific,
}

impl Form {
    /// From the values that are finite and not zero.
    fn of(values: impl Iterator<Item = f64>, sci_mode: Option<bool>) -> Form {
        let (mut smallest, mut largest) = (f64::INFINITY, 0.0_f64);
        let mut integral = true;
        for value in values {
            smallest = smallest.min(value.abs());
            largest = largest.max(value.abs());
            integral &= value == value.ceil();
        }
        if largest == 0.0 {
            // There were none, and then not even `sci_mode` counts.
            return Form::Integer;
        }
        let wide = largest / smallest > 1000.0 || largest > 1e8 || smallest < 1e-4;
        if sci_mode.unwrap_or(wide) {
            Form::Scientific
        } else if integral {
            Form::Integer
        } else {
            Form::Fixed
        }
    }

    fn write(&self, value: f64, precision: usize) -> String {
        match self {
            Form::Integer if value.is_finite() => format!("{value:.0}."),
            Form::Integer | Form::Fixed => fixed(value, precision),
            Form::Scientific => scientific(value, precision),
        }
    }
}

/// The texts of a tensor's visible elements, and the width of their columns. Shorter texts are
/// padded to it; zeros, nan and inf may be longer.
pub(crate) struct Cells {
    pub texts: Vec<String>,
    pub width: usize,
}

impl Cells {
    /// Floats, widened to f64. One form is chosen for all; finite values other than zero decide
    /// it and the width.
    pub fn floats(values: &[f64], options: &PrintOptions) -> Cells {
        let decides = |v: &f64| v.is_finite() && *v != 0.0;
        let form = Form::of(values.iter().copied().filter(decides), options.sci_mode);
        let mut width = 1;
        let texts = values
            .iter()
            .map(|value| {
                let text = form.write(*value, options.precision);
                if decides(value) {
                    width = width.max(text.len());
                }
                text
            })
            .collect();
        Cells { texts, width }
    }

    /// Texts of integers or booleans: the longest decides the width.
    pub fn plain(texts: Vec<String>) -> Cells {
        let width = texts.iter().map(String::len).max().unwrap_or(1);
        Cells { texts, width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(values: &[f64]) -> String {
        let options = PrintOptions::default();
        Cells::floats(values, &options).texts.join(" ")
    }

    #[test]
    fn the_form_changes_exactly_at_the_limits() {
        // Spec 1.3: f32's 1e-4 widens to 9.9999997e-05 and is scientific, f64's is not; 1e8 is not.
        assert_eq!(cells(&[1e-4]), "0.0001");
        assert_eq!(cells(&[1e-4_f32 as f64]), "1.0000e-04");
        assert_eq!(cells(&[1e8]), "100000000.");
        assert_eq!(cells(&[1.5e8]), "1.5000e+08");
        assert_eq!(cells(&[1.0, 1000.0]), "1. 1000.");
        assert_eq!(cells(&[1.0, 2000.0]), "1.0000e+00 2.0000e+03");
    }

    #[test]
    fn zeros_follow_the_form_of_the_others_and_keep_their_sign() {
        assert_eq!(cells(&[-0.0, 0.0]), "-0. 0.");
        assert_eq!(cells(&[-0.0, 0.5]), "-0.0000 0.5000");
        assert_eq!(cells(&[-0.0, 1e-5]), "-0.0000e+00 1.0000e-05");
        assert_eq!(cells(&[f64::NAN, 0.0, f64::NEG_INFINITY]), "nan 0. -inf");
    }

    #[test]
    fn zeros_nan_and_inf_never_widen_the_column() {
        let options = PrintOptions::default();
        assert_eq!(Cells::floats(&[-0.0, f64::NAN], &options).width, 1);
        assert_eq!(Cells::floats(&[f64::NEG_INFINITY, 1.0], &options).width, 2);
        assert_eq!(Cells::floats(&[-0.0, 0.5], &options).width, 6);
    }

    #[test]
    fn without_a_decisive_value_sci_mode_is_not_asked() {
        let options = PrintOptions {
            sci_mode: Some(true),
            ..PrintOptions::default()
        };
        assert_eq!(Cells::floats(&[0.0], &options).texts, ["0."]);
        assert_eq!(Cells::floats(&[2.0], &options).texts, ["2.0000e+00"]);
    }

    #[test]
    fn exact_halves_round_to_even() {
        assert_eq!(fixed(0.5, 0), "0");
        assert_eq!(fixed(1.5, 0), "2");
        assert_eq!(fixed(2.5, 0), "2");
        assert_eq!(scientific(0.03125, 2), "3.12e-02");
        assert_eq!(scientific(2.5, 0), "2e+00");
    }

    #[test]
    fn a_precision_beyond_all_digits_is_no_panic() {
        assert_eq!(fixed(0.5, usize::MAX).len(), 2 + MOST_DECIMALS);
        assert!(scientific(0.5, usize::MAX).ends_with("0e-01"));
        assert_eq!(general(0.5, usize::MAX), "0.5");
    }

    #[test]
    fn general_form_looks_at_the_rounded_exponent() {
        // C's printf("%g").
        assert_eq!(general(999999.5, 6), "1e+06");
        assert_eq!(general(99999.96, 6), "100000");
        assert_eq!(general(0.0001, 6), "0.0001");
        assert_eq!(general(-0.0, 6), "-0");
        assert_eq!(general(100.0, 0), "1e+02");
        assert_eq!(general(f64::NEG_INFINITY, 6), "-inf");
    }
}
