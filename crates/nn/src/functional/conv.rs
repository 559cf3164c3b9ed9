//! Convolution over one, two or three dimensions.

use pleach_core::{Error, ErrorKind, PadMode, Result, Tensor, Window, checked_numel};
use pleach_kernels::ConvShape;

use super::convolution::{Convolution, Part, Tensors};
use super::{Padding, Size, check_dtype, windows};
use crate::setters::{given, setters};

/// What a convolution takes beside its tensors: stride 1, no padding, dilation 1 and one group, or
/// what is set.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::functional::{self as F, ConvOptions};
/// let (video, kernel) = (Tensor::zeros([1, 3, 16, 112, 112]), Tensor::zeros([8, 3, 3, 3, 3]));
/// let y = F::conv3d(&video, &kernel, None, ConvOptions::new().stride((1, 2, 2)).padding(1))?;
/// assert_eq!(y.shape(), [1, 8, 16, 56, 56]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ConvOptions<const D: usize> {
    pub(crate) stride: [usize; D],
    pub(crate) padding: Result<Padding<D>>,
    pub(crate) dilation: [usize; D],
    pub(crate) groups: usize,
}

impl<const D: usize> ConvOptions<D> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        ConvOptions {
            stride: [1; D],
            padding: Ok(Padding::Size([0; D])),
            dilation: [1; D],
            groups: 1,
        }
    }

    conv_setters!(|options| options);
}

impl<const D: usize> Default for ConvOptions<D> {
    fn default() -> Self {
        Self::new()
    }
}

/// The setters of [`ConvOptions`], and of what holds them.
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

/// A function for each number of dimensions.
macro_rules! by_dimension {
    ($($(#[$doc:meta])* $name:ident = $generic:ident, $options:ident<$d:literal>;)*) => {$(
        $(#[$doc])*
        pub fn $name(
            input: &Tensor,
            weight: &Tensor,
            bias: Option<&Tensor>,
            options: $options<$d>,
        ) -> Result<Tensor> {
            $generic((input, weight, bias), options)
        }
    )*};
}
pub(super) use by_dimension;

by_dimension! {
    /// [`conv2d`] of sequences: input `[N, C, L]` or `[C, L]`, weight `[O, C / groups, K]`, result
    /// `[N, O, L']` or `[O, L']`.
    ///
    /// # Errors
    /// As [`conv2d`].
    conv1d = conv, ConvOptions<1>;

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
    /// use pleach_core::tensor;
    /// use pleach_nn::functional::{self as F, ConvOptions};
    /// let image = tensor![[[1., 2., 3.], [4., 5., 6.]]]; // one channel, no batch
    /// let kernel = tensor![[[[1., 0.], [0., 1.]]]];
    /// let y = F::conv2d(&image, &kernel, None, ConvOptions::new())?;
    /// assert_eq!(y.shape(), [1, 1, 2]);
    /// assert_eq!(y.to_vec::<f32>()?, [6., 8.]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    conv2d = conv, ConvOptions<2>;

    /// [`conv2d`] of volumes: input `[N, C, D, H, W]` or `[C, D, H, W]`, weight
    /// `[O, C / groups, KD, KH, KW]`, result `[N, O, D', H', W']` or the same without N.
    ///
    /// # Errors
    /// As [`conv2d`].
    conv3d = conv, ConvOptions<3>;
}

/// A convolution, not generic over what the options were given as.
pub(crate) fn conv<const D: usize>(
    tensors: Tensors<'_>,
    options: ConvOptions<D>,
) -> Result<Tensor> {
    let (input, weight, bias) = tensors;
    let (batched, shape) = options.checked(tensors)?;
    Convolution::run::<D>(Part::Output, shape, input, (&batched, weight, bias))
}

impl<const D: usize> ConvOptions<D> {
    /// The input as a batch (padded where padding is uneven), and the shape, after every check.
    pub(crate) fn checked(
        &self,
        (input, weight, bias): Tensors<'_>,
    ) -> Result<(Tensor, ConvShape)> {
        let mut batched = batched::<D>("conv", input)?;
        let given = self.padding.clone()?;
        self.check_weight(given == Padding::Same, &batched, weight)?;
        let kernel = spatial(weight);
        let mut padding = given.size();
        if given == Padding::Same {
            check_same(self.stride)?;
            let mut odd = Vec::new();
            for (d, window) in self.windows(kernel, padding).into_iter().enumerate().rev() {
                let total = window.span()? - 1;
                padding[d] = total / 2;
                odd.extend([0, (total % 2) as i64]);
            }
            batched = batched.pad(&odd, PadMode::Constant, 0.0)?;
        }
        self.check_channels(false, (&batched, weight, bias))?;
        let (size, windows) = (spatial::<D>(&batched), self.windows(kernel, padding));
        let (mut padded, mut spans) = ([0; D], [0; D]);
        for (d, window) in windows.iter().enumerate() {
            (padded[d], spans[d]) = (window.padded(size[d])?, window.span()?);
        }
        ensure!(
            (0..D).all(|d| spans[d] <= padded[d]),
            "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual input size",
            by_x(&padded),
            by_x(&spans)
        );
        let dtype = input.dtype();
        if let Some(bias) = bias.filter(|bias| bias.dtype() != dtype) {
            let names = (dtype.c_name(), bias.dtype().c_name());
            return Err(Error::dtype(format!(
                "Input type ({}) and bias type ({}) should be the same",
                names.0, names.1
            )));
        }
        check_kernel(kernel)?;
        ensure!(
            !self.dilation.contains(&0),
            "dilation should be greater than zero, but got {:?}",
            at_least_two(1, self.dilation)
        );
        check_dtype(weight, dtype)?;
        let channels = [batched.shape()[1], weight.shape()[0]];
        let shape = self.shape(batched.shape()[0], channels, size, kernel, padding)?;
        Ok((batched, shape))
    }
}

/// The sizes without batch and channels; the rank was checked.
pub(super) fn spatial<const D: usize>(t: &Tensor) -> [usize; D] {
    std::array::from_fn(|d| t.shape()[d + 2])
}

/// `4 x 4`.
pub(super) fn by_x(sizes: &[impl ToString]) -> String {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(" x ")
}

/// As PyTorch shows it, which computes in one dimension as in two.
pub(super) fn at_least_two<T: Copy, const D: usize>(missing: T, sizes: [T; D]) -> Vec<T> {
    let lead: &[T] = if D == 1 { &[missing] } else { &[] };
    [lead, &sizes].concat()
}

/// PyTorch's refusal of strides where the size is to stay.
pub(crate) fn check_same<const D: usize>(stride: [usize; D]) -> Result<()> {
    ensure!(
        stride == [1; D],
        "padding='same' is not supported for strided convolutions"
    );
    Ok(())
}

/// A kernel has elements.
pub(super) fn check_kernel<const D: usize>(kernel: [usize; D]) -> Result<()> {
    let got = || match at_least_two(1, kernel)[..] {
        [h, w] => format!(" kernel_height: {h} kernel_width: {w}"),
        _ => format!(": {} (TxHxW)", by_x(&kernel)),
    };
    ensure!(
        !kernel.contains(&0),
        "kernel size should be greater than zero, but got{}",
        got()
    );
    Ok(())
}

/// The input as a batch.
pub(super) fn batched<const D: usize>(name: &str, input: &Tensor) -> Result<Tensor> {
    let (unbatched, batched, rank) = (D + 1, D + 2, input.rank());
    ensure!(
        rank == unbatched || rank == batched,
        "Expected {unbatched}D (unbatched) or {batched}D (batched) input to {name}{D}d, but got input of size: {:?}",
        input.shape()
    );
    match rank == batched {
        true => Ok(input.clone()),
        false => input.unsqueeze(0),
    }
}

/// What convolution and transposed convolution have in common.
impl<const D: usize> ConvOptions<D> {
    /// The windows along each dimension.
    pub(crate) fn windows(&self, kernel: [usize; D], padding: [usize; D]) -> [Window; D] {
        windows(kernel, self.stride, padding, self.dilation)
    }

    /// What PyTorch checks first.
    pub(super) fn check_weight(&self, same: bool, batched: &Tensor, weight: &Tensor) -> Result<()> {
        let (rank, sizes) = (weight.rank(), weight.shape());
        ensure!(self.groups > 0, "non-positive groups is not supported");
        ensure!(rank > 2, "weight should have at least three dimensions");
        ensure!(
            rank == D + 2 || same || D == 1,
            "expected stride to be a single integer value or a list of {} values to match the convolution dimensions, but got stride={:?}",
            rank - 2,
            self.stride
        );
        let space = if same { "" } else { " " };
        ensure!(
            rank == D + 2,
            "Expected {rank}-dimensional input for {rank}-dimensional weight{space}{sizes:?}, but got {}-dimensional input of size {:?} instead",
            batched.rank(),
            batched.shape()
        );
        Ok(())
    }

    /// Strides, groups and channels, in PyTorch's order.
    pub(super) fn check_channels(&self, transposed: bool, tensors: Tensors<'_>) -> Result<()> {
        let (input, weight, bias) = tensors;
        let (groups, sizes, channels) = (self.groups, weight.shape(), input.shape()[1]);
        let (first, second) = (sizes[0], sizes[1].saturating_mul(groups));
        ensure!(
            !self.stride.contains(&0),
            "non-positive stride is not supported"
        );
        ensure!(
            first >= groups,
            "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {sizes:?} instead"
        );
        // The double brackets are PyTorch's.
        ensure!(
            first.is_multiple_of(groups),
            "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{sizes:?}] instead"
        );
        let (from, to, kind) = match transposed {
            true => (first, second, "transposed=1, "),
            false => (second, first, ""),
        };
        let given = || {
            if transposed {
                kind.to_string()
            } else {
                format!("groups={groups}, ")
            }
        };
        ensure!(
            channels == from,
            "Given {}weight of size {sizes:?}, expected input{:?} to have {from} channels, but got {channels} channels instead",
            given(),
            input.shape()
        );
        let bias = bias.map(Tensor::shape);
        ensure!(
            bias.is_none_or(|sizes| sizes == [to]),
            "Given {kind}weight of size {sizes:?}, expected bias to be 1-dimensional with {to} elements, but got bias of size {:?} instead",
            bias.unwrap_or_default()
        );
        Ok(())
    }

    /// The shape for the kernels.
    pub(super) fn shape(
        &self,
        batch: usize,
        channels: [usize; 2],
        size: [usize; D],
        kernel: [usize; D],
        padding: [usize; D],
    ) -> Result<ConvShape> {
        let mut windows = self.windows(kernel, padding);
        let (mut from, mut to) = (vec![batch, channels[0]], vec![batch, channels[1]]);
        for (window, size) in windows.iter_mut().zip(size) {
            *window = window.within(size)?;
            from.push(size);
            to.push(window.count(size)?.unwrap_or(1));
        }
        let shape = ConvShape::new(batch, channels, size, kernel)
            .with_stride(windows.map(|w| w.stride))
            .with_padding(padding)
            .with_dilation(windows.map(|w| w.dilation))
            .with_groups(self.groups);
        if shape.checked_output().is_some() {
            return Ok(shape);
        }
        // What is larger than memory is the result, at either end.
        let elements = |sizes: Vec<usize>| {
            checked_numel(&sizes.into_iter().map(|n| n.max(1)).collect::<Vec<_>>())
        };
        let bytes = elements(from)?.max(elements(to)?) as u128 * size_of::<f64>() as u128;
        Err(ErrorKind::OutOfMemory { bytes }.into())
    }
}
