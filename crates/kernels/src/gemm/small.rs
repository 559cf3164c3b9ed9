//! Products that are not worth packing: small ones, and those with a vector.

use super::MatRef;
use crate::{Buffer, Float, Isa, Loop, for_each_chunk_mut};

/// Products with at most this many multiplications are not packed.
const SMALL: usize = 4096;
/// The most terms that are added without a break.
const K_BLOCK: usize = 512;
/// Independent sums in a dot product.
const LANES: usize = 64;
/// Columns that a vector-matrix product treats at a time.
const STRIP: usize = 256;

/// Computes the product if it is of a kind that this file knows, else returns false.
pub(super) fn gemm_small<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
) -> bool {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    if m.saturating_mul(n).saturating_mul(k) <= SMALL && k <= K_BLOCK {
        isa.run(Small {
            a,
            b,
            c,
            accumulate,
        });
        return true;
    }
    if n == 1 && m > 1 {
        // A column is a row in the same memory.
        return gemm_small(isa, b.transposed(), a.transposed(), c, accumulate);
    }
    if m == 1 {
        let mut copy;
        let row = if a.col_stride == 1 {
            &a.data[..k]
        } else {
            copy = Buffer::<T>::new(k);
            for (i, v) in copy.iter_mut().enumerate() {
                *v = a.data[i * a.col_stride];
            }
            &copy[..]
        };
        if b.row_stride == 1 {
            dot_products(isa, row, b, c, accumulate);
            return true;
        }
        if b.col_stride == 1 {
            row_times_matrix(isa, row, b, c, accumulate);
            return true;
        }
        return false;
    }
    if m <= 4 && a.col_stride == 1 && b.row_stride == 1 {
        for (i, c) in c.chunks_exact_mut(n).enumerate() {
            dot_products(isa, &a.data[i * a.row_stride..][..k], b, c, accumulate);
        }
        return true;
    }
    false
}

struct Small<'a, T> {
    a: MatRef<'a, T>,
    b: MatRef<'a, T>,
    c: &'a mut [T],
    accumulate: bool,
}

impl<T: Float> Loop for Small<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Small {
            a,
            b,
            c,
            accumulate,
        } = self;
        if !accumulate {
            c.fill(T::ZERO);
        }
        if b.cols == 0 {
            return;
        }
        for (i, c) in c.chunks_exact_mut(b.cols).enumerate() {
            for p in 0..a.cols {
                let v = a.data[i * a.row_stride + p * a.col_stride];
                let row = &b.data[p * b.row_stride..];
                if b.col_stride == 1 {
                    for (c, b) in c.iter_mut().zip(row) {
                        *c += v * *b;
                    }
                } else {
                    for (j, c) in c.iter_mut().enumerate() {
                        *c += v * row[j * b.col_stride];
                    }
                }
            }
        }
    }
}

struct Dot<'a, T>(&'a [T], &'a [T]);

impl<T: Float> Loop for Dot<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        let mut acc = [T::ZERO; LANES];
        let (x, x_tail) = self.0.as_chunks::<LANES>();
        let (y, y_tail) = self.1.as_chunks::<LANES>();
        for (x, y) in x.iter().zip(y) {
            for ((a, x), y) in acc.iter_mut().zip(x).zip(y) {
                *a += *x * *y;
            }
        }
        for ((a, x), y) in acc.iter_mut().zip(x_tail).zip(y_tail) {
            *a += *x * *y;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                acc[l] += acc[l + width];
            }
            width /= 2;
        }
        acc[0]
    }
}

/// `c[j] (+)= row . column j of b`, whose columns are contiguous.
fn dot_products<T: Float>(isa: Isa, row: &[T], b: MatRef<'_, T>, c: &mut [T], accumulate: bool) {
    let k = row.len();
    let chunk = ((1 << 15) / k.max(1)).max(1);
    for_each_chunk_mut(c, chunk, |i, c| {
        for (j, c) in c.iter_mut().enumerate() {
            let column = &b.data[(i * chunk + j) * b.col_stride..][..k];
            // Blocks bound the error of a long sum, as in the blocked product.
            let mut sum = T::ZERO;
            for (x, y) in row
                .chunks(LANES * K_BLOCK)
                .zip(column.chunks(LANES * K_BLOCK))
            {
                sum += isa.run(Dot(x, y));
            }
            *c = if accumulate { *c + sum } else { sum };
        }
    });
}

struct Strip<'a, T> {
    row: &'a [T],
    b: &'a [T],
    stride: usize,
    c: &'a mut [T],
}

impl<T: Float> Loop for Strip<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let width = self.c.len();
        for (block, row) in self.row.chunks(K_BLOCK).enumerate() {
            let mut acc = [T::ZERO; STRIP];
            let b = &self.b[block * K_BLOCK * self.stride..];
            for (p, v) in row.iter().enumerate() {
                for (a, b) in acc[..width].iter_mut().zip(&b[p * self.stride..]) {
                    *a += *v * *b;
                }
            }
            for (c, a) in self.c.iter_mut().zip(&acc) {
                *c += *a;
            }
        }
    }
}

/// `c (+)= row b`, where the rows of `b` are contiguous.
fn row_times_matrix<T: Float>(
    isa: Isa,
    row: &[T],
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
) {
    let large = row.len() * c.len() >= 1 << 16;
    let chunk = if large { STRIP } else { c.len().max(1) };
    for_each_chunk_mut(c, chunk, |i, c| {
        if !accumulate {
            c.fill(T::ZERO);
        }
        for (j, c) in c.chunks_mut(STRIP).enumerate() {
            let data = &b.data[i * chunk + j * STRIP..];
            isa.run(Strip {
                row,
                b: data,
                stride: b.row_stride,
                c,
            });
        }
    });
}
