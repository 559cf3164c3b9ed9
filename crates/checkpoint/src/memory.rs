//! Memory for tensors' data: asked for with care; read from a file once, in parallel, checked.

use std::io::{self, Write};
use std::sync::Mutex;

use half::{bf16, f16};
use pleach_core::{DType, Tensor};
use pleach_kernels::{Buffer, bytes_of, bytes_of_mut, parallel_for};

use crate::element::Element;
use crate::source::Source;
use crate::{Error, Result};

/// A piece of a file that is the data of one storage.
#[derive(Debug)]
pub(crate) struct Extent {
    /// The name, for errors.
    pub name: String,
    pub element: Element,
    /// Elements.
    pub len: usize,
    /// Where the bytes are.
    pub offset: u64,
    pub big_endian: bool,
    /// The checksum of the bytes, with those before them, if there is one.
    pub crc: Option<u32>,
    /// The bytes before, that the checksum is also over.
    pub before: Vec<u8>,
}

/// Typed memory that is being filled. Truth values are bytes until then.
pub(crate) enum Memory {
    F32(Buffer<f32>),
    F64(Buffer<f64>),
    F16(Buffer<f16>),
    BF16(Buffer<bf16>),
    I64(Buffer<i64>),
    I32(Buffer<i32>),
    I16(Buffer<i16>),
    I8(Buffer<i8>),
    U8(Buffer<u8>),
    Bool(Buffer<u8>),
}

macro_rules! each {
    ($memory:expr, $buffer:ident => $body:expr) => {
        match $memory {
            Memory::F32($buffer) => $body,
            Memory::F64($buffer) => $body,
            Memory::F16($buffer) => $body,
            Memory::BF16($buffer) => $body,
            Memory::I64($buffer) => $body,
            Memory::I32($buffer) => $body,
            Memory::I16($buffer) => $body,
            Memory::I8($buffer) => $body,
            Memory::U8($buffer) => $body,
            Memory::Bool($buffer) => $body,
        }
    };
}

impl Memory {
    /// Memory of arbitrary contents.
    pub fn new(dtype: DType, len: usize) -> Self {
        match dtype {
            DType::F32 => Memory::F32(Buffer::new(len)),
            DType::F64 => Memory::F64(Buffer::new(len)),
            DType::F16 => Memory::F16(Buffer::new(len)),
            DType::BF16 => Memory::BF16(Buffer::new(len)),
            DType::I64 => Memory::I64(Buffer::new(len)),
            DType::I32 => Memory::I32(Buffer::new(len)),
            DType::I16 => Memory::I16(Buffer::new(len)),
            DType::I8 => Memory::I8(Buffer::new(len)),
            DType::U8 => Memory::U8(Buffer::new(len)),
            DType::Bool => Memory::Bool(Buffer::new(len)),
        }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        each!(self, buffer => bytes_of_mut(buffer))
    }

    /// A tensor over all elements, whose bytes were in this order.
    pub fn into_tensor(mut self, big_endian: bool) -> Tensor {
        if big_endian != cfg!(target_endian = "big") {
            let size = each!(&self, buffer => element_size(buffer));
            if size > 1 {
                for element in self.bytes_mut().chunks_exact_mut(size) {
                    element.reverse();
                }
            }
        }
        if let Memory::Bool(bytes) = self {
            let values = Buffer::from_exact_iter(bytes.iter().map(|&b| b != 0));
            let len = values.len();
            return Tensor::from_buffer(values, [len]);
        }
        each!(self, buffer => {
            let len = buffer.len();
            Tensor::from_buffer(buffer, [len])
        })
    }
}

fn element_size<T: pleach_kernels::Plain>(_: &Buffer<T>) -> usize {
    size_of::<T>()
}

/// The bytes of a contiguous tensor in the machine's order, without a copy.
pub(crate) fn bytes_of_tensor(tensor: &Tensor) -> pleach_core::Result<&[u8]> {
    Ok(match tensor.dtype() {
        DType::F32 => bytes_of(tensor.as_slice::<f32>()?),
        DType::F64 => bytes_of(tensor.as_slice::<f64>()?),
        DType::F16 => bytes_of(tensor.as_slice::<f16>()?),
        DType::BF16 => bytes_of(tensor.as_slice::<bf16>()?),
        DType::I64 => bytes_of(tensor.as_slice::<i64>()?),
        DType::I32 => bytes_of(tensor.as_slice::<i32>()?),
        DType::I16 => bytes_of(tensor.as_slice::<i16>()?),
        DType::I8 => bytes_of(tensor.as_slice::<i8>()?),
        DType::U8 => bytes_of(tensor.as_slice::<u8>()?),
        DType::Bool => bytes_of(tensor.as_slice::<bool>()?),
    })
}

/// Reads extents, each into a tensor over all its elements. They must lie within the source, and
/// not overlap: nothing is allocated before that is checked.
pub(crate) fn read_all(source: &Source, extents: &[Extent]) -> Result<Vec<Tensor>> {
    check(source, extents)?;
    let mut total = 0u64;
    let mut memories = Vec::with_capacity(extents.len());
    for extent in extents {
        total = total.saturating_add(byte_len(extent).unwrap_or(u64::MAX));
    }
    ensure(total, "tensors")?;
    for extent in extents {
        memories.push(Memory::new(bits(extent)?, extent.len));
    }
    fill(source, extents, &mut memories)?;
    let done = memories.into_iter().zip(extents);
    Ok(done
        .map(|(memory, extent)| memory.into_tensor(extent.big_endian))
        .collect())
}

/// Converts float storages, if that is wanted: before the views are made, so that they stay views.
pub(crate) fn converted(storages: Vec<Tensor>, dtype: Option<DType>) -> Result<Vec<Tensor>> {
    let storages = storages.into_iter();
    storages
        .map(|storage| converted_one(storage, dtype))
        .collect()
}

/// Converts floats, if that is wanted.
pub(crate) fn converted_one(storage: Tensor, dtype: Option<DType>) -> Result<Tensor> {
    match dtype {
        Some(dtype) if storage.dtype().is_float() => Ok(storage.to_dtype(dtype)?),
        _ => Ok(storage),
    }
}

/// The bytes of an extent; `None` if they cannot be counted.
fn byte_len(extent: &Extent) -> Option<u64> {
    (extent.len as u64).checked_mul(extent.element.size_of() as u64)
}

fn bits(extent: &Extent) -> Result<DType> {
    let element = extent.element;
    element.bits().ok_or_else(|| {
        let what = format!("a tensor of {element} has no equal here");
        Error::unsupported(&extent.name, what)
    })
}

/// Asks the system whether it has so much memory at all, so that what comes next does not abort.
pub(crate) fn ensure(bytes: u64, place: &str) -> Result<()> {
    const SMALL: u64 = 1 << 20;
    if bytes <= SMALL {
        return Ok(());
    }
    let mut probe: Vec<u8> = Vec::new();
    let got = usize::try_from(bytes).is_ok_and(|n| probe.try_reserve_exact(n).is_ok());
    match got {
        true => Ok(()),
        false => {
            let what = format!("{bytes} bytes of memory are needed, and cannot be had");
            Err(Error::unsupported(place, what))
        }
    }
}

/// Bytes that are written into memory; an error if that cannot be had.
#[derive(Default)]
pub(crate) struct Bytes(pub Vec<u8>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_reserve(bytes.len()).map_err(|_| {
            let needed = self.0.len().saturating_add(bytes.len());
            io::Error::other(format!("{needed} bytes of memory cannot be had"))
        })?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The values of an array as a tensor of this shape; one in Fortran's order is a view with the
/// strides reversed.
pub(crate) fn in_order(
    values: &Tensor,
    shape: &[usize],
    fortran_order: bool,
    place: &str,
) -> Result<Tensor> {
    let mut sizes = shape.to_vec();
    if fortran_order {
        sizes.reverse();
    }
    let Some(mut strides) = row_major(&sizes) else {
        let what = format!("a shape of more than can be counted: {shape:?}");
        return Err(Error::corrupt(place, what));
    };
    if fortran_order {
        strides.reverse();
    }
    Ok(values.as_strided(shape, strides, 0)?)
}

fn check(source: &Source, extents: &[Extent]) -> Result<()> {
    let mut ranges = Vec::with_capacity(extents.len());
    for extent in extents {
        let end = byte_len(extent).and_then(|len| extent.offset.checked_add(len));
        match end {
            Some(end) if end <= source.len() => ranges.push((extent.offset, end, &extent.name)),
            _ => {
                let what = format!(
                    "{} elements of {} at byte {} reach beyond the file of {} bytes",
                    extent.len,
                    extent.element,
                    extent.offset,
                    source.len()
                );
                return Err(Error::corrupt(&extent.name, what));
            }
        }
    }
    ranges.retain(|(start, end, _)| start < end);
    ranges.sort_unstable_by_key(|&(start, end, _)| (start, end));
    for pair in ranges.windows(2) {
        if pair[1].0 < pair[0].1 {
            let what = format!("its data overlaps that of {}", pair[0].2);
            return Err(Error::corrupt(pair[1].2, what));
        }
    }
    Ok(())
}

/// A part of an extent that one task reads.
struct Part<'a> {
    extent: usize,
    offset: u64,
    out: &'a mut [u8],
    /// The checksum of the part, or what went wrong.
    result: io::Result<crc32fast::Hasher>,
}

fn fill(source: &Source, extents: &[Extent], memories: &mut [Memory]) -> Result<()> {
    // Small enough to be still in cache for the checksum, large enough for the system call.
    const PART: usize = 512 << 10;
    let mut parts = Vec::new();
    for (number, (extent, memory)) in extents.iter().zip(memories).enumerate() {
        for (i, out) in memory.bytes_mut().chunks_mut(PART).enumerate() {
            parts.push(Mutex::new(Part {
                extent: number,
                offset: extent.offset + (i * PART) as u64,
                out,
                result: Ok(crc32fast::Hasher::new()),
            }));
        }
    }
    parallel_for(parts.len(), |i| {
        // No other task takes this lock, and none can have panicked with it.
        let mut part = parts[i].lock().unwrap_or_else(|e| e.into_inner());
        let part = &mut *part;
        part.result =
            source
                .read_exact_at(part.out, part.offset)
                .map(|()| match extents[part.extent].crc {
                    Some(_) => sum_of(part.out),
                    None => crc32fast::Hasher::new(),
                });
    });
    let mut sums: Vec<crc32fast::Hasher> = extents.iter().map(|e| sum_of(&e.before)).collect();
    for part in parts {
        let part = part.into_inner().unwrap_or_else(|e| e.into_inner());
        match part.result {
            Ok(sum) => sums[part.extent].combine(&sum),
            Err(error) => {
                let name = &extents[part.extent].name;
                return Err(Error::corrupt(name, format!("cannot be read: {error}")));
            }
        }
    }
    for (extent, sum) in extents.iter().zip(sums) {
        check_sum(&extent.name, extent.crc, sum.finalize())?;
    }
    Ok(())
}

fn sum_of(bytes: &[u8]) -> crc32fast::Hasher {
    let mut sum = crc32fast::Hasher::new();
    sum.update(bytes);
    sum
}

/// The strides of a row-major tensor; `None` if its elements (zero sizes left out) cannot be
/// counted, or it has more dimensions than PyTorch allows.
pub(crate) fn row_major(shape: &[usize]) -> Option<Vec<usize>> {
    const MOST_DIMENSIONS: usize = 64;
    let mut strides = vec![1; shape.len()];
    let mut step = 1usize;
    for (stride, &size) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step = step.checked_mul(size.max(1))?;
    }
    let countable = step.checked_mul(8)? <= isize::MAX as usize;
    (countable && shape.len() <= MOST_DIMENSIONS).then_some(strides)
}

/// Compares a checksum with the one that is expected, if one is.
pub(crate) fn check_sum(name: &str, expected: Option<u32>, got: u32) -> Result<()> {
    match expected {
        Some(expected) if expected != got => {
            let what = format!(
                "its data is damaged: the checksum is {got:08x}, and should be {expected:08x}"
            );
            Err(Error::corrupt(name, what))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_cannot_be_had_is_an_error_that_says_how_much() {
        assert!(ensure(1 << 21, "tensors").is_ok());
        for bytes in [1 << 62, u64::MAX] {
            let error = ensure(bytes, "tensors").unwrap_err().to_string();
            let what = format!("tensors: {bytes} bytes of memory are needed, and cannot be had");
            assert_eq!(error, what);
        }
    }

    #[test]
    fn shapes_that_cannot_be_counted_have_no_strides() {
        assert_eq!(row_major(&[2, 3, 4]), Some(vec![12, 4, 1]));
        assert_eq!(row_major(&[0, 3]), Some(vec![3, 1]));
        assert_eq!(row_major(&[1 << 40, 1 << 40]), None);
        assert_eq!(row_major(&[0, 1 << 40, 1 << 40]), None);
        assert_eq!(row_major(&[usize::MAX]), None);
        assert_eq!(row_major(&[1; 65]), None);
    }
}
