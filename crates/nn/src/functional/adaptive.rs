//! What the adaptive poolings check.

use pleach_core::{Error, Result, Tensor};

use super::OutputSize;
use super::sliding::planes;

/// The number of planes, their size, and that of the output's, if the rank fits.
pub(super) fn sizes<const D: usize>(
    name: &str,
    colon: &str,
    input: &Tensor,
    output_size: OutputSize<D>,
) -> Result<(usize, [usize; D], [usize; D])> {
    let rank = input.rank();
    if rank <= D && !output_size.is_single() {
        return Err(Error::value(format!(
            "Input dimension should be at least {}",
            D + 1
        )));
    }
    if rank != D + 1 && rank != D + 2 {
        return Err(Error::shape(format!(
            "{name}(): Expected {}D or {}D tensor, but got{colon} {:?}",
            D + 1,
            D + 2,
            input.shape()
        )));
    }
    let (planes, plane) = planes(input);
    Ok((planes, plane, output_size.of(plane)))
}

/// Sequences are `[N, C, L]` or `[C, L]`.
pub(super) fn check_one(name: &str, input: &Tensor) -> Result<()> {
    match input.rank() {
        2 | 3 => Ok(()),
        rank => Err(Error::shape(format!(
            "Expected 2 to 3 dimensions, but got {rank}-dimensional tensor for argument #1 'self' (while checking arguments for {name})"
        ))),
    }
}
