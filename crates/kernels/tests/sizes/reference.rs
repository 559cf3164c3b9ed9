//! Convolution and its gradients by plain loops in f64, over the pixels that are inside the image.

use std::ops::Range;

use pleach_kernels::{ConvShape, Isa, Loop};

/// What a convolution and its gradients are.
pub struct Convolution {
    pub out: Vec<f64>,
    pub grad_x: Vec<f64>,
    pub grad_weight: Vec<f64>,
    pub grad_bias: Vec<f64>,
}

/// The convolution of images, and its gradients.
pub fn convolution(
    shape: &ConvShape,
    x: &[f64],
    weight: &[f64],
    bias: &[f64],
    grad_out: &[f64],
) -> Convolution {
    let pixels: usize = shape.output().iter().product();
    let mut grad_bias = vec![0.0; bias.len()];
    for (i, plane) in grad_out.chunks_exact(pixels).enumerate() {
        grad_bias[i % shape.out_channels] += plane.iter().sum::<f64>();
    }
    let mut result = Convolution {
        out: (0..grad_out.len())
            .map(|i| bias[i / pixels % shape.out_channels])
            .collect(),
        grad_x: vec![0.0; x.len()],
        grad_weight: vec![0.0; weight.len()],
        grad_bias,
    };
    // The compiler's vectors, the widest ones, whatever the kernels use.
    Isa::detected().run(Loops {
        shape,
        x,
        weight,
        grad_out,
        result: &mut result,
    });
    result
}

/// The positions of the output that see the input through a tap, and what the first of them sees.
fn seen(s: &ConvShape, d: usize, tap: usize) -> (Range<usize>, usize) {
    let at = |out: usize| {
        (out.checked_mul(s.stride[d])?)
            .checked_add(tap * s.dilation[d])?
            .checked_sub(s.padding[d])
            .filter(|at| *at < s.input[d])
    };
    let out = s.output()[d];
    let first = (0..out).find(|i| at(*i).is_some()).unwrap_or(out);
    let end = (first..out).find(|i| at(*i).is_none()).unwrap_or(out);
    (first..end, at(first).unwrap_or(0))
}

struct Loops<'a> {
    shape: &'a ConvShape,
    x: &'a [f64],
    weight: &'a [f64],
    grad_out: &'a [f64],
    result: &'a mut Convolution,
}

impl Loop for Loops<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Loops {
            shape: s,
            x,
            weight,
            grad_out,
            result,
        } = self;
        let ([_, height, width], [_, out_height, out_width]) = (s.input, s.output());
        let [_, rows, columns] = s.kernel;
        let (per_in, per_out) = (s.in_channels / s.groups, s.out_channels / s.groups);
        let seen_rows: Vec<_> = (0..rows).map(|tap| seen(s, 1, tap)).collect();
        let seen_columns: Vec<_> = (0..columns).map(|tap| seen(s, 2, tap)).collect();
        for (n, o) in (0..s.batch).flat_map(|n| (0..s.out_channels).map(move |o| (n, o))) {
            let to = (n * s.out_channels + o) * out_height * out_width;
            for c in 0..per_in {
                let from = (n * s.in_channels + o / per_out * per_in + c) * height * width;
                for (ky, (ys, y)) in seen_rows.iter().enumerate() {
                    for (kx, (xs, first)) in seen_columns.iter().enumerate() {
                        if xs.is_empty() {
                            continue;
                        }
                        let w = ((o * per_in + c) * rows + ky) * columns + kx;
                        let step = s.stride[2];
                        let reach = (xs.len() - 1) * step + 1;
                        for (i, row) in ys.clone().enumerate() {
                            let at = from + (y + i * s.stride[1]) * width + first;
                            let to = to + row * out_width;
                            let out = &mut result.out[to..][xs.clone()];
                            let grad = &grad_out[to..][xs.clone()];
                            let (x, grad_x) =
                                (&x[at..at + reach], &mut result.grad_x[at..at + reach]);
                            let sum = &mut result.grad_weight[w];
                            if step == 1 {
                                row_of_products(1, weight[w], x, grad, out, grad_x, sum);
                            } else {
                                row_of_products(step, weight[w], x, grad, out, grad_x, sum);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The products of a row of pixels with a weight.
#[inline(always)]
fn row_of_products(
    step: usize,
    weight: f64,
    x: &[f64],
    grad: &[f64],
    out: &mut [f64],
    grad_x: &mut [f64],
    grad_weight: &mut f64,
) {
    if step == 1 {
        for (out, x) in out.iter_mut().zip(x) {
            *out += weight * x;
        }
        for (grad_x, grad) in grad_x.iter_mut().zip(grad) {
            *grad_x += weight * grad;
        }
        let mut sums = [0.0; 16];
        let (xs, x_rest) = x.as_chunks::<16>();
        let (grads, grad_rest) = grad.as_chunks::<16>();
        for (x, grad) in xs.iter().zip(grads) {
            for (sum, (x, grad)) in sums.iter_mut().zip(x.iter().zip(grad)) {
                *sum += x * grad;
            }
        }
        for (sum, (x, grad)) in sums.iter_mut().zip(x_rest.iter().zip(grad_rest)) {
            *sum += x * grad;
        }
        *grad_weight += sums.iter().sum::<f64>();
        return;
    }
    for (i, (out, grad)) in out.iter_mut().zip(grad).enumerate() {
        *out += weight * x[i * step];
        grad_x[i * step] += weight * grad;
        *grad_weight += x[i * step] * grad;
    }
}
