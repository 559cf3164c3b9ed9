//! [`Function`]: functions of one element of f32 and f64, each with its gradient.
//!
//! Those of f32 that loops are slow for (exponential, logarithm, tanh, erf and what is made of
//! them) are this crate's own, vectorised, with errors of one or two units in the last place; the
//! others and those of f64 are the standard library's. A nan stays nan.
//!
//! They are compiled here, once, whoever calls them.

use crate::float::of_type;
use crate::{Float, Isa, for_each_chunk_mut};

mod definition;
mod table;

pub(crate) use definition::sigmoid;
pub use table::{Function, GradientFrom};

/// Elements that one thread takes.
const CHUNK: usize = 1 << 14;

fn chunk_len(len: usize) -> usize {
    if len < 2 * CHUNK { len.max(1) } else { CHUNK }
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

#[cfg(test)]
mod tests;
