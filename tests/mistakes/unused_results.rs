#![deny(unused_must_use)]

use pleach::prelude::*;

fn main() {
    let net = sequential![Linear::new(2, 1)];
    let mut optimizer = SGD::new(net.parameters());
    let loss = net.call(&tensor![1.0, 2.0]).unwrap();
    loss.backward();
    optimizer.step();
}
