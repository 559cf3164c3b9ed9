//! The loops over one channel.

use std::marker::PhantomData;

use crate::epilogue::Bounds;
use crate::simd::sum_halves;
use crate::{Float, Loop, threads::Disjoint};

/// Independent sums.
const LANES: usize = 32;
/// Elements that a lane adds without a break.
const BREAK: usize = 64;
/// Sums between breaks that are added without going to f64.
const MIDDLE: usize = 64;
/// Elements whose mean shifts the sums of a channel.
const PROBE: usize = 64;

/// Pieces of a slice, all of one length and equally far apart.
pub(crate) struct Rows<'a, T> {
    data: *const T,
    pub step: usize,
    pub len: usize,
    pub count: usize,
    borrow: PhantomData<&'a [T]>,
}

impl<T> Copy for Rows<'_, T> {}
impl<T> Clone for Rows<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T> Rows<'a, T> {
    /// `count` pieces of `len` elements, `step` apart, from the first element on.
    pub fn new(data: &'a [T], step: usize, len: usize, count: usize) -> Self {
        let end = count.checked_sub(1).map_or(0, |last| last * step + len);
        assert!(end <= data.len(), "{count} rows are longer than their data");
        Rows {
            data: data.as_ptr(),
            step,
            len,
            count,
            borrow: PhantomData,
        }
    }

    /// The same places in another slice.
    ///
    /// # Safety
    /// `data` begins as many elements as these rows, and nobody writes to those places for `'b`.
    pub unsafe fn moved<'b>(&self, data: *const T) -> Rows<'b, T> {
        Rows {
            data,
            borrow: PhantomData,
            ..*self
        }
    }

    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [T] {
        assert!(i < self.count);
        // SAFETY: row i lies within the data, as was checked when it was made.
        unsafe { std::slice::from_raw_parts(self.data.add(i * self.step), self.len) }
    }
}

/// Two sums, in lanes.
struct Lanes<T> {
    lanes: [[T; LANES]; 2],
    middle: [[T; LANES]; 2],
    total: [f64; 2],
    /// Elements in a lane, and lanes in a middle lane.
    count: [usize; 2],
}

impl<T: Float> Lanes<T> {
    #[inline(always)]
    fn new() -> Self {
        Lanes {
            lanes: [[T::ZERO; LANES]; 2],
            middle: [[T::ZERO; LANES]; 2],
            total: [0.0; 2],
            count: [0; 2],
        }
    }

    #[inline(always)]
    fn add(&mut self, x: &[T], y: &[T], term: &impl Fn(T, T) -> [T; 2]) {
        for (x, y) in x.chunks(BREAK * LANES).zip(y.chunks(BREAK * LANES)) {
            let (chunks, x_tail) = x.as_chunks::<LANES>();
            let (y_chunks, y_tail) = y.as_chunks::<LANES>();
            if !chunks.is_empty() {
                // A copy with constant indices alone can stay in registers.
                let mut lanes = self.lanes;
                for (x, y) in chunks.iter().zip(y_chunks) {
                    for l in 0..LANES {
                        let terms = term(x[l], y[l]);
                        lanes[0][l] += terms[0];
                        lanes[1][l] += terms[1];
                    }
                }
                self.lanes = lanes;
            }
            let [first, second] = &mut self.lanes;
            let tail = x_tail.iter().zip(y_tail);
            for ((first, second), (x, y)) in first.iter_mut().zip(second).zip(tail) {
                let terms = term(*x, *y);
                *first += terms[0];
                *second += terms[1];
            }
            self.count[0] += chunks.len() + 1;
            if self.count[0] >= BREAK {
                self.flush_lanes();
            }
        }
    }

    #[inline(always)]
    fn flush_lanes(&mut self) {
        for (middle, lanes) in self.middle.iter_mut().zip(&mut self.lanes) {
            for l in 0..LANES {
                middle[l] += lanes[l];
            }
            *lanes = [T::ZERO; LANES];
        }
        self.count[0] = 0;
        self.count[1] += 1;
        if self.count[1] >= MIDDLE {
            self.flush_middle();
        }
    }

    #[inline(always)]
    fn flush_middle(&mut self) {
        for (total, lanes) in self.total.iter_mut().zip(&mut self.middle) {
            *total += sum_halves(lanes).to_f64();
            *lanes = [T::ZERO; LANES];
        }
        self.count[1] = 0;
    }

    #[inline(always)]
    fn finish(mut self) -> [f64; 2] {
        self.flush_lanes();
        self.flush_middle();
        self.total
    }
}

/// The sums of `term(x, y)` over all rows.
#[inline(always)]
pub(crate) fn sums<T: Float>(
    x: &Rows<'_, T>,
    y: &Rows<'_, T>,
    term: impl Fn(T, T) -> [T; 2],
) -> [f64; 2] {
    let mut lanes = Lanes::new();
    for i in 0..x.count {
        lanes.add(x.row(i), y.row(i), &term);
    }
    lanes.finish()
}

/// Mean and biased variance of all rows.
///
/// One pass sums the differences to the mean of a few elements. Where that is too far from the
/// mean for the difference of sums to be accurate, a second pass starts from the mean.
#[inline(always)]
pub(crate) fn moments<T: Float>(x: &Rows<'_, T>) -> (f64, f64) {
    let count = (x.len * x.count) as f64;
    if count == 0.0 {
        return (f64::NAN, f64::NAN);
    }
    let about = |shift: T| {
        let [first, second] = sums(x, x, |x, _| {
            let d = x - shift;
            [d, d * d]
        });
        let distance = first / count;
        (distance, second / count - distance * distance)
    };
    let probe = &x.row(0)[..x.len.min(PROBE)];
    let probe_mean: T = probe.iter().copied().sum::<T>() / T::from_usize(probe.len());
    let mut shift = probe_mean;
    let (mut distance, mut var) = about(shift);
    let near = distance * distance <= 4.0 * var;
    if !near {
        shift = T::from_f64(shift.to_f64() + distance);
        (distance, var) = about(shift);
    }
    let var = if var < 0.0 { 0.0 } else { var };
    let mut mean = shift.to_f64() + distance;
    if !mean.is_finite() {
        // Differences to an infinity are no numbers; the mean of a channel that has one may be it.
        mean = sums(x, x, |x, _| [x, T::ZERO])[0] / count;
    }
    (mean, var)
}

/// Everything for one channel in training; the result is mean, variance and inverse deviation.
pub(super) struct TrainChannel<'a, T> {
    /// The rows of `x`, perhaps copied together.
    pub summed: Rows<'a, T>,
    pub x: Rows<'a, T>,
    pub residual: Option<Rows<'a, T>>,
    pub bounds: Bounds<T>,
    /// The whole output, where this channel's rows are written, the first of them here.
    pub out: &'a Disjoint<'a, T>,
    pub first: usize,
    pub weight: T,
    pub bias: T,
    pub eps: f64,
}

impl<T: Float> Loop for TrainChannel<'_, T> {
    type Output = [T; 3];
    #[inline(always)]
    fn run(self) -> [T; 3] {
        let (mean, var) = moments(&self.summed);
        let mean = T::from_f64(mean);
        let invstd = T::from_f64(1.0 / (var + self.eps).sqrt());
        if self.bounds.upper {
            self.write::<true>(mean, invstd);
        } else {
            self.write::<false>(mean, invstd);
        }
        [mean, T::from_f64(var), invstd]
    }
}

impl<T: Float> TrainChannel<'_, T> {
    #[inline(always)]
    fn write<const UPPER: bool>(&self, mean: T, invstd: T) {
        let x = self.x;
        for i in 0..x.count {
            EvalRow {
                x: x.row(i),
                residual: self.residual.map(|r| r.row(i)),
                bounds: self.bounds,
                // SAFETY: each channel is written by one task, row after row.
                out: unsafe { self.out.slice(self.first + i * x.step, x.len) },
                mean,
                scale: invstd * self.weight,
                shift: self.bias,
            }
            .write::<UPPER>();
        }
    }
}

/// Rows of channels that follow each other, with given statistics.
pub(super) struct EvalRows<'a, T> {
    pub channels: usize,
    pub x: Rows<'a, T>,
    pub residual: Option<Rows<'a, T>>,
    pub bounds: Bounds<T>,
    pub out: &'a mut [T],
    /// The number of the first row.
    pub first: usize,
    /// Mean, scale and shift of each channel.
    pub factors: &'a [[T; 3]],
}

impl<T: Float> Loop for EvalRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        if self.bounds.upper {
            self.write::<true>();
        } else {
            self.write::<false>();
        }
    }
}

impl<T: Float> EvalRows<'_, T> {
    #[inline(always)]
    fn write<const UPPER: bool>(self) {
        for i in 0..self.x.count {
            let [mean, scale, shift] = self.factors[(self.first + i) % self.channels];
            EvalRow {
                x: self.x.row(i),
                residual: self.residual.map(|r| r.row(i)),
                bounds: self.bounds,
                out: &mut self.out[i * self.x.len..][..self.x.len],
                mean,
                scale,
                shift,
            }
            .write::<UPPER>();
        }
    }
}

/// `out = (x - mean) * scale + shift`, then the residual sum, then the activation.
struct EvalRow<'a, T> {
    x: &'a [T],
    residual: Option<&'a [T]>,
    bounds: Bounds<T>,
    out: &'a mut [T],
    mean: T,
    scale: T,
    shift: T,
}

impl<T: Float> EvalRow<'_, T> {
    #[inline(always)]
    fn write<const UPPER: bool>(self) {
        let (mean, scale, shift) = (self.mean, self.scale, self.shift);
        let activation = |v: T| self.bounds.value::<UPPER>(v);
        match self.residual {
            Some(residual) => {
                for ((out, x), r) in self.out.iter_mut().zip(self.x).zip(residual) {
                    *out = activation((*x - mean) * scale + shift + *r);
                }
            }
            None => {
                for (out, x) in self.out.iter_mut().zip(self.x) {
                    *out = activation((*x - mean) * scale + shift);
                }
            }
        }
    }
}
