//! PyTorch's `addcmul` and `addcdiv`: a scaled product or quotient, and what it is added to.

use crate::elementwise::chunk_len;
use crate::{Float, Isa, Loop, for_each_chunk_mut};

/// `end` of x, a and b.
struct Triples<'a, T, F>(&'a [T], &'a [T], &'a [T], &'a mut [T], F);

impl<T: Float, F: Fn(T, T, T) -> T> Loop for Triples<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Triples(x, a, b, out, end) = self;
        for (((out, x), a), b) in out.iter_mut().zip(x).zip(a).zip(b) {
            *out = end(*x, *a, *b);
        }
    }
}

fn triples<T: Float>(
    [x, a, b]: [&[T]; 3],
    out: &mut [T],
    end: impl Fn(T, T, T) -> T + Sync + Copy,
) {
    let len = out.len();
    assert!(
        x.len() == len && a.len() == len && b.len() == len,
        "a scaled sum: the lengths differ"
    );
    let chunk = chunk_len(len, 4 * size_of::<T>());
    for_each_chunk_mut(out, chunk, |i, out| {
        let part = i * chunk..i * chunk + out.len();
        let (x, a, b) = (&x[part.clone()], &a[part.clone()], &b[part]);
        Isa::current().run_narrow(Triples(x, a, b, out, end));
    });
}

/// `out[i] = x[i] + value * a[i] * b[i]`, where the last product and the sum are rounded once, as PyTorch's
/// vectors do.
///
/// ```
/// let mut out = [0.0];
/// pleach_kernels::add_scaled_product(&[1.0], &[2.0], &[3.0], 0.5, &mut out);
/// assert_eq!(out, [4.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled_product<T: Float>(x: &[T], a: &[T], b: &[T], value: T, out: &mut [T]) {
    triples([x, a, b], out, move |x, a, b| (value * a).mul_add(b, x));
}

/// `out[i] = x[i] + value * a[i] / b[i]`.
///
/// ```
/// let mut out = [0.0];
/// pleach_kernels::add_scaled_quotient(&[1.0], &[6.0], &[3.0], 0.5, &mut out);
/// assert_eq!(out, [2.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled_quotient<T: Float>(x: &[T], a: &[T], b: &[T], value: T, out: &mut [T]) {
    triples([x, a, b], out, move |x, a, b| x + value * a / b);
}
