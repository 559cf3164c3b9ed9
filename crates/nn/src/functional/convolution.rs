//! [`Convolution`]: the operation of both convolutions and of their gradients.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{Result, Tensor, product_of};
use pleach_kernels::{
    ConvShape, conv_backward_bias, conv_backward_weight, conv_forward, conv_transpose,
};

use super::filled;

/// Input, weight and bias.
pub(crate) type Tensors<'a> = <Convolution as Operation>::Inputs<'a>;

/// What is computed: the convolution, or one of its gradients.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// From input and weight.
    Output,
    /// From the output's gradient and weight: also the transposed convolution.
    InputGrad,
    /// From input and the output's gradient.
    WeightGrad,
}

/// A convolution of a checked shape, or one of its gradients, of which that of the input is the transposed
/// convolution. All three are derivatives of one number, linear in input, weight and the output's gradient,
/// so the gradients of each are the other two.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    part: Part,
    shape: ConvShape,
    dims: usize,
}

impl Convolution {
    /// The result for an input with or without a batch.
    pub(super) fn run<const D: usize>(
        part: Part,
        shape: ConvShape,
        input: &Tensor,
        tensors: Tensors<'_>,
    ) -> Result<Tensor> {
        let dims = D;
        let out = apply(Convolution { part, shape, dims }, tensors)?;
        match input.rank() == D + 2 {
            true => Ok(out),
            false => out.squeeze_dim(0),
        }
    }

    fn of(&self, part: Part, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        apply(Convolution { part, ..*self }, (a, b, None))
    }

    fn bias_grad(&self, grad: &Tensor) -> Result<Tensor> {
        let grad = grad.contiguous()?;
        let (batch, channels) = (grad.shape()[0], grad.shape()[1]);
        let pixels = grad.shape()[2..].iter().product();
        let shape = ConvShape::new(batch, [channels; 2], [pixels], [1]);
        dispatch_float!("slow_conv2d_cpu", grad.dtype(), T => {
            let grad = grad.as_slice::<T>()?;
            filled(&[channels], |out| conv_backward_bias(&shape, grad, out))
        })
    }
}

impl Operation for Convolution {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        let names = match self.part {
            Part::Output => ["conv1d", "conv2d", "conv3d"],
            Part::InputGrad => ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"],
            Part::WeightGrad => ["conv1d_weight", "conv2d_weight", "conv3d_weight"],
        };
        names[self.dims - 1]
    }
    fn grad_name(&self) -> &'static str {
        "ConvolutionBackward0"
    }
    fn attributes(&self) -> Attributes {
        let (s, lead) = (&self.shape, 3 - self.dims);
        let mut all = vec![
            ("stride", s.stride[lead..].into()),
            ("padding", s.padding[lead..].into()),
            ("dilation", s.dilation[lead..].into()),
            ("groups", s.groups.into()),
        ];
        if self.part == Part::InputGrad {
            let out = s.output();
            // What is left of the transposed input after the last window.
            let rest = |d: usize| {
                let span = s.dilation[d] * (s.kernel[d] - 1) + 1;
                s.input[d] + 2 * s.padding[d] - span - (out[d] - 1) * s.stride[d]
            };
            let rests: Vec<usize> = (lead..3).map(rest).collect();
            all.push(("output_padding", rests[..].into()));
        }
        all
    }
    fn multiply_adds(&self, _: &[&[usize]], _: &[&[usize]]) -> u64 {
        // The gradients have as many as the convolution.
        let s = &self.shape;
        let outputs =
            product_of(&[s.batch, s.out_channels]).saturating_mul(product_of(&s.output()));
        let each = product_of(&[s.in_channels / s.groups]).saturating_mul(product_of(&s.kernel));
        outputs.saturating_mul(each)
    }
    fn forward(&self, (a, b, bias): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let s = &self.shape;
        let (lead, sizes) = match self.part {
            Part::InputGrad => ([s.batch, s.in_channels], s.input),
            Part::WeightGrad => ([s.out_channels, s.in_channels / s.groups], s.kernel),
            Part::Output => ([s.batch, s.out_channels], s.output()),
        };
        let sizes = [&lead[..], &sizes[3 - self.dims..]].concat();
        dispatch_float!("slow_conv2d_cpu", a.dtype(), T => {
            let (a, b) = (a.as_slice::<T>()?, b.as_slice::<T>()?);
            let bias = bias.map(Tensor::as_slice).transpose()?;
            filled(&sizes, |out| match self.part {
                Part::WeightGrad => conv_backward_weight(s, a, b, out),
                Part::Output => conv_forward(s, a, b, bias, out),
                Part::InputGrad => conv_transpose(s, a, b, bias, out),
            })
        })
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        Saves::ONCE
            .input_if(call.needs(1), 0)
            .input_if(call.needs(0), 1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let of_first = || match self.part {
            Part::Output => self.of(Part::InputGrad, grad, &saved.input(1)?),
            Part::InputGrad => self.of(Part::Output, grad, &saved.input(1)?),
            Part::WeightGrad => self.of(Part::InputGrad, &saved.input(1)?, grad),
        };
        let of_second = || match self.part {
            Part::Output => self.of(Part::WeightGrad, &saved.input(0)?, grad),
            Part::InputGrad => self.of(Part::WeightGrad, grad, &saved.input(0)?),
            Part::WeightGrad => self.of(Part::Output, &saved.input(0)?, grad),
        };
        let dims: Vec<i64> = (0..grad.rank() as i64).filter(|d| *d != 1).collect();
        Ok([
            saved.grad(0, of_first)?,
            saved.grad(1, of_second)?,
            saved.grad(2, || match saved.recording() {
                true => grad.sum_dim(&dims[..], false),
                false => self.bias_grad(grad),
            })?,
        ])
    }
}
