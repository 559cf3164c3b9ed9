//! What the derive makes of generics, enums, tuples and attributes.

use std::marker::PhantomData;

use pleach::prelude::{
    Forward, Module, ModuleExt, Node, Parameter, Result, Sequential, Tensor, same, sequential,
    tensor,
};

use crate::layers::*;

#[derive(Module)]
struct Residual<M> {
    body: M,
    node: Node,
}

impl<M: Forward> Forward for Residual<M> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.body.call(input)?.add(input)
    }
}

#[derive(Module)]
struct Stack<M: Forward, const N: usize, Tag = ()>
where
    Tag: Send + Sync,
{
    blocks: Vec<Residual<M>>,
    last: Option<M>,
    sizes: [usize; N],
    tag: PhantomData<Tag>,
}

impl<M: Forward, const N: usize> Forward for Stack<M, N> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let mut x = input.clone();
        for block in &self.blocks {
            x = block.call(&x)?;
        }
        Ok(x)
    }
}

#[test]
fn generic_structs_are_modules() -> Result<()> {
    let residual = || Residual {
        body: Lin::without_bias(1, 1),
        node: Node::new(),
    };
    let stack = Stack::<Lin, 2> {
        blocks: vec![residual(), residual()],
        last: None,
        sizes: [1, 2],
        tag: PhantomData,
    };
    assert_eq!(stack.call(&tensor![[1.0]])?.item()?, 4.0);
    let names: Vec<String> = stack.named_parameters().into_iter().map(|p| p.0).collect();
    assert_eq!(names, ["blocks.0.body.weight", "blocks.1.body.weight"]);
    assert_eq!(
        stack.to_string(),
        "Stack(\n  (blocks): ModuleList(\n    (0-1): 2 x Residual(\n      \
         (body): Linear(in_features=1, out_features=1, bias=False)\n    )\n  )\n)"
    );
    let shared = residual();
    assert!(pleach::nn::same(&shared, &shared.share()));
    let copy = stack.deep_copy();
    assert_eq!((copy.sizes, copy.last.is_none()), ([1, 2], true));
    let _: PhantomData<()> = copy.tag;
    let boxed = Residual {
        body: Box::new(Relu::new()) as Box<dyn Forward>,
        node: Node::new(),
    };
    assert_eq!(boxed.named_children()[0].1.type_name(), "ReLU");
    Ok(())
}

/// A type that the module tree does not know.
#[derive(Clone, PartialEq, Debug)]
struct Unknown(u8);

#[derive(Module)]
enum Block {
    Linear(Lin),
    Deep(Box<Residual<Lin>>),
    #[module(name = "Scale2d")]
    Scale {
        weight: Parameter,
        #[module(skip)]
        unknown: Unknown,
    },
    Identity,
}

impl Forward for Block {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        match self {
            Block::Linear(linear) => linear.call(input),
            Block::Deep(deep) => deep.call(input),
            Block::Scale { weight, .. } => input.mul(weight.tensor()),
            Block::Identity => Ok(input.clone()),
        }
    }
}

fn blocks() -> [Block; 4] {
    [
        Block::Linear(Lin::without_bias(1, 1)),
        Block::Deep(Box::new(Residual {
            body: Lin::without_bias(1, 1),
            node: Node::new(),
        })),
        Block::Scale {
            weight: Parameter::new(tensor![3.0]),
            unknown: Unknown(9),
        },
        Block::Identity,
    ]
}

#[test]
fn an_enum_stands_for_the_module_it_holds() -> Result<()> {
    let mut net: Sequential = blocks().into_iter().collect();
    let text = "\
Sequential(
  (0): Linear(in_features=1, out_features=1, bias=False)
  (1): Residual(
    (body): Linear(in_features=1, out_features=1, bias=False)
  )
  (2): Scale2d()
  (3): Identity()
)";
    assert_eq!(net.to_string(), text);
    assert_eq!(
        blocks()[0].to_string(),
        "Linear(in_features=1, out_features=1, bias=False)"
    );
    let names: Vec<String> = net.named_parameters().into_iter().map(|p| p.0).collect();
    assert_eq!(names, ["0.weight", "1.body.weight", "2.weight"]);
    assert_eq!(net.call(&tensor![[1.0]])?.item()?, 6.0);
    // Downcasts see the enum and what it holds.
    assert!(net[0].is::<Lin>() && net[0].is::<Block>() && !net[2].is::<Lin>());
    assert!(net.children()[0].is::<Lin>());
    let mut linears = 0;
    net.apply_to::<Lin>(|_| linears += 1);
    assert_eq!(linears, 2);
    net.get_module_mut("0")?.downcast_mut::<Lin>().unwrap().bias =
        Some(Parameter::new(tensor![1.0]));
    assert_eq!(net.named_parameters().len(), 4);
    let copy = blocks()[2].deep_copy();
    assert!(matches!(
        copy,
        Block::Scale {
            unknown: Unknown(9),
            ..
        }
    ));
    Ok(())
}

#[test]
fn a_hook_on_a_wrapped_module_runs_once() -> Result<()> {
    let linear = Lin::without_bias(1, 1);
    let _ = linear.register_forward_hook(|_, _, output| output[0].add(1.0))?;
    let net = sequential![Block::Linear(linear)];
    assert_eq!(net.call(&tensor![[0.0]])?.item()?, 1.0);
    Ok(())
}

#[test]
fn attributes_rename_and_skip() -> Result<()> {
    #[derive(Module)]
    struct Net {
        #[module(rename = "downsample")]
        down: Relu,
        r#type: Parameter,
        #[module(skip)]
        hidden: Unknown,
        options: (usize, Option<f64>, &'static str),
    }
    let net = Net {
        down: Relu::new(),
        r#type: Parameter::new(tensor![1.0]),
        hidden: Unknown(1),
        options: (1, None, "zeros"),
    };
    assert_eq!(net.named_children()[0].0, "downsample");
    assert_eq!(net.named_parameters()[0].0, "type");
    let copy = net.deep_copy();
    assert_eq!(
        (copy.hidden, copy.options),
        (Unknown(1), (1, None, "zeros"))
    );
    assert!(copy.down.is_training() && !copy.r#type.same(&net.r#type));
    Ok(())
}

#[test]
fn tuple_and_unit_structs_are_modules() {
    #[derive(Module)]
    struct Pair(Relu, Parameter, f64);
    #[derive(Module)]
    struct Unit;
    let pair = Pair(Relu::new(), Parameter::new(tensor![1.0]), 0.5);
    assert_eq!(pair.named_children()[0].0, "0");
    assert_eq!(pair.named_parameters()[0].0, "1");
    let copy = pair.deep_copy();
    assert_eq!(
        (copy.2, copy.1.numel(), copy.0.is_training()),
        (0.5, 1, true)
    );
    assert_eq!(Unit.deep_copy().to_string(), "Unit()");
}

#[test]
fn boxed_modules_are_children() {
    #[derive(Module)]
    struct Net {
        module: Box<dyn Module>,
        forward: Option<Box<dyn Forward>>,
        list: Vec<Box<dyn Forward>>,
        node: Node,
    }
    let relu = Relu::new();
    let net = Net {
        module: Lin::new(1, 1).into(),
        forward: Some(relu.share().into()),
        list: vec![relu.into()],
        node: Node::new(),
    };
    let names: Vec<String> = net.named_modules().into_iter().map(|m| m.0).collect();
    assert_eq!(names, ["", "module", "forward", "list"]);
    let alias = net.share();
    assert!(pleach::nn::same(&*alias.module, &*net.module));
    let copy = net.deep_copy();
    assert!(!pleach::nn::same(&*copy.module, &*net.module));
    assert!(pleach::nn::same(
        &*copy.list[0],
        &**copy.forward.as_ref().unwrap()
    ));
}

#[derive(Module)]
enum Either {
    Left(Lin),
    Right(Box<Residual<Lin>>),
}

#[test]
fn an_enum_of_modules_can_be_shared() {
    let left = Either::Left(Lin::new(1, 1));
    let alias = left.share();
    assert!(same(&left, &alias));
    assert!(left.parameters()[0].same(&alias.parameters()[0]));
    let right = Either::Right(Box::new(Residual {
        body: Lin::new(1, 1),
        node: Node::new(),
    }));
    assert!(same(&right, &right.share()));
    assert!(!same(&right, &right.deep_copy()));
}

#[derive(Module)]
struct Tuples {
    pair: (Lin, Relu),
    weights: (Parameter, Parameter),
    mixed: (usize, Option<Lin>, Parameter, &'static str),
    plain: (usize, (f64, String)),
    nested: Vec<(Lin, Parameter)>,
}

fn tuples() -> Tuples {
    let weight = || Parameter::new(tensor![1.0]);
    Tuples {
        pair: (Lin::without_bias(1, 1), Relu::new()),
        weights: (weight(), weight()),
        mixed: (7, Some(Lin::without_bias(1, 2)), weight(), "sum"),
        plain: (1, (0.5, "a".to_string())),
        nested: vec![(Lin::without_bias(1, 3), weight())],
    }
}

#[test]
fn a_tuple_with_members_is_a_list_in_the_tree() -> Result<()> {
    let net = tuples();
    let names: Vec<String> = net.named_parameters().into_iter().map(|p| p.0).collect();
    let expected = [
        "pair.0.weight",
        "weights.0",
        "weights.1",
        "mixed.2",
        "mixed.1.weight",
        "nested.0.1",
        "nested.0.0.weight",
    ];
    assert_eq!(names, expected);
    let text = "\
Tuples(
  (pair): ModuleList(
    (0): Linear(in_features=1, out_features=1, bias=False)
    (1): ReLU()
  )
  (weights): ParameterList(
      (0): Parameter containing: [torch.float32 of size 1]
      (1): Parameter containing: [torch.float32 of size 1]
  )
  (mixed): ModuleList(
      (2): Parameter containing: [torch.float32 of size 1]
    (1): Linear(in_features=1, out_features=2, bias=False)
  )
  (nested): ModuleList(
    (0): ModuleList(
        (1): Parameter containing: [torch.float32 of size 1]
      (0): Linear(in_features=1, out_features=3, bias=False)
    )
  )
)";
    assert_eq!(net.to_string(), text);
    Ok(())
}

#[test]
fn a_tuple_is_changed_shared_and_copied_like_a_list() -> Result<()> {
    let mut net = tuples();
    net.set_module("pair.0", Lin::without_bias(2, 3))?;
    assert_eq!(net.pair.0.weight.shape(), [3, 2]);
    assert_eq!(
        net.get_module("plain").err().unwrap().to_string(),
        "Tuples has no attribute `plain`"
    );
    let copy = net.deep_copy();
    assert_eq!((copy.mixed.0, copy.plain.1.1.as_str()), (7, "a"));
    assert!(!copy.weights.1.same(&net.weights.1));
    net.eval();
    assert!(!net.pair.1.is_training() && copy.pair.1.is_training());
    Ok(())
}

#[test]
fn a_list_of_names_and_modules_is_a_dictionary() -> Result<()> {
    #[derive(Module)]
    struct Heads {
        heads: Vec<(String, Lin)>,
        scales: Vec<(&'static str, Parameter)>,
        sizes: Vec<(String, usize)>,
        plain: Vec<(Lin, usize)>,
    }
    let mut net = Heads {
        heads: vec![
            ("cat".to_string(), Lin::new(2, 1)),
            ("dog".to_string(), Lin::new(2, 1)),
        ],
        scales: vec![("left", Parameter::new(tensor![1.0]))],
        sizes: vec![("cat".to_string(), 3)],
        plain: vec![(Lin::without_bias(2, 1), 4)],
    };
    let names: Vec<String> = net.named_parameters().into_iter().map(|p| p.0).collect();
    assert_eq!(
        names,
        [
            "heads.cat.weight",
            "heads.cat.bias",
            "heads.dog.weight",
            "heads.dog.bias",
            "scales.left",
            "plain.0.0.weight"
        ]
    );
    let heads = net.get_module("heads")?.to_string();
    assert!(heads.starts_with("ModuleDict(\n  (cat): "), "{heads}");
    assert!(heads.contains("\n  (dog): "), "{heads}");
    assert_eq!(
        net.get_module("scales")?.to_string(),
        "ParameterDict(  (left): Parameter containing: [torch.FloatTensor of size 1])"
    );
    net.set_module("heads.dog", Lin::without_bias(2, 1))?;
    assert!(net.heads[1].1.bias.is_none() && net.deep_copy().heads[0].0 == "cat");
    Ok(())
}

#[test]
fn every_layer_and_container_has_debug() {
    use pleach::prelude::*;

    #[derive(Debug, Module)]
    #[allow(dead_code)]
    struct Net {
        node: Node,
        weight: Parameter,
        mean: pleach::Buffer,
        linear: Linear,
        boxed: Box<dyn Forward>,
        any: Option<Box<dyn Module>>,
        list: ModuleList,
        dict: ModuleDict<dyn Module>,
        body: Sequential,
    }
    let net = Net {
        node: Node::new(),
        weight: Parameter::new(tensor![1.0]),
        mean: pleach::Buffer::new(tensor![2.0]),
        linear: Linear::new(2, 1),
        boxed: Box::new(ReLU::new()),
        any: Some(Box::new(Conv2d::new(1, 2, 3))),
        list: ModuleList::new().append(Flatten::new()),
        dict: ModuleDict::default(),
        body: sequential![MaxPool2d::new(2)],
    };
    let text = format!("{net:?}");
    for part in [
        "linear: Linear(in_features=2",
        "boxed: ReLU()",
        "ModuleList(",
        "dict: ModuleDict()",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(format!("{:?}", net.linear), net.linear.to_string());
    fn has_debug<T: std::fmt::Debug>() {}
    has_debug::<CrossEntropyLoss>();
    has_debug::<MSELoss>();
    has_debug::<BatchNorm2d>();
    has_debug::<ParameterDict>();
    has_debug::<pleach::vision::models::ResNet>();
}
