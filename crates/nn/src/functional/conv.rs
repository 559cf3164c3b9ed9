//! Convolution of images.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{Error, ErrorKind, PadMode, Result, Tensor, Window, checked_numel, product_of};
use pleach_kernels::{
    ConvShape, conv_backward_bias, conv_backward_input, conv_backward_weight, conv_forward,
};

use super::{IntoPadding, Padding, Pair, check_dtype, filled};

/// Convolves images with kernels (no kernel is flipped, as in PyTorch):
///
/// ```text
/// out[n, o, y, x] = bias[o] + Σ_{c, i, j} weight[o, c, i, j]
///                 · input[n, c, y·stride + i·dilation - padding, x·stride + j·dilation - padding]
/// ```
///
/// with zeros outside the image; `c` runs over the channels of o's group.
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`, weight `[O, C / groups, KH, KW]`, bias `[O]`,
/// result `[N, O, (H + 2·padding - dilation·(KH - 1) - 1) / stride + 1, …]` or the same without
/// N. Stride, padding and dilation are a number or a pair; padding may also be `"same"` (needs
/// stride 1) or `"valid"`.
///
/// # Errors
/// If shapes or dtypes do not fit together, the dilated kernel is larger than the padded image, or
/// a stride, dilation or the number of groups is 0.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional as F;
/// let image = tensor![[[1., 2., 3.], [4., 5., 6.]]]; // one channel, no batch
/// let kernel = tensor![[[[1., 0.], [0., 1.]]]];
/// let y = F::conv2d(&image, &kernel, None, 1, 0, 1, 1)?;
/// assert_eq!(y.shape(), [1, 1, 2]);
/// assert_eq!(y.to_vec::<f32>()?, [6., 8.]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn conv2d(
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: impl Into<Pair>,
    padding: impl IntoPadding,
    dilation: impl Into<Pair>,
    groups: usize,
) -> Result<Tensor> {
    let options = ConvOptions {
        stride: stride.into().tuple(),
        padding: padding.into_padding()?,
        dilation: dilation.into().tuple(),
        groups,
    };
    options.convolve((input, weight, bias))
}

/// Input, weight and bias.
type Tensors<'a> = <Convolution as Operation>::Inputs<'a>;

/// What [`conv2d`] and its layer take beside the tensors.
#[derive(Clone, Copy)]
pub(crate) struct ConvOptions {
    pub stride: (usize, usize),
    pub padding: Padding,
    pub dilation: (usize, usize),
    pub groups: usize,
}

impl ConvOptions {
    /// [`conv2d`].
    pub fn convolve(&self, tensors: Tensors<'_>) -> Result<Tensor> {
        let (input, weight, bias) = tensors;
        let (batched, shape) = self.checked(tensors)?;
        let part = Part::Output;
        let out = apply(Convolution { part, shape }, (&batched, weight, bias))?;
        match input.rank() {
            3 => out.squeeze_dim(0),
            _ => Ok(out),
        }
    }

    /// The input as a batch (padded where padding is uneven), and the shape, after every check.
    pub fn checked(&self, (input, weight, bias): Tensors<'_>) -> Result<(Tensor, ConvShape)> {
        let batched = match input.rank() {
            4 => input.clone(),
            3 => input.unsqueeze(0)?,
            _ => {
                return Err(Error::shape(format!(
                    "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {:?}",
                    input.shape()
                )));
            }
        };
        if self.groups == 0 {
            return Err(Error::value("non-positive groups is not supported"));
        }
        self.check_weight_rank(&batched, weight)?;
        let (batched, padding) = match self.padding {
            Padding::Size(padding) => (batched, padding.tuple()),
            Padding::Valid => (batched, (0, 0)),
            Padding::Same => self.pad_same(&batched, weight)?,
        };
        let shape = self.checked_shape((&batched, weight, bias), padding)?;
        Ok((batched, shape))
    }

    fn check_weight_rank(&self, batched: &Tensor, weight: &Tensor) -> Result<()> {
        let rank = weight.rank();
        Err(Error::shape(match self.padding {
            _ if rank == 4 => return Ok(()),
            _ if rank < 3 => "weight should have at least three dimensions".to_string(),
            Padding::Same => format!(
                "Expected {rank}-dimensional input for {rank}-dimensional weight{:?}, but got {}-dimensional input of size {:?} instead",
                weight.shape(),
                batched.rank(),
                batched.shape()
            ),
            _ => format!(
                "expected stride to be a single integer value or a list of {} values to match the convolution dimensions, but got stride=[{}, {}]",
                rank - 2,
                self.stride.0,
                self.stride.1
            ),
        }))
    }

    /// The padding that keeps the size. Where it is odd, the input gets the extra row or column.
    fn pad_same(&self, input: &Tensor, weight: &Tensor) -> Result<(Tensor, (usize, usize))> {
        if self.stride != (1, 1) {
            return Err(Error::value(
                "padding='same' is not supported for strided convolutions",
            ));
        }
        let [rows, columns] = self.windows((weight.shape()[2], weight.shape()[3]), (0, 0));
        let (total_h, total_w) = (rows.span()? - 1, columns.span()? - 1);
        let extra = [0, (total_w % 2) as i64, 0, (total_h % 2) as i64];
        let input = input.pad(&extra, PadMode::Constant, 0.0)?;
        Ok((input, (total_h / 2, total_w / 2)))
    }

    /// Along the rows and along the columns.
    pub fn windows(&self, kernel: (usize, usize), padding: (usize, usize)) -> [Window; 2] {
        windows(kernel, self.stride, padding, self.dilation)
    }

    /// The shape for the kernels, after every check that they rely on.
    fn checked_shape(
        &self,
        (input, weight, bias): Tensors<'_>,
        padding: (usize, usize),
    ) -> Result<ConvShape> {
        let groups = self.groups;
        let (&[batch, in_channels, in_h, in_w], &[out_channels, per_group, kh, kw]) =
            (input.shape(), weight.shape())
        else {
            unreachable!("both ranks were checked to be 4");
        };
        if self.stride.0 == 0 || self.stride.1 == 0 {
            return Err(Error::value("non-positive stride is not supported"));
        }
        if out_channels < groups {
            return Err(Error::shape(format!(
                "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {:?} instead",
                weight.shape()
            )));
        }
        if !out_channels.is_multiple_of(groups) {
            // The double brackets are PyTorch's.
            return Err(Error::shape(format!(
                "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{:?}] instead",
                weight.shape()
            )));
        }
        let expected = per_group.saturating_mul(groups);
        if in_channels != expected {
            return Err(Error::shape(format!(
                "Given groups={groups}, weight of size {:?}, expected input{:?} to have {expected} channels, but got {in_channels} channels instead",
                weight.shape(),
                input.shape(),
            )));
        }
        if let Some(bias) = bias
            && bias.shape() != [out_channels]
        {
            return Err(Error::shape(format!(
                "Given weight of size {:?}, expected bias to be 1-dimensional with {out_channels} elements, but got bias of size {:?} instead",
                weight.shape(),
                bias.shape()
            )));
        }
        let [rows, columns] = self.windows((kh, kw), padding);
        let (Some(out_h), Some(out_w)) = (rows.count(in_h)?, columns.count(in_w)?) else {
            return Err(Error::shape(format!(
                "Calculated padded input size per channel: ({} x {}). Kernel size: ({} x {}). Kernel size can't be greater than actual input size",
                rows.padded(in_h)?,
                columns.padded(in_w)?,
                rows.span()?,
                columns.span()?
            )));
        };
        self.check_types_and_steps((input, weight, bias))?;
        let (rows, columns) = (rows.within(in_h)?, columns.within(in_w)?);
        let shape = ConvShape::new(batch, [in_channels, out_channels], [in_h, in_w], [kh, kw])
            .with_stride([rows.stride, columns.stride])
            .with_padding([rows.padding, columns.padding])
            .with_dilation([rows.dilation, columns.dilation])
            .with_groups(groups);
        if shape.checked_output().is_none() {
            let elements = checked_numel(&[batch.max(1), out_channels.max(1), out_h, out_w])?;
            let bytes = elements as u128 * size_of::<f64>() as u128;
            return Err(ErrorKind::OutOfMemory { bytes }.into());
        }
        Ok(shape)
    }

    /// What PyTorch checks last, in its order.
    fn check_types_and_steps(&self, (input, weight, bias): Tensors<'_>) -> Result<()> {
        let dtype = input.dtype();
        if let Some(bias) = bias
            && bias.dtype() != dtype
        {
            return Err(Error::dtype(format!(
                "Input type ({}) and bias type ({}) should be the same",
                dtype.c_name(),
                bias.dtype().c_name()
            )));
        }
        let (kh, kw) = (weight.shape()[2], weight.shape()[3]);
        if kh == 0 || kw == 0 {
            return Err(Error::shape(format!(
                "kernel size should be greater than zero, but got kernel_height: {kh} kernel_width: {kw}"
            )));
        }
        if self.dilation.0 == 0 || self.dilation.1 == 0 {
            return Err(Error::value("non-positive dilation is not supported"));
        }
        check_dtype(weight, dtype)
    }
}

/// The windows along the rows and along the columns.
pub(super) fn windows(
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
    dilation: (usize, usize),
) -> [Window; 2] {
    let along = |axis: fn((usize, usize)) -> usize| Window {
        kernel: axis(kernel),
        stride: axis(stride),
        padding: axis(padding),
        dilation: axis(dilation),
    };
    [along(|(h, _)| h), along(|(_, w)| w)]
}

/// What is computed: the convolution, or one of its gradients.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Part {
    /// From input and weight.
    Output,
    /// From weight and the output's gradient.
    InputGrad,
    /// From input and the output's gradient.
    WeightGrad,
}

/// A convolution of a checked shape, or one of its gradients. All three are derivatives of one number,
/// linear in input, weight and the output's gradient, so the gradients of each are the other two.
#[derive(Clone, Debug)]
pub struct Convolution {
    part: Part,
    shape: ConvShape,
}

impl Convolution {
    fn of(&self, part: Part, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let shape = self.shape;
        apply(Convolution { part, shape }, (a, b, None))
    }

    fn bias_grad(&self, grad: &Tensor) -> Result<Tensor> {
        let grad = grad.contiguous()?;
        dispatch_float!("slow_conv2d_cpu", grad.dtype(), T => {
            let grad = grad.as_slice::<T>()?;
            filled(&[self.shape.out_channels], |out| {
                conv_backward_bias(&self.shape, grad, out);
            })
        })
    }
}

impl Operation for Convolution {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        match self.part {
            Part::Output => "conv2d",
            Part::InputGrad => "conv2d_input",
            Part::WeightGrad => "conv2d_weight",
        }
    }
    fn grad_name(&self) -> &'static str {
        "ConvolutionBackward0"
    }
    fn attributes(&self) -> Attributes {
        let s = &self.shape;
        vec![
            ("stride", s.stride[1..].into()),
            ("padding", s.padding[1..].into()),
            ("dilation", s.dilation[1..].into()),
            ("groups", s.groups.into()),
        ]
    }
    fn multiply_adds(&self, _: &[&[usize]], _: &[&[usize]]) -> u64 {
        // The gradients have as many as the convolution.
        let s = &self.shape;
        let [_, height, width] = s.output();
        let each = [s.in_channels / s.groups, s.kernel[1], s.kernel[2]];
        product_of(&[s.batch, s.out_channels, height, width]).saturating_mul(product_of(&each))
    }
    fn forward(&self, (a, b, bias): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let s = &self.shape;
        let ([_, height, width], [_, rows, columns]) = (s.input, s.kernel);
        let [_, out_height, out_width] = s.output();
        let sizes = match self.part {
            Part::InputGrad => [s.batch, s.in_channels, height, width],
            Part::WeightGrad => [s.out_channels, s.in_channels / s.groups, rows, columns],
            Part::Output => [s.batch, s.out_channels, out_height, out_width],
        };
        dispatch_float!("slow_conv2d_cpu", a.dtype(), T => {
            let (a, b) = (a.as_slice::<T>()?, b.as_slice::<T>()?);
            let bias = bias.map(Tensor::as_slice).transpose()?;
            filled(&sizes, |out| match self.part {
                Part::InputGrad => conv_backward_input(s, b, a, out),
                Part::WeightGrad => conv_backward_weight(s, a, b, out),
                Part::Output => conv_forward(s, a, b, bias, out),
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
            Part::Output => self.of(Part::InputGrad, &saved.input(1)?, grad),
            Part::InputGrad => self.of(Part::WeightGrad, grad, &saved.input(1)?),
            Part::WeightGrad => self.of(Part::InputGrad, grad, &saved.input(1)?),
        };
        let of_second = || match self.part {
            Part::Output => self.of(Part::WeightGrad, &saved.input(0)?, grad),
            Part::InputGrad => self.of(Part::Output, grad, &saved.input(0)?),
            Part::WeightGrad => self.of(Part::Output, &saved.input(0)?, grad),
        };
        Ok([
            saved.grad(0, of_first)?,
            saved.grad(1, of_second)?,
            saved.grad(2, || match saved.recording() {
                true => grad.sum_dim([0, 2, 3], false),
                false => self.bias_grad(grad),
            })?,
        ])
    }
}
