use pleach::prelude::*;

#[derive(Module)]
struct Dotted {
    #[module(rename = "a.b")]
    weight: Parameter,
}

#[derive(Module)]
struct Twice {
    #[module(rename = "bias")]
    weight: Parameter,
    bias: Parameter,
}

#[derive(Module)]
struct Misplaced {
    #[module(name = "w")]
    weight: Parameter,
}

#[derive(Module)]
#[module(skip)]
struct AllSkipped {
    weight: Parameter,
}

#[derive(Module)]
struct Contradiction {
    #[module(skip, show_none)]
    weight: Option<Parameter>,
}

#[derive(Module)]
#[module(transparent)]
struct Hollow {
    #[module(skip)]
    size: usize,
}

#[derive(Module)]
#[module(transparent)]
struct Renamed {
    #[module(rename = "base")]
    inner: Linear,
}

#[derive(Module)]
#[module(transparent)]
enum Either {
    Linear(Linear),
}

fn main() {}
