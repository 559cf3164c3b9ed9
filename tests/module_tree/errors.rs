//! Where an error comes from.

use pleach::prelude::{
    Error, Forward, Module, Node, Result, Sequential, Tensor, sequential, tensor,
};

use crate::layers::*;

/// A layer that always fails.
#[derive(Module)]
#[module(name = "Conv2d")]
struct Failing {
    node: Node,
}

impl Forward for Failing {
    fn forward(&self, _: &Tensor) -> Result<Tensor> {
        Err(Error::other("expected 3 channels"))
    }
}

fn failing() -> Failing {
    Failing { node: Node::new() }
}

/// A block without a node.
#[derive(Module)]
struct Block {
    relu: Relu,
    conv1: Failing,
}

impl Forward for Block {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.conv1.call(&self.relu.call(input)?)
    }
}

#[derive(Module)]
struct Net {
    layer1: Sequential,
}

impl Forward for Net {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.layer1.call(input)
    }
}

#[test]
fn an_error_names_the_path_from_the_outermost_call() {
    let block = Block {
        relu: Relu::new(),
        conv1: failing(),
    };
    let net = Net {
        layer1: sequential![block],
    };
    let text = |m: &dyn Forward| m.call(&tensor![1.0]).unwrap_err().to_string();
    assert_eq!(text(&net), "layer1.0.conv1 (Conv2d): expected 3 channels");
    assert_eq!(text(&net.layer1), "0.conv1 (Conv2d): expected 3 channels");
    assert_eq!(text(&net.layer1[0]), "conv1 (Conv2d): expected 3 channels");
    assert_eq!(text(&failing()), "Conv2d: expected 3 channels");
    let error = net.call(&tensor![1.0]).unwrap_err();
    assert_eq!(error.path(), Some("layer1.0.conv1"));
    assert_eq!(error.module_type(), Some("Conv2d"));
    assert_eq!(error.kind().to_string(), "expected 3 channels");
}

#[test]
fn a_plain_struct_has_a_path_too() {
    /// Without a node; its first field shares its address.
    #[derive(Module)]
    struct Plain {
        inner: Relu,
        size: usize,
    }
    impl Forward for Plain {
        fn forward(&self, input: &Tensor) -> Result<Tensor> {
            input.reshape([self.size])
        }
    }
    let plain = Plain {
        inner: Relu::new(),
        size: 7,
    };
    let net = sequential![Relu::new(), sequential![plain]];
    let error = net.call(&tensor![1.0, 2.0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1.0 (Plain): shape '[7]' is invalid for input of size 2"
    );
}

#[test]
fn a_struct_without_size_has_a_type_but_no_path() {
    #[derive(Module)]
    struct Nothing;
    impl Forward for Nothing {
        fn forward(&self, _: &Tensor) -> Result<Tensor> {
            Err(Error::other("nothing"))
        }
    }
    let error = sequential![Nothing, Nothing]
        .call(&tensor![1.0])
        .unwrap_err();
    assert_eq!(error.to_string(), "Nothing: nothing");
}

#[test]
fn a_layer_outside_the_tree_keeps_its_own_name() {
    #[derive(Module)]
    struct Borrower {
        relu: Relu,
    }
    impl Forward for Borrower {
        fn forward(&self, input: &Tensor) -> Result<Tensor> {
            failing().call(&self.relu.call(input)?)
        }
    }
    let net = sequential![Borrower { relu: Relu::new() }];
    let error = net.call(&tensor![1.0]).unwrap_err();
    assert_eq!(error.to_string(), "Conv2d: expected 3 channels");
}

/// A layer without fields that always fails: a value without size, which has no address of its own.
#[derive(Module)]
struct Bare;

impl Forward for Bare {
    fn forward(&self, _: &Tensor) -> Result<Tensor> {
        Err(Error::other("it fails"))
    }
}

#[test]
fn a_module_without_fields_is_named_by_its_path_unless_there_are_several() {
    let text = |m: &dyn Forward| m.call(&tensor![1.0]).unwrap_err().to_string();
    let one = || sequential![Relu::new(), Bare];
    assert_eq!(text(&Bare), "Bare: it fails");
    assert_eq!(text(&one()), "1 (Bare): it fails");
    assert_eq!(
        text(&sequential![Relu::new(), one()]),
        "1.1 (Bare): it fails"
    );
    // Which of the two it was cannot be told.
    assert_eq!(text(&sequential![one(), one()]), "Bare: it fails");
    assert_eq!(text(&sequential![Bare, Bare]), "Bare: it fails");
}
