use pleach::prelude::*;

fn main() -> Result<()> {
    let (x, y) = (Tensor::ones([2, 2]), Tensor::ones([2, 2]));
    x.mul(y.exp())?;
    x.add(&y.exp())?;
    x.matmul(&y.exp())?;
    Ok(())
}
