//! What building a layer takes: empty parameters, their default values, how options print.

use pleach_core::{DType, Error, Parameter, Result, Tensor};
use pleach_init::{
    FanMode, Nonlinearity, calculate_fan_in_and_fan_out, kaiming_uniform_, uniform_,
};

/// A truth value as Python writes it.
pub(crate) fn bool_text(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A parameter of zeros, to be initialised.
pub(crate) fn empty_parameter(shape: &[usize], dtype: DType) -> Result<Parameter> {
    Parameter::try_new(Tensor::try_zeros_of(shape, dtype)?)
}

/// Parameters need a float dtype.
pub(crate) fn check_float(dtype: DType) -> Result<()> {
    if dtype.is_float() {
        return Ok(());
    }
    Err(Error::dtype(
        "Only Tensors of floating point and complex dtype can require gradients",
    ))
}

/// Draws the weight, then the bias: both uniform in `±1 / sqrt(fan_in)` of the weight, the weight
/// by way of `kaiming_uniform_` with `a = √5`, whose bound is the same but for the last bit.
pub(crate) fn reset_weight_and_bias(weight: &Parameter, bias: Option<&Parameter>) -> Result<()> {
    kaiming_uniform_(weight, 5f64.sqrt(), FanMode::FanIn, Nonlinearity::LeakyRelu)?;
    let Some(bias) = bias else { return Ok(()) };
    let (fan_in, _) = calculate_fan_in_and_fan_out(&weight.shape())?;
    if fan_in == 0 {
        // Draws as always; a lower bound of -0.0 would show in the values.
        uniform_(bias, 0.0, 0.0)?;
    } else {
        let bound = 1.0 / (fan_in as f64).sqrt();
        uniform_(bias, -bound, bound)?;
    }
    Ok(())
}
