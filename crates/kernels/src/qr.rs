//! The orthogonal factor of a matrix, by blocked Householder reflections.
//!
//! "A storage-efficient WY representation for products of Householder transformations", Schreiber
//! and Van Loan, 1989: the reflections of a block of columns are `I - V T Vᵀ`, so that most of
//! the work is matrix products.

use crate::{Buffer, Float, MatRef, gemm};

/// Columns factored together.
const BLOCK: usize = 32;

/// Replaces a row-major matrix `a` of `rows × columns` (`rows >= columns`) by the factor `Q` of
/// `a = Q R` whose `R` has no negative number on its diagonal; a column where that number is zero
/// becomes zero.
///
/// With these signs the factor is unique, if `a` has full rank.
///
/// # Panics
/// If `a` has another length, or more columns than rows.
///
/// ```
/// let mut a = [3.0, 1.0, 4.0, 2.0]; // columns (3, 4) and (1, 2)
/// pleach_kernels::orthogonal_factor(&mut a, 2, 2);
/// for (got, want) in a.iter().zip([0.6f64, -0.8, 0.8, 0.6]) {
///     assert!((got - want).abs() < 1e-15);
/// }
/// ```
pub fn orthogonal_factor<T: Float>(a: &mut [T], rows: usize, columns: usize) {
    assert!(
        rows >= columns,
        "orthogonal_factor: {rows} rows and {columns} columns"
    );
    assert_eq!(a.len(), rows * columns, "orthogonal_factor: length of a");
    let mut blocks = Vec::new();
    let mut diagonal = vec![T::ZERO; columns];
    for start in (0..columns).step_by(BLOCK) {
        let width = BLOCK.min(columns - start);
        let block = Reflections::factor(a, rows, columns, start, width, &mut diagonal);
        block.apply(a, columns, start + width, true);
        blocks.push(block);
    }
    // Q is the product of the reflections, applied to the first columns of the identity.
    a.fill(T::ZERO);
    a.iter_mut()
        .step_by(columns + 1)
        .take(columns)
        .for_each(|v| *v = T::ONE);
    for block in blocks.iter().rev() {
        block.apply(a, columns, block.start, false);
    }
    for row in a.chunks_mut(columns.max(1)) {
        for (v, &r) in row.iter_mut().zip(&diagonal) {
            *v = if r > T::ZERO {
                *v
            } else if r < T::ZERO {
                -*v
            } else {
                T::ZERO
            };
        }
    }
}

/// The reflections of a block of columns.
struct Reflections<T: Float> {
    /// The first column of the block; also the first row that the reflections touch.
    start: usize,
    width: usize,
    /// The vectors, `height × width` row-major, with ones on the diagonal and zeros above.
    vectors: Buffer<T>,
    height: usize,
    /// Upper triangular, `width × width`.
    triangle: Vec<T>,
}

impl<T: Float> Reflections<T> {
    /// Factors the columns from `start` on, and notes the diagonal of R.
    fn factor(
        a: &[T],
        rows: usize,
        columns: usize,
        start: usize,
        width: usize,
        diagonal: &mut [T],
    ) -> Self {
        let height = rows - start;
        // Column by column, so that the loops below run along memory.
        let mut panel: Vec<Vec<T>> = (0..width)
            .map(|j| {
                (0..height)
                    .map(|i| a[(start + i) * columns + start + j])
                    .collect()
            })
            .collect();
        let mut scales = vec![T::ZERO; width];
        for j in 0..width {
            let (head, tail) = panel.split_at_mut(j + 1);
            let vector = &mut head[j];
            let (scale, r) = reflection(&mut vector[j..]);
            vector[..j].fill(T::ZERO);
            scales[j] = scale;
            diagonal[start + j] = r;
            for column in tail {
                let along = scale * dot(&vector[j..], &column[j..]);
                for (c, &v) in column[j..].iter_mut().zip(&vector[j..]) {
                    *c = *c - along * v;
                }
            }
        }
        // T[..j, j] = -scale_j T[..j, ..j] (V[..j]ᵀ v_j).
        let mut triangle = vec![T::ZERO; width * width];
        for j in 0..width {
            let products: Vec<T> = (0..j)
                .map(|i| dot(&panel[i][j..], &panel[j][j..]))
                .collect();
            for i in 0..j {
                let mut sum = T::ZERO;
                for k in i..j {
                    sum += triangle[i * width + k] * products[k];
                }
                triangle[i * width + j] = -scales[j] * sum;
            }
            triangle[j * width + j] = scales[j];
        }
        let mut vectors = Buffer::new(height * width);
        for (i, row) in vectors.chunks_mut(width).enumerate() {
            for (v, column) in row.iter_mut().zip(&panel) {
                *v = column[i];
            }
        }
        Reflections {
            start,
            width,
            vectors,
            height,
            triangle,
        }
    }

    /// `a = (I - V T Vᵀ) a`, or with `Tᵀ`, on the columns from `from` on.
    fn apply(&self, a: &mut [T], columns: usize, from: usize, transposed: bool) {
        let (n, w) = (columns - from, self.width);
        if n == 0 {
            return;
        }
        let v = MatRef::row_major(&self.vectors, self.height, w);
        let part = MatRef::new(
            &a[self.start * columns + from..],
            self.height,
            n,
            columns,
            1,
        );
        let mut along = Buffer::new(w * n);
        gemm(v.transposed(), part, &mut along, false);
        let triangle = MatRef::row_major(&self.triangle, w, w);
        let triangle = if transposed {
            triangle.transposed()
        } else {
            triangle
        };
        let mut scaled = Buffer::new(w * n);
        gemm(
            triangle,
            MatRef::row_major(&along, w, n),
            &mut scaled,
            false,
        );
        let mut change = Buffer::new(self.height * n);
        gemm(v, MatRef::row_major(&scaled, w, n), &mut change, false);
        for (row, change) in a[self.start * columns..]
            .chunks_mut(columns)
            .zip(change.chunks(n))
        {
            for (a, &c) in row[from..].iter_mut().zip(change) {
                *a = *a - c;
            }
        }
    }
}

/// Turns `x` into the vector `v` (with `v[0] = 1`) of the reflection `I - scale v vᵀ` that maps `x`
/// to `(r, 0, …)`; returns `(scale, r)`.
fn reflection<T: Float>(x: &mut [T]) -> (T, T) {
    let tail = dot(&x[1..], &x[1..]);
    let first = x[0];
    x[0] = T::ONE;
    if tail == T::ZERO {
        return (T::ZERO, first);
    }
    let norm = (first * first + tail).sqrt();
    // The sign that adds magnitudes, so that nothing cancels.
    let r = if first > T::ZERO { -norm } else { norm };
    let divisor = first - r;
    for v in &mut x[1..] {
        *v = *v / divisor;
    }
    ((r - first) / r, r)
}

/// The inner product, in eight sums.
fn dot<T: Float>(x: &[T], y: &[T]) -> T {
    let mut sums = [T::ZERO; 8];
    let (xs, x_rest) = x.as_chunks::<8>();
    let (ys, y_rest) = y.as_chunks::<8>();
    for (a, b) in xs.iter().zip(ys) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let mut total = T::ZERO;
    for s in sums {
        total += s;
    }
    for (&a, &b) in x_rest.iter().zip(y_rest) {
        total += a * b;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern.
    fn numbers(n: usize) -> Vec<f64> {
        let mut state = 12345u64;
        (0..n)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            })
            .collect()
    }

    #[test]
    fn the_factor_is_orthogonal_and_the_rest_is_upper_triangular_with_a_positive_diagonal() {
        for (rows, columns) in [(1, 1), (5, 3), (40, 33), (100, 64), (70, 70), (3, 0)] {
            let a = numbers(rows * columns);
            let mut q = a.clone();
            orthogonal_factor(&mut q, rows, columns);
            let product = |x: &[f64], i: usize, y: &[f64], j: usize| -> f64 {
                (0..rows)
                    .map(|k| x[k * columns + i] * y[k * columns + j])
                    .sum()
            };
            for i in 0..columns {
                for j in 0..columns {
                    let unit = if i == j { 1.0 } else { 0.0 };
                    assert!(
                        (product(&q, i, &q, j) - unit).abs() < 1e-12,
                        "{rows}x{columns}"
                    );
                    let r = product(&q, i, &a, j);
                    if i > j {
                        assert!(r.abs() < 1e-12, "R[{i}, {j}] = {r}");
                    } else if i == j {
                        assert!(r > 0.0, "R[{i}, {i}] = {r}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_column_of_zeros_stays_zero() {
        let mut a = [0.0f32, 1.0, 0.0, 0.0];
        orthogonal_factor(&mut a, 2, 2);
        assert_eq!((a[0], a[2]), (0.0, 0.0));
    }
}
