use pleach::prelude::*;

struct Config {
    scale: f64,
}

#[derive(Module)]
struct Net {
    linear: Linear,
}

impl ForwardMany for Net {
    type Arguments<'a> = (&'a Tensor, &'a Config);
    type Output = Tensor;

    fn forward(&self, (x, config): (&Tensor, &Config)) -> Result<Tensor> {
        self.linear.call(x)?.mul(config.scale)
    }
}

fn main() {}
