//! Activation functions and elementary functions of f32 and f64, forward and backward.
//!
//! The functions of f32 are vectorised, with errors of about one unit in the last place (of exp,
//! logarithm, tanh and erf themselves: at most 1, 0.8, 1.5 and 1.2); those of f64 are the standard
//! library's. A nan stays nan.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI};

use crate::float::run;
use crate::{Float, Isa, Loop, for_each_chunk_mut};

/// Elements that one thread takes.
const CHUNK: usize = 4096;

fn chunk_len(len: usize) -> usize {
    if len < 2 * CHUNK { len.max(1) } else { CHUNK }
}

/// A function of one value. Not a closure: a large one would not be inlined into the loop.
trait Function: Copy + Sync {
    fn of<T: Float>(x: T) -> T;
}

/// A gradient, from what was saved and the gradient of the output.
trait Gradient: Copy + Sync {
    fn of<T: Float>(saved: T, grad: T) -> T;
}

struct Map<'a, T, F>(&'a [T], &'a mut [T], F);

impl<T: Float, F: Function> Loop for Map<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (out, x) in self.1.iter_mut().zip(self.0) {
            *out = F::of(*x);
        }
    }
}

struct Zip<'a, T, F>(&'a [T], &'a [T], &'a mut [T], F);

impl<T: Float, F: Gradient> Loop for Zip<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((out, x), g) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *out = F::of(*x, *g);
        }
    }
}

/// [`map`](crate::map) for functions that cost more than to load and to store.
fn map<T: Float>(isa: Isa, x: &[T], out: &mut [T], f: impl Function) {
    assert_eq!(x.len(), out.len(), "input and output differ in length");
    let chunk = chunk_len(out.len());
    for_each_chunk_mut(out, chunk, |i, out| {
        let start = i * chunk;
        run::<T, _>(isa, Map(&x[start..start + out.len()], out, f));
    });
}

/// [`zip`](crate::zip) for functions that cost more than to load and to store.
fn zip<T: Float>(isa: Isa, x: &[T], grad: &[T], out: &mut [T], f: impl Gradient) {
    assert_eq!(
        x.len(),
        out.len(),
        "first input and output differ in length"
    );
    assert_eq!(grad.len(), out.len(), "gradients differ in length");
    let chunk = chunk_len(out.len());
    for_each_chunk_mut(out, chunk, |i, out| {
        let (start, end) = (i * chunk, i * chunk + out.len());
        run::<T, _>(isa, Zip(&x[start..end], &grad[start..end], out, f));
    });
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = |$x:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// If the lengths differ.
        pub fn $name<T: Float>(x: &[T], out: &mut [T]) {
            map(Isa::current(), x, out, function::$name);
        }
    )*
        #[allow(non_camel_case_types)]
        mod function {
            use super::*;
            $(
                #[derive(Copy, Clone)]
                pub(super) struct $name;
                impl Function for $name {
                    #[inline(always)]
                    fn of<T: Float>($x: T) -> T {
                        $value
                    }
                }
            )*
        }
    };
}

functions! {
    /// `out = e^x`.
    exp = |x| x.exp();
    /// `out = ln(x)`: minus infinity at 0, nan below.
    ln = |x| x.ln();
    /// `out = tanh(x)`.
    ///
    /// ```
    /// let mut out = [0.0f64; 2];
    /// pleach_kernels::activation::tanh(&[0.0, 1.0], &mut out);
    /// assert_eq!(out, [0.0, 1f64.tanh()]);
    /// ```
    tanh = |x| x.tanh();
    /// `out = erf(x)`, the error function.
    erf = |x| x.erf();
    /// `out = 1 / (1 + e^-x)`.
    sigmoid = |x| T::ONE / (T::ONE + (-x).exp());
    /// `out = x / (1 + e^-x)`.
    silu = |x| x / (T::ONE + (-x).exp());
    /// `out = x Φ(x)`, Φ the normal distribution: `x/2 (1 + erf(x / √2))`.
    gelu = |x| x * cdf(x);
    /// `out = x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
    gelu_tanh = |x| T::from_f64(0.5) * x * (T::ONE + tanh_part(x));
}

#[inline(always)]
fn cdf<T: Float>(x: T) -> T {
    T::from_f64(0.5) * (T::ONE + (x * T::from_f64(FRAC_1_SQRT_2)).erf())
}

const CUBIC: f64 = 0.044715;

#[inline(always)]
fn tanh_part<T: Float>(x: T) -> T {
    (T::from_f64(FRAC_2_PI.sqrt()) * (x + T::from_f64(CUBIC) * (x * x * x))).tanh()
}

macro_rules! gradients {
    ($($(#[$doc:meta])* $name:ident = |$s:ident, $g:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// If the lengths differ.
        pub fn $name<T: Float>(saved: &[T], grad: &[T], out: &mut [T]) {
            zip(Isa::current(), saved, grad, out, gradient::$name);
        }
    )*
        #[allow(non_camel_case_types)]
        mod gradient {
            use super::*;
            $(
                #[derive(Copy, Clone)]
                pub(super) struct $name;
                impl Gradient for $name {
                    #[inline(always)]
                    fn of<T: Float>($s: T, $g: T) -> T {
                        $value
                    }
                }
            )*
        }
    };
}

gradients! {
    /// The gradient of [`tanh`]; `saved` is its output.
    tanh_backward = |y, g| g * (T::ONE - y * y);
    /// The gradient of [`sigmoid`]; `saved` is its output.
    sigmoid_backward = |y, g| g * y * (T::ONE - y);
    /// The gradient of [`silu`]; `saved` is its input.
    silu_backward = |x, g| {
        let s = T::ONE / (T::ONE + (-x).exp());
        g * s * (T::ONE + x * (T::ONE - s))
    };
    /// The gradient of [`gelu`]; `saved` is its input.
    gelu_backward = |x, g| {
        let density = (T::from_f64(-0.5) * x * x).exp();
        let density = density * T::from_f64(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
        g * (cdf(x) + x * density)
    };
    /// The gradient of [`gelu_tanh`]; `saved` is its input.
    gelu_tanh_backward = |x, g| {
        let t = tanh_part(x);
        let inner = T::from_f64(FRAC_2_PI.sqrt()) * (T::ONE + T::from_f64(3.0 * CUBIC) * (x * x));
        let curve = x * (T::ONE - t * t) * inner;
        g * (T::from_f64(0.5) * (T::ONE + t + curve))
    };
}

#[inline(always)]
fn rectified<T: Float>(x: T) -> T {
    if x < T::ZERO { T::ZERO } else { x }
}

/// `out = max(x, 0)`.
///
/// # Panics
/// If the lengths differ.
pub fn relu<T: Float>(x: &[T], out: &mut [T]) {
    crate::map(x, out, rectified);
}

/// `x = max(x, 0)`.
pub fn relu_inplace<T: Float>(x: &mut [T]) {
    crate::map_inplace(x, rectified);
}

/// The gradient of [`relu`] from its output: `out = grad` where `y` is positive (or nan), else 0.
///
/// ```
/// let mut out = [9.0f32; 3];
/// pleach_kernels::activation::relu_backward(&[0.0, 2.0, 0.0], &[1.0, 1.0, 1.0], &mut out);
/// assert_eq!(out, [0.0, 1.0, 0.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn relu_backward<T: Float>(y: &[T], grad: &[T], out: &mut [T]) {
    crate::zip(y, grad, out, |y, g| if y <= T::ZERO { T::ZERO } else { g });
}

/// [`relu_backward`] in the memory of the gradient.
///
/// # Panics
/// If the lengths differ.
pub fn relu_backward_inplace<T: Float>(y: &[T], grad: &mut [T]) {
    crate::zip_inplace(grad, y, |g, y| if y <= T::ZERO { T::ZERO } else { g });
}

/// `out = max(x + y, 0)`; its gradient, for both, is [`relu_backward`] of `out`.
///
/// # Panics
/// If the lengths differ.
pub fn add_relu<T: Float>(x: &[T], y: &[T], out: &mut [T]) {
    crate::zip(x, y, out, |x, y| rectified(x + y));
}

/// `x = x + bias`, then `max(x, 0)` if `relu`: `x` is `[outer, channels, inner]`, `bias` is
/// `[channels]`.
///
/// ```
/// let mut x = [1.0f32, 2.0, 3.0, 4.0];
/// pleach_kernels::activation::add_bias(&mut x, &[0.5, -2.5], 1, true);
/// assert_eq!(x, [1.5, 0.0, 3.5, 1.5]);
/// ```
///
/// # Panics
/// If the length is no multiple of `channels * inner`.
pub fn add_bias<T: Float>(x: &mut [T], bias: &[T], inner: usize, relu: bool) {
    if x.is_empty() {
        return;
    }
    let row = bias.len() * inner;
    assert!(
        row > 0 && x.len().is_multiple_of(row),
        "add_bias: {} elements are not [*, {}, {inner}]",
        x.len(),
        bias.len()
    );
    let isa = Isa::current();
    let floor = if relu { T::ZERO } else { T::NEG_INFINITY };
    let add = |x: T, b: T| {
        let v = x + b;
        if v < floor { floor } else { v }
    };
    let each = (2 * CHUNK / row).max(1) * row;
    for_each_chunk_mut(x, each, |_, x| {
        isa.run_narrow(|| {
            for row in x.chunks_exact_mut(row) {
                if inner == 1 {
                    for (x, b) in row.iter_mut().zip(bias) {
                        *x = add(*x, *b);
                    }
                    continue;
                }
                for (x, b) in row.chunks_exact_mut(inner).zip(bias) {
                    for x in x {
                        *x = add(*x, *b);
                    }
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    type Pair = (fn(&[f64], &mut [f64]), fn(&[f64], &[f64], &mut [f64]), bool);

    /// Function, gradient, and whether that is computed from the output.
    const ALL: [Pair; 5] = [
        (tanh, tanh_backward, true),
        (sigmoid, sigmoid_backward, true),
        (silu, silu_backward, false),
        (gelu, gelu_backward, false),
        (gelu_tanh, gelu_tanh_backward, false),
    ];

    #[test]
    fn gradients_are_differences() {
        let x: Vec<f64> = (0..200).map(|i| i as f64 * 0.061 - 6.0).collect();
        let grad: Vec<f64> = (0..200).map(|i| (i as f64).sin()).collect();
        let [mut y, mut up, mut down, mut got] = [(); 4].map(|_| vec![0.0; 200]);
        for (k, (f, backward, from_output)) in ALL.into_iter().enumerate() {
            f(&x, &mut y);
            backward(if from_output { &y } else { &x }, &grad, &mut got);
            let h = 1e-6;
            f(&x.iter().map(|v| v + h).collect::<Vec<_>>(), &mut up);
            f(&x.iter().map(|v| v - h).collect::<Vec<_>>(), &mut down);
            for i in 0..200 {
                let want = (up[i] - down[i]) / (2.0 * h) * grad[i];
                assert!(
                    (got[i] - want).abs() < 1e-8,
                    "{k} {}: {} {want}",
                    x[i],
                    got[i]
                );
            }
        }
    }

    #[test]
    fn values_are_right_where_they_are_known() {
        let mut out = [0.0f64; 3];
        sigmoid(&[0.0, 800.0, -800.0], &mut out);
        assert_eq!(out, [0.5, 1.0, 0.0]);
        gelu(&[0.0, 1.0, -1.0], &mut out);
        assert!((out[1] - 0.8413447460685429).abs() < 1e-15);
        assert!((out[2] + 0.15865525393145707).abs() < 1e-15);
        silu(&[0.0, 1.0, -2.0], &mut out);
        assert!((out[1] - 0.7310585786300049).abs() < 1e-15);
        assert!((out[2] + 2.0 / (1.0 + 2f64.exp())).abs() < 1e-15);
    }

    #[test]
    fn f32_is_close_to_f64_and_the_same_on_every_set_and_with_any_threads() {
        for len in [0, 1, 7, 16, 33, 1001, 2 * CHUNK + 5] {
            let x: Vec<f32> = (0..len)
                .map(|i| ((i * 37) % 1009) as f32 * 0.02 - 10.0)
                .collect();
            check(&x, function::exp, 0.0);
            check(&x, function::ln, 0.0);
            check(&x, function::tanh, 0.0);
            check(&x, function::erf, 0.0);
            check(&x, function::sigmoid, 0.0);
            check(&x, function::silu, 0.0);
            // 1 + erf and 1 + tanh cancel where x is negative.
            check(&x, function::gelu, 3e-7);
            check(&x, function::gelu_tanh, 3e-7);
        }
    }

    /// Compares with f64: relative to the value, and to the size of x times `absolute`.
    fn check<F: Function>(x: &[f32], f: F, absolute: f64) {
        let run = |isa| {
            let mut out = vec![0.0f32; x.len()];
            map(isa, x, &mut out, f);
            out.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        let first = run(Isa::Scalar);
        for isa in Isa::available() {
            for got in with_thread_counts(|| run(isa)) {
                assert_eq!(got, first, "{isa:?}");
            }
        }
        for (x, got) in x.iter().zip(&first) {
            let (x, got) = (f64::from(*x), f64::from(f32::from_bits(*got)));
            let want = F::of(x);
            let close = (got - want).abs() <= 4e-7 * want.abs() + absolute * x.abs();
            assert!(
                close || got == want || got.is_nan() && want.is_nan(),
                "{x}: {got} {want}"
            );
        }
    }

    #[test]
    fn relu_and_its_gradient_keep_nan() {
        let x = [-1.0f32, -0.0, 0.0, 2.0, f32::NAN];
        let mut y = [9.0; 5];
        relu(&x, &mut y);
        assert_eq!(y[..4], [0.0, 0.0, 0.0, 2.0]);
        assert!(y[4].is_nan());
        let mut grad = [9.0; 5];
        relu_backward(&y, &[1.0; 5], &mut grad);
        assert_eq!(grad, [0.0, 0.0, 0.0, 1.0, 1.0]);
        let mut again = [1.0; 5];
        relu_backward_inplace(&y, &mut again);
        assert_eq!(again, grad);
        let mut sum = [9.0; 2];
        add_relu(&[1.0, 2.0], &[-3.0, 3.0], &mut sum);
        assert_eq!(sum, [0.0, 5.0]);
    }

    #[test]
    fn a_bias_reaches_its_channel() {
        for (outer, channels, inner) in [(0, 3, 2), (3, 5, 1), (2, 3, 17), (700, 40, 1)] {
            let x: Vec<f64> = (0..outer * channels * inner)
                .map(|i| (i % 13) as f64 - 6.0)
                .collect();
            let bias: Vec<f64> = (0..channels).map(|c| c as f64 * 0.5 - 1.0).collect();
            for relu in [false, true] {
                let mut got = x.clone();
                add_bias(&mut got, &bias, inner, relu);
                for (i, got) in got.iter().enumerate() {
                    let v = x[i] + bias[i / inner % channels];
                    assert_eq!(*got, if relu { v.max(0.0) } else { v });
                }
            }
        }
    }
}
