//! Convolution and transposed convolution over one, two or three dimensions.

use std::fmt::Debug;
use std::marker::PhantomData;

use pleach_core::{Error, Result, Tensor};

use super::convolution::{Convolution, Part, Tensors};
use super::{Padding, Size};
use crate::setters::{given, setters};

/// A kind of convolution: [`Plain`] or [`Transposed`].
pub trait ConvKind: Clone + Debug + Send + Sync + 'static {
    /// Whether it is the transposed one.
    const TRANSPOSED: bool;
    /// The names of its layers in one, two and three dimensions.
    const NAMES: [&'static str; 3];
}

/// The kind of [`conv2d`].
#[derive(Debug, Clone)]
pub enum Plain {}

impl ConvKind for Plain {
    const TRANSPOSED: bool = false;
    const NAMES: [&'static str; 3] = ["Conv1d", "Conv2d", "Conv3d"];
}

/// The kind of [`conv_transpose2d`].
#[derive(Debug, Clone)]
pub enum Transposed {}

impl ConvKind for Transposed {
    const TRANSPOSED: bool = true;
    const NAMES: [&'static str; 3] = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"];
}

/// What a convolution takes beside its tensors: see [`ConvOptions`] and [`ConvTransposeOptions`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConvNdOptions<K, const D: usize> {
    pub(crate) kind: PhantomData<K>,
    pub(crate) stride: [usize; D],
    pub(crate) padding: Result<Padding<D>>,
    pub(crate) dilation: [usize; D],
    pub(crate) output_padding: [usize; D],
    pub(crate) groups: usize,
}

/// What a convolution takes beside its tensors: stride 1, no padding, dilation 1 and one group, or
/// what is set.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::functional::{self as F, ConvOptions};
/// let (video, kernel) = (Tensor::zeros([1, 3, 16, 112, 112]), Tensor::zeros([8, 3, 3, 3, 3]));
/// let y = F::conv3d(&video, &kernel, None, ConvOptions::new().stride((1, 2, 2)).padding(1))?;
/// assert_eq!(y.shape(), [1, 8, 16, 56, 56]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub type ConvOptions<const D: usize> = ConvNdOptions<Plain, D>;

/// What a transposed convolution takes beside its tensors: stride 1, no padding, dilation 1 and one
/// group, or what is set.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::functional::{self as F, ConvTransposeOptions};
/// let (x, weight) = (Tensor::zeros([1, 8, 5]), Tensor::zeros([8, 3, 3]));
/// let options = ConvTransposeOptions::new().stride(2).padding(1);
/// assert_eq!(F::conv_transpose1d(&x, &weight, None, options.clone())?.shape(), [1, 3, 9]);
/// let options = options.output_padding(1);
/// assert_eq!(F::conv_transpose1d(&x, &weight, None, options)?.shape(), [1, 3, 10]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub type ConvTransposeOptions<const D: usize> = ConvNdOptions<Transposed, D>;

impl<K, const D: usize> Default for ConvNdOptions<K, D> {
    fn default() -> Self {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        ConvNdOptions {
            kind: PhantomData,
            stride: [1; D],
            padding: Ok(Padding::Size([0; D])),
            dilation: [1; D],
            output_padding: [0; D],
            groups: 1,
        }
    }
}

impl<K, const D: usize> ConvNdOptions<K, D> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    conv_setters!(|options| options);
}

impl<const D: usize> ConvTransposeOptions<D> {
    output_padding_setters!(|options| options);
}

/// The setters of [`ConvNdOptions`], and of what holds them.
macro_rules! conv_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// Step between windows (1 by default).
            stride: impl Into<Size<D>> = stride.into().array();
            /// Zeros to add on each side (0 by default), `"same"` (which keeps the size, and needs
            /// stride 1) or `"valid"` (none). Of a transposed convolution: what is cut from each
            /// side, a number.
            padding: impl TryInto<Padding<D>, Error: Into<Error>> = given(padding);
            /// Step between the elements of a window (1 by default).
            dilation: impl Into<Size<D>> = dilation.into().array();
            /// Groups of channels that do not see each other (1 by default).
            groups: usize = groups;
        }
    };
}
pub(crate) use conv_setters;

/// The setter of [`ConvTransposeOptions`] alone.
macro_rules! output_padding_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// What is added at the end of the output (0 by default), less than the stride or the
            /// dilation: of the sizes that the convolution maps to the input's, the smallest is the
            /// default.
            output_padding: impl Into<Size<D>> = output_padding.into().array();
        }
    };
}
pub(crate) use output_padding_setters;

/// A function for each kind and number of dimensions.
macro_rules! by_dimension {
    ($($(#[$doc:meta])* $name:ident = $options:ident<$d:literal>;)*) => {$(
        $(#[$doc])*
        pub fn $name(
            input: &Tensor,
            weight: &Tensor,
            bias: Option<&Tensor>,
            options: $options<$d>,
        ) -> Result<Tensor> {
            convolution((input, weight, bias), &options)
        }
    )*};
}

by_dimension! {
    /// [`conv2d`] of sequences: input `[N, C, L]` or `[C, L]`, weight `[O, C / groups, K]`, result
    /// `[N, O, L']` or `[O, L']`.
    ///
    /// # Errors
    /// As [`conv2d`].
    conv1d = ConvOptions<1>;

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
    /// N.
    ///
    /// # Errors
    /// If shapes or dtypes do not fit together, the dilated kernel is larger than the padded image,
    /// or a stride, dilation or the number of groups is 0.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional::{self as F, ConvOptions};
    /// let image = tensor![[[1., 2., 3.], [4., 5., 6.]]]; // one channel, no batch
    /// let kernel = tensor![[[[1., 0.], [0., 1.]]]];
    /// let y = F::conv2d(&image, &kernel, None, ConvOptions::new())?;
    /// assert_eq!(y.shape(), [1, 1, 2]);
    /// assert_eq!(y.to_vec::<f32>()?, [6., 8.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    conv2d = ConvOptions<2>;

    /// [`conv2d`] of volumes: input `[N, C, D, H, W]` or `[C, D, H, W]`, weight
    /// `[O, C / groups, KD, KH, KW]`, result `[N, O, D', H', W']` or the same without N.
    ///
    /// # Errors
    /// As [`conv2d`].
    conv3d = ConvOptions<3>;

    /// [`conv_transpose2d`] of sequences: input `[N, C, L]` or `[C, L]`, weight `[C, O / groups, K]`,
    /// result `[N, O, L']` or `[O, L']`.
    ///
    /// # Errors
    /// As [`conv_transpose2d`].
    conv_transpose1d = ConvTransposeOptions<1>;

    /// The transposed convolution of images: what maps the gradient of [`conv2d`]'s
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
    /// use pleach::tensor;
    /// use pleach::nn::functional::{self as F, ConvTransposeOptions};
    /// let image = tensor![[[1., 10.]]]; // one channel, no batch
    /// let kernel = tensor![[[[1., 2., 3.]]]];
    /// let options = ConvTransposeOptions::new().stride((1, 2));
    /// let y = F::conv_transpose2d(&image, &kernel, None, options)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 2., 13., 20., 30.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    conv_transpose2d = ConvTransposeOptions<2>;

    /// [`conv_transpose2d`] of volumes: input `[N, C, D, H, W]` or `[C, D, H, W]`, weight
    /// `[C, O / groups, KD, KH, KW]`, result `[N, O, D', H', W']` or the same without N.
    ///
    /// # Errors
    /// As [`conv_transpose2d`].
    conv_transpose3d = ConvTransposeOptions<3>;
}

/// The convolution of either kind.
pub(crate) fn convolution<K: ConvKind, const D: usize>(
    tensors: Tensors<'_>,
    options: &ConvNdOptions<K, D>,
) -> Result<Tensor> {
    let (input, weight, bias) = tensors;
    let (padded, shape) = options.checked(tensors)?;
    let part = match K::TRANSPOSED {
        true => Part::InputGrad,
        false => Part::Output,
    };
    Convolution::run::<D>(part, shape, input, (&padded, weight, bias))
}
