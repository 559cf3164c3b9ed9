//! Gated activations: [`glu`], [`prelu`], [`rrelu`].

use pleach_core::autograd::apply;
use pleach_core::{DType, Error, FloatPair, Glu, Result, Tensor};
use pleach_kernels::Pair;

use super::leaky_relu;

/// The first half of a dimension times the sigmoid of the second: `a · 1 / (1 + e^-b)` (Dauphin et al.
/// 2016). PyTorch's default is `dim = -1`.
///
/// Shapes: input with an even size in `dim`, output with half of it.
///
/// # Errors
/// If the dimension does not exist or is odd, or the dtype is not a float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// assert_eq!(F::glu(&tensor![4.0, 0.0], -1)?.to_vec::<f32>()?, [2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn glu(input: &Tensor, dim: i64) -> Result<Tensor> {
    if input.rank() == 0 {
        return Err(Error::shape(
            "glu does not support scalars because halving size must be even",
        ));
    }
    if !input.dtype().is_float() {
        return Err(Error::not_implemented("glu_cpu", input.dtype()));
    }
    apply(Glu { dim }, input)
}

/// `x`, or `weight · x` up to 0: the slope is learned (He et al. 2015).
///
/// Shapes: input `[N, C, *]`, weight `[C]`, `[1]` or `[]`; an input of one dimension has one channel.
///
/// # Errors
/// If the weight has not one number, or one for each channel, the dtypes differ or are no float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::prelu(&tensor![[-2.0, -2.0]], &tensor![0.5, 0.25])?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, -0.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn prelu(input: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let rank = input.rank();
    if input.dtype() != weight.dtype() {
        return Err(Error::dtype(format!(
            "prelu: Type promoting not supported. Got {} and {}",
            input.dtype().torch_name(),
            weight.dtype().torch_name()
        )));
    }
    if weight.numel() != 1 {
        let channels = match input.shape() {
            [] => return Err(Error::shape("Not allow zero-dim input tensor.")),
            [_] => 1,
            [_, channels, ..] => *channels,
        };
        if channels != weight.numel() {
            return Err(Error::shape(format!(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = {} and channel size = {channels}.",
                weight.numel()
            )));
        }
    }
    if weight.rank() > 1 {
        return Err(Error::shape(format!(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {}",
            weight.rank()
        )));
    }
    if !input.dtype().is_float() {
        return Err(Error::not_implemented("prelu_cpu", input.dtype()));
    }
    let mut shape = vec![1; rank];
    if let Some(channels) = shape.get_mut(1) {
        *channels = weight.numel();
    }
    apply(FloatPair(Pair::Prelu), (input, &weight.reshape(shape)?))
}

/// `x`, or `slope · x` up to 0: in training each such element draws its slope from `lower` to `upper`
/// (Xu et al. 2015), else it is their mean. Any shape. PyTorch's defaults are 1/8 and 1/3.
///
/// # Errors
/// If the bounds are not finite or the wrong way round, or the dtype does not fit.
///
/// ```
/// use pleach::{manual_seed, tensor};
/// use pleach::nn::functional as F;
/// let x = tensor![-1.0, 2.0];
/// assert_eq!(F::rrelu(&x, 0.25, 0.75, false)?.to_vec::<f32>()?, [-0.5, 2.0]);
/// manual_seed(0);
/// let y = F::rrelu(&x, 0.25, 0.75, true)?;
/// assert_eq!(y.index(1)?.item()?, 2.0);
/// assert!((-0.75..=-0.25).contains(&y.index(0)?.item()?));
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn rrelu(input: &Tensor, lower: f64, upper: f64, training: bool) -> Result<Tensor> {
    for (name, bound) in [("lower", lower), ("upper", upper)] {
        if !bound.is_finite() {
            return Err(Error::value(format!(
                "rrelu: {name} bound must be finite, got {bound}"
            )));
        }
    }
    if lower > upper {
        return Err(Error::value(
            "Lower bound should be less than or equal to the upper bound",
        ));
    }
    if !training {
        return leaky_relu(input, (lower + upper) / 2.0);
    }
    if !matches!(input.dtype(), DType::F32 | DType::F64) {
        let kernel = "rrelu_with_noise_out_cpu";
        return Err(Error::not_implemented(kernel, input.dtype()));
    }
    // The elements that are not positive draw in order, in f64.
    let drawing = input.detach().le(0.0)?;
    let places = drawing.reshape([input.numel()])?.where_true()?;
    let mut slopes = Tensor::try_zeros_of([places[0].numel()], DType::F64)?;
    slopes.uniform_(lower, upper)?;
    let noise = Tensor::try_ones_of([input.numel()], input.dtype())?;
    let noise = noise.scatter(0, &places[0], &slopes.to_dtype(input.dtype())?)?;
    input.mul(&noise.reshape(input.shape())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::{gradcheck, gradgradcheck};
    use pleach_core::tensor;

    #[test]
    fn slopes_and_gates_have_the_right_gradients() {
        let values = [-4.1f64, -1.3, -0.2, 0.3, 0.7, 2.2, 3.9, -0.6];
        let x = Tensor::from_slice(&values, [2, 2, 2]).unwrap();
        let slopes = tensor![0.25, -1.5].double().unwrap();
        for x in [x.clone(), x.transpose(0, 2).unwrap()] {
            let both = |f: fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]| {
                gradcheck(f, inputs).unwrap();
                gradgradcheck(f, inputs).unwrap();
            };
            both(|x| glu(&x[0], 1), std::slice::from_ref(&x));
            both(|x| rrelu(&x[0], 0.1, 0.3, false), std::slice::from_ref(&x));
            both(|x| prelu(&x[0], &x[1]), &[x.clone(), slopes.clone()]);
        }
    }

    #[test]
    fn what_pytorch_refuses_is_refused_with_its_text() {
        let text = |r: Result<Tensor>| r.unwrap_err().kind().to_string();
        let x = tensor![[1.0, -2.0, 3.0]];
        for (got, want) in [
            (
                glu(&x, -1),
                "Halving dimension must be even, but dimension 1 is size 3",
            ),
            (
                glu(&Tensor::scalar(1.0), 0),
                "glu does not support scalars because halving size must be even",
            ),
            (
                glu(&tensor![1, 2], 0),
                "\"glu_cpu\" not implemented for 'Long'",
            ),
            (
                prelu(&x, &tensor![1.0, 2.0]),
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = 2 and channel size = 3.",
            ),
            (
                prelu(&x, &tensor![[1.0]]),
                "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = 2",
            ),
            (
                prelu(&x, &tensor![1.0].double().unwrap()),
                "prelu: Type promoting not supported. Got Float and Double",
            ),
            (
                rrelu(&x, 0.5, 0.1, true),
                "Lower bound should be less than or equal to the upper bound",
            ),
            (
                rrelu(&x, f64::INFINITY, 1.0, true),
                "rrelu: lower bound must be finite, got inf",
            ),
            (
                rrelu(&x.half().unwrap(), 0.1, 0.2, true),
                "\"rrelu_with_noise_out_cpu\" not implemented for 'Half'",
            ),
        ] {
            assert_eq!(text(got), want);
        }
    }
}
