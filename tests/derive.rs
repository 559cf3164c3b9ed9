//! What the compiler says to mistakes: to those that `#[derive(Module)]` refuses, and to the commonest
//! ones of a newcomer.

#[test]
fn mistakes_are_explained_by_the_compiler() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/derive/*.rs");
    tests.compile_fail("tests/mistakes/*.rs");
}
