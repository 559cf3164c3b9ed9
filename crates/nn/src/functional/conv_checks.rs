//! What PyTorch checks of a convolution, in its order and in its words.

use pleach_core::{DType, Error, ErrorKind, PadMode, Result, Tensor, Window, checked_numel};
use pleach_kernels::ConvShape;

use super::conv::{ConvKind, ConvNdOptions};
use super::convolution::Tensors;
use super::size::{by_x, windows};
use super::{Padding, check_dtype, hint_batch};

impl<K: ConvKind, const D: usize> ConvNdOptions<K, D> {
    /// The input as a batch, with what is added at one end only, and the shape, after every check.
    pub(crate) fn checked(
        &self,
        (input, weight, bias): Tensors<'_>,
    ) -> Result<(Tensor, ConvShape)> {
        let mut x = batched::<K, D>(input)?;
        self.check_weight(&x, weight)?;
        let kernel = spatial(weight);
        let border = self.border(kernel)?;
        x = pad_end(&x, border.map(|[before, after]| after - before))?;
        self.check_channels((&x, weight, bias))
            .map_err(|error| hint_channels::<K>(error, input.shape(), weight.shape(), D))?;
        let windows = self.windows(kernel, border.map(|[before, _]| before));
        let (batch, lead, mut size) = (x.shape()[0], weight.shape(), spatial(&x));
        let mut channels = [x.shape()[1], lead[0]];
        if K::TRANSPOSED {
            self.check_transposed(&x, weight)?;
            channels = [lead[1] * self.groups, lead[0]];
            size = self.transposed_size(size, &windows)?;
            // Whole steps, which a dilation allows, are what zeros at the end would give.
            let steps = |d: usize| self.output_padding[d] / self.stride[d];
            x = pad_end::<D>(&x, std::array::from_fn(steps))?;
        } else {
            self.check_plain(size, &windows)?;
        }
        if let Some(bias) = bias {
            check_bias_dtype::<K>(bias, input.dtype())?;
        }
        check_dtype(weight, input.dtype())?;
        Ok((x, self.shape(batch, channels, size, windows)?))
    }

    /// The padding, which of a transposed convolution is a number.
    pub(crate) fn checked_padding(&self) -> Result<Padding<D>> {
        match self.padding.clone()? {
            Padding::Size(size) => Ok(Padding::Size(size)),
            _ if K::TRANSPOSED => Err(Error::value(
                "the padding of a transposed convolution is a number",
            )),
            Padding::Same if self.stride != [1; D] => Err(Error::shape(
                "padding='same' is not supported for strided convolutions",
            )),
            word => Ok(word),
        }
    }

    /// What is added before and after each dimension.
    pub(crate) fn border(&self, kernel: [usize; D]) -> Result<[[usize; 2]; D]> {
        let padding = self.checked_padding()?;
        let mut border = padding.size().map(|n| [n, n]);
        if padding == Padding::Same {
            for (window, border) in self.windows(kernel, [0; D]).iter().zip(&mut border) {
                let total = window.span()? - 1;
                *border = [total / 2, total - total / 2];
            }
        }
        Ok(border)
    }

    pub(crate) fn windows(&self, kernel: [usize; D], padding: [usize; D]) -> [Window; D] {
        windows(kernel, self.stride, padding, self.dilation)
    }

    fn check_weight(&self, input: &Tensor, weight: &Tensor) -> Result<()> {
        let (rank, sizes, shape) = (weight.rank(), weight.shape(), input.shape());
        let same = matches!(self.padding, Ok(Padding::Same));
        Err(Error::shape(if self.groups == 0 {
            "non-positive groups is not supported".to_string()
        } else if rank <= 2 {
            "weight should have at least three dimensions".to_string()
        } else if rank == D + 2 {
            return Ok(());
        } else if same || D == 1 {
            let (space, found) = (if same { "" } else { " " }, shape.len());
            format!(
                "Expected {rank}-dimensional input for {rank}-dimensional weight{space}{sizes:?}, but got {found}-dimensional input of size {shape:?} instead"
            )
        } else {
            let (wanted, stride) = (rank - 2, self.stride);
            format!(
                "expected stride to be a single integer value or a list of {wanted} values to match the convolution dimensions, but got stride={stride:?}"
            )
        }))
    }

    fn check_channels(&self, (input, weight, bias): Tensors<'_>) -> Result<()> {
        let (groups, sizes, shape) = (self.groups, weight.shape(), input.shape());
        let (first, second, channels) = (sizes[0], sizes[1].saturating_mul(groups), shape[1]);
        let (from, to, kind) = match K::TRANSPOSED {
            true => (first, second, "transposed=1, "),
            false => (second, first, ""),
        };
        let bias = bias.map(Tensor::shape);
        Err(Error::shape(if self.stride.contains(&0) {
            "non-positive stride is not supported".to_string()
        } else if first < groups {
            format!(
                "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {sizes:?} instead"
            )
        } else if !first.is_multiple_of(groups) {
            // The double brackets are PyTorch's.
            format!(
                "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{sizes:?}] instead"
            )
        } else if channels != from && K::TRANSPOSED {
            format!(
                "Given {kind}weight of size {sizes:?}, expected input{shape:?} to have {from} channels, but got {channels} channels instead"
            )
        } else if channels != from {
            format!(
                "Given groups={groups}, weight of size {sizes:?}, expected input{shape:?} to have {from} channels, but got {channels} channels instead"
            )
        } else if let Some(bias) = bias.filter(|sizes| *sizes != [to]) {
            format!(
                "Given {kind}weight of size {sizes:?}, expected bias to be 1-dimensional with {to} elements, but got bias of size {bias:?} instead"
            )
        } else {
            return Ok(());
        }))
    }

    fn check_plain(&self, size: [usize; D], windows: &[Window; D]) -> Result<()> {
        let (mut padded, mut spans) = ([0; D], [0; D]);
        for (d, window) in windows.iter().enumerate() {
            (padded[d], spans[d]) = (window.padded(size[d])?, window.span()?);
        }
        if (0..D).any(|d| spans[d] > padded[d]) {
            let (padded, spans) = (by_x(&padded), by_x(&spans));
            return Err(Error::shape(format!(
                "Calculated padded input size per channel: ({padded}). Kernel size: ({spans}). Kernel size can't be greater than actual input size"
            )));
        }
        check_kernel(windows.map(|w| w.kernel))?;
        let dilation = at_least_two(1, self.dilation);
        ensure!(
            !dilation.contains(&0),
            "dilation should be greater than zero, but got {dilation:?}"
        );
        Ok(())
    }

    fn check_transposed(&self, input: &Tensor, weight: &Tensor) -> Result<()> {
        let (stride, dilation, more) = (self.stride, self.dilation, self.output_padding);
        let (input, sizes) = (input.shape(), weight.shape());
        ensure!(
            !input[2..].contains(&0),
            "Only zero batch or zero channel inputs are supported, but got input shape: {input:?}"
        );
        let wanted = match D {
            3 => {
                "5D (n_output_plane x n_input_plane x kernel_depth x kernel_height x kernel_width) tensor expected for weight"
            }
            _ => "2D or 4D weight tensor expected",
        };
        if D < 3 {
            check_kernel::<D>(spatial(weight))?;
        }
        ensure!(
            !sizes.contains(&0),
            "non-empty {wanted}, but got: {sizes:?}"
        );
        let along = |name: &str, missing: usize, sizes: [usize; D], between: &str| {
            let sizes = at_least_two(missing, sizes);
            let axes = &["depth", "height", "width"][3 - sizes.len()..];
            let texts = axes
                .iter()
                .zip(sizes)
                .map(|(axis, n)| format!("{name}_{axis}: {n}"));
            texts.collect::<Vec<_>>().join(between)
        };
        ensure!(
            !dilation.contains(&0),
            "dilation should be greater than zero, but got {}",
            along("dilation", 1, dilation, ", ")
        );
        ensure!(
            (0..D).all(|d| more[d] < stride[d].max(dilation[d])),
            "output padding must be smaller than either stride or dilation, but got {} {} {}",
            along("output_padding", 0, more, " "),
            along("stride", 1, stride, " "),
            along("dilation", 1, dilation, " ")
        );
        Ok(())
    }

    /// The sizes of a transposed convolution's output.
    fn transposed_size(&self, size: [usize; D], windows: &[Window; D]) -> Result<[usize; D]> {
        let of = |d: usize| windows[d].smallest(size[d]) + self.output_padding[d] as i128;
        let sizes: [i128; D] = std::array::from_fn(of);
        ensure!(
            sizes.iter().all(|size| *size > 0),
            "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small",
            by_x(&at_least_two(1, size)),
            by_x(&at_least_two(1, sizes))
        );
        Ok(sizes.map(|size| usize::try_from(size).unwrap_or(usize::MAX)))
    }

    /// The shape for the kernels.
    fn shape(
        &self,
        batch: usize,
        channels: [usize; 2],
        size: [usize; D],
        mut windows: [Window; D],
    ) -> Result<ConvShape> {
        let mut counts = [0; D];
        for ((window, count), size) in windows.iter_mut().zip(&mut counts).zip(size) {
            *window = window.within(size)?;
            *count = window.count(size)?.unwrap_or(1);
        }
        let shape = ConvShape::new(batch, channels, size, windows.map(|w| w.kernel))
            .with_stride(windows.map(|w| w.stride))
            .with_padding(windows.map(|w| w.padding))
            .with_dilation(windows.map(|w| w.dilation))
            .with_groups(self.groups);
        if shape.checked_output().is_some() {
            return Ok(shape);
        }
        // What is larger than memory is the result, at either end.
        let elements = |channels: usize, sizes: [usize; D]| {
            let sizes = [&[batch, channels], &sizes[..]].concat();
            checked_numel(&sizes.iter().map(|n| *n.max(&1)).collect::<Vec<_>>())
        };
        let most = elements(channels[0], size)?.max(elements(channels[1], counts)?);
        let bytes = most as u128 * size_of::<f64>() as u128;
        Err(ErrorKind::OutOfMemory { bytes }.into())
    }
}

/// What to do where the channels are not the second dimension of a batch.
fn hint_channels<K: ConvKind>(
    error: Error,
    input: &[usize],
    weight: &[usize],
    dimensions: usize,
) -> Error {
    let channels = weight[usize::from(!K::TRANSPOSED)];
    match input.last() {
        _ if channels == 1 && input.len() == dimensions + 1 => error.with_hint(
            "the input is taken for one sample: `.unsqueeze(1)?` makes it a batch of one channel",
        ),
        Some(&last) if last == channels && input[input.len() - dimensions - 1] != channels => {
            let last = dimensions + 1;
            let order: Vec<usize> = [0, last].into_iter().chain(1..last).collect();
            error.with_hint(format!(
                "the channels come last: `.permute({order:?})?` of a batch puts them second"
            ))
        }
        _ => error,
    }
}

/// The input as a batch.
fn batched<K: ConvKind, const D: usize>(input: &Tensor) -> Result<Tensor> {
    let (unbatched, batched, sizes) = (D + 1, D + 2, input.shape());
    let name = if K::TRANSPOSED {
        "conv_transpose"
    } else {
        "conv"
    };
    match sizes.len() {
        rank if rank == batched => Ok(input.clone()),
        rank if rank == unbatched => input.unsqueeze(0),
        rank => {
            let text = format!(
                "Expected {unbatched}D (unbatched) or {batched}D (batched) input to {name}{D}d, but got input of size: {sizes:?}"
            );
            Err(hint_batch(Error::shape(text), rank, D))
        }
    }
}

/// The sizes without batch and channels; the rank was checked.
fn spatial<const D: usize>(t: &Tensor) -> [usize; D] {
    std::array::from_fn(|d| t.shape()[d + 2])
}

/// Zeros at the end of each dimension.
fn pad_end<const D: usize>(t: &Tensor, sizes: [usize; D]) -> Result<Tensor> {
    if sizes == [0; D] {
        return Ok(t.clone());
    }
    let pads = sizes.into_iter().rev().flat_map(|n| [0, n as i64]);
    t.pad(&pads.collect::<Vec<_>>(), PadMode::Constant, 0.0)
}

/// The two kinds refuse it in different words.
fn check_bias_dtype<K: ConvKind>(bias: &Tensor, dtype: DType) -> Result<()> {
    if K::TRANSPOSED || bias.dtype() == dtype {
        return check_dtype(bias, dtype);
    }
    let (wanted, found) = (dtype.c_name(), bias.dtype().c_name());
    Err(Error::dtype(format!(
        "Input type ({wanted}) and bias type ({found}) should be the same"
    ))
    .hint_common(bias.dtype(), dtype))
}

fn check_kernel<const D: usize>(kernel: [usize; D]) -> Result<()> {
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

/// As PyTorch shows it, which computes in one dimension as in two.
fn at_least_two<T: Copy, const D: usize>(missing: T, sizes: [T; D]) -> Vec<T> {
    let lead: &[T] = if D == 1 { &[missing] } else { &[] };
    [lead, &sizes].concat()
}
