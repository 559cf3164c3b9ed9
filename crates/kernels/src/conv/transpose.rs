//! Transposing small matrices in cache.

use std::any::TypeId;

use crate::{Float, Isa};

/// `out[c * out_stride + r] = data[r * stride + c]` for `rows` rows and `columns` columns, where `out`
/// is in cache.
///
/// # Panics
/// If an element lies outside a slice.
pub(super) fn transpose<T: Float>(
    isa: Isa,
    data: &[T],
    stride: usize,
    [rows, columns]: [usize; 2],
    out: &mut [T],
    out_stride: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * stride + columns <= data.len());
    assert!((columns - 1) * out_stride + rows <= out.len());
    let (data, out) = (data.as_ptr(), out.as_mut_ptr());
    // SAFETY: all elements are inside by the assertions.
    unsafe {
        Transpose {
            data,
            stride,
            rows,
            columns,
            out,
            out_stride,
            far: Far::Data,
        }
        .run_with(isa);
    }
}

/// As [`transpose`], to memory of which only some elements may be touched, and which is expected to be
/// farther away than `data`.
///
/// # Safety
/// `out` is valid for writing `rows` elements at each multiple of `out_stride` below `columns`
/// times it.
///
/// # Panics
/// If an element lies outside `data`.
pub(super) unsafe fn transpose_to<T: Float>(
    isa: Isa,
    data: &[T],
    stride: usize,
    [rows, columns]: [usize; 2],
    out: *mut T,
    out_stride: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * stride + columns <= data.len());
    // SAFETY: all elements are inside by the assertion and the contract.
    unsafe {
        Transpose {
            data: data.as_ptr(),
            stride,
            rows,
            columns,
            out,
            out_stride,
            far: Far::Out,
        }
        .run_with(isa);
    }
}

/// Columns that are gone through at a time, for all rows: what they are written to stays in cache.
const COLUMNS: usize = 64;

/// Asks for the cache line at `p`.
#[inline(always)]
fn prefetch<T>(p: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
}

/// Rows between what is written and what is asked for.
const AHEAD: usize = 48;

/// What is not in cache, and asked for before it is used.
#[derive(Copy, Clone)]
enum Far {
    Data,
    Out,
}

/// The pointers are valid for what [`transpose_to`] reads and writes.
struct Transpose<T> {
    data: *const T,
    stride: usize,
    rows: usize,
    columns: usize,
    out: *mut T,
    out_stride: usize,
    far: Far,
}

impl<T: Float> Transpose<T> {
    /// # Safety
    /// The pointers are valid for what [`transpose_to`] reads and writes.
    unsafe fn run_with(self, isa: Isa) {
        #[cfg(target_arch = "x86_64")]
        if isa != Isa::Scalar {
            assert!(Isa::Avx2.is_available(), "this machine has no {isa:?}");
            // SAFETY: the machine has AVX2; the casts are between the same types.
            unsafe {
                if TypeId::of::<T>() == TypeId::of::<f32>() {
                    return self.cast::<f32>().run_avx2_f32();
                }
                if TypeId::of::<T>() == TypeId::of::<f64>() {
                    return self.cast::<f64>().run_avx2_f64();
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = isa;
        self.run_portable();
    }

    /// The same, of floats that are the same type.
    #[cfg(target_arch = "x86_64")]
    fn cast<U>(self) -> Transpose<U> {
        Transpose {
            data: self.data.cast(),
            stride: self.stride,
            rows: self.rows,
            columns: self.columns,
            out: self.out.cast(),
            out_stride: self.out_stride,
            far: self.far,
        }
    }

    /// Turns all whole blocks of `N` rows and columns with `turn(data, stride, out, out_stride)`,
    /// the rest one by one.
    #[inline(always)]
    fn run<const N: usize>(self, turn: impl Fn(*const T, usize, *mut T, usize)) {
        let (data, out) = (self.data, self.out);
        for chunk in (0..self.columns).step_by(COLUMNS) {
            let end = (chunk + COLUMNS).min(self.columns);
            let whole_columns = chunk + (end - chunk) / N * N;
            let whole_rows = self.rows / N * N;
            for row in (0..whole_rows).step_by(N) {
                for column in (chunk..whole_columns).step_by(N) {
                    // SAFETY: this block of rows and columns is inside the matrix.
                    let (data, out) = unsafe {
                        (
                            data.add(row * self.stride + column),
                            out.add(column * self.out_stride + row),
                        )
                    };
                    turn(data, self.stride, out, self.out_stride);
                    for i in 0..N {
                        prefetch(match self.far {
                            Far::Data => data.wrapping_add(i * self.stride + COLUMNS),
                            Far::Out => out.wrapping_add(i * self.out_stride + AHEAD),
                        });
                    }
                }
            }
            for column in chunk..end {
                let first = if column < whole_columns {
                    whole_rows
                } else {
                    0
                };
                for row in first..self.rows {
                    // SAFETY: this row and column is inside the matrix.
                    unsafe {
                        *out.add(column * self.out_stride + row) =
                            *data.add(row * self.stride + column);
                    }
                }
            }
        }
    }

    fn run_portable(self) {
        self.run::<4>(|data, stride, out, out_stride| {
            // SAFETY: `run` gives pointers to blocks of 4 rows and 4 columns.
            unsafe {
                let block: [[T; 4]; 4] =
                    std::array::from_fn(|r| data.add(r * stride).cast::<[T; 4]>().read_unaligned());
                for c in [0, 1, 2, 3] {
                    let turned: [T; 4] = std::array::from_fn(|r| block[r][c]);
                    let out = out.add(c * out_stride).cast::<[T; 4]>();
                    out.write_unaligned(turned);
                }
            }
        });
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::Transpose;

    impl Transpose<f32> {
        #[target_feature(enable = "avx2")]
        pub(super) fn run_avx2_f32(self) {
            self.run::<8>(|data, stride, out, out_stride| {
                // Rows r and r + 4 share a register, four columns at a time.
                for half in [0, 4] {
                    // SAFETY: `run` gives pointers to blocks of 8 rows and 8 columns.
                    let row = |r: usize| unsafe {
                        let low = _mm_loadu_ps(data.add(r * stride + half));
                        let high = _mm_loadu_ps(data.add((r + 4) * stride + half));
                        _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1)
                    };
                    let rows = [row(0), row(1), row(2), row(3)];
                    let low01 = _mm256_unpacklo_ps(rows[0], rows[1]);
                    let high01 = _mm256_unpackhi_ps(rows[0], rows[1]);
                    let low23 = _mm256_unpacklo_ps(rows[2], rows[3]);
                    let high23 = _mm256_unpackhi_ps(rows[2], rows[3]);
                    let turned = [
                        _mm256_shuffle_ps(low01, low23, 0x44),
                        _mm256_shuffle_ps(low01, low23, 0xee),
                        _mm256_shuffle_ps(high01, high23, 0x44),
                        _mm256_shuffle_ps(high01, high23, 0xee),
                    ];
                    for (c, turned) in turned.into_iter().enumerate() {
                        // SAFETY: as above.
                        unsafe { _mm256_storeu_ps(out.add((half + c) * out_stride), turned) };
                    }
                }
            });
        }
    }

    impl Transpose<f64> {
        #[target_feature(enable = "avx2")]
        pub(super) fn run_avx2_f64(self) {
            self.run::<4>(|data, stride, out, out_stride| {
                // Rows r and r + 2 share a register, two columns at a time.
                for half in [0, 2] {
                    // SAFETY: `run` gives pointers to blocks of 4 rows and 4 columns.
                    let row = |r: usize| unsafe {
                        let low = _mm_loadu_pd(data.add(r * stride + half));
                        let high = _mm_loadu_pd(data.add((r + 2) * stride + half));
                        _mm256_insertf128_pd(_mm256_castpd128_pd256(low), high, 1)
                    };
                    let rows = [row(0), row(1)];
                    let turned = [
                        _mm256_unpacklo_pd(rows[0], rows[1]),
                        _mm256_unpackhi_pd(rows[0], rows[1]),
                    ];
                    for (c, turned) in turned.into_iter().enumerate() {
                        // SAFETY: as above.
                        unsafe { _mm256_storeu_pd(out.add((half + c) * out_stride), turned) };
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_lands_in_its_place_and_no_other_is_touched() {
        check::<f32>();
        check::<f64>();
    }

    fn check<T: Float>() {
        for isa in Isa::available() {
            for [rows, columns] in [[0, 3], [1, 1], [7, 9], [8, 8], [17, 32], [30, 5], [9, 150]] {
                let data: Vec<T> = (0..rows * (columns + 3)).map(T::from_usize).collect();
                let mut out = vec![-T::ONE; columns * (rows + 2)];
                transpose(isa, &data, columns + 3, [rows, columns], &mut out, rows + 2);
                for (i, v) in out.iter().enumerate() {
                    let (c, r) = (i / (rows + 2), i % (rows + 2));
                    let wanted = if r < rows {
                        T::from_usize(r * (columns + 3) + c)
                    } else {
                        -T::ONE
                    };
                    assert_eq!(*v, wanted, "{isa:?} {rows} x {columns} at {i}");
                }
            }
        }
    }
}
