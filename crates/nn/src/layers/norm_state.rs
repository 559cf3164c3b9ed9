//! What the norm layers have in common: weight and bias, and running statistics.

use pleach_core::{Buffer, DType, Parameter, Result, Tensor};

use super::default_init::check_float;

/// A weight of ones and a bias of zeros, of those that are wanted.
pub(super) fn affine(
    shape: &[usize],
    weight: bool,
    bias: bool,
    dtype: DType,
) -> Result<(Option<Parameter>, Option<Parameter>)> {
    check_float(dtype)?;
    let weight = weight.then(|| Tensor::try_ones_of(shape, dtype));
    let bias = bias.then(|| Tensor::try_zeros_of(shape, dtype));
    Ok((
        weight.transpose()?.map(Parameter::new),
        bias.transpose()?.map(Parameter::new),
    ))
}

/// Sets weight 1 and bias 0.
pub(super) fn reset_affine(weight: Option<&Parameter>, bias: Option<&Parameter>) -> Result<()> {
    for (parameter, value) in [(weight, 1.0), (bias, 0.0)] {
        if let Some(parameter) = parameter {
            parameter.data().fill_(value)?;
        }
    }
    Ok(())
}

/// The value of a parameter, if there is one.
pub(super) fn value(parameter: &Option<Parameter>) -> Result<Option<Tensor>> {
    parameter.as_ref().map(Parameter::try_tensor).transpose()
}

/// Running mean, running variance and the number of batches: those of a new layer, if they are wanted.
pub(super) fn running_stats(
    num_features: usize,
    wanted: bool,
    dtype: DType,
) -> Result<[Option<Buffer>; 3]> {
    if !wanted {
        return Ok([None, None, None]);
    }
    let mean = Tensor::try_zeros_of([num_features], dtype)?;
    let var = Tensor::try_ones_of([num_features], dtype)?;
    let batches = Tensor::try_zeros_of((), DType::I64)?;
    Ok([mean, var, batches].map(|t| Some(Buffer::new(t))))
}

/// Sets mean 0, variance 1 and no batches seen.
pub(super) fn reset_running_stats(buffers: [&Option<Buffer>; 3]) -> Result<()> {
    for (buffer, start) in buffers.into_iter().zip([0.0, 1.0, 0.0]) {
        if let Some(buffer) = buffer {
            buffer.update(|t| t.fill_(start).map(drop))?;
        }
    }
    Ok(())
}
