//! [`Epilogue`]: what is done to a product, a convolution or a normalisation while it is in cache.

use crate::threads::Disjoint;
use crate::{Float, Function, Isa, Loop};

/// A vector that is added to every row or column.
#[derive(Copy, Clone, Debug, Default)]
pub enum Bias<'a, T> {
    /// Nothing is added.
    #[default]
    None,
    /// Element j is added to column j of a product: what a linear layer does.
    PerColumn(&'a [T]),
    /// Element i is added to row i of a product, or to channel i.
    PerRow(&'a [T]),
}

/// The function that ends an [`Epilogue`]. A nan stays nan.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub enum Activation {
    /// The value itself.
    #[default]
    None,
    /// `min(max(v, min), max)`, as [`Function::Hardtanh`]: its gradient is 0
    /// from a bound on. [`Activation::RELU`] is one of them, whose gradient passes at infinity.
    Clamp {
        /// What smaller values become.
        min: f64,
        /// What larger values become.
        max: f64,
    },
}

impl Activation {
    /// `max(v, 0)`.
    pub const RELU: Self = Activation::Clamp {
        min: 0.0,
        max: f64::INFINITY,
    };

    /// The activation that a function of single elements is, if it is one.
    ///
    /// ```
    /// use pleach_kernels::{Activation, Function};
    /// assert_eq!(Activation::of(Function::Relu), Some(Activation::RELU));
    /// assert_eq!(Activation::of(Function::Exp), None);
    /// ```
    pub fn of(function: Function) -> Option<Self> {
        match function {
            Function::Relu => Some(Self::RELU),
            Function::Hardtanh { min_val, max_val } => {
                let (min, max) = (min_val, max_val);
                // With the bounds of a ReLU it is none: at infinity its gradient is 0.
                Some(Activation::Clamp { min, max }).filter(|clamp| *clamp != Self::RELU)
            }
            _ => None,
        }
    }

    /// The bounds of values.
    pub(crate) fn bounds<T: Float>(self) -> Bounds<T> {
        match self {
            // Nothing is below this bound.
            Activation::None => Bounds::new(T::LOWEST, None),
            Activation::Clamp { min, max } => {
                let upper = (max != f64::INFINITY).then(|| T::from_f64(max));
                Bounds::new(T::from_f64(min), upper)
            }
        }
    }

    /// The bounds that let gradients through.
    pub(crate) fn gate<T: Float>(self) -> Bounds<T> {
        match self {
            // Nothing is below this bound, or at it.
            Activation::None => Bounds::new(T::NAN, None),
            Activation::RELU => Bounds::new(T::ZERO, None),
            Activation::Clamp { min, max } => Bounds::new(T::from_f64(min), Some(T::from_f64(max))),
        }
    }
}

/// The bounds of an [`Activation`]. Loops are compiled with the upper one and without.
#[derive(Copy, Clone)]
pub(crate) struct Bounds<T> {
    pub(crate) min: T,
    pub(crate) max: T,
    pub(crate) upper: bool,
}

impl<T: Float> Bounds<T> {
    fn new(min: T, max: Option<T>) -> Self {
        Bounds {
            min,
            max: max.unwrap_or(T::HIGHEST),
            upper: max.is_some(),
        }
    }

    #[inline(always)]
    pub(crate) fn value<const UPPER: bool>(self, v: T) -> T {
        // Not `max` and `min`, which drop nans.
        let v = if v < self.min { self.min } else { v };
        if UPPER && v > self.max { self.max } else { v }
    }

    /// The gradient of an activation's input, from its input or its output.
    #[inline(always)]
    pub(crate) fn gradient<const UPPER: bool>(self, v: T, grad: T) -> T {
        if v <= self.min || (UPPER && v >= self.max) {
            T::ZERO
        } else {
            grad
        }
    }
}

/// What is done to each element of a product, a convolution or a normalisation once it is complete:
/// `activation(value + bias + residual)`. The bits are those of separate passes, but that the sums of a
/// convolution may begin with the bias.
///
/// ```
/// use pleach_kernels::{Activation, Bias, Epilogue};
/// let epilogue = Epilogue {
///     bias: Bias::PerRow(&[0.5f32]),
///     activation: Activation::Clamp { min: 0.0, max: 6.0 },
///     ..Epilogue::NONE
/// };
/// assert!(epilogue.residual.is_none() && epilogue.activation != Activation::RELU);
/// ```
#[derive(Copy, Clone, Debug, Default)]
pub struct Epilogue<'a, T> {
    /// What is added to rows, columns or channels.
    pub bias: Bias<'a, T>,
    /// What is then added to the elements, as many as the output has.
    pub residual: Option<&'a [T]>,
    /// The function of the sum.
    pub activation: Activation,
}

impl<T> Epilogue<'_, T> {
    /// Changes nothing.
    pub const NONE: Self = Epilogue {
        bias: Bias::None,
        residual: None,
        activation: Activation::None,
    };
}

impl<'a, T: Float> Epilogue<'a, T> {
    /// # Panics
    /// If the epilogue does not fit a product of `m` times `n`.
    pub(crate) fn check_product(&self, m: usize, n: usize) {
        match self.bias {
            Bias::None => (),
            Bias::PerColumn(bias) => {
                assert_eq!(bias.len(), n, "Epilogue: a bias for each of {n} columns");
            }
            Bias::PerRow(bias) => {
                assert_eq!(bias.len(), m, "Epilogue: a bias for each of {m} rows");
            }
        }
        if let Some(residual) = self.residual {
            assert_eq!(residual.len(), m * n, "Epilogue: a residual of {m} x {n}");
        }
    }

    /// The bias of channels, of which there are so many.
    ///
    /// # Panics
    /// If the epilogue has a bias of columns, or of another number.
    pub(crate) fn channel_bias(&self, channels: usize) -> Option<&'a [T]> {
        match self.bias {
            Bias::None => None,
            Bias::PerRow(bias) => {
                assert_eq!(bias.len(), channels, "Epilogue: a bias for each channel");
                Some(bias)
            }
            Bias::PerColumn(_) => panic!("Epilogue: channels have a bias per row"),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self.bias, Bias::None)
            && self.residual.is_none()
            && self.activation == Activation::None
    }

    /// The epilogue of the transposed product, whose elements lie as before.
    pub(crate) fn of_transposed_column(self) -> Self {
        let bias = match self.bias {
            Bias::None => Bias::None,
            Bias::PerColumn(bias) => Bias::PerRow(bias),
            Bias::PerRow(bias) => Bias::PerColumn(bias),
        };
        Epilogue { bias, ..self }
    }

    /// Applies it to neighbouring elements of a row, or channel: `out` begins in its first column, and
    /// with element number `start` of the whole output.
    #[inline]
    pub(crate) fn apply(&self, isa: Isa, row: usize, start: usize, out: &mut [T]) {
        let len = out.len();
        self.apply_rows(isa, [row, 1], start, len, out);
    }

    /// Applies it to a whole product of `n` columns.
    pub(crate) fn apply_product(&self, isa: Isa, n: usize, c: &mut [T]) {
        let rows = c.len().checked_div(n).unwrap_or(0);
        self.apply_rows(isa, [0, rows], 0, n, c);
    }

    #[inline]
    fn apply_rows(
        &self,
        isa: Isa,
        [row, rows]: [usize; 2],
        start: usize,
        len: usize,
        out: &mut [T],
    ) {
        if self.is_none() {
            return;
        }
        let block = Block {
            row,
            rows,
            column: 0,
            len,
            start,
            stride: len,
        };
        isa.run_narrow(Finish {
            epilogue: self,
            block,
            out: &Disjoint::new(out),
            skipped: start,
        });
    }

    /// Applies it to a block of the whole output.
    ///
    /// # Safety
    /// Nobody else uses the block.
    #[inline]
    pub(crate) unsafe fn apply_block(&self, isa: Isa, block: Block, out: &Disjoint<'_, T>) {
        if !self.is_none() {
            isa.run_narrow(Finish {
                epilogue: self,
                block,
                out,
                skipped: 0,
            });
        }
    }
}

/// Parts of neighbouring rows, or channels, of an output.
#[derive(Copy, Clone)]
pub(crate) struct Block {
    /// The first row.
    pub(crate) row: usize,
    pub(crate) rows: usize,
    /// The first column.
    pub(crate) column: usize,
    /// Columns.
    pub(crate) len: usize,
    /// The number of the first element in the output.
    pub(crate) start: usize,
    /// Elements from one row to the next.
    pub(crate) stride: usize,
}

struct Finish<'a, T> {
    epilogue: &'a Epilogue<'a, T>,
    block: Block,
    /// What holds the block, but for elements of the output before it.
    out: &'a Disjoint<'a, T>,
    skipped: usize,
}

impl<T: Float> Loop for Finish<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let bounds = self.epilogue.activation.bounds::<T>();
        match self.epilogue.activation {
            Activation::None => self.each_row(|v| v),
            _ if bounds.upper => self.each_row(|v| bounds.value::<true>(v)),
            _ => self.each_row(|v| bounds.value::<false>(v)),
        }
    }
}

impl<T: Float> Finish<'_, T> {
    #[inline(always)]
    fn each_row(&self, f: impl Fn(T) -> T) {
        let Block {
            row,
            rows,
            column,
            len,
            start,
            stride,
        } = self.block;
        for i in 0..rows {
            let at = start + i * stride;
            // SAFETY: nobody else uses the block, and rows do not overlap.
            let out = unsafe { self.out.slice(at - self.skipped, len) };
            let residual = self.epilogue.residual.map(|r| &r[at..][..len]);
            match (self.epilogue.bias, residual) {
                (Bias::None, None) => out.iter_mut().for_each(|v| *v = f(*v)),
                (Bias::PerRow(bias), None) => {
                    let bias = bias[row + i];
                    out.iter_mut().for_each(|v| *v = f(*v + bias));
                }
                (Bias::PerColumn(bias), None) => {
                    let bias = &bias[column..][..len];
                    out.iter_mut().zip(bias).for_each(|(v, b)| *v = f(*v + *b));
                }
                (bias, Some(residual)) => {
                    // Adding -0 changes nothing.
                    let mut added = -T::ZERO;
                    match bias {
                        Bias::None => (),
                        Bias::PerRow(bias) => added = bias[row + i],
                        Bias::PerColumn(bias) => {
                            let bias = &bias[column..][..len];
                            out.iter_mut().zip(bias).for_each(|(v, b)| *v += *b);
                        }
                    }
                    for (v, r) in out.iter_mut().zip(residual) {
                        *v = f(*v + added + *r);
                    }
                }
            }
        }
    }
}

/// For tests.
#[cfg(test)]
pub(crate) const ACTIVATIONS: [Activation; 3] = [
    Activation::None,
    Activation::RELU,
    Activation::Clamp {
        min: -0.5,
        max: 2.5,
    },
];

/// For tests: an activation of a number.
#[cfg(test)]
pub(crate) fn activated(activation: Activation, v: f64) -> f64 {
    match activation {
        Activation::None => v,
        Activation::Clamp { min, max } => v.max(min).min(max),
    }
}
