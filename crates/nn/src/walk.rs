//! Walks over the tree: everything that lists members follows from [`Module::visit`].

use std::collections::HashSet;

use pleach_core::{Buffer, DType, Error, ErrorKind, Parameter, Result};

use crate::module::display_name;
use crate::{Member, MemberMut, Module, Node};

/// What a listing such as [`Module::named_parameters_with`] contains. The default is what
/// `named_parameters()` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// Whether descendants' members are listed too.
    pub recurse: bool,
    /// Whether what has several names is listed under the first only.
    pub remove_duplicate: bool,
}

impl Default for Listing {
    fn default() -> Self {
        Listing {
            recurse: true,
            remove_duplicate: true,
        }
    }
}

impl Listing {
    /// The module's own members only: PyTorch's `recurse=False`.
    pub fn own() -> Self {
        Listing {
            recurse: false,
            ..Self::default()
        }
    }

    /// Every name, also of what is shared: PyTorch's `remove_duplicate=False`.
    pub fn with_duplicates() -> Self {
        Listing {
            remove_duplicate: false,
            ..Self::default()
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

pub(crate) fn named_modules(root: &dyn Module, listing: Listing) -> Vec<(String, &dyn Module)> {
    fn walk<'a>(
        module: &'a dyn Module,
        path: String,
        seen: &mut Option<HashSet<u64>>,
        out: &mut Vec<(String, &'a dyn Module)>,
    ) {
        if seen.as_mut().is_some_and(|seen| !is_new(seen, module)) {
            return;
        }
        out.push((path.clone(), module));
        module.visit(&mut |name, member| {
            if let Member::Child(child) = member {
                walk(child, join(&path, name), seen, out);
            }
        });
    }
    let mut out = Vec::new();
    if listing.recurse {
        let mut seen = listing.remove_duplicate.then(HashSet::new);
        walk(root, String::new(), &mut seen, &mut out);
    } else {
        out.push((String::new(), root));
    }
    out
}

/// The modules of [`named_modules`], without their paths.
pub(crate) fn modules(root: &dyn Module) -> Vec<&dyn Module> {
    fn walk<'a>(module: &'a dyn Module, seen: &mut HashSet<u64>, out: &mut Vec<&'a dyn Module>) {
        if !is_new(seen, module) {
            return;
        }
        out.push(module);
        module.visit(&mut |_, member| {
            if let Member::Child(child) = member {
                walk(child, seen, out);
            }
        });
    }
    let mut out = Vec::new();
    walk(root, &mut HashSet::new(), &mut out);
    out
}

/// The parameters of [`named_parameters`], without their paths.
pub(crate) fn parameters(root: &dyn Module) -> Vec<Parameter> {
    let (mut seen, mut out) = (HashSet::new(), Vec::new());
    for module in modules(root) {
        module.visit(&mut |_, member| {
            if let Member::Parameter(p) = member
                && seen.insert(p.id())
            {
                out.push(p.share());
            }
        });
    }
    out
}

/// The buffers of [`named_buffers`], without their paths.
pub(crate) fn buffers(root: &dyn Module) -> Vec<Buffer> {
    let (mut seen, mut out) = (HashSet::new(), Vec::new());
    for module in modules(root) {
        module.visit(&mut |_, member| {
            if let Member::Buffer(b) = member
                && seen.insert(b.id())
            {
                out.push(b.share());
            }
        });
    }
    out
}

/// Converts what is of a float dtype to another one.
pub(crate) fn to_dtype(root: &dyn Module, dtype: DType) -> Result<()> {
    if !dtype.is_float() {
        return Err(Error::new(ErrorKind::DType(format!(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
        ))));
    }
    for p in parameters(root) {
        if p.dtype().is_float() {
            let grad = p.grad().map(|g| g.to_dtype(dtype)).transpose()?;
            let data = p.data().to_dtype(dtype)?;
            p.set_data(data)?;
            p.set_grad(grad)?;
        }
    }
    for b in buffers(root) {
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
        module = child_mut(module, name).expect("the child was just found");
    }
    Ok(module)
}

/// The parameter at a path.
pub(crate) fn get_parameter(root: &dyn Module, path: &str) -> Result<Parameter> {
    let (prefix, wanted) = path.rsplit_once('.').unwrap_or(("", path));
    let module = get_module(root, prefix)?;
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

fn no_attribute(module: &dyn Module, name: &str) -> Error {
    Error::new(ErrorKind::Name(format!(
        "{} has no attribute `{name}`",
        display_name(module)
    )))
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

pub(crate) fn named_parameters(root: &dyn Module, listing: Listing) -> Vec<(String, Parameter)> {
    let (mut seen, mut out) = (HashSet::new(), Vec::new());
    for (path, module) in named_modules(root, listing) {
        module.visit(&mut |name, member| {
            if let Member::Parameter(p) = member
                && (!listing.remove_duplicate || seen.insert(p.id()))
            {
                out.push((join(&path, name), p.share()));
            }
        });
    }
    out
}

pub(crate) fn named_buffers(root: &dyn Module, listing: Listing) -> Vec<(String, Buffer)> {
    let (mut seen, mut out) = (HashSet::new(), Vec::new());
    for (path, module) in named_modules(root, listing) {
        module.visit(&mut |name, member| {
            if let Member::Buffer(b) = member
                && (!listing.remove_duplicate || seen.insert(b.id()))
            {
                out.push((join(&path, name), b.share()));
            }
        });
    }
    out
}

/// Calls `f` with the node of every module that has one.
pub(crate) fn for_each_node(root: &dyn Module, f: &mut dyn FnMut(&Node)) {
    for node in modules(root).into_iter().filter_map(Module::node) {
        f(node);
    }
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
            && is_new(&mut seen, child)
        {
            result = apply(child, f);
        }
    });
    result?;
    f(module)
}

/// The direct child of this name.
pub(crate) fn child<'a>(module: &'a dyn Module, wanted: &str) -> Option<&'a dyn Module> {
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

/// The direct child of this name, to be changed.
pub(crate) fn child_mut<'a>(
    module: &'a mut dyn Module,
    wanted: &str,
) -> Option<&'a mut dyn Module> {
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
