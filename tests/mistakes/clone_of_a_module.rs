use pleach::prelude::*;

#[derive(Module)]
struct Net {
    linear: Linear,
    node: Node,
}

fn main() {
    let net = Net {
        linear: Linear::new(2, 1),
        node: Node::new(),
    };
    let _ = net.clone();
    let _ = net.linear.clone();
}
