use pleach::prelude::*;

fn main() -> Result<()> {
    let layer = Linear::new(2, 1);
    let y = layer(&tensor![1.0, 2.0])?;
    Ok(())
}
