//! A `Module` written by hand with public items, in every place where a derived one can stand.

use pleach::nn::{Duplication, Field, HasMode, Member, MemberMut, Visitor, VisitorMut};
use pleach::prelude::*;

/// `scale · body(x)`, where the body's members are this module's own.
struct Scaled {
    node: Node,
    scale: Parameter,
    body: Vec<Linear>,
}

impl HasMode for Scaled {}

impl Module for Scaled {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        self.scale.visit_field("scale", v);
        for (i, layer) in self.body.iter().enumerate() {
            layer.visit_field(&format!("layer{i}"), v);
        }
    }
    fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
        self.scale.visit_field_mut("scale", v);
        for (i, layer) in self.body.iter_mut().enumerate() {
            layer.visit_field_mut(&format!("layer{i}"), v);
        }
    }
    fn type_name(&self) -> &'static str {
        "Scaled"
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

impl Field for Scaled {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child(self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child(self.into()));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        Scaled {
            node: self.node.duplicate(how),
            scale: self.scale.duplicate(how),
            body: self.body.duplicate(how),
        }
    }
}

impl Forward for Scaled {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let mut x = input.clone();
        for layer in &self.body {
            x = layer.call(&x)?;
        }
        x.mul(self.scale.tensor())
    }
}

fn scaled() -> Scaled {
    Scaled {
        node: Node::new(),
        scale: Parameter::new(tensor![2.0]),
        body: vec![Linear::new(2, 2), Linear::new(2, 2)],
    }
}

fn share(module: &Scaled) -> Scaled {
    module.duplicate(&mut Duplication::alias())
}

fn names(module: &dyn Module) -> Vec<String> {
    module.named_parameters().into_iter().map(|p| p.0).collect()
}

const OWN: [&str; 5] = [
    "scale",
    "layer0.weight",
    "layer0.bias",
    "layer1.weight",
    "layer1.bias",
];

#[derive(Module)]
struct Net {
    first: Scaled,
    rest: Vec<Scaled>,
    boxed: Option<Box<Scaled>>,
    node: Node,
}

#[test]
fn it_stands_in_containers_and_derived_structs() -> Result<()> {
    let module = scaled();
    assert_eq!(names(&module), OWN);
    let x = Tensor::ones([1, 2]);
    let y = module.call(&x)?;
    let mut net = sequential![share(&module), ReLU::new()];
    assert_eq!(net.call(&x)?.to_vec::<f32>()?, y.relu()?.to_vec::<f32>()?);
    assert_eq!(net.named_parameters()[1].0, "0.layer0.weight");
    assert!(net[0].is::<Scaled>() && same(&net[0], &module));
    net.set_module("0.layer1", Linear::new(2, 5))?;
    assert_eq!(net.call(&x)?.shape(), [1, 5]);
    assert_eq!(module.call(&x)?.shape(), [1, 2]);

    let list: ModuleList<dyn Module> = [share(&module), scaled()].into_iter().collect();
    assert_eq!(list.parameters().len(), 10);

    let net = Net {
        first: share(&module),
        rest: vec![scaled()],
        boxed: Some(Box::new(share(&module))),
        node: Node::new(),
    };
    let modules: Vec<String> = net.named_modules().into_iter().map(|m| m.0).collect();
    let expected = [
        "",
        "first",
        "first.layer0",
        "first.layer1",
        "rest",
        "rest.0",
        "rest.0.layer0",
        "rest.0.layer1",
    ];
    assert_eq!(modules, expected);
    assert_eq!(net.state_dict().len(), 15);
    net.eval();
    assert!(!module.is_training());
    Ok(())
}

#[test]
fn its_aliases_and_copies_are_those_of_a_derived_one() -> Result<()> {
    let module = scaled();
    let net = sequential![share(&module), share(&module)];
    let copy = net.deep_copy();
    assert!(same(&copy[0], &copy[1]) && !same(&copy[0], &module));
    assert_eq!(copy.parameters().len(), 5);
    init::zeros_(&module.scale)?;
    assert_eq!(net.get_parameter("1.scale")?.data().item()?, 0.0);
    assert_eq!(copy.get_parameter("1.scale")?.data().item()?, 2.0);
    let boxed: Box<dyn Module> = module.into();
    assert!(
        boxed
            .to_string()
            .starts_with("Scaled(\n  (layer0): Linear(")
    );
    Ok(())
}
