//! What the containers share: a default, printing, and how they are fields of modules.

/// Writes it for a container; `$map` makes its children anew.
macro_rules! container {
    ($container:ident, $children:ident, $map:path) => {
        impl Default for $container {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Field for $container {
            fn has_members() -> bool {
                true
            }
            fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
                v(name, $crate::Member::Child(self));
            }
            fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
                v(name, $crate::MemberMut::Child(self));
            }
            fn share_field(&self) -> Self {
                $container {
                    node: self.node.share(),
                    $children: $map(&self.$children, Field::share_field),
                }
            }
            fn copy_field(&self, memo: &mut Memo) -> Self {
                $container {
                    node: self.node.copy_field(memo),
                    $children: $map(&self.$children, |child| child.copy_field(memo)),
                }
            }
        }

        impl $crate::HasMode for $container {}

        impl std::fmt::Display for $container {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::display::fmt_module(self, f)
            }
        }

        impl std::fmt::Debug for $container {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::display::fmt_module(self, f)
            }
        }
    };
}
