//! [`Epilogue`]: what is done to a product while it is in cache.

use crate::{Float, Isa, Loop};

/// A vector that is added to every row or column of a product.
#[derive(Copy, Clone, Debug, Default)]
pub enum Bias<'a, T> {
    /// Nothing is added.
    #[default]
    None,
    /// Element j is added to column j: what a linear layer does.
    PerColumn(&'a [T]),
    /// Element i is added to row i: what a 1x1 convolution does.
    PerRow(&'a [T]),
}

/// What is done to each element of a product once it is complete: `relu(product + bias)`. The
/// bits are those of separate passes over the product.
#[derive(Copy, Clone, Debug, Default)]
pub struct Epilogue<'a, T> {
    /// What is added.
    pub bias: Bias<'a, T>,
    /// Whether negative results become 0 (nans stay).
    pub relu: bool,
}

impl<T> Epilogue<'_, T> {
    /// Changes nothing.
    pub const NONE: Self = Epilogue {
        bias: Bias::None,
        relu: false,
    };
}

impl<T: Float> Epilogue<'_, T> {
    /// # Panics
    /// If the bias does not fit a product of `m` times `n`.
    pub(super) fn check(&self, m: usize, n: usize) {
        match self.bias {
            Bias::None => (),
            Bias::PerColumn(bias) => {
                assert_eq!(bias.len(), n, "Epilogue: a bias for each of {n} columns");
            }
            Bias::PerRow(bias) => {
                assert_eq!(bias.len(), m, "Epilogue: a bias for each of {m} rows");
            }
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self.bias, Bias::None) && !self.relu
    }

    /// The epilogue of the rows from `i` and the columns from `j` on.
    pub(super) fn part(self, i: usize, j: usize) -> Self {
        let bias = match self.bias {
            Bias::None => Bias::None,
            Bias::PerColumn(bias) => Bias::PerColumn(&bias[j..]),
            Bias::PerRow(bias) => Bias::PerRow(&bias[i..]),
        };
        Epilogue { bias, ..self }
    }

    /// The epilogue of the transposed product.
    pub(super) fn transposed(self) -> Self {
        let bias = match self.bias {
            Bias::None => Bias::None,
            Bias::PerColumn(bias) => Bias::PerRow(bias),
            Bias::PerRow(bias) => Bias::PerColumn(bias),
        };
        Epilogue { bias, ..self }
    }

    /// Applies it to a row-major matrix of `n` columns.
    pub(super) fn apply(self, isa: Isa, c: &mut [T], n: usize) {
        if self.is_none() || n == 0 {
            return;
        }
        for (i, row) in c.chunks_exact_mut(n).enumerate() {
            self.apply_row(isa, i, row);
        }
    }

    /// Applies it to row `i`.
    #[inline]
    pub(super) fn apply_row(self, isa: Isa, i: usize, row: &mut [T]) {
        isa.run_narrow(Finish {
            epilogue: self,
            i,
            row,
        });
    }
}

struct Finish<'a, T> {
    epilogue: Epilogue<'a, T>,
    i: usize,
    row: &'a mut [T],
}

impl<T: Float> Loop for Finish<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        match self.epilogue.bias {
            Bias::None => (),
            Bias::PerColumn(bias) => {
                for (c, b) in self.row.iter_mut().zip(bias) {
                    *c += *b;
                }
            }
            Bias::PerRow(bias) => {
                let b = bias[self.i];
                for c in self.row.iter_mut() {
                    *c += b;
                }
            }
        }
        if self.epilogue.relu {
            for c in self.row.iter_mut() {
                // Not `max`, which drops nans.
                *c = if *c < T::ZERO { T::ZERO } else { *c };
            }
        }
    }
}
