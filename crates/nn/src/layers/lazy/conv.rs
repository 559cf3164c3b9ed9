//! [`LazyConvNd`]: convolutions and transposed convolutions.

use pleach_core::{DType, Error, Result, Tensor, size_text, skip_init};

use super::{Lazy, LazyLayer};
use crate::functional::{
    ConvKind, Padding, PaddingMode, Plain, Size, Transposed, conv_setters, output_padding_setters,
};
use crate::layers::{ConvNd, ConvNdBuilder};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};

/// A [`Conv`](crate::layers::Conv) or [`ConvTranspose`](crate::layers::ConvTranspose) that learns
/// `in_channels` from its first input: see [`Lazy`]. The formula, the options and their defaults are
/// theirs.
///
/// Shapes: input `[N, in_channels, *]` or `[in_channels, *]`, output `[N, out_channels, *]` or
/// `[out_channels, *]`.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::LazyConv2d};
///
/// let conv = LazyConv2d::builder(8, 3).padding(1).build()?;
/// assert_eq!(
///     conv.to_string(),
///     "LazyConv2d(0, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"
/// );
/// assert_eq!(conv.call(&Tensor::zeros([2, 5, 7, 7]))?.shape(), [2, 8, 7, 7]);
/// assert_eq!(
///     conv.to_string(),
///     "Conv2d(5, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
pub type LazyConvNd<K, const D: usize> = Lazy<ConvNd<K, D>>;

/// A lazy [`Conv1d`](crate::layers::Conv1d): see [`LazyConvNd`].
pub type LazyConv1d = LazyConvNd<Plain, 1>;
/// A lazy [`Conv2d`](crate::layers::Conv2d): see [`LazyConvNd`].
pub type LazyConv2d = LazyConvNd<Plain, 2>;
/// A lazy [`Conv3d`](crate::layers::Conv3d): see [`LazyConvNd`].
pub type LazyConv3d = LazyConvNd<Plain, 3>;
/// A lazy [`ConvTranspose1d`](crate::layers::ConvTranspose1d): see [`LazyConvNd`].
pub type LazyConvTranspose1d = LazyConvNd<Transposed, 1>;
/// A lazy [`ConvTranspose2d`](crate::layers::ConvTranspose2d): see [`LazyConvNd`].
pub type LazyConvTranspose2d = LazyConvNd<Transposed, 2>;
/// A lazy [`ConvTranspose3d`](crate::layers::ConvTranspose3d): see [`LazyConvNd`].
pub type LazyConvTranspose3d = LazyConvNd<Transposed, 3>;

impl<K: ConvKind, const D: usize> LazyConvNd<K, D> {
    /// A convolution with stride 1, no padding, and a bias, in f32.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`LazyConvNdBuilder::build`].
    #[track_caller]
    pub fn new(out_channels: usize, kernel_size: impl Into<Size<D>>) -> Self {
        or_panic(Self::builder(out_channels, kernel_size).build())
    }

    /// A convolution with options.
    pub fn builder(
        out_channels: usize,
        kernel_size: impl Into<Size<D>>,
    ) -> LazyConvNdBuilder<K, D> {
        LazyConvNdBuilder(ConvNd::builder(0, out_channels, kernel_size))
    }
}

impl<K: ConvKind, const D: usize> LazyLayer for ConvNd<K, D> {
    fn lazy_name() -> &'static str {
        match K::TRANSPOSED {
            false => ["LazyConv1d", "LazyConv2d", "LazyConv3d"][D - 1],
            true => [
                "LazyConvTranspose1d",
                "LazyConvTranspose2d",
                "LazyConvTranspose3d",
            ][D - 1],
        }
    }
    fn inferred(&self, input: &Tensor) -> Result<usize> {
        let channels = match input.rank() {
            rank if rank == D + 1 => input.shape()[0],
            rank if rank == D + 2 => input.shape()[1],
            _ => {
                return Err(Error::shape(format!(
                    "Expected {}D (unbatched) or {}D (batched) input to {}, but got input of size: {}",
                    D + 1,
                    D + 2,
                    Self::lazy_name(),
                    size_text(input.shape())
                )));
            }
        };
        match channels.is_multiple_of(self.groups) {
            true => Ok(channels),
            false => Err(Error::value("in_channels must be divisible by groups")),
        }
    }
    fn set_inferred(&mut self, size: usize) {
        self.in_channels = size;
    }
    fn shape(&self, name: &str, size: usize) -> Vec<usize> {
        if name != "weight" {
            return vec![self.out_channels];
        }
        let lead = match K::TRANSPOSED {
            true => [size, self.out_channels / self.groups],
            false => [self.out_channels, size / self.groups],
        };
        [&lead[..], &self.kernel_size].concat()
    }
    fn size(&self, shape: &[usize]) -> Option<usize> {
        match K::TRANSPOSED {
            true => shape.first().copied(),
            false => shape.get(1)?.checked_mul(self.groups),
        }
    }
    fn draw(&self) -> Result<()> {
        self.reset_parameters()
    }
}

/// Options of a [`LazyConvNd`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LazyConvNdBuilder<K, const D: usize>(ConvNdBuilder<K, D>);

impl<K: ConvKind, const D: usize> LazyConvNdBuilder<K, D> {
    conv_setters!(|builder| builder.0.options);

    setters! {
        |builder| builder.0;
        /// Whether there is a bias (yes, by default).
        bias: bool = bias;
        /// What to add around the input, `"zeros"` by default: see
        /// [`ConvNdBuilder::padding_mode`](crate::layers::ConvNdBuilder::padding_mode).
        padding_mode: impl TryInto<PaddingMode, Error: Into<Error>> = given(padding_mode);
        /// The dtype of the parameters (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer; nothing is drawn.
    ///
    /// # Errors
    /// As [`ConvNdBuilder::build`](crate::layers::ConvNdBuilder::build).
    pub fn build(self) -> Result<LazyConvNd<K, D>> {
        Lazy::of(skip_init(|| self.0.build())?)
    }
}

impl<const D: usize> LazyConvNdBuilder<Transposed, D> {
    output_padding_setters!(|builder| builder.0.options);
}
