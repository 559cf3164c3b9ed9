//! The methods of a dictionary.

/// Writes them for a container of `$value`s, which are seen as `$target`; `$missing` is the error's
/// text for a name that is not there.
macro_rules! by_name {
    (
        $container:ident $([$kind:ident])?, $value:ty, $target:ty, $missing:literal,
        $into:ty => $convert:path
    ) => {
        impl$(<$kind: ?Sized>)? $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            /// Sets the value of a name, and returns the old one, whose place it takes; a new name
            /// goes to the end.
            ///
            /// # Errors
            /// If the name is empty or contains a dot.
            pub fn insert(
                &mut self,
                name: impl Into<String>,
                value: $into,
            ) -> Result<Option<$value>> {
                self.children.insert_named(name.into(), $convert(value))
            }

            /// Takes the value of a name out; the others keep their order.
            pub fn remove(&mut self, name: &str) -> Option<$value> {
                self.children.remove_named(name)
            }

            /// Takes all values out.
            pub fn clear(&mut self) {
                self.children.clear();
            }

            fn position(&self, name: &str) -> Result<usize> {
                let found = self.children.position(name);
                found.ok_or_else(|| ErrorKind::Name(format!($missing, name = name)).into())
            }

            /// The value of a name.
            ///
            /// # Errors
            /// If there is none.
            pub fn get(&self, name: &str) -> Result<&$target> {
                self.children.get(self.position(name)?)
            }

            /// The value of a name, to be changed.
            ///
            /// # Errors
            /// If there is none.
            pub fn get_mut(&mut self, name: &str) -> Result<&mut $target> {
                self.children.get_mut(self.position(name)?)
            }

            /// Whether there is a value of this name.
            pub fn contains_key(&self, name: &str) -> bool {
                self.children.position(name).is_some()
            }

            /// The number of values.
            pub fn len(&self) -> usize {
                self.children.len()
            }

            /// Whether there are no values.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The names in order.
            pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
                self.iter().map(|child| child.0)
            }

            /// The values in order.
            pub fn values(&self) -> impl DoubleEndedIterator<Item = &$target> + ExactSizeIterator {
                self.iter().map(|child| child.1)
            }

            /// The names and values in order: PyTorch's `items()`.
            pub fn iter(
                &self,
            ) -> impl DoubleEndedIterator<Item = (&str, &$target)> + ExactSizeIterator {
                self.children.iter()
            }

            /// The names and values in order, with values to be changed.
            pub fn iter_mut(
                &mut self,
            ) -> impl DoubleEndedIterator<Item = (&str, &mut $target)> + ExactSizeIterator {
                self.children.iter_mut()
            }
        }

        /// # Panics
        /// If there is no such name; `get` returns that as an error.
        impl$(<$kind: ?Sized>)? Index<&str> for $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            type Output = $target;
            #[track_caller]
            fn index(&self, name: &str) -> &$target {
                or_panic(self.get(name))
            }
        }

        /// # Panics
        /// If there is no such name; `get_mut` returns that as an error.
        impl$(<$kind: ?Sized>)? IndexMut<&str> for $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            #[track_caller]
            fn index_mut(&mut self, name: &str) -> &mut $target {
                or_panic(self.get_mut(name))
            }
        }
    };
}
