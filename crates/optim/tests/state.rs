//! Saved state, and parameters that left their model. Texts are PyTorch's.

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use pleach_core::{DType, Parameter, Result, Tensor, tensor};
use pleach_optim::{Adam, AdamW, Optimizer, OptimizerState, SGD, SgdGroup, StateValue};

fn with_grad(values: [f32; 2]) -> Parameter {
    let p = Parameter::new(tensor![values[0], values[1]]);
    p.set_grad(Some(tensor![1.0, 1.0])).unwrap();
    p
}

fn two_groups(p: &Parameter, q: &Parameter) -> Result<SGD> {
    let groups = [
        SgdGroup::new([p.share()]),
        SgdGroup::new([q.share()]).lr(0.5),
    ];
    SGD::with_groups(groups).lr(0.1).momentum(0.9).build()
}

/// What `repr(optimizer.state_dict())` is in PyTorch 2.15 after the same step.
#[test]
fn a_state_prints_as_in_pytorch_and_resumes_training() -> Result<()> {
    let (p, q) = (with_grad([1.0, 1.0]), Parameter::new(Tensor::ones([3])));
    let mut sgd = two_groups(&p, &q)?;
    sgd.step()?;
    let state = sgd.state_dict();
    assert_eq!(
        state.to_string(),
        "{'state': {0: {'momentum_buffer': tensor([1., 1.])}}, 'param_groups': [{'lr': 0.1, \
         'momentum': 0.9, 'dampening': 0, 'weight_decay': 0, 'nesterov': False, 'maximize': False, \
         'foreach': None, 'differentiable': False, 'fused': None, 'params': [0]}, {'lr': 0.5, \
         'momentum': 0.9, 'dampening': 0, 'weight_decay': 0, 'nesterov': False, 'maximize': False, \
         'foreach': None, 'differentiable': False, 'fused': None, 'params': [1]}]}"
    );
    let copies = (p.deep_copy(), q.deep_copy());
    let groups = [
        SgdGroup::new([copies.0.share()]),
        SgdGroup::new([copies.1.share()]),
    ];
    let mut resumed = SGD::with_groups(groups).lr(9.0).build()?;
    resumed.load_state_dict(&state)?;
    sgd.step()?;
    resumed.step()?;
    assert_eq!(p.data().to_vec::<f32>()?, copies.0.data().to_vec::<f32>()?);
    assert_ne!(p.data().to_vec::<f32>()?, [0.9, 0.9]);
    assert_eq!(resumed.options(1)?, sgd.options(1)?);
    Ok(())
}

/// `repr(optimizer.state_dict())` and `repr(optimizer)` of
/// `torch.optim.SGD(torch.nn.Linear(2, 1).named_parameters(), lr=0.1)` in PyTorch 2.15.
#[test]
fn names_of_parameters_are_saved_and_printed() -> Result<()> {
    let named = [
        ("weight", Parameter::new(Tensor::ones([1, 2]))),
        ("bias", Parameter::new(Tensor::ones([1]))),
    ];
    let sgd = SGD::builder(named).lr(0.1).build()?;
    assert_eq!(
        sgd.state_dict().to_string(),
        "{'state': {}, 'param_groups': [{'param_names': ['weight', 'bias'], 'lr': 0.1, 'momentum': 0, \
         'dampening': 0, 'weight_decay': 0, 'nesterov': False, 'maximize': False, 'foreach': None, \
         'differentiable': False, 'fused': None, 'params': [0, 1]}]}"
    );
    let lines: Vec<String> = sgd.to_string().lines().map(str::to_string).collect();
    assert_eq!(lines[9], "    nesterov: False");
    assert_eq!(lines[10], "    param_names: ['weight', 'bias']");

    // They come back with a saved state, and errors use them.
    let weight = Parameter::new(Tensor::ones([1, 2]));
    let mut adam = Adam::new([("weight", weight.share())]);
    weight.set_grad(Some(Tensor::ones([1, 2])))?;
    adam.step()?;
    let mut other = Adam::new([weight.share()]);
    other.load_state_dict(&adam.state_dict())?;
    assert_eq!(other.to_string(), adam.to_string());
    weight.set_data(Tensor::ones([3]))?;
    weight.set_grad(Some(Tensor::ones([3])))?;
    let error = other.step().unwrap_err().to_string();
    assert!(
        error.starts_with("Adam: parameter 'weight' has size"),
        "{error}"
    );
    Ok(())
}

/// What other optimizers, or later versions, saved is kept and saved again.
#[test]
fn what_an_optimizer_does_not_know_is_kept() -> Result<()> {
    let p = with_grad([1.0, 1.0]);
    let mut adam = Adam::new([p.share()]);
    adam.step()?;
    adam.set_option(0, "initial_lr", StateValue::Float(0.5))?;
    let state = adam.state_dict();
    let mut other = Adam::new([p.share()]);
    other.load_state_dict(&state)?;
    assert_eq!(other.initial_lr(0)?, 0.5);
    assert_eq!(other.state_dict().to_string(), state.to_string());

    // An option that is later than the file, and an entry of the future.
    let mut old = state.clone();
    let options = &mut old.param_groups[0].options;
    options.retain(|(name, _)| name != "decoupled_weight_decay" && name != "maximize");
    options.push(("future".to_string(), StateValue::Int(7)));
    old.state
        .get_mut(&0)
        .unwrap()
        .push(("noise".to_string(), StateValue::Float(0.25)));
    other.load_state_dict(&old)?;
    let text = other.state_dict().to_string();
    assert!(
        text.contains("'future': 7") && text.contains("'noise': 0.25"),
        "{text}"
    );
    assert!(text.contains("'maximize': False"), "{text}");
    assert!(text.contains("'decoupled_weight_decay': False"), "{text}");
    Ok(())
}

#[test]
fn adam_goes_on_where_it_stopped() -> Result<()> {
    let (p, q) = (with_grad([1.0, 2.0]), with_grad([1.0, 2.0]));
    let build = |p: &Parameter| AdamW::builder([p.share()]).lr(0.1).amsgrad(true).build();
    let (mut whole, mut first) = (build(&p)?, build(&q)?);
    for _ in 0..4 {
        whole.step()?;
    }
    first.step()?;
    first.step()?;
    let state = first.state_dict();
    assert_eq!(state.state[&0][0].1.number(), Some(2.0));
    let mut second = AdamW::new([q.share()]);
    second.load_state_dict(&state)?;
    assert_eq!(second.to_string(), first.to_string());
    second.step()?;
    second.step()?;
    assert_eq!(q.data().to_vec::<f32>()?, p.data().to_vec::<f32>()?);
    Ok(())
}

#[test]
fn a_momentum_takes_the_parameters_dtype() -> Result<()> {
    let p = with_grad([0.0, 0.0]);
    let mut sgd = SGD::builder([p.share()]).lr(0.1).momentum(0.9).build()?;
    sgd.step()?;
    let wide = Parameter::new(Tensor::zeros_of([2], DType::F64));
    let mut other = SGD::builder([wide.share()]).lr(0.1).build()?;
    other.load_state_dict(&sgd.state_dict())?;
    let buffer = other
        .state(&wide, "momentum_buffer")
        .expect("it was loaded");
    assert_eq!(buffer.dtype(), DType::F64);
    assert_eq!(buffer.to_vec::<f64>()?, [1.0, 1.0]);
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() -> Result<()> {
    let (p, q) = (with_grad([1.0, 1.0]), with_grad([1.0, 1.0]));
    let mut sgd = two_groups(&p, &q)?;
    sgd.step()?;
    let good = sgd.state_dict();
    let mut refused = |change: &dyn Fn(&mut OptimizerState)| {
        let mut state = good.clone();
        change(&mut state);
        sgd.load_state_dict(&state).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&|s| s.param_groups.truncate(1)),
        "loaded state dict has a different number of parameter groups"
    );
    assert_eq!(
        refused(&|s| s.param_groups[0].params = vec![0, 1]),
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
    );
    assert_eq!(
        refused(&|s| s.param_groups[1].options.retain(|o| o.0 != "lr")),
        "loaded state dict contains a parameter group without 'lr'"
    );
    assert_eq!(
        refused(&|s| s.param_groups[1].options[0].1 = StateValue::Float(-1.0)),
        "Invalid learning rate: -1.0"
    );
    assert_eq!(
        refused(&|s| s.param_groups[0].options[4].1 = StateValue::Int(1)),
        "loaded state dict has 1 for the option 'nesterov', which is a truth value"
    );
    let long = StateValue::Tensor(Tensor::ones([5]));
    assert_eq!(
        refused(&|s| s.state.get_mut(&1).expect("two were stepped")[0].1 = long.clone()),
        "loaded state dict has a momentum_buffer of torch.Size([5]) for parameter 1 of torch.Size([2])"
    );
    assert_eq!(sgd.state_dict().to_string(), good.to_string());
    Ok(())
}

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listener;

impl Log for Listener {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }
    fn log(&self, record: &Record) {
        WARNINGS.lock().unwrap().push(record.args().to_string());
    }
    fn flush(&self) {}
}

#[test]
fn parameters_that_left_the_model_are_noticed() -> Result<()> {
    log::set_logger(&Listener).expect("no other logger in this program");
    log::set_max_level(LevelFilter::Warn);
    let (body, head) = (with_grad([1.0, 1.0]), with_grad([2.0, 2.0]));
    let mut sgd = SGD::builder([body.share(), head.share()]).lr(0.1).build()?;
    let named = |head: &Parameter| {
        [
            ("body".to_string(), body.share()),
            ("head".to_string(), head.share()),
        ]
    };
    assert!(sgd.coverage(&named(&head)).is_complete());
    sgd.step()?;
    assert!(WARNINGS.lock().unwrap().is_empty());

    let new_head = Parameter::new(Tensor::zeros([3]));
    drop(head);
    let coverage = sgd.coverage(&named(&new_head));
    assert_eq!(coverage.not_held, ["head"]);
    assert_eq!(
        coverage.to_string(),
        "not in the model any more: parameter 1 of group 0, torch.Size([2])\nnot held by the optimizer: head"
    );
    sgd.step()?;
    sgd.step()?;
    assert_eq!(
        *WARNINGS.lock().unwrap(),
        [
            "SGD steps 1 parameter(s) that nothing else holds: was a layer replaced after the \
          optimizer was built? Optimizer::coverage tells which"
        ]
    );
    // What is frozen need not be held.
    new_head.set_requires_grad(false)?;
    assert!(sgd.coverage(&named(&new_head)).not_held.is_empty());
    Ok(())
}
