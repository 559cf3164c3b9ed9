//! [`Operation`]: what an operation is.

use std::any::Any;

use super::saved::{Call, Own, Saved, Saves};
use super::signature::{Inputs, Outputs};
use crate::{Error, Result};

/// An operation on tensors: a small value that holds what it needs beside its tensors. PyTorch's
/// users know it as `autograd.Function`.
///
/// [`apply`](super::apply) runs it and does what every operation needs: promotion, dense memory,
/// recording, tracing. `forward` sees tensors that fit the [`Rules`] and computes with kernels;
/// nothing in it is recorded. `backward` is written in operations, so it can be differentiated: a
/// backward that needs a kernel of its own calls an operation of its own.
///
/// ```
/// use pleach::autograd::{Call, GradOf, GradsOf, Operation, Own, Saved, Saves, apply};
/// use pleach::{Result, Tensor, tensor};
///
/// #[derive(Clone)]
/// struct Square;
///
/// impl Operation for Square {
///     type Inputs<'a> = &'a Tensor;
///     type Outputs = Tensor;
///     fn name(&self) -> &'static str { "square" }
///     fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> { x.mul(x) }
///     fn saves(&self, _: Call<'_>) -> Saves { Saves::NONE.input(0) }
///     fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
///         Ok([Some(grad.mul(&saved.input(0)?.mul(2.0)?)?)])
///     }
/// }
///
/// let x = tensor![3.0].requires_grad_(true)?;
/// apply(Square, &x)?.sum()?.backward()?;
/// assert_eq!(x.grad().unwrap().to_vec::<f32>()?, [6.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait Operation: Clone + Send + Sync + 'static {
    /// `&Tensor`; a tuple of `&Tensor` and `Option<&Tensor>`; or [`Many`](super::Many).
    type Inputs<'a>: Inputs<'a>;
    /// `Tensor`, a tuple of them, or a `Vec`.
    type Outputs: Outputs;
    /// What [`apply`](super::apply) does before and after.
    const RULES: Rules = Rules::PLAIN;

    /// The name in traces and errors.
    fn name(&self) -> &'static str;

    /// PyTorch's name of the backward step, as in `grad_fn=<…>`; for printing only.
    fn grad_name(&self) -> &'static str {
        self.name()
    }

    /// The options, for traces and export.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    /// The products of two numbers that it sums, from the shapes of its inputs (`[]` for one that was not
    /// given) and outputs: those of convolutions and matrix products, which dominate a network's work.
    fn multiply_adds(&self, _inputs: &[&[usize]], _outputs: &[&[usize]]) -> u64 {
        0
    }

    /// Computes the outputs. What backward needs beside inputs and outputs goes to `own`.
    ///
    /// # Errors
    /// If the inputs do not fit.
    fn forward(&self, inputs: Self::Inputs<'_>, own: &mut Own) -> Result<Self::Outputs>;

    /// What is kept for backward: no more than it will use.
    fn saves(&self, _call: Call<'_>) -> Saves {
        Saves::NONE
    }

    /// The gradients of the inputs; `None` for those that [`Saved::needs`] does not ask for.
    ///
    /// A gradient that has the outputs' shape, because its input was broadcast, or another dtype is
    /// summed and converted by the caller.
    ///
    /// # Errors
    /// If the operation has no derivative, which is also what the default says.
    fn backward(&self, _saved: &Saved<'_>, _grad: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        Err(Error::autograd(format!(
            "the derivative of '{}' is not implemented",
            self.name()
        )))
    }
}

/// The gradient of the outputs: `&Tensor`, or one for each, `None` where none arrived.
pub type GradOf<'g, O> = <<O as Operation>::Outputs as Outputs>::Grad<'g>;
/// The gradients of the inputs: an array, one for each.
pub type GradsOf<O> = <<O as Operation>::Inputs<'static> as Inputs<'static>>::Grads;

/// An option's value in a trace.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Several whole numbers.
    Ints(Vec<i64>),
    /// A text.
    Text(&'static str),
}

macro_rules! attribute_from {
    ($($t:ty, |$v:ident| $e:expr;)*) => {$(
        impl From<$t> for Attribute {
            fn from($v: $t) -> Self { $e }
        }
    )*};
}
attribute_from! {
    bool, |v| Attribute::Bool(v);
    i64, |v| Attribute::Int(v);
    usize, |v| Attribute::Int(crate::extent::signed(v));
    f64, |v| Attribute::Float(v);
    &[usize], |v| Attribute::Ints(v.iter().map(|&n| crate::extent::signed(n)).collect());
    &[i64], |v| Attribute::Ints(v.to_vec());
    &'static str, |v| Attribute::Text(v);
}

/// Names and values of options.
pub type Attributes = Vec<(&'static str, Attribute)>;

/// What [`apply`](super::apply) does around `forward`.
#[derive(Copy, Clone, Debug)]
pub struct Rules {
    /// The dtypes that `forward` sees.
    pub types: Types,
    /// Whether the inputs are made contiguous.
    pub dense: bool,
    /// Whether the outputs are views of the first input.
    pub view: bool,
    /// Whether outputs after the first carry no gradient.
    pub first_only: bool,
}

/// What dtypes an operation computes in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Types {
    /// As they are.
    Any,
    /// As they are, but half floats compute as f32.
    Widened,
    /// Promoted to one; integers smaller than i64 compute as i64 and wrap, half floats as f32.
    Number,
    /// Promoted to one float; others become f32, half floats compute as f32.
    Float,
}

impl Rules {
    /// Inputs of any dtype and strides.
    pub const PLAIN: Rules = Rules {
        types: Types::Any,
        dense: false,
        view: false,
        first_only: false,
    };
    /// Contiguous inputs.
    pub const DENSE: Rules = Rules {
        dense: true,
        ..Rules::PLAIN
    };
    /// Contiguous inputs of any dtype, half floats computed as f32.
    pub const WIDENED: Rules = Rules {
        types: Types::Widened,
        ..Rules::DENSE
    };
    /// Contiguous floats.
    pub const FLOAT: Rules = Rules {
        types: Types::Float,
        ..Rules::DENSE
    };
    /// Promoted together, of any strides.
    pub const ARITHMETIC: Rules = Rules {
        types: Types::Number,
        ..Rules::PLAIN
    };
    /// The output is a view.
    pub const VIEW: Rules = Rules {
        view: true,
        ..Rules::PLAIN
    };
}

/// An [`Operation`] without its types: what a trace holds.
pub trait AnyOperation: Send + Sync {
    /// As [`Operation::name`].
    fn name(&self) -> &'static str;
    /// As [`Operation::attributes`].
    fn attributes(&self) -> Attributes;
    /// As [`Operation::multiply_adds`].
    fn multiply_adds(&self, inputs: &[&[usize]], outputs: &[&[usize]]) -> u64;
    /// As [`Rules::view`].
    fn is_view(&self) -> bool;
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

impl<O: Operation> AnyOperation for O {
    fn name(&self) -> &'static str {
        Operation::name(self)
    }
    fn attributes(&self) -> Attributes {
        Operation::attributes(self)
    }
    fn multiply_adds(&self, inputs: &[&[usize]], outputs: &[&[usize]]) -> u64 {
        Operation::multiply_adds(self, inputs, outputs)
    }
    fn is_view(&self) -> bool {
        O::RULES.view
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
