use pleach::prelude::*;

#[derive(Module)]
struct Net<'a> {
    weight: &'a Parameter,
}

fn main() {}
