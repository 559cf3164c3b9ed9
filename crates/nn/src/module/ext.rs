//! [`ModuleExt`]: what is generic over types.

use std::sync::Arc;

use pleach_core::{Error, ErrorKind, HookHandle, Parameter, Result, Tensor};

use super::{HasMode, Hooks, Module, NewModule, Node, rust_name};
use crate::hooks::HookResult;

/// The generic half of [`Module`]: it works on structs, `dyn Module` and `dyn Forward` alike.
pub trait ModuleExt: Module {
    /// Whether the module is a `T`, or wraps one: PyTorch's `isinstance(m, T)`.
    fn is<T: Module>(&self) -> bool {
        self.downcast_ref::<T>().is_some()
    }

    /// Whether the module is in training mode. What a trait object without a [`Node`] stands for
    /// answers for its first descendant that has one; without any, it is in training mode.
    fn is_training(&self) -> bool
    where
        Self: HasMode,
    {
        match self.node() {
            Some(node) => node.is_training(),
            None => self
                .modules()
                .into_iter()
                .find_map(Module::node)
                .is_none_or(Node::is_training),
        }
    }

    /// The module as a `T`, or the `T` that it wraps ([`Module::wrapped`]).
    fn downcast_ref<T: Module>(&self) -> Option<&T> {
        match self.as_any().downcast_ref() {
            Some(module) => Some(module),
            None => self.wrapped()?.downcast_ref(),
        }
    }

    /// [`ModuleExt::downcast_ref`], to be changed.
    fn downcast_mut<T: Module>(&mut self) -> Option<&mut T> {
        if self.as_any().is::<T>() {
            self.as_any_mut().downcast_mut()
        } else {
            self.wrapped_mut()?.downcast_mut()
        }
    }

    /// Calls `f` with every module of type `T`, in the order of [`Module::apply`].
    ///
    /// ```
    /// use pleach::nn::{ModuleExt, layers::Linear, sequential};
    /// let mut net = sequential![Linear::new(4, 3), Linear::new(3, 2)];
    /// let mut sizes = Vec::new();
    /// net.apply_to(|linear: &mut Linear| sizes.push(linear.out_features));
    /// assert_eq!(sizes, [3, 2]);
    /// ```
    fn apply_to<T: Module>(&mut self, mut f: impl FnMut(&mut T)) {
        self.apply(&mut |module| {
            if let Some(module) = module.downcast_mut() {
                f(module);
            }
        });
    }

    /// [`ModuleExt::apply_to`] with a closure that may fail; it ends at the first error. In the
    /// closure, `?` takes every error that converts into an [`Error`].
    ///
    /// ```
    /// use pleach::nn::{ModuleExt, layers::Linear, sequential};
    /// let mut net = sequential![Linear::new(4, 3)];
    /// net.try_apply_to(|linear: &mut Linear| {
    ///     let value: f64 = "0.5".parse()?;
    ///     linear.weight.data().fill_(value)?;
    ///     Ok(())
    /// })?;
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `f` returns.
    fn try_apply_to<T: Module>(&mut self, mut f: impl FnMut(&mut T) -> Result<()>) -> Result<()> {
        self.try_apply(&mut |module| match module.downcast_mut() {
            Some(module) => f(module),
            None => Ok(()),
        })
    }

    /// The module of type `T` at a path.
    ///
    /// # Errors
    /// If there is none, or it is of another type.
    fn get_module_as<T: Module>(&self, path: &str) -> Result<&T> {
        let module = self.get_module(path)?;
        module
            .downcast_ref()
            .ok_or_else(|| wrong_type::<T>(path, module))
    }

    /// [`ModuleExt::get_module_as`], to be changed.
    ///
    /// # Errors
    /// If there is none, or it is of another type.
    fn get_module_as_mut<T: Module>(&mut self, path: &str) -> Result<&mut T> {
        let module = self.get_module_mut(path)?;
        if !module.is::<T>() {
            return Err(wrong_type::<T>(path, module));
        }
        Ok(module.downcast_mut().expect("the type was just checked"))
    }

    /// Puts another module at a path, and returns the old one: PyTorch's `set_submodule`.
    ///
    /// Boxed places (in a [`Sequential`](crate::Sequential), a [`ModuleList`](crate::ModuleList), a
    /// field `Box<dyn Forward>`, …) take any module that [`NewModule`] tells; a field of a type of
    /// its own takes only that type. An empty `Option` has no module to replace. If the old module
    /// has other places in the tree, it stays there.
    ///
    /// ```
    /// use pleach::nn::{Module, ModuleExt, layers::{Linear, ReLU}, sequential};
    /// let mut net = sequential![Linear::new(4, 3), sequential![ReLU::new()]];
    /// let old = net.set_module("1.0", Linear::new(3, 3))?;
    /// assert!(old.is::<ReLU>());
    /// assert_eq!(net.parameters().len(), 4);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no module at the path, or its place cannot hold the new one.
    fn set_module(&mut self, path: &str, new: impl Into<NewModule>) -> Result<Box<dyn Module>> {
        self.as_module_mut().put_module(path, new.into())
    }

    /// Puts another parameter at a path, and returns the old one; other names of the old one keep
    /// it.
    ///
    /// # Errors
    /// If there is none.
    fn set_parameter(&mut self, path: &str, new: Parameter) -> Result<Parameter> {
        self.as_module_mut().put_parameter(path, new)
    }

    /// Registers a function that sees every `call` of this module and of its aliases before it
    /// computes: it gets the module and the tensors that it is given, and returns `()`, or other
    /// ones ([`HookResult`]).
    ///
    /// # Errors
    /// If the module has no [`Node`] to keep the hook.
    fn register_forward_pre_hook<R: HookResult<Tensor>>(
        &self,
        hook: impl Fn(&dyn Module, &[&Tensor]) -> Result<R> + Send + Sync + 'static,
    ) -> Result<HookHandle> {
        let hook = move |m: &dyn Module, x: &[&Tensor]| Ok(hook(m, x)?.replacement());
        Ok(hooks_of(self)?.before.add(Arc::new(hook)))
    }

    /// Registers a function that sees every `call` of this module and of its aliases: it gets the
    /// module, the tensors that it was given and those that it returns, and returns `()`, or other
    /// outputs ([`HookResult`]).
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, ModuleExt, layers::ReLU};
    /// let relu = ReLU::new();
    /// let handle = relu.register_forward_hook(|_, _inputs, outputs| outputs[0].add(1.0))?;
    /// assert_eq!(relu.call(&tensor![-1.0])?.item()?, 1.0);
    /// handle.remove();
    /// let _ = relu.register_forward_hook(|module, inputs, _| {
    ///     println!("{module} got {:?}", inputs[0].shape());
    ///     Ok(())
    /// })?;
    /// assert_eq!(relu.call(&tensor![-1.0])?.item()?, 0.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the module has no [`Node`] to keep the hook.
    fn register_forward_hook<R: HookResult<Tensor>>(
        &self,
        hook: impl Fn(&dyn Module, &[&Tensor], &[&Tensor]) -> Result<R> + Send + Sync + 'static,
    ) -> Result<HookHandle> {
        let hook =
            move |m: &dyn Module, x: &[&Tensor], y: &[&Tensor]| Ok(hook(m, x, y)?.replacement());
        Ok(hooks_of(self)?.after.add(Arc::new(hook)))
    }

    /// Registers a function that sees the gradients of what the module returned, before they go
    /// into it: it gets the module and these gradients, and returns `()`, or other ones.
    ///
    /// # Errors
    /// If the module has no [`Node`] to keep the hook.
    fn register_full_backward_pre_hook<R: HookResult<Option<Tensor>>>(
        &self,
        hook: impl Fn(&dyn Module, &[Option<Tensor>]) -> Result<R> + Send + Sync + 'static,
    ) -> Result<HookHandle> {
        let hook = move |m: &dyn Module, g: &[Option<Tensor>]| Ok(hook(m, g)?.replacement());
        Ok(hooks_of(self)?.backward_before.add(Arc::new(hook)))
    }

    /// Registers a function that runs whenever the gradients of the module's inputs have been
    /// computed: it gets the module, these gradients and those of its outputs (`None` where there
    /// is none), and returns `()`, or other gradients of the inputs.
    ///
    /// As in PyTorch, it runs with the gradients of the outputs if no input requires a gradient,
    /// and may then change nothing. While it is registered, the module's inputs and outputs come
    /// from a step `BackwardHookFunctionBackward` of the graph.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// use pleach::nn::{Forward, ModuleExt, layers::ReLU};
    /// let relu = ReLU::new();
    /// let _ = relu.register_full_backward_hook(|_, grad_inputs, grad_outputs| {
    ///     assert_eq!(grad_outputs[0].as_ref().unwrap().to_vec::<f32>()?, [1.0, 1.0]);
    ///     Ok(grad_inputs[0].as_ref().map(|grad| grad * 3.0))
    /// })?;
    /// let x = tensor![-1.0, 2.0].requires_grad_(true)?;
    /// relu.call(&x)?.sum()?.backward()?;
    /// assert_eq!(x.grad().unwrap().to_vec::<f32>()?, [0.0, 3.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the module has no [`Node`] to keep the hook.
    fn register_full_backward_hook<R: HookResult<Option<Tensor>>>(
        &self,
        hook: impl Fn(&dyn Module, &[Option<Tensor>], &[Option<Tensor>]) -> Result<R>
        + Send
        + Sync
        + 'static,
    ) -> Result<HookHandle> {
        let hook = move |m: &dyn Module, x: &[Option<Tensor>], y: &[Option<Tensor>]| {
            Ok(hook(m, x, y)?.replacement())
        };
        Ok(hooks_of(self)?.backward.add(Arc::new(hook)))
    }
}

impl<M: Module + ?Sized> ModuleExt for M {}

fn hooks_of<M: Module + ?Sized>(module: &M) -> Result<&Hooks> {
    let node = module.node().ok_or_else(|| {
        Error::new(ErrorKind::Value(format!(
            "{} keeps no hooks: give it a field `node: Node`",
            module.type_name()
        )))
    })?;
    Ok(node.hooks())
}

fn wrong_type<T: Module>(path: &str, module: &dyn Module) -> Error {
    Error::new(ErrorKind::Name(format!(
        "`{path}` is a {}, not a {}",
        module.type_name(),
        rust_name::<T>()
    )))
}
