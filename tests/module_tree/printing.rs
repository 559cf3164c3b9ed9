//! The tree text.

use pleach::nn::ModuleList;
use pleach::prelude::{Module, Parameter, Tensor, sequential};

use crate::layers::*;

#[test]
fn nested_trees_print_as_in_pytorch() {
    let text = "\
sim_net(
  (l1): Sequential(
    (0): Linear(in_features=30, out_features=40, bias=True)
    (1): ReLU()
  )
  (l2): Sequential(
    (0): Linear(in_features=40, out_features=50, bias=True)
    (1): ReLU()
  )
  (l3): Sequential(
    (0): Linear(in_features=50, out_features=10, bias=True)
    (1): ReLU()
  )
)";
    assert_eq!(SimNet::new().to_string(), text);
}

#[test]
fn absent_children_print_only_where_they_are_registered() {
    let text = "\
Own(
  (child1): BatchNorm1d()
  (child2): Linear(in_features=2, out_features=2, bias=False)
  (none_mod): None
)";
    assert_eq!(Own::new().to_string(), text);
    assert_eq!(MyModel::new().to_string(), "MyModel()");
}

#[test]
fn only_module_lists_collapse() {
    let linear = || Lin::new(2, 2);
    let list = ModuleList::new()
        .append(linear())
        .append(linear())
        .append(Relu::new())
        .append(linear());
    let text = "\
ModuleList(
  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
  (2): ReLU()
  (3): Linear(in_features=2, out_features=2, bias=True)
)";
    assert_eq!(list.to_string(), text);
    let blocks: ModuleList = (0..3).map(|_| sequential![linear(), Relu::new()]).collect();
    let text = "\
ModuleList(
  (0-2): 3 x Sequential(
    (0): Linear(in_features=2, out_features=2, bias=True)
    (1): ReLU()
  )
)";
    assert_eq!(blocks.to_string(), text);
    assert_eq!(ModuleList::new().to_string(), "ModuleList()");
    assert_eq!(
        sequential![Relu::new(), Relu::new()].to_string(),
        "Sequential(\n  (0): ReLU()\n  (1): ReLU()\n)"
    );
}

#[test]
fn lists_of_fields_are_lists_of_the_tree() {
    #[derive(Module)]
    struct Lists {
        blocks: Vec<Lin>,
        ps: Vec<Parameter>,
        pair: [Relu; 2],
        sizes: Vec<usize>,
        none: Vec<Option<Relu>>,
    }
    let net = Lists {
        blocks: vec![Lin::new(1, 1), Lin::new(1, 1)],
        ps: vec![
            Parameter::new(Tensor::zeros([2, 3])),
            Parameter::new(Tensor::zeros([4])),
        ],
        pair: [Relu::new(), Relu::new()],
        sizes: vec![1, 2],
        none: vec![None, Some(Relu::new())],
    };
    let text = "\
Lists(
  (blocks): ModuleList(
    (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)
  )
  (ps): ParameterList(
      (0): Parameter containing: [torch.float32 of size 2x3]
      (1): Parameter containing: [torch.float32 of size 4]
  )
  (pair): ModuleList(
    (0-1): 2 x ReLU()
  )
  (none): ModuleList(
    (1): ReLU()
  )
)";
    assert_eq!(net.to_string(), text);
    let names: Vec<String> = net.named_parameters().into_iter().map(|p| p.0).collect();
    assert_eq!(names[3..], ["blocks.1.bias", "ps.0", "ps.1"]);
    assert_eq!(net.deep_copy().to_string(), text);
    assert_eq!(net.deep_copy().sizes, net.sizes);
}

#[test]
fn extra_text_of_several_lines_takes_lines_of_its_own() {
    #[derive(Module)]
    #[module(extra_repr)]
    struct Talk {
        lines: String,
        child: Option<Box<Talk>>,
    }
    impl Talk {
        fn extra_repr(&self) -> String {
            self.lines.clone()
        }
    }
    let talk = |lines: &str, child| Talk {
        lines: lines.to_string(),
        child,
    };
    assert_eq!(talk("a", None).to_string(), "Talk(a)");
    assert_eq!(talk("a\n\nb", None).to_string(), "Talk(\n  a\n  \n  b\n)");
    let inner = Some(Box::new(talk("c\nd", None)));
    assert_eq!(
        talk("a", inner).to_string(),
        "Talk(\n  a\n  (child): Talk(\n    c\n    d\n  )\n)"
    );
}
