//! Loops over one contiguous row.

use crate::Float;
use crate::isa::MathLoop;
use crate::math::MulAdd;
use crate::simd::sum_halves;

/// Elements that are reduced side by side.
pub(crate) const LANES: usize = 32;
/// Elements of a lane that are added without a break.
const BREAK: usize = 64;

/// The largest element; nan does not count.
#[inline(always)]
pub(crate) fn row_max<T: Float>(x: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let mut lanes = [T::LOWEST; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] = larger(lanes[l], chunk[l]);
        }
    }
    let rest = tail.iter().copied().fold(T::LOWEST, larger);
    lanes.iter().copied().fold(rest, larger)
}

/// The sum of `term(x, y)`, in lanes of which no more than 64 elements are added without a break.
#[inline(always)]
pub(crate) fn row_sum<T: Float>(x: &[T], y: &[T], term: impl Fn(T, T) -> T) -> T {
    let mut sum = T::ZERO;
    for (x, y) in x.chunks(BREAK * LANES).zip(y.chunks(BREAK * LANES)) {
        let mut lanes = [T::ZERO; LANES];
        let (chunks, x_tail) = x.as_chunks::<LANES>();
        let (y_chunks, y_tail) = y.as_chunks::<LANES>();
        for (x, y) in chunks.iter().zip(y_chunks) {
            for l in 0..LANES {
                lanes[l] += term(x[l], y[l]);
            }
        }
        sum += sum_halves(&mut lanes);
        let mut rest = [T::ZERO; LANES];
        for ((rest, x), y) in rest.iter_mut().zip(x_tail).zip(y_tail) {
            *rest = term(*x, *y);
        }
        if !x_tail.is_empty() {
            sum += sum_halves(&mut rest);
        }
    }
    sum
}

/// `out = exp(x - max)`; gives the sum.
#[inline(always)]
fn exponentials<T: Float, M: MulAdd>(x: &[T], max: T, out: &mut [T]) -> T {
    for (out, v) in out.iter_mut().zip(x) {
        *out = (*v - max).exp::<M>();
    }
    row_sum(out, out, |v, _| v)
}

/// Softmax of rows of `n` elements.
pub(super) struct SoftmaxRows<'a, T> {
    pub x: &'a [T],
    pub n: usize,
    pub out: &'a mut [T],
}

impl<T: Float> MathLoop for SoftmaxRows<'_, T> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let rows = self.x.chunks_exact(self.n);
        for (x, out) in rows.zip(self.out.chunks_exact_mut(self.n)) {
            let scale = T::ONE / exponentials::<T, M>(x, row_max(x), out);
            for v in out {
                *v *= scale;
            }
        }
    }
}

/// The logarithm of softmax.
pub(super) struct LogSoftmaxRows<'a, T>(pub SoftmaxRows<'a, T>);

impl<T: Float> MathLoop for LogSoftmaxRows<'_, T> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let SoftmaxRows { x, n, out } = self.0;
        for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            let max = row_max(x);
            let log = row_sum(x, x, |v, _| (v - max).exp::<M>()).ln::<M>();
            for (out, v) in out.iter_mut().zip(x) {
                *out = *v - max - log;
            }
        }
    }
}

/// The gradient of rows of `n` elements.
pub(super) struct BackwardRows<'a, T, const LOG: bool> {
    pub y: &'a [T],
    pub grad: &'a [T],
    pub n: usize,
    pub out: &'a mut [T],
}

impl<T: Float, const LOG: bool> MathLoop for BackwardRows<'_, T, LOG> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let rows = self.y.chunks_exact(self.n);
        let rows = rows.zip(self.grad.chunks_exact(self.n));
        for ((y, grad), out) in rows.zip(self.out.chunks_exact_mut(self.n)) {
            let sum = row_sum(y, grad, term::<T, LOG>);
            for ((out, y), g) in out.iter_mut().zip(y).zip(grad) {
                *out = gradient::<T, M, LOG>(*y, *g, sum);
            }
        }
    }
}

/// What is summed along the axis for the gradient.
#[inline(always)]
pub(super) fn term<T: Float, const LOG: bool>(y: T, grad: T) -> T {
    if LOG { grad } else { y * grad }
}

/// The gradient, from the sum of the [`term`]s.
#[inline(always)]
pub(super) fn gradient<T: Float, M: MulAdd, const LOG: bool>(y: T, grad: T, sum: T) -> T {
    if LOG {
        grad - y.exp::<M>() * sum
    } else {
        y * (grad - sum)
    }
}
