use pleach::prelude::*;

#[derive(Module)]
struct Net {
    weight: Parameter,
}

fn main() {
    let net = Net {
        weight: Parameter::new(tensor![1.0]),
    };
    let _ = net.deep_copy();
    let _ = net.share();
}
