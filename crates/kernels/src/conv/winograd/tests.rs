use super::*;
use crate::Bias;
use crate::epilogue::{ACTIVATIONS, activated};
use crate::threads::with_thread_counts;

/// A repeatable stream of numbers.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Between -0.5 and 0.5.
    fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| ((self.next() >> 7) as f64 / (1u64 << 24) as f64 - 0.5) as f32)
            .collect()
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }
}

/// Calls `f(input index, weight index, output index)` for every product of the convolution.
fn for_each_product(s: &Sizes, mut f: impl FnMut(usize, usize, usize)) {
    let ([h, w], [out_h, out_w]) = (s.input, s.output());
    for n in 0..s.batch {
        for o in 0..s.out_channels {
            for (y, x) in (0..out_h).flat_map(|y| (0..out_w).map(move |x| (y, x))) {
                for c in 0..s.in_channels {
                    for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                        let iy = (y + ky).wrapping_sub(s.padding[0]);
                        let ix = (x + kx).wrapping_sub(s.padding[1]);
                        if iy < h && ix < w {
                            f(
                                ((n * s.in_channels + c) * h + iy) * w + ix,
                                ((o * s.in_channels + c) * 3 + ky) * 3 + kx,
                                ((n * s.out_channels + o) * out_h + y) * out_w + x,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// `got` is `want`, but for rounding.
///
/// A sum of n products of numbers below 1/2 has a standard deviation of sqrt(n) / 12. The direct
/// sum errs by a few units in the last place of that, and the transforms, whose constants reach
/// 3.4 along each axis, by a few times more: 2e-6 (sqrt(n) + 1) is about 200 units in the last
/// place of the standard deviation, 10 times what is seen. A wrong coefficient or pixel gives
/// errors near 1.
fn assert_close(got: &[f32], want: &[f64], terms: usize, what: &str) {
    let tolerance = 2e-6 * ((terms as f64).sqrt() + 1.0);
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(*got) - want).abs();
        assert!(error <= tolerance, "{what} at {i}: {got} and {want}");
    }
}

fn check(s: &Sizes, stream: &mut Stream) {
    let [out_h, out_w] = s.output();
    let x = stream.values(s.inputs().len());
    let weight = stream.values(s.weights());
    let bias = stream.values(s.out_channels);
    let grad_out = stream.values(s.outputs().len());
    let residual = stream.values(grad_out.len());
    let plane = out_h * out_w;
    let mut want_out = vec![0.0f64; grad_out.len()];
    let mut want_x = vec![0.0f64; x.len()];
    let mut want_weight = vec![0.0f64; weight.len()];
    for_each_product(s, |i, w, o| {
        let [x, weight, grad] = [x[i], weight[w], grad_out[o]].map(f64::from);
        want_out[o] += x * weight;
        want_x[i] += grad * weight;
        want_weight[w] += x * grad;
    });
    let biased: Vec<f64> = (want_out.iter().enumerate())
        .map(|(i, v)| v + f64::from(bias[i / plane % s.out_channels]))
        .collect();
    let full: Vec<f64> = (biased.iter().zip(&residual))
        .map(|(v, r)| v + f64::from(*r))
        .collect();

    for isa in Isa::available() {
        let results = with_thread_counts(|| {
            let mut out = vec![f32::NAN; grad_out.len()];
            let epilogue = Epilogue {
                bias: Bias::PerRow(&bias),
                ..Epilogue::NONE
            };
            forward(isa, s, &x, &weight, &epilogue, &mut out);
            let mut grad_x = vec![f32::NAN; x.len()];
            backward_input(isa, s, &grad_out, &weight, &mut grad_x);
            let mut grad_weight = vec![f32::NAN; weight.len()];
            backward_weight(isa, s, &x, &grad_out, &mut grad_weight);
            [out, grad_x, grad_weight]
        });
        let what = format!("{s:?} {isa:?}");
        let terms = [9 * s.in_channels, 9 * s.out_channels, s.batch * plane];
        assert_close(&results[0][0], &biased, terms[0], &format!("{what} output"));
        assert_close(
            &results[0][1],
            &want_x,
            terms[1],
            &format!("{what} input grad"),
        );
        assert_close(
            &results[0][2],
            &want_weight,
            terms[2],
            &format!("{what} weight grad"),
        );
        assert!(results.iter().all(|r| *r == results[0]), "{what} threads");

        let weights = Weights::new(isa, s, &weight);
        let mut out = vec![f32::NAN; grad_out.len()];
        let mut epilogue = Epilogue {
            bias: Bias::PerRow(&bias),
            ..Epilogue::NONE
        };
        for activation in ACTIVATIONS {
            let activated = |values: &[f64]| -> Vec<f64> {
                values.iter().map(|v| activated(activation, *v)).collect()
            };
            (epilogue.activation, epilogue.residual) = (activation, None);
            forward_with(s, &x, &weights, &epilogue, &mut out);
            let what = format!("{what} {activation:?}");
            assert_close(&out, &activated(&biased), terms[0], &what);
            epilogue.residual = Some(&residual);
            forward_with(s, &x, &weights, &epilogue, &mut out);
            assert_close(
                &out,
                &activated(&full),
                terms[0],
                &format!("{what} residual"),
            );
        }
        forward_with(s, &x, &weights, &Epilogue::NONE, &mut out);
        assert_close(&out, &want_out, terms[0], &format!("{what} plain"));
    }
}

#[test]
fn random_shapes_match_a_direct_loop() {
    let mut stream = Stream(1);
    for _ in 0..60 {
        let mut size = || {
            let padding = stream.below(4);
            (
                stream.below(14) + 3usize.saturating_sub(2 * padding).max(1),
                padding,
            )
        };
        let ((h, pad_h), (w, pad_w)) = (size(), size());
        let s = Sizes {
            batch: [0, 1, 1, 3][stream.below(4)],
            in_channels: 1 + stream.below(40),
            out_channels: 1 + stream.below(40),
            input: [h, w],
            padding: [pad_h, pad_w],
        };
        check(&s, &mut stream);
    }
}

#[test]
fn sizes_that_take_several_blocks_match_a_direct_loop() {
    let mut stream = Stream(2);
    for (batch, in_channels, out_channels, input, padding) in [
        // several tasks, the last one smaller
        (1, 5, 3, [61, 46], [1, 1]),
        (3, 70, 2, [30, 29], [1, 1]),
        // sums over channels in two blocks
        (1, 530, 1, [5, 4], [1, 0]),
        (1, 1, 530, [4, 5], [0, 1]),
        // no channels
        (2, 0, 3, [5, 5], [1, 1]),
        (2, 3, 0, [5, 5], [1, 1]),
    ] {
        let s = Sizes {
            batch,
            in_channels,
            out_channels,
            input,
            padding,
        };
        check(&s, &mut stream);
    }
}

#[test]
fn the_largest_block_of_weight_gradients_is_split_by_shape() {
    // Many tiles of few channels: more than one round.
    let s = Sizes {
        batch: 2,
        in_channels: 17,
        out_channels: 33,
        input: [70, 66],
        padding: [1, 1],
    };
    check(&s, &mut Stream(3));
}

#[test]
#[should_panic(expected = "winograd: the weights")]
fn a_wrong_length_is_refused() {
    let s = Sizes {
        batch: 1,
        in_channels: 1,
        out_channels: 1,
        input: [4, 4],
        padding: [1, 1],
    };
    let (x, mut out) = ([0.0; 16], [0.0; 16]);
    forward(Isa::current(), &s, &x, &[0.0; 8], &Epilogue::NONE, &mut out);
}
