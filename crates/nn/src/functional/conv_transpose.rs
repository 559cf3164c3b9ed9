//! Transposed convolution over one, two or three dimensions.

use pleach_core::{Error, PadMode, Result, Tensor};

use super::conv::{
    ConvOptions, at_least_two, batched, by_dimension, by_x, check_kernel, conv_setters, spatial,
};
use super::convolution::{Convolution, Part, Tensors};
use super::{Padding, Size, check_dtype};
use crate::setters::{given, setters};

/// What a transposed convolution takes beside its tensors: stride 1, no padding, dilation 1 and one
/// group, or what is set.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::functional::{self as F, ConvTransposeOptions};
/// let (x, weight) = (Tensor::zeros([1, 8, 5]), Tensor::zeros([8, 3, 3]));
/// let options = ConvTransposeOptions::new().stride(2).padding(1);
/// assert_eq!(F::conv_transpose1d(&x, &weight, None, options.clone())?.shape(), [1, 3, 9]);
/// let options = options.output_padding(1);
/// assert_eq!(F::conv_transpose1d(&x, &weight, None, options)?.shape(), [1, 3, 10]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ConvTransposeOptions<const D: usize> {
    pub(crate) conv: ConvOptions<D>,
    pub(crate) output_padding: [usize; D],
}

impl<const D: usize> ConvTransposeOptions<D> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        ConvTransposeOptions {
            conv: ConvOptions::new(),
            output_padding: [0; D],
        }
    }

    conv_setters!(|options| options.conv);

    setters! {
        |options| options;
        /// What is added at the end (0 by default), less than the stride or the dilation: of the sizes
        /// that the convolution maps to the input's, the smallest is the default.
        output_padding: impl Into<Size<D>> = output_padding.into().array();
    }

    /// The padding, which is a number here.
    pub(crate) fn numeric_padding(&self) -> Result<[usize; D]> {
        match self.conv.padding.clone()? {
            Padding::Size(size) => Ok(size),
            _ => Err(Error::value(
                "the padding of a transposed convolution is a number",
            )),
        }
    }
}

impl<const D: usize> Default for ConvTransposeOptions<D> {
    fn default() -> Self {
        Self::new()
    }
}

by_dimension! {
    /// [`conv_transpose2d`] of sequences: input `[N, C, L]` or `[C, L]`, weight `[C, O / groups, K]`,
    /// result `[N, O, L']` or `[O, L']`.
    ///
    /// # Errors
    /// As [`conv_transpose2d`].
    conv_transpose1d = conv_transpose, ConvTransposeOptions<1>;

    /// The transposed convolution of images: what maps the gradient of [`conv2d`](super::conv2d)'s
    /// output to that of its input.
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`, weight `[C, O / groups, KH, KW]`, bias `[O]`,
    /// result `[N, O, (H - 1)·stride - 2·padding + dilation·(KH - 1) + output_padding + 1, …]` or
    /// the same without N.
    ///
    /// # Errors
    /// If shapes or dtypes do not fit together, a stride, dilation or the number of groups is 0, the
    /// output padding is not smaller than stride or dilation, or nothing is left of the output.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// use pleach_nn::functional::{self as F, ConvTransposeOptions};
    /// let image = tensor![[[1., 10.]]]; // one channel, no batch
    /// let kernel = tensor![[[[1., 2., 3.]]]];
    /// let options = ConvTransposeOptions::new().stride((1, 2));
    /// let y = F::conv_transpose2d(&image, &kernel, None, options)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 2., 13., 20., 30.]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    conv_transpose2d = conv_transpose, ConvTransposeOptions<2>;

    /// [`conv_transpose2d`] of volumes: input `[N, C, D, H, W]` or `[C, D, H, W]`, weight
    /// `[C, O / groups, KD, KH, KW]`, result `[N, O, D', H', W']` or the same without N.
    ///
    /// # Errors
    /// As [`conv_transpose2d`].
    conv_transpose3d = conv_transpose, ConvTransposeOptions<3>;
}

pub(crate) fn conv_transpose<const D: usize>(
    (input, weight, bias): Tensors<'_>,
    options: ConvTransposeOptions<D>,
) -> Result<Tensor> {
    let mut batched = batched::<D>("conv_transpose", input)?;
    let (conv, padding, more) = (
        &options.conv,
        options.numeric_padding()?,
        options.output_padding,
    );
    conv.check_weight(false, &batched, weight)?;
    conv.check_channels(true, (&batched, weight, bias))?;
    options.check(&batched, weight)?;
    for tensor in [Some(weight), bias].into_iter().flatten() {
        check_dtype(tensor, input.dtype())?;
    }
    let (size, kernel) = (spatial::<D>(&batched), spatial::<D>(weight));
    let least = smallest_output(size, kernel, conv.stride, padding, conv.dilation);
    let sizes: [i128; D] = std::array::from_fn(|d| least[d] + more[d] as i128);
    ensure!(
        sizes.iter().all(|size| *size > 0),
        "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small",
        by_x(&at_least_two(1, size)),
        by_x(&at_least_two(1, sizes))
    );
    let sizes = sizes.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    let channels = [weight.shape()[1] * conv.groups, weight.shape()[0]];
    let shape = conv.shape(batched.shape()[0], channels, sizes, kernel, padding)?;
    // Output padding of whole steps, which a dilation allows, is what zeros at the end would give.
    let zeros = (0..D)
        .rev()
        .flat_map(|d| [0, (more[d] / conv.stride[d]) as i64]);
    let zeros: Vec<i64> = zeros.collect();
    if zeros.iter().any(|n| *n > 0) {
        batched = batched.pad(&zeros, PadMode::Constant, 0.0)?;
    }
    Convolution::run::<D>(Part::InputGrad, shape, input, (&batched, weight, bias))
}

/// The smallest sizes that a convolution maps to these, which may come out below 1.
pub(crate) fn smallest_output<const D: usize>(
    size: [usize; D],
    kernel: [usize; D],
    stride: [usize; D],
    padding: [usize; D],
    dilation: [usize; D],
) -> [i128; D] {
    std::array::from_fn(|d| {
        let [size, kernel] = [size[d], kernel[d]].map(|n| n as i128 - 1);
        let [stride, padding, dilation] = [stride[d], padding[d], dilation[d]].map(|n| n as i128);
        size * stride - 2 * padding + dilation * kernel + 1
    })
}

impl<const D: usize> ConvTransposeOptions<D> {
    /// What PyTorch checks last.
    fn check(&self, batched: &Tensor, weight: &Tensor) -> Result<()> {
        let (stride, dilation) = (self.conv.stride, self.conv.dilation);
        let (input, sizes) = (batched.shape(), weight.shape());
        ensure!(
            !input[2..].contains(&0),
            "Only zero batch or zero channel inputs are supported, but got input shape: {input:?}"
        );
        let expected = match D {
            3 => {
                "5D (n_output_plane x n_input_plane x kernel_depth x kernel_height x kernel_width) tensor expected for weight"
            }
            _ => {
                check_kernel::<D>(spatial(weight))?;
                "2D or 4D weight tensor expected"
            }
        };
        ensure!(
            !sizes.contains(&0),
            "non-empty {expected}, but got: {sizes:?}"
        );
        let along = |name: &str, missing: usize, sizes: [usize; D], between: &str| {
            let sizes = at_least_two(missing, sizes);
            let axes = &["depth", "height", "width"][3 - sizes.len()..];
            let texts = axes.iter().zip(sizes);
            let texts = texts.map(|(axis, n)| format!("{name}_{axis}: {n}"));
            texts.collect::<Vec<_>>().join(between)
        };
        ensure!(
            !dilation.contains(&0),
            "dilation should be greater than zero, but got {}",
            along("dilation", 1, dilation, ", ")
        );
        let more = self.output_padding;
        ensure!(
            (0..D).all(|d| more[d] < stride[d].max(dilation[d])),
            "output padding must be smaller than either stride or dilation, but got {} {} {}",
            along("output_padding", 0, more, " "),
            along("stride", 1, stride, " "),
            along("dilation", 1, dilation, " ")
        );
        Ok(())
    }
}
