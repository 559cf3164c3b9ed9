//! Layer normalisation, and RMS normalisation, which leaves the mean where it is.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{DType, Error, ErrorKind, IntoShape, Result, Tensor, checked_numel};
use pleach_kernels::{
    Buffer, NormAffine, NormGrads, NormStats, NormStatsMut, layer_norm_backward, rms_norm_backward,
};

use super::check_dtype;

/// `(x - mean) / √(var + eps) * weight + bias`, mean and biased variance over the last dimensions.
/// PyTorch's default is `eps = 1e-5`.
///
/// Shapes: input and result `[*, normalized_shape]`, weight and bias `normalized_shape`. Half floats
/// take a weight and a bias of their own dtype or of f32.
///
/// # Errors
/// If the input does not end in `normalized_shape`, weight or bias has another shape or dtype, or
/// the dtype is not a float type.
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
    check_shapes(input, &inner, [("weight", weight), ("bias", bias)], "[*, ")?;
    with_parameters("LayerNormKernelImpl", input, weight, bias, |x| {
        let op = RowNorm {
            inner,
            eps,
            centred: true,
        };
        apply(op, (x, weight, bias))
    })
}

/// `x / √(mean of x² + eps) * weight`, the mean over the last dimensions. Without an eps it is the
/// machine epsilon of the dtype that is computed in (f32 for half floats).
///
/// Shapes: input and result `[*, normalized_shape]`, weight `normalized_shape`. A weight of another
/// dtype multiplies in the common one; the result has the input's.
///
/// # Errors
/// If the input does not end in `normalized_shape`, the weight has another shape, or the dtype is not
/// a float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::rms_norm(&tensor![[1.0, 7.0]], [2], Some(&tensor![5.0, 10.0]), 0.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 14.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn rms_norm(
    input: &Tensor,
    normalized_shape: impl IntoShape,
    weight: Option<&Tensor>,
    eps: impl Into<Option<f64>>,
) -> Result<Tensor> {
    let inner = normalized_shape.into_shape().to_vec();
    check_shapes(input, &inner, [("weight", weight), ("bias", None)], "[*")?;
    let epsilon = match input.dtype() {
        DType::F64 => f64::EPSILON,
        DType::F32 | DType::F16 | DType::BF16 => f32::EPSILON.into(),
        dtype => {
            let op = "rms_norm";
            return Err(ErrorKind::NotImplementedFor { op, dtype }.into());
        }
    };
    let op = RowNorm {
        inner,
        eps: eps.into().unwrap_or(epsilon),
        centred: false,
    };
    match weight.filter(|w| w.dtype() != input.dtype()) {
        Some(weight) => {
            let wide = input.to_dtype(computed_in(input.dtype()))?;
            apply(op, (&wide, None, None))?
                .mul(weight)?
                .to_dtype(input.dtype())
        }
        None => apply(op, (input, weight, None)),
    }
}

/// The dtype that a float dtype is computed in.
pub(super) fn computed_in(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}

fn check_shapes(
    input: &Tensor,
    inner: &[usize],
    parameters: [(&str, Option<&Tensor>); 2],
    expected: &str,
) -> Result<()> {
    if inner.is_empty() {
        return Err(Error::shape(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []",
        ));
    }
    for (name, tensor) in parameters {
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
            "Given normalized_shape={inner:?}, expected input with shape {expected}{}], but got input of size{:?}",
            sizes.join(", "),
            input.shape()
        )));
    }
    Ok(())
}

/// Runs a normalisation of an input whose parameters have its dtype; half floats with parameters of
/// f32 are computed as f32. `kernel` is PyTorch's, which refuses other dtypes.
pub(super) fn with_parameters(
    kernel: &'static str,
    input: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    run: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let dtype = input.dtype();
    if !dtype.is_float() {
        return Err(ErrorKind::NotImplementedFor { op: kernel, dtype }.into());
    }
    let Some(first) = weight.or(bias) else {
        return run(input);
    };
    if first.dtype() != dtype && first.dtype() != computed_in(dtype) {
        return Err(Error::dtype(match dtype {
            DType::F64 => "mixed dtype (CPU): all inputs must share same datatype.",
            _ => "mixed dtype (CPU): expect parameter to have scalar type of Float",
        })
        .hint_common(first.dtype(), dtype));
    }
    if let Some(bias) = bias {
        check_dtype(bias, first.dtype())?;
    }
    match first.dtype() == dtype {
        true => run(input),
        false => run(&input.to_dtype(first.dtype())?)?.to_dtype(dtype),
    }
}

/// Normalises over the last dimensions. Inputs: x, weight, bias (which an RMS normalisation has not).
#[derive(Clone, Debug)]
pub struct RowNorm {
    /// The dimensions that are normalised over.
    inner: Vec<usize>,
    /// What is added to the variance.
    eps: f64,
    /// Whether the mean is taken away; otherwise the variance is that about 0.
    centred: bool,
}

impl Operation for RowNorm {
    type Inputs<'a> = (&'a Tensor, Option<&'a Tensor>, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        match self.centred {
            true => "layer_norm",
            false => "rms_norm",
        }
    }
    fn grad_name(&self) -> &'static str {
        match self.centred {
            true => "NativeLayerNormBackward0",
            false => "MulBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        vec![
            ("normalized_shape", self.inner[..].into()),
            ("eps", self.eps.into()),
        ]
    }
    fn forward(&self, (x, weight, bias): Self::Inputs<'_>, own: &mut Own) -> Result<Tensor> {
        let (rows, n) = self.sizes(x.shape())?;
        dispatch_float!(self.name(), x.dtype(), T => {
            let mut out = Buffer::<T>::try_new(x.numel())?;
            let mut scale = Buffer::<T>::try_new(rows)?;
            let (values, weight) = (x.as_slice::<T>()?, slice(weight)?);
            if self.centred {
                let mut mean = Buffer::<T>::try_new(rows)?;
                let affine = NormAffine { weight, bias: slice(bias)? };
                let stats = NormStatsMut { mean: &mut mean, invstd: &mut scale };
                pleach_kernels::layer_norm(values, n, affine, self.eps, &mut out, stats);
                own.keep(Tensor::from_buffer(scale, [rows]));
                own.keep(Tensor::from_buffer(mean, [rows]));
            } else {
                pleach_kernels::rms_norm(values, n, weight, self.eps, &mut out, &mut scale);
                own.keep(Tensor::from_buffer(scale, [rows]));
            }
            Ok(Tensor::from_buffer(out, x.shape()))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1).input(2)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        if !saved.recording() {
            return self.fast(saved, grad);
        }
        let mut parts = saved.by_parts(grad, |inputs| self.in_operations(inputs))?;
        Ok([0, 1, 2].map(|i| parts.get_mut(i).and_then(Option::take)))
    }
}

pub(super) fn slice<T: pleach_core::Element>(t: Option<&Tensor>) -> Result<Option<&[T]>> {
    t.map(Tensor::as_slice).transpose()
}

/// A kept input as the kernels take it.
pub(super) fn dense(t: &Tensor) -> Result<Tensor> {
    t.to_dtype(computed_in(t.dtype()))?.contiguous()
}

impl RowNorm {
    /// The number of rows, and their length.
    fn sizes(&self, shape: &[usize]) -> Result<(usize, usize)> {
        let (lead, inner) = shape.split_at(shape.len() - self.inner.len());
        Ok((checked_numel(lead)?, checked_numel(inner)?))
    }

    fn in_operations(&self, inputs: &[Option<Tensor>]) -> Result<Tensor> {
        let [Some(x), weight, bias] = inputs else {
            unreachable!("three inputs, of which the first is given");
        };
        let first = x.rank() - self.inner.len();
        let dims: Vec<i64> = (first..x.rank()).map(|d| d as i64).collect();
        let centred = match self.centred {
            true => x.sub(&x.mean_dim(&dims[..], true)?)?,
            false => x.clone(),
        };
        let var = centred.mul(&centred)?.mean_dim(&dims[..], true)?;
        let mut y = centred.mul(&var.add(self.eps)?.rsqrt()?)?;
        if let Some(weight) = weight {
            y = y.mul(weight)?;
        }
        match bias {
            Some(bias) => y.add(bias),
            None => Ok(y),
        }
    }

    /// The gradients by the kernels, in one pass.
    fn fast(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (x, grad) = (dense(&saved.input(0)?)?, dense(grad)?);
        let weight = saved.optional(1).map(|w| dense(&w)).transpose()?;
        let scale = saved.own_constant(0)?;
        let (_, n) = self.sizes(x.shape())?;
        dispatch_float!(self.name(), x.dtype(), T => {
            let room = |i: usize, len: usize| -> Result<Option<Buffer<T>>> {
                Ok(saved.needs(i).then(|| Buffer::try_new(len)).transpose()?)
            };
            let (mut dx, mut dw, mut db) = (room(0, x.numel())?, room(1, n)?, room(2, n)?);
            let grads = NormGrads {
                input: dx.as_deref_mut(),
                weight: dw.as_deref_mut(),
                bias: db.as_deref_mut(),
            };
            let (values, g) = (x.as_slice::<T>()?, grad.as_slice::<T>()?);
            let (weight, invstd) = (slice(weight.as_ref())?, scale.as_slice()?);
            if self.centred {
                let mean = saved.own_constant(1)?;
                let stats = NormStats { mean: mean.as_slice()?, invstd };
                layer_norm_backward(values, n, g, stats, weight, grads);
            } else {
                rms_norm_backward(values, n, g, invstd, weight, grads);
            }
            let inner = |d: Option<Buffer<T>>| d.map(|d| Tensor::from_buffer(d, &self.inner[..]));
            let dx = dx.map(|d| Tensor::from_buffer(d, x.shape()));
            Ok([dx, inner(dw), inner(db)])
        })
    }
}
