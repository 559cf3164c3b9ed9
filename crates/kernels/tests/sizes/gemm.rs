//! Matrix products of every size from 1 to 300 along one side, all layouts, packed and in batches.

use pleach_kernels::{
    BatchRef, Bias, Epilogue, Float, MatRef, PackedB, gemm_batched, gemm_epilogue, gemm_packed,
};

use crate::harness::{
    ACTIVATIONS, Run, activated, assert_equal, is_large, on_every_isa, whole_numbers,
};

/// Matrices one after the other, rows or columns together.
struct Matrices<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
    transposed: bool,
}

impl<T: Float> Matrices<T> {
    fn new(count: usize, rows: usize, cols: usize, transposed: bool, seed: usize) -> Self {
        Matrices {
            data: whole_numbers(count * rows * cols, seed),
            rows,
            cols,
            transposed,
        }
    }

    fn strides(&self) -> (usize, usize) {
        if self.transposed {
            (1, self.rows)
        } else {
            (self.cols, 1)
        }
    }

    fn first(&self) -> MatRef<'_, T> {
        let (row, col) = self.strides();
        MatRef::new(&self.data, self.rows, self.cols, row, col)
    }

    fn batch(&self, count: usize) -> BatchRef<'_, T> {
        let (size, shape) = (self.rows * self.cols, (self.rows, self.cols));
        BatchRef::new(&self.data, count, size, shape, self.strides())
    }

    fn at(&self, matrix: usize, i: usize, j: usize) -> f64 {
        let (row, col) = self.strides();
        self.data[matrix * self.rows * self.cols + i * row + j * col].to_f64()
    }
}

/// Checks a product: plain, packed and in a batch.
fn check<T: Float>([m, k, n]: [usize; 3], case: usize, turn: usize) {
    let count = 1 + turn % 3;
    let a = Matrices::<T>::new(count, m, k, turn % 2 == 1, case);
    let b = Matrices::<T>::new(count, k, n, turn / 2 % 2 == 1, case + 1);
    let (accumulate, activation) = ((turn / 4).is_multiple_of(3), ACTIVATIONS[turn / 4 % 3]);
    let start = whole_numbers::<T>(count * m * n, case + 2);
    let bias = whole_numbers::<T>(m.max(n), case + 3);
    let residual = whole_numbers::<T>(count * m * n, case + 4);
    let epilogue = Epilogue {
        bias: match turn % 3 {
            0 => Bias::None,
            1 => Bias::PerColumn(&bias[..n]),
            _ => Bias::PerRow(&bias[..m]),
        },
        residual: turn.is_multiple_of(2).then_some(&residual[..]),
        activation,
    };
    let mut want = Vec::with_capacity(start.len());
    for (matrix, i) in (0..count).flat_map(|c| (0..m).map(move |i| (c, i))) {
        let mut row = vec![0.0; n];
        for p in 0..k {
            let left = a.at(matrix, i, p);
            for (j, sum) in row.iter_mut().enumerate() {
                *sum += left * b.at(matrix, p, j);
            }
        }
        for (j, sum) in row.iter().enumerate() {
            let mut v = *sum;
            if accumulate {
                v += start[want.len()].to_f64();
            }
            v += match epilogue.bias {
                Bias::None => 0.0,
                Bias::PerColumn(bias) => bias[j].to_f64(),
                Bias::PerRow(bias) => bias[i].to_f64(),
            };
            v += epilogue.residual.map_or(0.0, |r| r[want.len()].to_f64());
            want.push(activated(activation, v));
        }
    }
    let what = format!("{m} {k} {n} {turn}");
    let mut c = start.clone();
    gemm_batched(a.batch(count), b.batch(count), &mut c, accumulate, epilogue);
    assert_equal("products in a batch", &what, &c, &want);
    let epilogue = Epilogue {
        residual: epilogue.residual.map(|r| &r[..m * n]),
        ..epilogue
    };
    let mut c = start[..m * n].to_vec();
    gemm_epilogue(a.first(), b.first(), &mut c, accumulate, epilogue);
    assert_equal("product", &what, &c, &want[..m * n]);
    let mut c = start[..m * n].to_vec();
    let packed = PackedB::new(b.first());
    gemm_packed(a.first(), &packed, &mut c, accumulate, epilogue);
    assert_equal("packed product", &what, &c, &want[..m * n]);
}

/// Checks the products with one side of this length, and others of a few lengths.
fn check_length(run: &Run, length: usize) {
    for (i, [p, q]) in [[1, 1], [3, 70], [33, 9], [130, 2], [40, 41]]
        .into_iter()
        .enumerate()
    {
        for (j, sizes) in [[length, p, q], [p, length, q], [p, q, length]]
            .into_iter()
            .enumerate()
        {
            let case = length + i + j;
            // The next length has the other two.
            for layouts in [length % 2, 3 - length % 2] {
                let turn = 4 * (length / 3 + 5 * i + j) + layouts;
                if !run.takes(case + layouts) {
                    continue;
                }
                match (length + i) % 4 {
                    0 => check::<f64>(sizes, case, turn),
                    _ => check::<f32>(sizes, case, turn),
                }
            }
        }
    }
}

#[test]
fn products_of_every_length_match_plain_loops() {
    let name = "gemm::products_of_every_length_match_plain_loops";
    on_every_isa(name, |run| {
        for length in run.lengths() {
            check_length(run, length);
        }
    });
}

#[test]
fn products_of_every_shape_match_plain_loops() {
    let name = "gemm::products_of_every_shape_match_plain_loops";
    on_every_isa(name, |run| {
        run.images(0, [1, 1], |case, [m, n]| {
            let longest = if is_large([m, n]) { 23 } else { 61 };
            let k = 1 + (m * 7 + n * 3) % longest;
            check::<f32>([m, k, n], case, case / 3);
        });
    });
}
