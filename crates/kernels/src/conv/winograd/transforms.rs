//! The five linear maps of F(4x4, 3x3), along one axis and along both.
//!
//! Four outputs of a correlation with three weights are products of polynomials evaluated at six
//! points (Toom-Cook): `y = A' ((G g) * (B' d))`. With the points 0, ±p, ±q and infinity,
//!
//! ```text
//! B' d: d4 - (p² + q²) d2 + p² q² d0,  (d4 - q² d2) ± p (d3 - q² d1),  the same with p and q
//!       exchanged,  d5 - (p² + q²) d3 + p² q² d1
//! G g:  g0 / p²q²,  (g0 ± p g1 + p² g2) / 2p²(p² - q²),  (g0 ± q g1 + q² g2) / 2q²(q² - p²),  g2
//! A' m: sums of the six values times powers of their points: y_i = sum over a of aⁱ m_a
//! ```
//!
//! Usual choices are 1 and 2 for p and q. 5/8 and 3/2 make the error a third of that: the values are
//! closer to each other in size, and every constant of B' and A' is still exact.
//!
//! Source: A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015); on
//! the points, B. Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
//! Convolution for Deep Neural Networks" (2020).

use crate::simd::Vector;

/// Values of a tile after the transformation, along one axis.
pub(super) const POINTS: usize = 6;
/// Outputs of a tile along one axis.
pub(super) const OUTPUTS: usize = 4;
/// Weights along one axis.
pub(super) const TAPS: usize = 3;

const P: f32 = 0.625;
const Q: f32 = 1.5;
const PP: f32 = P * P;
const QQ: f32 = Q * Q;
/// Divisors of G.
const D0: f32 = 1.0 / (PP * QQ);
const DP: f32 = (1.0 / (2.0 * PP as f64 * (PP as f64 - QQ as f64))) as f32;
const DQ: f32 = (1.0 / (2.0 * QQ as f64 * (QQ as f64 - PP as f64))) as f32;

/// A linear map of `I` values to `O`.
pub(super) trait Transform<const I: usize, const O: usize> {
    /// # Safety
    /// As [`Vector`](crate::simd::Vector).
    unsafe fn apply<V: Vector<Elem = f32>>(x: [V; I]) -> [V; O];
}

/// A transform along both axes of a square.
///
/// # Safety
/// As [`Vector`](crate::simd::Vector).
#[inline(always)]
pub(super) unsafe fn along_both<
    V: Vector<Elem = f32>,
    T: Transform<I, O>,
    const I: usize,
    const O: usize,
>(
    x: &[[V; I]; I],
) -> [[V; O]; O] {
    // SAFETY: the caller has the features.
    unsafe {
        let mut half = [[V::zero(); I]; O];
        for j in 0..I {
            let mut column = [V::zero(); I];
            for i in 0..I {
                column[i] = x[i][j];
            }
            let column = T::apply(column);
            for i in 0..O {
                half[i][j] = column[i];
            }
        }
        let mut out = [[V::zero(); O]; O];
        for i in 0..O {
            out[i] = T::apply(half[i]);
        }
        out
    }
}

/// `x * factor + y`.
#[inline(always)]
unsafe fn axpy<V: Vector<Elem = f32>>(x: V, factor: f32, y: V) -> V {
    // SAFETY: the caller has the features, and a reference is valid.
    unsafe { x.mul_add(V::broadcast(&factor), y) }
}

/// `x * factor`.
#[inline(always)]
unsafe fn scale<V: Vector<Elem = f32>>(x: V, factor: f32) -> V {
    // SAFETY: the caller has the features.
    unsafe { axpy(x, factor, V::zero()) }
}

/// B': six inputs to the values at the six points.
pub(super) struct OfInput;

impl Transform<TILE, POINTS> for OfInput {
    #[inline(always)]
    unsafe fn apply<V: Vector<Elem = f32>>(d: [V; TILE]) -> [V; POINTS] {
        // SAFETY: the caller has the features.
        unsafe {
            let (even_p, odd_p) = (axpy(d[2], -QQ, d[4]), axpy(d[1], -QQ, d[3]));
            let (even_q, odd_q) = (axpy(d[2], -PP, d[4]), axpy(d[1], -PP, d[3]));
            [
                axpy(d[0], PP * QQ, axpy(d[2], -(PP + QQ), d[4])),
                axpy(odd_p, P, even_p),
                axpy(odd_p, -P, even_p),
                axpy(odd_q, Q, even_q),
                axpy(odd_q, -Q, even_q),
                axpy(d[1], PP * QQ, axpy(d[3], -(PP + QQ), d[5])),
            ]
        }
    }
}

/// Inputs of a tile along one axis.
pub(super) const TILE: usize = OUTPUTS + TAPS - 1;

/// G: three weights to the values at the six points.
pub(super) struct OfWeight;

impl Transform<TAPS, POINTS> for OfWeight {
    #[inline(always)]
    unsafe fn apply<V: Vector<Elem = f32>>(g: [V; TAPS]) -> [V; POINTS] {
        // SAFETY: the caller has the features.
        unsafe {
            let even_p = scale(axpy(g[2], PP, g[0]), DP);
            let even_q = scale(axpy(g[2], QQ, g[0]), DQ);
            [
                scale(g[0], D0),
                axpy(g[1], P * DP, even_p),
                axpy(g[1], -P * DP, even_p),
                axpy(g[1], Q * DQ, even_q),
                axpy(g[1], -Q * DQ, even_q),
                g[2],
            ]
        }
    }
}

/// A': products at the six points to four outputs.
pub(super) struct ToOutput;

impl Transform<POINTS, OUTPUTS> for ToOutput {
    #[inline(always)]
    unsafe fn apply<V: Vector<Elem = f32>>(m: [V; POINTS]) -> [V; OUTPUTS] {
        // SAFETY: the caller has the features.
        unsafe {
            let (sum_p, diff_p) = (m[1].add(m[2]), axpy(m[2], -1.0, m[1]));
            let (sum_q, diff_q) = (m[3].add(m[4]), axpy(m[4], -1.0, m[3]));
            [
                m[0].add(sum_p.add(sum_q)),
                axpy(diff_q, Q, scale(diff_p, P)),
                axpy(sum_q, QQ, scale(sum_p, PP)),
                axpy(diff_q, Q * QQ, axpy(diff_p, P * PP, m[5])),
            ]
        }
    }
}

/// The transpose of A': gradients of four outputs to gradients of the six products.
pub(super) struct OfOutputGrad;

impl Transform<OUTPUTS, POINTS> for OfOutputGrad {
    #[inline(always)]
    unsafe fn apply<V: Vector<Elem = f32>>(y: [V; OUTPUTS]) -> [V; POINTS] {
        // SAFETY: the caller has the features.
        unsafe {
            let (even_p, odd_p) = (axpy(y[2], PP, y[0]), axpy(y[3], PP, y[1]));
            let (even_q, odd_q) = (axpy(y[2], QQ, y[0]), axpy(y[3], QQ, y[1]));
            [
                y[0],
                axpy(odd_p, P, even_p),
                axpy(odd_p, -P, even_p),
                axpy(odd_q, Q, even_q),
                axpy(odd_q, -Q, even_q),
                y[3],
            ]
        }
    }
}

/// The transpose of G: gradients of six products to gradients of the three weights.
pub(super) struct ToWeightGrad;

impl Transform<POINTS, TAPS> for ToWeightGrad {
    #[inline(always)]
    unsafe fn apply<V: Vector<Elem = f32>>(u: [V; POINTS]) -> [V; TAPS] {
        // SAFETY: the caller has the features.
        unsafe {
            let (sum_p, diff_p) = (u[1].add(u[2]), axpy(u[2], -1.0, u[1]));
            let (sum_q, diff_q) = (u[3].add(u[4]), axpy(u[4], -1.0, u[3]));
            [
                axpy(sum_q, DQ, axpy(sum_p, DP, scale(u[0], D0))),
                axpy(diff_q, Q * DQ, scale(diff_p, P * DP)),
                axpy(sum_q, QQ * DQ, axpy(sum_p, PP * DP, u[5])),
            ]
        }
    }
}
