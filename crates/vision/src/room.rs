//! Memory that must be there before it is taken.

use crate::{Error, Result};

/// That so many elements can be had: the product of the sizes does not overflow, and the system
/// does not refuse the memory. It is given back at once; an abort later is still possible, but not
/// for sizes that no machine has.
pub(crate) fn check(sizes: &[usize], bytes_each: usize, what: &str) -> Result<()> {
    let bytes = sizes.iter().map(|&size| size as u128);
    let bytes = bytes.fold(bytes_each as u128, u128::saturating_mul);
    let fits = usize::try_from(bytes);
    match fits.is_ok_and(|n| Vec::<u8>::new().try_reserve_exact(n).is_ok()) {
        true => Ok(()),
        false => Err(Error::Value(format!(
            "{what} takes {bytes} bytes of memory, which are not to be had"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn products_of_sizes_do_not_wrap() {
        assert!(check(&[3, 500, 500], 4, "an image").is_ok());
        assert!(check(&[0, usize::MAX], 4, "nothing").is_ok());
        let error = check(&[1 << 32, 1 << 32], 4, "an image").unwrap_err();
        let expected =
            "an image takes 73786976294838206464 bytes of memory, which are not to be had";
        assert_eq!(error.to_string(), expected);
        assert!(check(&[1 << 60], 8, "an order").is_err());
        assert!(check(&[usize::MAX; 9], 8, "an order").is_err());
    }
}
