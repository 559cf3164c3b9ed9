//! The setting is one for the whole process, so it has a process of its own.

use pleach_kernels::{
    Activation, Bias, ConvShape, Epilogue, PackedConv, Precision, conv_backward_input,
    conv_backward_weight, conv_forward, float32_precision, set_float32_precision,
};

fn values(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

/// The four results for one setting: output, gradients, and the output of packed weights.
fn all_parts(shape: &ConvShape, x: &[f32], weight: &[f32], grad_out: &[f32]) -> [Vec<f32>; 4] {
    let mut out = vec![f32::NAN; grad_out.len()];
    conv_forward(shape, x, weight, None, &mut out);
    let mut grad_x = vec![f32::NAN; x.len()];
    conv_backward_input(shape, grad_out, weight, &mut grad_x);
    let mut grad_weight = vec![f32::NAN; weight.len()];
    conv_backward_weight(shape, x, grad_out, &mut grad_weight);
    let mut packed = vec![f32::NAN; grad_out.len()];
    let conv = PackedConv::new(shape, weight);
    conv.forward(shape.batch, shape.input, x, Epilogue::NONE, &mut packed);
    [out, grad_x, grad_weight, packed]
}

#[test]
fn high_precision_is_another_way_to_nearly_the_same_numbers() {
    assert_eq!(float32_precision(), Precision::Highest);
    let shape = ConvShape::new(2, [48, 64], [30, 29], [3, 3]).with_padding([1, 1]);
    let x = values(2 * 48 * 30 * 29, 1);
    let weight = values(64 * 48 * 9, 2);
    let grad_out = values(2 * 64 * 30 * 29, 3);
    let exact = all_parts(&shape, &x, &weight, &grad_out);
    assert_eq!(exact[0], exact[3]);
    set_float32_precision(Precision::High);
    assert_eq!(float32_precision(), Precision::High);
    let high = all_parts(&shape, &x, &weight, &grad_out);
    assert_eq!(high[0], high[3]);
    for (exact, high) in exact.iter().zip(&high) {
        // The bits tell that another algorithm ran.
        assert_ne!(exact, high);
        // Sums have a standard deviation of 1.7 to 3.5; both ways err by less than 1e-5 of that.
        for (a, b) in exact.iter().zip(high) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
    // What follows has the bits of separate passes here too.
    let conv = PackedConv::new(&shape, &weight);
    let residual = values(grad_out.len(), 4);
    let bounds = Activation::Clamp {
        min: -0.5,
        max: 0.5,
    };
    for (activation, [min, max]) in [
        (Activation::RELU, [0.0, f32::INFINITY]),
        (bounds, [-0.5, 0.5]),
    ] {
        for residual in [None, Some(&residual[..])] {
            let epilogue = Epilogue {
                bias: Bias::None,
                residual,
                activation,
            };
            let mut out = vec![f32::NAN; grad_out.len()];
            conv.forward(shape.batch, shape.input, &x, epilogue, &mut out);
            let separate = (high[3].iter().enumerate())
                .map(|(i, v)| (v + residual.map_or(0.0, |r| r[i])).clamp(min, max));
            assert!(out.iter().copied().eq(separate), "{epilogue:?}");
        }
    }
    // In f64 the setting changes nothing.
    let double = |v: &[f32]| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
    let run = || {
        let mut out = vec![f64::NAN; grad_out.len()];
        conv_forward(&shape, &double(&x), &double(&weight), None, &mut out);
        out
    };
    let with_high = run();
    set_float32_precision(Precision::Highest);
    assert_eq!(run(), with_high);
}
