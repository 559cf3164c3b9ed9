use pleach::prelude::*;

fn main() -> Result<()> {
    let (n, m): (i32, f32) = (2, 3.0);
    let x = Tensor::zeros([n, 3]);
    x.reshape([m, -1.0])?;
    Ok(())
}
