//! A layer of one's own on an operation of one's own: a linear layer whose weights are -1 and +1,
//! trained through the sign function as if it were the identity (Bengio et al. 2013).

use pleach::autograd::{Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use pleach::prelude::*;

/// -1 or +1, whose gradient passes where the input is between those.
#[derive(Clone)]
struct Binarize;

impl Operation for Binarize {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::PLAIN;

    fn name(&self) -> &'static str {
        "binarize"
    }

    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        // Not `sign`: zero must not become zero.
        Ok(x.ge(0.0)?.to_dtype(x.dtype())? * 2.0 - 1.0)
    }

    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0)
    }

    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let inside = saved.input(0)?.abs()?.le(1.0)?;
        Ok([Some(grad.mul(&inside)?)])
    }
}

/// `y = x sign(W)ᵀ · scale + b`.
#[derive(Module)]
#[module(extra_repr)]
struct BinaryLinear {
    weight: Parameter,
    scale: Parameter,
    bias: Parameter,
    in_features: usize,
    out_features: usize,
}

impl BinaryLinear {
    fn new(in_features: usize, out_features: usize) -> Result<Self> {
        let weight = Parameter::new(Tensor::zeros([out_features, in_features]));
        init::uniform_(&weight, -1.0, 1.0)?;
        Ok(BinaryLinear {
            weight,
            scale: Parameter::new(Tensor::full([out_features], 1.0 / in_features as f64)),
            bias: Parameter::new(Tensor::zeros([out_features])),
            in_features,
            out_features,
        })
    }

    fn extra_repr(&self) -> String {
        format!(
            "in_features={}, out_features={}",
            self.in_features, self.out_features
        )
    }
}

impl Forward for BinaryLinear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = apply(Binarize, &self.weight.tensor())?;
        functional::linear(x, &weight, None)?
            .mul(&self.scale)?
            .add(&self.bias)
    }
}

fn main() -> Result<()> {
    manual_seed(0);

    // What the operation does to a value and to a gradient.
    let x = tensor![-2.0, -0.5, 0.0, 0.5, 2.0].requires_grad_(true)?;
    let y = apply(Binarize, &x)?;
    assert_eq!(y.to_vec::<f32>()?, [-1.0, -1.0, 1.0, 1.0, 1.0]);
    y.sum()?.backward()?;
    assert_eq!(
        x.grad().unwrap().to_vec::<f32>()?,
        [0.0, 1.0, 1.0, 1.0, 0.0]
    );

    // Points of the plane, within a ring or outside of it: no line separates them.
    let points = Tensor::randn([400, 2]);
    let labels = points.norm_dim(2.0, 1, false)?.gt(1.1774)?.long()?;

    let net = sequential![
        Linear::new(2, 64),
        BatchNorm1d::new(64),
        Hardtanh::new(),
        BinaryLinear::new(64, 64)?,
        BatchNorm1d::new(64),
        Hardtanh::new(),
        BinaryLinear::new(64, 2)?,
    ];
    println!("{net}");
    assert_eq!(
        net[3].to_string(),
        "BinaryLinear(in_features=64, out_features=64)"
    );

    let criterion = CrossEntropyLoss::new();
    let mut optimizer = Adam::builder(net.parameters()).lr(1e-2).build()?;
    for step in 1..=150 {
        optimizer.zero_grad();
        let loss = criterion.call(&net.call(&points)?, &labels)?;
        loss.backward()?;
        optimizer.step()?;
        // The weights behind the signs stay where gradients pass.
        for m in net.modules() {
            if let Some(layer) = m.downcast_ref::<BinaryLinear>() {
                layer.weight.data().clamp_(-1.0, 1.0)?;
            }
        }
        if step % 50 == 0 {
            println!("step {step}: loss {:.4}", loss.item()?);
        }
    }

    net.eval();
    let points = Tensor::randn([400, 2]);
    let labels = points.norm_dim(2.0, 1, false)?.gt(1.1774)?.long()?;
    let guesses = no_grad(|| net.call(&points))?.argmax_dim(1, false)?;
    let accuracy = guesses.eq(&labels)?.float()?.mean()?.item()?;
    println!("accuracy on new points: {accuracy:.3}");
    assert!(accuracy > 0.9, "accuracy {accuracy}");
    Ok(())
}
