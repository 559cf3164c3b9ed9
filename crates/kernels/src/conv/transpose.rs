//! Transposing small matrices in cache.

use crate::{Float, Isa, Loop};

/// Rows and columns that are turned at a time.
const TURN: usize = 8;

/// `out[c * out_stride + r] = data[r * stride + c]` for `rows` rows and `columns` columns.
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
    // SAFETY: all elements are inside by the assertions.
    unsafe {
        transpose_to(
            isa,
            data,
            stride,
            [rows, columns],
            out.as_mut_ptr(),
            out_stride,
        )
    };
}

/// As [`transpose`], to memory of which only some elements may be touched.
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
    isa.run_narrow(Transpose {
        data: data.as_ptr(),
        stride,
        rows,
        columns,
        out,
        out_stride,
    });
}

/// The pointers are valid for what [`transpose_to`] reads and writes.
struct Transpose<T> {
    data: *const T,
    stride: usize,
    rows: usize,
    columns: usize,
    out: *mut T,
    out_stride: usize,
}

impl<T: Float> Loop for Transpose<T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut column = 0;
        while column < self.columns {
            let whole = column + TURN <= self.columns;
            let mut row = 0;
            while whole && row + TURN <= self.rows {
                // SAFETY: this block of rows and columns is inside the matrix.
                unsafe { self.turn(row, column) };
                row += TURN;
            }
            let end = (column + TURN).min(self.columns);
            for c in column..end {
                for r in row..self.rows {
                    // SAFETY: this row and column is inside the matrix.
                    unsafe {
                        *self.out.add(c * self.out_stride + r) =
                            *self.data.add(r * self.stride + c);
                    }
                }
            }
            column = end;
        }
    }
}

impl<T: Float> Transpose<T> {
    /// # Safety
    /// The matrix has `TURN` rows from `row` and columns from `column` on.
    #[inline(always)]
    unsafe fn turn(&self, row: usize, column: usize) {
        // SAFETY: by the contract, the rows and columns are inside the matrix.
        unsafe {
            let data = self.data.add(row * self.stride + column);
            let block: [[T; TURN]; TURN] = std::array::from_fn(|r| {
                data.add(r * self.stride)
                    .cast::<[T; TURN]>()
                    .read_unaligned()
            });
            let out = self.out.add(column * self.out_stride + row);
            for c in 0..TURN {
                let turned: [T; TURN] = std::array::from_fn(|r| block[r][c]);
                out.add(c * self.out_stride)
                    .cast::<[T; TURN]>()
                    .write_unaligned(turned);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_lands_in_its_place_and_no_other_is_touched() {
        for isa in Isa::available() {
            for [rows, columns] in [[0, 3], [1, 1], [7, 9], [8, 8], [17, 32], [30, 5]] {
                let data: Vec<f32> = (0..rows * (columns + 3)).map(|i| i as f32).collect();
                let mut out = vec![-1.0; columns * (rows + 2)];
                transpose(isa, &data, columns + 3, [rows, columns], &mut out, rows + 2);
                for (i, v) in out.iter().enumerate() {
                    let (c, r) = (i / (rows + 2), i % (rows + 2));
                    let wanted = if r < rows {
                        (r * (columns + 3) + c) as f32
                    } else {
                        -1.0
                    };
                    assert_eq!(*v, wanted, "{isa:?} {rows} x {columns} at {i}");
                }
            }
        }
    }
}
