//! An operation of one's own: what a struct and four methods give.
//!
//! `cargo run --release --example own_operation`

use pleach::autograd::{
    Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply, gradcheck, gradgradcheck, trace,
};
use pleach::prelude::*;

/// `√(x² + y²)`. Its gradients are `x / h` and `y / h`.
#[derive(Clone)]
struct Hypot;

impl Operation for Hypot {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC; // promoted to one dtype

    fn name(&self) -> &'static str {
        "hypot"
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        x.mul(x)?.add(&y.mul(y)?)?.sqrt()
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1).output(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let share = grad.div(&saved.output(0)?)?;
        Ok([
            saved.grad(0, || share.mul(&saved.input(0)?))?,
            saved.grad(1, || share.mul(&saved.input(1)?))?,
        ])
    }
}

/// Runs the operation, differentiates it twice, and finds it in a trace.
pub fn main() -> Result<()> {
    // It broadcasts, and both inputs get their gradients.
    let x = tensor![[3.0], [6.0]].requires_grad_(true)?;
    let y = tensor![4.0].requires_grad_(true)?;
    let h = apply(Hypot, (&x, &y))?;
    println!("{h}");
    h.sum()?.backward()?;
    assert_eq!(h.select(0, 0)?.to_vec::<f32>()?, [5.0]);
    assert_eq!(y.grad().expect("it was computed").shape(), [1]);

    // The gradients are right, and so are theirs.
    let inputs = [
        Tensor::from_vec(vec![0.5, -2.0], [2])?,
        Tensor::from_vec(vec![1.5], [1])?,
    ];
    gradcheck(|x| apply(Hypot, (&x[0], &x[1])), &inputs)?;
    gradgradcheck(|x| apply(Hypot, (&x[0], &x[1])), &inputs)?;

    // It stands in a trace beside those of the library, and can be found there by its type.
    let (_, graph) = trace::trace(|| apply(Hypot, (&x, &y))?.exp())?;
    print!("{graph}");
    let names: Vec<&str> = graph.operations().iter().map(|o| o.name()).collect();
    assert_eq!(names, ["hypot", "exp"]);
    assert!(graph.operations()[0].operation::<Hypot>().is_some());
    Ok(())
}
