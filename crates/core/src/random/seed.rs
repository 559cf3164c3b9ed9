//! [`Seed`]: the integers that seed a generator.

/// An integer that seeds a [`Generator`](super::Generator).
///
/// A negative seed stands for itself plus 2^64, as in PyTorch:
///
/// ```
/// use pleach::random::Generator;
///
/// assert_eq!(Generator::seeded(-1).initial_seed(), u64::MAX);
/// ```
pub trait Seed: sealed::Sealed {
    /// The seed as 64 bits.
    fn into_bits(self) -> u64;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! seeds {
    ($($integer:ty),*) => {$(
        impl sealed::Sealed for $integer {}
        impl Seed for $integer {
            // Sign extension makes the two's complement of a negative seed.
            fn into_bits(self) -> u64 {
                self as u64
            }
        }
    )*};
}
seeds!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_seeds_wrap_at_64_bits_whatever_their_type() {
        assert_eq!((-1i8).into_bits(), u64::MAX);
        assert_eq!((-1i64).into_bits(), u64::MAX);
        assert_eq!(i64::MIN.into_bits(), 1 << 63);
        assert_eq!(u64::MAX.into_bits(), u64::MAX);
        assert_eq!(u32::MAX.into_bits(), 0xffff_ffff);
    }
}
