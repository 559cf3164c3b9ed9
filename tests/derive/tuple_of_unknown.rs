use pleach::prelude::*;

struct Config;

#[derive(Module)]
struct Net {
    pair: (Linear, Config),
}

fn main() {}
