//! [`IntoModule`]: what containers take.

/// What a container of `Box<M>` takes: a module, or a box of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in this container",
    label = "the container holds modules that are called with one tensor",
    note = "a `Result` gives its module by `?`: `Linear::builder(4, 3).build()?`",
    note = "a module of your own needs `impl Forward` beside `#[derive(Module)]`",
    note = "what is called otherwise stands in a `Vec`, a `ModuleList<dyn Module>` or a field of its own"
)]
pub trait IntoModule<M: ?Sized> {
    /// The module in its box.
    fn into_module(self) -> Box<M>;
}

#[diagnostic::do_not_recommend]
impl<M: ?Sized, T: Into<Box<M>>> IntoModule<M> for T {
    fn into_module(self) -> Box<M> {
        self.into()
    }
}
