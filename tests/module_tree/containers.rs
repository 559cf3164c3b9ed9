//! The containers.

use pleach::prelude::*;

use crate::layers::*;

fn names(net: &dyn Module) -> Vec<String> {
    net.named_children().into_iter().map(|c| c.0).collect()
}

#[test]
fn positions_may_be_negative_and_must_exist() -> Result<()> {
    let mut net = sequential![Lin::new(1, 2), Relu::new(), Lin::new(2, 3)];
    assert!(net[-2].is::<Relu>() && net[1usize].is::<Relu>() && net.get(1i64)?.is::<Relu>());
    let text = |index: i64| net.get(index).map(|_| ()).unwrap_err().to_string();
    assert_eq!(text(3), "index 3 is out of range");
    assert_eq!(text(-4), "index -4 is out of range");
    assert_eq!(
        text(i64::MIN),
        format!("index {} is out of range", i64::MIN)
    );
    assert_eq!(
        net.get(u64::MAX).map(|_| ()).unwrap_err().to_string(),
        format!("index {} is out of range", i64::MAX)
    );
    net[-1].downcast_mut::<Lin>().unwrap().bias = None;
    assert_eq!(net.parameters().len(), 3);
    assert_eq!(
        Sequential::new()
            .get(0)
            .map(|_| ())
            .unwrap_err()
            .to_string(),
        "index 0 is out of range"
    );
    Ok(())
}

#[test]
#[should_panic(expected = "index 1 is out of range")]
fn the_operator_panics_with_pytorchs_text() {
    let _ = &sequential![Relu::new()][1];
}

#[test]
fn a_slice_keeps_names_and_shares_modules() -> Result<()> {
    let net = sequential![Lin::new(1, 1), Relu::new(), Lin::new(1, 1)];
    let tail = net.slice(1..);
    assert_eq!(names(&tail), ["1", "2"]);
    assert!(pleach::nn::same(&tail[1], &net[2]));
    assert_eq!(tail.named_parameters()[0].0, "2.weight");
    assert_eq!(names(&net.slice(..-1)), ["0", "1"]);
    assert_eq!(names(&net.slice(-2..=-1)), ["1", "2"]);
    assert_eq!(names(&net.slice(0..=0)), ["0"]);
    assert_eq!(net.slice(-1..1).len(), 0);
    assert_eq!(net.slice(-9..9).len(), 3);
    assert_eq!(net.slice(5..).len(), 0);
    // PyTorch would overwrite the child called "2".
    let grown = tail.append(Relu::new());
    assert_eq!(names(&grown), ["1", "2", "3"]);
    Ok(())
}

#[test]
fn surgery_renumbers_by_position() -> Result<()> {
    let mut net = sequential![Lin::new(1, 1), Relu::new()];
    net.insert(1, Hyperbolic::new())?;
    assert_eq!(names(&net), ["0", "1", "2"]);
    assert!(net[1].is::<Hyperbolic>() && net[2].is::<Relu>());
    net.insert(-1, Norm::new(1))?;
    assert!(net[2].is::<Norm>());
    net.insert(4, Relu::new())?;
    assert!(net[4].is::<Relu>());
    assert_eq!(
        net.insert(7, Relu::new()).unwrap_err().to_string(),
        "Index out of range: 7"
    );
    assert_eq!(
        net.insert(-7, Relu::new()).unwrap_err().to_string(),
        "Index out of range: -7"
    );
    assert!(net.remove(0)?.is::<Lin>());
    assert_eq!(names(&net), ["0", "1", "2", "3"]);
    assert!(net.pop().unwrap().is::<Relu>());
    assert!(net.remove(9).is_err());
    assert_eq!(net.len(), 3);
    assert!(Sequential::new().pop().is_none());
    Ok(())
}

#[test]
fn children_may_have_names() -> Result<()> {
    let mut net = sequential!["conv" => Lin::new(1, 1), "relu" => Relu::new()];
    net.push(Relu::new());
    assert_eq!(names(&net), ["conv", "relu", "2"]);
    assert!(net["relu"].is::<Relu>() && net[1].is::<Relu>());
    assert_eq!(
        net.get("x").map(|_| ()).unwrap_err().to_string(),
        "there is no child `x`"
    );
    let refusal = |net: &mut Sequential, name: &str| {
        net.push_named(name, Relu::new()).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&mut net, "a.b"),
        "module name can't contain \".\", got: a.b"
    );
    assert_eq!(
        refusal(&mut net, ""),
        "module name can't be empty string \"\""
    );
    assert_eq!(refusal(&mut net, "conv"), "attribute 'conv' already exists");
    net.set("conv", Lin::new(1, 4))?;
    assert_eq!(net.get_parameter("conv.weight")?.shape(), [4, 1]);
    Ok(())
}

#[test]
fn a_sequential_runs_its_children_in_order() -> Result<()> {
    let (double, relu) = (Lin::without_bias(1, 1), Relu::new());
    double.weight.data().fill_(-2.0)?;
    let net: Sequential = [Box::new(relu) as Box<dyn Forward>, Box::new(double.share())]
        .into_iter()
        .collect();
    assert_eq!(net.call(&tensor![[3.0]])?.item()?, -6.0);
    assert_eq!(net.call(&tensor![[-3.0]])?.item()?, 0.0);
    assert_eq!(Sequential::new().call(&tensor![5.0])?.item()?, 5.0);
    assert_eq!(net.iter().next_back().map(|m| m.is::<Lin>()), Some(true));
    let same_type: Sequential = (0..3).map(|_| double.share()).collect();
    assert_eq!(same_type.call(&tensor![[1.0]])?.item()?, -8.0);
    Ok(())
}

#[test]
fn a_module_list_is_numbered() -> Result<()> {
    let mut list = ModuleList::new().append(Lin::new(1, 1)).append(Relu::new());
    list.insert(0, Norm::new(1))?;
    assert_eq!(names(&list), ["0", "1", "2"]);
    assert!(list[0].is::<Norm>() && list[-1].is::<Relu>());
    assert_eq!(names(&list.slice(1..)), ["0", "1"]);
    assert_eq!(
        list.get(3).map(|_| ()).unwrap_err().to_string(),
        "index 3 is out of range"
    );
    list.set(2, Hyperbolic::new())?;
    assert!(list.pop().unwrap().is::<Hyperbolic>());
    assert!(list.remove(0)?.is::<Norm>());
    let (alias, copy) = (list.share(), list.deep_copy());
    assert!(pleach::nn::same(&alias[0], &list[0]) && !pleach::nn::same(&copy[0], &list[0]));
    for module in list.iter_mut() {
        module.downcast_mut::<Lin>().unwrap().bias = None;
    }
    assert_eq!(list.parameters().len(), 1);
    Ok(())
}

#[test]
fn a_module_dict_keeps_its_order() -> Result<()> {
    let mut dict = ModuleDict::new();
    dict.insert("z", Lin::new(1, 1))?;
    dict.insert("a", Relu::new())?;
    assert!(dict.insert("z", Relu::new())?.is_some());
    dict.insert("m", Lin::new(1, 1))?;
    assert_eq!(dict.keys().collect::<Vec<_>>(), ["z", "a", "m"]);
    assert_eq!(names(&dict), ["z", "a", "m"]);
    assert_eq!(
        dict.state_dict().keys().collect::<Vec<_>>(),
        ["m.weight", "m.bias"]
    );
    assert_eq!(
        dict.insert("", Relu::new())
            .map(drop)
            .unwrap_err()
            .to_string(),
        "module name can't be empty string \"\""
    );
    assert_eq!(
        dict.insert("x.y", Relu::new())
            .map(drop)
            .unwrap_err()
            .to_string(),
        "module name can't contain \".\", got: x.y"
    );
    assert!(dict.get("q").is_err() && dict.contains_key("a"));
    assert!(same(&dict["m"], &dict.share()["m"]));
    assert!(!same(&dict["m"], &dict.deep_copy()["m"]));
    let mut visited = 0;
    dict.apply(&mut |_| visited += 1);
    assert_eq!(visited, 4);
    assert!(dict.remove("z").is_some() && dict.remove("z").is_none());
    assert_eq!(dict.len(), 2);
    // Equal neighbours stay apart, as in PyTorch.
    dict.insert("m", Relu::new())?;
    assert_eq!(
        dict.to_string(),
        "ModuleDict(\n  (a): ReLU()\n  (m): ReLU()\n)"
    );
    dict.clear();
    assert_eq!(dict.to_string(), "ModuleDict()");
    Ok(())
}

/// Texts of PyTorch 2.15, which sorts the names itself.
#[test]
fn a_parameter_dict_prints_tensor_classes() -> Result<()> {
    let mut dict = ParameterDict::new();
    dict.insert("u", Parameter::new(Tensor::zeros_of((), DType::F64)))?;
    dict.insert("v", Parameter::new(Tensor::zeros([4])))?;
    assert_eq!(
        dict.to_string(),
        "ParameterDict(\n    (u): Parameter containing: [torch.DoubleTensor of size ]\n    \
         (v): Parameter containing: [torch.FloatTensor of size 4]\n)"
    );
    assert_eq!(ParameterDict::new().to_string(), "ParameterDict()");
    assert!(
        dict.insert("a.b", Parameter::new(Tensor::zeros([1])))
            .is_err()
    );
    assert!(dict["u"].same(&dict.share()["u"]));
    assert!(!dict["u"].same(&dict.deep_copy()["u"]));
    assert_eq!(
        dict.get("q").map(drop).unwrap_err().to_string(),
        "'ParameterDict' object has no attribute 'q'"
    );
    Ok(())
}
