//! A variational autoencoder (Kingma and Welling 2013), as in PyTorch's examples, smaller.

use pleach::prelude::*;

use crate::check;

#[derive(Module)]
struct VAE {
    pixels: usize,
    fc1: Linear,
    fc21: Linear,
    fc22: Linear,
    fc3: Linear,
    fc4: Linear,
}

impl VAE {
    fn new(pixels: usize, hidden: usize, latent: usize) -> Self {
        VAE {
            pixels,
            fc1: Linear::new(pixels, hidden),
            fc21: Linear::new(hidden, latent),
            fc22: Linear::new(hidden, latent),
            fc3: Linear::new(latent, hidden),
            fc4: Linear::new(hidden, pixels),
        }
    }

    fn encode(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let h1 = self.fc1.call(x)?.relu()?;
        Ok((self.fc21.call(&h1)?, self.fc22.call(&h1)?))
    }

    fn reparameterize(&self, mu: &Tensor, logvar: &Tensor) -> Result<Tensor> {
        let std = (logvar * 0.5).exp()?;
        let eps = std.randn_like()?;
        mu.add(&eps.mul(&std)?)
    }

    fn decode(&self, z: &Tensor) -> Result<Tensor> {
        let h3 = self.fc3.call(z)?.relu()?;
        self.fc4.call(&h3)?.sigmoid()
    }
}

impl ForwardMany for VAE {
    type Arguments<'a> = &'a Tensor;
    type Output = (Tensor, Tensor, Tensor);

    fn forward(&self, x: &Tensor) -> Result<Self::Output> {
        let (mu, logvar) = self.encode(&x.view([-1, self.pixels as i64])?)?;
        let z = self.reparameterize(&mu, &logvar)?;
        Ok((self.decode(&z)?, mu, logvar))
    }
}

fn binary_cross_entropy_sum(p: &Tensor, target: &Tensor) -> Result<Tensor> {
    // PyTorch bounds the logarithms.
    let log_p = p.log()?.clamp(-100.0, None)?;
    let log_rest = p.rsub(1.0)?.log()?.clamp(-100.0, None)?;
    (target * log_p + (1.0 - target) * log_rest).sum()?.neg()
}

fn loss_function(recon: &Tensor, x: &Tensor, mu: &Tensor, logvar: &Tensor) -> Result<Tensor> {
    let bce = binary_cross_entropy_sum(recon, &x.view([-1, 64])?)?;
    let kld = (1.0 + logvar - mu.square()? - logvar.exp()?).sum()? * -0.5;
    bce.add(kld)
}

#[test]
fn a_variational_autoencoder_is_pytorchs() -> Result<()> {
    check(
        "vae",
        || Ok(VAE::new(64, 32, 6)),
        || Ok(Tensor::rand([5, 1, 8, 8])),
        |net, x| {
            let (recon, mu, logvar) = net.call(x)?;
            let loss = loss_function(&recon, x, &mu, &logvar)?;
            Ok((vec![recon, mu, logvar], loss))
        },
        |net| net.call(&Tensor::zeros([2, 5, 5])).map(drop),
    )
}
