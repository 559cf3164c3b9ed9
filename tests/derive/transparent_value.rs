use pleach::prelude::*;

#[derive(Module)]
#[module(transparent)]
struct Net {
    size: usize,
    inner: Linear,
}

fn main() {}
