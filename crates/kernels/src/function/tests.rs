use super::*;
use crate::threads::with_thread_counts;

/// Where a gradient is compared with differences: no jumps, and within all domains but those of
/// the logarithms and roots, which are skipped below.
fn points() -> Vec<f64> {
    (0..200).map(|i| f64::from(i) * 0.061 - 5.97).collect()
}

#[test]
fn gradients_are_differences() {
    let grad: Vec<f64> = (0..200).map(|i| f64::from(i).sin()).collect();
    for f in Function::ALL {
        let mut x = points();
        let place = |x: &f64| match f {
            Function::Log | Function::Log1p | Function::Sqrt | Function::Rsqrt => x + 6.5,
            Function::Log2 | Function::Log10 | Function::Lgamma | Function::Digamma => x + 6.5,
            Function::Acosh => x + 7.5,
            Function::Asin | Function::Acos | Function::Atanh | Function::Erfinv => x / 7.0,
            Function::Tan | Function::Erfc | Function::Exp2 => x / 5.0,
            Function::Logit { .. } => x / 14.0 + 0.5,
            // Between the jumps.
            Function::RoundTo { .. } => x + 1.3e-3,
            _ => *x,
        };
        x.iter_mut().for_each(|x| *x = place(x));
        let [mut y, mut up, mut down, mut got] = [(); 4].map(|_| vec![0.0; 200]);
        f.apply(&x, &mut y);
        let saved = match f.gradient_from() {
            GradientFrom::Output => &y,
            GradientFrom::Input | GradientFrom::Nothing => &x,
        };
        f.gradient(saved, &grad, &mut got);
        let mut second = vec![0.0; 200];
        f.second(saved, &grad, &mut second);
        let h = 1e-6;
        f.apply(&x.iter().map(|v| v + h).collect::<Vec<_>>(), &mut up);
        f.apply(&x.iter().map(|v| v - h).collect::<Vec<_>>(), &mut down);
        for i in 0..200 {
            let want = (up[i] - down[i]) / (2.0 * h) * grad[i];
            let close = (got[i] - want).abs() < 1e-7 * (1.0 + want.abs());
            assert!(close, "{f:?} {}: {} {want}", x[i], got[i]);
        }
        let moved = |by: f64| {
            let saved: Vec<f64> = saved.iter().map(|v| v + by).collect();
            let mut out = vec![0.0; 200];
            f.gradient(&saved, &grad, &mut out);
            out
        };
        let (up, down) = (moved(h), moved(-h));
        // ReLU's corner, if the output is saved, is wherever that is 0.
        for i in (0..200).filter(|i| *f != Function::Relu || saved[*i] != 0.0) {
            let want = (up[i] - down[i]) / (2.0 * h);
            let close = (second[i] - want).abs() < 1e-7 * (1.0 + want.abs());
            assert!(close, "{f:?} twice {}: {} {want}", x[i], second[i]);
        }
    }
}

#[test]
fn values_are_right_where_they_are_known() {
    let mut out = [0.0f64; 3];
    Function::Sigmoid.apply(&[0.0, 800.0, -800.0], &mut out);
    assert_eq!(out, [0.5, 1.0, 0.0]);
    Function::Gelu.apply(&[0.0, 1.0, -1.0], &mut out);
    assert!((out[1] - 0.8413447460685429).abs() < 1e-15);
    assert!((out[2] + 0.15865525393145707).abs() < 1e-15);
    Function::Silu.apply(&[0.0, 1.0, -2.0], &mut out);
    assert!((out[1] - 0.7310585786300049).abs() < 1e-15);
    assert!((out[2] + 2.0 / (1.0 + 2f64.exp())).abs() < 1e-15);
    let relu6 = Function::Hardtanh {
        min_val: 0.0,
        max_val: 6.0,
    };
    relu6.apply(&[-1.0, 2.0, 7.0], &mut out);
    assert_eq!(out, [0.0, 2.0, 6.0]);
    Function::Round.apply(&[0.5, 1.5, -2.5], &mut out);
    assert_eq!(out, [0.0, 2.0, -2.0]);
}

#[test]
fn f32_is_close_to_f64_and_the_same_with_any_threads_and_with_any_fused_arithmetic() {
    for len in [0, 1, 7, 16, 33, 1001, 2 * CHUNK + 5] {
        let x: Vec<f32> = (0..len)
            .map(|i| ((i * 37) % 1009) as f32 * 0.02 - 10.0)
            .collect();
        for f in Function::ALL {
            // 1 + erf and 1 + tanh cancel where x is negative, x - tanh x near 0; the logarithm of
            // x / (1 - x) is near 0 where that is near 1.
            let absolute = match f {
                Function::Gelu | Function::GeluTanh | Function::Tanhshrink | Function::Sinc => 3e-7,
                Function::Logit { .. } => 3e-7,
                _ => 0.0,
            };
            check(&x, *f, absolute);
        }
    }
}

/// Compares with f64: relative to the value, and to the size of x times `absolute`.
fn check(x: &[f32], f: Function, absolute: f64) {
    let run = |isa| {
        let mut out = vec![0.0f32; x.len()];
        pieces(&mut out, &|at, out| {
            table::values(f, isa, &x[at..at + out.len()], out)
        });
        out.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    let wide: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
    let mut want = vec![0.0; x.len()];
    f.apply(&wide, &mut want);
    let mut fused: Option<Vec<u32>> = None;
    for isa in Isa::available() {
        let all = with_thread_counts(|| run(isa));
        assert!(all.iter().all(|got| *got == all[0]), "{f:?} {isa:?}");
        for ((x, got), want) in x.iter().zip(&all[0]).zip(&want) {
            let got = f64::from(f32::from_bits(*got));
            let close =
                (got - want).abs() <= 4e-7 * want.abs() + 1.4e-45 + absolute * f64::from(x.abs());
            assert!(
                close || got == f64::from(*want as f32) || got.is_nan() && want.is_nan(),
                "{f:?} {isa:?} {x}: {got} {want}"
            );
        }
        if isa != Isa::Scalar {
            let first = fused.get_or_insert_with(|| all[0].clone());
            assert!(*first == all[0], "{f:?} {isa:?}");
        }
    }
}

#[test]
fn relu_and_its_gradient_keep_nan() {
    let x = [-1.0f32, -0.0, 0.0, 2.0, f32::NAN];
    let mut y = [9.0; 5];
    Function::Relu.apply(&x, &mut y);
    assert_eq!(y[..4], [0.0, 0.0, 0.0, 2.0]);
    assert!(y[4].is_nan());
    let mut grad = [9.0; 5];
    Function::Relu.gradient(&y, &[1.0; 5], &mut grad);
    assert_eq!(grad, [0.0, 0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn f32_at_its_ends_is_as_f64_there() {
    // Infinities, zeros, and what is tiny; enough of each for a vector.
    let ends = [
        f32::INFINITY,
        f32::NEG_INFINITY,
        0.0,
        -0.0,
        1e-45,
        -3e-45,
        1e-40,
        -1e-37,
    ];
    let x: Vec<f32> = ends.iter().flat_map(|x| [*x; 33]).collect();
    for f in Function::ALL {
        // GELU's infinity is nan in f32, as it is in PyTorch's vectors.
        let first = if *f == Function::Gelu { 33 } else { 0 };
        check(&x[first..], *f, 0.0);
    }
}

#[test]
#[should_panic(expected = "differ in length")]
fn different_lengths_are_refused() {
    Function::Exp.apply(&[1.0f32], &mut [0.0; 2]);
}
