//! Aliases, copies, and what they have in common.

use pleach::prelude::{
    Forward, Module, ModuleExt, Node, Parameter, Result, Sequential, Tensor, same, sequential,
    tensor,
};

use crate::layers::*;

#[test]
fn gradients_of_a_shared_layer_add_up() -> Result<()> {
    // y = w (w x) with w = 3, x = 1: dy/dw = 2 w x = 6, then 12 after a second graph.
    let layer = Lin::without_bias(1, 1);
    layer.weight.data().fill_(3.0)?;
    let net = Sequential::new().append(layer.share()).append(layer);
    for expected in [6.0, 12.0] {
        net.call(&tensor![[1.0]])?.sum()?.backward()?;
        let grad = net.parameters()[0].grad().unwrap();
        assert_eq!(grad.item()?, expected);
    }
    assert_eq!(net.named_parameters().len(), 1);
    assert_eq!(
        net.state_dict().keys().collect::<Vec<_>>(),
        ["0.weight", "1.weight"]
    );
    net.zero_grad();
    assert!(net.parameters()[0].grad().is_none());
    Ok(())
}

#[test]
fn an_alias_agrees_and_a_copy_does_not() -> Result<()> {
    let norm = Norm::new(2);
    let (alias, copy) = (norm.share(), norm.deep_copy());
    norm.weight.data().fill_(7.0)?;
    norm.running_mean.set(tensor![1.0, 2.0]);
    norm.momentum.set(0.5);
    norm.eval();
    assert_eq!(alias.weight.data().to_vec::<f32>()?, [7.0, 7.0]);
    assert_eq!(alias.running_mean.tensor().to_vec::<f32>()?, [1.0, 2.0]);
    assert_eq!(alias.momentum.get(), 0.5);
    assert!(!alias.is_training());
    assert!(same(&norm, &alias));
    assert_eq!(copy.weight.data().to_vec::<f32>()?, [1.0, 1.0]);
    assert_eq!(copy.running_mean.tensor().to_vec::<f32>()?, [0.0, 0.0]);
    assert_eq!(copy.momentum.get(), 0.1);
    assert!(copy.is_training());
    assert!(!same(&norm, &copy));
    Ok(())
}

#[test]
fn a_deep_copy_keeps_ties_inside_and_cuts_them_outside() {
    let net = TiedWeights::new();
    let copy = net.deep_copy();
    assert!(copy.emb.weight.same(&copy.proj.weight));
    assert!(!copy.emb.weight.same(&net.emb.weight));

    let net = SharedLayer::new();
    let copy = net.deep_copy();
    assert!(same(&copy.a, &copy.b) && same(&copy.a, &copy.inner[1]));
    assert!(!same(&copy.a, &net.a));
    assert_eq!(copy.named_parameters().len(), net.named_parameters().len());

    let net = Cyclic3::new();
    let copy = net.deep_copy();
    assert!(same(&copy.x, &copy.z) && same(&copy.x, &copy.y[0]));
    assert!(!same(&copy.x, &net.x));
}

#[test]
fn a_copy_behind_a_box_is_a_copy() -> Result<()> {
    let net: Box<dyn Forward> = Box::new(sequential![Lin::without_bias(1, 1)]);
    let outer = sequential![net];
    let (alias, copy) = (outer.share(), outer.deep_copy());
    outer.get_parameter("0.0.weight")?.data().fill_(5.0)?;
    assert_eq!(alias.get_parameter("0.0.weight")?.data().item()?, 5.0);
    assert_eq!(copy.get_parameter("0.0.weight")?.data().item()?, 1.0);
    Ok(())
}

#[test]
fn equal_but_distinct_modules_are_not_the_same() {
    let net = sequential![Relu::new(), Relu::new()];
    assert!(!same(&net[0], &net[1]));
    let relu = Relu::new();
    let net = sequential![relu.share(), relu];
    assert!(same(&net[0], &net[1]));
}

#[derive(Module)]
struct Empty;
impl Forward for Empty {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.clone())
    }
}

#[derive(Module)]
struct Inner {
    w: Parameter,
}
#[derive(Module)]
struct Outer {
    first: Inner,
}

#[test]
fn structs_without_a_node_are_always_distinct() {
    // Values without size share an address, and a struct shares one with its first field.
    let net = sequential![Empty, Empty];
    assert!(!same(&net[0], &net[1]));
    assert_eq!(net.modules().len(), 3);
    let outer = Outer {
        first: Inner {
            w: Parameter::new(tensor![1.0]),
        },
    };
    assert_eq!(outer.first.w.numel(), 1);
    assert!(!same(&outer, &outer.first));
    assert!(same(&outer, &outer));
    assert_eq!(outer.modules().len(), 2);
}

#[test]
fn modes_reach_every_descendant() {
    let net = SharedAcrossParents::new();
    net.eval();
    assert!(net.modules().iter().all(|m| !m.is_training()));
    net.train();
    assert!(net.modules().iter().all(|m| m.is_training()));
}

#[test]
fn hooks_belong_to_the_node() -> Result<()> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let layer = Lin::without_bias(1, 1);
    let net = sequential![layer.share(), layer.share()];
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let handle = layer.register_forward_hook(move |module, input, output| {
        assert_eq!(
            (module.type_name(), input[0].shape()),
            ("Linear", output[0].shape())
        );
        counter.fetch_add(1, Ordering::Relaxed);
        output[0].add(1.0)
    })?;
    // w = 1: 0 -> 1 -> 2, once for each alias.
    assert_eq!(net.call(&tensor![[0.0]])?.item()?, 2.0);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let copy = net.deep_copy();
    assert_eq!(copy.call(&tensor![[0.0]])?.item()?, 2.0);
    handle.remove();
    assert_eq!(net.call(&tensor![[0.0]])?.item()?, 0.0);
    assert_eq!(copy.call(&tensor![[0.0]])?.item()?, 2.0);
    let refused = Empty.register_forward_hook(|_, _, _| Ok(()));
    assert_eq!(
        refused.map(|_| ()).unwrap_err().to_string(),
        "Empty keeps no hooks: give it a field `node: Node`"
    );
    Ok(())
}

fn failure(text: &'static str) -> Result<()> {
    Err(pleach::Error::other(text))
}

#[test]
fn a_hook_may_fail_and_may_register() -> Result<()> {
    let layer = Lin::without_bias(1, 1);
    let alias = layer.share();
    let first = layer.register_forward_hook(move |_, _, _| {
        let _ = alias.register_forward_hook(|_, _, _| failure("second"))?;
        Ok(())
    })?;
    assert!(layer.call(&tensor![[0.0]]).is_ok());
    first.remove();
    let error = layer.call(&tensor![[0.0]]).unwrap_err();
    assert_eq!(error.to_string(), "Linear: second");
    Ok(())
}

#[test]
fn a_named_node_prints_its_name() {
    let net = Sequential::named("Conv2dNormActivation").append(Relu::new());
    assert_eq!(net.to_string(), "Conv2dNormActivation(\n  (0): ReLU()\n)");
    assert!(net.is::<Sequential>());
    assert_eq!(Node::named("X").deep_copy().name(), Some("X"));
}

#[test]
fn a_hook_before_forward_may_change_the_input() -> Result<()> {
    let layer = Lin::without_bias(1, 1);
    let double = layer.register_forward_pre_hook(|_, input| input[0].mul(2.0))?;
    let _ = layer.register_forward_pre_hook(|_, input| input[0].add(1.0))?;
    let _ = layer.register_forward_hook(|_, input, output| output[0].add(input[0]))?;
    // w = 1: the input becomes 2 * 3 + 1, and the hook after forward sees that input.
    assert_eq!(layer.call(&tensor![[3.0]])?.item()?, 14.0);
    double.remove();
    assert_eq!(layer.call(&tensor![[3.0]])?.item()?, 8.0);
    let _ = layer.register_forward_pre_hook(|_, _| failure("no"))?;
    let error = layer.call(&tensor![[3.0]]).unwrap_err();
    assert_eq!(error.to_string(), "Linear: no");
    Ok(())
}
