//! A siamese network with a contrastive loss, as in Bielski's siamese-triplet, smaller.

use pleach::prelude::*;

use crate::check;
use crate::layers::PReLU;

#[derive(Module)]
struct EmbeddingNet {
    convnet: Sequential,
    fc: Sequential,
}

impl EmbeddingNet {
    fn new() -> Self {
        EmbeddingNet {
            convnet: sequential![
                Conv2d::new(1, 8, 5),
                PReLU::new(1),
                MaxPool2d::new(2),
                Conv2d::new(8, 12, 5),
                PReLU::new(1),
                MaxPool2d::new(2),
            ],
            fc: sequential![
                Linear::new(12 * 4 * 4, 32),
                PReLU::new(1),
                Linear::new(32, 16),
                PReLU::new(1),
                Linear::new(16, 2),
            ],
        }
    }
}

impl Forward for EmbeddingNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let output = self.convnet.call(x)?;
        self.fc.call(&output.flatten(1, -1)?)
    }
}

#[derive(Module)]
struct SiameseNet {
    embedding_net: EmbeddingNet,
}

impl ForwardMany for SiameseNet {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = (Tensor, Tensor);

    fn forward(&self, (x1, x2): Self::Arguments<'_>) -> Result<Self::Output> {
        Ok((self.embedding_net.call(x1)?, self.embedding_net.call(x2)?))
    }
}

#[derive(Module)]
struct ContrastiveLoss {
    margin: f64,
    eps: f64,
}

impl ForwardMany for ContrastiveLoss {
    type Arguments<'a> = (&'a Tensor, &'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (output1, output2, target): Self::Arguments<'_>) -> Result<Tensor> {
        let distances = output2.sub(output1)?.square()?.sum_dim(1, false)?;
        let target = target.float()?;
        let near = distances.add(self.eps)?.sqrt()?.rsub(self.margin)?.relu()?;
        let losses = (&target * &distances + (1.0 - &target) * near.square()?) * 0.5;
        losses.mean()
    }
}

#[test]
fn a_siamese_net_is_pytorchs() -> Result<()> {
    check(
        "siamese",
        || {
            Ok(SiameseNet {
                embedding_net: EmbeddingNet::new(),
            })
        },
        || {
            let images = || Tensor::randn([4, 1, 28, 28]);
            Ok((images(), images(), tensor![1, 0, 0, 1]))
        },
        |net, (left, right, target)| {
            let (a, b) = net.call((left, right))?;
            let criterion = ContrastiveLoss {
                margin: 1.0,
                eps: 1e-9,
            };
            let loss = criterion.call((&a, &b, target))?;
            Ok((vec![a, b], loss))
        },
        |net| {
            let (left, right) = (Tensor::zeros([2, 1, 28, 28]), Tensor::zeros([2, 1, 20, 20]));
            net.call((&left, &right)).map(drop)
        },
    )
}
