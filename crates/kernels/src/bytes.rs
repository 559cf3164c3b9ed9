//! Numbers seen as the bytes that they are made of, as files want them.

use crate::Plain;

/// The memory of a slice of numbers, in the machine's byte order.
///
/// ```
/// let bytes = pleach_kernels::bytes_of(&[1u16, 0x0203]);
/// assert_eq!(bytes, [1u16.to_ne_bytes(), 0x0203u16.to_ne_bytes()].concat());
/// ```
pub fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: a `Plain` type has no padding, so all of the slice's bytes are initialised; bytes
    // have no alignment to keep, and the result borrows `values`.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// The memory of a slice of numbers, to be written in the machine's byte order.
///
/// # Panics
/// For `bool`, which does not allow every bit pattern.
///
/// ```
/// let mut values = [0u16; 2];
/// pleach_kernels::bytes_of_mut(&mut values)[2..].copy_from_slice(&7u16.to_ne_bytes());
/// assert_eq!(values, [0, 7]);
/// ```
pub fn bytes_of_mut<T: Plain>(values: &mut [T]) -> &mut [u8] {
    assert!(T::ANY_BITS, "bytes_of_mut: not every byte is a bool");
    // SAFETY: as in `bytes_of`; and whatever is written is a value of `T`, by the assertion.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_length_of_their_numbers() {
        assert_eq!(bytes_of::<f64>(&[]).len(), 0);
        assert_eq!(bytes_of(&[true, false]), [1, 0]);
        let mut values = [1.5f32, -2.0];
        let copy: Vec<u8> = bytes_of(&values).to_vec();
        values = [0.0; 2];
        bytes_of_mut(&mut values).copy_from_slice(&copy);
        assert_eq!(values, [1.5, -2.0]);
    }

    #[test]
    #[should_panic(expected = "not every byte is a bool")]
    fn truth_values_are_not_written_as_bytes() {
        bytes_of_mut(&mut [true]);
    }
}
