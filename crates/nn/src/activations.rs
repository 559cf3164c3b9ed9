//! The table of element-wise activations: a row is a function, a layer, their printing and docs.

use pleach_core::autograd::apply;
use pleach_core::print::python_float;
use pleach_core::{DType, ElementWise, Error, Result, Scalar, Tensor};
use pleach_kernels::{Activation, Function};

use crate::setters::setters;
use crate::{Forward, Node, Setting};

/// A number as it was given: `2` and `2.0` print differently.
pub(crate) fn as_given(number: Scalar) -> String {
    match number {
        Scalar::Int(i) => i.to_string(),
        other => python_float(other.to_f64()),
    }
}

/// A row: docs, layer with what PyTorch requires, its builder, function, parameters with default and print, whether PyTorch
/// prints a flag `inplace`, what is done before (`Some` result ends it), the kernels' row, and
/// PyTorch's name of the backward step.
macro_rules! activations {
    ($($(#[$doc:meta])* $layer:ident $(($($required:ident),*))?, $builder:ident, $function:ident,
       { $($p:ident = $default:expr, $shown:literal);* }, $(flag $flag:ident,)?
       |$x:ident| $before:expr, $row:expr, $grad:literal;)*) => {$(
        $(#[$doc])*
        #[derive(crate::Module)]
        #[module(extra_repr, debug)]
        pub struct $layer {
            node: Node,
            $($p: Setting<Scalar>,)*
            $(
                /// PyTorch's flag: printed, without effect, since tensors are values here.
                pub $flag: bool,
            )?
        }

        impl $layer {
            /// The layer with PyTorch's defaults for all but what it requires.
            pub fn new($($($required: impl Into<Scalar>),*)?) -> Self {
                Self::builder($($($required),*)?).unchecked()
            }

            /// A layer with options.
            pub fn builder($($($required: impl Into<Scalar>),*)?) -> $builder {
                let builder = $builder {
                    $($p: Scalar::from($default),)*
                    $($flag: false,)?
                };
                $($(let builder = builder.$required($required);)*)?
                builder
            }

            $(
                #[doc = concat!("The parameter `", stringify!($p), "`.")]
                pub fn $p(&self) -> f64 {
                    self.$p.get().to_f64()
                }
            )*

            fn extra_repr(&self) -> String {
                let parts: &[String] = &[
                    $(format!($shown, as_given(self.$p.get())),)*
                    $(if self.$flag { "inplace=True".to_string() } else { String::new() },)?
                ];
                let parts = parts.iter().filter(|part| !part.is_empty());
                parts.map(String::as_str).collect::<Vec<_>>().join(", ")
            }
        }

        activations!(@default $layer $(($($required),*))?);

        impl Forward for $layer {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                $function(input $(, self.$p())*)
            }

            fn activation(&self) -> Option<Activation> {
                $(let $p = self.$p();)*
                Activation::of($row)
            }
        }

        #[doc = concat!("Options of a [`", stringify!($layer), "`].")]
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $builder {
            $($p: Scalar,)*
            $($flag: bool,)?
        }

        impl $builder {
            setters! {
                |builder| builder;
                $(
                    #[doc = concat!(
                        "The parameter `", stringify!($p), "`, by default ", stringify!($default),
                        " unless the layer requires it; an integer prints as one."
                    )]
                    $p: impl Into<Scalar> = $p.into();
                )*
                $(
                    /// PyTorch's flag (false by default): printed, without effect.
                    $flag: bool = $flag;
                )?
            }

            /// Builds the layer.
            ///
            /// # Errors
            /// If a parameter is not what the function takes.
            pub fn build(self) -> Result<$layer> {
                $function(&Tensor::zeros([0]) $(, self.$p.to_f64())*)?;
                Ok(self.unchecked())
            }

            fn unchecked(self) -> $layer {
                $layer {
                    node: Node::new(),
                    $($p: Setting::new(self.$p),)*
                    $($flag: self.$flag,)?
                }
            }
        }

        #[doc = concat!("The function of [`", stringify!($layer), "`](crate::layers::", stringify!($layer), "). Any shape.")]
        ///
        /// # Errors
        /// If the dtype does not compute, or a parameter is not what the function takes.
        pub fn $function($x: &Tensor $(, $p: f64)*) -> Result<Tensor> {
            if let Some(result) = $before {
                return result;
            }
            let operation = ElementWise {
                function: $row,
                name: stringify!($function),
                grad_name: $grad,
            };
            apply(operation, $x)
        }
    )*};
    (@default $layer:ident) => {
        impl Default for $layer {
            fn default() -> Self {
                Self::new()
            }
        }
    };
    (@default $layer:ident ($($required:ident),*)) => {};
}

/// The refusal of all but floats, in the name of PyTorch's kernel.
fn floats(input: &Tensor, kernel: &'static str) -> Option<Result<Tensor>> {
    let dtype = input.dtype();
    (!dtype.is_float()).then(|| Err(Error::not_implemented(kernel, dtype)))
}

/// SELU's constants.
const SELU_ALPHA: f64 = 1.6732632423543772848170429916717;
const SELU_SCALE: f64 = 1.0507009873554804934193349852946;

activations! {
    /// `x`, or `negative_slope x` below 0, element by element. Any shape. The slope is 0.01 by default.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::LeakyReLU};
    /// let layer = LeakyReLU::builder().negative_slope(0.5).build()?;
    /// assert_eq!(layer.call(&tensor![-1.0, 2.0])?.to_vec::<f32>()?, [-0.5, 2.0]);
    /// assert_eq!(layer.to_string(), "LeakyReLU(negative_slope=0.5)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    LeakyReLU, LeakyReLUBuilder, leaky_relu,
    { negative_slope = 0.01, "negative_slope={}" }, flag inplace,
    |x| floats(x, "leaky_relu_cpu"), Function::LeakyRelu { negative_slope }, "LeakyReluBackward0";

    /// `x`, or `alpha (e^x - 1)` up to 0 (Clevert et al. 2015). Any shape. Alpha is 1 by default.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::ELU};
    /// let elu = ELU::new();
    /// assert_eq!(elu.call(&tensor![-100.0, 2.0])?.to_vec::<f32>()?, [-1.0, 2.0]);
    /// assert_eq!(elu.to_string(), "ELU(alpha=1.0)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ELU, ELUBuilder, elu, { alpha = 1.0, "alpha={}" }, flag inplace,
    |x| floats(x, "elu_cpu"), Function::Elu { alpha, scale: 1.0, input_scale: 1.0 }, "EluBackward0";

    /// `x`, or `alpha (e^(x / alpha) - 1)` up to 0 (Barron 2017). Any shape. Alpha is 1 by default.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::CELU};
    /// let celu = CELU::builder().alpha(2).build()?;
    /// assert_eq!(celu.call(&tensor![-100.0, 3.0])?.to_vec::<f32>()?, [-2.0, 3.0]);
    /// assert_eq!(celu.to_string(), "CELU(alpha=2)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    CELU, CELUBuilder, celu, { alpha = 1.0, "alpha={}" }, flag inplace,
    |x| match alpha == 0.0 {
        true => Some(Err(Error::value("ZeroDivisionError: alpha cannot be 0 for CELU"))),
        false => floats(x, "elu_cpu"),
    },
    Function::Elu { alpha, scale: 1.0, input_scale: 1.0 / alpha }, "CeluBackward0";

    /// `scale x`, or `scale alpha (e^x - 1)` up to 0, with alpha and scale that keep mean 0 and
    /// variance 1 (Klambauer et al. 2017). Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::SELU};
    /// let selu = SELU::builder().inplace(true).build()?;
    /// assert!((selu.call(&tensor![1.0])?.item()? - 1.050701).abs() < 1e-6); // scale
    /// assert!((selu.call(&tensor![-1.0])?.item()? + 1.111331).abs() < 1e-6);
    /// assert_eq!(selu.to_string(), "SELU(inplace=True)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    SELU, SELUBuilder, selu, {}, flag inplace,
    |x| floats(x, "elu_cpu"),
    Function::Elu { alpha: SELU_ALPHA, scale: SELU_SCALE, input_scale: 1.0 }, "EluBackward0";

    /// `ln(1 + e^(beta x)) / beta`; `x` where `beta x` is above the threshold. Any shape. Beta is 1 and the
    /// threshold 20 by default.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Softplus};
    /// let softplus = Softplus::new();
    /// let y = softplus.call(&tensor![0.0, 30.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [std::f32::consts::LN_2, 30.0]);
    /// assert_eq!(softplus.to_string(), "Softplus(beta=1.0, threshold=20.0)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Softplus, SoftplusBuilder, softplus,
    { beta = 1.0, "beta={}"; threshold = 20.0, "threshold={}" },
    |x| floats(x, "softplus_cpu"), Function::Softplus { beta, threshold }, "SoftplusBackward0";

    /// `min(max(x, min_val), max_val)`; the gradient at the bounds is 0. Any shape; integers stay
    /// integers. The bounds are -1 and 1 by default.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Hardtanh};
    /// let layer = Hardtanh::builder().min_val(-2).max_val(0.5).build()?;
    /// assert_eq!(layer.call(&tensor![-3.0, 0.25, 3.0])?.to_vec::<f32>()?, [-2.0, 0.25, 0.5]);
    /// assert_eq!(layer.to_string(), "Hardtanh(min_val=-2, max_val=0.5)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Hardtanh, HardtanhBuilder, hardtanh,
    { min_val = -1.0, "min_val={}"; max_val = 1.0, "max_val={}" }, flag inplace,
    |x| match x.dtype() {
        _ if min_val > max_val => {
            Some(Err(Error::value("min_val cannot be greater than max_val")))
        }
        DType::Bool => Some(Err(Error::dtype("Bool inputs not supported for hardtanh"))),
        dtype if !dtype.is_float() => Some(x.clamp(min_val as i64, max_val as i64)),
        _ => None,
    },
    Function::Hardtanh { min_val, max_val }, "HardtanhBackward0";

    /// `min(max(x + 3, 0), 6) / 6`. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// assert_eq!(F::hardsigmoid(&tensor![-4.0, 0.0, 3.0])?.to_vec::<f32>()?, [0.0, 0.5, 1.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Hardsigmoid, HardsigmoidBuilder, hardsigmoid, {},
    |x| floats(x, "hardsigmoid_cpu"), Function::Hardsigmoid, "HardsigmoidBackward0";

    /// `x min(max(x + 3, 0), 6) / 6` (Howard et al. 2019). Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// assert_eq!(F::hardswish(&tensor![-4.0, 0.0, 3.0])?.to_vec::<f32>()?, [0.0, 0.0, 3.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Hardswish, HardswishBuilder, hardswish, {},
    |x| floats(x, "hardswish_cpu"), Function::Hardswish, "HardswishBackward0";

    /// `x / (1 + e^-x)`. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::SiLU};
    /// assert!((SiLU::new().call(&tensor![1.0])?.item()? - 0.731059).abs() < 1e-6);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    SiLU, SiLUBuilder, silu, {}, flag inplace,
    |x| floats(x, "silu_cpu"), Function::Silu, "SiluBackward0";

    /// `1 / (1 + e^-x)`. Any shape; integers are computed as f32.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Sigmoid};
    /// assert_eq!(Sigmoid::new().call(&tensor![0.0])?.item()?, 0.5);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Sigmoid, SigmoidBuilder, sigmoid, {},
    |x| None, Function::Sigmoid, "SigmoidBackward0";

    /// The hyperbolic tangent. Any shape; integers are computed as f32.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Tanh};
    /// assert!((Tanh::new().call(&tensor![1.0])?.item()? - 0.761594).abs() < 1e-6);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Tanh, TanhBuilder, tanh, {},
    |x| None, Function::Tanh, "TanhBackward0";

    /// `x tanh(ln(1 + e^x))` (Misra 2019). Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Mish};
    /// assert!((Mish::new().call(&tensor![1.0])?.item()? - 0.865098).abs() < 1e-6);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Mish, MishBuilder, mish, {}, flag inplace,
    |x| floats(x, "mish_cpu"), Function::Mish, "MishBackward0";

    /// `x / (1 + |x|)`. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// assert_eq!(F::softsign(&tensor![-1.0, 3.0])?.to_vec::<f32>()?, [-0.5, 0.75]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Softsign, SoftsignBuilder, softsign, {},
    |x| (x.dtype() == DType::Bool).then(|| Err(Error::not_implemented("abs_cpu", DType::Bool))),
    Function::Softsign, "DivBackward0";

    /// `x - tanh(x)`. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Tanhshrink};
    /// assert!((Tanhshrink::new().call(&tensor![1.0])?.item()? - 0.238406).abs() < 1e-6);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Tanhshrink, TanhshrinkBuilder, tanhshrink, {},
    |x| (x.dtype() == DType::Bool).then(|| x.sub(x)), Function::Tanhshrink, "SubBackward0";

    /// `x`, or 0 from `-lambd` to `lambd`, which is 0.5 by default. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Hardshrink};
    /// let layer = Hardshrink::new();
    /// assert_eq!(layer.call(&tensor![-1.0, 0.25, 0.75])?.to_vec::<f32>()?, [-1.0, 0.0, 0.75]);
    /// assert_eq!(layer.to_string(), "Hardshrink(0.5)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Hardshrink, HardshrinkBuilder, hardshrink, { lambd = 0.5, "{}" },
    |x| floats(x, "hardshrink_cpu"), Function::Hardshrink { lambd }, "HardshrinkBackward0";

    /// `x` moved towards 0 by `lambd` (0.5 by default), and 0 from `-lambd` to `lambd`. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Softshrink};
    /// let layer = Softshrink::builder().lambd(1).build()?;
    /// assert_eq!(layer.call(&tensor![-3.0, 0.5, 2.0])?.to_vec::<f32>()?, [-2.0, 0.0, 1.0]);
    /// assert_eq!(layer.to_string(), "Softshrink(1)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Softshrink, SoftshrinkBuilder, softshrink, { lambd = 0.5, "{}" },
    |x| floats(x, "softshrink_check").or_else(|| softshrink_range(x, lambd)),
    Function::Softshrink { lambd }, "SoftshrinkBackward0";

    /// `x`, or `value` up to the threshold; both are required. Any shape; integers stay integers.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::Threshold};
    /// let layer = Threshold::new(0.1, 20);
    /// assert_eq!(layer.call(&tensor![-1.0, 0.5])?.to_vec::<f32>()?, [20.0, 0.5]);
    /// assert_eq!(layer.to_string(), "Threshold(threshold=0.1, value=20)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Threshold(threshold, value), ThresholdBuilder, threshold,
    { threshold = 0.0, "threshold={}"; value = 0.0, "value={}" }, flag inplace,
    |x| match x.dtype() {
        DType::Bool => Some(Err(Error::not_implemented("threshold_cpu", DType::Bool))),
        dtype if !dtype.is_float() => {
            Some(x.le(threshold).and_then(|mask| x.masked_fill(&mask, value)))
        }
        _ => None,
    },
    Function::Threshold { threshold, value }, "ThresholdBackward0";

    /// `ln(1 / (1 + e^-x))`. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::functional as F;
    /// assert_eq!(F::logsigmoid(&tensor![0.0])?.to_vec::<f32>()?, [-std::f32::consts::LN_2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    LogSigmoid, LogSigmoidBuilder, logsigmoid, {},
    |x| floats(x, "log_sigmoid_cpu"), Function::LogSigmoid, "LogSigmoidBackward0";
}

/// PyTorch's refusal of a `lambd` that is negative or beyond the dtype.
fn softshrink_range(x: &Tensor, lambd: f64) -> Option<Result<Tensor>> {
    let (largest, shown) = match x.dtype() {
        DType::F64 => (f64::MAX, "1.79769e+308"),
        DType::F16 => (65504.0, "65504"),
        DType::BF16 => (3.3895313892515355e38, "3.38953e+38"),
        _ => (f32::MAX as f64, "3.40282e+38"),
    };
    (!(0.0..=largest).contains(&lambd)).then(|| {
        Err(Error::value(format!(
            "lambda must be in range [0, {shown}] for input dtype {}, but found {lambd}",
            x.dtype().torch_name()
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::{gradcheck, gradgradcheck};

    #[test]
    fn gradients_and_theirs_are_differences_away_from_the_corners() {
        let x =
            Tensor::from_slice(&[-4.1f64, -1.3, -0.2, 0.3, 0.7, 2.2, 3.9, 25.0], [2, 4]).unwrap();
        type F = fn(&Tensor) -> Result<Tensor>;
        let all: [(&str, F, &str); 21] = [
            ("leaky_relu", |x| leaky_relu(x, 0.2), "LeakyReluBackward0"),
            ("elu", |x| elu(x, 1.5), "EluBackward0"),
            ("celu", |x| celu(x, 1.5), "CeluBackward0"),
            ("selu", selu, "EluBackward0"),
            ("softplus", |x| softplus(x, 1.5, 20.0), "SoftplusBackward0"),
            ("hardtanh", |x| hardtanh(x, -1.0, 1.0), "HardtanhBackward0"),
            ("hardsigmoid", hardsigmoid, "HardsigmoidBackward0"),
            ("hardswish", hardswish, "HardswishBackward0"),
            ("silu", silu, "SiluBackward0"),
            ("mish", mish, "MishBackward0"),
            ("softsign", softsign, "DivBackward0"),
            ("tanhshrink", tanhshrink, "SubBackward0"),
            ("hardshrink", |x| hardshrink(x, 0.5), "HardshrinkBackward0"),
            ("softshrink", |x| softshrink(x, 0.5), "SoftshrinkBackward0"),
            (
                "threshold",
                |x| threshold(x, 0.1, 20.0),
                "ThresholdBackward0",
            ),
            ("logsigmoid", logsigmoid, "LogSigmoidBackward0"),
            ("relu", |x| x.relu(), "ReluBackward0"),
            ("sigmoid", sigmoid, "SigmoidBackward0"),
            ("tanh", tanh, "TanhBackward0"),
            ("glu", |x| crate::functional::glu(x, -1), "GluBackward0"),
            (
                "gelu",
                |x| crate::functional::gelu(x, "tanh"),
                "GeluBackward0",
            ),
        ];
        for (name, f, grad_name) in all {
            for x in [x.clone(), x.t().unwrap()] {
                gradcheck(|x| f(&x[0]), std::slice::from_ref(&x)).expect(name);
                gradgradcheck(|x| f(&x[0]), std::slice::from_ref(&x)).expect(name);
            }
            let y = f(&x.clone().requires_grad_(true).unwrap()).unwrap();
            assert_eq!(y.grad_fn(), Some(grad_name));
        }
    }

    #[test]
    fn what_pytorch_refuses_is_refused_with_its_text() {
        let text = |r: Result<Tensor>| r.unwrap_err().kind().to_string();
        let (ones, whole) = (Tensor::ones([2]), pleach_core::tensor![1, 1]);
        assert_eq!(
            text(elu(&whole, 1.0)),
            "\"elu_cpu\" not implemented for 'Long'"
        );
        assert_eq!(
            text(softshrink(&ones, -1.0)),
            "lambda must be in range [0, 3.40282e+38] for input dtype Float, but found -1"
        );
        assert_eq!(
            text(celu(&ones, 0.0)),
            "ZeroDivisionError: alpha cannot be 0 for CELU"
        );
        assert_eq!(
            text(hardtanh(&ones, 2.0, 1.0)),
            "min_val cannot be greater than max_val"
        );
        assert!(Hardtanh::builder().min_val(2).build().is_err());
        assert_eq!(
            hardtanh(&whole, -1.0, 0.5)
                .unwrap()
                .to_vec::<i64>()
                .unwrap(),
            [0, 0]
        );
        assert_eq!(
            threshold(&whole, 1.0, 7.5)
                .unwrap()
                .to_vec::<i64>()
                .unwrap(),
            [7, 7]
        );
    }

    #[test]
    fn nan_stays_nan() {
        let nan = pleach_core::tensor![f32::NAN];
        for y in [
            leaky_relu(&nan, 0.1),
            elu(&nan, 1.0),
            softplus(&nan, 1.0, 20.0),
            hardtanh(&nan, -1.0, 1.0),
            hardsigmoid(&nan),
            hardswish(&nan),
            hardshrink(&nan, 0.5),
            softshrink(&nan, 0.5),
            threshold(&nan, 0.1, 20.0),
            logsigmoid(&nan),
        ] {
            assert!(y.unwrap().item().unwrap().is_nan());
        }
    }
}
