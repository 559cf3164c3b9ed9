//! Loops over one contiguous row.

use crate::{Float, Loop};

/// Elements that are reduced side by side.
pub(crate) const LANES: usize = 32;
/// Elements of a lane that are added without a break.
const BREAK: usize = 64;

/// The largest element; nan does not count.
#[inline(always)]
pub(crate) fn row_max<T: Float>(x: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let mut lanes = [T::NEG_INFINITY; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] = larger(lanes[l], chunk[l]);
        }
    }
    let rest = tail.iter().copied().fold(T::NEG_INFINITY, larger);
    lanes.iter().copied().fold(rest, larger)
}

#[inline(always)]
fn total<T: Float>(mut lanes: [T; LANES]) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
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
        sum += total(lanes);
        let mut rest = [T::ZERO; LANES];
        for ((rest, x), y) in rest.iter_mut().zip(x_tail).zip(y_tail) {
            *rest = term(*x, *y);
        }
        if !x_tail.is_empty() {
            sum += total(rest);
        }
    }
    sum
}

/// `out = exp(x - max)`; gives the sum.
#[inline(always)]
fn exponentials<T: Float>(x: &[T], max: T, out: &mut [T]) -> T {
    for (out, v) in out.iter_mut().zip(x) {
        *out = (*v - max).exp();
    }
    row_sum(out, out, |v, _| v)
}

/// Softmax of rows of `n` elements.
pub(super) struct SoftmaxRows<'a, T> {
    pub x: &'a [T],
    pub n: usize,
    pub out: &'a mut [T],
}

impl<T: Float> Loop for SoftmaxRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let rows = self.x.chunks_exact(self.n);
        for (x, out) in rows.zip(self.out.chunks_exact_mut(self.n)) {
            let scale = T::ONE / exponentials(x, row_max(x), out);
            for v in out {
                *v *= scale;
            }
        }
    }
}

/// The logarithm of softmax.
pub(super) struct LogSoftmaxRows<'a, T>(pub SoftmaxRows<'a, T>);

impl<T: Float> Loop for LogSoftmaxRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let SoftmaxRows { x, n, out } = self.0;
        for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            let max = row_max(x);
            let log = row_sum(x, x, |v, _| (v - max).exp()).ln();
            for (out, v) in out.iter_mut().zip(x) {
                *out = *v - max - log;
            }
        }
    }
}

/// `grad_x = finish(y, grad, sum of term(y, grad))` for rows of `n` elements.
pub(super) struct BackwardRows<'a, T, F, G> {
    pub y: &'a [T],
    pub grad: &'a [T],
    pub n: usize,
    pub out: &'a mut [T],
    pub term: F,
    pub finish: G,
}

impl<T: Float, F: Fn(T, T) -> T, G: Fn(T, T, T) -> T> Loop for BackwardRows<'_, T, F, G> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let rows = self.y.chunks_exact(self.n);
        let rows = rows.zip(self.grad.chunks_exact(self.n));
        for ((y, grad), out) in rows.zip(self.out.chunks_exact_mut(self.n)) {
            let sum = row_sum(y, grad, &self.term);
            for ((out, y), g) in out.iter_mut().zip(y).zip(grad) {
                *out = (self.finish)(*y, *g, sum);
            }
        }
    }
}
