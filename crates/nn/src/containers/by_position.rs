//! The methods of a list of modules.

/// Writes them for a container of `Box<dyn $module>`.
macro_rules! by_position {
    ($container:ident, $module:ident) => {
        impl $container {
            /// An empty container.
            pub fn new() -> Self {
                Self::default()
            }

            /// Adds a module at the end, and returns the container.
            #[must_use = "append returns the container; push changes it in place"]
            pub fn append(mut self, module: impl Into<Box<dyn $module>>) -> Self {
                self.push(module);
                self
            }

            /// Adds a module at the end, named by its position. (If that name is taken, by the next
            /// number that is free.)
            pub fn push(&mut self, module: impl Into<Box<dyn $module>>) {
                self.children.push(module.into());
            }

            /// Puts a module before the one at `index` (negative counts from the end); all children
            /// are then named by their positions.
            ///
            /// # Errors
            /// If `index` is not within `-len ..= len`.
            pub fn insert(
                &mut self,
                index: i64,
                module: impl Into<Box<dyn $module>>,
            ) -> Result<()> {
                self.children.insert(index, module.into())
            }

            /// Replaces the module at a position, which keeps its name, and returns the old one.
            ///
            /// # Errors
            /// If there is no such position.
            pub fn set(
                &mut self,
                index: impl Position,
                module: impl Into<Box<dyn $module>>,
            ) -> Result<Box<dyn $module>> {
                self.children.set(index, module.into())
            }

            /// Takes a module out; the others are then named by their positions.
            ///
            /// # Errors
            /// If there is no such position.
            pub fn remove(&mut self, index: impl Position) -> Result<Box<dyn $module>> {
                self.children.remove(index)
            }

            /// Takes the last module out.
            pub fn pop(&mut self) -> Option<Box<dyn $module>> {
                self.remove(-1).ok()
            }

            /// The module at a position (negative counts from the end) or of a name.
            ///
            /// # Errors
            /// If there is none: `index 1 is out of range`.
            pub fn get(&self, index: impl Position) -> Result<&dyn $module> {
                self.children.get(index)
            }

            /// The module at a position or of a name, to be changed.
            ///
            /// # Errors
            /// If there is none.
            pub fn get_mut(&mut self, index: impl Position) -> Result<&mut dyn $module> {
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
            ) -> impl DoubleEndedIterator<Item = &dyn $module> + ExactSizeIterator {
                self.children.iter().map(|child| child.1)
            }

            /// The children in order, to be changed.
            pub fn iter_mut(
                &mut self,
            ) -> impl DoubleEndedIterator<Item = &mut dyn $module> + ExactSizeIterator {
                self.children.iter_mut().map(|child| child.1)
            }
        }

        impl<M: Into<Box<dyn $module>>> FromIterator<M> for $container {
            fn from_iter<I: IntoIterator<Item = M>>(modules: I) -> Self {
                let mut out = Self::new();
                out.extend(modules);
                out
            }
        }

        impl<M: Into<Box<dyn $module>>> Extend<M> for $container {
            fn extend<I: IntoIterator<Item = M>>(&mut self, modules: I) {
                modules.into_iter().for_each(|module| self.push(module));
            }
        }

        /// # Panics
        /// If there is no such child; `get` returns that as an error.
        impl<P: Position> Index<P> for $container {
            type Output = dyn $module;
            #[track_caller]
            fn index(&self, index: P) -> &dyn $module {
                or_panic(self.get(index))
            }
        }

        /// # Panics
        /// If there is no such child; `get_mut` returns that as an error.
        impl<P: Position> IndexMut<P> for $container {
            #[track_caller]
            fn index_mut(&mut self, index: P) -> &mut dyn $module {
                or_panic(self.get_mut(index))
            }
        }

        debug!($container);
    };
}
