//! Layer normalisation.

use pleach_core::autograd::{
    Attributes, Call, GradOf, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{Error, IntoShape, Result, Tensor};
use pleach_kernels::{Buffer, moments_axis};

/// `(x - mean) / √(var + eps) * weight + bias`, mean and biased variance over the last dimensions.
/// PyTorch's default is `eps = 1e-5`.
///
/// Shapes: input and result `[*, normalized_shape]`, weight and bias `normalized_shape`.
///
/// # Errors
/// If the input does not end in `normalized_shape`, weight or bias has another shape, or the dtype
/// is not a float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::layer_norm(&tensor![[1.0, 3.0]], [2], None, None, 0.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn layer_norm(
    input: &Tensor,
    normalized_shape: impl IntoShape,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let inner = normalized_shape.into_shape().to_vec();
    let op = LayerNorm { inner, eps };
    op.check((input, weight, bias))?;
    Ok(apply(op, (input, weight, bias))?.0)
}

/// Inputs: x, weight, bias. Outputs: the result, what it was before weight and bias, and what it was
/// scaled with.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// The dimensions that are normalised over.
    inner: Vec<usize>,
    /// What is added to the variance.
    eps: f64,
}

impl LayerNorm {
    fn check(&self, (input, weight, bias): <Self as Operation>::Inputs<'_>) -> Result<()> {
        let inner = &self.inner[..];
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
}

impl Operation for LayerNorm {
    type Inputs<'a> = (&'a Tensor, Option<&'a Tensor>, Option<&'a Tensor>);
    type Outputs = (Tensor, Tensor, Tensor);
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn grad_name(&self) -> &'static str {
        "NativeLayerNormBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![
            ("normalized_shape", self.inner[..].into()),
            ("eps", self.eps.into()),
        ]
    }
    fn forward(&self, (x, weight, bias): Self::Inputs<'_>, _: &mut Own) -> Result<Self::Outputs> {
        let [mean, variance] = statistics(x, x.rank() - self.inner.len())?;
        let scale = variance.add(self.eps)?.rsqrt()?;
        let normed = x.sub(&mean)?.mul(&scale)?;
        let mut out = normed.clone();
        if let Some(weight) = weight {
            out = out.mul(weight)?;
        }
        if let Some(bias) = bias {
            out = out.add(bias)?;
        }
        Ok((out, normed, scale))
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        Saves::ONCE
            .input_if(call.needs(0), 1)
            .output_if(call.needs(0) || call.needs(1), 1)
            .output_if(call.needs(0), 2)
    }
    fn backward(
        &self,
        saved: &Saved<'_>,
        [grad, to_normed, to_scale]: GradOf<'_, Self>,
    ) -> Result<GradsOf<Self>> {
        let rank = saved.shape(0).len();
        let dims: Vec<i64> = (rank - self.inner.len()..rank).map(|d| d as i64).collect();
        let mut dx = None;
        if saved.needs(0) {
            let (normed, scale) = (saved.output(1)?, saved.output(2)?);
            let weighted = match (grad, saved.optional(1)) {
                (Some(g), Some(weight)) => Some(g.mul(&weight)?),
                (g, _) => g.cloned(),
            };
            if let Some(g) = plus(weighted, to_normed.cloned())? {
                // The parts of g along the mean and along the normalised values do not count.
                let along = g.mul(&normed)?.mean_dim(&dims[..], true)?;
                let rest = g.sub(&g.mean_dim(&dims[..], true)?)?;
                dx = Some(rest.sub(&normed.mul(&along)?)?.mul(&scale)?);
            }
            if let Some(g) = to_scale {
                let n = self.inner.iter().product::<usize>() as f64;
                let through = g.mul(&scale)?.mul(&scale)?.div(-n)?.mul(&normed)?;
                dx = plus(dx, Some(through))?;
            }
        }
        let dw = grad.filter(|_| saved.needs(1));
        let dw = dw.map(|g| g.mul(&saved.output(1)?)).transpose()?;
        Ok([dx, dw, grad.filter(|_| saved.needs(2)).cloned()])
    }
}

/// The sum of what is there.
pub(super) fn plus(a: Option<Tensor>, b: Option<Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => a.add(&b).map(Some),
        (a, b) => Ok(a.or(b)),
    }
}

/// Mean and biased variance over the dimensions from `first` on, which are kept as 1. They are
/// computed in f64, and equal values have variance 0.
fn statistics(x: &Tensor, first: usize) -> Result<[Tensor; 2]> {
    let (lead, inner) = x.shape().split_at(first);
    let (rows, n) = (lead.iter().product(), inner.iter().product());
    let kept = [lead, &vec![1; inner.len()]].concat();
    let mut mean = Buffer::<f64>::try_zeroed(rows)?;
    let mut squares = Buffer::<f64>::try_zeroed(rows)?;
    Ok(dispatch_float!("LayerNormKernelImpl", x.dtype(), T => {
        moments_axis(x.as_slice::<T>()?, rows, n, 1, &mut mean, &mut squares);
        squares.iter_mut().for_each(|s| *s /= n as f64);
        let rounded = |values: &[f64]| -> Result<Tensor> {
            let values = Buffer::<T>::try_from_exact_iter(values.iter().map(|v| *v as T))?;
            Ok(Tensor::from_buffer(values, &kept[..]))
        };
        [rounded(&mean)?, rounded(&squares)?]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;

    fn data(shape: &[usize], seed: usize) -> Tensor {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = (0..n)
            .map(|i| ((i * 7 + seed) % 11) as f64 * 0.3 - 1.4)
            .collect();
        Tensor::from_vec(values, shape).unwrap()
    }

    #[test]
    fn gradients_are_right() {
        let (x, w, b) = (data(&[2, 3, 4], 1), data(&[4], 5), data(&[4], 3));
        let inputs = [x.clone(), w, b];
        gradcheck(
            |x| layer_norm(&x[0], [4], Some(&x[1]), Some(&x[2]), 1e-5),
            &inputs,
        )
        .unwrap();
        gradcheck(
            |x| layer_norm(&x[0], [4], Some(&x[1]), None, 1e-5),
            &inputs[..2],
        )
        .unwrap();
        gradcheck(
            |x| layer_norm(&x[0], [4], None, Some(&x[1]), 1e-5),
            &[x.clone(), data(&[4], 2)],
        )
        .unwrap();
        gradcheck(
            |x| layer_norm(&x[0], [3, 4], None, None, 1e-2),
            std::slice::from_ref(&x),
        )
        .unwrap();
        let turned = data(&[4, 3, 2], 1).permute([2, 1, 0]).unwrap();
        let w = data(&[2, 3, 4], 8);
        gradcheck(
            |x| layer_norm(&x[0], [2, 3, 4], Some(&x[1]), None, 1e-5),
            &[turned, w],
        )
        .unwrap();
    }

    #[test]
    fn a_wrong_shape_is_refused_with_pytorchs_text() {
        let error = layer_norm(&Tensor::zeros([2, 5]), [4], None, None, 1e-5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 5]"
        );
    }
}
