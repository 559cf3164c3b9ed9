//! What stands in the place of a parameter whose value is computed: by parametrizations, or by a mask.
//!
//! The field of the module keeps its [`Parameter`]; a [`Slot`] in it ([`Computed`]) finds the
//! [`Entry`] of its name in the module's [`Additions`], which computes what is read and is what the
//! tree shows. Entries are added and switched off, never taken away, so that references to them live
//! as long as the module, and aliases, whose fields share the slot, agree.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use pleach_core::{Buffer, Computed, Error, Parameter, Result, Tensor, no_grad};

use crate::module::{AddedMember, Field, Visitor, VisitorMut};
use crate::{Added, Duplication, Listing, Member, MemberMut, Module, Node};

/// Values that are added and never taken away.
struct Chain<T>(OnceLock<Box<(T, Chain<T>)>>);

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Chain(OnceLock::new())
    }
}

impl<T> Chain<T> {
    fn push(&self, value: T) {
        let mut link = Box::new((value, Chain::default()));
        let mut last = self;
        while let Err(refused) = last.0.set(link) {
            link = refused;
            match last.0.get() {
                Some(next) => last = &next.1,
                None => return,
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        let mut next = self;
        std::iter::from_fn(move || {
            let link = next.0.get()?;
            next = &link.1;
            Some(&link.0)
        })
    }

    fn of(values: impl Iterator<Item = T>) -> Self {
        let chain = Chain::default();
        values.for_each(|value| chain.push(value));
        chain
    }
}

/// How one parameter is computed.
pub(crate) struct Entry {
    order: u64,
    pub name: String,
    live: AtomicBool,
    pub kind: Kind,
}

pub(crate) enum Kind {
    Parametrized(ParametrizationList),
    Pruned(Pruned),
}

/// A parameter times a mask.
pub(crate) struct Pruned {
    pub original: Parameter,
    pub mask: Buffer,
}

/// Two for each entry: a pruned parameter shows two members.
fn next_order() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(2, Ordering::Relaxed)
}

impl Entry {
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }

    /// The value is computed no more.
    pub fn end(&self) {
        self.live.store(false, Ordering::Release);
    }

    pub fn value(&self) -> Result<Tensor> {
        let compute = || match &self.kind {
            Kind::Parametrized(list) => list.value(),
            Kind::Pruned(Pruned { original, mask }) => {
                let original = original.try_tensor()?;
                mask.try_tensor()?
                    .to_dtype(original.dtype())?
                    .mul(&original)
            }
        };
        let key = std::ptr::from_ref(self) as usize;
        match CACHE.with_borrow(|cache| cache.as_ref().map(|cache| cache.get(&key).cloned())) {
            None => compute(),
            Some(Some(value)) => Ok(value),
            Some(None) => {
                let value = compute()?;
                CACHE.with_borrow_mut(|cache| {
                    if let Some(cache) = cache {
                        cache.insert(key, value.clone());
                    }
                });
                Ok(value)
            }
        }
    }

    fn duplicate(&self, how: &mut Duplication) -> Entry {
        Entry {
            order: self.order,
            name: self.name.clone(),
            live: AtomicBool::new(true),
            kind: match &self.kind {
                Kind::Parametrized(list) => Kind::Parametrized(list.duplicate(how)),
                Kind::Pruned(Pruned { original, mask }) => Kind::Pruned(Pruned {
                    original: original.duplicate(how),
                    mask: mask.duplicate(how),
                }),
            },
        }
    }
}

thread_local! {
    /// What was computed while [`cached`] runs.
    static CACHE: RefCell<Option<HashMap<usize, Tensor>>> = const { RefCell::new(None) };
}

pub(crate) fn cached<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            if self.0 {
                drop(CACHE.take());
            }
        }
    }
    let outermost = CACHE.with_borrow_mut(|cache| match cache {
        Some(_) => false,
        None => {
            *cache = Some(HashMap::new());
            true
        }
    });
    let _restore = Restore(outermost);
    f()
}

/// All that was added to one module; in the tree, PyTorch's `ModuleDict` of parametrizations.
pub(crate) struct Additions {
    node: Node,
    entries: Chain<Arc<Entry>>,
}

impl Additions {
    pub fn new() -> Arc<Self> {
        Arc::new(Additions {
            node: Node::new(),
            entries: Chain::default(),
        })
    }

    pub fn live(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|entry| entry.is_live())
    }

    pub fn find(&self, name: &str) -> Option<&Arc<Entry>> {
        self.live().find(|entry| entry.name == name)
    }

    fn lists(&self) -> impl Iterator<Item = (&Entry, &ParametrizationList)> {
        self.live().filter_map(|entry| match &entry.kind {
            Kind::Parametrized(list) => Some((&**entry, list)),
            Kind::Pruned(_) => None,
        })
    }

    /// Calls `f` with every module of the parametrizations in post-order. They stand behind shared handles, so
    /// what `f` changes are aliases: their parameters, buffers, settings and hooks are the model's.
    pub fn apply<E>(&self, f: &mut dyn FnMut(&mut dyn Module) -> Result<(), E>) -> Result<(), E> {
        let how = &mut Duplication::alias();
        let mut any = false;
        for (_, list) in self.lists() {
            any = true;
            for parametrization in list.all() {
                let mut alias = parametrization.duplicate_parametrization(how);
                alias.as_module_mut().apply_below(f)?;
            }
            f(&mut list.duplicate(how))?;
        }
        match any {
            true => f(&mut self.duplicate(how)),
            false => Ok(()),
        }
    }

    /// From now on, `field` is computed by an entry of this name.
    pub fn add(self: &Arc<Self>, field: &Parameter, name: &str, kind: Kind) {
        self.entries.push(Arc::new(Entry {
            order: next_order(),
            name: name.to_string(),
            live: AtomicBool::new(true),
            kind,
        }));
        // Where an entry has ended, the slot is there already.
        field.set_computed(Box::new(Slot {
            additions: self.clone(),
            name: name.to_string(),
        }));
    }
}

impl Module for Additions {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        for (entry, list) in self.lists() {
            v(&entry.name, Member::Child(list));
        }
    }
    fn visit_mut<'a>(&'a mut self, _: VisitorMut<'_, 'a>) {}
    fn type_name(&self) -> &'static str {
        "ModuleDict"
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

impl Field for Additions {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child(self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child(self.into()));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        let entries = self.live().map(|entry| match how.is_alias() {
            true => entry.clone(),
            false => Arc::new(entry.duplicate(how)),
        });
        Additions {
            entries: Chain::of(entries.collect::<Vec<_>>().into_iter()),
            node: self.node.duplicate(how),
        }
    }
}

/// What a module's field holds of its entry.
pub(crate) struct Slot {
    additions: Arc<Additions>,
    name: String,
}

/// The slot of a field, if it has one.
pub(crate) fn slot_of(field: &Parameter) -> Option<&Slot> {
    field.computed()?.as_any().downcast_ref()
}

impl Slot {
    fn entry(&self) -> Option<&Entry> {
        self.additions.find(&self.name).map(|entry| &**entry)
    }

    pub fn additions(&self) -> &Arc<Additions> {
        &self.additions
    }

    /// Shows what the value is computed of.
    pub fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        let Some(entry) = self.entry() else { return };
        let owner: &dyn Any = &self.additions;
        let mut show = |name: &str, order, member| {
            let added = Added {
                order,
                member,
                owner,
            };
            v(name, Member::Added(added));
        };
        match &entry.kind {
            Kind::Parametrized(_) => {
                // All parametrized ones of a module are one child, as old as the first.
                let order = self
                    .additions
                    .lists()
                    .next()
                    .map_or(0, |(first, _)| first.order);
                show(
                    "parametrizations",
                    order,
                    AddedMember::Child(&*self.additions),
                );
            }
            Kind::Pruned(Pruned { original, mask }) => {
                let (name, order) = (&self.name, entry.order);
                show(
                    &format!("{name}_orig"),
                    order,
                    AddedMember::Parameter(original),
                );
                show(
                    &format!("{name}_mask"),
                    order + 1,
                    AddedMember::Buffer(mask),
                );
            }
        }
    }

    pub fn duplicate(&self, how: &mut Duplication) -> Slot {
        let address = Arc::as_ptr(&self.additions) as usize;
        Slot {
            additions: how.once(address, Arc::clone, |how| {
                Arc::new(self.additions.duplicate(how))
            }),
            name: self.name.clone(),
        }
    }
}

impl Computed for Slot {
    fn tensor(&self) -> Option<Result<Tensor>> {
        self.entry().map(Entry::value)
    }
    fn assign(&self, value: &Tensor) -> Result<()> {
        match self.entry().map(|entry| &entry.kind) {
            Some(Kind::Parametrized(list)) => list.assign(value),
            _ => Err(Error::value(format!(
                "`{0}` is pruned: set `{0}_orig`, or remove the pruning",
                self.name
            ))),
        }
    }
    fn requires_grad(&self) -> bool {
        match self.entry().map(|entry| &entry.kind) {
            Some(Kind::Parametrized(list)) => list.originals.iter().any(Parameter::requires_grad),
            Some(Kind::Pruned(pruned)) => pruned.original.requires_grad(),
            None => false,
        }
    }
    fn is_live(&self) -> bool {
        self.entry().is_some()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A member of a module that may be computed.
pub(crate) enum Found<'a> {
    /// A parameter, and the additions to its module so far.
    Plain(&'a Parameter, Option<&'a Arc<Additions>>),
    Computed(&'a Arc<Entry>),
    Nothing,
}

/// All that was added to a module.
pub(crate) fn additions_of(module: &dyn Module) -> Option<&Arc<Additions>> {
    let mut found = None;
    module.visit(&mut |_, member| {
        let owner = match member {
            Member::Parameter(p) => slot_of(p).map(Slot::additions),
            Member::Added(added) => added.owner.downcast_ref(),
            _ => None,
        };
        found = found.or(owner);
    });
    found
}

pub(crate) fn find<'a>(module: &'a dyn Module, wanted: &str) -> Found<'a> {
    let additions = additions_of(module);
    if let Some(entry) = additions.and_then(|additions| additions.find(wanted)) {
        return Found::Computed(entry);
    }
    let mut found = Found::Nothing;
    module.visit(&mut |name, member| {
        if let Member::Parameter(p) = member
            && name == wanted
        {
            found = Found::Plain(p, additions);
        }
    });
    found
}

/// Whether a parameter of the module itself is parametrized.
pub(crate) fn has_parametrizations(module: &dyn Module) -> bool {
    additions_of(module).is_some_and(|additions| additions.lists().next().is_some())
}

/// Paths of modules, and names of their parameters, that `weight_norm` parametrizes first.
pub(crate) fn weight_norms(root: &dyn Module) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, module) in root.named_modules_with(Listing::with_duplicates()) {
        for (entry, list) in additions_of(module).into_iter().flat_map(|a| a.lists()) {
            let first = list.all().next();
            if first.is_some_and(|p| p.type_name() == "_WeightNorm") {
                found.push((path.clone(), entry.name.clone()));
            }
        }
    }
    found
}

/// How a parameter is computed of one or several others: a module, whose parameters and buffers are
/// the model's too.
///
/// ```
/// use pleach::nn::{Module, layers::Linear};
/// use pleach::nn::utils::parametrize::{Parametrization, register_parametrization};
/// use pleach::{Result, Tensor};
///
/// /// The upper triangle of a square matrix, on both sides.
/// #[derive(Module)]
/// struct Symmetric;
///
/// impl Parametrization for Symmetric {
///     fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
///         let upper = originals[0].triu(0)?;
///         upper.add(&originals[0].triu(1)?.t()?)
///     }
/// }
///
/// let linear = Linear::new(3, 3);
/// register_parametrization(&linear, "weight", Symmetric)?;
/// let weight = linear.weight.tensor();
/// assert!(weight.equal(&weight.t()?)?);
/// let names: Vec<_> = linear.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["bias", "parametrizations.weight.original"]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait Parametrization: Module + AsParametrization {
    /// The value from the originals: one, unless this is the first parametrization and its
    /// [`right_inverse`](Parametrization::right_inverse) gives several.
    ///
    /// # Errors
    /// If they do not fit.
    fn forward(&self, originals: &[Tensor]) -> Result<Tensor>;

    /// Originals of which [`forward`](Parametrization::forward) makes this value; `None` if that is not
    /// implemented. Then a parameter keeps its values as the original when it is parametrized, and
    /// cannot be set afterwards.
    ///
    /// # Errors
    /// If the value does not fit.
    fn right_inverse(&self, value: &Tensor) -> Result<Option<Originals>> {
        let _ = value;
        Ok(None)
    }
}

/// What a parametrization makes its value of.
#[derive(Debug, Clone)]
pub enum Originals {
    /// One tensor: the state dict's `original`.
    One(Tensor),
    /// Several: `original0`, `original1`, …
    Many(Vec<Tensor>),
}

impl From<Tensor> for Originals {
    fn from(original: Tensor) -> Self {
        Originals::One(original)
    }
}

impl From<Vec<Tensor>> for Originals {
    fn from(originals: Vec<Tensor>) -> Self {
        Originals::Many(originals)
    }
}

/// What needs the concrete type.
#[doc(hidden)]
pub trait AsParametrization {
    fn duplicate_parametrization(&self, how: &mut Duplication) -> Box<dyn Parametrization>;
}

impl<T: Parametrization> AsParametrization for T {
    fn duplicate_parametrization(&self, how: &mut Duplication) -> Box<dyn Parametrization> {
        Box::new(self.duplicate(how))
    }
}

/// The parametrizations of one parameter, and what it is computed of.
pub(crate) struct ParametrizationList {
    node: Node,
    /// The parameter itself, to which the value goes back.
    pub field: Parameter,
    pub originals: Vec<Parameter>,
    /// Whether there is one original by itself.
    pub single: bool,
    parametrizations: Chain<Arc<dyn Parametrization>>,
}

impl ParametrizationList {
    pub fn new(
        field: &Parameter,
        originals: Vec<Parameter>,
        single: bool,
        first: impl Parametrization,
    ) -> Self {
        let parametrizations = Chain::<Arc<dyn Parametrization>>::default();
        parametrizations.push(Arc::new(first));
        ParametrizationList {
            node: Node::new(),
            field: field.share(),
            originals,
            single,
            parametrizations,
        }
    }

    pub fn push(&self, parametrization: impl Parametrization) {
        self.parametrizations.push(Arc::new(parametrization));
    }

    pub fn all(&self) -> impl Iterator<Item = &dyn Parametrization> {
        self.parametrizations.iter().map(|p| &**p)
    }

    pub fn value(&self) -> Result<Tensor> {
        let originals = self.originals.iter().map(Parameter::try_tensor);
        let mut values = originals.collect::<Result<Vec<_>>>()?;
        for parametrization in self.all() {
            values = vec![parametrization.forward(&values)?];
        }
        values
            .pop()
            .ok_or_else(|| Error::value("a parametrization of nothing"))
    }

    fn assign(&self, value: &Tensor) -> Result<()> {
        let all: Vec<&dyn Parametrization> = self.all().collect();
        let mut originals = Originals::One(value.clone());
        for parametrization in all.into_iter().rev() {
            let Originals::One(value) = &originals else {
                return Err(several());
            };
            originals = parametrization.right_inverse(value)?.ok_or_else(|| {
                Error::value(format!(
                    "parametrization {} does not implement right_inverse.",
                    parametrization.type_name()
                ))
            })?;
        }
        let (values, single) = match originals {
            Originals::One(value) => (vec![value], true),
            Originals::Many(values) => (values, false),
        };
        if single != self.single || values.len() != self.originals.len() {
            return Err(Error::value(format!(
                "'right_inverse' must return a sequence of tensors of length {}. Got a sequence of length {}.",
                self.originals.len(),
                values.len()
            )));
        }
        for (i, (value, original)) in values.iter().zip(&self.originals).enumerate() {
            if value.dtype() != original.dtype() {
                return Err(Error::dtype(format!(
                    "Tensor {i} returned by `right_inverse` has dtype {} while `original{i}` has dtype {}",
                    value.dtype(),
                    original.dtype()
                )));
            }
        }
        for (value, original) in values.iter().zip(&self.originals) {
            original.set_data(value)?;
        }
        Ok(())
    }
}

pub(crate) fn several() -> Error {
    Error::value("only the first parametrization may have several originals")
}

impl Module for ParametrizationList {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        for (i, original) in self.originals.iter().enumerate() {
            match self.single {
                true => v("original", Member::Parameter(original)),
                false => v(&format!("original{i}"), Member::Parameter(original)),
            }
        }
        for (i, parametrization) in self.parametrizations.iter().enumerate() {
            v(&i.to_string(), Member::Child(parametrization.as_module()));
        }
    }
    fn visit_mut<'a>(&'a mut self, _: VisitorMut<'_, 'a>) {}
    fn type_name(&self) -> &'static str {
        "ParametrizationList"
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
    fn collapses(&self) -> bool {
        true
    }
}

impl Field for ParametrizationList {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child(self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child(self.into()));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        let all = self.parametrizations.iter().map(|p| match how.is_alias() {
            true => p.clone(),
            false => p.duplicate_parametrization(how).into(),
        });
        ParametrizationList {
            parametrizations: Chain::of(all.collect::<Vec<_>>().into_iter()),
            node: self.node.duplicate(how),
            field: self.field.duplicate(how).share(),
            originals: self.originals.iter().map(|p| p.duplicate(how)).collect(),
            single: self.single,
        }
    }
}

/// Registers the first parametrization of a parameter; `check` compares its value before and after.
pub(crate) fn parametrize(
    (field, additions): (&Parameter, Option<&Arc<Additions>>),
    name: &str,
    parametrization: impl Parametrization,
    check: impl FnOnce(&Tensor, &Tensor) -> Result<()>,
) -> Result<()> {
    let value = no_grad(|| field.try_tensor())?;
    let inverse = no_grad(|| parametrization.right_inverse(&value))?;
    let (originals, single) = match inverse {
        None => (vec![field.share()], true),
        Some(Originals::One(original)) => {
            if original.dtype() != value.dtype() {
                return Err(Error::dtype(format!(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\noriginal.dtype: {}\nright_inverse(original).dtype: {}",
                    value.dtype(),
                    original.dtype()
                )));
            }
            field.set_data(original)?;
            (vec![field.share()], true)
        }
        Some(Originals::Many(originals)) => {
            let on = field.requires_grad();
            let originals = originals.into_iter().map(|original| match on {
                true => Parameter::try_new(original),
                false => Ok(Parameter::frozen(original)),
            });
            (originals.collect::<Result<Vec<_>>>()?, false)
        }
    };
    let list = ParametrizationList::new(field, originals, single, parametrization);
    let computed = no_grad(|| list.value()).and_then(|computed| check(&value, &computed));
    if let Err(error) = computed {
        field.set_data(value)?;
        return Err(error);
    }
    if !single {
        // The originals hold its values now.
        field.uninitialize()?;
    }
    let new;
    let additions = match additions {
        Some(additions) => additions,
        None => {
            new = Additions::new();
            &new
        }
    };
    additions.add(field, name, Kind::Parametrized(list));
    Ok(())
}
