//! [`KeyMap`]: other names for the tensors of a state dict.

use std::collections::HashMap;

use pleach_nn::{StateDict, Versions};

use crate::{Error, Result};

/// Steps that turn the names of somebody else's checkpoint into those of one's own model.
///
/// They are taken in order. What is loaded then, what is missing, unexpected or of another shape
/// is told by `load_matching` of the module.
///
/// ```
/// use pleach::checkpoint::KeyMap;
/// use pleach::tensor;
/// use pleach::nn::{Module, StateDict, layers::Linear, sequential};
///
/// // Saved by a wrapper that trains on several devices, with the layer under another name.
/// let saved = StateDict::from_iter([
///     ("module.body.fc1.weight", tensor![[1.0, 2.0]]),
///     ("module.body.fc1.bias", tensor![3.0]),
///     ("module.head.weight", tensor![4.0]),
/// ]);
/// let mapped = KeyMap::new()
///     .strip_prefix("module.")
///     .select("body.")
///     .rename("fc1.*", "0.*")
///     .apply(&saved)?;
/// assert_eq!(mapped.state.keys().collect::<Vec<_>>(), ["0.weight", "0.bias"]);
/// assert_eq!(mapped.dropped, ["module.head.weight"]);
///
/// let net = sequential![Linear::new(2, 1), Linear::new(1, 1)];
/// let report = net.load_matching(&mapped.state)?;
/// assert_eq!(report.to_string(), "2 loaded\n2 missing: 1.weight, 1.bias");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct KeyMap {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Strip(String),
    Add(String),
    Rename(String, String),
    Select(String),
    Drop(String),
}

/// What [`KeyMap::apply`] made of a state dict.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// The tensors under their new names, in the old order.
    pub state: StateDict,
    /// Old and new names of those that have changed.
    pub renamed: Vec<(String, String)>,
    /// Names that a step left out.
    pub dropped: Vec<String>,
}

impl KeyMap {
    /// No steps: names stay what they are.
    pub fn new() -> Self {
        Self::default()
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Takes a prefix off the names that have it, such as the `module.` of PyTorch's
    /// `DataParallel` or the `_orig_mod.` of `torch.compile`.
    #[must_use]
    pub fn strip_prefix(self, prefix: impl Into<String>) -> Self {
        self.then(Step::Strip(prefix.into()))
    }

    /// Puts a prefix before every name.
    #[must_use]
    pub fn add_prefix(self, prefix: impl Into<String>) -> Self {
        self.then(Step::Add(prefix.into()))
    }

    /// Gives the names that match a pattern another one. A `*` matches any text, also none, as
    /// short as possible; the stars of `to` stand for what those of `pattern` matched, in order.
    ///
    /// ```
    /// use pleach::checkpoint::KeyMap;
    /// let map = KeyMap::new().rename("blocks.*.norm*", "layers.*.ln*");
    /// assert_eq!(map.name("blocks.3.norm.weight").as_deref(), Some("layers.3.ln.weight"));
    /// assert_eq!(map.name("blocks.3.weight").as_deref(), Some("blocks.3.weight"));
    /// ```
    #[must_use]
    pub fn rename(self, pattern: impl Into<String>, to: impl Into<String>) -> Self {
        self.then(Step::Rename(pattern.into(), to.into()))
    }

    /// Keeps only the names that have a prefix, without it: a part of the model.
    #[must_use]
    pub fn select(self, prefix: impl Into<String>) -> Self {
        self.then(Step::Select(prefix.into()))
    }

    /// Leaves out the names that match a pattern, such as `fc.*` for the head that is replaced.
    #[must_use]
    pub fn drop(self, pattern: impl Into<String>) -> Self {
        self.then(Step::Drop(pattern.into()))
    }

    /// The new name; `None` if a step leaves it out.
    pub fn name(&self, name: &str) -> Option<String> {
        let mut name = name.to_string();
        for step in &self.steps {
            match step {
                Step::Strip(prefix) => {
                    if let Some(rest) = name.strip_prefix(prefix.as_str()) {
                        name = rest.to_string();
                    }
                }
                Step::Add(prefix) => name.insert_str(0, prefix),
                Step::Rename(pattern, to) => {
                    if let Some(stars) = matched(pattern, &name) {
                        name = filled(to, &stars);
                    }
                }
                Step::Select(prefix) => name = name.strip_prefix(prefix.as_str())?.to_string(),
                Step::Drop(pattern) => {
                    if matched(pattern, &name).is_some() {
                        return None;
                    }
                }
            }
        }
        Some(name)
    }

    /// Renames the tensors of a state dict. The versions of the modules that have tensors go along.
    ///
    /// # Errors
    /// If two names become one, or one becomes empty.
    pub fn apply(&self, state: &StateDict) -> Result<Mapped> {
        let mut out = Mapped {
            state: StateDict::new(),
            renamed: Vec::new(),
            dropped: Vec::new(),
        };
        let mut from: HashMap<String, &str> = HashMap::new();
        let mut versions = Versions::new();
        for (old, tensor) in state.iter() {
            let Some(new) = self.name(old) else {
                out.dropped.push(old.to_string());
                continue;
            };
            if new.is_empty() {
                let what = format!("no name is left of '{old}'");
                return Err(Error::Access(what));
            }
            if let Some(earlier) = from.insert(new.clone(), old) {
                let what = format!("'{earlier}' and '{old}' would both be called '{new}'");
                return Err(Error::Access(what));
            }
            let known = state.versions().and_then(|v| v.get(module_of(old)));
            if let Some(version) = known {
                versions.insert(module_of(&new), version);
            }
            if new != old {
                out.renamed.push((old.to_string(), new.clone()));
            }
            out.state.insert(new, tensor);
        }
        out.state.set_versions(state.versions().map(|_| versions));
        Ok(out)
    }
}

/// The path of the module that a tensor's name is in.
fn module_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(path, _)| path)
}

/// What the stars of a pattern stand for, if it matches.
fn matched<'a>(pattern: &str, name: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split('*');
    let mut rest = name.strip_prefix(pieces.next().unwrap_or_default())?;
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty().then(Vec::new);
    };
    let mut stars = Vec::with_capacity(pieces.len());
    for piece in middle {
        let (star, after) = rest.split_once(piece)?;
        stars.push(star);
        rest = after;
    }
    // The last piece ends the name, so its star takes whatever is before it.
    stars.push(rest.strip_suffix(last)?);
    Some(stars)
}

fn filled(to: &str, stars: &[&str]) -> String {
    let mut out = String::new();
    for (i, piece) in to.split('*').enumerate() {
        if i > 0 {
            out.push_str(stars.get(i - 1).unwrap_or(&""));
        }
        out.push_str(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use pleach_core::tensor;

    use super::*;

    #[test]
    fn stars_match_any_text_in_order() {
        let cases: [(&str, &str, Option<&[&str]>); 9] = [
            ("a.b", "a.b", Some(&[])),
            ("a.b", "a.bc", None),
            ("*", "", Some(&[""])),
            ("a*", "abc", Some(&["bc"])),
            ("*.weight", "x.weight.weight", Some(&["x.weight"])),
            ("a.*.c.*", "a.b.c.d.c.e", Some(&["b", "d.c.e"])),
            ("a*a", "a", None),
            ("**", "xy", Some(&["", "xy"])),
            ("*x*y", "axby", Some(&["a", "b"])),
        ];
        for (pattern, name, stars) in cases {
            assert_eq!(matched(pattern, name).as_deref(), stars, "{pattern} {name}");
        }
        assert_eq!(filled("p.*.q*r*", &["1", "2"]), "p.1.q2r");
    }

    #[test]
    fn versions_follow_their_modules() -> Result<()> {
        let mut state = StateDict::from_iter([
            ("module.bn.weight", tensor![1.0]),
            ("module.scale", tensor![2.0]),
        ]);
        let versions = [("", 1), ("module", 1), ("module.bn", 2)];
        let versions = versions.map(|(path, version)| (path.to_string(), version));
        state.set_versions(Some(versions.into_iter().collect()));
        let mapped = KeyMap::new().strip_prefix("module.").apply(&state)?;
        let versions = mapped.state.versions().expect("they were known");
        assert_eq!(versions.get("bn"), Some(2));
        assert_eq!(versions.get(""), Some(1));
        assert_eq!(mapped.renamed[1], ("module.scale".into(), "scale".into()));
        let added = KeyMap::new().add_prefix("net.").apply(&mapped.state)?;
        assert!(added.state.contains_key("net.bn.weight"));
        assert_eq!(added.state.versions().unwrap().get("net.bn"), Some(2));
        Ok(())
    }

    #[test]
    fn names_that_meet_or_vanish_are_errors() {
        let state = StateDict::from_iter([("a.x", tensor![1.0]), ("b.x", tensor![2.0])]);
        let meeting = KeyMap::new().rename("*.x", "y").apply(&state).unwrap_err();
        assert_eq!(
            meeting.to_string(),
            "'a.x' and 'b.x' would both be called 'y'"
        );
        let empty = KeyMap::new().strip_prefix("a.x").apply(&state).unwrap_err();
        assert_eq!(empty.to_string(), "no name is left of 'a.x'");
    }
}
