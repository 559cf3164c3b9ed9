//! Walks over the tree: everything that lists members follows from [`Module::visit`].

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use pleach_core::{Buffer, DType, Error, Parameter, Result};

use crate::listing::Listing;
use crate::parametrized::additions_of;
use crate::{Member, MemberMut, Module, Node};

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
        module.members(&mut |name, member| {
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
    f: &mut dyn FnMut(Path, &'a T),
) {
    let mut seen = HashSet::new();
    for_each_module(root, listing, &mut |path, module| {
        module.members(&mut |name, member| {
            if let Some(member) = pick(member)
                && (!listing.remove_duplicate || seen.insert(id(member)))
            {
                f(Path::Below(path, name), member);
            }
        });
    });
}

impl dyn Module {
    pub(crate) fn list_modules(&self, listing: Listing) -> Vec<(String, &dyn Module)> {
        let mut out = Vec::new();
        for_each_module(self, listing, &mut |path, module| {
            out.push((path.to_string(), module));
        });
        out
    }

    pub(crate) fn walk_modules(&self) -> Vec<&dyn Module> {
        let mut out = Vec::new();
        for_each_module(self, Listing::default(), &mut |_, module| out.push(module));
        out
    }

    pub(crate) fn list_children(&self) -> Vec<(String, &dyn Module)> {
        let (mut seen, mut out) = (HashSet::new(), Vec::new());
        self.members(&mut |name, member| {
            if let Member::Child(child) = member
                && is_new(&mut seen, child)
            {
                out.push((name.to_string(), child));
            }
        });
        out
    }

    pub(crate) fn each_parameter(&self, listing: Listing, f: &mut dyn FnMut(Path, &Parameter)) {
        let pick = |member| match member {
            Member::Parameter(p) => Some(p),
            _ => None,
        };
        for_each_member(self, listing, pick, Parameter::id, f);
    }

    pub(crate) fn each_buffer(&self, listing: Listing, f: &mut dyn FnMut(Path, &Buffer)) {
        let pick = |member| match member {
            Member::Buffer(b) => Some(b),
            _ => None,
        };
        for_each_member(self, listing, pick, Buffer::id, f);
    }

    /// Calls `f` with the node of every module that has one.
    pub(crate) fn each_node(&self, f: &mut dyn FnMut(&Node)) {
        for_each_module(self, Listing::default(), &mut |_, module| {
            if let Some(node) = module.node() {
                f(node);
            }
        });
    }

    /// Freezes all parameters and nodes, or lets them go.
    pub(crate) fn hold(&self, on: bool) {
        self.each_parameter(Listing::default(), &mut |_, p| p.set_frozen(on));
        self.each_node(&mut |node| node.set_frozen(on));
    }

    /// Converts what is of a float dtype to another one.
    pub(crate) fn convert(&self, dtype: DType) -> Result<()> {
        if !dtype.is_float() {
            return Err(Error::dtype(format!(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )));
        }
        for p in self.parameters() {
            if p.dtype().is_float() {
                p.convert(dtype)?;
            }
        }
        for b in self.buffers() {
            if b.dtype().is_float() {
                b.convert(dtype)?;
            }
        }
        Ok(())
    }

    /// Calls `f` in post-order; a child that one parent has twice is visited once, but nothing is
    /// remembered between parents: the random draws of an initialising `f` depend on it.
    pub(crate) fn apply_below<E>(
        &mut self,
        f: &mut dyn FnMut(&mut dyn Module) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut seen = HashSet::new();
        let mut result = Ok(());
        self.visit_mut(&mut |_, member| {
            if let MemberMut::Child(child) = member
                && result.is_ok()
                && is_new(&mut seen, &*child)
            {
                result = child.into_module().apply_below(f);
            }
        });
        result?;
        if let Some(additions) = additions_of(self) {
            additions.apply(f)?;
        }
        f(self)
    }
}
