//! Layers that learn a size from their first input.

mod batch_norm;
mod conv;
mod instance_norm;
mod linear;

use once_cell::sync::OnceCell;
use pleach_core::{Error, Result, Tensor};

pub use self::batch_norm::{
    LazyBatchNorm, LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d, LazyBatchNormBuilder,
};
pub use self::conv::{
    LazyConv1d, LazyConv2d, LazyConv3d, LazyConvNd, LazyConvNdBuilder, LazyConvTranspose1d,
    LazyConvTranspose2d, LazyConvTranspose3d,
};
pub use self::instance_norm::{
    LazyInstanceNorm, LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d,
    LazyInstanceNormBuilder,
};
pub use self::linear::{LazyLinear, LazyLinearBuilder};
use crate::module::{Field, Visitor, VisitorMut};
use crate::{Duplication, Forward, HasMode, Member, MemberMut, Module, Node, Setting, Step};

/// A layer that is made without one of its sizes and learns it from its first input: [`LazyLinear`],
/// [`LazyConvNd`], [`LazyBatchNorm`], [`LazyInstanceNorm`].
///
/// Until then its parameters are there, but uninitialised
/// ([`Parameter::is_uninitialized`](pleach_core::Parameter::is_uninitialized)): an optimizer can hold
/// them, [`Module::to_dtype`] sets their dtype, and whatever reads them is an error. A state dict
/// has them as [`StateDict::uninitialized`](crate::StateDict::uninitialized); loading one with values gives them values and shapes. The first call draws the initial
/// values; from then on the layer is, prints and downcasts as the plain one. So one call with an
/// example (a dry run) completes a model.
pub struct Lazy<L: LazyLayer> {
    /// Shares node and parameters with what is made of it.
    shell: L,
    ready: OnceCell<L>,
    /// Whether this one or an alias was called.
    called: Setting<bool>,
}

/// A layer that [`Lazy`] can make.
#[doc(hidden)]
pub trait LazyLayer: Forward + Sized {
    fn lazy_name() -> &'static str;
    /// The size that an input tells.
    fn inferred(&self, input: &Tensor) -> Result<usize>;
    fn set_inferred(&mut self, size: usize);
    /// The shape of a parameter or buffer.
    fn shape(&self, name: &str, size: usize) -> Vec<usize>;
    /// The size that the shape of the first parameter or buffer tells.
    fn size(&self, shape: &[usize]) -> Option<usize> {
        shape.last().copied()
    }
    fn draw(&self) -> Result<()>;
}

impl<L: LazyLayer> Lazy<L> {
    /// A lazy layer of one that was made for no inputs.
    fn of(shell: L) -> Result<Self> {
        let mut result = Ok(());
        shell.visit(&mut |_, member| {
            let done = match member {
                Member::Parameter(p) => p.uninitialize(),
                Member::Buffer(b) if b.dtype().is_float() => b.uninitialize(),
                _ => Ok(()),
            };
            result = std::mem::replace(&mut result, Ok(())).and(done);
        });
        result?;
        Ok(Lazy {
            shell,
            ready: OnceCell::new(),
            called: Setting::new(false),
        })
    }

    /// Whether there are parameters or buffers without values.
    pub fn has_uninitialized_params(&self) -> bool {
        let mut found = false;
        self.shell.visit(&mut |_, member| {
            found |= match member {
                Member::Parameter(p) => p.is_uninitialized(),
                Member::Buffer(b) => b.is_uninitialized(),
                _ => false,
            };
        });
        found
    }

    /// Draws the initial values again, if there are any.
    ///
    /// # Errors
    /// As the plain layer.
    pub fn reset_parameters(&self) -> Result<()> {
        match self.has_uninitialized_params() {
            true => Ok(()),
            false => self.now().draw(),
        }
    }

    /// The plain layer, once it is one.
    pub fn layer(&self) -> Option<&L> {
        match self.ready.get() {
            None if self.called.get() => {
                // An alias was called, so its size is known.
                let size = self.size_of_parameters()?;
                Some(self.ready.get_or_init(|| self.alias(size)))
            }
            ready => ready,
        }
    }

    fn now(&self) -> &L {
        self.layer().unwrap_or(&self.shell)
    }

    /// The size that initialised parameters have.
    fn size_of_parameters(&self) -> Option<usize> {
        let mut size = None;
        self.shell.visit(&mut |_, member| {
            // The first member is the weight, or a statistic.
            size = size.or_else(|| match member {
                Member::Parameter(p) if !p.is_uninitialized() => self.shell.size(&p.shape()),
                Member::Buffer(b) if !b.is_uninitialized() => self.shell.size(&b.shape()),
                _ => None,
            });
        });
        size
    }

    fn alias(&self, size: usize) -> L {
        let mut layer = self.shell.duplicate(&mut Duplication::alias());
        layer.set_inferred(size);
        layer
    }

    /// The plain layer for an input; it is made by the first one.
    fn layer_for(&self, input: &Tensor) -> Result<&L> {
        if let Some(layer) = self.layer() {
            return Ok(layer);
        }
        self.ready.get_or_try_init(|| {
            let size = self.shell.inferred(input)?;
            let draw = self.has_uninitialized_params();
            let mut result = Ok(());
            self.shell.visit(&mut |name, member| {
                let done = self.materialize(name, member, size);
                result = std::mem::replace(&mut result, Ok(())).and(done);
            });
            result?;
            let layer = self.alias(size);
            if draw {
                layer.draw()?;
            }
            self.called.set(true);
            Ok(layer)
        })
    }

    /// Gives a member its shape, or checks the one that it has.
    fn materialize(&self, name: &str, member: Member<'_>, size: usize) -> Result<()> {
        let shape = self.shell.shape(name, size);
        let has = match member {
            Member::Parameter(p) if p.is_uninitialized() => {
                return p.set_data(Tensor::try_zeros_of(shape, p.dtype())?);
            }
            Member::Buffer(b) if b.is_uninitialized() => {
                return b.try_set(Tensor::try_zeros_of(shape, b.dtype())?);
            }
            Member::Parameter(p) => p.shape(),
            Member::Buffer(b) => b.shape(),
            _ => return Ok(()),
        };
        match has == shape {
            true => Ok(()),
            false => Err(Error::shape(format!(
                "The size inferred from input: {size} does not fit {name}, whose shape is {has:?} and not {shape:?}"
            ))),
        }
    }
}

impl<L: LazyLayer> Module for Lazy<L> {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        self.now().visit(v);
    }
    fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
        match self.layer().is_some() {
            true => self.ready.get_mut().unwrap_or(&mut self.shell).visit_mut(v),
            false => self.shell.visit_mut(v),
        }
    }
    fn type_name(&self) -> &'static str {
        self.layer().map_or(L::lazy_name(), Module::type_name)
    }
    fn node(&self) -> Option<&Node> {
        self.shell.node()
    }
    fn extra_repr(&self) -> String {
        self.now().extra_repr()
    }
    fn version(&self) -> u64 {
        self.shell.version()
    }
    fn wrapped(&self) -> Option<&dyn Module> {
        self.layer().map(|layer| layer.as_module())
    }
    fn wrapped_mut(&mut self) -> Option<&mut dyn Module> {
        self.layer()?;
        self.ready.get_mut().map(|layer| layer.as_module_mut())
    }
}

impl<L: LazyLayer> Field for Lazy<L> {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child(self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child(self.into()));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        let ready = self.layer().map(|layer| layer.duplicate(how));
        Lazy {
            shell: self.shell.duplicate(how),
            ready: ready.map_or_else(OnceCell::new, OnceCell::with_value),
            called: self.called.duplicate(how),
        }
    }
}

impl<L: LazyLayer> HasMode for Lazy<L> {}

impl<L: LazyLayer> Forward for Lazy<L> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.layer_for(input)?.forward(input)
    }
    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        self.layer_for(input)?.forward_then(input, steps)
    }
}

impl<L: LazyLayer> Lazy<L> {
    /// The same layer under another name.
    pub fn share(&self) -> Self {
        self.duplicate(&mut Duplication::alias())
    }

    /// A layer with parameters of its own: equal ones, or uninitialised ones.
    pub fn deep_copy(&self) -> Self {
        self.duplicate(&mut Duplication::copy())
    }
}

impl<L: LazyLayer> std::fmt::Display for Lazy<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self as &dyn Module, f)
    }
}

impl<L: LazyLayer> std::fmt::Debug for Lazy<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
