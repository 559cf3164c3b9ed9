//! An axis' outputs, a vector at a time.

use super::taps::{Run, Taps};
use crate::Float;
use crate::simd::Vector;

/// Neighbouring outputs with the same number of neighbours, in vectors: the neighbours of a vector's
/// lanes are near each other, so that one vector holds the first of all lanes, the next one the second,
/// and so on. That is so where an axis grows.
pub(super) struct Vectors<'a, T> {
    /// The outputs.
    pub(super) run: &'a Run,
    /// The lanes of a vector.
    lanes: usize,
    /// Of each vector, its first output, counted from that of the run, and the input from which it reads.
    places: Vec<[usize; 2]>,
    /// Where the first neighbour of each lane is among the lanes that are read.
    at: Vec<u32>,
    /// The weights of each vector, neighbour by neighbour.
    weights: Vec<T>,
    /// Elements of a line that are read: if it is short, also of what follows it.
    pub(super) reach: usize,
}

impl<'a, T: Float> Vectors<'a, T> {
    /// A run of a table, if vectors of so many lanes can compute it.
    pub(super) fn of(taps: &Taps<T>, run: &'a Run, lanes: usize) -> Option<Self> {
        let (count, first, weights) = taps.of_run(run);
        let len = first.len();
        if count == 0 || len < lanes {
            return None;
        }
        let number = len.div_ceil(lanes);
        let mut vectors = Vectors {
            run,
            lanes,
            places: Vec::with_capacity(number),
            at: Vec::with_capacity(number * lanes),
            weights: Vec::with_capacity(number * lanes * count),
            reach: 0,
        };
        // Nothing is read beyond the axis, unless it is shorter than a vector.
        let last = taps.input().saturating_sub(count - 1 + lanes);
        for start in (0..len).step_by(lanes) {
            // The last vector begins earlier, on outputs of the one before.
            let start = start.min(len - lanes);
            let first = &first[start..start + lanes];
            let from = first.iter().fold(last, |from, first| from.min(*first));
            for first in first {
                let at = first - from;
                vectors
                    .at
                    .push(u32::try_from(at).ok().filter(|_| at < lanes)?);
            }
            let weights = &weights[start * count..][..lanes * count];
            let of = |k: usize| weights[k..].iter().step_by(count);
            vectors.weights.extend((0..count).flat_map(of));
            vectors.reach = vectors.reach.max(from + count - 1 + lanes);
            vectors.places.push([start, from]);
        }
        Some(vectors)
    }

    /// These outputs of a line, which begins `x`; the bits are those of single elements.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    ///
    /// # Panics
    /// If a length does not fit, or the table was made for other vectors.
    #[inline(always)]
    pub(super) unsafe fn add_up<V: Vector<Elem = T>>(&self, x: &[T], out: &mut [T]) {
        let out = &mut out[self.run.outputs.clone()];
        assert!(self.lanes == V::LANES && self.reach <= x.len());
        // SAFETY: as was asserted, and the caller has the features.
        unsafe {
            match self.run.count {
                1 => self.each::<V>(1, x, out),
                2 => self.each::<V>(2, x, out),
                count => self.each::<V>(count, x, out),
            }
        }
    }

    /// # Safety
    /// As [`Self::add_up`], for so many neighbours and the outputs alone.
    #[inline(always)]
    unsafe fn each<V: Vector<Elem = T>>(&self, count: usize, x: &[T], out: &mut [T]) {
        let (mut at, mut weights) = (self.at.as_ptr(), self.weights.as_ptr());
        // SAFETY: `of` has counted lanes, weights and reach, and the caller has the features.
        unsafe {
            // Adding it changes nothing.
            let nothing = V::broadcast(&-T::ZERO);
            for [start, from] in &self.places {
                let x = x.as_ptr().add(*from);
                let mut sum = V::pick(x, at).mul_add(V::load(weights), nothing);
                for k in 1..count {
                    let weights = V::load(weights.add(k * V::LANES));
                    sum = sum.add(V::pick(x.add(k), at).mul_add(weights, nothing));
                }
                sum.store(out.as_mut_ptr().add(*start));
                at = at.add(V::LANES);
                weights = weights.add(count * V::LANES);
            }
        }
    }
}
