//! Numbers seen as words of their size, so that loops which only move them are compiled four times,
//! not once for each type.

use crate::Plain;

/// The body is compiled once for each size of number, for words named `W` in it.
macro_rules! by_words {
    ($T:ty, $W:ident => $body:expr) => {
        match size_of::<$T>() {
            1 => {
                type $W = u8;
                $body
            }
            2 => {
                type $W = u16;
                $body
            }
            4 => {
                type $W = u32;
                $body
            }
            8 => {
                type $W = u64;
                $body
            }
            size => unreachable!("no number has {size} bytes"),
        }
    };
}
pub(crate) use by_words;

pub(crate) fn words<T: Plain, W>(values: &[T]) -> &[W] {
    assert!(size_of::<T>() == size_of::<W>() && align_of::<T>() == align_of::<W>());
    // SAFETY: of the same size and alignment; `Plain` types have no padding, and every bit pattern
    // is a word.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// # Safety
/// What is written are words of values of `T`, or 0.
pub(crate) unsafe fn words_mut<T: Plain, W>(values: &mut [T]) -> &mut [W] {
    assert!(size_of::<T>() == size_of::<W>() && align_of::<T>() == align_of::<W>());
    // SAFETY: as in `words`; every word that is written is a value, by this function's contract.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
}
