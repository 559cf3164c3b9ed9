//! How the windows of a pooling slide.

use pleach_core::autograd::Attributes;
use pleach_core::{Error, ErrorKind, Result, Tensor, Window};
use pleach_kernels::PoolShape;

use super::hint_batch;
use super::size::{by_x, windows};

/// How a window slides over the last `D` dimensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sliding<const D: usize> {
    pub kernel: [usize; D],
    pub stride: [usize; D],
    pub padding: [usize; D],
    pub dilation: [usize; D],
    pub ceil_mode: bool,
}

/// `kT: 2 kH: 2 kW: 2`.
fn by_axis<const D: usize>(name: &str, sizes: [usize; D]) -> String {
    let axes = &["T", "H", "W"][3 - D..];
    let texts = axes
        .iter()
        .zip(sizes)
        .map(|(axis, n)| format!("{name}{axis}: {n}"));
    texts.collect::<Vec<_>>().join(" ")
}

/// The three sizes of the kernels.
fn three<const D: usize>(sizes: [usize; D], missing: usize) -> [usize; 3] {
    let mut all = [missing; 3];
    all[3 - D..].copy_from_slice(&sizes);
    all
}

/// The sizes before the last `D`, multiplied, and these.
pub(super) fn planes<const D: usize>(input: &Tensor) -> (usize, [usize; D]) {
    let lead = input.rank() - D;
    let plane = std::array::from_fn(|d| input.shape()[lead + d]);
    (input.shape()[..lead].iter().product(), plane)
}

/// The input's sizes with another plane, of which the kernels have three dimensions.
pub(super) fn with_plane<const D: usize>(input: &Tensor, plane: [usize; 3]) -> Vec<usize> {
    [&input.shape()[..input.rank() - D], &plane[3 - D..]].concat()
}

impl<const D: usize> Sliding<D> {
    /// The same along the rows of images of one row.
    pub fn of_rows(self) -> Sliding<2> {
        Sliding {
            kernel: [1, self.kernel[0]],
            stride: [1, self.stride[0]],
            padding: [0, self.padding[0]],
            dilation: [1, self.dilation[0]],
            ceil_mode: self.ceil_mode,
        }
    }

    pub fn attributes(&self) -> Attributes {
        vec![
            ("kernel_size", self.kernel[..].into()),
            ("stride", self.stride[..].into()),
            ("padding", self.padding[..].into()),
            ("ceil_mode", self.ceil_mode.into()),
        ]
    }

    /// The shape for the kernels, after the checks that they rely on, in PyTorch's order.
    pub fn over(&self, maximum: bool, input: &Tensor) -> Result<PoolShape> {
        let (sizes, rank) = (input.shape(), input.rank());
        if (maximum || D == 3) && rank != D + 1 && rank != D + 2 {
            let text = format!(
                "non-empty {}D or {}D (batch mode) tensor expected for input",
                D + 1,
                D + 2
            );
            return Err(hint_batch(Error::shape(text), rank, D));
        }
        if rank <= D {
            let dim = -(D as i64) - 1;
            let error = ErrorKind::DimOutOfRange { dim, rank };
            return Err(hint_batch(error.into(), rank, D));
        }
        self.check_positive()?;
        let (planes, plane) = planes::<D>(input);
        let mut windows = windows(self.kernel, self.stride, self.padding, self.dilation);
        let mut out = [0; D];
        for (d, window) in windows.iter_mut().enumerate() {
            out[d] = out_size(*window, plane[d], self.ceil_mode)?;
            *window = window.within(plane[d])?;
        }
        self.check_input(maximum, input)?;
        let (kernel, padding) = (self.kernel, self.padding);
        if (0..D).any(|d| padding[d] > kernel[d] / 2) {
            // PyTorch names them in these orders.
            let (k, pad) = (&kernel[..], &padding[..]);
            let got = match (k, pad) {
                ([t, h, w], [pt, ph, pw]) => {
                    format!("kT: {t} kW: {w} kH: {h} padT: {pt} padW: {pw} padH: {ph}")
                }
                ([h, w], [ph, pw]) => format!("padW = {pw}, padH = {ph}, kW = {w}, kH = {h}"),
                _ => format!("pad = {pad:?}, kernel_size = {k:?}"),
            };
            return Err(Error::value(format!(
                "pad should be smaller than or equal to half of kernel size, but got {got}"
            )));
        }
        if !maximum && D == 3 && (0..D).any(|d| plane[d] < kernel[d]) {
            return Err(Error::shape(format!(
                "input image ({}) smaller than kernel size ({})",
                by_axis("", plane),
                by_axis("k", kernel)
            )));
        }
        if out.iter().any(|size| *size < 1) {
            let channels = sizes[rank - D - 1];
            return Err(Error::shape(format!(
                "Given input size: ({channels}x{}). Calculated output size: ({channels}x{}). Output size is too small",
                by_x(&plane).replace(' ', ""),
                by_x(&out).replace(' ', "")
            )));
        }
        // A window that is alone takes no step.
        let step = |d: usize| if out[d] == 1 { 1 } else { windows[d].stride };
        Ok(PoolShape {
            planes,
            input: three(plane, 1),
            output: three(out.map(|size| size as usize), 1),
            kernel: three(kernel, 1),
            stride: three::<D>(std::array::from_fn(step), 1),
            padding: three(padding, 0),
            dilation: three(windows.map(|w| w.dilation), 1),
        })
    }

    fn check_positive(&self) -> Result<()> {
        if self.stride.contains(&0) {
            return Err(Error::value("stride should not be zero"));
        }
        for (what, name, sizes) in [
            ("kernel size", "k", self.kernel),
            ("dilation", "dilation", self.dilation),
        ] {
            if sizes.contains(&0) {
                return Err(Error::value(format!(
                    "{what} should be greater than zero, but got {}",
                    by_axis(name, sizes)
                )));
            }
        }
        Ok(())
    }

    /// The batch alone may be empty.
    fn check_input(&self, maximum: bool, input: &Tensor) -> Result<()> {
        let (sizes, rank) = (input.shape(), input.rank());
        let first = rank - D - 1;
        let empty = sizes[first..].iter().position(|size| *size == 0);
        if D == 2 && (rank > 4 || empty.is_some()) {
            return Err(Error::shape(format!(
                "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{sizes:?}"
            )));
        }
        let name = match maximum {
            true => "max_pool3d_with_indices_out_cpu_template",
            false => "avg_pool3d",
        };
        match empty {
            Some(dim) => Err(empty_dimension(name, sizes, first + dim)),
            None => Ok(()),
        }
    }
}

/// PyTorch's refusal of an empty dimension.
pub(super) fn empty_dimension(name: &str, sizes: &[usize], dim: usize) -> Error {
    Error::shape(format!(
        "{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {sizes:?} with dimension {dim} being empty"
    ))
}

/// The size of the output along one axis, which may come out below 1.
pub(super) fn out_size(window: Window, size: usize, ceil_mode: bool) -> Result<i64> {
    let (kernel, padding, dilation) = (window.kernel, window.padding, window.dilation);
    // As PyTorch's: what an i64 holds, although no dimension is so long.
    let span = kernel.saturating_sub(1) as u128 * dilation as u128 + 1;
    let span = i64::try_from(span).map_err(|_| {
        Error::value(format!(
            "effective kernel size overflows, but got kernel_size={kernel} and dilation={dilation}"
        ))
    })?;
    let padded = window.padded(size)?;
    if padding as i64 > span / 2 {
        return Err(Error::value(format!(
            "pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel} and dilation={dilation}"
        )));
    }
    // No step is longer than the dimension: all of these are i64s.
    let (rest, stride) = (padded as i64 - span, window.stride);
    let stride = i64::try_from(stride).unwrap_or(i64::MAX);
    let below = rest.div_euclid(stride) + 1;
    if !ceil_mode || rest.rem_euclid(stride) == 0 {
        return Ok(below);
    }
    // With ceil_mode there is one more window, which must start inside the input or the padding
    // before it.
    let starts_outside = below.saturating_mul(stride) >= (size + padding) as i64;
    Ok(if starts_outside { below } else { below + 1 })
}

/// A dilated window can step over a tiny input, whose maximum would be minus infinity, taken from
/// nowhere.
pub(super) fn check_meets_input(shape: &PoolShape, dims: usize) -> Result<()> {
    // Of an empty batch nothing is taken.
    if shape.planes == 0 || shape.windows_meet_input() {
        return Ok(());
    }
    let [dilation, padding, input] = [shape.dilation, shape.padding, shape.input];
    let lead = 3 - dims;
    Err(Error::shape(format!(
        "max_pool{dims}d: a window with dilation {:?} and padding {:?} lies wholly outside an input of {:?}",
        &dilation[lead..],
        &padding[lead..],
        &input[lead..]
    )))
}
