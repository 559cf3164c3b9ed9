//! [`Binary`]: the arithmetic of two numbers.

use crate::elementwise::{map, map_inplace, zip_inplace, zip_number_pieces, zip_piece};
use crate::{Float, Number, Pair};

/// An operation of two numbers, by its name in PyTorch; those with an R take the second one first.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `x + y`.
    Add,
    /// `x - y`.
    Sub,
    /// `y - x`.
    Rsub,
    /// `x * y`.
    Mul,
    /// `x / y`.
    Div,
    /// [`Number::floor_div`].
    FloorDivide,
    /// [`Number::trunc_div`].
    TruncDivide,
    /// [`Number::remainder`].
    Remainder,
    /// [`Number::fmod`].
    Fmod,
    /// `x` to the power of `y`.
    Pow,
    /// `y` to the power of `x`.
    Rpow,
    /// [`Number::larger`].
    Maximum,
    /// [`Number::smaller`].
    Minimum,
    /// The larger one; the other one if one is nan.
    Fmax,
    /// The smaller one; the other one if one is nan.
    Fmin,
    /// 0 for x below 0 (or nan), 1 above, y at 0.
    Heaviside,
}

/// A loop over a piece of two slices, for [`zip_pieces`](crate::elementwise::zip_pieces) and its
/// like. It panics if the lengths differ.
pub type Piece<T> = fn(&[T], &[T], &mut [T]);

impl Binary {
    /// The loop over numbers.
    ///
    /// ```
    /// use pleach_kernels::Binary;
    /// let mut out = [0; 2];
    /// Binary::Rsub.piece::<i64>()(&[1, 2], &[10, 10], &mut out);
    /// assert_eq!(out, [9, 8]);
    /// ```
    pub fn piece<T: Number>(self) -> Piece<T> {
        match self {
            Binary::Add => |x, y, out| zip_piece(x, y, out, T::add),
            Binary::Sub => |x, y, out| zip_piece(x, y, out, T::sub),
            Binary::Rsub => |x, y, out| zip_piece(x, y, out, |x: T, y| y.sub(x)),
            Binary::Mul => |x, y, out| zip_piece(x, y, out, T::mul),
            Binary::Div => |x, y, out| zip_piece(x, y, out, T::div),
            Binary::FloorDivide => |x, y, out| zip_piece(x, y, out, T::floor_div),
            Binary::TruncDivide => |x, y, out| zip_piece(x, y, out, T::trunc_div),
            Binary::Remainder => |x, y, out| zip_piece(x, y, out, T::remainder),
            Binary::Fmod => |x, y, out| zip_piece(x, y, out, T::fmod),
            Binary::Pow => |x, y, out| zip_piece(x, y, out, T::pow),
            Binary::Rpow => |x, y, out| zip_piece(x, y, out, |x: T, y| y.pow(x)),
            Binary::Maximum => |x, y, out| zip_piece(x, y, out, T::larger),
            Binary::Minimum => |x, y, out| zip_piece(x, y, out, T::smaller),
            Binary::Fmax => |x, y, out| {
                zip_piece(
                    x,
                    y,
                    out,
                    |x: T, y: T| if y.is_nan() || x > y { x } else { y },
                );
            },
            Binary::Fmin => |x, y, out| {
                zip_piece(
                    x,
                    y,
                    out,
                    |x: T, y: T| if y.is_nan() || x < y { x } else { y },
                );
            },
            Binary::Heaviside => |x, y, out| {
                let step = |x: T| if x > T::ZERO { T::ONE } else { T::ZERO };
                zip_piece(x, y, out, |x: T, y| if x == T::ZERO { y } else { step(x) });
            },
        }
    }

    /// The loop over truth values: sums and products are "or" and "and". `None` where truth values
    /// have no such operation.
    ///
    /// ```
    /// use pleach_kernels::Binary;
    /// let mut out = [false; 2];
    /// Binary::Mul.truth_piece().unwrap()(&[true, true], &[true, false], &mut out);
    /// assert_eq!(out, [true, false]);
    /// assert!(Binary::Sub.truth_piece().is_none());
    /// ```
    pub fn truth_piece(self) -> Option<Piece<bool>> {
        match self {
            Binary::Add | Binary::Maximum | Binary::Fmax | Binary::Heaviside => {
                Some(|x, y, out| zip_piece(x, y, out, |x, y| x | y))
            }
            Binary::Mul | Binary::Minimum | Binary::Fmin => {
                Some(|x, y, out| zip_piece(x, y, out, |x, y| x & y))
            }
            _ => None,
        }
    }

    /// `x = x op y`, for the four operations that are compiled so. Says whether this is one.
    ///
    /// ```
    /// use pleach_kernels::Binary;
    /// let mut x = [1.0, 2.0];
    /// assert!(Binary::Sub.write_over(&mut x, &[0.5, 0.5]));
    /// assert_eq!(x, [0.5, 1.5]);
    /// assert!(!Binary::Pow.write_over(&mut x, &[2.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn write_over<T: Float>(self, x: &mut [T], y: &[T]) -> bool {
        match self {
            Binary::Add => zip_inplace(x, y, |x, y| x + y),
            Binary::Sub => zip_inplace(x, y, |x, y| x - y),
            Binary::Mul => zip_inplace(x, y, |x, y| x * y),
            Binary::Div => zip_inplace(x, y, |x, y| x / y),
            _ => return false,
        }
        true
    }

    /// [`Binary::write_over`] with one number.
    pub fn write_number_over<T: Float>(self, x: &mut [T], y: T) -> bool {
        match self {
            Binary::Add => map_inplace(x, move |x| x + y),
            Binary::Sub => map_inplace(x, move |x| x - y),
            Binary::Mul => map_inplace(x, move |x| x * y),
            Binary::Div => map_inplace(x, move |x| x / y),
            _ => return false,
        }
        true
    }
}

/// `out[i] = x[i]` to a power; small whole powers by multiplication, as PyTorch's.
///
/// ```
/// let mut out = [0.0; 2];
/// pleach_kernels::pow_number(&[3.0, -2.0], -2.0, &mut out);
/// assert_eq!(out, [1.0 / 9.0, 0.25]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn pow_number<T: Float + Number>(x: &[T], exponent: f64, out: &mut [T]) {
    let one = <T as Number>::ONE;
    match exponent {
        0.0 => map(x, out, move |_| one),
        1.0 => map(x, out, |x| x),
        2.0 => map(x, out, |x| x * x),
        3.0 => map(x, out, |x| x * x * x),
        0.5 => map(x, out, |x: T| x.sqrt()),
        -0.5 => map(x, out, move |x: T| one / x.sqrt()),
        -1.0 => map(x, out, move |x| one / x),
        -2.0 => map(x, out, move |x| one / (x * x)),
        _ => zip_number_pieces(x, T::from_f64(exponent), out, &|x, y, out| {
            Pair::Pow.apply(x, y, out);
        }),
    }
}
