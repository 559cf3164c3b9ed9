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
