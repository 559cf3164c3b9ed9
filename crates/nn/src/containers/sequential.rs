//! [`Sequential`]: layers one after another.

use std::ops::{Index, IndexMut, RangeBounds};

use pleach_core::{Result, Tensor};

use super::children::{Children, Value};
use super::{IntoModule, Position};
use crate::forward::Step;
use crate::or_panic::or_panic;
use crate::{Forward, Module, Node, chain};

/// Modules that run one after another: each gets what the one before it returned.
///
/// Children are named by their positions unless they are appended under a name. `append` adds one
/// and gives the container back; `push`, `insert`, `set`, `remove` change it in place. An empty
/// container, called, returns its input.
///
/// ```
/// use pleach::nn::{Forward, Module, Sequential, sequential};
/// use pleach::{Result, Tensor, tensor};
///
/// #[derive(Module)]
/// struct Add(f64);
/// impl Forward for Add {
///     fn forward(&self, input: &Tensor) -> Result<Tensor> {
///         input.add(self.0)
///     }
/// }
///
/// let mut net = sequential![Add(1.0), Add(2.0), Add(4.0)];
/// assert_eq!(net.call(&tensor![0.0])?.item()?, 7.0);
/// net.set(-1, Add(10.0))?;
/// assert_eq!(net.slice(1..).call(&tensor![0.0])?.item()?, 12.0);
/// assert_eq!(net.get(3).unwrap_err().to_string(), "index 3 is out of range");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module, Default)]
#[module(debug)]
pub struct Sequential {
    node: Node,
    children: Children<Box<dyn Forward>>,
}

by_position!(Sequential, Box<dyn Forward>, dyn Forward, (IntoModule<dyn Forward>) => IntoModule::into_module);

impl Sequential {
    /// An empty container.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty container that prints under another name, as PyTorch's subclasses of
    /// `Sequential` do.
    pub fn named(name: impl Into<String>) -> Self {
        Sequential {
            node: Node::named(name),
            children: Children::default(),
        }
    }

    /// Adds a module at the end under a name of its own, and returns the container.
    ///
    /// # Panics
    /// If the name is empty, contains a dot or is taken; see [`Sequential::push_named`].
    #[must_use = "append_named returns the container; push_named changes it in place"]
    #[track_caller]
    pub fn append_named(
        mut self,
        name: impl Into<String>,
        module: impl IntoModule<dyn Forward>,
    ) -> Self {
        or_panic(self.push_named(name, module));
        self
    }

    /// Adds a module at the end under a name of its own.
    ///
    /// # Errors
    /// If the name is empty, contains a dot or is taken.
    pub fn push_named(
        &mut self,
        name: impl Into<String>,
        module: impl IntoModule<dyn Forward>,
    ) -> Result<()> {
        self.children.push_named(name.into(), module.into_module())
    }

    /// A new container over the *same* modules, which keep their names: PyTorch's `net[1:]`.
    /// Negative bounds count from the end; bounds beyond it are cut.
    pub fn slice(&self, range: impl RangeBounds<i64>) -> Sequential {
        Sequential {
            node: Node::new(),
            children: self.children.slice(range),
        }
    }
}

impl Forward for Sequential {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(self.forward_then(input, &[])?.0)
    }

    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        chain::run(input, self.iter().map(Step::Call), steps)
    }
}

/// A [`Sequential`] of these modules: `sequential![a, b]`, or with names
/// `sequential!["conv" => a, "relu" => b]`.
#[macro_export]
macro_rules! sequential {
    ($($name:expr => $module:expr),+ $(,)?) => {
        $crate::Sequential::new()$(.append_named($name, $module))+
    };
    ($($module:expr),* $(,)?) => {
        $crate::Sequential::new()$(.append($module))*
    };
}
