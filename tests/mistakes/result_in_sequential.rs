use pleach::prelude::*;

fn main() -> Result<()> {
    let _ = sequential![Linear::builder(4, 3).bias(false).build(), ReLU::new()];
    Ok(())
}
