//! The padding layers, each for one, two and three dimensions.

use pleach_core::print::{PythonRepr, python_float, python_tuple};
use pleach_core::{Error, PadMode, Result, Scalar, Tensor};

use crate::functional::{Pads, hint_batch};
use crate::{Forward, Module, Node, Setting};

/// A row: docs, layer, its types by dimension, mode, and whether it checks the input's rank.
macro_rules! pads {
    ($($(#[$doc:meta])* $name:ident: $one:ident, $two:ident, $three:ident = $mode:ident, $check:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(name = Self::NAMES[D - 1], extra_repr, debug)]
        pub struct $name<const D: usize> {
            node: Node,
            /// Before and after the last dimension, then the one before it, and so on.
            pub padding: Vec<i64>,
        }

        #[doc = concat!("[`", stringify!($name), "`] of sequences, `[N, C, L]` or `[C, L]`.")]
        pub type $one = $name<1>;
        #[doc = concat!("[`", stringify!($name), "`] of images, `[N, C, H, W]` or `[C, H, W]`.")]
        pub type $two = $name<2>;
        #[doc = concat!("[`", stringify!($name), "`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.")]
        pub type $three = $name<3>;

        impl<const D: usize> $name<D> {
            const NAMES: [&str; 3] = [stringify!($one), stringify!($two), stringify!($three)];

            /// A padding by one number on all sides, or by one on each: left and right, top and
            /// bottom, front and back. Negative numbers cut.
            pub fn new(padding: impl Into<Pads<D>>) -> Self {
                $name { node: Node::new(), padding: padding.into().into_vec() }
            }

            fn extra_repr(&self) -> String {
                python_tuple(&self.padding)
            }
        }

        impl<const D: usize> Forward for $name<D> {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                let rank = input.rank();
                if $check && rank != D + 1 && rank != D + 2 {
                    let text = format!(
                        "expected {}D or {}D input (got {rank}D input)",
                        D + 1,
                        D + 2
                    );
                    return Err(hint_batch(Error::value(text), rank, D));
                }
                input.pad(&self.padding, PadMode::$mode, 0.0)
            }
        }
    )*};
}

pads! {
    /// Zeros around the input.
    ///
    /// Shapes: input `[N, C, *]` or `[C, *]`, output the same with each padded size
    /// `before + size + after`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::ZeroPad1d};
    /// let pad = ZeroPad1d::new([1, 2]);
    /// assert_eq!(pad.call(&tensor![[1., 2.]])?.to_vec::<f32>()?, [0., 1., 2., 0., 0.]);
    /// assert_eq!(pad.to_string(), "ZeroPad1d((1, 2))");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ZeroPad: ZeroPad1d, ZeroPad2d, ZeroPad3d = Constant, false;

    /// The input, mirrored at its outermost elements, which are not repeated. A padding is smaller than
    /// its dimension.
    ///
    /// Shapes: input `[N, C, *]` or `[C, *]`, output the same with each padded size
    /// `before + size + after`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::ReflectionPad1d};
    /// let y = ReflectionPad1d::new(2).call(&tensor![[1., 2., 3.]])?;
    /// assert_eq!(y.to_vec::<f32>()?, [3., 2., 1., 2., 3., 2., 1.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ReflectionPad: ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = Reflect, false;

    /// The outermost elements of the input, repeated.
    ///
    /// Shapes: input `[N, C, *]` or `[C, *]`, output the same with each padded size
    /// `before + size + after`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::ReplicationPad1d};
    /// let y = ReplicationPad1d::new(2).call(&tensor![[1., 2., 3.]])?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 1., 1., 2., 3., 3., 3.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ReplicationPad: ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = Replicate, false;

    /// The opposite side of the input. A padding is at most its dimension.
    ///
    /// Shapes: input `[N, C, *]` or `[C, *]`, output the same with each padded size
    /// `before + size + after`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::CircularPad1d};
    /// let y = CircularPad1d::new(2).call(&tensor![[1., 2., 3.]])?;
    /// assert_eq!(y.to_vec::<f32>()?, [2., 3., 1., 2., 3., 1., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    CircularPad: CircularPad1d, CircularPad2d, CircularPad3d = Circular, true;
}

/// A value around the input.
///
/// Shapes: input `[*, L]`, `[*, H, W]` or `[*, D, H, W]`, output the same with each padded size
/// `before + size + after`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::ConstantPad2d};
/// let pad = ConstantPad2d::new([1, 0, 0, 1], 9);
/// assert_eq!(pad.call(&tensor![[1., 2.]])?.to_vec::<f32>()?, [9., 1., 2., 9., 9., 9.]);
/// assert_eq!(pad.to_string(), "ConstantPad2d(padding=(1, 0, 0, 1), value=9)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = Self::NAMES[D - 1], extra_repr, debug)]
pub struct ConstantPad<const D: usize> {
    node: Node,
    /// Before and after the last dimension, then the one before it, and so on.
    pub padding: Vec<i64>,
    value: Setting<Scalar>,
}

/// [`ConstantPad`] of the last dimension.
pub type ConstantPad1d = ConstantPad<1>;
/// [`ConstantPad`] of the last two dimensions.
pub type ConstantPad2d = ConstantPad<2>;
/// [`ConstantPad`] of the last three dimensions.
pub type ConstantPad3d = ConstantPad<3>;

impl<const D: usize> ConstantPad<D> {
    const NAMES: [&str; 3] = ["ConstantPad1d", "ConstantPad2d", "ConstantPad3d"];

    /// A padding by one number on all sides, or by one on each: left and right, top and bottom, front
    /// and back; negative numbers cut. An integer value prints as one.
    pub fn new(padding: impl Into<Pads<D>>, value: impl Into<Scalar>) -> Self {
        ConstantPad {
            node: Node::new(),
            padding: padding.into().into_vec(),
            value: Setting::new(value.into()),
        }
    }

    fn extra_repr(&self) -> String {
        let value = match self.value.get() {
            Scalar::Int(i) => i.python_repr(),
            other => python_float(other.to_f64()),
        };
        format!("padding={}, value={value}", python_tuple(&self.padding))
    }
}

impl<const D: usize> Forward for ConstantPad<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        input.pad(&self.padding, PadMode::Constant, self.value.get().to_f64())
    }
}
