use std::collections::HashMap;

use pleach::prelude::*;

#[derive(Module)]
struct Net {
    heads: HashMap<String, Linear>,
}

fn main() {}
