use pleach::prelude::*;

fn main() -> Result<()> {
    let x = tensor![1.0, 2.0];
    x.mul([3.0, 4.0])?;
    x.add(vec![3.0, 4.0])?;
    Linear::new(2, 1).call(&[1.0, 2.0])?;
    Ok(())
}
