//! Layer normalisation.

use pleach_core::autograd::{Backward, record};
use pleach_core::{Error, IntoShape, Result, Tensor};
use smallvec::smallvec;

/// `(x - mean) / √(var + eps) * weight + bias`, mean and biased variance over the last dimensions.
/// PyTorch's default is `eps = 1e-5`.
///
/// Shapes: input and result `[*, normalized_shape]`, weight and bias `normalized_shape`.
///
/// # Errors
/// If the input does not end in `normalized_shape`, or weight or bias has another shape.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional as F;
/// let y = F::layer_norm(&tensor![[1.0, 3.0]], [2], None, None, 0.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn layer_norm(
    input: &Tensor,
    normalized_shape: impl IntoShape,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let inner = normalized_shape.into_shape();
    check(input, &inner, weight, bias)?;
    let first = input.rank() - inner.len();
    let dims: Vec<i64> = (first as i64..input.rank() as i64).collect();
    let lead: Vec<i64> = (0..first as i64).collect();

    let x = input.detach();
    let centred = x.sub(&x.mean_dim(&dims[..], true)?)?;
    let variance = centred.mul(&centred)?.mean_dim(&dims[..], true)?;
    let scale = variance.add(eps)?.rsqrt()?;
    let normed = centred.mul(&scale)?;
    let mut out = normed.clone();
    if let Some(weight) = weight {
        out = out.mul(&weight.detach())?;
    }
    if let Some(bias) = bias {
        out = out.add(&bias.detach())?;
    }
    // An absent weight or bias takes part as a constant.
    let none = Tensor::zeros([0]);
    let inputs = [input, weight.unwrap_or(&none), bias.unwrap_or(&none)];
    let kept_weight = weight.map(Tensor::detach);
    let sum_lead = move |g: Tensor| match lead.is_empty() {
        true => Ok(g),
        false => g.sum_dim(&lead[..], false),
    };
    Ok(record(out, &inputs, |needs| {
        let needs = [needs[0], needs[1], needs[2]];
        Backward::new("NativeLayerNormBackward0", move |g: &Tensor| {
            let dx = needs[0].then(|| -> Result<Tensor> {
                let g = match &kept_weight {
                    Some(weight) => g.mul(weight)?,
                    None => g.clone(),
                };
                // The parts of g along the mean and along the normalised values do not count.
                let along = g.mul(&normed)?.mean_dim(&dims[..], true)?;
                let rest = g.sub(&g.mean_dim(&dims[..], true)?)?.sub(&normed.mul(&along)?)?;
                rest.mul(&scale)
            });
            let dw = needs[1].then(|| sum_lead(g.mul(&normed)?));
            let db = needs[2].then(|| sum_lead(g.clone()));
            Ok(smallvec![dx.transpose()?, dw.transpose()?, db.transpose()?])
        })
    }))
}

fn check(
    input: &Tensor,
    inner: &[usize],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
) -> Result<()> {
    if inner.is_empty() {
        return Err(Error::shape(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []",
        ));
    }
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
        if let Some(tensor) = tensor.filter(|t| t.shape() != inner) {
            return Err(Error::shape(format!(
                "Expected {name} to be of same shape as normalized_shape, but got {name} of shape {:?} and normalized_shape = {inner:?}",
                tensor.shape()
            )));
        }
    }
    if !input.shape().ends_with(inner) {
        let sizes: Vec<String> = inner.iter().map(usize::to_string).collect();
        return Err(Error::shape(format!(
            "Given normalized_shape={inner:?}, expected input with shape [*, {}], but got input of size{:?}",
            sizes.join(", "),
            input.shape()
        )));
    }
    Ok(())
}
