//! [`Fault`]: what is wrong with a pickle, at which byte.

use super::globals::is_dangerous;
use crate::Error;

/// What is wrong, and the byte at which the opcode starts that is to blame.
#[derive(Debug)]
pub(crate) struct Fault {
    pub at: usize,
    pub what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// The bytes end before the pickle does.
    End,
    Corrupt(String),
    Refused(String),
    Unsupported(String),
    Limit(&'static str, usize),
}

impl Fault {
    pub fn is_end(&self) -> bool {
        matches!(self.what, What::End)
    }

    /// The error, where `label` names the pickle.
    pub fn into_error(self, label: &str) -> Error {
        let place = format!("{label}, byte {}", self.at);
        match self.what {
            What::End => Error::corrupt(place, "the pickle ends too early"),
            What::Corrupt(what) => Error::corrupt(place, what),
            What::Unsupported(what) => Error::unsupported(place, what),
            What::Limit(what, limit) => Error::limit(place, what, limit),
            What::Refused(name) => Error::Refused {
                place,
                hint: hint(&name),
                name,
            },
        }
    }
}

/// What to do about a name that is refused.
fn hint(name: &str) -> String {
    const OPTION: &str = "`Loader::new().opaque_objects(true)` reads objects of unknown classes as \
                          data, still without running anything";
    if is_dangerous(name) {
        return "; no honest checkpoint names it: do not load this file in Python".to_string();
    }
    let is_torch = name.starts_with("torch.") || name.starts_with("torchvision.");
    let advice = if name.starts_with("__torch__.") {
        "this is a TorchScript program: save its state_dict() instead; "
    } else if name == "torch.storage._load_from_bytes" {
        "tensors were written by pickle.dump: write them with torch.save(model.state_dict(), path); "
    } else if is_torch && !name.starts_with("torch._utils") {
        "if a whole module was saved, save its state_dict() instead: \
         torch.save(model.state_dict(), path); "
    } else {
        ""
    };
    format!("; {advice}{OPTION}")
}
