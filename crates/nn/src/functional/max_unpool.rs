//! Maxima put back to where they were, over one, two or three dimensions.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::print::python_tuple;
use pleach_core::{DType, Error, Result, Tensor, check_room};
use pleach_kernels::for_each_chunk_mut;

use super::sliding::{empty_dimension, planes};
use super::{Size, filled};
use crate::setters::setters;

/// What an unpooling takes: the size of the windows of the pooling, and windows side by side, no
/// padding and the smallest output that has such windows, or what is set. The size of the windows alone
/// will do where these are taken.
#[derive(Debug, Clone)]
#[must_use]
pub struct MaxUnpoolOptions<const D: usize> {
    pub(crate) kernel_size: Size<D>,
    pub(crate) stride: Size<D>,
    pub(crate) padding: Size<D>,
    pub(crate) output_size: Option<Vec<usize>>,
}

impl<const D: usize> MaxUnpoolOptions<D> {
    /// PyTorch's defaults.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        let kernel_size = kernel_size.into();
        MaxUnpoolOptions {
            kernel_size,
            stride: kernel_size,
            padding: 0.into(),
            output_size: None,
        }
    }

    max_unpool_setters!(|options| options);
    setters! {
        |options| options;
        /// The spatial sizes of the output, or all of its sizes: the pooling's input's, of which several
        /// have the same windows; by default the smallest.
        output_size: &[usize] = Some(output_size.to_vec());
    }
}

impl<T: Into<Size<D>>, const D: usize> From<T> for MaxUnpoolOptions<D> {
    fn from(kernel_size: T) -> Self {
        Self::new(kernel_size)
    }
}

/// The setters of [`MaxUnpoolOptions`], and of what holds them.
macro_rules! max_unpool_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// Step between the windows of the pooling (the kernel's size by default).
            stride: impl Into<Size<D>> = stride.into();
            /// What the pooling added on each side (0 by default).
            padding: impl Into<Size<D>> = padding.into();
        }
    };
}
pub(crate) use max_unpool_setters;

macro_rules! max_unpools {
    ($($(#[$doc:meta])* $name:ident, $d:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(
            input: &Tensor,
            indices: &Tensor,
            options: impl Into<MaxUnpoolOptions<$d>>,
        ) -> Result<Tensor> {
            max_unpool(input, indices, options.into())
        }
    )*};
}

max_unpools! {
    /// [`max_unpool2d`] of sequences, `[N, C, L]` or `[C, L]`.
    ///
    /// # Errors
    /// As [`max_unpool2d`].
    max_unpool1d, 1;

    /// The maxima of a pooling at the places where they were, among zeros: a partial inverse of
    /// [`max_pool2d_with_indices`](super::max_pool2d_with_indices), whose indices it takes. Of several
    /// values for one place the last stays.
    ///
    /// Shapes: input and indices `[N, C, H, W]` or `[C, H, W]`; each of the last two sizes becomes
    /// `(size - 1) · stride - 2 · padding + kernel_size`, or what `output_size` says, which may differ by
    /// less than a stride.
    ///
    /// # Errors
    /// If shapes, dtypes or sizes do not fit, or an index lies outside.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// let x = tensor![[[1., 2., 5., 6.], [3., 4., 0., 1.]]];
    /// let (y, indices) = F::max_pool2d_with_indices(&x, 2)?;
    /// let back = F::max_unpool2d(&y, &indices, 2)?;
    /// assert_eq!(back.to_vec::<f32>()?, [0., 0., 0., 6., 0., 4., 0., 0.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    max_unpool2d, 2;

    /// [`max_unpool2d`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
    ///
    /// # Errors
    /// As [`max_unpool2d`].
    max_unpool3d, 3;
}

pub(crate) fn max_unpool<const D: usize>(
    input: &Tensor,
    indices: &Tensor,
    options: MaxUnpoolOptions<D>,
) -> Result<Tensor> {
    let sizes = sizes(input, &options)?;
    if D == 1 {
        // As PyTorch does it, images of one column.
        let (input, indices) = (input.unsqueeze(-1)?, indices.unsqueeze(-1)?);
        return run::<2>(&input, &indices, &[sizes[0], 1])?.squeeze_dim(-1);
    }
    if D == 3 && options.stride.array().contains(&0) {
        return Err(Error::value(format!(
            "strides should be greater than zero, but got stride: {:?}",
            options.stride.array()
        )));
    }
    run::<D>(input, indices, &sizes)
}

/// The spatial sizes of the output.
fn sizes<const D: usize>(input: &Tensor, options: &MaxUnpoolOptions<D>) -> Result<Vec<usize>> {
    let (kernel, stride, padding) = (
        options.kernel_size.array().map(|n| n as i128),
        options.stride.array().map(|n| n as i128),
        options.padding.array().map(|n| n as i128),
    );
    let Some(lead) = input.rank().checked_sub(D) else {
        return Err(wrong_rank(input, D));
    };
    let default: Vec<i128> = (0..D)
        .map(|d| {
            (input.shape()[lead + d] as i128 - 1).saturating_mul(stride[d]) + kernel[d]
                - 2 * padding[d]
        })
        .collect();
    let sizes = match &options.output_size {
        None => default,
        Some(given) => {
            let spatial = match given.len() {
                n if n == D + 2 => &given[2..],
                _ => &given[..],
            };
            if spatial.len() != D {
                return Err(Error::value(format!(
                    "output_size should be a sequence containing {D} or {} elements, but it has a length of '{}'",
                    D + 2,
                    spatial.len()
                )));
            }
            for d in 0..D {
                let (least, most) = (default[d] - stride[d], default[d] + stride[d]);
                let size = spatial[d] as i128;
                if size <= least || most <= size {
                    return Err(Error::value(format!(
                        "invalid output_size \"{}\" (dim {d} must be between {least} and {most})",
                        python_tuple(spatial)
                    )));
                }
            }
            spatial.iter().map(|n| *n as i128).collect()
        }
    };
    let each = sizes.iter().enumerate().map(|(d, size)| match size {
        ..0 => Err(Error::value(format!(
            "max_unpooling: output_size must contain non-negative spatial dimensions, but got output_size[{d}]={size}"
        ))),
        // What is too large for any tensor is refused as such.
        _ => Ok(usize::try_from(*size).unwrap_or(usize::MAX)),
    });
    each.collect()
}

fn wrong_rank(input: &Tensor, dims: usize) -> Error {
    let (name, [least, most], rank) = match dims {
        1 => (2, [3, 4], input.rank() + 1),
        _ => (dims, [dims + 1, dims + 2], input.rank()),
    };
    Error::shape(format!(
        "Input to max_unpooling{name}d should be a {least}d or {most}d Tensor, but got a tensor with {rank} dimensions."
    ))
}

fn run<const D: usize>(input: &Tensor, indices: &Tensor, sizes: &[usize]) -> Result<Tensor> {
    if indices.dtype() != DType::I64 {
        return Err(Error::dtype(format!(
            "elements in indices should be type int64 but got: {}",
            indices.dtype().torch_name()
        )));
    }
    if input.rank() != D + 1 && input.rank() != D + 2 {
        return Err(wrong_rank(input, D));
    }
    ensure!(
        input.shape() == indices.shape(),
        "Expected shape of indices to be same as that of the input tensor ({:?}) but got indices tensor with shape: {:?}",
        input.shape(),
        indices.shape()
    );
    if let Some(dim) = (1..input.rank()).find(|d| input.shape()[*d] == 0) {
        let name = format!("max_unpooling{D}d_forward_out_cpu");
        return Err(empty_dimension(&name, input.shape(), dim));
    }
    let output = [&input.shape()[..input.rank() - D], sizes].concat();
    check_room(&output, input.dtype())?;
    apply(MaxUnpool::<D> { output }, (input, indices))
}

/// Values at their places.
#[derive(Clone, Debug)]
pub struct MaxUnpool<const D: usize> {
    /// The sizes of the output.
    output: Vec<usize>,
}

impl<const D: usize> Operation for MaxUnpool<D> {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::WIDENED;

    fn name(&self) -> &'static str {
        if D == 3 {
            "max_unpool3d"
        } else {
            "max_unpool2d"
        }
    }
    fn grad_name(&self) -> &'static str {
        match D {
            3 => "MaxUnpool3DBackward0",
            _ => "MaxUnpool2DBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        vec![("output_size", self.output[self.output.len() - D..].into())]
    }
    fn forward(&self, (x, indices): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let places = indices.as_slice::<i64>()?;
        let sizes = &self.output[self.output.len() - D..];
        let out_plane: usize = sizes.iter().product();
        if let Some(place) = places.iter().find(|p| !(0..out_plane as i64).contains(p)) {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            return Err(Error::index(format!(
                "Found an invalid max index: {place} (output volumes are of size {})",
                sizes.join("x")
            )));
        }
        let (_, plane) = planes::<D>(x);
        let plane: usize = plane.iter().product();
        dispatch_float!(Operation::name(self), x.dtype(), T => {
            let x = x.as_slice::<T>()?;
            filled::<T>(&self.output, |out| {
                if out.is_empty() {
                    return;
                }
                for_each_chunk_mut(out, out_plane, |i, out| {
                    out.fill(0.0);
                    let range = i * plane..(i + 1) * plane;
                    for (v, place) in x[range.clone()].iter().zip(&places[range]) {
                        out[*place as usize] = *v;
                    }
                });
            })
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let first = -(D as i64);
        let places = saved.input(1)?.flatten(first, -1)?;
        let values = grad.flatten(first, -1)?.gather(-1, &places)?;
        Ok([Some(values.reshape(saved.shape(0))?), None])
    }
}
