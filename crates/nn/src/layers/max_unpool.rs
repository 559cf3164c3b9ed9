//! [`MaxUnpool`]: [`MaxUnpool1d`], [`MaxUnpool2d`], [`MaxUnpool3d`].

use pleach_core::print::python_tuple;
use pleach_core::{Result, Tensor};

use crate::call;
use crate::functional::{MaxUnpoolOptions, Size, max_unpool, max_unpool_setters};
use crate::setters::setters;
use crate::{ForwardMany, Module, Node};

/// [`MaxUnpool`] of sequences, `[N, C, L]` or `[C, L]`.
pub type MaxUnpool1d = MaxUnpool<1>;
/// [`MaxUnpool`] of images, `[N, C, H, W]` or `[C, H, W]`.
pub type MaxUnpool2d = MaxUnpool<2>;
/// [`MaxUnpool`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
pub type MaxUnpool3d = MaxUnpool<3>;

const NAMES: [&str; 3] = ["MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"];

/// The maxima of a pooling at the places where they were, among zeros, over one, two or three dimensions:
/// [`functional::max_unpool2d`](crate::functional::max_unpool2d) for two. It is called with what
/// [`MaxPool::call_with_indices`](super::MaxPool::call_with_indices) returns.
///
/// Shapes: input and indices `[N, C, *]` or `[C, *]`, output the same, where each size becomes
/// `(size - 1) · stride - 2 · padding + kernel_size`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{ForwardMany, layers::{MaxPool1d, MaxUnpool1d}};
///
/// let (pool, back) = (MaxPool1d::new(2), MaxUnpool1d::new(2));
/// let (maxima, indices) = pool.call_with_indices(&tensor![[1., 5., 7., 6., 9.]])?;
/// assert_eq!(back.call((&maxima, &indices))?.to_vec::<f32>()?, [0., 5., 7., 0.]);
/// let whole = back.call_with_output_size(&maxima, &indices, &[5])?;
/// assert_eq!(whole.to_vec::<f32>()?, [0., 5., 7., 0., 0.]);
/// assert_eq!(back.to_string(), "MaxUnpool1d(kernel_size=(2,), stride=(2,), padding=(0,))");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr, debug)]
pub struct MaxUnpool<const D: usize> {
    node: Node,
    /// Size of a window of the pooling.
    pub kernel_size: [usize; D],
    /// Step between its windows.
    pub stride: [usize; D],
    /// What it added on each side.
    pub padding: [usize; D],
}

impl<const D: usize> MaxUnpool<D> {
    /// The inverse of a pooling whose windows lie side by side.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        Self::builder(kernel_size).unchecked()
    }

    /// A layer with options.
    pub fn builder(kernel_size: impl Into<Size<D>>) -> MaxUnpoolBuilder<D> {
        MaxUnpoolBuilder(MaxUnpoolOptions::new(kernel_size))
    }

    /// [`ForwardMany::call`], where the output has these spatial sizes, or these sizes: those of the
    /// pooling's input.
    ///
    /// # Errors
    /// As [`functional::max_unpool2d`](crate::functional::max_unpool2d).
    pub fn call_with_output_size(
        &self,
        input: &Tensor,
        indices: &Tensor,
        output_size: &[usize],
    ) -> Result<Tensor> {
        let options = self.options().output_size(output_size);
        call::call(self, (input, indices), |new| match new {
            Some([input, indices]) => max_unpool(input, indices, options),
            _ => max_unpool(input, indices, options),
        })
    }

    fn options(&self) -> MaxUnpoolOptions<D> {
        MaxUnpoolOptions::new(self.kernel_size)
            .stride(self.stride)
            .padding(self.padding)
    }

    fn extra_repr(&self) -> String {
        let [kernel, stride, padding] =
            [self.kernel_size, self.stride, self.padding].map(|sizes| python_tuple(&sizes));
        format!("kernel_size={kernel}, stride={stride}, padding={padding}")
    }
}

impl<const D: usize> ForwardMany for MaxUnpool<D> {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (input, indices): Self::Arguments<'_>) -> Result<Tensor> {
        max_unpool(input, indices, self.options())
    }
}

/// Options of a [`MaxUnpool`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MaxUnpoolBuilder<const D: usize>(MaxUnpoolOptions<D>);

impl<const D: usize> MaxUnpoolBuilder<D> {
    max_unpool_setters!(|builder| builder.0);

    /// Builds the layer. As in PyTorch, the sizes are checked when it is called.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<MaxUnpool<D>> {
        Ok(self.unchecked())
    }

    fn unchecked(self) -> MaxUnpool<D> {
        let o = self.0;
        MaxUnpool {
            node: Node::new(),
            kernel_size: o.kernel_size.array(),
            stride: o.stride.array(),
            padding: o.padding.array(),
        }
    }
}
