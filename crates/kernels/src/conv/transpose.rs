//! Transposing small matrices in cache.

use crate::float::of_type;
use crate::lanes::{VectorLoop, run_narrow, transpose_rows};
use crate::simd::Vector;
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
    assert!((columns - 1) * out_stride + rows <= out.len());
    let (sizes, out) = ([rows, columns], out.as_mut_ptr());
    // SAFETY: all elements of `out` are inside by the assertion.
    unsafe { transpose_far(isa, data, stride, sizes, out, out_stride, Far::Data) };
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
    sizes: [usize; 2],
    out: *mut T,
    out_stride: usize,
) {
    // SAFETY: this function's contract.
    unsafe { transpose_far(isa, data, stride, sizes, out, out_stride, Far::Out) };
}

/// # Safety
/// As [`transpose_to`].
unsafe fn transpose_far<T: Float>(
    isa: Isa,
    data: &[T],
    stride: usize,
    [rows, columns]: [usize; 2],
    out: *mut T,
    out_stride: usize,
    far: Far,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * stride + columns <= data.len());
    let data = data.as_ptr();
    let transpose = Transpose {
        data,
        stride,
        rows,
        columns,
        out,
        out_stride,
        far,
    };
    // Compiled here, once for each float.
    static F32: Run<f32> = run_narrow;
    static F64: Run<f64> = run_narrow;
    of_type::<Run<T>>(&F32, &F64)(isa, transpose);
}

type Run<T> = fn(Isa, Transpose<T>);

/// Columns that are gone through at a time, for all rows: what they are written to stays in cache.
const COLUMNS: usize = 64;

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

impl<T: Float> VectorLoop<T> for Transpose<T> {
    /// Turns whole blocks with vectors, the rest one by one.
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let (data, out) = (self.data, self.out);
        let width = V::LANES.max(4);
        let whole_rows = self.rows / V::LANES * V::LANES;
        for chunk in (0..self.columns).step_by(COLUMNS) {
            let end = (chunk + COLUMNS).min(self.columns);
            let whole_columns = chunk + (end - chunk) / width * width;
            for row in (0..whole_rows).step_by(V::LANES) {
                for column in (chunk..whole_columns).step_by(width) {
                    // SAFETY: this block of rows and columns is inside the matrix.
                    unsafe {
                        let data = data.add(row * self.stride + column);
                        let out = out.add(column * self.out_stride + row);
                        transpose_rows::<V>(data, self.stride, width, out, self.out_stride);
                        match self.far {
                            Far::Data => {
                                for i in 0..V::LANES {
                                    V::prefetch(data.wrapping_add(i * self.stride + COLUMNS));
                                }
                            }
                            Far::Out => {
                                for i in 0..width {
                                    V::prefetch(out.wrapping_add(i * self.out_stride + AHEAD));
                                }
                            }
                        }
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
