//! [`BigInt`]: whole numbers of more than 128 bits.

use std::fmt;

/// A whole number of more than 128 bits, such as the state of a random generator.
#[derive(Clone, PartialEq, Eq)]
pub struct BigInt(Vec<u8>);

impl BigInt {
    /// A number from its bytes in two's complement, the lowest first.
    ///
    /// ```
    /// use pleach::checkpoint::BigInt;
    /// let mut bytes = vec![0; 17];
    /// bytes[16] = 1;
    /// assert_eq!(BigInt::from_le_bytes(&bytes).to_string(), "340282366920938463463374607431768211456");
    /// ```
    pub fn from_le_bytes(bytes: &[u8]) -> Self {
        BigInt(bytes.to_vec())
    }

    /// The bytes in two's complement, the lowest first.
    pub fn to_le_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// In decimals; beyond 4096 bits by its size only.
impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 512 {
            return write!(f, "<int of {} bits>", 8 * self.0.len());
        }
        let negative = self.0.last().is_some_and(|&b| b & 0x80 != 0);
        let mut digits = self.0.clone();
        if negative {
            let mut carry = true;
            for byte in &mut digits {
                (*byte, carry) = (!*byte).overflowing_add(carry as u8);
            }
        }
        let mut text = Vec::new();
        while digits.iter().any(|&b| b != 0) {
            let mut rest = 0u32;
            for byte in digits.iter_mut().rev() {
                let here = rest << 8 | u32::from(*byte);
                *byte = (here / 10) as u8;
                rest = here % 10;
            }
            text.push(char::from(b'0' + rest as u8));
        }
        if text.is_empty() {
            text.push('0');
        }
        if negative {
            text.push('-');
        }
        f.write_str(&text.into_iter().rev().collect::<String>())
    }
}

impl fmt::Debug for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bytes of a decimal number, as Python writes it; `None` if it is none.
pub(crate) fn parse_decimal(text: &str) -> Option<Vec<u8>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in &mut bytes {
            carry += u32::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    bytes.push(0); // the sign
    if negative {
        let mut carry = true;
        for byte in &mut bytes {
            (*byte, carry) = (!*byte).overflowing_add(carry as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_as_python_does() {
        // int.from_bytes(n.to_bytes(n.bit_length() // 8 + 1, 'little', signed=True), ...)
        for text in [
            "0",
            "-1",
            "255",
            "-256",
            "340282366920938463463374607431768211455",
            "-340282366920938463463374607431768211457",
        ] {
            let bytes = parse_decimal(text).unwrap();
            assert_eq!(BigInt::from_le_bytes(&bytes).to_string(), text);
        }
        assert_eq!(parse_decimal("258").unwrap(), [2, 1, 0]);
        assert_eq!(parse_decimal("-2").unwrap(), [0xfe, 0xff]);
        assert_eq!(parse_decimal("1_0"), None);
        assert_eq!(parse_decimal("-"), None);
    }
}
