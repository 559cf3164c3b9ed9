//! What `#[derive(Module)]` refuses, and the words it uses.

#[test]
fn mistakes_are_explained_by_the_compiler() {
    trybuild::TestCases::new().compile_fail("tests/derive/*.rs");
}
