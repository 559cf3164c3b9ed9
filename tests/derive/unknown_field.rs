use pleach::prelude::*;

struct Config;

#[derive(Module)]
struct Net {
    weight: Parameter,
    config: Config,
}

fn main() {}
