//! [`Duplication`]: how a module is made once more.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::Hash;

/// How a module is made once more, by [`Field::duplicate`](crate::Field::duplicate): as an alias, or
/// as a copy.
pub struct Duplication(Option<Copies>);

/// What a deep copy has copied already: for each type of handles a `HashMap` of copies by the
/// originals' identities.
type Copies = HashMap<TypeId, Box<dyn Any>>;

impl Duplication {
    /// Handles are shared: what `share()` does.
    pub fn alias() -> Self {
        Duplication(None)
    }

    /// Handles are new ones; what is one handle here is one handle there: what `deep_copy()` does.
    pub fn copy() -> Self {
        Duplication(Some(Copies::new()))
    }

    /// An alias of a handle, or of its copy, which is made once for each `id`.
    pub(crate) fn handle<T: Any, I: Any + Eq + Hash>(
        &mut self,
        original: &T,
        id: I,
        share: fn(&T) -> T,
        copy: fn(&T) -> T,
    ) -> T {
        let Some(copies) = &mut self.0 else {
            return share(original);
        };
        let key = TypeId::of::<HashMap<I, T>>();
        let of_type = copies.entry(key);
        let of_type = of_type.or_insert_with(|| Box::new(HashMap::<I, T>::new()));
        let of_type = of_type.downcast_mut::<HashMap<I, T>>();
        let copies = of_type.expect("the key is the map's type");
        share(copies.entry(id).or_insert_with(|| copy(original)))
    }
}
