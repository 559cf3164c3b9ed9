//! Stochastic gradient descent: its steps by hand, and what it refuses.

use pleach_core::{Parameter, Result, tensor};
use pleach_optim::{Optimizer, RuleOptimizerBuilder, SGD, SgdGroup, SgdOptions};

fn values(p: &Parameter) -> Vec<f32> {
    p.data().to_vec::<f32>().unwrap()
}

fn with_grad(value: f32, grad: f32) -> Parameter {
    let p = Parameter::new(tensor![value]);
    p.set_grad(Some(tensor![grad])).unwrap();
    p
}

#[test]
fn a_parameter_without_gradient_is_left_alone() -> Result<()> {
    let (p, q) = (with_grad(1.0, 1.0), Parameter::new(tensor![5.0]));
    let sgd = SGD::builder([p.share(), q.share()]).lr(0.5);
    sgd.weight_decay(0.1).build()?.step()?;
    assert_eq!(values(&q), [5.0]);
    assert!((values(&p)[0] - 0.45).abs() < 1e-6);
    Ok(())
}

#[test]
fn the_first_step_ignores_dampening() -> Result<()> {
    let p = with_grad(0.0, 1.0);
    let sgd = SGD::builder([p.share()]).lr(1.0).momentum(0.5);
    let mut sgd = sgd.dampening(0.75).build()?;
    sgd.step()?;
    assert_eq!(values(&p), [-1.0]);
    sgd.step()?; // 0.5 * 1 + 0.25 * 1
    assert_eq!(values(&p), [-1.75]);
    let buffer = sgd.state(&p, "momentum_buffer").expect("it was stepped");
    assert_eq!(buffer.item()?, 0.75);
    Ok(())
}

#[test]
fn bad_options_and_groups_are_errors_with_pytorchs_texts() {
    let p = || with_grad(0.0, 1.0);
    let text = |sgd: RuleOptimizerBuilder<SgdOptions>| sgd.build().err().unwrap().to_string();
    let sgd = || SGD::builder([p()]);
    assert_eq!(text(sgd().lr(-0.1)), "Invalid learning rate: -0.1");
    assert_eq!(text(sgd().lr(f64::NAN)), "Invalid learning rate: nan");
    assert_eq!(text(sgd().momentum(-1.0)), "Invalid momentum value: -1.0");
    assert_eq!(
        text(sgd().nesterov(true)),
        "Nesterov momentum requires a momentum and zero dampening"
    );
    assert_eq!(
        text(SGD::builder(Vec::<Parameter>::new())),
        "optimizer got an empty parameter list"
    );
    let of_group = sgd().group(SgdGroup::new([p()]).weight_decay(-0.5));
    assert_eq!(text(of_group), "Invalid weight_decay value: -0.5");
}

#[test]
fn a_parameter_given_twice_in_a_group_is_stepped_twice() -> Result<()> {
    let p = with_grad(1.0, 1.0);
    SGD::builder([p.share(), p.share()])
        .lr(0.25)
        .build()?
        .step()?;
    assert_eq!(values(&p), [0.5]);
    Ok(())
}

#[test]
fn a_graph_keeps_the_values_it_saw() -> Result<()> {
    let p = with_grad(3.0, 1.0);
    let loss = p.tensor().mul(p.tensor())?.sum()?;
    SGD::builder([p.share()]).lr(1.0).build()?.step()?;
    p.zero_grad();
    loss.backward()?;
    assert_eq!(p.grad().unwrap().item()?, 6.0);
    Ok(())
}

#[test]
fn a_rate_is_set_by_group_or_for_all() -> Result<()> {
    let group = SgdGroup::new([with_grad(0.0, 1.0)]).lr(0.5);
    let mut sgd = SGD::builder([with_grad(0.0, 1.0)])
        .group(group)
        .lr(0.1)
        .build()?;
    assert_eq!((sgd.lr(0)?, sgd.lr(1)?), (0.1, 0.5));
    sgd.set_lr(1, 0.25)?;
    assert_eq!((sgd.lr(0)?, sgd.lr(1)?), (0.1, 0.25));
    assert_eq!((sgd.initial_lr(1)?, sgd.options(1)?.lr), (0.25, 0.25));
    sgd.set_option(1, "initial_lr", pleach_optim::StateValue::Float(0.5))?;
    sgd.set_lr_of_all(0.0)?;
    assert_eq!(
        (sgd.lr(0)?, sgd.lr(1)?, sgd.initial_lr(1)?),
        (0.0, 0.0, 0.5)
    );
    assert!(sgd.set_lr(0, -1.0).is_err() && sgd.set_lr(2, 1.0).is_err());
    assert_eq!(sgd.lr(0)?, 0.0);
    Ok(())
}
