//! Walks over the tree: everything that lists members follows from [`Module::visit`].

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use pleach_core::{Buffer, DType, Error, ErrorKind, Parameter, Result};

pub(crate) use crate::listing::Listing;
use crate::module::display_name;
use crate::{ChildMut, Member, MemberMut, Module, NewModule, Node};

/// A path from the root, written out only where it is read.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    Root,
    Below(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Below(Path::Root, name) => f.write_str(name),
            Path::Below(parent, name) => write!(f, "{parent}.{name}"),
        }
    }
}

/// `prefix.name`, or `name` below the root.
pub(crate) fn join(prefix: &str, name: &str) -> String {
    match prefix {
        "" => name.to_string(),
        _ => format!("{prefix}.{name}"),
    }
}

/// Whether this module has not been seen; one without a node is always new.
fn is_new(seen: &mut HashSet<u64>, module: &dyn Module) -> bool {
    module.node().is_none_or(|node| seen.insert(node.id()))
}

/// Calls `f` with the modules that a listing contains, parents before children.
fn for_each_module<'a>(
    root: &'a dyn Module,
    listing: Listing,
    f: &mut dyn FnMut(&Path, &'a dyn Module),
) {
    fn walk<'a>(
        module: &'a dyn Module,
        path: Path,
        seen: &mut Option<HashSet<u64>>,
        f: &mut dyn FnMut(&Path, &'a dyn Module),
    ) {
        if seen.as_mut().is_some_and(|seen| !is_new(seen, module)) {
            return;
        }
        f(&path, module);
        module.visit(&mut |name, member| {
            if let Member::Child(child) = member {
                walk(child, Path::Below(&path, name), seen, f);
            }
        });
    }
    match listing.recurse {
        true => {
            let mut seen = listing.remove_duplicate.then(HashSet::new);
            walk(root, Path::Root, &mut seen, f);
        }
        false => f(&Path::Root, root),
    }
}

/// Calls `f` with the members that `pick` gives of the modules that a listing contains.
fn for_each_member<'a, T: 'a, I: Hash + Eq>(
    root: &'a dyn Module,
    listing: Listing,
    pick: fn(Member<'a>) -> Option<&'a T>,
    id: fn(&T) -> I,
    mut f: impl FnMut(Path, &'a T),
) {
    let mut seen = HashSet::new();
    for_each_module(root, listing, &mut |path, module| {
        module.visit(&mut |name, member| {
            if let Some(member) = pick(member)
                && (!listing.remove_duplicate || seen.insert(id(member)))
            {
                f(Path::Below(path, name), member);
            }
        });
    });
}

fn parameter(member: Member<'_>) -> Option<&Parameter> {
    match member {
        Member::Parameter(p) => Some(p),
        _ => None,
    }
}

fn buffer(member: Member<'_>) -> Option<&Buffer> {
    match member {
        Member::Buffer(b) => Some(b),
        _ => None,
    }
}

pub(crate) fn modules(root: &dyn Module) -> Vec<&dyn Module> {
    let mut out = Vec::new();
    for_each_module(root, Listing::default(), &mut |_, module| out.push(module));
    out
}

pub(crate) fn named_modules(root: &dyn Module, listing: Listing) -> Vec<(String, &dyn Module)> {
    let mut out = Vec::new();
    for_each_module(root, listing, &mut |path, module| {
        out.push((path.to_string(), module));
    });
    out
}

pub(crate) fn for_each_parameter(
    root: &dyn Module,
    listing: Listing,
    mut f: impl FnMut(Path, &Parameter),
) {
    for_each_member(root, listing, parameter, Parameter::id, |path, p| {
        f(path, p)
    });
}

pub(crate) fn for_each_buffer(
    root: &dyn Module,
    listing: Listing,
    mut f: impl FnMut(Path, &Buffer),
) {
    for_each_member(root, listing, buffer, Buffer::id, |path, b| f(path, b));
}

pub(crate) fn named_children(module: &dyn Module) -> Vec<(String, &dyn Module)> {
    let (mut seen, mut out) = (HashSet::new(), Vec::new());
    module.visit(&mut |name, member| {
        if let Member::Child(child) = member
            && is_new(&mut seen, child)
        {
            out.push((name.to_string(), child));
        }
    });
    out
}

/// Calls `f` with the node of every module that has one.
pub(crate) fn for_each_node(root: &dyn Module, f: &mut dyn FnMut(&Node)) {
    for_each_module(root, Listing::default(), &mut |_, module| {
        if let Some(node) = module.node() {
            f(node);
        }
    });
}

/// Freezes all parameters and nodes, or lets them go.
pub(crate) fn set_frozen(root: &dyn Module, on: bool) {
    for_each_parameter(root, Listing::default(), |_, p| p.set_frozen(on));
    for_each_node(root, &mut |node| node.set_frozen(on));
}

/// Converts what is of a float dtype to another one.
pub(crate) fn to_dtype(root: &dyn Module, dtype: DType) -> Result<()> {
    if !dtype.is_float() {
        return Err(Error::new(ErrorKind::DType(format!(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
        ))));
    }
    for p in root.parameters() {
        if p.dtype().is_float() {
            let grad = p.grad().map(|g| g.to_dtype(dtype)).transpose()?;
            let data = p.data().to_dtype(dtype)?;
            p.set_data(data)?;
            p.set_grad(grad)?;
        }
    }
    for b in root.buffers() {
        if b.dtype().is_float() {
            b.set(b.tensor().to_dtype(dtype)?);
        }
    }
    Ok(())
}

/// The module at a path.
pub(crate) fn get_module<'a>(root: &'a dyn Module, path: &str) -> Result<&'a dyn Module> {
    let mut module = root;
    for name in path.split('.').filter(|_| !path.is_empty()) {
        module = child(module, name).ok_or_else(|| no_attribute(module, name))?;
    }
    Ok(module)
}

/// The module at a path, to be changed.
pub(crate) fn get_module_mut<'a>(
    root: &'a mut dyn Module,
    path: &str,
) -> Result<&'a mut dyn Module> {
    let mut module = root;
    for name in path.split('.').filter(|_| !path.is_empty()) {
        if child(module, name).is_none() {
            return Err(no_attribute(module, name));
        }
        module = place(module, name)
            .expect("the child was just found")
            .into_module();
    }
    Ok(module)
}

/// The path of the module that has the member at a path, and the member's name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// The parameter at a path.
pub(crate) fn get_parameter(root: &dyn Module, path: &str) -> Result<Parameter> {
    let (parent, wanted) = split(path);
    let module = get_module(root, parent)?;
    let mut found = None;
    module.visit(&mut |name, member| {
        if let Member::Parameter(p) = member
            && name == wanted
        {
            found = Some(p.share());
        }
    });
    found.ok_or_else(|| no_attribute(module, wanted))
}

/// Puts another parameter at a path.
pub(crate) fn set_parameter(
    root: &mut dyn Module,
    path: &str,
    new: Parameter,
) -> Result<Parameter> {
    get_parameter(root, path)?;
    let (parent, wanted) = split(path);
    let (mut new, mut old) = (Some(new), None);
    get_module_mut(root, parent)?.visit_mut(&mut |name, member| {
        if let MemberMut::Parameter(p) = member
            && name == wanted
            && let Some(new) = new.take()
        {
            old = Some(std::mem::replace(p, new));
        }
    });
    Ok(old.expect("the parameter was just found"))
}

/// Puts another module at a path.
pub(crate) fn set_module(
    root: &mut dyn Module,
    path: &str,
    new: NewModule,
) -> Result<Box<dyn Module>> {
    if path.is_empty() {
        let text = "Cannot set the submodule without a target name!";
        return Err(Error::value(text));
    }
    get_module(root, path)?;
    let (parent, wanted) = split(path);
    let parent = get_module_mut(root, parent)?;
    let place = place(parent, wanted).expect("the child was just found");
    let refused = |e| Error::value(format!("`{path}`: {e}"));
    place.replace(new).map_err(refused)
}

fn no_attribute(module: &dyn Module, name: &str) -> Error {
    Error::new(ErrorKind::Name(format!(
        "{} has no attribute `{name}`",
        display_name(module)
    )))
}

/// Calls `f` in post-order; a child that one parent has twice is visited once, but nothing is
/// remembered between parents: the random draws of an initialising `f` depend on it.
pub(crate) fn apply<E>(
    module: &mut dyn Module,
    f: &mut dyn FnMut(&mut dyn Module) -> Result<(), E>,
) -> Result<(), E> {
    let mut seen = HashSet::new();
    let mut result = Ok(());
    module.visit_mut(&mut |_, member| {
        if let MemberMut::Child(child) = member
            && result.is_ok()
            && is_new(&mut seen, &*child)
        {
            result = apply(child.into_module(), f);
        }
    });
    result?;
    f(module)
}

/// The direct child of this name.
fn child<'a>(module: &'a dyn Module, wanted: &str) -> Option<&'a dyn Module> {
    let mut found = None;
    module.visit(&mut |name, member| {
        if let Member::Child(child) = member
            && name == wanted
        {
            found = Some(child);
        }
    });
    found
}

/// The place of the direct child of this name.
fn place<'a>(module: &'a mut dyn Module, wanted: &str) -> Option<ChildMut<'a>> {
    let mut found = None;
    module.visit_mut(&mut |name, member| {
        if let MemberMut::Child(child) = member
            && name == wanted
        {
            found = Some(child);
        }
    });
    found
}
