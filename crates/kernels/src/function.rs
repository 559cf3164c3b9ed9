//! [`Function`]: functions of one element of f32 and f64, each with its gradient.
//!
//! Those of f32 that loops are slow for (exponential, logarithm, tanh, erf and what is made of
//! them) are this crate's own, vectorised, with errors of one or two units in the last place; the
//! others and those of f64 are the standard library's. A nan stays nan.
//!
//! They are compiled here, once, whoever calls them.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI};
use std::marker::PhantomData;

use crate::float::{of_type, run_math};
use crate::isa::MathLoop;
use crate::math::{Apart, MulAdd};
use crate::{Float, Isa, Loop, for_each_chunk_mut};

mod table;

pub use table::Function;

/// Elements that one thread takes.
const CHUNK: usize = 1 << 14;

fn chunk_len(len: usize) -> usize {
    if len < 2 * CHUNK { len.max(1) } else { CHUNK }
}

/// What the gradient of a [`Function`] is computed from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum GradientFrom {
    /// The function's input.
    Input,
    /// The function's output.
    Output,
    /// Nothing: the gradient is zero.
    Nothing,
}

impl Function {
    /// `out[i] = f(x[i])`.
    ///
    /// ```
    /// use pleach_kernels::Function;
    /// let mut out = [0.0f64; 2];
    /// Function::Tanh.apply(&[0.0, 1.0], &mut out);
    /// assert_eq!(out, [0.0, 1f64.tanh()]);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn apply<T: Float>(self, x: &[T], out: &mut [T]) {
        assert_eq!(x.len(), out.len(), "input and output differ in length");
        let isa = Isa::current();
        let values = loops().values;
        pieces(out, &|at, out| {
            values(self, isa, &x[at..at + out.len()], out)
        });
    }

    /// `out[i] = grad[i] f'(x[i])`, where `saved` is `x` or `f(x)`, as [`gradient_from`](Self::gradient_from) says.
    ///
    /// ```
    /// use pleach_kernels::Function;
    /// let mut out = [9.0f32; 3];
    /// Function::Relu.gradient(&[0.0, 2.0, 0.0], &[1.0, 1.0, 1.0], &mut out);
    /// assert_eq!(out, [0.0, 1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn gradient<T: Float>(self, saved: &[T], grad: &[T], out: &mut [T]) {
        self.of_pairs(saved, grad, out, loops().gradients);
    }

    /// The derivative of [`gradient`](Self::gradient) by its saved value.
    ///
    /// ```
    /// use pleach_kernels::Function;
    /// let mut out = [0.0f64];
    /// Function::Sin.second(&[0.5], &[2.0], &mut out); // cos is saved as its input
    /// assert_eq!(out, [-2.0 * 0.5f64.sin()]);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn second<T: Float>(self, saved: &[T], grad: &[T], out: &mut [T]) {
        self.of_pairs(saved, grad, out, loops().seconds);
    }

    fn of_pairs<T: Float>(self, saved: &[T], grad: &[T], out: &mut [T], write: OfPairs<T>) {
        assert_eq!(
            saved.len(),
            out.len(),
            "saved values and output differ in length"
        );
        assert_eq!(grad.len(), out.len(), "gradients differ in length");
        let isa = Isa::current();
        pieces(out, &|at, out| {
            let end = at + out.len();
            write(self, isa, &saved[at..end], &grad[at..end], out);
        });
    }
}

/// Writes a piece of gradients, or of their derivatives, from saved values and gradients.
type OfPairs<T> = fn(Function, Isa, &[T], &[T], &mut [T]);

/// What is compiled here, once for each float.
struct Loops<T: 'static> {
    values: fn(Function, Isa, &[T], &mut [T]),
    gradients: OfPairs<T>,
    seconds: OfPairs<T>,
}

impl<T: Float> Loops<T> {
    const NEW: Self = Loops {
        values: table::values,
        gradients: table::gradients,
        seconds: table::seconds,
    };
}

fn loops<T: Float>() -> &'static Loops<T> {
    static F32: Loops<f32> = Loops::NEW;
    static F64: Loops<f64> = Loops::NEW;
    of_type(&F32, &F64)
}

/// Hands pieces of the output to threads, each with the place where it starts.
fn pieces<T: Float>(out: &mut [T], write: &(dyn Fn(usize, &mut [T]) + Sync)) {
    let chunk = chunk_len(out.len());
    for_each_chunk_mut(out, chunk, |i, out| write(i * chunk, out));
}

/// A function with its parameters, and its derivatives. Not closures: large ones would not be inlined
/// into the loops.
trait Definition<T: Float> {
    /// Whether it is worth the widest vectors; else its speed is that of memory, or of a call.
    const WIDE: bool;
    fn value<M: MulAdd>(&self, x: T) -> T;
    fn gradient<M: MulAdd>(&self, saved: T, grad: T) -> T;
    fn second<M: MulAdd>(&self, saved: T, grad: T) -> T;
}

struct Values<'a, T, D>(&'a [T], &'a mut [T], D);

impl<T: Float, D: Definition<T>> MathLoop for Values<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (out, x) in self.1.iter_mut().zip(self.0) {
            *out = self.2.value::<M>(*x);
        }
    }
}

struct Gradients<'a, T, D>(&'a [T], &'a [T], &'a mut [T], D);

impl<T: Float, D: Definition<T>> MathLoop for Gradients<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for ((out, x), g) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *out = self.3.gradient::<M>(*x, *g);
        }
    }
}

fn run<T: Float, D: Definition<T>, L: MathLoop>(isa: Isa, body: L) {
    if const { D::WIDE } {
        run_math::<T, _>(isa, body);
    } else {
        isa.run_narrow(Narrow(body));
    }
}

struct Narrow<L>(L);

impl<L: MathLoop> Loop for Narrow<L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.0.run::<Apart>();
    }
}

#[inline(always)]
fn sigmoid<T: Float, M: MulAdd>(x: T) -> T {
    // The exponential is at most 1: no overflow, and digits also where the result is tiny.
    let e = (-x.abs()).exp::<M>();
    let r = (T::ONE + e).reciprocal_in_1_to_2::<M>();
    if x < T::ZERO { e * r } else { r }
}

/// The normal distribution's Φ.
#[inline(always)]
fn cdf<T: Float, M: MulAdd>(x: T) -> T {
    T::from_f64(0.5) * (T::ONE + (x * T::from_f64(FRAC_1_SQRT_2)).erf::<M>())
}

/// `min(max(x + 3, 0), 6)`.
#[inline(always)]
fn hard_part<T: Float>(x: T) -> T {
    let x = x + T::from_f64(3.0);
    let x = if x < T::ZERO { T::ZERO } else { x };
    if x > T::from_f64(6.0) {
        T::from_f64(6.0)
    } else {
        x
    }
}

const CUBIC: f64 = 0.044715;

#[inline(always)]
fn tanh_part<T: Float, M: MulAdd>(x: T) -> T {
    (T::from_f64(FRAC_2_PI.sqrt()) * (x + T::from_f64(CUBIC) * (x * x * x))).tanh::<M>()
}

#[cfg(test)]
mod tests;
