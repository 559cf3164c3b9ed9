use std::rc::Rc;

use pleach::prelude::*;

#[derive(Module)]
struct Tied {
    encoder: Rc<Linear>,
    #[module(skip)]
    decoder: Rc<Linear>,
}

fn main() {}
