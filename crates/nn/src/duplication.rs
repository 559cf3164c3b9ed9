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

    /// Whether handles are shared.
    pub(crate) fn is_alias(&self) -> bool {
        self.0.is_none()
    }

    /// The copy of what `id` tells, which `copy` makes for the first one that asks.
    pub(crate) fn once<T: Any, I: Any + Eq + Hash + Copy>(
        &mut self,
        id: I,
        share: fn(&T) -> T,
        copy: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let key = TypeId::of::<HashMap<I, T>>();
        let known = self.0.as_ref().and_then(|copies| copies.get(&key));
        let known = known.and_then(|of_type| of_type.downcast_ref::<HashMap<I, T>>());
        if let Some(copy) = known.and_then(|copies| copies.get(&id)) {
            return share(copy);
        }
        let made = copy(self);
        if let Some(copies) = &mut self.0 {
            let of_type = copies.entry(key);
            let of_type = of_type.or_insert_with(|| Box::new(HashMap::<I, T>::new()));
            if let Some(copies) = of_type.downcast_mut::<HashMap<I, T>>() {
                copies.insert(id, share(&made));
            }
        }
        made
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
