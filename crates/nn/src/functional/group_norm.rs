//! Normalisation of groups of channels.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{Error, Result, Tensor, checked_numel};
use pleach_kernels::{
    Buffer, GroupNormShape, NormAffine, NormGrads, NormStats, NormStatsMut, group_norm_backward,
};

use super::layer_norm::{dense, slice, with_parameters};

/// `(x - mean) / √(var + eps) * weight + bias`, mean and biased variance over each of `num_groups`
/// groups of channels of a sample. PyTorch's default is `eps = 1e-5`.
///
/// Shapes: input and result `[N, C, *]`, weight and bias `[C]`. Half floats take a weight and a bias
/// of their own dtype or of f32.
///
/// # Errors
/// If the groups do not divide the channels, there is one value for each group, weight or bias has
/// another shape or dtype, or the dtype is not a float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let x = tensor![[1.0, 3.0, 10.0, 30.0]]; // two groups of two channels
/// let y = F::group_norm(&x.unsqueeze(2)?, 2, None, None, 0.0)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn group_norm(
    input: &Tensor,
    num_groups: usize,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let sizes = input.shape();
    let &[batch, channels, ref spatial @ ..] = sizes else {
        return Err(Error::shape(format!(
            "Expected at least 2 dimensions for input tensor but received {}",
            sizes.len()
        )));
    };
    if num_groups == 0 {
        return Err(Error::value(
            "Expected num groups to be greater than 0, got 0",
        ));
    }
    let rows = batch.saturating_mul(channels) / num_groups;
    let positions = checked_numel(spatial)?;
    if positions.saturating_mul(rows) == 1 {
        let all = [&[rows, num_groups], spatial].concat();
        return Err(Error::value(format!(
            "Expected more than 1 value per channel when training, got input size {all:?}"
        )));
    }
    if channels == 0 {
        return Err(Error::shape(
            "Expected number of channels to be greater than 0, got 0",
        ));
    }
    if !channels.is_multiple_of(num_groups) {
        return Err(Error::shape(format!(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape {sizes:?} and num_groups={num_groups}"
        )));
    }
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
        if let Some(tensor) = tensor.filter(|t| t.shape() != [channels]) {
            return Err(Error::shape(format!(
                "Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {:?} and input of shape {sizes:?}",
                tensor.shape()
            )));
        }
    }
    checked_numel(&sizes[1..])?;
    if positions == 0 {
        return Err(Error::shape("Expected HxW to be greater than 0, got 0"));
    }
    let groups = num_groups;
    with_parameters("GroupNormKernelImpl", input, weight, bias, |x| {
        apply(GroupNorm { groups, eps }, (x, weight, bias))
    })
}

/// Normalises groups of channels. Inputs: x, weight, bias.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    /// The groups of a sample.
    groups: usize,
    /// What is added to the variance.
    eps: f64,
}

impl Operation for GroupNorm {
    type Inputs<'a> = (&'a Tensor, Option<&'a Tensor>, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        "group_norm"
    }
    fn grad_name(&self) -> &'static str {
        "NativeGroupNormBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("num_groups", self.groups.into()), ("eps", self.eps.into())]
    }
    fn forward(&self, (x, weight, bias): Self::Inputs<'_>, own: &mut Own) -> Result<Tensor> {
        let shape = self.shape_of(x);
        let all = shape.batch * shape.groups;
        dispatch_float!("group_norm", x.dtype(), T => {
            let mut out = Buffer::<T>::try_new(x.numel())?;
            let (mut mean, mut invstd) = (Buffer::<T>::try_new(all)?, Buffer::<T>::try_new(all)?);
            let affine = NormAffine { weight: slice(weight)?, bias: slice(bias)? };
            let stats = NormStatsMut { mean: &mut mean, invstd: &mut invstd };
            pleach_kernels::group_norm(&shape, x.as_slice()?, affine, self.eps, &mut out, stats);
            own.keep(Tensor::from_buffer(mean, [all]));
            own.keep(Tensor::from_buffer(invstd, [all]));
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

impl GroupNorm {
    fn shape_of(&self, x: &Tensor) -> GroupNormShape {
        let sizes = x.shape();
        GroupNormShape {
            batch: sizes[0],
            groups: self.groups,
            channels: sizes[1] / self.groups,
            spatial: sizes[2..].iter().product(),
        }
    }

    fn in_operations(&self, inputs: &[Option<Tensor>]) -> Result<Tensor> {
        let [Some(x), weight, bias] = inputs else {
            unreachable!("three inputs, of which the first is given");
        };
        let shape = self.shape_of(x);
        let groups = x.reshape([shape.batch, shape.groups, shape.channels * shape.spatial])?;
        let centred = groups.sub(&groups.mean_dim(2, true)?)?;
        let var = centred.mul(&centred)?.mean_dim(2, true)?;
        let normed = centred.mul(&var.add(self.eps)?.rsqrt()?)?;
        let mut y = normed.reshape(x.shape())?;
        let mut column = vec![1usize; x.rank() - 1];
        column[0] = x.shape()[1];
        if let Some(weight) = weight {
            y = y.mul(&weight.reshape(&column[..])?)?;
        }
        match bias {
            Some(bias) => y.add(&bias.reshape(&column[..])?),
            None => Ok(y),
        }
    }

    /// The gradients by the kernel, in one pass.
    fn fast(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (x, grad) = (dense(&saved.input(0)?)?, dense(grad)?);
        let weight = saved.optional(1).map(|w| dense(&w)).transpose()?;
        let (mean, invstd) = (saved.own_constant(0)?, saved.own_constant(1)?);
        let (shape, channels) = (self.shape_of(&x), x.shape()[1]);
        dispatch_float!("group_norm", x.dtype(), T => {
            let room = |i: usize, len: usize| -> Result<Option<Buffer<T>>> {
                Ok(saved.needs(i).then(|| Buffer::try_new(len)).transpose()?)
            };
            let mut dx = room(0, x.numel())?;
            let (mut dw, mut db) = (room(1, channels)?, room(2, channels)?);
            let grads = NormGrads {
                input: dx.as_deref_mut(),
                weight: dw.as_deref_mut(),
                bias: db.as_deref_mut(),
            };
            let (values, g) = (x.as_slice::<T>()?, grad.as_slice::<T>()?);
            let stats = NormStats { mean: mean.as_slice()?, invstd: invstd.as_slice()? };
            group_norm_backward(&shape, values, g, stats, slice(weight.as_ref())?, grads);
            let vector = |d: Option<Buffer<T>>| d.map(|d| Tensor::from_buffer(d, [channels]));
            let dx = dx.map(|d| Tensor::from_buffer(d, x.shape()));
            Ok([dx, vector(dw), vector(db)])
        })
    }
}
