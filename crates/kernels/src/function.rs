//! [`Function`]: functions of one element of f32 and f64, each with its gradient.
//!
//! Those of f32 that loops are slow for (exponential, logarithm, tanh, erf and what is made of
//! them) are this crate's own, vectorised, with errors of one or two units in the last place; the
//! others and those of f64 are the standard library's. A nan stays nan.
//!
//! They are compiled here, once, whoever calls them.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI};

use crate::float::run_math;
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
pub enum Saves {
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
        map(Isa::current(), x, out, T::value_block(self));
    }

    /// `out[i] = grad[i] f'(x[i])`, where `saved` is `x` or `f(x)`, as [`saves`](Self::saves) says.
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
        zip(Isa::current(), saved, grad, out, T::gradient_block(self));
    }
}

/// Writes the values of a piece.
type ValueBlock<T> = fn(Isa, &[T], &mut [T]);
/// Writes the gradients of a piece.
type GradientBlock<T> = fn(Isa, &[T], &[T], &mut [T]);

/// A float that [`Function`]s are compiled for.
pub trait HasFunctions: Sized {
    /// What writes the values of a piece.
    fn value_block(function: Function) -> ValueBlock<Self>;
    /// What writes the gradients of a piece.
    fn gradient_block(function: Function) -> GradientBlock<Self>;
}

macro_rules! has_functions {
    ($($t:ident),*) => {$(
        impl HasFunctions for $t {
            fn value_block(function: Function) -> ValueBlock<$t> {
                table::value_block(function)
            }
            fn gradient_block(function: Function) -> GradientBlock<$t> {
                table::gradient_block(function)
            }
        }
    )*};
}
has_functions!(f32, f64);

fn map<T: Float>(isa: Isa, x: &[T], out: &mut [T], block: ValueBlock<T>) {
    assert_eq!(x.len(), out.len(), "input and output differ in length");
    let chunk = chunk_len(out.len());
    for_each_chunk_mut(out, chunk, |i, out| {
        let start = i * chunk;
        block(isa, &x[start..start + out.len()], out);
    });
}

fn zip<T: Float>(isa: Isa, saved: &[T], grad: &[T], out: &mut [T], block: GradientBlock<T>) {
    assert_eq!(
        saved.len(),
        out.len(),
        "saved values and output differ in length"
    );
    assert_eq!(grad.len(), out.len(), "gradients differ in length");
    let chunk = chunk_len(out.len());
    for_each_chunk_mut(out, chunk, |i, out| {
        let (start, end) = (i * chunk, i * chunk + out.len());
        block(isa, &saved[start..end], &grad[start..end], out);
    });
}

/// A function and its gradient. Not closures: large ones would not be inlined into the loops.
trait Definition {
    /// Whether it is worth the widest vectors; else its speed is that of memory, or of a call.
    const WIDE: bool;
    fn value<T: Float, M: MulAdd>(x: T) -> T;
    fn gradient<T: Float, M: MulAdd>(saved: T, grad: T) -> T;
}

struct Values<'a, T, D>(&'a [T], &'a mut [T], D);

impl<T: Float, D: Definition> MathLoop for Values<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (out, x) in self.1.iter_mut().zip(self.0) {
            *out = D::value::<T, M>(*x);
        }
    }
}

struct Gradients<'a, T, D>(&'a [T], &'a [T], &'a mut [T], D);

impl<T: Float, D: Definition> MathLoop for Gradients<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for ((out, x), g) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *out = D::gradient::<T, M>(*x, *g);
        }
    }
}

fn run<T: Float, D: Definition, L: MathLoop>(isa: Isa, body: L) {
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

fn values<T: Float, D: Definition + Default>(isa: Isa, x: &[T], out: &mut [T]) {
    run::<T, D, _>(isa, Values(x, out, D::default()));
}

fn gradients<T: Float, D: Definition + Default>(isa: Isa, x: &[T], grad: &[T], out: &mut [T]) {
    run::<T, D, _>(isa, Gradients(x, grad, out, D::default()));
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

const CUBIC: f64 = 0.044715;

#[inline(always)]
fn tanh_part<T: Float, M: MulAdd>(x: T) -> T {
    (T::from_f64(FRAC_2_PI.sqrt()) * (x + T::from_f64(CUBIC) * (x * x * x))).tanh::<M>()
}

#[cfg(test)]
mod tests;
