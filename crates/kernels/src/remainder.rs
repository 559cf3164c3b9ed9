//! What remains of a quotient of floats, and the quotient rounded down, without calls.

use crate::arithmetic::Piece;
use crate::elementwise::zip_piece;
use crate::{Binary, Float, Isa, Loop, Number};

/// `x - y n`, n the whole part of the quotient, and whether that is right. It is where n has few
/// enough bits that it is off by 1 at most: the difference is a number of the type, so that one
/// rounding does not change it.
#[inline(always)]
fn fmod_of_near<T: Float>(x: T, y: T) -> (T, bool) {
    let n = (x / y).trunc();
    let r = (-n).mul_add(y, x);
    // The quotient was rounded up to a whole number: the difference has the other sign.
    let size = y.abs();
    let r = if x < T::ZERO { -r } else { r };
    let r = if r < T::ZERO { r + size } else { r };
    let most = T::from_f64(if const { size_of::<T>() == 4 } {
        2f64.powi(22)
    } else {
        2f64.powi(51)
    });
    (r.copysign(x), n.abs() <= most && size < T::HIGHEST)
}

/// The divisor's sign for what remains.
#[inline(always)]
fn of_divisor<T: Float>(r: T, y: T) -> T {
    let other = r != T::ZERO && (r < T::ZERO) != (y < T::ZERO);
    if other { r + y } else { r }
}

/// Python's rule: exact where `(x - x mod y) / y` is, and then rounded.
#[inline(always)]
fn quotient<T: Float>(x: T, y: T, r: T) -> T {
    let n = (x - r) / y;
    let other = r != T::ZERO && (r < T::ZERO) != (y < T::ZERO);
    let n = if other { n - T::ONE } else { n };
    let floor = n.floor();
    let whole = if n - floor > T::from_f64(0.5) {
        floor + T::ONE
    } else {
        floor
    };
    let whole = if n == T::ZERO {
        T::ZERO.copysign(x / y)
    } else {
        whole
    };
    if y == T::ZERO { x / y } else { whole }
}

/// `end` of x, y and what remains of each two.
struct Remainders<'a, T, F>(&'a [T], &'a [T], &'a mut [T], F);

/// Elements that are computed again if the quotient of one is large.
const BLOCK: usize = 64;

impl<T: Float, F: Fn(T, T, T) -> T> Loop for Remainders<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Remainders(x, y, out, end) = self;
        let blocks = x.chunks(BLOCK).zip(y.chunks(BLOCK));
        for ((x, y), out) in blocks.zip(out.chunks_mut(BLOCK)) {
            let mut near = true;
            for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                let (r, right) = fmod_of_near(*x, *y);
                *out = end(*x, *y, r);
                near &= right;
            }
            if !near {
                for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                    *out = end(*x, *y, Number::fmod(*x, *y));
                }
            }
        }
    }
}

fn remainders<T: Float>(x: &[T], y: &[T], out: &mut [T], end: impl Fn(T, T, T) -> T) {
    assert!(
        x.len() == out.len() && y.len() == out.len(),
        "remainders: the lengths differ"
    );
    match Isa::current() {
        // Without an instruction for the product and sum that are rounded once, the call is better.
        Isa::Scalar => zip_piece(x, y, out, |x, y| end(x, y, Number::fmod(x, y))),
        isa => isa.run_narrow(Remainders(x, y, out, end)),
    }
}

impl Binary {
    /// The loop over floats of the operations that take a remainder: `Fmod`, `Remainder` and
    /// `FloorDivide`. `None` for the others.
    ///
    /// ```
    /// use pleach_kernels::Binary;
    /// let mut out = [0.0; 3];
    /// Binary::Fmod.remainder_piece::<f32>().unwrap()(&[7.5, -7.5, 1e30], &[2.0, 2.0, 3.0], &mut out);
    /// assert_eq!(out, [1.5, -1.5, 1e30f32 % 3.0]);
    /// ```
    pub fn remainder_piece<T: Float>(self) -> Option<Piece<T>> {
        match self {
            Binary::Fmod => Some(|x, y, out| remainders(x, y, out, |_, _, r| r)),
            Binary::Remainder => {
                Some(|x, y, out| remainders(x, y, out, |_, y, r| of_divisor(r, y)))
            }
            Binary::FloorDivide => Some(|x, y, out| remainders(x, y, out, quotient)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pairs of awkward numbers, and pairs whose quotients are next to whole numbers, against the
    /// standard library's remainder.
    fn check<T: Float + std::ops::Rem<Output = T> + std::fmt::Debug>(tiny: f64, huge: f64) {
        let corners = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            3.0,
            -7.5,
            0.1,
            -0.3,
            1e-5,
            12345.678,
            tiny,
            -3.0 * tiny,
            huge,
            -huge,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            4_194_304.0,
            8_388_609.0,
        ];
        let corners = corners.map(T::from_f64);
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for x in corners {
            for y in corners {
                xs.push(x);
                ys.push(y);
            }
        }
        for i in 0..100_000u32 {
            let y = T::from_f64(f64::from(i % 10_007) / 997.0 - 5.0);
            let n = T::from_f64(f64::from(i * 7919 % 1_000_003));
            // Next to a whole multiple, on either side, as the product is rounded.
            xs.push(y * n);
            ys.push(y);
            xs.push(T::from_f64(f64::from(i) * 0.37 - 1e4));
            ys.push(T::from_f64(f64::from(i % 89) - 40.5));
        }
        for kind in [Binary::Fmod, Binary::Remainder, Binary::FloorDivide] {
            let mut out = vec![T::ZERO; xs.len()];
            kind.remainder_piece::<T>().unwrap()(&xs, &ys, &mut out);
            for ((x, y), got) in xs.iter().zip(&ys).zip(out) {
                let want = match kind {
                    Binary::Fmod => *x % *y,
                    Binary::Remainder => Number::remainder(*x, *y),
                    _ => Number::floor_div(*x, *y),
                };
                let same = got.to_f64().to_bits() == want.to_f64().to_bits();
                assert!(
                    same || got.is_nan() && want.is_nan(),
                    "{kind:?} of {x:?}, {y:?}: {got:?}, not {want:?}"
                );
            }
        }
    }

    #[test]
    fn remainders_are_exact() {
        check::<f32>(1e-45, 3e38);
        check::<f64>(5e-324, 1.7e308);
    }
}
