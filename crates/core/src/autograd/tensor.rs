//! The part of [`Tensor`] that deals with gradients.

use std::sync::Arc;

use super::{Options, backward};
use crate::hooks::HookList;
use crate::tensor::{History, Leaf};
use crate::{DType, Error, HookHandle, Result, Tensor};

/// # Gradients
impl Tensor {
    /// Whether a gradient flows through this tensor.
    pub fn requires_grad(&self) -> bool {
        !matches!(self.history(), History::None)
    }

    /// Whether it is no operation's output: made by the user, or without history.
    pub fn is_leaf(&self) -> bool {
        !matches!(self.history(), History::Op { .. })
    }

    /// The name of the operation that made it, as in `grad_fn=<AddBackward0>`.
    pub fn grad_fn(&self) -> Option<&'static str> {
        match self.history() {
            History::Op { node, .. } => Some(node.name()),
            _ => None,
        }
    }

    /// Turns gradient recording for this tensor on or off. What is turned on is a new leaf, with
    /// its own gradient.
    ///
    /// # Errors
    /// If it is not a float tensor, or the output of a recorded operation is turned off.
    ///
    /// ```
    /// let x = pleach::tensor![1.0, 2.0].requires_grad_(true)?;
    /// (&x * 3.0).sum()?.backward()?;
    /// assert_eq!(x.grad().unwrap().to_vec::<f32>()?, [3.0, 3.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn requires_grad_(self, on: bool) -> Result<Tensor> {
        match (self.history(), on) {
            (History::Op { .. }, false) => Err(Error::autograd(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().",
            )),
            (History::None, true) if !self.dtype().is_float() => Err(Error::autograd(
                "only Tensors of floating point dtype can require gradients",
            )
            .hint_conversion(self.dtype(), DType::F32)),
            (History::None, true) => Ok(self.with_history(History::Leaf(Leaf::new()))),
            (History::Leaf(_), false) => Ok(self.with_history(History::None)),
            _ => Ok(self),
        }
    }

    /// The gradient accumulated so far: of a leaf, or of an output after [`Tensor::retain_grad`].
    pub fn grad(&self) -> Option<Tensor> {
        match self.history() {
            History::None | History::Blocked(_) => None,
            History::Leaf(leaf) => leaf.grad(),
            History::Op { node, output } => node.retained_grad(*output),
        }
    }

    /// Sets or removes the gradient of a leaf.
    ///
    /// # Errors
    /// If it is no leaf that requires a gradient, or the shapes or dtypes differ.
    pub fn set_grad(&self, grad: Option<Tensor>) -> Result<()> {
        let History::Leaf(leaf) = self.history() else {
            return Err(Error::autograd(
                "only a leaf tensor that requires grad has a gradient to set",
            ));
        };
        if let Some(grad) = &grad {
            check_grad(grad, self)?;
        }
        leaf.set_grad(grad.map(|g| g.detach()));
        Ok(())
    }

    /// Keeps the gradient of an operation's output, for [`Tensor::grad`] to return.
    ///
    /// # Errors
    /// If the tensor does not require a gradient.
    pub fn retain_grad(&self) -> Result<()> {
        match self.history() {
            History::None | History::Blocked(_) => Err(Error::autograd(
                "can't retain_grad on Tensor that has requires_grad=False",
            )),
            History::Leaf(_) => Ok(()),
            History::Op { node, output } => {
                node.watch(*output, |watch| watch.retain = true);
                Ok(())
            }
        }
    }

    /// Registers a function that sees the gradient of this tensor whenever a backward walk has
    /// summed it, and may return another one for it: of a leaf before it is accumulated, of an
    /// operation's output before it goes on (and before [`Tensor::retain_grad`] keeps it).
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = tensor![1.0, 2.0].requires_grad_(true)?;
    /// let y = (&x * 3.0).exp()?;
    /// let handle = y.register_hook(|grad: &Tensor| Ok(Some(grad.mul(0.0)?)))?;
    /// y.sum()?.backward_retain_graph()?;
    /// assert_eq!(x.grad().unwrap().to_vec::<f32>()?, [0.0, 0.0]);
    /// handle.remove();
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the tensor does not require a gradient.
    pub fn register_hook(
        &self,
        hook: impl Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
    ) -> Result<HookHandle> {
        let hook = Arc::new(hook);
        match self.history() {
            History::None | History::Blocked(_) => Err(Error::autograd(
                "cannot register a hook on a tensor that doesn't require gradient",
            )),
            History::Leaf(leaf) => Ok(leaf.hooks.get_or_init(HookList::default).add(hook)),
            History::Op { node, output } => Ok(node.watch(*output, |w| w.hooks.add(hook))),
        }
    }

    /// Accumulates the gradient of this tensor, a single number, into the leaves it depends on,
    /// and frees the graph.
    ///
    /// # Errors
    /// See [`backward`].
    pub fn backward(&self) -> Result<()> {
        backward(&[self], &[], Options::ONCE)
    }

    /// [`Tensor::backward`] from a given gradient of this tensor, of the same shape.
    ///
    /// # Errors
    /// See [`backward`].
    pub fn backward_with(&self, grad: &Tensor) -> Result<()> {
        backward(&[self], &[Some(grad)], Options::ONCE)
    }

    /// [`Tensor::backward`] that keeps the graph for another walk.
    ///
    /// # Errors
    /// See [`backward`].
    pub fn backward_retain_graph(&self) -> Result<()> {
        backward(&[self], &[], Options::RETAIN_GRAPH)
    }
}

/// Checks that a gradient fits its tensor.
pub(crate) fn check_grad(grad: &Tensor, tensor: &Tensor) -> Result<()> {
    if grad.shape() != tensor.shape() {
        return Err(Error::shape(format!(
            "attempting to assign a gradient of size '{:?}' to a tensor of size '{:?}'. Please ensure that the gradient and the tensor are the same size",
            grad.shape(),
            tensor.shape()
        )));
    }
    if grad.dtype() != tensor.dtype() {
        return Err(Error::dtype(format!(
            "attempting to assign a gradient with dtype '{}' to a tensor with grad_dtype '{}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match.",
            grad.dtype().c_name(),
            tensor.dtype().torch_name()
        )));
    }
    Ok(())
}
