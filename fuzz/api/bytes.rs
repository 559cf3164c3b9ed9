//! Arguments, read from bytes. What is left out is zero, so every input is a whole program.

use pleach::nn::functional::{OutputSize, Padding, PaddingMode, Reduction, Size};
use pleach::{DType, PadMode, Scalar};

/// The bytes of a program that are not read yet.
pub struct Bytes<'a> {
    left: &'a [u8],
    /// Whether sizes may be beyond any memory, and numbers at the ends of their types.
    absurd: bool,
}

/// Sizes that no memory holds, and those around which products of sizes wrap.
const ABSURD: [usize; 10] = [
    1 << 61,
    usize::MAX,
    (1 << 62) | 1,
    1 << 40,
    i64::MAX as usize,
    1 << 63,
    usize::MAX / 2 + 2,
    1 << 32,
    usize::MAX - 1,
    (1 << 31) - 1,
];

const WHOLE: [i64; 12] = [
    i64::MIN,
    i64::MAX,
    -1,
    1 << 31,
    -(1 << 31),
    1 << 61,
    i64::MIN + 1,
    -(1 << 61),
    300,
    -129,
    1 << 53,
    -(1 << 40),
];

const FLOATS: [f64; 24] = [
    0.0,
    1.0,
    0.5,
    -1.0,
    2.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    1e-30,
    1e30,
    -1e30,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    3.0,
    -2.5,
    0.1,
    1e-5,
    9.3e18,
    -9.3e18,
    255.0,
    0.999,
];

impl<'a> Bytes<'a> {
    pub fn new(left: &'a [u8], absurd: bool) -> Self {
        Bytes { left, absurd }
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        match self.left.split_first() {
            Some((&first, rest)) => {
                self.left = rest;
                first
            }
            None => 0,
        }
    }

    /// A number below `n`, which is at most 65536.
    pub fn below(&mut self, n: usize) -> usize {
        let mut number = self.byte() as usize;
        if n > 256 {
            number = number << 8 | self.byte() as usize;
        }
        number % n.max(1)
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// True for one byte in `n`, not for zero.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn text(&mut self, from: &[&'static str]) -> &'static str {
        self.pick(from)
    }

    /// A size: mostly small, sometimes tens, sometimes beyond any memory.
    pub fn size(&mut self) -> usize {
        match self.byte() {
            b @ 0..=199 => b as usize % 6,
            b @ 200..=223 => (b - 199) as usize * 3,
            b if !self.absurd => b as usize % 6,
            b => ABSURD[b as usize % ABSURD.len()],
        }
    }

    /// A size that a tensor of this program may have.
    pub fn small(&mut self) -> usize {
        match self.byte() {
            b @ 0..=229 => [2, 3, 1, 4, 5, 2, 7, 3, 8, 0][b as usize % 10],
            b => b as usize - 220,
        }
    }

    /// A whole number: mostly small, sometimes at the ends of its type.
    pub fn whole(&mut self) -> i64 {
        match self.byte() {
            b @ 0..=199 => b as i64 % 10 - 3,
            b @ 200..=223 => (b as i64 - 212) * 11,
            b if !self.absurd => [-1, 300, -129][b as usize % 3],
            b => WHOLE[b as usize % WHOLE.len()],
        }
    }

    pub fn dim(&mut self) -> i64 {
        match self.byte() {
            b @ 0..=239 => b as i64 % 7 - 3,
            b if !self.absurd => [-1, 300, -129][b as usize % 3],
            b => WHOLE[b as usize % WHOLE.len()],
        }
    }

    pub fn dims(&mut self) -> Vec<i64> {
        (0..self.below(4)).map(|_| self.dim()).collect()
    }

    pub fn float(&mut self) -> f64 {
        match self.byte() {
            b @ 0..=95 => FLOATS[b as usize % FLOATS.len()],
            b => (b as f64 - 160.0) / 16.0,
        }
    }

    /// A probability, mostly.
    pub fn probability(&mut self) -> f64 {
        match self.byte() {
            b @ 0..=199 => b as f64 / 199.0,
            _ => self.float(),
        }
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.flag() {
            true => Some(make(self)),
            false => None,
        }
    }

    pub fn scalar(&mut self) -> Scalar {
        match self.below(4) {
            0 => Scalar::Int(self.whole()),
            1 => Scalar::Bool(self.flag()),
            _ => Scalar::Float(self.float()),
        }
    }

    /// A dtype; half of them f32.
    pub fn dtype(&mut self) -> DType {
        let all = DType::ALL;
        let number = self.below(2 * all.len());
        all.get(number).copied().unwrap_or(DType::F32)
    }

    /// One size for all dimensions, or one each.
    pub fn each<const D: usize>(&mut self) -> Size<D> {
        match self.flag() {
            true => std::array::from_fn(|_| self.size()).into(),
            false => self.size().into(),
        }
    }

    /// Small numbers, at least one, seldom others.
    pub fn window<const D: usize>(&mut self) -> Size<D> {
        match self.byte() as usize {
            b @ 0..=199 => (1 + b % 4).into(),
            b @ 200..=229 => std::array::from_fn(|d| 1 + b / [1, 3, 9][d] % [3, 5, 4][d]).into(),
            _ => self.each(),
        }
    }

    pub fn padding<const D: usize>(&mut self) -> Padding<D> {
        match self.below(8) {
            6 => Padding::Same,
            7 => Padding::Valid,
            5 => self.each().into(),
            n => (n % 3).into(),
        }
    }

    pub fn padding_mode(&mut self) -> PaddingMode {
        use PaddingMode::*;
        self.pick(&[Zeros, Reflect, Replicate, Circular])
    }

    pub fn pad_mode(&mut self) -> PadMode {
        self.padding_mode().into()
    }

    pub fn output_size<const D: usize>(&mut self) -> OutputSize<D> {
        match self.flag() {
            true => std::array::from_fn(|_| self.maybe(Self::size)).into(),
            false => self.maybe(Self::size).into(),
        }
    }

    pub fn reduction(&mut self) -> Reduction {
        self.pick(&[Reduction::None, Reduction::Mean, Reduction::Sum])
    }

    /// Sizes of a shape that is asked for: mostly small, sometimes absurd, sometimes -1.
    pub fn sizes(&mut self) -> Vec<i64> {
        (0..self.below(5))
            .map(|_| match self.byte() {
                b @ 0..=159 => b as i64 % 6,
                b @ 160..=199 => -(b as i64 % 2),
                b if !self.absurd => b as i64 % 6,
                b => [1, -1, i64::MIN, 1 << 61, 1 << 40, i64::MAX, 7, 1 << 32][b as usize % 8],
            })
            .collect()
    }
}
