use pleach::prelude::*;

#[derive(Module)]
struct Net {
    pair: (Parameter, Parameter),
}

fn main() {}
