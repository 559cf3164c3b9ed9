//! The methods of a list.

/// Writes them for a container of `$value`s, which are seen as `$target`, and which what converts
/// `$into` becomes by `$convert`.
macro_rules! by_position {
    (
        $container:ident $([$kind:ident])?, $value:ty, $target:ty,
        ($($into:tt)+) => $convert:path
    ) => {
        impl$(<$kind: ?Sized>)? $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            /// Adds a module at the end, and returns the container.
            #[must_use = "append returns the container; push changes it in place"]
            pub fn append(mut self, module: impl $($into)+) -> Self {
                self.push(module);
                self
            }

            /// Adds a module at the end, named by its position. (If that name is taken, by the next
            /// number that is free.)
            pub fn push(&mut self, module: impl $($into)+) {
                self.children.push($convert(module));
            }

            /// Puts a module before the one at `index` (negative counts from the end); all children
            /// are then named by their positions.
            ///
            /// # Errors
            /// If `index` is not within `-len ..= len`.
            pub fn insert(
                &mut self,
                index: i64,
                module: impl $($into)+,
            ) -> Result<()> {
                self.children.insert(index, $convert(module))
            }

            /// Replaces the module at a position, which keeps its name, and returns the old one.
            ///
            /// # Errors
            /// If there is no such position.
            pub fn set(
                &mut self,
                index: impl Position,
                module: impl $($into)+,
            ) -> Result<$value> {
                self.children.set(index, $convert(module))
            }

            /// Takes a module out; the others are then named by their positions.
            ///
            /// # Errors
            /// If there is no such position.
            pub fn remove(&mut self, index: impl Position) -> Result<$value> {
                self.children.remove(index)
            }

            /// Takes the last module out.
            pub fn pop(&mut self) -> Option<$value> {
                self.remove(-1).ok()
            }

            /// The module at a position (negative counts from the end) or of a name.
            ///
            /// # Errors
            /// If there is none: `index 1 is out of range`.
            pub fn get(&self, index: impl Position) -> Result<&$target> {
                self.children.get(index)
            }

            /// The module at a position or of a name, to be changed.
            ///
            /// # Errors
            /// If there is none.
            pub fn get_mut(&mut self, index: impl Position) -> Result<&mut $target> {
                self.children.get_mut(index)
            }

            /// The number of children; one that appears twice counts twice.
            pub fn len(&self) -> usize {
                self.children.len()
            }

            /// Whether there are no children.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The children in order; one that appears twice comes twice.
            pub fn iter(
                &self,
            ) -> impl DoubleEndedIterator<Item = &$target> + ExactSizeIterator {
                self.children.iter().map(|child| child.1)
            }

            /// The children in order, to be changed.
            pub fn iter_mut(
                &mut self,
            ) -> impl DoubleEndedIterator<Item = &mut $target> + ExactSizeIterator {
                self.children.iter_mut().map(|child| child.1)
            }
        }

        impl<$($kind: ?Sized,)? I: $($into)+> FromIterator<I> for $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            fn from_iter<T: IntoIterator<Item = I>>(modules: T) -> Self {
                let mut out = Self::default();
                out.extend(modules);
                out
            }
        }

        impl<$($kind: ?Sized,)? I: $($into)+> Extend<I> for $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            fn extend<T: IntoIterator<Item = I>>(&mut self, modules: T) {
                modules.into_iter().for_each(|module| self.push(module));
            }
        }

        /// # Panics
        /// If there is no such child; `get` returns that as an error.
        impl<$($kind: ?Sized,)? P: Position> Index<P> for $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            type Output = $target;
            #[track_caller]
            fn index(&self, index: P) -> &$target {
                or_panic(self.get(index))
            }
        }

        /// # Panics
        /// If there is no such child; `get_mut` returns that as an error.
        impl<$($kind: ?Sized,)? P: Position> IndexMut<P> for $container$(<$kind>)?
        where
            $value: Value<Target = $target>,
        {
            #[track_caller]
            fn index_mut(&mut self, index: P) -> &mut $target {
                or_panic(self.get_mut(index))
            }
        }
    };
}
