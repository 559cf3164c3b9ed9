//! The example of an operation outside the library.

#[path = "../examples/own_operation.rs"]
mod own_operation;

#[test]
fn an_operation_outside_the_library_is_traced_and_differentiated_twice() -> pleach::Result<()> {
    own_operation::main()
}
