use pleach::prelude::*;

fn main() {
    let mut net = sequential![Linear::new(2, 1)];
    net.apply(|m| println!("{}", m.type_name()));
}
