//! [`Module`]: the module tree.

use std::any::Any;
use std::sync::Arc;

use pleach_core::{Buffer, DType, Error, ErrorKind, Parameter, Result, Tensor};

use crate::duplication::Duplication;
use crate::field::Field;
use crate::hooks::{HookHandle, Hooks};
use crate::listing::Listing;
use crate::state_dict::{IncompatibleKeys, LoadReport, StateDict};
use crate::{Member, MemberMut, NewModule, Node};

/// A node of the module tree: a struct that owns parameters, buffers and child modules.
///
/// `#[derive(Module)]` writes the required methods; all others follow from [`Module::visit`].
/// State lives behind handles ([`Parameter`], [`Buffer`], [`Node`]), so what reads or changes
/// *state* takes `&self`, and what changes the *structure* takes `&mut self`.
///
/// The listings return owned handles, not references: an optimizer must own its parameters, and
/// the model is not borrowed while a list of its parameters lives.
///
/// ```
/// # extern crate pleach_nn as pleach;
/// use pleach::Module;
/// use pleach_core::{Parameter, tensor};
///
/// #[derive(Module)]
/// struct Affine {
///     weight: Parameter,
///     bias: Parameter,
/// }
/// let net = Affine {
///     weight: Parameter::new(tensor![[1.0, 2.0]]),
///     bias: Parameter::new(tensor![3.0]),
/// };
/// let shapes: Vec<_> = net
///     .named_parameters()
///     .into_iter()
///     .map(|(name, p)| format!("{name} {:?}", p.shape()))
///     .collect();
/// assert_eq!(shapes, ["weight [1, 2]", "bias [1]"]);
/// assert_eq!(net.num_parameters(), 3);
/// assert_eq!(net.to_string(), "Affine()");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    note = "write `#[derive(Module)]` above its definition"
)]
pub trait Module: Any + Field + AsModule + Send + Sync {
    /// Shows the members in registration order, which is the order of the fields.
    fn visit<'a>(&'a self, v: &mut dyn FnMut(&str, Member<'a>));

    /// Shows the members, to be changed or replaced, in the same order.
    fn visit_mut<'a>(&'a mut self, v: &mut dyn FnMut(&str, MemberMut<'a>));

    /// The bare name of the type: `"Conv2d"`.
    fn type_name(&self) -> &'static str;

    /// The module's identity; `None` for a struct without a [`Node`].
    fn node(&self) -> Option<&Node>;

    /// What stands between the parentheses in print: `"in_features=4, out_features=3"`.
    fn extra_repr(&self) -> String {
        self.wrapped().map_or(String::new(), Module::extra_repr)
    }

    /// PyTorch's `_version`, which a state dict carries: 2 for batch norms, otherwise 1.
    fn version(&self) -> u64 {
        self.wrapped().map_or(1, Module::version)
    }

    /// Whether equal neighbours print as one line, as in a `ModuleList`.
    fn collapses(&self) -> bool {
        self.wrapped().is_some_and(Module::collapses)
    }

    /// The module that this one stands for, as an object of a subclass stands for one of its base:
    /// an enum of modules for its variant's, a `#[module(transparent)]` struct for its first field.
    ///
    /// It shares that module's place in the tree: its members come first among this one's, its node
    /// is this one's, and downcasts find both.
    fn wrapped(&self) -> Option<&dyn Module> {
        None
    }

    /// [`Module::wrapped`], to be changed.
    fn wrapped_mut(&mut self) -> Option<&mut dyn Module> {
        None
    }

    /// The direct children, each once.
    fn children(&self) -> Vec<&dyn Module> {
        self.named_children().into_iter().map(|c| c.1).collect()
    }

    /// The direct children with their names; one registered twice appears under its first name.
    fn named_children(&self) -> Vec<(String, &dyn Module)> {
        self.as_module().list_children()
    }

    /// This module and all its descendants, each once, parents before children.
    fn modules(&self) -> Vec<&dyn Module> {
        self.as_module().walk_modules()
    }

    /// [`Module::modules`] with their paths; this module's is `""`. A module with several paths
    /// appears under the first, and one without a [`Node`] under each.
    fn named_modules(&self) -> Vec<(String, &dyn Module)> {
        self.named_modules_with(Listing::default())
    }

    /// [`Module::named_modules`], chosen by `listing`.
    fn named_modules_with(&self, listing: Listing) -> Vec<(String, &dyn Module)> {
        self.as_module().list_modules(listing)
    }

    /// Handles to all parameters, each once: what an optimizer takes.
    fn parameters(&self) -> Vec<Parameter> {
        let mut out = Vec::new();
        self.as_module().each_parameter(Listing::default(), |_, p| {
            out.push(p.share());
        });
        out
    }

    /// Handles to all parameters with their paths: a module's own before its descendants'. One
    /// with several names appears under the first.
    fn named_parameters(&self) -> Vec<(String, Parameter)> {
        self.named_parameters_with(Listing::default())
    }

    /// [`Module::named_parameters`], chosen by `listing`.
    fn named_parameters_with(&self, listing: Listing) -> Vec<(String, Parameter)> {
        let mut out = Vec::new();
        self.as_module().each_parameter(listing, |path, p| {
            out.push((path.to_string(), p.share()));
        });
        out
    }

    /// Handles to all buffers, each once; also of those that are not saved.
    fn buffers(&self) -> Vec<Buffer> {
        let mut out = Vec::new();
        self.as_module()
            .each_buffer(Listing::default(), |_, b| out.push(b.share()));
        out
    }

    /// Handles to all buffers with their paths.
    fn named_buffers(&self) -> Vec<(String, Buffer)> {
        self.named_buffers_with(Listing::default())
    }

    /// [`Module::named_buffers`], chosen by `listing`.
    fn named_buffers_with(&self, listing: Listing) -> Vec<(String, Buffer)> {
        let mut out = Vec::new();
        self.as_module().each_buffer(listing, |path, b| {
            out.push((path.to_string(), b.share()));
        });
        out
    }

    /// The number of elements of all parameters, each counted once.
    fn num_parameters(&self) -> usize {
        self.parameters().iter().map(Parameter::numel).sum()
    }

    /// The module at a path such as `"layer1.0.conv1"`; `""` is this module.
    ///
    /// # Errors
    /// If there is none: PyTorch's ``ResNet has no attribute `layer9` ``.
    fn get_module(&self, path: &str) -> Result<&dyn Module> {
        self.as_module().find_module(path)
    }

    /// [`Module::get_module`], to be changed.
    ///
    /// # Errors
    /// If there is none.
    fn get_module_mut(&mut self, path: &str) -> Result<&mut dyn Module> {
        self.as_module_mut().find_module_mut(path)
    }

    /// The parameter at a path such as `"layer1.0.conv1.weight"`.
    ///
    /// # Errors
    /// If there is none.
    fn get_parameter(&self, path: &str) -> Result<Parameter> {
        self.as_module().find_parameter(path)
    }

    /// Calls `f` with every descendant and at last with this module: children before parents,
    /// siblings in registration order. A module that two *different* parents share is visited
    /// once for each, as in PyTorch.
    ///
    /// ```
    /// use pleach_nn::{Module, Sequential};
    /// let mut net = Sequential::new().append(Sequential::new()).append(Sequential::new());
    /// let mut seen = Vec::new();
    /// net.apply(&mut |m| seen.push(m.children().len()));
    /// assert_eq!(seen, [0, 0, 2]);
    /// ```
    fn apply(&mut self, f: &mut dyn FnMut(&mut dyn Module)) {
        let result = self.as_module_mut().apply_below(&mut |module| {
            f(module);
            Ok::<(), std::convert::Infallible>(())
        });
        match result {
            Ok(()) => {}
        }
    }

    /// [`Module::apply`] with a closure that may fail; it ends at the first error.
    ///
    /// # Errors
    /// What `f` returns.
    fn try_apply(&mut self, f: &mut dyn FnMut(&mut dyn Module) -> Result<()>) -> Result<()> {
        self.as_module_mut().apply_below(f)
    }

    /// Sets training mode for this module and all its descendants.
    fn train(&self) {
        self.set_training(true);
    }

    /// Sets evaluation mode for this module and all its descendants.
    fn eval(&self) {
        self.set_training(false);
    }

    /// Sets the mode for this module and all its descendants: PyTorch's `train(mode)`.
    fn set_training(&self, on: bool) {
        self.as_module()
            .each_node(&mut |node| node.set_training(on));
    }

    /// Whether the module is in training mode. A struct without a [`Node`] answers for its first
    /// descendant that has one; without any, it is always in training mode.
    fn is_training(&self) -> bool {
        match self.node() {
            Some(node) => node.is_training(),
            None => self
                .modules()
                .into_iter()
                .find_map(Module::node)
                .is_none_or(Node::is_training),
        }
    }

    /// Sets whether the parameters require a gradient. Integer parameters, which cannot have one,
    /// never do.
    fn requires_grad_(&self, on: bool) {
        for p in self.parameters() {
            // The only error is an integer parameter turned on.
            let _ = p.set_requires_grad(on);
        }
    }

    /// Holds this module and all its descendants as they are: no parameter requires a gradient,
    /// and every [`Node`] stays in evaluation mode whatever [`Module::train`] says, so that batch
    /// norms keep their running statistics (and use them) and dropout drops nothing.
    ///
    /// This goes beyond PyTorch, where `requires_grad_(False)` leaves the statistics moving, and
    /// `eval()` is undone by the next `train()` of the whole model. [`Module::unfreeze`] ends it;
    /// [`Module::requires_grad_`] ends it for parameters.
    ///
    /// ```
    /// use pleach_core::Tensor;
    /// use pleach_nn::{Forward, Module, layers::BatchNorm2d, sequential};
    /// let net = sequential![BatchNorm2d::new(3), BatchNorm2d::new(3)];
    /// net[0].freeze();
    /// net.train();
    /// net.call(&Tensor::ones([2, 3, 4, 4]))?;
    /// let batches = |name| net.state_dict()[name].item_i64();
    /// assert_eq!(batches("0.num_batches_tracked")?, 0);
    /// assert_eq!(batches("1.num_batches_tracked")?, 1);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    fn freeze(&self) {
        self.as_module().hold(true);
    }

    /// Ends [`Module::freeze`] for this module and all its descendants, wherever it was called:
    /// parameters require a gradient if they did before (or were set to since), and the modes are
    /// those that `train` and `eval` set.
    ///
    /// ```
    /// use pleach_nn::{Module, layers::Linear, sequential};
    /// let net = sequential![Linear::new(4, 3), Linear::new(3, 2)];
    /// net[0].requires_grad_(false); // by hand
    /// net.freeze();
    /// net.unfreeze();
    /// let trainable = net.parameters().into_iter().filter(|p| p.requires_grad());
    /// assert_eq!(trainable.count(), 2);
    /// ```
    fn unfreeze(&self) {
        self.as_module().hold(false);
    }

    /// Forgets the gradients of all parameters.
    fn zero_grad(&self) {
        self.as_module()
            .each_parameter(Listing::default(), |_, p| p.zero_grad());
    }

    /// Converts the floating-point parameters (with their gradients) and buffers to another
    /// floating-point dtype; the handles stay the same, so an optimizer still holds them.
    ///
    /// # Errors
    /// If `dtype` is not a floating-point type.
    fn to_dtype(&self, dtype: DType) -> Result<()> {
        self.as_module().convert(dtype)
    }

    /// All parameters and persistent buffers under every name they have, in registration order.
    fn state_dict(&self) -> StateDict {
        self.as_module().save_state()
    }

    /// Copies a state dict's values into the parameters and buffers, which keep their identity,
    /// dtype and `requires_grad`. The order of the state dict does not matter; where one
    /// parameter has several names, the last one wins.
    ///
    /// # Errors
    /// PyTorch's text, which lists every missing and unexpected name (only if `strict`) and every
    /// mismatch of shapes (always). As in PyTorch, what does match is loaded nevertheless.
    fn load_state_dict(&self, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
        self.as_module().load(state_dict, strict)
    }

    /// Loads what fits: as [`Module::load_state_dict`] when it is not strict, but entries whose
    /// shape differs are skipped and reported too. This goes beyond PyTorch: it is what loading a
    /// pretrained model with another head takes.
    ///
    /// ```
    /// use pleach_nn::{Module, layers::Linear, sequential};
    /// let pretrained = sequential![Linear::new(4, 3), Linear::new(3, 10)].state_dict();
    /// let net = sequential![Linear::new(4, 3), Linear::new(3, 2)];
    /// let report = net.load_matching(&pretrained)?;
    /// assert_eq!(report.loaded, ["0.weight", "0.bias"]);
    /// assert_eq!(report.mismatched[1].to_string(), "1.bias: torch.Size([10]) in the state dict, torch.Size([2]) in the model");
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// None while the parameters have a dtype that computes.
    fn load_matching(&self, state_dict: &StateDict) -> Result<LoadReport> {
        self.as_module().load_what_fits(state_dict)
    }
}

/// The name in print and in errors.
pub(crate) fn display_name(module: &dyn Module) -> &str {
    // A wrapper with a name of its own prints it, whatever its node is called.
    match module.wrapped() {
        Some(inner) if inner.type_name() != module.type_name() => None,
        _ => module.node().and_then(Node::name),
    }
    .unwrap_or_else(|| module.type_name())
}

/// What needs the concrete type: conversions to trait objects, and what is done behind them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    note = "write `#[derive(Module)]` above its definition"
)]
#[doc(hidden)]
pub trait AsModule {
    fn as_module(&self) -> &dyn Module;
    fn as_module_mut(&mut self) -> &mut dyn Module;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// The module, or what it wraps at the last.
    fn innermost(&self) -> &dyn Module;
    fn duplicate_module(&self, how: &mut Duplication) -> Box<dyn Module>;
    fn share_module(&self) -> Box<dyn Module> {
        self.duplicate_module(&mut Duplication::alias())
    }
    /// The name of the Rust type, without paths.
    fn rust_name(&self) -> String;
}

impl<T: Module> AsModule for T {
    fn as_module(&self) -> &dyn Module {
        self
    }
    fn as_module_mut(&mut self) -> &mut dyn Module {
        self
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn innermost(&self) -> &dyn Module {
        match self.wrapped() {
            Some(inner) => inner.innermost(),
            None => self,
        }
    }
    fn duplicate_module(&self, how: &mut Duplication) -> Box<dyn Module> {
        Box::new(self.duplicate(how))
    }
    fn rust_name(&self) -> String {
        rust_name::<T>()
    }
}

/// `Residual<Linear>`, without the paths of the two.
fn rust_name<T>() -> String {
    let parts = std::any::type_name::<T>().split_inclusive(|c: char| "<>,[]() ;&".contains(c));
    parts.map(|p| p.rsplit("::").next().unwrap_or(p)).collect()
}

impl<T: Module> From<T> for Box<dyn Module> {
    fn from(module: T) -> Self {
        Box::new(module)
    }
}

/// The generic half of [`Module`]: it works on structs, `dyn Module` and `dyn Forward` alike.
pub trait ModuleExt: Module {
    /// Whether the module is a `T`, or wraps one: PyTorch's `isinstance(m, T)`.
    fn is<T: Module>(&self) -> bool {
        self.downcast_ref::<T>().is_some()
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
    fn apply_to<T: Module>(&mut self, mut f: impl FnMut(&mut T)) {
        self.apply(&mut |module| {
            if let Some(module) = module.downcast_mut() {
                f(module);
            }
        });
    }

    /// [`ModuleExt::apply_to`] with a closure that may fail; it ends at the first error.
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
    /// use pleach_nn::{Module, ModuleExt, layers::{Linear, ReLU}, sequential};
    /// let mut net = sequential![Linear::new(4, 3), sequential![ReLU::new()]];
    /// let old = net.set_module("1.0", Linear::new(3, 3))?;
    /// assert!(old.is::<ReLU>());
    /// assert_eq!(net.parameters().len(), 4);
    /// # Ok::<(), pleach_core::Error>(())
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
    /// computes: it gets the module and the input, and returns another input or `None`.
    ///
    /// # Errors
    /// If the module has no [`Node`] to keep the hook.
    fn register_forward_pre_hook(
        &self,
        hook: impl Fn(&dyn Module, &Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
    ) -> Result<HookHandle> {
        Ok(hooks_of(self)?.before.add(Arc::new(hook)))
    }

    /// Registers a function that sees every `call` of this module and of its aliases: it gets the
    /// module, the input and the output, and returns another output or `None`.
    ///
    /// # Errors
    /// If the module has no [`Node`] to keep the hook.
    fn register_forward_hook(
        &self,
        hook: impl Fn(&dyn Module, &Tensor, &Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
    ) -> Result<HookHandle> {
        Ok(hooks_of(self)?.after.add(Arc::new(hook)))
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
