//! The gated linear unit: values times the logistic function of their gates.

use crate::float::run_math;
use crate::function::sigmoid;
use crate::isa::MathLoop;
use crate::math::MulAdd;
use crate::{Float, Isa, for_each_chunk_mut};

/// `v s` for the values v and the gates' sigmoid s.
struct Gated<'a, T> {
    values: &'a [T],
    gates: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> MathLoop for Gated<'_, T> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for ((out, gate), v) in self.out.iter_mut().zip(self.gates).zip(self.values) {
            *out = *v * sigmoid::<T, M>(*gate);
        }
    }
}

/// `g v s (1 - s)`, what the gates get of the gradient g.
struct OfGates<'a, T> {
    values: &'a [T],
    gates: &'a [T],
    grad: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> MathLoop for OfGates<'_, T> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let inputs = self.values.iter().zip(self.gates).zip(self.grad);
        for (out, ((value, gate), g)) in self.out.iter_mut().zip(inputs) {
            let s = sigmoid::<T, M>(*gate);
            *out = (T::ONE - s) * s * *g * *value;
        }
    }
}

/// `out[i] = values[i] / (1 + e^-gates[i])`, on this thread.
///
/// ```
/// let mut out = [0.0];
/// pleach_kernels::glu_piece(&[4.0], &[0.0], &mut out);
/// assert_eq!(out, [2.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn glu_piece<T: Float>(values: &[T], gates: &[T], out: &mut [T]) {
    assert!(
        values.len() == out.len() && gates.len() == out.len(),
        "glu_piece: the lengths differ"
    );
    run_math::<T, _>(Isa::current(), Gated { values, gates, out });
}

/// Elements that one thread takes.
const TASK: usize = 1 << 14;

/// The gradient of the input: rows of `half` values and as many gates. `grad` has the rows of `half`.
///
/// ```
/// let mut out = [0.0; 2];
/// pleach_kernels::glu_backward(&[4.0, 0.0], 1, &[1.0], &mut out);
/// assert_eq!(out, [0.5, 1.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit.
pub fn glu_backward<T: Float>(x: &[T], half: usize, grad: &[T], out: &mut [T]) {
    assert!(
        x.len() == out.len()
            && grad.len() * 2 == out.len()
            && grad.len().is_multiple_of(half.max(1)),
        "glu_backward: the lengths do not fit"
    );
    let isa = Isa::current();
    for_each_chunk_mut(out, TASK, |task, mut out| {
        let mut place = task * TASK;
        // Up to the end of the half, and so on.
        while !out.is_empty() {
            let (row, within) = (place / (2 * half), place % (2 * half));
            let i = within % half;
            let part = (half - i).min(out.len());
            let piece = out.split_off_mut(..part).expect("a part of the piece");
            let start = 2 * half * row + i;
            let (values, gates) = (&x[start..start + part], &x[start + half..][..part]);
            let grad = &grad[half * row + i..][..part];
            match within < half {
                // The values get `g s`.
                true => run_math::<T, _>(
                    isa,
                    Gated {
                        values: grad,
                        gates,
                        out: piece,
                    },
                ),
                false => run_math::<T, _>(
                    isa,
                    OfGates {
                        values,
                        gates,
                        grad,
                        out: piece,
                    },
                ),
            }
            place += part;
        }
    });
}
