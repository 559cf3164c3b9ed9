//! Twins of the layers and nets that the golden data names, without their mathematics.

use pleach::nn::Setting;
use pleach::prelude::{
    Buffer, Forward, Module, Node, Parameter, Result, Sequential, Tensor, sequential, tensor,
};

/// `y = x W^T + b`.
#[derive(Module)]
#[module(name = "Linear", extra_repr)]
pub struct Lin {
    pub weight: Parameter,
    pub bias: Option<Parameter>,
    node: Node,
}

impl Lin {
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Lin {
            bias: Some(Parameter::new(Tensor::zeros([outputs]))),
            ..Self::without_bias(inputs, outputs)
        }
    }

    pub fn without_bias(inputs: usize, outputs: usize) -> Self {
        Lin {
            weight: Parameter::new(Tensor::ones([outputs, inputs])),
            bias: None,
            node: Node::new(),
        }
    }

    fn extra_repr(&self) -> String {
        let shape = self.weight.shape();
        let bias = if self.bias.is_some() { "True" } else { "False" };
        format!(
            "in_features={}, out_features={}, bias={bias}",
            shape[1], shape[0]
        )
    }
}

impl Forward for Lin {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let out = input.matmul(&self.weight.tensor().transpose(0, 1)?)?;
        match &self.bias {
            Some(bias) => out.add(bias.tensor()),
            None => Ok(out),
        }
    }
}

macro_rules! activation {
    ($type:ident, $name:literal, $method:ident) => {
        #[derive(Module)]
        #[module(name = $name)]
        pub struct $type {
            node: Node,
        }
        impl $type {
            pub fn new() -> Self {
                $type { node: Node::new() }
            }
        }
        impl Forward for $type {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                input.$method()
            }
        }
    };
}
activation!(Relu, "ReLU", relu);
activation!(Hyperbolic, "Tanh", tanh);

/// The members of a batch norm; the running statistics are not used.
#[derive(Module)]
#[module(name = "BatchNorm1d", version = 2)]
pub struct Norm {
    pub weight: Parameter,
    pub bias: Parameter,
    pub running_mean: Buffer,
    pub running_var: Buffer,
    pub num_batches_tracked: Buffer,
    pub momentum: Setting<f64>,
    node: Node,
}

impl Norm {
    pub fn new(features: usize) -> Self {
        Norm {
            weight: Parameter::new(Tensor::ones([features])),
            bias: Parameter::new(Tensor::zeros([features])),
            running_mean: Buffer::new(Tensor::zeros([features])),
            running_var: Buffer::new(Tensor::ones([features])),
            num_batches_tracked: Buffer::new(tensor![0].reshape(()).unwrap()),
            momentum: Setting::new(0.1),
            node: Node::new(),
        }
    }
}

impl Forward for Norm {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        input.mul(self.weight.tensor())?.add(self.bias.tensor())
    }
}

#[derive(Module)]
#[module(name = "Embedding")]
pub struct Emb {
    pub weight: Parameter,
    node: Node,
}

#[derive(Module)]
#[module(name = "sim_net")]
pub struct SimNet {
    l1: Sequential,
    l2: Sequential,
    l3: Sequential,
}

impl SimNet {
    pub fn new() -> Self {
        let block = |i, o| sequential![Lin::new(i, o), Relu::new()];
        SimNet {
            l1: block(30, 40),
            l2: block(40, 50),
            l3: block(50, 10),
        }
    }
}

#[derive(Module)]
pub struct MyModel {
    weight1: Parameter,
    weight2: Tensor,
}

impl MyModel {
    pub fn new() -> Self {
        MyModel {
            weight1: Parameter::new(Tensor::zeros([20, 20])),
            weight2: Tensor::zeros([20, 20]),
        }
    }
    pub fn plain(&self) -> &Tensor {
        &self.weight2
    }
}

#[derive(Module)]
pub struct SharedLayer {
    pub a: Lin,
    mid: Relu,
    pub b: Lin,
    pub inner: Sequential,
}

impl SharedLayer {
    pub fn new() -> Self {
        let fc = Lin::new(3, 3);
        SharedLayer {
            a: fc.share(),
            mid: Relu::new(),
            b: fc.share(),
            inner: sequential![Lin::without_bias(3, 3), fc],
        }
    }
}

impl Forward for SharedLayer {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let x = self.mid.call(&self.a.call(input)?)?;
        self.inner.call(&self.b.call(&x)?)
    }
}

#[derive(Module)]
pub struct SharedAcrossParents {
    left: Sequential,
    right: Sequential,
    head: Lin,
}

impl SharedAcrossParents {
    pub fn new() -> Self {
        let core = Lin::new(2, 2);
        SharedAcrossParents {
            left: sequential![core.share(), Hyperbolic::new()],
            right: sequential![Norm::new(2), core],
            head: Lin::new(2, 1),
        }
    }
}

#[derive(Module)]
pub struct TiedWeights {
    pub emb: Emb,
    pub proj: Lin,
}

impl TiedWeights {
    pub fn new() -> Self {
        let emb = Emb {
            weight: Parameter::new(Tensor::zeros([5, 3])),
            node: Node::new(),
        };
        let mut proj = Lin::new(3, 5);
        proj.weight = emb.weight.share();
        TiedWeights { emb, proj }
    }
}

/// Parameters, buffers and children interleaved, some of them absent.
#[derive(Module)]
pub struct Own {
    child1: Norm,
    w: Parameter,
    buf: Buffer,
    child2: Lin,
    tmp: Buffer,
    none_buf: Option<Buffer>,
    none_par: Option<Parameter>,
    v: Parameter,
    down: Option<Sequential>,
    #[module(show_none)]
    none_mod: Option<Sequential>,
}

impl Own {
    pub fn new() -> Self {
        Own {
            child1: Norm::new(2),
            w: Parameter::new(Tensor::ones([2])),
            buf: Buffer::new(Tensor::zeros([3])),
            child2: Lin::without_bias(2, 2),
            tmp: Buffer::non_persistent(Tensor::zeros([1])),
            none_buf: None,
            none_par: None,
            v: Parameter::frozen(Tensor::ones([1])),
            down: None,
            none_mod: None,
        }
    }
}

/// The same `Sequential` at three depths.
#[derive(Module)]
pub struct Cyclic3 {
    pub x: Sequential,
    pub y: Sequential,
    pub z: Sequential,
}

impl Cyclic3 {
    pub fn new() -> Self {
        let s = sequential![Lin::new(1, 1)];
        Cyclic3 {
            x: s.share(),
            y: sequential![s.share(), sequential![s.share()]],
            z: s,
        }
    }
}
