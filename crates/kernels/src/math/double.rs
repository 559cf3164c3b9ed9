//! The functions of f64: the standard library's and libm's, and those that neither has.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use super::MulAdd;

/// A row is a name and what it calls.
macro_rules! calls {
    ($($name:ident = $f:expr;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<M: MulAdd>(x: f64) -> f64 {
            $f(x)
        }
    )*};
    (pairs $($name:ident = $f:expr;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<M: MulAdd>(x: f64, y: f64) -> f64 {
            $f(x, y)
        }
    )*};
}

calls! {
    exp = f64::exp;
    exp2 = f64::exp2;
    exp_m1 = f64::exp_m1;
    ln = f64::ln;
    log2 = f64::log2;
    log10 = f64::log10;
    ln_1p = f64::ln_1p;
    sin = f64::sin;
    cos = f64::cos;
    tan = f64::tan;
    asin = f64::asin;
    acos = f64::acos;
    atan = f64::atan;
    sinh = f64::sinh;
    cosh = f64::cosh;
    tanh = f64::tanh;
    asinh = libm::asinh;
    acosh = |x: f64| if x < 1.0 { f64::NAN } else { libm::acosh(x) };
    atanh = libm::atanh;
    erf = libm::erf;
    erfc = libm::erfc;
    erfinv = inverse_erf;
    normal_tail = |x: f64| 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
    lgamma = libm::lgamma;
    digamma = psi;
    trigamma = psi_1;
    tetragamma = psi_2;
    reciprocal_in_1_to_2 = f64::recip;
}

calls! { pairs
    atan2 = f64::atan2;
    hypot = f64::hypot;
    powf = f64::powf;
    ldexp = times_power_of_two;
}

/// `x 2^y`: exact for a whole y.
fn times_power_of_two(x: f64, y: f64) -> f64 {
    if y == y.trunc() && y.is_finite() {
        // A conversion from f64 saturates, far beyond all exponents.
        libm::scalbn(x, y as i32)
    } else {
        x * y.exp2()
    }
}

/// The inverse of the error function: a rational approximation, and two steps of Newton's method.
fn inverse_erf(y: f64) -> f64 {
    let size = y.abs();
    if size >= 1.0 {
        return match size == 1.0 {
            true => f64::INFINITY.copysign(y),
            false => f64::NAN,
        };
    }
    let mut x = if size <= 0.7 {
        let z = y * y;
        let above = ((-0.140543331 * z + 0.914624893) * z - 1.645349621) * z + 0.886226899;
        let below =
            (((0.012229801 * z - 0.329097515) * z + 1.442710462) * z - 2.118377725) * z + 1.0;
        y * above / below
    } else {
        let z = (-((1.0 - size) / 2.0).ln()).sqrt();
        let above = ((1.641345311 * z + 3.429567803) * z - 1.624906493) * z - 1.970840454;
        (above / ((1.637067800 * z + 3.543889200) * z + 1.0)).copysign(y)
    };
    for _ in 0..2 {
        // In the tail 1 - erf has the digits.
        let off = match size > 0.7 {
            true => ((1.0 - size) - libm::erfc(x.abs())) * y.signum(),
            false => libm::erf(x) - y,
        };
        x -= off / (FRAC_2_SQRT_PI * (-x * x).exp());
    }
    x
}

/// From here on the asymptotic series below have all digits.
const FAR: f64 = 10.0;

/// The logarithmic derivative of the gamma function. Like PyTorch's it is infinite at 0, and nan at
/// the other poles.
fn psi(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        return match x == x.trunc() {
            true => f64::NAN,
            false => psi(1.0 - x) - PI / (PI * x.fract()).tan(),
        };
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < FAR {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let terms = [
        1.0 / 12.0,
        -691.0 / 32760.0,
        1.0 / 132.0,
        -1.0 / 240.0,
        1.0 / 252.0,
        -1.0 / 120.0,
        1.0 / 12.0,
    ];
    let tail = z * terms.iter().fold(0.0, |sum, term| sum * z + term);
    sum + x.ln() - 0.5 / x - tail
}

/// The derivative of [`psi`].
fn psi_1(x: f64) -> f64 {
    if x < 0.5 {
        let sine = (PI * x).sin();
        return (PI / sine) * (PI / sine) - psi_1(1.0 - x);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < FAR {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let terms = [5.0 / 66.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 1.0 / 6.0];
    let tail = z * terms.iter().fold(0.0, |sum, term| sum * z + term);
    sum + (1.0 + 0.5 / x + tail) / x
}

/// The derivative of [`psi_1`].
fn psi_2(x: f64) -> f64 {
    if x < 0.5 {
        let (sine, cosine) = (PI * x).sin_cos();
        let ratio = PI / sine;
        return psi_2(1.0 - x) - 2.0 * ratio * ratio * ratio * cosine;
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < FAR {
        sum -= 2.0 / (x * x * x);
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let terms = [5.0 / 6.0, -3.0 / 10.0, 1.0 / 6.0, -1.0 / 6.0, 1.0 / 2.0];
    let tail = z * terms.iter().fold(0.0, |sum, term| sum * z + term);
    sum - (1.0 + 1.0 / x + tail) * z
}
