use pleach::prelude::*;

#[derive(Module)]
struct Block {
    linear: Linear,
}

fn main() {
    let block = || Block {
        linear: Linear::new(2, 2),
    };
    let _ = sequential![block(), ReLU::new()];
    let _ = Chain::of(&tensor![1.0]).call(&block());
}
