//! What makes an optimizer: its options, the names of its state, and a step of one parameter.

use std::fmt::Debug;

use pleach_core::{Error, Result};
use pleach_kernels::Float;

use crate::StateValue;
use crate::state::unusable;

/// The algorithm of an optimizer. It is a struct of options, written with
/// [`optimizer_options!`](crate::optimizer_options); groups, checks, learning rates, saved state and
/// printing are [`RuleOptimizer`](crate::RuleOptimizer)'s.
///
/// ```
/// use pleach::{Parameter, Result, tensor};
/// use pleach::optim::{Float, Optimizer, Rule, RuleOptimizer, Step, optimizer_options};
///
/// optimizer_options! {
///     /// Steps of one size, by the sign of the gradient's running mean (Chen et al., 2023).
///     pub struct LionOptions {
///         /// The learning rate.
///         lr: f64 = 1e-4,
///         /// How much of the mean goes into the step, and how much is kept.
///         betas: (f64, f64) = (0.9, 0.99),
///     }
/// }
///
/// impl Rule for LionOptions {
///     const NAME: &'static str = "Lion";
///
///     fn state(&self) -> &'static [&'static str] {
///         &["exp_avg"]
///     }
///
///     fn step<T: Float>(&self, step: Step<'_, '_, T>) {
///         let (lr, one) = (T::from_f64(self.lr), T::ONE);
///         let (now, later) = (T::from_f64(self.betas.0), T::from_f64(self.betas.1));
///         let [mean] = step.state else { return };
///         for ((p, g), m) in step.parameter.iter_mut().zip(step.grad).zip(mean.iter_mut()) {
///             let way = now * *m + (one - now) * *g;
///             let sign = if way > T::ZERO { one } else if way < T::ZERO { -one } else { way };
///             *p = *p - lr * sign;
///             *m = later * *m + (one - later) * *g;
///         }
///     }
/// }
///
/// let w = Parameter::new(tensor![1.0, 2.0]);
/// let mut lion = RuleOptimizer::<LionOptions>::builder([w.share()])
///     .options(LionOptions { lr: 0.5, ..LionOptions::default() })
///     .build()?;
/// w.tensor().sum()?.backward()?;
/// lion.step()?;
/// assert_eq!(w.data().to_vec::<f32>()?, [0.5, 1.5]);
/// assert_eq!(
///     lion.to_string(),
///     "Lion (\nParameter Group 0\n    betas: (0.9, 0.99)\n    lr: 0.5\n)"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait Rule: RuleOptions {
    /// The optimizer's name.
    const NAME: &'static str;

    /// Whether the number of a parameter's steps is part of its state, as `step`.
    const COUNTS: bool = false;

    /// What PyTorch's groups say beside the options, with its defaults: they print, and are saved
    /// and loaded.
    const FIXED: &'static [(&'static str, StateValue)] = &[];

    /// The names of the tensors that are kept for each parameter: of its shape and dtype, zeros at
    /// first.
    fn state(&self) -> &'static [&'static str];

    /// Checks the options.
    ///
    /// # Errors
    /// If one is outside its domain.
    fn check(&self) -> Result<()> {
        not_negative("learning rate", self.lr())
    }

    /// A step of one parameter.
    fn step<T: Float>(&self, step: Step<'_, '_, T>);
}

/// One parameter and what belongs to it, in row-major order: all slices have one length.
#[derive(Debug)]
pub struct Step<'a, 's, T> {
    /// The values, to be changed.
    pub parameter: &'a mut [T],
    /// The gradient.
    pub grad: &'a [T],
    /// The tensors named by [`Rule::state`], in its order, to be changed.
    pub state: &'a mut [&'s mut [T]],
    /// The number of this step, from 1.
    pub count: u64,
    /// Whether the state is new.
    pub is_first: bool,
}

/// A struct of options with the names that PyTorch gives them, as
/// [`optimizer_options!`](crate::optimizer_options) writes it.
pub trait RuleOptions: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// The learning rate.
    fn lr(&self) -> f64;

    /// Every option, in PyTorch's order.
    fn list(&self) -> Vec<(&'static str, StateValue)>;

    /// Sets an option by its name; says whether there is one of this name.
    ///
    /// # Errors
    /// If the value is of another kind.
    fn set(&mut self, name: &str, value: &StateValue) -> Result<bool>;
}

/// A type that an option may have.
pub trait OptionValue: Copy + PartialEq {
    /// What it is, for errors.
    const KIND: &'static str;

    /// As it is saved and printed.
    fn saved(self) -> StateValue;

    /// From what was saved.
    fn loaded(value: &StateValue) -> Option<Self>;
}

impl OptionValue for bool {
    const KIND: &'static str = "a truth value";

    fn saved(self) -> StateValue {
        StateValue::Bool(self)
    }

    fn loaded(value: &StateValue) -> Option<Self> {
        match value {
            StateValue::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl OptionValue for f64 {
    const KIND: &'static str = "a number";

    fn saved(self) -> StateValue {
        StateValue::Float(self)
    }

    fn loaded(value: &StateValue) -> Option<Self> {
        value.number()
    }
}

impl OptionValue for (f64, f64) {
    const KIND: &'static str = "two numbers";

    fn saved(self) -> StateValue {
        StateValue::Tuple(vec![StateValue::Float(self.0), StateValue::Float(self.1)])
    }

    fn loaded(value: &StateValue) -> Option<Self> {
        match value {
            StateValue::Tuple(values) | StateValue::List(values) => match &values[..] {
                [a, b] => Some((a.number()?, b.number()?)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Writes a struct of options for a [`Rule`]: public fields with defaults, in PyTorch's order. One
/// is the learning rate, `lr`; their types are [`OptionValue`]s.
///
/// An example is at [`Rule`].
#[macro_export]
macro_rules! optimizer_options {
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $ty:ty = $default:expr,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $crate::RuleOptions for $name {
            fn lr(&self) -> f64 {
                self.lr
            }
            fn list(&self) -> Vec<(&'static str, $crate::StateValue)> {
                vec![$((stringify!($field), $crate::OptionValue::saved(self.$field)),)*]
            }
            fn set(&mut self, name: &str, value: &$crate::StateValue) -> $crate::Result<bool> {
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::option_of(name, value)?;
                        Ok(true)
                    })*
                    _ => Ok(false),
                }
            }
        }
    };
}

/// An option's value from what was saved.
#[doc(hidden)]
pub fn option_of<V: OptionValue>(name: &str, value: &StateValue) -> Result<V> {
    V::loaded(value).ok_or_else(|| unusable(name, V::KIND, Some(value)))
}

/// PyTorch's check of most options.
///
/// # Errors
/// If the value is below 0 or no number.
pub fn not_negative(name: &str, value: f64) -> Result<()> {
    match value >= 0.0 {
        true => Ok(()),
        false => Err(invalid(name, value)),
    }
}

/// PyTorch's refusal of an option: `Invalid learning rate: -1.0`.
pub(crate) fn invalid(name: &str, value: f64) -> Error {
    let value = pleach_core::print::python_float(value);
    Error::value(format!("Invalid {name}: {value}"))
}
