//! Products with few terms, such as the gradient of a linear layer's weights for a small batch:
//! what they cost is writing the output, row by row.

use super::matrix::MatRef;
use crate::lanes::{self, VectorLoop};
use crate::simd::Vector;
use crate::threads::Disjoint;
use crate::{Buffer, Epilogue, Float, Isa, parallel_for};

/// The most terms: with more, packing costs less than it gains.
const MOST_TERMS: usize = 4;
/// The fewest columns.
const COLUMNS: usize = 64;
/// Elements of the output that make a task.
const TASK: usize = 1 << 14;

/// Computes the product if it has few terms and long rows, else returns false. The bits are those of
/// the packed product.
pub(super) fn gemm_few_terms<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) -> bool {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    if k == 0 || k > MOST_TERMS || n < COLUMNS || b.col_stride != 1 || m == 0 {
        return false;
    }
    let rows = (TASK / n).max(1);
    let c = Disjoint::new(c);
    let task = |task: usize| {
        let mut sums = Buffer::<T>::new(if accumulate { n } else { 0 });
        for i in task * rows..m.min((task + 1) * rows) {
            // SAFETY: each task has rows of its own.
            let c = unsafe { c.slice(i * n, n) };
            let left = &a.data[i * a.row_stride..];
            let out = if accumulate { &mut sums } else { &mut *c };
            let row = Row {
                left: std::array::from_fn(|p| left[p.min(k - 1) * a.col_stride]),
                right: std::array::from_fn(|p| &b.data[p.min(k - 1) * b.row_stride..][..n]),
                terms: k,
                out,
            };
            lanes::run(isa, row);
            if accumulate {
                isa.run_narrow(|| c.iter_mut().zip(&sums[..]).for_each(|(c, v)| *c += *v));
            }
            epilogue.apply(isa, i, i * n, c);
        }
    };
    let tasks = m.div_ceil(rows);
    match tasks {
        1 => task(0),
        _ => parallel_for(tasks, task),
    }
    true
}

/// Adds up the terms of a row.
struct Row<'a, T> {
    left: [T; MOST_TERMS],
    right: [&'a [T]; MOST_TERMS],
    terms: usize,
    out: &'a mut [T],
}

impl<T: Float> VectorLoop<T> for Row<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        // SAFETY: this function's contract.
        unsafe {
            match self.terms {
                1 => self.add::<V, 1>(),
                2 => self.add::<V, 2>(),
                3 => self.add::<V, 3>(),
                _ => self.add::<V, 4>(),
            }
        }
    }
}

impl<T: Float> Row<'_, T> {
    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    unsafe fn add<V: Vector<Elem = T>, const TERMS: usize>(self) {
        let n = self.out.len();
        let right: [&[T]; TERMS] = std::array::from_fn(|p| &self.right[p][..n]);
        let whole = n - n % V::LANES;
        // SAFETY: vectors are read and written where all rows have them.
        unsafe {
            let left: [V; TERMS] = std::array::from_fn(|p| V::broadcast(&self.left[p]));
            for j in (0..whole).step_by(V::LANES) {
                let out = self.out.as_mut_ptr().add(j);
                let mut sum = V::zero();
                for (left, right) in left.iter().zip(right) {
                    sum = left.mul_add(V::load(right.as_ptr().add(j)), sum);
                }
                sum.store(out);
            }
            for j in whole..n {
                let mut sum = T::ZERO;
                for (left, right) in self.left.iter().zip(right) {
                    sum = V::mul_add_one(*left, right[j], sum);
                }
                self.out[j] = sum;
            }
        }
    }
}
