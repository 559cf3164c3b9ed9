//! Sizes that come of other sizes: the number of elements of a shape, the positions of a window,
//! a dimension with its padding. Whatever a caller gives as a size, step, padding, dilation or
//! count goes through here, so that no sum or product of them wraps.

use crate::{Error, Result};

/// The largest size, and the largest number of elements: one less than PyTorch's, whose `i64::MAX`
/// stands for all that are larger (see [`signed`]).
const LARGEST: usize = isize::MAX as usize - 1;

/// The number of elements of a shape.
///
/// Every tensor's shape has passed this check, in which sizes of 0 do not count: so the product of
/// *any* of a tensor's sizes can be taken without one.
///
/// # Errors
/// If the product of the sizes other than 0 is not below `i64::MAX`.
///
/// ```
/// use pleach::checked_numel;
/// assert_eq!(checked_numel(&[2, 3])?, 6);
/// assert_eq!(checked_numel(&[2, 0])?, 0);
/// assert!(checked_numel(&[1 << 32, 1 << 32]).is_err());
/// assert!(checked_numel(&[1 << 32, 0, 1 << 32]).is_err());
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn checked_numel(shape: &[usize]) -> Result<usize> {
    let mut product = 1usize;
    let mut empty = false;
    for &size in shape {
        if size == 0 {
            empty = true;
            continue;
        }
        product = match product.checked_mul(size) {
            Some(n) if n <= LARGEST => n,
            _ => return Err(Error::shape("numel: integer multiplication overflow")),
        };
    }
    Ok(if empty { 0 } else { product })
}

/// The product of sizes, or the largest number if it is larger: for counts of work.
#[doc(hidden)]
pub fn product_of(sizes: &[usize]) -> u64 {
    let sizes = sizes.iter().map(|&n| n as u64);
    sizes.fold(1, u64::saturating_mul)
}

/// A size given as `usize`, as the `i64` that sizes with a -1 are. One that is too large for any
/// tensor becomes the largest, which every check refuses, and never a negative one.
pub(crate) fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A size with elements added (or, where negative, cut) before and after; `None` if that is no size.
pub(crate) fn padded(size: usize, before: i64, after: i64) -> Option<usize> {
    if before == i64::MIN || after == i64::MIN {
        return None; // so that each can be negated
    }
    let sum = size as i128 + i128::from(before) + i128::from(after);
    usize::try_from(sum).ok().filter(|n| *n <= LARGEST)
}

/// A window that slides along one dimension: of a convolution, a pooling, `unfold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The positions that it sees.
    pub kernel: usize,
    /// The step from one window to the next.
    pub stride: usize,
    /// What is added on either side of the dimension.
    pub padding: usize,
    /// The distance of the positions that it sees.
    pub dilation: usize,
}

impl Window {
    /// The length from the first position that it sees to the last.
    ///
    /// # Errors
    /// If no dimension is so long.
    pub fn span(self) -> Result<usize> {
        let steps = self.kernel.saturating_sub(1);
        let span = steps
            .checked_mul(self.dilation)
            .and_then(|n| n.checked_add(1));
        self.checked(span)
    }

    /// The size of the dimension with its padding.
    ///
    /// # Errors
    /// If no dimension is so long.
    pub fn padded(self, size: usize) -> Result<usize> {
        let both = self.padding.checked_mul(2);
        self.checked(both.and_then(|n| n.checked_add(size)))
    }

    /// The number of windows of a dimension, `None` if not one fits.
    ///
    /// # Errors
    /// If the window or the padded dimension is longer than any dimension, or a step is 0.
    ///
    /// ```
    /// use pleach::Window;
    /// let window = Window { kernel: 3, stride: 2, padding: 1, dilation: 1 };
    /// assert_eq!(window.count(7)?, Some(4));
    /// assert_eq!(Window { padding: 0, ..window }.count(2)?, None);
    /// assert!(Window { padding: 1 << 62, ..window }.count(7).is_err());
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn count(self, size: usize) -> Result<Option<usize>> {
        let (padded, span) = (self.padded(size)?, self.span()?);
        let Some(room) = padded.checked_sub(span) else {
            return Ok(None);
        };
        let steps = room
            .checked_div(self.stride)
            .ok_or_else(|| Error::value("stride should be greater than zero"))?;
        Ok(Some(steps + 1))
    }

    /// The smallest dimension that has so many windows, which may come out below 1.
    ///
    /// ```
    /// use pleach::Window;
    /// let window = Window { kernel: 3, stride: 2, padding: 1, dilation: 1 };
    /// assert_eq!(window.smallest(4), 7);
    /// assert_eq!(window.count(7)?, Some(4));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn smallest(self, windows: usize) -> i128 {
        let steps = |n: usize, step: usize| (n as i128 - 1).saturating_mul(step as i128);
        let last = steps(windows, self.stride) - 2 * self.padding as i128;
        let span = steps(self.kernel.max(1), self.dilation).saturating_add(1);
        last.saturating_add(span)
    }

    /// The same windows of a dimension of this size, without steps that are longer than the window and
    /// the padded dimension: what nobody walks, nobody has to count.
    ///
    /// # Errors
    /// If the window or the padded dimension is longer than any dimension.
    pub fn within(self, size: usize) -> Result<Window> {
        let longest = self.padded(size)?.max(self.span()?);
        Ok(Window {
            stride: self.stride.min(longest),
            dilation: match self.kernel {
                0 | 1 => self.dilation.min(longest),
                _ => self.dilation,
            },
            ..self
        })
    }

    fn checked(self, size: Option<usize>) -> Result<usize> {
        // Half of the largest, so that two of these can be added.
        size.filter(|n| *n <= LARGEST / 2).ok_or_else(|| {
            let Window {
                kernel,
                stride,
                padding,
                dilation,
            } = self;
            Error::shape(format!(
                "Size calculation overflowed with kernel_size={kernel}, stride={stride}, padding={padding}, dilation={dilation}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_some_of_the_sizes_cannot_wrap() {
        assert_eq!(checked_numel(&[]).unwrap(), 1);
        assert_eq!(checked_numel(&[1 << 62]).unwrap(), 1 << 62);
        for shape in [
            &[1usize << 63][..],
            &[usize::MAX],
            &[usize::MAX, 0],
            &[(1 << 62) | 1, 4],
            &[1 << 31, 1 << 31, 2],
            &[0, 1 << 62, 4],
        ] {
            let error = checked_numel(shape).unwrap_err();
            assert_eq!(error.to_string(), "numel: integer multiplication overflow");
        }
    }

    #[test]
    fn huge_windows_are_refused_and_long_steps_are_not() {
        let plain = Window {
            kernel: 2,
            stride: 1,
            padding: 0,
            dilation: 1,
        };
        let stride = usize::MAX;
        let one = Window { stride, ..plain };
        assert_eq!(one.count(5).unwrap(), Some(1));
        assert_eq!(one.within(5).unwrap().stride, 5);
        let point = Window {
            kernel: 1,
            dilation: usize::MAX,
            ..plain
        };
        assert_eq!(point.count(5).unwrap(), Some(5));
        assert_eq!(point.within(5).unwrap().dilation, 5);
        assert_eq!(Window { kernel: 6, ..plain }.count(5).unwrap(), None);
        for window in [
            Window {
                kernel: usize::MAX,
                ..plain
            },
            Window {
                dilation: usize::MAX,
                ..plain
            },
            Window {
                padding: usize::MAX,
                ..plain
            },
            Window {
                padding: 1 << 61,
                ..plain
            },
            Window {
                kernel: 1 << 32,
                dilation: 1 << 32,
                ..plain
            },
            Window { stride: 0, ..plain },
        ] {
            assert!(window.count(5).is_err(), "{window:?}");
        }
    }

    #[test]
    fn padding_may_cut_and_may_not_overflow() {
        assert_eq!(padded(5, 2, -3), Some(4));
        assert_eq!(padded(5, -6, 0), None);
        assert_eq!(padded(5, i64::MAX, i64::MAX), None);
        assert_eq!(padded(5, i64::MIN, i64::MIN), None);
        assert_eq!(padded(5, i64::MAX, -7), Some(i64::MAX as usize - 2));
        assert_eq!(signed(usize::MAX), i64::MAX);
    }
}
