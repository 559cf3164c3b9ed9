//! [`PairLoss`]: losses of an element and its target, each with its gradient.
//!
//! They are compiled here, once, whoever calls them.

use std::marker::PhantomData;

use crate::float::{of_type, run_math};
use crate::isa::MathLoop;
use crate::math::{Apart, MulAdd};
use crate::{Float, Isa, Loop, for_each_chunk_mut};

/// Elements that one thread takes.
const CHUNK: usize = 1 << 14;

/// A loss with its parameters, and its derivative by the element.
trait Definition<T: Float>: Copy {
    /// Whether it is worth the widest vectors.
    const WIDE: bool;
    fn value<M: MulAdd>(&self, x: T, y: T) -> T;
    /// The derivative by x of the loss times `scale`.
    fn slope<M: MulAdd>(&self, x: T, y: T, scale: T) -> T;
}

struct Values<'a, T, D>(&'a [T], &'a [T], &'a mut [T], D);

impl<T: Float, D: Definition<T>> MathLoop for Values<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for ((out, x), y) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *out = self.3.value::<M>(*x, *y);
        }
    }
}

/// Elements and targets, the scale of the loss and the gradient that arrives, the output.
struct Gradients<'a, T, D>(&'a [T], &'a [T], [T; 2], &'a mut [T], D);

impl<T: Float, D: Definition<T>> MathLoop for Gradients<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let [scale, grad] = self.2;
        for ((out, x), y) in self.3.iter_mut().zip(self.0).zip(self.1) {
            *out = self.4.slope::<M>(*x, *y, scale) * grad;
        }
    }
}

/// A loop that is not worth wide vectors.
struct Narrow<L>(L);

impl<L: MathLoop> Loop for Narrow<L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.0.run::<Apart>();
    }
}

#[inline]
fn run<T: Float, D: Definition<T>, L: MathLoop>(isa: Isa, body: L) {
    if const { D::WIDE } {
        run_math::<T, _>(isa, body);
    } else {
        isa.run_narrow(Narrow(body));
    }
}

/// A row: the loss and its parameters, whether it is worth wide vectors, value and slope.
macro_rules! pair_losses {
    ($($(#[$doc:meta])* $name:ident $({ $p:ident })?, $wide:literal,
       |$x:ident, $y:ident, $M:ident| $value:expr, slope |$scale:ident| $slope:expr;)*) => {
        /// A loss of an element x and its target y.
        #[derive(Copy, Clone, Debug, PartialEq)]
        #[allow(missing_docs)] // the parameters stand in the docs of their losses
        pub enum PairLoss {$(
            $(#[$doc])*
            $name $({ $p: f64 })?,
        )*}

        $(
            #[derive(Copy, Clone)]
            struct $name<T> { of: PhantomData<T>, $($p: T)? }

            impl<T: Float> Definition<T> for $name<T> {
                const WIDE: bool = $wide;
                #[inline(always)]
                fn value<$M: MulAdd>(&self, $x: T, $y: T) -> T {
                    $(let $p = self.$p;)?
                    $value
                }
                #[inline(always)]
                #[allow(unused_variables)]
                fn slope<$M: MulAdd>(&self, $x: T, $y: T, $scale: T) -> T {
                    $(let $p = self.$p;)?
                    $slope
                }
            }
        )*

        fn values<T: Float>(loss: PairLoss, isa: Isa, x: &[T], y: &[T], out: &mut [T]) {
            match loss {
                $(PairLoss::$name $({ $p })? => {
                    let d = $name { of: PhantomData::<T>, $($p: T::from_f64($p))? };
                    run::<T, $name<T>, _>(isa, Values(x, y, out, d));
                })*
            }
        }

        fn gradients<T: Float>(
            loss: PairLoss,
            isa: Isa,
            x: &[T],
            y: &[T],
            by: [T; 2],
            out: &mut [T],
        ) {
            match loss {
                $(PairLoss::$name $({ $p })? => {
                    let d = $name { of: PhantomData::<T>, $($p: T::from_f64($p))? };
                    run::<T, $name<T>, _>(isa, Gradients(x, y, by, out, d));
                })*
            }
        }
    };
}

pair_losses! {
    /// `|x - y|`, whose slope at 0 is 0.
    Absolute, false, |x, y, M| (x - y).abs(), slope |scale| {
        if x > y { scale } else if x < y { -scale } else { T::ZERO }
    };
    /// `(x - y)²`.
    Squared, false, |x, y, M| (x - y) * (x - y), slope |scale| (scale + scale) * (x - y);
    /// With d = x - y: `d² / 2 beta`, and `|d| - beta / 2` from `beta` on.
    SmoothL1 { beta }, false, |x, y, M| {
        let d = (x - y).abs();
        if d < beta { T::from_f64(0.5) * d * d / beta } else { d - T::from_f64(0.5) * beta }
    }, slope |scale| {
        let d = x - y;
        if d <= -beta { -scale } else if d >= beta { scale } else { scale * d / beta }
    };
    /// With d = x - y: `d² / 2`, and `delta (|d| - delta / 2)` from `delta` on.
    Huber { delta }, false, |x, y, M| {
        let d = (x - y).abs();
        let half = T::from_f64(0.5);
        if d < delta { half * d * d } else { delta * (d - half * delta) }
    }, slope |scale| {
        let d = x - y;
        scale * if d <= -delta { -delta } else if d >= delta { delta } else { d }
    };
    /// `-y ln x - (1 - y) ln(1 - x)`, where a logarithm is at least -100.
    BinaryCrossEntropy, true, |x, y, M| {
        let least = T::from_f64(-100.0);
        let (yes, no) = (x.ln::<M>(), (-x).ln_1p::<M>());
        let yes = if yes < least { least } else { yes };
        let no = if no < least { least } else { no };
        (y - T::ONE) * no - y * yes
    }, slope |scale| {
        let (spread, least) = ((T::ONE - x) * x, T::from_f64(1e-12));
        scale * (x - y) / if spread < least { least } else { spread }
    };
    /// The binary cross entropy of `1 / (1 + e^-x)`: `(1 - y) x + ln(1 + e^-x)`.
    WithLogits, true, |x, y, M| {
        let below = if x < T::ZERO { x } else { T::ZERO };
        (T::ONE - y) * x - (below - (-x.abs()).exp::<M>().ln_1p::<M>())
    }, slope |scale| scale * (crate::function::sigmoid::<T, M>(x) - y);
    /// `y (ln y - x)`, and 0 where y is 0.
    Divergence, true, |x, y, M| {
        let entropy = if y == T::ZERO { T::ZERO } else { y * y.ln::<M>() };
        entropy - y * x
    }, slope |scale| -y * scale;
    /// `e^y (y - x)`.
    LogDivergence, true, |x, y, M| y.exp::<M>() * (y - x), slope |scale| -y.exp::<M>() * scale;
    /// `ln(1 + e^(-x y))`.
    SoftMargin, true, |x, y, M| {
        let z = -x * y;
        let above = if z > T::ZERO { z } else { T::ZERO };
        // A nan is not above 0, but passes through the exponential.
        above + (-z.abs()).exp::<M>().ln_1p::<M>()
    }, slope |scale| -y * scale * crate::function::sigmoid::<T, M>(-x * y);
}

impl PairLoss {
    /// Whether it depends on the difference alone, so that the target's gradient is the opposite of
    /// the element's.
    pub fn of_difference(self) -> bool {
        matches!(
            self,
            PairLoss::Absolute
                | PairLoss::Squared
                | PairLoss::SmoothL1 { .. }
                | PairLoss::Huber { .. }
        )
    }

    /// `out[i]` is the loss of `x[i]` and its target `y[i]`.
    ///
    /// ```
    /// use pleach_kernels::PairLoss;
    /// let mut out = [0.0f32; 3];
    /// PairLoss::SmoothL1 { beta: 1.0 }.values(&[0.0, 1.0, 3.0], &[0.0, 1.5, 1.0], &mut out);
    /// assert_eq!(out, [0.0, 0.125, 1.5]);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn values<T: Float>(self, x: &[T], y: &[T], out: &mut [T]) {
        check(x.len(), y.len(), out.len());
        let (isa, values) = (Isa::current(), loops().values);
        pieces(out, &|at, out| {
            let end = at + out.len();
            values(self, isa, &x[at..end], &y[at..end], out);
        });
    }

    /// `out[i]` is the derivative by `x[i]` of the loss times `scale`, multiplied by `grad`: in this
    /// order, which tells where one of them is infinite or 0.
    ///
    /// ```
    /// use pleach_kernels::PairLoss;
    /// let mut out = [9.0f64; 3];
    /// PairLoss::Huber { delta: 2.0 }.gradient(&[0., 1., 9.], &[5., 0., 5.], 0.5, 1.0, &mut out);
    /// assert_eq!(out, [-1.0, 0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn gradient<T: Float>(self, x: &[T], y: &[T], scale: T, grad: T, out: &mut [T]) {
        check(x.len(), y.len(), out.len());
        let (isa, gradients) = (Isa::current(), loops().gradients);
        pieces(out, &|at, out| {
            let end = at + out.len();
            gradients(self, isa, &x[at..end], &y[at..end], [scale, grad], out);
        });
    }
}

fn check(x: usize, y: usize, out: usize) {
    assert_eq!(x, out, "PairLoss: elements and output differ in length");
    assert_eq!(y, out, "PairLoss: targets and output differ in length");
}

/// Hands pieces of the output to threads, each with the place where it starts.
fn pieces<T: Float>(out: &mut [T], write: &(dyn Fn(usize, &mut [T]) + Sync)) {
    let chunk = match out.len() < 2 * CHUNK {
        true => out.len().max(1),
        false => CHUNK,
    };
    for_each_chunk_mut(out, chunk, |i, out| write(i * chunk, out));
}

/// Writes losses of elements and targets.
type WriteValues<T> = fn(PairLoss, Isa, &[T], &[T], &mut [T]);
/// Writes derivatives of elements and targets, by a scale and a gradient.
type WriteGradients<T> = fn(PairLoss, Isa, &[T], &[T], [T; 2], &mut [T]);

/// What is compiled here, once for each float.
struct Loops<T: 'static> {
    values: WriteValues<T>,
    gradients: WriteGradients<T>,
}

impl<T: Float> Loops<T> {
    const NEW: Self = Loops { values, gradients };
}

fn loops<T: Float>() -> &'static Loops<T> {
    static F32: Loops<f32> = Loops::NEW;
    static F64: Loops<f64> = Loops::NEW;
    of_type(&F32, &F64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    const ALL: [PairLoss; 9] = [
        PairLoss::Absolute,
        PairLoss::Squared,
        PairLoss::SmoothL1 { beta: 0.5 },
        PairLoss::Huber { delta: 0.5 },
        PairLoss::BinaryCrossEntropy,
        PairLoss::WithLogits,
        PairLoss::Divergence,
        PairLoss::LogDivergence,
        PairLoss::SoftMargin,
    ];

    fn data(len: usize) -> (Vec<f64>, Vec<f64>) {
        let part = |i: usize, k: usize| ((i * k) % 101) as f64 / 103.0 + 0.005;
        (
            (0..len).map(|i| part(i, 37)).collect(),
            (0..len).map(|i| part(i, 61)).collect(),
        )
    }

    #[test]
    fn slopes_are_differences() {
        let (x, y) = data(101);
        for loss in ALL {
            let at = |h: f64| {
                let moved: Vec<f64> = x.iter().map(|x| x + h).collect();
                let mut out = vec![0.0; x.len()];
                loss.values(&moved, &y, &mut out);
                out
            };
            let (above, below) = (at(1e-6), at(-1e-6));
            let mut slopes = vec![9.0; x.len()];
            loss.gradient(&x, &y, 4.0, 0.5, &mut slopes);
            for i in 0..x.len() {
                // A corner lies between the two points.
                let corner = ((x[i] - y[i]).abs() < 1e-5
                    || ((x[i] - y[i]).abs() - 0.5).abs() < 1e-5)
                    && loss.of_difference();
                let difference = (above[i] - below[i]) / 1e-6;
                let error = (slopes[i] - difference).abs();
                assert!(
                    corner || error < 1e-5 * (1.0 + difference.abs()),
                    "{loss:?} {i}"
                );
            }
        }
    }

    #[test]
    fn f32_is_near_f64_on_every_instruction_set_and_number_of_threads() {
        for len in [0, 1, 17, 40_001] {
            let (x, y) = data(len);
            let narrow = |v: &[f64]| v.iter().map(|v| *v as f32).collect::<Vec<f32>>();
            let (x32, y32) = (narrow(&x), narrow(&y));
            let wide = |v: &[f32]| v.iter().map(|v| *v as f64).collect::<Vec<f64>>();
            let (x64, y64) = (wide(&x32), wide(&y32));
            for loss in ALL {
                let (mut wanted, mut slopes) = (vec![0.0; len], vec![0.0; len]);
                loss.values(&x64, &y64, &mut wanted);
                loss.gradient(&x64, &y64, 0.5, 6.0, &mut slopes);
                let near = |got: &[f32], wanted: &[f64]| {
                    let mut both = got.iter().zip(wanted);
                    both.all(|(g, w)| (*g as f64 - w).abs() <= 1e-5 * (1.0 + w.abs()))
                };
                for isa in Isa::available() {
                    let mut out = vec![9.0f32; len];
                    values(loss, isa, &x32, &y32, &mut out);
                    assert!(near(&out, &wanted), "{loss:?} {isa:?}");
                    gradients(loss, isa, &x32, &y32, [0.5, 6.0], &mut out);
                    assert!(near(&out, &slopes), "{loss:?} {isa:?}");
                }
                with_thread_counts(|| {
                    let mut out = vec![9.0f32; len];
                    loss.values(&x32, &y32, &mut out);
                    assert!(near(&out, &wanted), "{loss:?}");
                });
            }
        }
    }

    #[test]
    fn a_nan_stays_a_nan() {
        for loss in ALL {
            let mut out = [0.0f32];
            loss.values(&[f32::NAN], &[0.5], &mut out);
            assert!(out[0].is_nan(), "{loss:?}");
            loss.values(&[0.5], &[f32::NAN], &mut out);
            assert!(out[0].is_nan(), "{loss:?}");
        }
    }
}
