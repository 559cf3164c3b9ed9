//! Steps of optimizers: one pass over a parameter, its gradient and what the optimizer remembers.
//!
//! Every element is on its own, so the result does not depend on the number of threads. Multiply
//! and add are rounded apart, on every instruction set.

use crate::threads::Disjoint;
use crate::{Float, Isa, Loop, parallel_for};

mod adam;
mod adaptive;
mod sgd;

pub use adam::{AdamStep, adam_step, amsgrad_step};
pub use adaptive::{AdagradStep, RmsPropStep, adagrad_step, rmsprop_step};
pub use sgd::{SgdStep, sgd_momentum_step, sgd_step};

/// A piece for one thread has this many elements.
const CHUNK: usize = 16 << 10;

/// How a parameter's element moves, and what an optimizer remembers of it: `N` numbers, the parameter
/// first.
trait Rule<T, const N: usize>: Copy + Sync {
    /// The numbers after a step. Implementations are `#[inline(always)]`.
    fn step(self, state: [T; N], grad: T) -> [T; N];
}

/// Takes a step: each element of the slices by the rule.
///
/// # Panics
/// If the lengths differ.
fn step<T: Float, const N: usize>(
    name: &str,
    rule: impl Rule<T, N>,
    state: [&mut [T]; N],
    grad: &[T],
) {
    assert!(
        state.iter().all(|s| s.len() == grad.len()),
        "{name}: the lengths differ"
    );
    let isa = Isa::current();
    let state = state.map(Disjoint::new);
    parallel_for(grad.len().div_ceil(CHUNK), |i| {
        let grad = &grad[i * CHUNK..grad.len().min((i + 1) * CHUNK)];
        // SAFETY: each piece is one task's.
        let state = (state.each_ref()).map(|s| unsafe { s.slice(i * CHUNK, grad.len()) });
        isa.run_narrow(Piece { rule, state, grad });
    });
}

struct Piece<'a, T, R, const N: usize> {
    rule: R,
    state: [&'a mut [T]; N],
    grad: &'a [T],
}

impl<T: Float, R: Rule<T, N>, const N: usize> Loop for Piece<'_, T, R, N> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let len = self.grad.len();
        let mut state = self.state.map(|s| &mut s[..len]);
        for (i, grad) in self.grad.iter().enumerate() {
            let new = self.rule.step(std::array::from_fn(|s| state[s][i]), *grad);
            for (state, new) in state.iter_mut().zip(new) {
                state[i] = new;
            }
        }
    }
}

/// The gradient as rules take it: with the L2 penalty, and its sign changed to climb.
#[derive(Copy, Clone)]
struct Slope<T> {
    sign: T,
    penalty: T,
}

impl<T: Float> Slope<T> {
    fn new(maximize: bool, weight_decay: f64) -> Self {
        Slope {
            sign: if maximize { -T::ONE } else { T::ONE },
            penalty: T::from_f64(weight_decay),
        }
    }

    /// The slope at `p`; without a penalty it is finite even where `p` is infinite.
    #[inline(always)]
    fn at(self, p: T, grad: T) -> T {
        let penalty = if self.penalty == T::ZERO {
            T::ZERO
        } else {
            self.penalty * p
        };
        self.sign * grad + penalty
    }
}

#[cfg(test)]
mod tests;
