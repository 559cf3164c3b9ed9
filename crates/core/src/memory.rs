//! Memory that may not be there: an error that says how much was asked for, never an abort.

use pleach_kernels::{AllocError, Buffer};

use crate::extent::checked_numel;
use crate::{DType, Element, Error, ErrorKind, Result};

impl From<AllocError> for Error {
    fn from(error: AllocError) -> Self {
        ErrorKind::OutOfMemory { bytes: error.bytes }.into()
    }
}

/// Memory for the elements of a tensor of this shape, with arbitrary values.
pub(crate) fn buffer_for<T: Element>(shape: &[usize]) -> Result<Buffer<T>> {
    Ok(Buffer::try_new(checked_numel(shape)?)?)
}

/// Whether memory for a tensor of this shape can be had: what an operation asks before it spends
/// time or memory on the way to a result that could not be held.
///
/// # Errors
/// If the number of elements overflows or the memory cannot be had.
///
/// ```
/// use pleach::{DType, check_room};
/// check_room(&[2, 3], DType::F32)?;
/// let error = check_room(&[1 << 45], DType::F32).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "DefaultCPUAllocator: can't allocate memory: you tried to allocate 140737488355328 bytes. Error code 12 (Cannot allocate memory)"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn check_room(shape: &[usize], dtype: DType) -> Result<()> {
    // Memory that nobody writes to costs nothing but its address.
    dispatch_all!(dtype, T => buffer_for::<T>(shape).map(drop))
}

/// An empty vector with room for `len` values.
pub(crate) fn vec_for<T>(len: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(len)
        .map_err(|_| ErrorKind::OutOfMemory {
            bytes: len as u128 * size_of::<T>() as u128,
        })?;
    Ok(values)
}

/// The values of an iterator whose length is known.
pub(crate) fn collect<T>(values: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut out = vec_for(values.len())?;
    out.extend(values);
    Ok(out)
}

/// A copy of a slice.
pub(crate) fn copied<T: Copy>(values: &[T]) -> Result<Vec<T>> {
    let mut out = vec_for(values.len())?;
    out.extend_from_slice(values);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_that_cannot_be_had_are_errors_too() {
        for len in [1usize << 45, 1 << 61, usize::MAX] {
            let error = vec_for::<usize>(len).unwrap_err();
            let bytes = len as u128 * 8;
            assert!(matches!(error.kind(), ErrorKind::OutOfMemory { bytes: b } if *b == bytes));
        }
        assert_eq!(collect([1, 2].into_iter()).unwrap(), [1, 2]);
        assert_eq!(copied(&[1, 2]).unwrap(), [1, 2]);
    }
}
