//! [`Buffer`]: aligned memory for numbers, taken from and given back to a cache.
//!
//! A fresh large allocation costs a page fault for every 4 KiB that is first touched, nine times
//! the price of writing to memory that is already mapped. So a dropped buffer's block goes to a
//! free list of its size class, and the next buffer of that class takes it from there. Blocks of
//! 2 MiB and more ask the system for huge pages, which makes the first touch cheaper, too, and
//! spares address translation ever after.
//!
//! What is kept: at most 4 GiB together, and beside that, in each thread, at most 8 blocks of each
//! class up to 16 KiB (1 MiB in all), which are taken and given back without a lock. When a thread ends,
//! its blocks go to the common lists. [`empty_cache`] gives memory back to the system.
//!
//! Memory is zeroed once, when a block is first made, and keeps its old contents when it is
//! reused. All types that a buffer can hold ([`Plain`]) are valid for every bit pattern their
//! constructor lets through, so a recycled block is never uninitialised memory.
//!
//! Memory that cannot be had is an [`AllocError`] of the constructors that begin with `try_`, for
//! what a caller's argument decides the size of; the others panic, for a kernel's own scratch.

mod block;
mod cache;
mod local;

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use half::{bf16, f16};

use block::Block;
pub use cache::cached_bytes;
use cache::class_of;

mod sealed {
    pub trait Sealed {}
}

/// A number type that a [`Buffer`] can hold.
///
/// # Safety
/// Sealed. Implementors have no padding, need no drop and are at most 64-byte aligned; unless
/// `ANY_BITS` is false, every bit pattern is a valid value; the all-zero pattern always is.
pub unsafe trait Plain: Copy + Send + Sync + fmt::Debug + 'static + sealed::Sealed {
    /// Whether every bit pattern is a value of this type (false for `bool` only).
    const ANY_BITS: bool;
}

macro_rules! plain {
    ($($t:ty: $any:literal),*) => {$(
        impl sealed::Sealed for $t {}
        // SAFETY: a primitive number (or a transparent wrapper of one) without padding; see ANY_BITS.
        unsafe impl Plain for $t { const ANY_BITS: bool = $any; }
    )*};
}
plain!(f32: true, f64: true, f16: true, bf16: true, i64: true, i32: true, i16: true, i8: true,
       u64: true, u32: true, u16: true, u8: true, usize: true, bool: false);

/// The longest buffer, in bytes: the block of its class is not longer than `isize::MAX`.
const LONGEST: usize = isize::MAX as usize / 2;

/// Gives the memory that is kept for reuse back to the system, and returns how many bytes it was.
/// What other threads keep for themselves (at most 1 MiB each) stays.
pub fn empty_cache() -> usize {
    local::empty();
    cache::empty()
}

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// The bytes of all buffers that this thread has made, less those of the buffers that it has dropped:
/// the difference between two moments is what was allocated between them.
pub fn held_bytes() -> i64 {
    HELD.get()
}

/// Memory that could not be had, because the system has not got it or nobody could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocError {
    /// How many bytes were asked for.
    pub bytes: u128,
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes;
        write!(
            f,
            "can't allocate memory: you tried to allocate {bytes} bytes"
        )
    }
}

impl std::error::Error for AllocError {}

/// The value of a constructor that has no other error.
#[track_caller]
fn had<T>(result: Result<T, AllocError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// A fixed-length array of numbers, 64-byte aligned, from the cache of blocks.
///
/// ```
/// use pleach_kernels::Buffer;
/// let mut b = Buffer::<f32>::zeroed(3);
/// b[1] = 2.5;
/// assert_eq!(&b[..], &[0.0, 2.5, 0.0]);
/// ```
pub struct Buffer<T: Plain> {
    ptr: NonNull<T>,
    len: usize,
    class: usize,
    owns: PhantomData<T>,
}

// SAFETY: a buffer owns its memory, and its elements are plain numbers.
unsafe impl<T: Plain> Send for Buffer<T> {}
// SAFETY: as above; shared access only reads.
unsafe impl<T: Plain> Sync for Buffer<T> {}

impl<T: Plain> Buffer<T> {
    /// A buffer of `len` elements with arbitrary values: what a kernel that writes every element
    /// should start from.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// ```
    /// use pleach_kernels::Buffer;
    /// let error = Buffer::<f32>::try_new(1 << 62).unwrap_err();
    /// assert_eq!(error.bytes, 1 << 64);
    /// ```
    pub fn try_new(len: usize) -> Result<Self, AllocError> {
        let refused = AllocError {
            bytes: len as u128 * size_of::<T>() as u128,
        };
        let bytes = match len.checked_mul(size_of::<T>()) {
            Some(bytes) if bytes <= LONGEST => bytes,
            _ => return Err(refused),
        };
        if bytes == 0 {
            return Ok(Buffer {
                ptr: NonNull::<Aligned>::dangling().cast(),
                len,
                class: 0,
                owns: PhantomData,
            });
        }
        let (class, size) = class_of(bytes);
        let recycled = local::take(class).or_else(|| cache::take(class));
        let (block, fresh) = match recycled {
            Some(block) => (block, false),
            None => (fresh_block(size).ok_or(refused)?, true),
        };
        let mut buffer = Buffer {
            ptr: block.into_raw().cast::<T>(),
            len,
            class,
            owns: PhantomData,
        };
        if !T::ANY_BITS && !fresh {
            buffer.clear();
        }
        HELD.set(HELD.get() + bytes as i64);
        Ok(buffer)
    }

    /// A buffer of `len` zeros.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn try_zeroed(len: usize) -> Result<Self, AllocError> {
        let mut buffer = Self::try_new(len)?;
        buffer.clear();
        Ok(buffer)
    }

    /// A buffer of `len` copies of `value`.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn try_full(len: usize, value: T) -> Result<Self, AllocError> {
        let mut buffer = Self::try_new(len)?;
        buffer.fill(value);
        Ok(buffer)
    }

    /// A buffer with the values of a slice.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn try_from_slice(values: &[T]) -> Result<Self, AllocError> {
        let mut buffer = Self::try_new(values.len())?;
        buffer.copy_from_slice(values);
        Ok(buffer)
    }

    /// A buffer with the values of an iterator whose length is known.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// # Panics
    /// If the iterator is shorter than it says.
    pub fn try_from_exact_iter(
        values: impl ExactSizeIterator<Item = T>,
    ) -> Result<Self, AllocError> {
        let mut buffer = Self::try_new(values.len())?;
        let mut written = 0;
        for (slot, value) in buffer.iter_mut().zip(values) {
            *slot = value;
            written += 1;
        }
        assert_eq!(written, buffer.len, "the iterator was shorter than it said");
        Ok(buffer)
    }

    /// [`Buffer::try_new`] for a kernel's own scratch.
    ///
    /// # Panics
    /// If the memory cannot be had.
    #[track_caller]
    pub fn new(len: usize) -> Self {
        had(Self::try_new(len))
    }

    /// [`Buffer::try_zeroed`] for a kernel's own scratch.
    ///
    /// # Panics
    /// If the memory cannot be had.
    #[track_caller]
    pub fn zeroed(len: usize) -> Self {
        had(Self::try_zeroed(len))
    }

    /// [`Buffer::try_full`] for a few elements.
    ///
    /// # Panics
    /// If the memory cannot be had.
    #[track_caller]
    pub fn full(len: usize, value: T) -> Self {
        had(Self::try_full(len, value))
    }

    /// [`Buffer::try_from_slice`] for a few elements.
    ///
    /// # Panics
    /// If the memory cannot be had.
    #[track_caller]
    pub fn from_slice(values: &[T]) -> Self {
        had(Self::try_from_slice(values))
    }

    /// [`Buffer::try_from_exact_iter`] for a few elements.
    ///
    /// # Panics
    /// If the memory cannot be had.
    #[track_caller]
    pub fn from_exact_iter(values: impl ExactSizeIterator<Item = T>) -> Self {
        had(Self::try_from_exact_iter(values))
    }

    /// Sets all bits to zero.
    fn clear(&mut self) {
        // SAFETY: the block holds `len` elements, for which the all-zero pattern is valid.
        unsafe { std::ptr::write_bytes(self.ptr.as_ptr(), 0, self.len) };
    }
}

/// A block that nobody has used. What is kept for reuse is given up before the request is.
fn fresh_block(size: usize) -> Option<Block> {
    Block::new(size).or_else(|| {
        empty_cache();
        Block::new(size)
    })
}

/// Gives an empty buffer's dangling pointer the alignment of every other buffer.
#[repr(align(64))]
struct Aligned;

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `ptr` is aligned and valid for `len` initialised elements (dangling if no bytes).
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
}

impl<T: Plain> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl<T: Plain> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: Plain> Drop for Buffer<T> {
    fn drop(&mut self) {
        let bytes = self.len * size_of::<T>();
        if bytes == 0 {
            return;
        }
        HELD.set(HELD.get() - bytes as i64);
        // SAFETY: the buffer was the only owner of a block of this size.
        let block = unsafe { Block::from_raw(self.ptr.cast::<u8>()) };
        if let Err(block) = local::give(self.class, block) {
            cache::give(self.class, block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_hold_what_was_written() {
        for len in [0, 1, 7, 64, 1000, 100_000] {
            let mut b = Buffer::<f64>::zeroed(len);
            assert_eq!(b.as_ptr() as usize % block::ALIGN, 0);
            assert!(b.iter().all(|v| *v == 0.0));
            for (i, v) in b.iter_mut().enumerate() {
                *v = i as f64;
            }
            let c = b.clone();
            drop(b);
            assert!(c.iter().enumerate().all(|(i, v)| *v == i as f64));
        }
    }

    #[test]
    fn large_blocks_are_zero_at_first_and_can_be_given_back() {
        let len = (5 << 20) + 3;
        let mut b = Buffer::<u8>::new(len);
        b.fill(7);
        drop(b);
        assert!(Buffer::<u8>::zeroed(len).iter().all(|v| *v == 0));
        // Other tests use the cache at the same time, so no exact figures.
        drop(Buffer::<u8>::new(100 << 20));
        // Under the address sanitizer nothing is kept.
        let kept = if cfg!(pleach_asan) { 0 } else { 100 << 20 };
        assert!(empty_cache() >= kept);
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error_that_says_how_much() {
        // Sizes that no machine has, that no pointer can span, and that overflow.
        for (len, bytes) in [
            (1usize << 45, 1u128 << 47),
            (1 << 60, 1 << 62),
            (1 << 61, 1 << 63),
            (usize::MAX, (u64::MAX as u128) * 4),
        ] {
            assert_eq!(Buffer::<f32>::try_new(len).unwrap_err().bytes, bytes);
            assert_eq!(Buffer::<f32>::try_full(len, 1.0).unwrap_err().bytes, bytes);
        }
        let lengths = std::iter::repeat_n(0u8, isize::MAX as usize);
        let error = Buffer::try_from_exact_iter(lengths).unwrap_err();
        assert_eq!(
            error.to_string(),
            "can't allocate memory: you tried to allocate 9223372036854775807 bytes"
        );
    }

    #[test]
    #[should_panic(expected = "you tried to allocate 140737488355328 bytes")]
    fn scratch_that_cannot_be_had_panics_with_its_size() {
        Buffer::<f32>::new(1 << 45);
    }

    #[test]
    fn blocks_may_be_given_back_by_another_thread() {
        let buffers: Vec<Buffer<u32>> = (0..100).map(|i| Buffer::full(i + 1, i as u32)).collect();
        std::thread::spawn(move || {
            for (i, b) in buffers.iter().enumerate() {
                assert!(b.len() == i + 1 && b.iter().all(|v| *v == i as u32));
            }
            drop(buffers);
            let again: Vec<Buffer<u32>> = (0..100).map(|i| Buffer::full(i + 1, 7)).collect();
            assert!(again.iter().all(|b| b.iter().all(|v| *v == 7)));
        })
        .join()
        .expect("the thread ends well");
    }

    #[test]
    fn a_thread_counts_the_bytes_that_it_holds() {
        let before = held_bytes();
        let (one, two) = (Buffer::<f32>::new(100), Buffer::<u8>::new(3));
        let none = Buffer::<f64>::new(0);
        assert_eq!(held_bytes() - before, 403);
        drop((one, none));
        assert_eq!(held_bytes() - before, 3);
        // What another thread drops counts there.
        let theirs = std::thread::spawn(move || {
            drop(two);
            held_bytes()
        });
        assert_eq!(theirs.join().expect("the thread ends well"), -3);
        assert_eq!(held_bytes() - before, 3);
    }

    #[test]
    fn a_recycled_block_makes_valid_booleans() {
        for _ in 0..4 {
            drop(Buffer::<u8>::full(777, 0xff));
            let b = Buffer::<bool>::new(777);
            assert!(b.iter().all(|v| !*v));
        }
    }
}
