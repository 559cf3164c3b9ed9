//! Tensors of any type of element, signed or not: as values, and as bytes in row-major order.

use std::io::Write;

use pleach_core::Tensor;

use crate::element::Element;
use crate::memory::{bytes_of_tensor, ensure};
use crate::{Error, Result, UnsignedTensor, Value};

/// The value of a tensor that holds the bits of such elements.
pub(crate) fn of_element(tensor: Tensor, element: Element) -> Value {
    match element {
        Element::U16 | Element::U32 | Element::U64 => Value::Unsigned(UnsignedTensor {
            bits: tensor,
            element,
        }),
        _ => Value::Tensor(tensor),
    }
}

/// The bits of a tensor of any type, and what they are.
pub(crate) fn array_of(value: &Value) -> Option<(Tensor, Element)> {
    match value {
        Value::Unsigned(tensor) => Some((tensor.bits.clone(), tensor.element)),
        _ => {
            let tensor = value.as_tensor().ok()?.detach();
            let element = Element::Own(tensor.dtype());
            Some((tensor, element))
        }
    }
}

/// A tensor's elements in row-major order, little-endian.
pub(crate) fn write_tensor(tensor: &Tensor, out: &mut dyn Write) -> Result<()> {
    if !tensor.is_contiguous() {
        ensure(bytes_to_write(tensor)?, "a tensor in row-major order")?;
    }
    if cfg!(target_endian = "big") {
        out.write_all(&tensor.to_le_bytes())?;
    } else {
        out.write_all(bytes_of_tensor(&tensor.contiguous()?)?)?;
    }
    Ok(())
}

/// The bytes of all elements, those of repeated memory counted each time.
pub(crate) fn bytes_to_write(tensor: &Tensor) -> Result<u64> {
    let sizes = tensor.shape().iter().map(|&size| size as u64);
    let mut all = sizes.chain([tensor.dtype().size_of() as u64]);
    let bytes = match tensor.shape().contains(&0) {
        true => Some(0),
        false => all.try_fold(1u64, u64::checked_mul),
    };
    bytes.filter(|&n| n <= i64::MAX as u64).ok_or_else(|| {
        let what = format!(
            "more bytes than can be counted: a tensor of {:?}",
            tensor.shape()
        );
        Error::Unwritable(what)
    })
}
