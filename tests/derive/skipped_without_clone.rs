use pleach::prelude::*;

struct Config;

#[derive(Module)]
struct Net {
    #[module(skip)]
    config: Config,
}

fn main() {}
