//! Convolutions of every image size: forward, all gradients, packed, and with what may follow.

use pleach_kernels::{
    Bias, ConvShape, Epilogue, Float, PackedConv, conv_backward_bias, conv_backward_input,
    conv_backward_weight, conv_forward,
};

use crate::harness::{
    ACTIVATIONS, Run, activated, assert_equal, in_f64, is_large, on_every_isa, whole_numbers,
};
use crate::reference::{Convolution, convolution};

/// Kernel and stride of real networks.
const WINDOWS: [(usize, usize); 12] = [
    (1, 1),
    (1, 2),
    (2, 2),
    (3, 1),
    (3, 2),
    (5, 1),
    (5, 2),
    (7, 2),
    (11, 4),
    (4, 4),
    (14, 14),
    (16, 16),
];

/// A kernel with its stride, padding and dilation.
#[derive(Copy, Clone, Debug)]
struct Window {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

/// Each kernel and stride with its dilations, and without padding or with as much as keeps the size.
fn windows() -> Vec<Window> {
    let mut windows = Vec::new();
    for (kernel, stride) in WINDOWS {
        for dilation in 1..=if kernel == 1 { 1 } else { 3 } {
            let same = (kernel - 1) * dilation / 2;
            // AlexNet's padding is smaller.
            let same = if kernel == 11 { 2 * dilation } else { same };
            for padding in 0..=usize::from(same > 0) {
                windows.push(Window {
                    kernel,
                    stride,
                    padding: padding * same,
                    dilation,
                });
            }
        }
    }
    windows
}

/// Channels of input and output, and groups: few; large images have those of the first half.
const DENSE: [[usize; 3]; 4] = [[1, 1, 1], [2, 1, 1], [2, 3, 1], [1, 4, 1]];
const GROUPED: [[usize; 3]; 4] = [[2, 2, 2], [2, 4, 2], [3, 3, 3], [4, 4, 2]];

/// The shape of a case, if the window fits.
fn shape_of(
    window: Window,
    batch: usize,
    image: [usize; 2],
    [c_in, c_out, groups]: [usize; 3],
) -> Option<ConvShape> {
    let Window {
        kernel,
        stride,
        padding,
        dilation,
    } = window;
    let fits = |size: usize| dilation * (kernel - 1) < size + 2 * padding;
    image.iter().all(|size| fits(*size)).then(|| {
        ConvShape::new(batch, [c_in, c_out], image, [kernel; 2])
            .with_stride([stride; 2])
            .with_padding([padding; 2])
            .with_dilation([dilation; 2])
            .with_groups(groups)
    })
}

/// Checks everything that there is for a shape.
pub fn check<T: Float>(s: &ConvShape, case: usize) {
    let out_len = s.batch * s.out_channels * s.output().iter().product::<usize>();
    let in_len = s.batch * s.in_channels * s.input.iter().product::<usize>();
    let weights = s.out_channels * s.in_channels / s.groups * s.kernel.iter().product::<usize>();
    let x = whole_numbers::<T>(in_len, case);
    let weight = whole_numbers::<T>(weights, case + 1);
    let bias = whole_numbers::<T>(s.out_channels, case + 2);
    let grad_out = whole_numbers::<T>(out_len, case + 3);
    let want = convolution(
        s,
        &in_f64(&x),
        &in_f64(&weight),
        &in_f64(&bias),
        &in_f64(&grad_out),
    );

    let mut out = vec![T::NAN; out_len];
    conv_forward(s, &x, &weight, Some(&bias), &mut out);
    assert_equal("output", s, &out, &want.out);
    let mut grad_x = vec![T::NAN; in_len];
    conv_backward_input(s, &grad_out, &weight, &mut grad_x);
    assert_equal("input's gradient", s, &grad_x, &want.grad_x);
    let mut grad_weight = vec![T::NAN; weights];
    conv_backward_weight(s, &x, &grad_out, &mut grad_weight);
    assert_equal("weight's gradient", s, &grad_weight, &want.grad_weight);
    let mut grad_bias = vec![T::NAN; bias.len()];
    conv_backward_bias(s, &grad_out, &mut grad_bias);
    assert_equal("bias's gradient", s, &grad_bias, &want.grad_bias);
    check_packed(s, case, &x, &weight, &bias, &grad_out, want);
}

/// Checks packed weights, made for this size or for another one, with one of six endings.
fn check_packed<T: Float>(
    s: &ConvShape,
    case: usize,
    x: &[T],
    weight: &[T],
    bias: &[T],
    residual: &[T],
    want: Convolution,
) {
    let (add, activation) = (case.is_multiple_of(2), ACTIVATIONS[case / 2 % 3]);
    let mut made_for = *s;
    if (case / 4).is_multiple_of(2) {
        made_for.batch = 1;
        made_for.input = [1, s.input[1] + 5, s.input[2] + 9];
    }
    let conv = PackedConv::new(&made_for, weight);
    let mut out = vec![T::NAN; residual.len()];
    let epilogue = Epilogue {
        bias: Bias::PerRow(bias),
        residual: add.then_some(residual),
        activation,
    };
    conv.forward(s.batch, s.input, x, epilogue, &mut out);
    let want: Vec<f64> = (want.out.iter().zip(residual))
        .map(|(v, r)| v + if add { r.to_f64() } else { 0.0 })
        .map(|v| activated(activation, v))
        .collect();
    assert_equal("packed output", s, &out, &want);
}

/// Checks all windows on this run's images, with some of the `channels`, and counts what it checked.
///
/// Of a run of every height with every width, a large image has one window here and another one with
/// other channels, where `first` is 6 and not 0; a small one has five or six of each.
fn check_images(run: &Run, channels: [[usize; 3]; 4], first: usize) -> usize {
    let mut checked = 0;
    for (kind, window) in windows().into_iter().enumerate() {
        run.images(kind + first, [11, 60], |case, image| {
            let turn = case / 3 + kind;
            let large = is_large(image);
            let channels = channels[turn / 4 % if large { 2 } else { 4 }];
            let batch = if large { 1 } else { 1 + turn / 3 % 2 };
            if let Some(shape) = shape_of(window, batch, image, channels) {
                match turn % 4 {
                    0 => check::<f64>(&shape, case),
                    _ => check::<f32>(&shape, case),
                }
                checked += 1;
            }
        });
    }
    checked
}

#[test]
fn convolutions_of_every_image_size_match_plain_loops() {
    let name = "conv::convolutions_of_every_image_size_match_plain_loops";
    on_every_isa(name, |run| assert!(check_images(run, DENSE, 0) > 100));
}

#[test]
fn convolutions_in_groups_of_every_image_size_match_plain_loops() {
    let name = "conv::convolutions_in_groups_of_every_image_size_match_plain_loops";
    on_every_isa(name, |run| assert!(check_images(run, GROUPED, 6) > 100));
}
