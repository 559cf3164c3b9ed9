//! Groups of parameters, before an optimizer holds them.

use pleach_core::Parameter;

use crate::Rule;

/// A parameter for an optimizer, with its name or without: one of `parameters()`, or of
/// `named_parameters()`.
#[derive(Debug)]
pub struct Member {
    pub(crate) name: Option<String>,
    pub(crate) parameter: Parameter,
}

impl From<Parameter> for Member {
    fn from(parameter: Parameter) -> Self {
        let name = None;
        Member { name, parameter }
    }
}

impl<N: Into<String>> From<(N, Parameter)> for Member {
    fn from((name, parameter): (N, Parameter)) -> Self {
        let name = Some(name.into());
        Member { name, parameter }
    }
}

/// Parameters with options of their own; what is not set here is taken from the optimizer.
#[derive(Debug)]
#[must_use]
pub struct Group<R> {
    pub(crate) members: Vec<Member>,
    options: R,
    /// The options that were set.
    pub(crate) own: Vec<&'static str>,
}

impl<R: Rule> Group<R> {
    /// A group of these parameters.
    pub fn new(parameters: impl IntoIterator<Item = impl Into<Member>>) -> Self {
        Group {
            members: parameters.into_iter().map(Into::into).collect(),
            options: R::default(),
            own: Vec::new(),
        }
    }

    /// Sets all options.
    pub fn options(mut self, options: R) -> Self {
        self.own = options.list().into_iter().map(|(name, _)| name).collect();
        self.options = options;
        self
    }

    /// Sets one option.
    pub(crate) fn with(mut self, name: &'static str, set: impl FnOnce(&mut R)) -> Self {
        set(&mut self.options);
        self.own.push(name);
        self
    }

    /// The options, of which these are those that were not set.
    pub(crate) fn resolved(&self, defaults: &R) -> R {
        let mut options = defaults.clone();
        for (name, value) in self.options.list() {
            if self.own.contains(&name) {
                // Of its own kind, so it fits.
                options
                    .set(name, &value)
                    .expect("an option takes its own value");
            }
        }
        options
    }
}
