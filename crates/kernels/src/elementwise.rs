//! Loops that treat every element alike: one input or two, into a new slice or in place.
//!
//! The closure is compiled into the loop for each instruction set, so what it computes is
//! vectorised if it can be (keep it small and free of branches and calls). Large slices are cut
//! into fixed pieces and shared among the threads.

use crate::{Isa, Loop, Plain, for_each_chunk_mut};

/// A piece for one thread moves about this many bytes.
const CHUNK_BYTES: usize = 128 << 10;

/// The number of elements in a piece, or all `len` if cutting is not worth it.
pub(crate) fn chunk_len(len: usize, bytes_per_element: usize) -> usize {
    let chunk = (CHUNK_BYTES / bytes_per_element.max(1)).next_multiple_of(64);
    if len < 2 * chunk { len.max(1) } else { chunk }
}

struct Map<'a, T, U, F>(&'a [T], &'a mut [U], F);

impl<T: Plain, U: Plain, F: Fn(T) -> U> Loop for Map<'_, T, U, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Map(x, out, f) = self;
        for (out, x) in out.iter_mut().zip(x) {
            *out = f(*x);
        }
    }
}

struct MapInplace<'a, T, F>(&'a mut [T], F);

impl<T: Plain, F: Fn(T) -> T> Loop for MapInplace<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let MapInplace(x, f) = self;
        for x in x.iter_mut() {
            *x = f(*x);
        }
    }
}

struct Zip<'a, T, V, U, F>(&'a [T], &'a [V], &'a mut [U], F);

impl<T: Plain, V: Plain, U: Plain, F: Fn(T, V) -> U> Loop for Zip<'_, T, V, U, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Zip(x, y, out, f) = self;
        for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
            *out = f(*x, *y);
        }
    }
}

struct ZipInplace<'a, T, V, F>(&'a mut [T], &'a [V], F);

impl<T: Plain, V: Plain, F: Fn(T, V) -> T> Loop for ZipInplace<'_, T, V, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let ZipInplace(x, y, f) = self;
        for (x, y) in x.iter_mut().zip(y) {
            *x = f(*x, *y);
        }
    }
}

/// `out[i] = f(x[i])`.
///
/// ```
/// let mut out = [0.0f32; 3];
/// pleach_kernels::map(&[-1.0f32, 0.5, 2.0], &mut out, |v| v.max(0.0));
/// assert_eq!(out, [0.0, 0.5, 2.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn map<T: Plain, U: Plain>(x: &[T], out: &mut [U], f: impl Fn(T) -> U + Sync + Copy) {
    map_pieces(x, out, &move |x, out| map_piece(x, out, f));
}

/// [`map`] on this thread alone.
///
/// # Panics
/// If the lengths differ.
pub fn map_piece<T: Plain, U: Plain>(x: &[T], out: &mut [U], f: impl Fn(T) -> U) {
    assert_eq!(x.len(), out.len(), "map: input and output differ in length");
    Isa::current().run_narrow(Map(x, out, f));
}

/// `piece` of fixed pieces of the slices, shared among the threads; compiled once for all functions.
///
/// # Panics
/// If the lengths differ.
pub fn map_pieces<T: Plain, U: Plain>(
    x: &[T],
    out: &mut [U],
    piece: &(dyn Fn(&[T], &mut [U]) + Sync),
) {
    assert_eq!(x.len(), out.len(), "map: input and output differ in length");
    let chunk = chunk_len(out.len(), size_of::<T>() + size_of::<U>());
    for_each_chunk_mut(out, chunk, |i, out| {
        let start = i * chunk;
        piece(&x[start..start + out.len()], out);
    });
}

/// `out[i] = f(x[i], y[i])`.
///
/// ```
/// let mut out = [0.0f64; 2];
/// pleach_kernels::zip(&[1.0, 2.0], &[10.0, 20.0], &mut out, |x: f64, y: f64| x + y);
/// assert_eq!(out, [11.0, 22.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn zip<T: Plain, V: Plain, U: Plain>(
    x: &[T],
    y: &[V],
    out: &mut [U],
    f: impl Fn(T, V) -> U + Sync + Copy,
) {
    zip_pieces(x, y, out, &move |x, y, out| zip_piece(x, y, out, f));
}

/// [`zip`] on this thread alone.
///
/// # Panics
/// If the lengths differ.
pub fn zip_piece<T: Plain, V: Plain, U: Plain>(
    x: &[T],
    y: &[V],
    out: &mut [U],
    f: impl Fn(T, V) -> U,
) {
    check_three(x.len(), y.len(), out.len());
    Isa::current().run_narrow(Zip(x, y, out, f));
}

/// A function of pieces of two slices, which writes a piece of a third one.
pub type ZipPiece<'a, T, V, U> = dyn Fn(&[T], &[V], &mut [U]) + Sync + 'a;

/// `piece` of fixed pieces of the slices, shared among the threads; compiled once for all functions.
///
/// # Panics
/// If the lengths differ.
pub fn zip_pieces<T: Plain, V: Plain, U: Plain>(
    x: &[T],
    y: &[V],
    out: &mut [U],
    piece: &ZipPiece<'_, T, V, U>,
) {
    check_three(x.len(), y.len(), out.len());
    let chunk = chunk_len(out.len(), size_of::<T>() + size_of::<V>() + size_of::<U>());
    for_each_chunk_mut(out, chunk, |i, out| {
        let (start, end) = (i * chunk, i * chunk + out.len());
        piece(&x[start..end], &y[start..end], out);
    });
}

/// [`zip_pieces`] of a slice and one number.
///
/// ```
/// use pleach_kernels::elementwise::{zip_number_pieces, zip_piece};
/// let mut out = [0; 3];
/// zip_number_pieces(&[5, 6, 7], 2, &mut out, &|x, y, out| {
///     zip_piece(x, y, out, |x: i64, y: i64| x - y);
/// });
/// assert_eq!(out, [3, 4, 5]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn zip_number_pieces<T: Plain, U: Plain>(
    x: &[T],
    number: T,
    out: &mut [U],
    piece: &ZipPiece<'_, T, T, U>,
) {
    const PIECE: usize = 512;
    let numbers = [number; PIECE];
    map_pieces(x, out, &|x, out| {
        for (x, out) in x.chunks(PIECE).zip(out.chunks_mut(PIECE)) {
            piece(x, &numbers[..x.len()], out);
        }
    });
}

fn check_three(x: usize, y: usize, out: usize) {
    assert_eq!(x, out, "zip: first input and output differ in length");
    assert_eq!(y, out, "zip: second input and output differ in length");
}

/// `x[i] = f(x[i])`.
///
/// ```
/// let mut x = [1, 2, 3];
/// pleach_kernels::map_inplace(&mut x, |v: i64| v * v);
/// assert_eq!(x, [1, 4, 9]);
/// ```
pub fn map_inplace<T: Plain>(x: &mut [T], f: impl Fn(T) -> T + Sync + Copy) {
    let isa = Isa::current();
    let chunk = chunk_len(x.len(), 2 * size_of::<T>());
    for_each_chunk_mut(x, chunk, |_, x| isa.run_narrow(MapInplace(x, f)));
}

/// `x[i] = f(x[i], y[i])`.
///
/// ```
/// let mut x = [1.0f32, 2.0];
/// pleach_kernels::zip_inplace(&mut x, &[0.5f32, 0.5], |x, y| x * y);
/// assert_eq!(x, [0.5, 1.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn zip_inplace<T: Plain, V: Plain>(x: &mut [T], y: &[V], f: impl Fn(T, V) -> T + Sync + Copy) {
    assert_eq!(x.len(), y.len(), "zip_inplace: the inputs differ in length");
    let isa = Isa::current();
    let chunk = chunk_len(x.len(), 2 * size_of::<T>() + size_of::<V>());
    for_each_chunk_mut(x, chunk, |i, x| {
        let start = i * chunk;
        isa.run_narrow(ZipInplace(x, &y[start..start + x.len()], f));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    const LENGTHS: [usize; 8] = [0, 1, 7, 64, 1001, 40_000, 65_537, 200_003];

    #[test]
    fn all_four_forms_reach_every_element() {
        for len in LENGTHS {
            let x: Vec<f32> = (0..len).map(|i| i as f32 * 0.25 - 100.0).collect();
            let y: Vec<i32> = (0..len).map(|i| i as i32 % 17).collect();
            let f = |x: f32, y: i32| x * 3.0 + y as f32;
            let expected: Vec<f32> = x.iter().zip(&y).map(|(x, y)| f(*x, *y)).collect();
            with_thread_counts(|| {
                let mut out = vec![0.0f32; len];
                zip(&x, &y, &mut out, f);
                assert_eq!(out, expected);
                let mut out = x.clone();
                zip_inplace(&mut out, &y, f);
                assert_eq!(out, expected);
                let mut wide = vec![0.0f64; len];
                map(&x, &mut wide, |v| v as f64 + 1.0);
                assert!(wide.iter().zip(&x).all(|(w, v)| *w == *v as f64 + 1.0));
                map_inplace(&mut wide, |v| v - 1.0);
                assert!(wide.iter().zip(&x).all(|(w, v)| *w == *v as f64));
            });
        }
    }

    #[test]
    fn other_types_work_too() {
        let x: Vec<i64> = (0..100_000).collect();
        let mut odd = vec![false; x.len()];
        map(&x, &mut odd, |v| v % 2 == 1);
        assert!(odd.iter().enumerate().all(|(i, o)| *o == (i % 2 == 1)));
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32).sqrt() - 7.0).collect();
        let y: Vec<f32> = x.iter().rev().copied().collect();
        let run = |isa: Isa| {
            let mut out = vec![0.0f32; x.len()];
            isa.run_narrow(Zip(&x, &y, &mut out, |a: f32, b: f32| {
                a * b + a / (b * b + 1.0)
            }));
            out.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        for isa in Isa::available() {
            assert_eq!(run(isa), run(Isa::Scalar), "{isa:?}");
        }
    }

    #[test]
    #[should_panic(expected = "differ in length")]
    fn different_lengths_are_refused() {
        map(&[1.0f32], &mut [0.0f32; 2], |v| v);
    }
}
