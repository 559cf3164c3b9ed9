//! [`Fault`]: what is wrong with a pickle, at which byte.

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

/// Advice for the names that honest files contain.
fn hint(name: &str) -> &'static str {
    const OTHERS: [&str; 4] = [
        "torch.load",
        "torch.serialization",
        "torch.hub",
        "torch._utils",
    ];
    let is_torch = name.starts_with("torch.") || name.starts_with("torchvision.");
    if name.starts_with("__torch__.") {
        "; this is a TorchScript program: save its state_dict() instead"
    } else if name.starts_with("numpy.") {
        "; in Python, convert NumPy values with torch.from_numpy(..) or .item() before saving"
    } else if is_torch && !OTHERS.iter().any(|other| name.starts_with(other)) {
        "; if a whole module was saved, save its state_dict() instead: \
         torch.save(model.state_dict(), path)"
    } else {
        ""
    }
}
