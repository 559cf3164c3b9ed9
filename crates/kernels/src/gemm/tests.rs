//! Every kind of product against a plain loop in f64, on every instruction set, for several numbers
//! of threads.
//!
//! `PLEACH_TEST_SIZES=small` leaves out the large shapes, for runs under a sanitizer.

use super::batched::gemm_batched_with;
use super::*;
use crate::epilogue::{ACTIVATIONS, activated};
use crate::threads::with_thread_counts;
use crate::{Activation, Bias, Buffer};

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// Values in -0.5 .. 0.5, in memory that ends where they do.
    fn values<T: Float>(&mut self, len: usize) -> Box<[T]> {
        let mut value = || T::from_f64(self.below(1 << 24) as f64 / (1 << 24) as f64 - 0.5);
        (0..len).map(|_| value()).collect()
    }
}

fn small_only() -> bool {
    std::env::var("PLEACH_TEST_SIZES").is_ok_and(|v| v == "small")
}

/// A matrix with its own memory, in one of several layouts.
struct Matrix<T> {
    data: Box<[T]>,
    shape: (usize, usize),
    strides: (usize, usize),
}

const LAYOUTS: usize = 7;

impl<T: Float> Matrix<T> {
    fn new(random: &mut Random, rows: usize, cols: usize, layout: usize) -> Self {
        let strides = match layout {
            0 => (cols, 1),
            1 => (1, rows),
            2 => (cols + 5, 1),
            3 => (1, rows + 3),
            4 => (2 * cols + 1, 2),
            5 => (0, 1),
            _ => (1, 0),
        };
        let len = match (rows, cols) {
            (0, _) | (_, 0) => 0,
            _ => (rows - 1) * strides.0 + (cols - 1) * strides.1 + 1,
        };
        Matrix {
            data: random.values(len),
            shape: (rows, cols),
            strides,
        }
    }

    fn view(&self) -> MatRef<'_, T> {
        let ((rows, cols), (row_stride, col_stride)) = (self.shape, self.strides);
        MatRef::new(&self.data, rows, cols, row_stride, col_stride)
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.strides.0 + j * self.strides.1].to_f64()
    }
}

/// The product by a plain loop, and beside each element the sum of its terms' sizes.
fn naive<T: Float>(a: &Matrix<T>, b: &Matrix<T>) -> Vec<(f64, f64)> {
    let ((m, k), n) = (a.shape, b.shape.1);
    let b: Vec<f64> = (0..n)
        .flat_map(|j| (0..k).map(move |p| b.at(p, j)))
        .collect();
    let mut c = Vec::with_capacity(m * n);
    for i in 0..m {
        let row: Vec<f64> = (0..k).map(|p| a.at(i, p)).collect();
        for j in 0..n {
            let column = &b[j * k..(j + 1) * k];
            let terms = row.iter().zip(column).map(|(a, b)| a * b);
            c.push((terms.clone().sum(), terms.map(f64::abs).sum()));
        }
    }
    c
}

#[derive(Copy, Clone, PartialEq, Debug)]
enum Added {
    Nothing,
    Columns,
    Rows,
}

/// Checks one product on all instruction sets, packed and not, for several numbers of threads.
fn check<T: Float>(
    random: &mut Random,
    (m, k, n): (usize, usize, usize),
    layouts: (usize, usize),
    accumulate: bool,
    (added, activation): (Added, Activation),
) {
    let a = Matrix::<T>::new(random, m, k, layouts.0);
    let b = Matrix::<T>::new(random, k, n, layouts.1);
    let start = random.values::<T>(m * n);
    let bias = random.values::<T>(if added == Added::Rows { m } else { n });
    let what = format!("{m} {k} {n} {layouts:?} {accumulate} {added:?} {activation:?}");
    let epilogue = Epilogue {
        bias: match added {
            Added::Nothing => Bias::None,
            Added::Columns => Bias::PerColumn(&bias),
            Added::Rows => Bias::PerRow(&bias),
        },
        activation,
        ..Epilogue::NONE
    };
    let mut want = naive(&a, &b);
    for (at, (want, size)) in want.iter_mut().enumerate() {
        *size += 1.0;
        if accumulate {
            *want += start[at].to_f64();
        }
        match added {
            Added::Nothing => (),
            Added::Columns => *want += bias[at % n].to_f64(),
            Added::Rows => *want += bias[at / n].to_f64(),
        }
        *want = activated(activation, *want);
    }
    // What rounding can do at most to a chain of 400 terms, and some blocks after it.
    let epsilon = if size_of::<T>() == 4 { 6e-8 } else { 1.2e-16 };
    let tolerance = epsilon * (4.0 + k.min(400) as f64 + (k / 400) as f64);
    for isa in Isa::available() {
        let run = |b: Right<'_, T>| {
            with_thread_counts(|| {
                let mut c = start.clone();
                gemm_with(isa, a.view(), b, &mut c, accumulate, epilogue);
                c
            })
        };
        let results = run(Right::Plain(b.view()));
        for (at, (c, (want, size))) in results[0].iter().zip(&want).enumerate() {
            let error = (c.to_f64() - want).abs();
            assert!(
                error <= tolerance * size,
                "{what} {isa:?} at {at}: {c:?} instead of {want}, off by {error:e}"
            );
        }
        assert!(results.iter().all(|c| *c == results[0]), "{what}: threads");
        let packed = PackedB::with_isa(isa, b.view());
        for c in run(Right::Packed(&packed)) {
            assert!(c == results[0], "{what} {isa:?}: packed");
        }
    }
}

fn check_plain<T: Float>(
    random: &mut Random,
    shape: (usize, usize, usize),
    layouts: (usize, usize),
) {
    check::<T>(
        random,
        shape,
        layouts,
        false,
        (Added::Nothing, Activation::None),
    );
}

/// Shapes with a reason: none or one of something, tiles and vectors and one more or less, blocks of `k`
/// and of rows, thin ones, ones with few columns.
const SHAPES: [(usize, usize, usize); 36] = [
    (0, 3, 4),
    (3, 0, 4),
    (3, 4, 0),
    (100, 0, 100),
    (1, 1, 1),
    (4, 5, 3),
    (16, 16, 16),
    (1, 700, 33),
    (33, 700, 1),
    (1, 300, 200),
    (200, 300, 1),
    (3, 2000, 50),
    (50, 2000, 3),
    (13, 96, 31),
    (14, 96, 32),
    (15, 97, 33),
    (28, 17, 64),
    (5, 90, 15),
    (6, 90, 16),
    (7, 91, 17),
    (3, 100, 7),
    (4, 100, 8),
    (5, 101, 9),
    (60, 399, 20),
    (61, 400, 21),
    (62, 401, 22),
    (9, 817, 70),
    (64, 27, 49),
    (65, 130, 100),
    (8, 1000, 7),
    (90, 1, 90),
    (33, 8, 77),
    (300, 5, 64),
    (2, 3, 1000),
    (1000, 3, 2),
    (2, 3300, 5),
];

const LARGE_SHAPES: [(usize, usize, usize); 8] = [
    (128, 128, 128),
    (200, 513, 260),
    (700, 60, 70),
    (1100, 20, 100),
    (600, 64, 1100),
    (70, 4500, 40),
    (30, 9000, 100),
    (6, 20_000, 6),
];

#[test]
fn shapes_with_a_reason() {
    let mut random = Random(1);
    for shape in SHAPES {
        for layouts in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            check_plain::<f32>(&mut random, shape, layouts);
            check_plain::<f64>(&mut random, shape, layouts);
        }
    }
}

#[test]
fn large_shapes() {
    if small_only() {
        return;
    }
    let mut random = Random(2);
    for shape in LARGE_SHAPES {
        for layouts in [(0, 0), (1, 0), (0, 1)] {
            check_plain::<f32>(&mut random, shape, layouts);
        }
        check_plain::<f64>(&mut random, shape, (0, 1));
    }
}

#[test]
fn all_pairs_of_strides() {
    let mut random = Random(3);
    for shape in [(3, 4, 5), (30, 70, 40), (1, 300, 70), (5, 200, 30)] {
        for layouts in (0..LAYOUTS).flat_map(|i| (0..LAYOUTS).map(move |j| (i, j))) {
            check_plain::<f32>(&mut random, shape, layouts);
        }
    }
}

#[test]
fn random_shapes_strides_and_epilogues() {
    let mut random = Random(4);
    let (count, limit) = if small_only() { (40, 60) } else { (150, 150) };
    for _ in 0..count {
        let mut size = || match random.below(4) {
            0 => random.below(4),
            1 => random.below(20),
            _ => random.below(limit),
        };
        let shape = (size(), 3 * size(), size());
        let layouts = (random.below(LAYOUTS), random.below(LAYOUTS));
        let accumulate = random.below(2) == 0;
        let added = [Added::Nothing, Added::Columns, Added::Rows][random.below(3)];
        let epilogue = (added, ACTIVATIONS[random.below(3)]);
        check::<f32>(&mut random, shape, layouts, accumulate, epilogue);
        check::<f64>(&mut random, shape, layouts, accumulate, epilogue);
    }
}

#[test]
fn an_epilogue_has_the_bits_of_separate_passes() {
    let mut random = Random(5);
    for (m, k, n) in [(3, 4, 5), (1, 600, 40), (40, 900, 50), (5, 100, 3)] {
        let a = Matrix::<f32>::new(&mut random, m, k, 0);
        let b = Matrix::<f32>::new(&mut random, k, n, 1);
        let bias = random.values::<f32>(n);
        let mut separate = vec![0.0; m * n];
        gemm(a.view(), b.view(), &mut separate, false);
        for (at, c) in separate.iter_mut().enumerate() {
            *c = (*c + bias[at % n]).max(0.0);
        }
        let epilogue = Epilogue {
            bias: Bias::PerColumn(&bias),
            activation: Activation::RELU,
            ..Epilogue::NONE
        };
        let mut fused = vec![0.0; m * n];
        gemm_epilogue(a.view(), b.view(), &mut fused, false, epilogue);
        assert_eq!(fused, separate);
    }
}

#[test]
fn nans_pass_through_relu() {
    let mut c = [0.0f32; 2];
    let (a, b) = (MatRef::row_major(&[f32::NAN], 1, 1), [1.0, 2.0]);
    let epilogue = Epilogue {
        activation: Activation::RELU,
        ..Epilogue::NONE
    };
    gemm_epilogue(a, MatRef::row_major(&b, 1, 2), &mut c, false, epilogue);
    assert!(c.iter().all(|v| v.is_nan()));
}

#[test]
fn a_batch_has_the_bits_of_its_products() {
    let mut random = Random(6);
    let shapes = [
        (0, (3, 4, 5)),
        (3, (2, 0, 2)),
        (1, (30, 40, 50)),
        (7, (3, 4, 5)),
        (300, (8, 16, 8)),
        (5, (64, 64, 64)),
        (9, (40, 300, 20)),
    ];
    for (batches, (m, k, n)) in shapes {
        for (repeated, turned) in [(false, false), (true, false), (false, true)] {
            let (a_stride, b_stride) = (if repeated { 0 } else { m * k + 1 }, k * n);
            let a = random.values::<f32>(a_stride * batches + m * k);
            let b = random.values::<f32>(b_stride * batches);
            let b_strides = if turned { (1, k) } else { (n, 1) };
            let bias = random.values::<f32>(n);
            let epilogue = Epilogue {
                bias: Bias::PerColumn(&bias),
                ..Epilogue::NONE
            };
            for isa in Isa::available() {
                let results = with_thread_counts(|| {
                    let mut c = vec![1.0; batches * m * n];
                    let a = BatchRef::new(&a, batches, a_stride, (m, k), (k, 1));
                    let b = BatchRef::new(&b, batches, b_stride, (k, n), b_strides);
                    gemm_batched_with(isa, a, b, &mut c, true, epilogue);
                    c
                });
                assert!(results.iter().all(|c| *c == results[0]));
                for (i, c) in results[0].chunks(m * n).enumerate() {
                    let mut want = vec![1.0; m * n];
                    let a = MatRef::row_major(&a[i * a_stride..], m, k);
                    let b = MatRef::new(&b[i * b_stride..], k, n, b_strides.0, b_strides.1);
                    gemm_with(isa, a, Right::Plain(b), &mut want, true, epilogue);
                    assert_eq!(c, want);
                }
            }
        }
    }
}

#[test]
fn no_terms_make_zeros_or_leave_the_output() {
    for (m, n) in [(2, 3), (100, 100)] {
        let (a, b) = (
            MatRef::<f32>::new(&[], m, 0, 0, 1),
            MatRef::new(&[], 0, n, n, 1),
        );
        let mut c = vec![7.0; m * n];
        gemm(a, b, &mut c, true);
        assert!(c.iter().all(|v| *v == 7.0));
        gemm(a, b, &mut c, false);
        assert!(c.iter().all(|v| *v == 0.0));
    }
}

#[test]
fn a_long_sum_keeps_its_digits() {
    // 0.1 a million times: one running sum in f32 would be off by about one percent.
    let n = if small_only() { 100_000 } else { 1_000_000 };
    let (x, ones) = (Buffer::<f32>::full(2 * n, 0.1), Buffer::full(40 * n, 1.0));
    for isa in Isa::available() {
        for (cols, turned) in [(1, true), (2, true), (20, false)] {
            let strides = if turned { (1, n) } else { (cols, 1) };
            let b = MatRef::new(&ones[..n * cols], n, cols, strides.0, strides.1);
            let mut c = vec![0.0; 2 * cols];
            let a = MatRef::row_major(&x, 2, n);
            gemm_with(isa, a, Right::Plain(b), &mut c, false, Epilogue::NONE);
            for c in c {
                let relative = (c as f64 / (0.1f32 as f64 * n as f64) - 1.0).abs();
                assert!(relative < 1e-4, "{isa:?} {cols}: {relative:e}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "does not fit")]
fn a_matrix_beyond_its_slice_is_refused() {
    MatRef::new(&[0.0f32; 5], 2, 3, 3, 1);
}

#[test]
#[should_panic(expected = "does not fit")]
fn a_batch_beyond_its_slice_is_refused() {
    BatchRef::new(&[0.0f32; 11], 2, 6, (2, 3), (3, 1));
}

#[test]
#[should_panic(expected = "a bias for each of 2 columns")]
fn a_bias_of_another_length_is_refused() {
    let (x, bias) = ([1.0f32; 4], [0.0; 3]);
    let x = MatRef::row_major(&x, 2, 2);
    let epilogue = Epilogue {
        bias: Bias::PerColumn(&bias),
        ..Epilogue::NONE
    };
    gemm_epilogue(x, x, &mut [0.0; 4], false, epilogue);
}
