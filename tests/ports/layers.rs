//! Layers that the models need, written as a user writes layers of one's own.

use pleach::prelude::*;

/// `max(x, 0) + weight · min(x, 0)`, with a weight for each channel or one for all.
#[derive(Module)]
#[module(extra_repr)]
pub struct PReLU {
    num_parameters: usize,
    weight: Parameter,
}

impl PReLU {
    pub fn new(num_parameters: usize) -> Self {
        let weight = Parameter::new(Tensor::full([num_parameters], 0.25));
        PReLU {
            num_parameters,
            weight,
        }
    }

    fn extra_repr(&self) -> String {
        format!("num_parameters={}", self.num_parameters)
    }
}

impl Forward for PReLU {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = vec![1; x.rank()];
        if self.num_parameters > 1 {
            shape[1] = self.num_parameters;
        }
        let weight = self.weight.tensor().view(shape)?;
        x.relu()?.add(&weight.mul(&x.clamp(None, 0.0)?)?)
    }
}

#[derive(Module)]
#[module(extra_repr)]
pub struct Softmax {
    dim: i64,
}

impl Softmax {
    pub fn new(dim: i64) -> Self {
        Softmax { dim }
    }

    fn extra_repr(&self) -> String {
        format!("dim={}", self.dim)
    }
}

impl Forward for Softmax {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.softmax(self.dim)
    }
}

#[derive(Module)]
pub struct Sigmoid;

impl Forward for Sigmoid {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.sigmoid()
    }
}

#[derive(Module)]
pub struct Tanh;

impl Forward for Tanh {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.tanh()
    }
}

#[derive(Module)]
#[module(extra_repr)]
pub struct GELU;

impl GELU {
    fn extra_repr(&self) -> String {
        "approximate='none'".to_string()
    }
}

impl Forward for GELU {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        functional::gelu(x, "none")
    }
}

/// A table of vectors, of which the input has the numbers.
#[derive(Module)]
#[module(extra_repr)]
pub struct Embedding {
    pub weight: Parameter,
}

impl Embedding {
    pub fn new(num_embeddings: usize, embedding_dim: usize) -> Self {
        Embedding {
            weight: Parameter::new(Tensor::randn([num_embeddings, embedding_dim])),
        }
    }

    fn extra_repr(&self) -> String {
        let shape = self.weight.shape();
        format!("{}, {}", shape[0], shape[1])
    }
}

impl Forward for Embedding {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::embedding(input, &self.weight.tensor(), Default::default())
    }
}
