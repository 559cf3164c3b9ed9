//! [`Upsample`], [`UpsamplingNearest2d`] and [`UpsamplingBilinear2d`].

use pleach_core::print::PythonRepr;
use pleach_core::{Error, Result, Tensor};

use crate::functional::{
    InterpolateMode, InterpolateOptions, Resize, interpolate, interpolate_setters,
};
use crate::setters::{given, setters};
use crate::{Forward, Module, Node};

/// Resizes sequences, images or volumes:
/// [`functional::interpolate`](crate::functional::interpolate).
///
/// Shapes: input `[N, C, *]`, output the same with one, two or three new sizes.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, functional::Resize, layers::Upsample};
///
/// let x = tensor![[[1., 2.]]];
/// let twice = Upsample::new(Resize::scale_factor(2.0));
/// assert_eq!(twice.call(&x)?.to_vec::<f32>()?, [1., 1., 2., 2.]);
/// assert_eq!(twice.to_string(), "Upsample(scale_factor=2.0, mode='nearest')");
/// let smooth = Upsample::builder(Resize::size(3)).mode("linear").align_corners(true).build()?;
/// assert_eq!(smooth.call(&x)?.to_vec::<f32>()?, [1., 1.5, 2.]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct Upsample {
    node: Node,
    #[module(skip)]
    options: InterpolateOptions,
}

impl Upsample {
    /// A layer that takes the nearest elements.
    pub fn new(resize: Resize) -> Self {
        Upsample {
            node: Node::new(),
            options: InterpolateOptions::new(resize),
        }
    }

    /// A layer with options.
    pub fn builder(resize: Resize) -> UpsampleBuilder {
        UpsampleBuilder(InterpolateOptions::new(resize))
    }

    fn extra_repr(&self) -> String {
        repr(&self.options)
    }
}

fn repr(options: &InterpolateOptions) -> String {
    let mode = options.mode.clone().unwrap_or_default().to_string();
    format!("{}, mode={}", options.resize.repr(), mode.python_repr())
}

impl Forward for Upsample {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        interpolate(input, self.options.clone())
    }
}

/// Options of an [`Upsample`].
#[derive(Debug, Clone)]
#[must_use]
pub struct UpsampleBuilder(InterpolateOptions);

impl UpsampleBuilder {
    interpolate_setters!(|builder| builder.0);

    /// Builds the layer. As in PyTorch, what does not go together is an error of `forward`.
    ///
    /// # Errors
    /// If the mode is an unknown string.
    pub fn build(self) -> Result<Upsample> {
        let mode = self.0.mode?;
        let (node, options) = (
            Node::new(),
            InterpolateOptions {
                mode: Ok(mode),
                ..self.0
            },
        );
        Ok(Upsample { node, options })
    }
}

/// A row: docs, layer, and its options.
macro_rules! upsamplings {
    ($($(#[$doc:meta])* $name:ident = |$options:ident| $set:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra_repr, debug)]
        pub struct $name {
            node: Node,
            #[module(skip)]
            options: InterpolateOptions,
        }

        impl $name {
            /// A layer that resizes so.
            pub fn new(resize: Resize) -> Self {
                let $options = InterpolateOptions::new(resize);
                $name { node: Node::new(), options: $set }
            }

            fn extra_repr(&self) -> String {
                repr(&self.options)
            }
        }

        impl Forward for $name {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                interpolate(input, self.options.clone())
            }
        }
    )*};
}

upsamplings! {
    /// [`Upsample`] of images to the nearest pixel: `y[i] = x[⌊i / scale⌋]` along each side.
    ///
    /// Shapes: input `[N, C, H, W]`, output `[N, C, H', W']`.
    ///
    /// ```
    /// use pleach::nn::{Forward, functional::Resize, layers::UpsamplingNearest2d};
    /// use pleach::tensor;
    /// let twice = UpsamplingNearest2d::new(Resize::scale_factor(2.0));
    /// let y = twice.call(&tensor![[[[1., 2.]]]])?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 1., 2., 2., 1., 1., 2., 2.]);
    /// assert_eq!(twice.to_string(), "UpsamplingNearest2d(scale_factor=2.0, mode='nearest')");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    UpsamplingNearest2d = |options| options;

    /// Bilinear [`Upsample`] of images with aligned corners: along each side, `y[i]` is between the two
    /// elements beside `i · (input size - 1) / (output size - 1)`.
    ///
    /// Shapes: input `[N, C, H, W]`, output `[N, C, H', W']`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, functional::Resize, layers::UpsamplingBilinear2d};
    /// let wide = UpsamplingBilinear2d::new(Resize::Size(vec![1, 3]));
    /// let y = wide.call(&tensor![[[[1., 2.]]]])?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 1.5, 2.]);
    /// assert_eq!(wide.to_string(), "UpsamplingBilinear2d(size=(1, 3), mode='bilinear')");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    UpsamplingBilinear2d = |options| options.mode(InterpolateMode::Bilinear).align_corners(true);
}
