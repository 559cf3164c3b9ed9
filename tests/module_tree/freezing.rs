//! `freeze`: parameters without gradients, and modes that `train` does not change.

use pleach::prelude::*;

fn net() -> Result<Sequential> {
    Ok(sequential![
        sequential![BatchNorm2d::new(2), Dropout::new(0.5)],
        BatchNorm2d::new(2)
    ])
}

fn batches(net: &Sequential, name: &str) -> Result<i64> {
    net.state_dict()[name].item_i64()
}

#[test]
fn what_is_frozen_stays_as_it_is_in_training() -> Result<()> {
    manual_seed(0);
    let net = net()?;
    net[0].freeze();
    net.train();
    let x = Tensor::randn([4, 2, 3, 3]);
    // In evaluation mode, with mean 0 and variance 1, a batch norm changes next to nothing.
    let y = net[0].call(&x)?;
    let difference = y.sub(&x)?.abs()?.max()?.item()?;
    assert!(difference < 1e-4, "{difference}");
    net.call(&x)?;
    assert_eq!(batches(&net, "0.0.num_batches_tracked")?, 0);
    assert_eq!(batches(&net, "1.num_batches_tracked")?, 1);
    assert!(!net[0].is_training() && net.is_training());
    let trainable: Vec<String> = net
        .named_parameters()
        .into_iter()
        .filter(|(_, p)| p.requires_grad())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(trainable, ["1.weight", "1.bias"]);
    Ok(())
}

#[test]
fn unfreezing_gives_back_the_mode_that_was_set_meanwhile() -> Result<()> {
    let net = net()?;
    net.eval();
    net.freeze();
    net.train();
    assert!(net.modules().iter().all(|m| !m.is_training()));
    net.unfreeze();
    assert!(net.modules().iter().all(|m| m.is_training()));
    assert!(net.parameters().iter().all(Parameter::requires_grad));
    Ok(())
}

#[test]
fn aliases_and_copies_are_frozen_along() -> Result<()> {
    let norm = BatchNorm2d::new(2);
    let alias = norm.share();
    norm.freeze();
    assert!(!alias.is_training());
    let copy = norm.deep_copy();
    copy.train();
    assert!(!copy.is_training());
    copy.unfreeze();
    assert!(copy.is_training() && !norm.is_training());
    Ok(())
}

fn trainable(net: &dyn Module) -> Vec<String> {
    let all = net.named_parameters().into_iter();
    all.filter(|(_, p)| p.requires_grad())
        .map(|p| p.0)
        .collect()
}

fn layers() -> Sequential {
    sequential![Linear::new(1, 1), Linear::new(1, 1), Linear::new(1, 1)]
}

#[test]
fn unfreezing_leaves_frozen_what_was_frozen_by_hand() -> Result<()> {
    let net = layers();
    net[0].requires_grad_(false);
    net.freeze();
    assert!(trainable(&net).is_empty());
    net.unfreeze();
    assert_eq!(
        trainable(&net),
        ["1.weight", "1.bias", "2.weight", "2.bias"]
    );
    // Without a freeze there is nothing to end.
    net.unfreeze();
    assert_eq!(trainable(&net).len(), 4);
    Ok(())
}

#[test]
fn unfreezing_the_whole_ends_every_freeze_below() -> Result<()> {
    let net = layers();
    net.get_parameter("0.bias")?.set_requires_grad(false)?;
    net[0].freeze();
    net.freeze();
    net[1].unfreeze();
    assert_eq!(trainable(&net), ["1.weight", "1.bias"]);
    assert!(net[1].is_training() && !net[0].is_training());
    net.unfreeze();
    let expected = ["0.weight", "1.weight", "1.bias", "2.weight", "2.bias"];
    assert_eq!(trainable(&net), expected);
    assert!(net.modules().iter().all(|m| m.is_training()));
    Ok(())
}

#[test]
fn what_is_set_by_hand_meanwhile_holds() -> Result<()> {
    let net = layers();
    net.freeze();
    net[2].requires_grad_(true);
    net.get_parameter("1.bias")?.set_requires_grad(false)?;
    assert_eq!(trainable(&net), ["2.weight", "2.bias"]);
    let copy = net.deep_copy();
    net.unfreeze();
    let all = ["0.weight", "0.bias", "1.weight", "2.weight", "2.bias"];
    assert_eq!(trainable(&net), all);
    assert_eq!(trainable(&copy), ["2.weight", "2.bias"]);
    copy.unfreeze();
    assert_eq!(trainable(&copy), all);
    Ok(())
}

#[test]
fn a_frozen_parameter_that_becomes_an_integer_stays_without_gradient() -> Result<()> {
    let net = layers();
    net.freeze();
    net.get_parameter("0.weight")?.set_data(tensor![[1]])?;
    net.unfreeze();
    assert!(!net.get_parameter("0.weight")?.requires_grad());
    assert_eq!(trainable(&net).len(), 5);
    Ok(())
}
