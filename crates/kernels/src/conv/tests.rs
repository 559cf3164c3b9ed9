use super::*;
use crate::Activation;
use crate::epilogue::{ACTIVATIONS, activated};
use crate::threads::with_thread_counts;

pub(super) fn values<T: Float>(len: usize, seed: u32) -> Vec<T> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            T::from_f64((state >> 8) as f64 / (1 << 24) as f64 - 0.5)
        })
        .collect()
}

/// Calls `f(input index, weight index, output index)` for every product of the convolution.
pub(super) fn for_each_product(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (out, cin, cout) = (s.output(), s.group_in(), s.group_out());
    let positions = |sizes: [usize; 3]| {
        (0..sizes.iter().product::<usize>()).map(move |i| {
            [
                i / (sizes[1] * sizes[2]),
                i / sizes[2] % sizes[1],
                i % sizes[2],
            ]
        })
    };
    for (n, o) in (0..s.batch).flat_map(|n| (0..s.out_channels).map(move |o| (n, o))) {
        for (p, to) in positions(out).enumerate() {
            for (k, tap) in positions(s.kernel).enumerate() {
                let from: [usize; 3] = std::array::from_fn(|d| {
                    (to[d] * s.stride[d] + tap[d] * s.dilation[d]).wrapping_sub(s.padding[d])
                });
                if (0..3).any(|d| from[d] >= s.input[d]) {
                    continue;
                }
                let pixel = (from[0] * s.input[1] + from[1]) * s.input[2] + from[2];
                for c in 0..cin {
                    let channel = n * s.in_channels + o / cout * cin + c;
                    f(
                        channel * s.in_pixels() + pixel,
                        (o * cin + c) * s.taps() + k,
                        (n * s.out_channels + o) * s.out_pixels() + p,
                    );
                }
            }
        }
    }
}

pub(super) fn shapes() -> Vec<ConvShape> {
    vec![
        ConvShape::new(2, [3, 4], [8, 9], [3, 3]).with_padding([1, 1]),
        ConvShape::new(1, [3, 8], [23, 25], [7, 7])
            .with_stride([2, 2])
            .with_padding([3, 3]),
        ConvShape::new(3, [8, 20], [7, 7], [3, 3]).with_padding([1, 1]),
        ConvShape::new(13, [6, 5], [7, 7], [3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1]),
        ConvShape::new(2, [5, 7], [24, 24], [1, 1]),
        ConvShape::new(5, [5, 7], [6, 6], [1, 1]),
        ConvShape::new(2, [5, 7], [9, 8], [1, 1]).with_stride([2, 2]),
        ConvShape::new(2, [6, 9], [10, 9], [3, 2])
            .with_stride([2, 1])
            .with_padding([1, 2])
            .with_dilation([2, 3])
            .with_groups(3),
        ConvShape::new(2, [6, 4], [30, 30], [3, 3])
            .with_padding([1, 1])
            .with_groups(2),
        ConvShape::new(2, [6, 6], [12, 37], [3, 3])
            .with_padding([1, 1])
            .with_groups(6),
        ConvShape::new(2, [3, 6], [12, 11], [5, 3])
            .with_stride([2, 3])
            .with_padding([2, 1])
            .with_dilation([1, 2])
            .with_groups(3),
        ConvShape::new(1, [2, 3], [1, 1], [3, 3]).with_padding([1, 1]),
        ConvShape::new(1, [2, 2], [2, 2], [1, 1]).with_padding([3, 3]),
        ConvShape::new(0, [2, 3], [4, 4], [3, 3]).with_padding([1, 1]),
        ConvShape::new(2, [0, 3], [4, 4], [3, 3]).with_padding([1, 1]),
        ConvShape::new(2, [2, 0], [4, 4], [3, 3]).with_padding([1, 1]),
        ConvShape::new(2, [3, 5], [19], [4])
            .with_stride([3])
            .with_padding([2]),
        ConvShape::new(2, [3, 5], [5, 6, 7], [3, 2, 3])
            .with_stride([2, 1, 2])
            .with_padding([1, 1, 0])
            .with_dilation([1, 2, 1]),
        ConvShape::new(1, [4, 8], [4, 5, 9], [2, 3, 3])
            .with_padding([1, 0, 2])
            .with_groups(4),
        // Sums of more than 512 terms, in several blocks.
        ConvShape::new(2, [65, 33], [5, 6], [3, 3]).with_padding([1, 1]),
        // one channel: its gradients are cut by out channels
        ConvShape::new(3, [1, 32], [11, 12], [3, 3]).with_padding([1, 1]),
        ConvShape::new(2, [1, 13], [9, 7], [3, 2]).with_stride([2, 1]),
        ConvShape::new(2, [1, 20], [40], [5]),
        ConvShape::new(1, [1, 9], [4, 5, 6], [2, 3, 3]),
        // Lines of more pixels than are completed at a time.
        ConvShape::new(1, [3, 5], [1100], [9]).with_padding([4]),
        ConvShape::new(1, [2, 40], [2, 700], [1, 1]),
        // Images that share a piece of the output.
        ConvShape::new(17, [16, 33], [7, 7], [3, 3])
            .with_padding([1, 1])
            .with_stride([2, 2]),
        ConvShape::new(9, [16, 33], [5, 5], [1, 1]),
        ConvShape::new(2, [32, 48], [9, 9], [3, 3])
            .with_padding([1, 1])
            .with_groups(2),
        // Pieces of few rows, which have none of some phase of the stride.
        ConvShape::new(1, [1, 1], [57, 57], [2, 2]).with_stride([2, 2]),
        ConvShape::new(1, [2, 3], [9, 300], [3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1]),
    ]
}

/// The inputs of a convolution, and what direct loops in f64 make of them.
struct Case<T> {
    shape: ConvShape,
    x: Vec<T>,
    weight: Vec<T>,
    bias: Vec<T>,
    grad_out: Vec<T>,
    /// Output, and the gradients of the input, the weights and the bias.
    wanted: [Vec<f64>; 4],
}

impl<T: Float> Case<T> {
    fn new(s: ConvShape) -> Self {
        let x = values::<T>(s.batch * s.in_channels * s.in_pixels(), 1);
        let weight = values::<T>(s.out_channels * s.depth(), 2);
        let bias = values::<T>(s.out_channels, 3);
        let grad_out = values::<T>(s.batch * s.out_channels * s.out_pixels(), 4);
        let channel = |i: usize| i / s.out_pixels() % s.out_channels;
        let mut out: Vec<f64> = (0..grad_out.len())
            .map(|i| bias[channel(i)].to_f64())
            .collect();
        let mut grad_x = vec![0.0f64; x.len()];
        let mut grad_weight = vec![0.0f64; weight.len()];
        for_each_product(&s, |i, w, o| {
            out[o] += x[i].to_f64() * weight[w].to_f64();
            grad_x[i] += grad_out[o].to_f64() * weight[w].to_f64();
            grad_weight[w] += x[i].to_f64() * grad_out[o].to_f64();
        });
        let mut grad_bias = vec![0.0f64; bias.len()];
        for (i, g) in grad_out.iter().enumerate() {
            grad_bias[channel(i)] += g.to_f64();
        }
        Case {
            shape: s,
            x,
            weight,
            bias,
            grad_out,
            wanted: [out, grad_x, grad_weight, grad_bias],
        }
    }

    fn assert_close(&self, what: &str, got: &[T], wanted: &[f64], tolerance: f64) {
        assert_eq!(got.len(), wanted.len());
        for (i, (got, want)) in got.iter().zip(wanted).enumerate() {
            assert!(
                (got.to_f64() - want).abs() <= tolerance * (1.0 + want.abs()),
                "{:?} {what} at {i}: {got:?} {want}",
                self.shape
            );
        }
    }

    /// Checks the public functions, with several numbers of threads.
    fn check_public(&self, tolerance: f64) {
        let s = &self.shape;
        let results = with_thread_counts(|| {
            let mut out = vec![T::NAN; self.grad_out.len()];
            conv_forward(s, &self.x, &self.weight, Some(&self.bias), &mut out);
            let mut grad_x = vec![T::NAN; self.x.len()];
            conv_backward_input(s, &self.grad_out, &self.weight, &mut grad_x);
            let mut grad_weight = vec![T::NAN; self.weight.len()];
            conv_backward_weight(s, &self.x, &self.grad_out, &mut grad_weight);
            let mut grad_bias = vec![T::NAN; self.bias.len()];
            conv_backward_bias(s, &self.grad_out, &mut grad_bias);
            [out, grad_x, grad_weight, grad_bias]
        });
        let names = ["output", "input's", "weights'", "bias's"];
        for ((name, got), wanted) in names.iter().zip(&results[0]).zip(&self.wanted) {
            self.assert_close(name, got, wanted, tolerance);
        }
        assert!(results.iter().all(|r| *r == results[0]), "{s:?}");

        let bias = values::<T>(s.in_channels, 6);
        let mut transposed = vec![T::NAN; self.x.len()];
        conv_transpose(
            s,
            &self.grad_out,
            &self.weight,
            Some(&bias),
            &mut transposed,
        );
        for (i, (got, sum)) in transposed.iter().zip(&results[0][1]).enumerate() {
            let channel = i / s.in_pixels() % s.in_channels;
            assert_eq!(*got, *sum + bias[channel], "{s:?} at {i}");
        }

        let mut without = vec![T::NAN; self.grad_out.len()];
        conv_forward(s, &self.x, &self.weight, None, &mut without);
        for (i, v) in without.iter_mut().enumerate() {
            *v += self.bias[i / s.out_pixels() % s.out_channels];
        }
        self.assert_close("output", &without, &self.wanted[0], tolerance);
    }

    /// Checks the direct kernel on all instruction sets, whether or not it would be chosen.
    fn check_direct(&self, tolerance: f64) {
        let s = &self.shape;
        if self.grad_out.is_empty() || self.x.is_empty() {
            return;
        }
        for isa in Isa::available() {
            let results = with_thread_counts(|| {
                let mut out = vec![T::NAN; self.grad_out.len()];
                direct::forward(isa, s, &self.x, &self.weight, Some(&self.bias), &mut out);
                let mut grad_x = vec![T::NAN; self.x.len()];
                direct::backward_input(isa, s, &self.grad_out, &self.weight, None, &mut grad_x);
                let mut grad_weight = vec![T::NAN; self.weight.len()];
                weight_grad::run(isa, s, &self.x, &self.grad_out, &mut grad_weight);
                [out, grad_x, grad_weight]
            });
            let names = ["output", "input's", "weights'"];
            for ((name, got), wanted) in names.iter().zip(&results[0]).zip(&self.wanted) {
                self.assert_close(&format!("{isa:?} {name}"), got, wanted, tolerance);
            }
            assert!(results.iter().all(|r| *r == results[0]), "{isa:?} {s:?}");
        }
    }

    /// Checks a packed convolution with all that may follow it.
    fn check_packed(&self, tolerance: f64) {
        let s = &self.shape;
        // Packed for another batch and size than it is used with.
        let other = ConvShape {
            batch: 1,
            input: s.input.map(|size| size + 3),
            ..*s
        };
        let residual = values::<T>(self.grad_out.len(), 5);
        for isa in Isa::available() {
            for packed_for in [s, &other] {
                let conv = PackedConv::with_isa(isa, packed_for, &self.weight);
                let endings = ACTIVATIONS.map(|a| [(false, a), (true, a)]);
                for (add, activation) in endings.into_iter().flatten() {
                    let mut out = vec![T::NAN; self.grad_out.len()];
                    let add = add.then_some(&residual[..]);
                    let epilogue = Epilogue {
                        bias: Bias::PerRow(&self.bias),
                        residual: add,
                        activation,
                    };
                    conv.forward(s.batch, s.input, &self.x, epilogue, &mut out);
                    let wanted: Vec<f64> = (self.wanted[0].iter().enumerate())
                        .map(|(i, v)| v + add.map_or(0.0, |r| r[i].to_f64()))
                        .map(|v| activated(activation, v))
                        .collect();
                    self.assert_close(&format!("{isa:?} packed"), &out, &wanted, tolerance);
                }
            }
        }
    }
}

#[test]
fn all_four_parts_match_direct_loops_in_f32() {
    for shape in shapes() {
        let case = Case::<f32>::new(shape);
        case.check_public(1e-5);
        case.check_packed(1e-5);
    }
}

#[test]
fn all_four_parts_match_direct_loops_in_f64() {
    for shape in shapes() {
        let case = Case::<f64>::new(shape);
        case.check_public(1e-13);
        case.check_packed(1e-13);
    }
}

#[test]
fn the_direct_kernel_matches_direct_loops_on_all_instruction_sets() {
    for shape in shapes() {
        Case::<f32>::new(shape).check_direct(1e-5);
        Case::<f64>::new(shape).check_direct(1e-13);
    }
}

/// A shape with random sizes.
fn random_shape(random: &mut impl FnMut(usize, usize) -> usize) -> ConvShape {
    loop {
        let groups = [1, 1, 1, 2, 3][random(0, 4)];
        let channels = [(); 2].map(|()| random(1, 40).div_ceil(groups) * groups);
        let dims = random(1, 3);
        let longest = [40, 20, 8][dims - 1];
        let mut sizes = [(); 5].map(|()| [0; 3]);
        for d in 3 - dims..3 {
            let kernel = random(1, 5);
            let with = [
                random(1, longest),
                kernel,
                random(1, 3),
                random(0, kernel + 2),
                random(1, 3),
            ];
            for (sizes, size) in sizes.iter_mut().zip(with) {
                sizes[d] = size;
            }
        }
        let [input, kernel, stride, padding, dilation] = sizes;
        let with_ones = |sizes: [usize; 3]| sizes.map(|size: usize| size.max(1));
        let shape = ConvShape {
            batch: [0, 1, 1, 3, 3][random(0, 4)],
            in_channels: channels[0],
            out_channels: channels[1],
            groups,
            input: with_ones(input),
            kernel: with_ones(kernel),
            stride: with_ones(stride),
            padding,
            dilation: with_ones(dilation),
        };
        let fits = (0..3).all(|d| {
            shape.dilation[d] * (shape.kernel[d] - 1) < shape.input[d] + 2 * shape.padding[d]
        });
        let products = |s: &ConvShape| s.batch * s.out_channels * s.out_pixels() * s.depth();
        if fits && products(&shape) < 1_000_000 {
            return shape;
        }
    }
}

#[test]
fn random_shapes_match_direct_loops() {
    let mut state = 20_u64;
    let mut random = |from: usize, to: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        from + (state >> 33) as usize % (to - from + 1)
    };
    for _ in 0..60 {
        let case = Case::<f32>::new(random_shape(&mut random));
        case.check_public(1e-5);
        case.check_direct(1e-5);
        case.check_packed(1e-5);
    }
    for _ in 0..30 {
        let case = Case::<f64>::new(random_shape(&mut random));
        case.check_public(1e-13);
        case.check_direct(1e-13);
    }
}

#[test]
fn the_gradient_of_the_input_is_a_transposed_convolution() {
    // By definition each input pixel y adds weight[k] times itself to output pixel
    // y * stride + k * dilation - padding.
    let (pixels, kernel, stride, padding, dilation) = (9, 4, 3, 2, 2);
    for output_padding in 0..stride {
        let out_pixels =
            (pixels - 1) * stride + dilation * (kernel - 1) + 1 + output_padding - 2 * padding;
        let (from, to) = (20, 17);
        let x = values::<f64>(from * pixels, 1);
        let weight = values::<f64>(from * to * kernel, 2);
        let mut wanted = vec![0.0; to * out_pixels];
        for f in 0..from {
            for t in 0..to {
                for y in 0..pixels {
                    for k in 0..kernel {
                        let at = (y * stride + k * dilation).wrapping_sub(padding);
                        if at < out_pixels {
                            wanted[t * out_pixels + at] +=
                                x[f * pixels + y] * weight[(f * to + t) * kernel + k];
                        }
                    }
                }
            }
        }
        let shape = ConvShape::new(1, [to, from], [out_pixels], [kernel])
            .with_stride([stride])
            .with_padding([padding])
            .with_dilation([dilation]);
        assert_eq!(shape.output(), [1, 1, pixels]);
        let mut out = vec![f64::NAN; wanted.len()];
        conv_backward_input(&shape, &x, &weight, &mut out);
        for (got, wanted) in out.iter().zip(&wanted) {
            assert!((got - wanted).abs() < 1e-13, "{got} {wanted}");
        }
    }
}

#[test]
fn a_relu_lets_nan_through() {
    let shape = ConvShape::new(1, [16, 1], [5], [3]);
    let conv = PackedConv::new(&shape, &[1.0f32; 48]);
    let mut x = [-1.0; 80];
    x[0] = f32::NAN;
    let mut out = [1.0; 3];
    let epilogue = Epilogue {
        activation: Activation::RELU,
        ..Epilogue::NONE
    };
    conv.forward(1, [1, 1, 5], &x, epilogue, &mut out);
    assert!(out[0].is_nan());
    assert_eq!(out[1..], [0.0, 0.0]);
}

#[test]
#[should_panic(expected = "the weight is not [4, 3, 1, 3, 3]")]
fn a_wrong_length_is_refused() {
    let s = shapes()[0];
    conv_forward(
        &s,
        &[0.0f32; 2 * 3 * 72],
        &[0.0; 5],
        None,
        &mut [0.0; 2 * 4 * 72],
    );
}
