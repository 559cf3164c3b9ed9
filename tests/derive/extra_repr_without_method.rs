use pleach::prelude::*;

#[derive(Module)]
#[module(extra_repr)]
struct Net {
    weight: Parameter,
}

fn main() {}
