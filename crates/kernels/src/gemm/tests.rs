use super::*;
use crate::threads::with_thread_counts;

fn values<T: Float>(len: usize, seed: u32) -> Vec<T> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            T::from_f64((state >> 8) as f64 / (1 << 24) as f64 - 0.5)
        })
        .collect()
}

fn naive<T: Float>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Vec<f64> {
    let at = |m: &MatRef<'_, T>, i: usize, j: usize| {
        m.data[i * m.row_stride + j * m.col_stride].to_f64()
    };
    let mut c = Vec::new();
    for i in 0..a.rows {
        for j in 0..b.cols {
            c.push((0..a.cols).map(|p| at(&a, i, p) * at(&b, p, j)).sum());
        }
    }
    c
}

const SHAPES: [(usize, usize, usize); 28] = [
    (0, 3, 4),
    (3, 0, 4),
    (3, 4, 0),
    (1, 1, 1),
    (4, 5, 3),
    (16, 16, 16),
    (1, 700, 33),
    (33, 700, 1),
    (1, 300, 1000),
    (1000, 300, 1),
    (3, 2000, 50),
    (50, 2000, 3),
    (14, 384, 32),
    (15, 385, 33),
    (28, 17, 64),
    (64, 27, 49),
    (17, 64, 196),
    (100, 100, 100),
    (65, 130, 257),
    (5, 1000, 7),
    (200, 1, 200),
    (30, 513, 31),
    (2, 3, 5000),
    (5000, 3, 2),
    (4200, 20, 9),
    (70, 769, 40),
    (128, 128, 128),
    (13, 400, 500),
];

fn check<T: Float>(tolerance: f64) {
    for (m, k, n) in SHAPES {
        let (a, b) = (values::<T>(m * k, 1), values::<T>(k * n, 2));
        let start = values::<T>(m * n, 3);
        for layout in 0..4 {
            let a = match layout & 1 {
                0 => MatRef::new(&a, m, k, k, 1),
                _ => MatRef::new(&a, m, k, 1, m),
            };
            let b = match layout & 2 {
                0 => MatRef::new(&b, k, n, n, 1),
                _ => MatRef::new(&b, k, n, 1, k),
            };
            let product = naive(a, b);
            for isa in Isa::available() {
                for accumulate in [false, true] {
                    let results = with_thread_counts(|| {
                        let mut c = start.clone();
                        gemm_with(isa, a, b, &mut c, accumulate);
                        c
                    });
                    for (i, c) in results[0].iter().enumerate() {
                        let want = product[i] + if accumulate { start[i].to_f64() } else { 0.0 };
                        assert!(
                            (c.to_f64() - want).abs() <= tolerance * (1.0 + (k as f64).sqrt()),
                            "{m} {k} {n} layout {layout} {isa:?} {accumulate} at {i}: {c:?} {want}"
                        );
                    }
                    assert!(results.iter().all(|c| *c == results[0]), "{m} {k} {n}");
                }
            }
        }
    }
}

#[test]
fn products_match_a_naive_loop_in_f32() {
    check::<f32>(1e-6);
}

#[test]
fn products_match_a_naive_loop_in_f64() {
    check::<f64>(1e-15);
}

#[test]
fn odd_strides_and_repeated_rows_work() {
    let data = values::<f32>(20_000, 7);
    for (m, k, n) in [(3, 4, 5), (40, 50, 60), (1, 300, 70)] {
        let a = MatRef::new(&data, m, k, 2 * k + 3, 2);
        for b in [
            MatRef::new(&data, k, n, 0, 1),
            MatRef::new(&data, k, n, 1, 0),
            MatRef::new(&data, k, n, 3, 7),
        ] {
            let mut c = vec![0.0; m * n];
            gemm(a, b, &mut c, false);
            for (c, want) in c.iter().zip(naive(a, b)) {
                assert!((*c as f64 - want).abs() < 1e-5);
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
#[should_panic(expected = "does not fit")]
fn a_matrix_beyond_its_slice_is_refused() {
    MatRef::new(&[0.0f32; 5], 2, 3, 3, 1);
}
