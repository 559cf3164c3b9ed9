//! [`Module`]: the module tree.
//!
//! A module is a [`Field`] of others, shows its [`Member`]s, and has a [`Node`], whose hooks get the
//! module: the types that form this circle stand here. What they do is in the files beside this one
//! and in those that walk over the tree.

mod ext;
mod has_mode;
mod member;
mod node;
mod same;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pleach_core::{Buffer, DType, HookList, Parameter, Result, Tensor};

pub use self::ext::ModuleExt;
pub use self::has_mode::HasMode;
pub use self::same::same;
use crate::duplication::Duplication;
use crate::listing::Listing;
use crate::state_dict::{IncompatibleKeys, LoadReport, StateDict};

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
/// use pleach::nn::Module;
/// use pleach::{Parameter, tensor};
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

    /// What is wrong with entries of a state dict that have the names of older members: an error also
    /// of a load that is not strict. `saved` is the version of the entries, if they have one; `found`
    /// gives those of some names that are there, quoted, and takes them out of the unexpected ones.
    fn refused_entries(
        &self,
        saved: Option<u64>,
        found: &mut dyn FnMut(&[&str]) -> Option<String>,
    ) -> Option<String> {
        self.wrapped()?.refused_entries(saved, found)
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
        self.as_module()
            .each_parameter(Listing::default(), &mut |_, p| {
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
        self.as_module().each_parameter(listing, &mut |path, p| {
            out.push((path.to_string(), p.share()));
        });
        out
    }

    /// Handles to all buffers, each once; also of those that are not saved.
    fn buffers(&self) -> Vec<Buffer> {
        let mut out = Vec::new();
        self.as_module()
            .each_buffer(Listing::default(), &mut |_, b| out.push(b.share()));
        out
    }

    /// Handles to all buffers with their paths.
    fn named_buffers(&self) -> Vec<(String, Buffer)> {
        self.named_buffers_with(Listing::default())
    }

    /// [`Module::named_buffers`], chosen by `listing`.
    fn named_buffers_with(&self, listing: Listing) -> Vec<(String, Buffer)> {
        let mut out = Vec::new();
        self.as_module().each_buffer(listing, &mut |path, b| {
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
    /// once for each, as in PyTorch. Parametrizations come after the other children of their module; what
    /// `f` gets of them shares parameters, buffers, settings and hooks with the model's.
    ///
    /// A closure is given as `&mut |m| ..`; without the `&mut` the compiler says that it does not know the
    /// type of `m`.
    ///
    /// ```
    /// use pleach::nn::{Module, Sequential};
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
    ///
    /// A module written by hand that keeps a mode elsewhere than in its [`Node`] overrides this: it
    /// is called for every descendant.
    fn set_training(&self, on: bool) {
        if let Some(node) = self.node() {
            node.set_training(on);
        }
        self.as_module().members(&mut |_, member| {
            if let Member::Child(child) = member {
                child.set_training(on);
            }
        });
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
    /// use pleach::Tensor;
    /// use pleach::nn::{Forward, Module, layers::BatchNorm2d, sequential};
    /// let net = sequential![BatchNorm2d::new(3), BatchNorm2d::new(3)];
    /// net[0].freeze();
    /// net.train();
    /// net.call(&Tensor::ones([2, 3, 4, 4]))?;
    /// let batches = |name| net.state_dict()[name].item_i64();
    /// assert_eq!(batches("0.num_batches_tracked")?, 0);
    /// assert_eq!(batches("1.num_batches_tracked")?, 1);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    fn freeze(&self) {
        self.as_module().hold(true);
    }

    /// Ends [`Module::freeze`] for this module and all its descendants, wherever it was called:
    /// parameters require a gradient if they did before (or were set to since), and the modes are
    /// those that `train` and `eval` set.
    ///
    /// ```
    /// use pleach::nn::{Module, layers::Linear, sequential};
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
            .each_parameter(Listing::default(), &mut |_, p| p.zero_grad());
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
    /// use pleach::nn::{Module, layers::Linear, sequential};
    /// let pretrained = sequential![Linear::new(4, 3), Linear::new(3, 10)].state_dict();
    /// let net = sequential![Linear::new(4, 3), Linear::new(3, 2)];
    /// let report = net.load_matching(&pretrained)?;
    /// assert_eq!(report.loaded, ["0.weight", "0.bias"]);
    /// assert_eq!(report.mismatched[1].to_string(), "1.bias: torch.Size([10]) in the state dict, torch.Size([2]) in the model");
    /// # Ok::<(), pleach::Error>(())
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

/// The visitor that [`Field::visit_field`] and [`Module::visit`] take.
pub type Visitor<'v, 'a> = &'v mut dyn FnMut(&str, Member<'a>);
/// The visitor that [`Field::visit_field_mut`] and [`Module::visit_mut`] take.
pub type VisitorMut<'v, 'a> = &'v mut dyn FnMut(&str, MemberMut<'a>);

/// A type that a module's field can have; every module is one. `#[derive(Module)]` implements it
/// for its type.
///
/// By hand it is three methods. Those of a module's own fields do the work:
///
/// ```
/// use pleach::{Parameter, Result, Tensor, tensor};
/// use pleach::nn::layers::Linear;
/// use pleach::nn::{
///     Duplication, Field, Forward, Member, MemberMut, Module, Node, Visitor, VisitorMut, sequential,
/// };
///
/// struct Scaled {
///     node: Node,
///     scale: Parameter,
///     body: Linear,
/// }
///
/// impl Module for Scaled {
///     fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
///         self.scale.visit_field("scale", v);
///         self.body.visit_field("body", v);
///     }
///     fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
///         self.scale.visit_field_mut("scale", v);
///         self.body.visit_field_mut("body", v);
///     }
///     fn type_name(&self) -> &'static str {
///         "Scaled"
///     }
///     fn node(&self) -> Option<&Node> {
///         Some(&self.node)
///     }
/// }
///
/// impl Field for Scaled {
///     fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
///         v(name, Member::Child(self)); // as a child, under its field's name
///     }
///     fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
///         v(name, MemberMut::Child(self.into()));
///     }
///     fn duplicate(&self, how: &mut Duplication) -> Self {
///         Scaled {
///             node: self.node.duplicate(how),
///             scale: self.scale.duplicate(how),
///             body: self.body.duplicate(how),
///         }
///     }
/// }
///
/// impl Forward for Scaled {
///     fn forward(&self, input: &Tensor) -> Result<Tensor> {
///         self.body.call(input)?.mul(self.scale.tensor())
///     }
/// }
///
/// let scale = Parameter::new(tensor![2.0]);
/// let net = sequential![Scaled { node: Node::new(), scale, body: Linear::new(4, 3) }];
/// let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.scale", "0.body.weight", "0.body.bias"]);
/// assert_eq!(net.deep_copy().call(&Tensor::ones([2, 4]))?.shape(), [2, 3]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a module",
    label = "neither a member (parameter, buffer, module) nor a plain value",
    note = "if it is a module, write `#[derive(Module)]` above its definition",
    note = "several modules stand in a `Vec`, a `ModuleList` or, by name, a `ModuleDict`",
    note = "if it is not, add `#[module(skip)]` above the field; its type must then be `Clone`"
)]
pub trait Field: Any + Send + Sync {
    /// Shows the field to `v` under `name`, if it is a member.
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>)
    where
        Self: Sized;

    /// Shows the field, to be changed or replaced.
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>)
    where
        Self: Sized;

    /// An alias or a copy: made from those of all fields.
    fn duplicate(&self, how: &mut Duplication) -> Self
    where
        Self: Sized;

    /// Shows the field as an element of a list: under its position, or the name it brings along.
    fn visit_item<'a>(&'a self, position: usize, v: Visitor<'_, 'a>)
    where
        Self: Sized,
    {
        self.visit_field(&position.to_string(), v);
    }

    /// [`Field::visit_item`], to be changed or replaced.
    fn visit_item_mut<'a>(&'a mut self, position: usize, v: VisitorMut<'_, 'a>)
    where
        Self: Sized,
    {
        self.visit_field_mut(&position.to_string(), v);
    }

    /// What a list of these is called in the tree; `None` if values of this type are no members.
    fn list_name() -> Option<&'static str>
    where
        Self: Sized,
    {
        Some("ModuleList")
    }
}

/// One registered member of a module, as [`Module::visit`] shows it.
pub enum Member<'a> {
    /// A parameter of the module itself.
    Parameter(&'a Parameter),
    /// A buffer of the module itself.
    Buffer(&'a Buffer),
    /// A child module.
    Child(&'a dyn Module),
    /// What a parametrization or a pruning has put in a parameter's place, under its own name: it comes
    /// after all others. The module's listings show it as what it is.
    Added(Added<'a>),
    /// A name registered without a value, PyTorch's `register_module("downsample", None)`: only
    /// printing shows it.
    Absent,
}

/// A member that was added to a module after it was built.
pub struct Added<'a> {
    /// When, among all additions; one addition is shown once.
    pub(crate) order: u64,
    pub(crate) member: AddedMember<'a>,
    /// What holds all additions to the module.
    pub(crate) owner: &'a dyn Any,
}

pub(crate) enum AddedMember<'a> {
    Parameter(&'a Parameter),
    Buffer(&'a Buffer),
    Child(&'a dyn Module),
}

impl dyn Module {
    /// [`Module::visit`] with what was added later as the member that it is, after all others.
    pub(crate) fn members<'a>(&'a self, v: Visitor<'_, 'a>) {
        let mut added = Vec::new();
        self.visit(&mut |name, member| match member {
            Member::Added(member) => added.push((name.to_string(), member)),
            member => v(name, member),
        });
        added.sort_by_key(|(_, member)| member.order);
        added.dedup_by_key(|(_, member)| member.order);
        for (name, Added { member, .. }) in added {
            let member = match member {
                AddedMember::Parameter(p) => Member::Parameter(p),
                AddedMember::Buffer(b) => Member::Buffer(b),
                AddedMember::Child(child) => Member::Child(child),
            };
            v(&name, member);
        }
    }
}

/// One registered member of a module, as [`Module::visit_mut`] shows it.
pub enum MemberMut<'a> {
    /// A parameter of the module itself.
    Parameter(&'a mut Parameter),
    /// A buffer of the module itself.
    Buffer(&'a mut Buffer),
    /// A child module.
    Child(ChildMut<'a>),
}

/// A child module in its place, where another one can be put: made by `into()` from a `&mut` to a
/// module, a `Box<dyn Module>` or a `Box<dyn Forward>`.
pub struct ChildMut<'a>(&'a mut dyn Place);

/// What holds one module, and what it can hold instead.
pub trait Place: Any {
    fn module(&self) -> &dyn Module;
    fn module_mut(&mut self) -> &mut dyn Module;
    fn into_module(self: Box<Self>) -> Box<dyn Module>;
    fn put(&mut self, new: NewModule) -> Result<Box<dyn Module>>;
}

/// What [`ModuleExt::set_module`](crate::ModuleExt::set_module) takes: a module with a
/// [`Forward`](crate::Forward), a `Box<dyn Forward>`, or any module as a `Box<dyn Module>`.
pub struct NewModule(pub(crate) Box<dyn Place>);

/// A module's identity, its mode and its hooks: a handle, shared by the module's aliases.
///
/// A struct that wants `share()`, hooks or its own training flag has a field of this type; every
/// layer of pleach has one.
///
/// ```
/// use pleach::nn::{Module, ModuleExt, Node, same};
///
/// #[derive(Module)]
/// struct Noise {
///     node: Node,
/// }
/// let noise = Noise { node: Node::new() };
/// let alias = noise.share();
/// noise.eval();
/// assert!(!alias.is_training());
/// assert!(same(&noise, &alias));
/// assert!(!same(&noise, &noise.deep_copy()));
/// ```
pub struct Node(Arc<Inner>);

struct Inner {
    id: u64,
    training: AtomicBool,
    frozen: AtomicBool,
    name: Option<String>,
    hooks: Hooks,
}

type ForwardPreHook = dyn Fn(&dyn Module, &[&Tensor]) -> Result<Option<Vec<Tensor>>> + Send + Sync;
type ForwardHook =
    dyn Fn(&dyn Module, &[&Tensor], &[&Tensor]) -> Result<Option<Vec<Tensor>>> + Send + Sync;
/// Gradients of some tensors; those that need none have none.
pub(crate) type Grads = Vec<Option<Tensor>>;
pub(crate) type BackwardPreHook =
    dyn Fn(&dyn Module, &[Option<Tensor>]) -> Result<Option<Grads>> + Send + Sync;
pub(crate) type BackwardHook = dyn Fn(&dyn Module, &[Option<Tensor>], &[Option<Tensor>]) -> Result<Option<Grads>>
    + Send
    + Sync;

/// The hooks of one node.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Those that run before `forward`.
    pub before: HookList<ForwardPreHook>,
    /// Those that run after it.
    pub after: HookList<ForwardHook>,
    /// Those that see the gradients of the outputs.
    pub backward_before: HookList<BackwardPreHook>,
    /// Those that see the gradients of inputs and outputs.
    pub backward: HookList<BackwardHook>,
}
