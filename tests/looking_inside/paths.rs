//! Traced operations know the module that called them.

use pleach::autograd::trace::{Graph, trace};
use pleach::prelude::*;

/// The operations and the modules that called them.
fn places(graph: &Graph) -> Vec<String> {
    let operations = graph.operations().iter();
    operations
        .map(|o| match o.module() {
            Some(module) => format!("{} in {module}", o.name()),
            None => o.name().to_string(),
        })
        .collect()
}

/// Without a node; its first field shares its address.
#[derive(Module)]
struct Twice {
    linear: Linear,
}

impl Forward for Twice {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.linear.call(&self.linear.call(x)?)?.exp()
    }
}

/// Without size.
#[derive(Module)]
struct Negate;

impl Forward for Negate {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.neg()
    }
}

/// Calls a module that is not in its tree.
#[derive(Module)]
struct Secret {
    node: Node,
}

impl Forward for Secret {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        sequential![Linear::new(2, 2), ReLU::new()].call(x)?.abs()
    }
}

#[test]
fn operations_know_their_modules() {
    let twice = Twice {
        linear: Linear::new(2, 2),
    };
    let net = sequential!["twice" => twice, "rest" => sequential![Negate, ReLU::new()]];
    let loss = MSELoss::new();
    let x = Tensor::ones([3, 2]);
    let run = || loss.call(&net.call(&x)?, &x)?.mul(2.0);
    let (_, graph) = trace(run).unwrap();
    let expected = [
        "linear in twice.linear (Linear)",
        "linear in twice.linear (Linear)",
        "exp in twice (Twice)",
        "neg in rest.0 (Negate)",
        "relu in rest.1 (ReLU)",
        "mse_loss in MSELoss",
        "mul",
    ];
    assert_eq!(places(&graph), expected);
    assert!(
        graph
            .to_string()
            .contains("= neg(%5: [3, 2]) # rest.0 (Negate)"),
        "{graph}"
    );
}

#[test]
fn a_module_that_is_called_twice_has_two_calls() {
    let net = sequential![Twice {
        linear: Linear::new(2, 2)
    }];
    let (_, graph) = trace(|| net.call(&Tensor::ones([3, 2]))).unwrap();
    let calls: Vec<String> = graph
        .calls()
        .iter()
        .map(|c| c.module().to_string())
        .collect();
    assert_eq!(
        calls,
        [
            "Sequential",
            "0 (Twice)",
            "0.linear (Linear)",
            "0.linear (Linear)"
        ]
    );
    let [_, twice, first, second] = graph.calls() else {
        unreachable!()
    };
    assert_eq!(first.outputs(), second.inputs());
    assert_ne!(first.outputs(), second.outputs());
    for linear in [first, second] {
        let caller = linear.module().caller().unwrap();
        assert!(std::sync::Arc::ptr_eq(caller, twice.module()));
    }
    assert!(twice.module().caller().unwrap().caller().is_none());
}

#[test]
fn a_shared_module_is_named_below_its_caller() {
    let linear = Linear::new(2, 2);
    let again = linear.share();
    let net = sequential![sequential![linear], sequential![Negate, again]];
    let (_, graph) = trace(|| net.call(&Tensor::ones([3, 2]))).unwrap();
    let expected = [
        "linear in 0.0 (Linear)",
        "neg in 1.0 (Negate)",
        "linear in 1.1 (Linear)",
    ];
    assert_eq!(places(&graph), expected);
}

#[test]
fn a_module_outside_the_tree_is_the_root_of_its_own() {
    let net = sequential!["secret" => Secret { node: Node::new() }];
    let (_, graph) = trace(|| net.call(&Tensor::ones([3, 2]))).unwrap();
    let expected = [
        "linear in 0 (Linear)",
        "relu in 1 (ReLU)",
        "abs in secret (Secret)",
    ];
    assert_eq!(places(&graph), expected);
    // A summary counts it for its caller.
    let summary = pleach::nn::summary(&net, &Tensor::ones([3, 2])).unwrap();
    let rows: Vec<_> = summary
        .rows
        .iter()
        .map(|r| (&*r.path, r.own_multiply_adds))
        .collect();
    assert_eq!(rows, [("", 0), ("secret", 12)]);
}

#[test]
fn backward_operations_have_the_module_of_their_forward() {
    let net = sequential!["a" => Linear::new(2, 2), "b" => ReLU::new()];
    let x = Tensor::ones([3, 2]).requires_grad_(true).unwrap();
    let (_, graph) = trace(|| net.call(&x)?.sum()?.backward()).unwrap();
    let places = places(&graph);
    let after = places.iter().skip_while(|place| *place != "sum");
    let after: Vec<&String> = after.skip(1).collect();
    let linear = after
        .iter()
        .filter(|place| place.ends_with("in a (Linear)"))
        .count();
    let relu = after
        .iter()
        .filter(|place| place.ends_with("in b (ReLU)"))
        .count();
    assert!(linear >= 3 && relu >= 1, "{places:#?}");
    // Two products for the gradients, one forward.
    let products: u64 = graph.operations().iter().map(|o| o.multiply_adds()).sum();
    assert_eq!(products, 3 * (3 * 2 * 2));
}

#[test]
fn without_a_listener_nothing_is_known() {
    let net = sequential![Linear::new(2, 2)];
    net.register_forward_hook(|_, _, _| {
        assert!(pleach::autograd::current_call().is_none());
        Ok(())
    })
    .map(drop)
    .unwrap();
    net.call(&Tensor::ones([3, 2])).unwrap();
}

#[test]
fn a_failed_call_ends() {
    let net = sequential![Linear::new(2, 2)];
    let (_, graph) = trace(|| {
        assert!(net.call(&Tensor::ones([3, 3])).is_err());
        Tensor::ones([1]).exp()
    })
    .unwrap();
    assert_eq!(places(&graph).last().map(String::as_str), Some("exp"));
    assert!(graph.calls().iter().all(|call| call.outputs().is_empty()));
}
