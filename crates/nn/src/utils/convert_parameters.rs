//! Parameters as one vector, and back.

use pleach_core::{Error, Parameter, Result, Tensor, size_text};

/// All values in one vector, through which gradients flow.
///
/// ```
/// use pleach::nn::utils::{parameters_to_vector, vector_to_parameters};
/// use pleach::{Parameter, tensor};
/// let parameters = [Parameter::new(tensor![[1.0, 2.0]]), Parameter::new(tensor![3.0])];
/// let vector = parameters_to_vector(&parameters)?;
/// assert_eq!(vector.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// vector_to_parameters(&vector.mul(2.0)?, &parameters)?;
/// assert_eq!(parameters[0].data().to_vec::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If there are no parameters.
pub fn parameters_to_vector(parameters: &[Parameter]) -> Result<Tensor> {
    let flat = parameters.iter().map(|p| p.try_tensor()?.reshape([-1]));
    Tensor::cat(flat.collect::<Result<Vec<_>>>()?, 0)
}

/// Replaces the values of parameters by the parts of a vector, in order. What is left of it is not
/// used, as in PyTorch; the parameters then have its dtype.
///
/// # Errors
/// If it is no vector, or too short.
pub fn vector_to_parameters(vector: &Tensor, parameters: &[Parameter]) -> Result<()> {
    let [len] = *vector.shape() else {
        return Err(Error::shape(format!(
            "vector_to_parameters of a tensor of size {}",
            size_text(vector.shape())
        )));
    };
    let sizes = parameters
        .iter()
        .map(|p| Ok(p.try_tensor()?.shape().to_vec()));
    let sizes = sizes.collect::<Result<Vec<_>>>()?;
    let mut begin = 0;
    let mut parts = Vec::new();
    for size in &sizes {
        let count = size.iter().product::<usize>();
        if count > len - begin {
            return Err(Error::shape(format!(
                "shape '{size:?}' is invalid for input of size {}",
                len - begin
            )));
        }
        let part = vector.narrow(0, begin as i64, count)?;
        parts.push(part.reshape(&size[..])?);
        begin += count;
    }
    for (p, part) in parameters.iter().zip(parts) {
        p.set_data(part.copy()?)?;
    }
    Ok(())
}
