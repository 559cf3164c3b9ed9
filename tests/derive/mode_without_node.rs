use pleach::prelude::*;

#[derive(Module)]
struct Noise {
    p: f64,
}

impl Forward for Noise {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        functional::dropout(x, self.p, self.is_training())
    }
}

fn main() {}
