//! What stands at a path, and putting something else there.

use pleach_core::{Error, ErrorKind, Parameter, Result};

use crate::module::display_name;
use crate::{ChildMut, Member, MemberMut, Module, NewModule};

impl dyn Module {
    /// The module at a path.
    pub(crate) fn find_module(&self, path: &str) -> Result<&dyn Module> {
        let mut module = self.as_module();
        for name in path.split('.').filter(|_| !path.is_empty()) {
            module = child(module, name).ok_or_else(|| no_attribute(module, name))?;
        }
        Ok(module)
    }

    /// The module at a path, to be changed.
    pub(crate) fn find_module_mut(&mut self, path: &str) -> Result<&mut dyn Module> {
        let mut module = self.as_module_mut();
        for name in path.split('.').filter(|_| !path.is_empty()) {
            if child(module, name).is_none() {
                return Err(no_attribute(module, name));
            }
            // What computes a parameter's value is shared by all aliases.
            let refusal = Error::value(format!(
                "`{path}` belongs to a parametrization, which cannot be changed in place"
            ));
            module = place(module, name).ok_or(refusal)?.into_module();
        }
        Ok(module)
    }

    /// The parameter at a path.
    pub(crate) fn find_parameter(&self, path: &str) -> Result<Parameter> {
        let (parent, wanted) = split(path);
        let module = self.find_module(parent)?;
        let mut found = None;
        module.members(&mut |name, member| {
            if let Member::Parameter(p) = member
                && name == wanted
            {
                found = Some(p.share());
            }
        });
        found.ok_or_else(|| no_attribute(module, wanted))
    }

    /// Puts another parameter at a path.
    pub(crate) fn put_parameter(&mut self, path: &str, new: Parameter) -> Result<Parameter> {
        self.find_parameter(path)?;
        let (parent, wanted) = split(path);
        let mut now = new;
        self.find_module_mut(parent)?
            .visit_mut(&mut |name, member| {
                if let MemberMut::Parameter(p) = member
                    && name == wanted
                {
                    std::mem::swap(p, &mut now);
                }
            });
        Ok(now)
    }

    /// Puts another module at a path.
    pub(crate) fn put_module(&mut self, path: &str, new: NewModule) -> Result<Box<dyn Module>> {
        if path.is_empty() {
            let text = "Cannot set the submodule without a target name!";
            return Err(Error::value(text));
        }
        self.find_module(path)?;
        let (parent, wanted) = split(path);
        let parent = self.find_module_mut(parent)?;
        let refusal = no_attribute(parent, wanted);
        let place = place(parent, wanted).ok_or(refusal)?;
        let refused = |e| Error::value(format!("`{path}`: {e}"));
        place.replace(new).map_err(refused)
    }
}

/// The path of the module that has the member at a path, and the member's name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

fn no_attribute(module: &dyn Module, name: &str) -> Error {
    Error::new(ErrorKind::Name(format!(
        "{} has no attribute `{name}`",
        display_name(module)
    )))
}

/// The direct child of this name.
fn child<'a>(module: &'a dyn Module, wanted: &str) -> Option<&'a dyn Module> {
    let mut found = None;
    module.members(&mut |name, member| {
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
