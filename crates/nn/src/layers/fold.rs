//! [`Unfold`] and [`Fold`].

use pleach_core::{Result, Tensor};

use crate::functional::{Size, UnfoldOptions, fold, unfold, unfold_setters};
use crate::setters::setters;
use crate::{Forward, Module, Node};

/// The sliding windows of a batch of images, each as a column.
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`, output `[N, C · kh · kw, L]` or `[C · kh · kw, L]` with L
/// windows in row-major order.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::{Fold, Unfold}};
/// let x = Tensor::ones([1, 1, 3, 3]);
/// let columns = Unfold::new(2).call(&x)?;
/// assert_eq!(columns.shape(), [1, 4, 4]);
/// // Each pixel comes back as often as windows saw it.
/// let y = Fold::new(3, 2).call(&columns)?;
/// assert_eq!(y.to_vec::<f32>()?, [1., 2., 1., 2., 4., 2., 1., 2., 1.]);
/// let unfold = Unfold::builder((2, 3)).stride(2).build()?;
/// assert_eq!(unfold.to_string(), "Unfold(kernel_size=(2, 3), dilation=1, padding=0, stride=2)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct Unfold {
    node: Node,
    #[module(skip)]
    options: UnfoldOptions,
}

/// Images from the columns of sliding windows, of which each pixel is the sum: the adjoint of
/// [`Unfold`].
///
/// Shapes: input `[N, C · kh · kw, L]` or `[C · kh · kw, L]` with L windows in row-major order,
/// `(size + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1` along each side, output `[N, C, H, W]`
/// or `[C, H, W]`.
///
/// ```
/// use pleach::nn::{Forward, layers::Fold};
/// use pleach::tensor;
/// let fold = Fold::new((1, 3), (1, 2)); // two windows of two pixels
/// let y = fold.call(&tensor![[1., 2.], [3., 4.]])?;
/// assert_eq!(y.to_vec::<f32>()?, [1., 5., 4.]);
/// assert_eq!(
///     Fold::builder((3, 4), 2).padding((1, 0)).build()?.to_string(),
///     "Fold(output_size=(3, 4), kernel_size=2, dilation=1, padding=(1, 0), stride=1)"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct Fold {
    node: Node,
    #[module(skip)]
    output_size: Size<2>,
    #[module(skip)]
    options: UnfoldOptions,
}

fn repr(o: UnfoldOptions) -> String {
    format!(
        "kernel_size={}, dilation={}, padding={}, stride={}",
        o.kernel_size, o.dilation, o.padding, o.stride
    )
}

impl Unfold {
    /// Windows of this size, at every place.
    pub fn new(kernel_size: impl Into<Size<2>>) -> Self {
        Self::builder(kernel_size).unchecked()
    }

    /// A layer with options.
    pub fn builder(kernel_size: impl Into<Size<2>>) -> UnfoldBuilder {
        UnfoldBuilder(UnfoldOptions::new(kernel_size))
    }

    fn extra_repr(&self) -> String {
        repr(self.options)
    }
}

impl Fold {
    /// Images of a size, of windows at every place.
    pub fn new(output_size: impl Into<Size<2>>, kernel_size: impl Into<Size<2>>) -> Self {
        Self::builder(output_size, kernel_size).unchecked()
    }

    /// A layer with options.
    pub fn builder(
        output_size: impl Into<Size<2>>,
        kernel_size: impl Into<Size<2>>,
    ) -> FoldBuilder {
        FoldBuilder(output_size.into(), UnfoldOptions::new(kernel_size))
    }

    fn extra_repr(&self) -> String {
        format!("output_size={}, {}", self.output_size, repr(self.options))
    }
}

impl Forward for Unfold {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        unfold(input, self.options)
    }
}

impl Forward for Fold {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        fold(input, self.output_size, self.options)
    }
}

/// Options of an [`Unfold`].
#[derive(Debug, Clone)]
#[must_use]
pub struct UnfoldBuilder(UnfoldOptions);

/// Options of a [`Fold`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FoldBuilder(Size<2>, UnfoldOptions);

impl UnfoldBuilder {
    unfold_setters!(|builder| builder.0);

    /// Builds the layer. As in PyTorch, the sizes are checked by `forward`.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<Unfold> {
        Ok(self.unchecked())
    }

    fn unchecked(self) -> Unfold {
        let (node, options) = (Node::new(), self.0);
        Unfold { node, options }
    }
}

impl FoldBuilder {
    unfold_setters!(|builder| builder.1);

    /// Builds the layer. As in PyTorch, the sizes are checked by `forward`.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<Fold> {
        Ok(self.unchecked())
    }

    fn unchecked(self) -> Fold {
        let (node, FoldBuilder(output_size, options)) = (Node::new(), self);
        Fold {
            node,
            output_size,
            options,
        }
    }
}
