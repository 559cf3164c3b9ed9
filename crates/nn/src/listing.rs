//! [`Listing`]: what a listing of members contains.

/// What a listing such as [`Module::named_parameters_with`](crate::Module::named_parameters_with)
/// contains. The default is what `named_parameters()` does.
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
