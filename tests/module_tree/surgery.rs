//! Changing a tree: apply, freezing, replaced heads, dtypes.

use pleach::prelude::{
    DType, Forward, Module, ModuleExt, Parameter, Result, Sequential, init, sequential, tensor,
};

use crate::layers::*;

#[derive(Module)]
struct Net {
    conv: Lin,
    bn: Norm,
    body: Sequential,
    fc: Lin,
}

fn net() -> Net {
    Net {
        conv: Lin::without_bias(2, 2),
        bn: Norm::new(2),
        body: sequential![Lin::new(2, 2), Relu::new()],
        fc: Lin::new(2, 2),
    }
}

#[test]
fn apply_initialises_and_changes_settings() -> Result<()> {
    let mut net = net();
    let mut linears = 0;
    net.apply(&mut |m| {
        if m.type_name().contains("Lin") {
            linears += 1;
        }
    });
    assert_eq!(linears, 3);
    net.try_apply(&mut |m| {
        if let Some(conv) = m.downcast_ref::<Lin>() {
            init::constant_(&conv.weight, 0.25)?;
        } else if let Some(bn) = m.downcast_mut::<Norm>() {
            bn.momentum.set(0.01);
            bn.weight.data().fill_(3.0)?;
        }
        Ok(())
    })?;
    assert_eq!(
        net.body.get_parameter("0.weight")?.data().to_vec::<f32>()?,
        [0.25; 4]
    );
    assert_eq!(net.conv.weight.data().to_vec::<f32>()?, [0.25; 4]);
    assert_eq!(net.bn.weight.data().to_vec::<f32>()?, [3.0; 2]);
    assert_eq!(net.bn.momentum.get(), 0.01);
    net.apply_to::<Norm>(|bn| bn.momentum.set(0.2));
    assert_eq!(net.bn.momentum.get(), 0.2);
    Ok(())
}

#[test]
fn a_failing_closure_ends_try_apply() {
    let mut net = net();
    let mut seen = Vec::new();
    let result = net.try_apply(&mut |m| {
        seen.push(m.type_name());
        match m.is::<Norm>() {
            true => Err(pleach::Error::other("no norms")),
            false => Ok(()),
        }
    });
    assert_eq!(result.unwrap_err().to_string(), "no norms");
    assert_eq!(seen, ["Linear", "BatchNorm1d"]);
    let failed = net.try_apply_to::<Relu>(|_| Err(pleach::Error::other("no relus")));
    assert_eq!(failed.unwrap_err().to_string(), "no relus");
}

#[test]
fn a_replaced_head_keeps_its_place() {
    let mut net = net();
    let optimized: Vec<Parameter> = net.fc.parameters();
    net.requires_grad_(false);
    net.fc = Lin::new(2, 5);
    let names: Vec<String> = net.named_parameters().into_iter().map(|p| p.0).collect();
    let expected = [
        "conv.weight",
        "bn.weight",
        "bn.bias",
        "body.0.weight",
        "body.0.bias",
        "fc.weight",
        "fc.bias",
    ];
    assert_eq!(names, expected);
    let trainable: Vec<String> = net
        .named_parameters()
        .into_iter()
        .filter(|(_, p)| p.requires_grad())
        .map(|p| p.0)
        .collect();
    assert_eq!(trainable, ["fc.weight", "fc.bias"]);
    assert!(!optimized[0].same(&net.fc.weight));
}

#[test]
fn apply_may_replace_children_of_a_sequential() -> Result<()> {
    let mut net = net();
    net.apply(&mut |m| {
        if let Some(body) = m.downcast_mut::<Sequential>() {
            for i in 0..body.len() {
                if body[i].is::<Relu>() {
                    body.set(i, Hyperbolic::new()).unwrap();
                }
            }
        }
    });
    assert!(net.body[1].is::<Hyperbolic>());
    net.get_module_as_mut::<Sequential>("body")?
        .push(Relu::new());
    assert_eq!(net.body.len(), 3);
    net.get_module_mut("body.0")?
        .downcast_mut::<Lin>()
        .unwrap()
        .bias = None;
    assert_eq!(net.body.named_parameters().len(), 1);
    Ok(())
}

#[test]
fn requires_grad_leaves_integer_parameters_frozen() -> Result<()> {
    #[derive(Module)]
    struct Quantised {
        q: Parameter,
        w: Parameter,
    }
    let net = Quantised {
        q: Parameter::frozen(tensor![1, 2]),
        w: Parameter::new(tensor![1.0]),
    };
    net.requires_grad_(false);
    assert!(!net.w.requires_grad());
    net.requires_grad_(true);
    assert!(net.w.requires_grad() && !net.q.requires_grad());
    Ok(())
}

#[test]
fn to_dtype_converts_floats_in_place() -> Result<()> {
    let net = sequential![Norm::new(2), Lin::new(2, 1)];
    let held = net.parameters();
    net.call(&tensor![[1.0, 2.0]])?.sum()?.backward()?;
    net.to_dtype(DType::F64)?;
    assert!(held.iter().all(|p| p.dtype() == DType::F64));
    // The gradient came along: d(sum)/d(weight of Linear) = its input.
    assert_eq!(held[2].grad().unwrap().to_vec::<f64>()?, [1.0, 2.0]);
    let dtypes: Vec<DType> = net.buffers().iter().map(|b| b.dtype()).collect();
    assert_eq!(dtypes, [DType::F64, DType::F64, DType::I64]);
    assert_eq!(
        net.to_dtype(DType::I64).unwrap_err().to_string(),
        "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64"
    );
    Ok(())
}

#[derive(Module)]
enum Activation {
    Relu(Relu),
    Boxed(Box<dyn Forward>),
}

#[derive(Module)]
struct Slots {
    typed: Lin,
    any: Box<dyn Module>,
    forward: Option<Box<dyn Forward>>,
    absent: Option<Lin>,
    list: Vec<Lin>,
    choice: Activation,
    other: Activation,
    body: Sequential,
}

fn slots() -> Slots {
    Slots {
        typed: Lin::new(1, 1),
        any: Relu::new().into(),
        forward: Some(Relu::new().into()),
        absent: None,
        list: vec![Lin::new(1, 1), Lin::new(1, 1)],
        choice: Activation::Relu(Relu::new()),
        other: Activation::Boxed(Relu::new().into()),
        body: sequential!["act" => Relu::new(), "net" => net().body],
    }
}

#[test]
fn a_module_is_replaced_by_its_path() -> Result<()> {
    let mut net = slots();
    let old = net.set_module("typed", Lin::without_bias(2, 3))?;
    assert!(old.is::<Lin>() && net.typed.bias.is_none());
    assert!(net.set_module("any", Lin::new(1, 1))?.is::<Relu>());
    assert!(net.any.is::<Lin>());
    net.set_module("any", Box::new(vec![Lin::new(1, 1)]) as Box<dyn Module>)?;
    assert_eq!(net.any.type_name(), "ModuleList");
    net.set_module("forward", Hyperbolic::new())?;
    net.set_module("list.1", Lin::without_bias(1, 1))?;
    assert!(net.list[0].bias.is_some() && net.list[1].bias.is_none());
    net.set_module("body.act", Hyperbolic::new())?;
    net.set_module("body.net.0", Box::new(Norm::new(2)) as Box<dyn Forward>)?;
    let names: Vec<String> = net.body.named_modules().into_iter().map(|m| m.0).collect();
    assert_eq!(names, ["", "act", "net", "net.0", "net.1"]);
    assert!(net.body["act"].is::<Hyperbolic>());
    assert!(net.get_module_as::<Norm>("body.net.0").is_ok());
    Ok(())
}

#[test]
fn a_place_refuses_what_it_cannot_hold() -> Result<()> {
    let mut net = slots();
    let mut refusal = |path: &str, new: Box<dyn Forward>| {
        let error = net.set_module(path, new).err().unwrap();
        error.to_string()
    };
    assert_eq!(
        refusal("typed", Relu::new().into()),
        "`typed`: a place of type Lin cannot hold a Relu"
    );
    assert_eq!(
        refusal("list.0", sequential![].into()),
        "`list.0`: a place of type Lin cannot hold a Sequential"
    );
    assert_eq!(
        refusal("choice", Relu::new().into()),
        "`choice`: a place of type Activation cannot hold a Relu"
    );
    assert_eq!(
        refusal("absent", Lin::new(1, 1).into()),
        "Slots has no attribute `absent`"
    );
    assert_eq!(
        refusal("body.net.7", Relu::new().into()),
        "Sequential has no attribute `7`"
    );
    assert_eq!(
        refusal("typed.weight", Relu::new().into()),
        "Linear has no attribute `weight`"
    );
    // PyTorch's set_submodule.
    assert_eq!(
        refusal("", Relu::new().into()),
        "Cannot set the submodule without a target name!"
    );
    let boxed: Box<dyn Module> = Relu::new().into();
    assert_eq!(
        net.set_module("body.act", boxed).err().unwrap().to_string(),
        "`body.act`: a place of type Box<dyn Forward> cannot hold a Box<dyn Module>: \
         give it the Relu itself"
    );
    // What was refused changed nothing.
    assert!(net.body["act"].is::<Relu>() && matches!(net.choice, Activation::Relu(_)));
    let new: Box<dyn Module> = Activation::Boxed(Lin::new(1, 1).into()).into();
    net.set_module("choice", new)?;
    assert!(
        net.get_module_as::<Lin>("choice").is_ok() && matches!(net.other, Activation::Boxed(_))
    );
    Ok(())
}

#[test]
fn only_the_named_place_of_a_shared_module_changes() -> Result<()> {
    let layer = Lin::new(1, 1);
    let inner = sequential![layer.share()];
    let mut net = sequential![layer.share(), inner.share(), layer];
    net.set_module("1.0", Relu::new())?;
    let types = net.modules().into_iter().map(|m| m.type_name());
    let types: Vec<&str> = types.collect();
    assert_eq!(types, ["Sequential", "Linear", "Sequential", "ReLU"]);
    assert!(net[0].is::<Lin>() && net[2].is::<Lin>() && inner[0].is::<Lin>());

    let new = Parameter::new(tensor![[5.0]]);
    let old = net.set_parameter("0.weight", new.share())?;
    assert!(net.get_parameter("0.weight")?.same(&new));
    assert!(net.get_parameter("2.weight")?.same(&old));
    assert_eq!(
        net.set_parameter("0.gamma", new).unwrap_err().to_string(),
        "Linear has no attribute `gamma`"
    );
    Ok(())
}
