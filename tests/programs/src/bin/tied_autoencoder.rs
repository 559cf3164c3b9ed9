//! A linear autoencoder whose decoder is the encoder's weight transposed: one parameter under two
//! names. It finds the plane in which the data lie, as a principal component analysis does.

use pleach::prelude::*;

/// `y = x W + b`: the transpose of a linear layer, over that layer's own weight.
#[derive(Module)]
struct Transposed {
    weight: Parameter,
    bias: Parameter,
}

impl Transposed {
    fn of(layer: &Linear) -> Self {
        Transposed {
            weight: layer.weight.share(),
            bias: Parameter::new(Tensor::zeros([layer.in_features])),
        }
    }
}

impl Forward for Transposed {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        functional::linear(x, &self.weight.tensor().t()?, Some(&self.bias.tensor()))
    }
}

#[derive(Module)]
struct Autoencoder {
    encoder: Linear,
    decoder: Transposed,
}

impl Autoencoder {
    fn new(features: usize, code: usize) -> Self {
        let encoder = Linear::new(features, code);
        let decoder = Transposed::of(&encoder);
        Autoencoder { encoder, decoder }
    }
}

impl Forward for Autoencoder {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.decoder.call(&self.encoder.call(x)?)
    }
}

fn main() -> Result<()> {
    manual_seed(0);

    // 400 points of a plane in ten dimensions, with a little noise: its variance is 0.01.
    let plane = Tensor::randn([2, 10]);
    let x = Tensor::randn([400, 2]).matmul(&plane)? + Tensor::randn([400, 10]) * 0.1;

    let net = Autoencoder::new(10, 2);
    println!("{net}");

    // Listed once, under the first name; saved under both, as in PyTorch.
    let names: Vec<_> = net
        .named_parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["encoder.weight", "encoder.bias", "decoder.bias"]);
    assert_eq!(net.num_parameters(), 20 + 2 + 10);
    assert!(net.state_dict().contains_key("decoder.weight"));
    assert!(net.encoder.weight.same(&net.decoder.weight));

    let criterion = MSELoss::new();
    let mut optimizer = Adam::builder(net.parameters()).lr(2e-2).build()?;
    let mut loss = f64::NAN;
    for step in 1..=400 {
        optimizer.zero_grad();
        let error = criterion.call(&net.call(&x)?, &x)?;
        error.backward()?;
        optimizer.step()?;
        loss = error.item()?;
        if step % 100 == 0 {
            println!("step {step}: {loss:.4}");
        }
    }
    // Eight of ten directions of the noise are lost, and nothing else.
    assert!(loss < 0.012, "loss {loss}");

    // At the optimum the rows of the weight are orthonormal, although nobody asked for it.
    let w = net.encoder.weight.tensor();
    let gram = w.matmul(&w.t()?)?;
    println!("W Wᵀ = {gram}");
    assert!((gram - Tensor::eye(2)).abs()?.max()?.item()? < 0.05);

    // A copy is tied in itself, and not to the original.
    let copy = net.deep_copy();
    assert!(copy.encoder.weight.same(&copy.decoder.weight));
    assert!(!copy.encoder.weight.same(&net.encoder.weight));

    // And a saved one comes back tied.
    let path = std::env::temp_dir().join(format!("tied_autoencoder-{}.pth", std::process::id()));
    save(net.state_dict(), &path)?;
    let loaded = Autoencoder::new(10, 2);
    loaded.load_state_dict(&load_state_dict(&path)?, true)?;
    std::fs::remove_file(&path)?;
    assert!(loaded.call(&x)?.equal(&net.call(&x)?)?);
    Ok(())
}
