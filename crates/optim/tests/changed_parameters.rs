//! Parameters whose data are replaced between two steps: an error that says what does not fit, and
//! nothing is changed.

use pleach_core::{DType, Parameter, Result, Tensor, tensor};
use pleach_optim::{Adam, Optimizer, OptimizerState, SGD, SgdGroup, StateValue};

fn give_grad(p: &Parameter) -> Result<()> {
    p.set_grad(Some(Tensor::ones_of(p.shape(), p.dtype())))
}

/// Two parameters after one step with momentum, in two groups; each has a new gradient.
fn after_a_step() -> Result<(Parameter, Parameter, SGD)> {
    let (p, q) = (
        Parameter::new(tensor![1.0, 2.0, 3.0]),
        Parameter::new(tensor![5.0, 6.0]),
    );
    let groups = [SgdGroup::new([p.share()]), SgdGroup::new([q.share()])];
    let mut sgd = SGD::with_groups(groups).lr(0.5).momentum(0.9).build()?;
    give_grad(&p)?;
    give_grad(&q)?;
    sgd.step()?;
    Ok((p, q, sgd))
}

/// The step fails with this text, and changes neither parameters nor state.
#[track_caller]
fn refused(sgd: &mut SGD, parameters: &[&Parameter], text: &str) {
    let values = || -> Vec<Vec<f64>> { parameters.iter().map(|p| p.data().to_vec_f64()).collect() };
    let (before, state) = (values(), sgd.state_dict().to_string());
    let error = sgd.step().unwrap_err().to_string();
    assert!(error.starts_with(text), "{error}");
    assert_eq!(values(), before);
    assert_eq!(sgd.state_dict().to_string(), state);
}

#[test]
fn a_parameter_that_grows_or_shrinks_is_named_with_both_shapes() -> Result<()> {
    for n in [1, 3, 4] {
        let (p, q, mut sgd) = after_a_step()?;
        q.set_data(Tensor::zeros([n]))?;
        give_grad(&q)?;
        let text = format!(
            "SGD: parameter 0 of group 1 has size torch.Size([{n}]), but its momentum_buffer has size torch.Size([2])"
        );
        refused(&mut sgd, &[&p, &q], &text);
    }
    // As many elements in another shape do not fit either.
    let (p, q, mut sgd) = after_a_step()?;
    p.set_data(Tensor::zeros([3, 1]))?;
    give_grad(&p)?;
    let text = "SGD: parameter 0 of group 0 has size torch.Size([3, 1]), but its momentum_buffer has size torch.Size([3])";
    refused(&mut sgd, &[&p, &q], text);
    Ok(())
}

/// As if the optimizer had been of the wide dtype from the first step.
#[test]
fn a_parameter_that_changes_its_dtype_goes_on_with_its_state_converted() -> Result<()> {
    let (p, q, mut sgd) = after_a_step()?;
    q.set_data(q.data().double()?)?;
    give_grad(&q)?;
    sgd.step()?;
    let buffer = sgd
        .state(&q, "momentum_buffer")
        .expect("there were two steps");
    assert_eq!(buffer.dtype(), DType::F64);
    assert_eq!(buffer.to_vec::<f64>()?, [1.9; 2]);
    assert_eq!(
        q.data().to_vec::<f64>()?,
        [5.0 - 0.5 - 0.5 * 1.9, 6.0 - 0.5 - 0.5 * 1.9]
    );
    assert_eq!(p.dtype(), DType::F32);
    Ok(())
}

#[test]
fn a_parameter_with_a_name_is_called_by_it() -> Result<()> {
    let w = Parameter::new(tensor![1.0, 2.0]);
    let mut adam = Adam::new([("fc.weight", w.share())]);
    give_grad(&w)?;
    adam.step()?;
    w.set_data(Tensor::zeros([3]))?;
    give_grad(&w)?;
    let error = adam.step().unwrap_err().to_string();
    let expected = "Adam: parameter 'fc.weight' has size torch.Size([3]), but its exp_avg has size torch.Size([2])";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(w.data().to_vec::<f32>()?, [0.0; 3]);
    Ok(())
}

#[test]
fn a_gradient_of_the_old_shape_or_dtype_is_refused() -> Result<()> {
    for momentum in [0.0, 0.9] {
        let (p, q) = (
            Parameter::new(tensor![1.0, 2.0]),
            Parameter::new(tensor![3.0]),
        );
        let mut sgd = SGD::builder([p.share(), q.share()])
            .lr(0.5)
            .momentum(momentum)
            .build()?;
        give_grad(&p)?;
        // The graph still knows the old values; its gradient would come when the new ones are there.
        let loss = q.tensor().sum()?;
        q.set_data(tensor![1.0, 2.0, 3.0])?;
        assert_eq!(
            loss.backward().unwrap_err().to_string(),
            "Function AccumulateGrad returned an invalid gradient at index 0 - got [1] but expected shape compatible with [3]"
        );
        let loss = q.tensor().sum()?;
        q.set_data(q.data().double()?)?;
        assert!(loss.backward().is_err() && q.grad().is_none());
        sgd.step()?;
        assert_eq!(p.data().to_vec::<f32>()?, [0.5, 1.5]);
    }
    Ok(())
}

#[test]
fn a_dtype_that_cannot_be_stepped_changes_nothing() -> Result<()> {
    let (p, half) = (
        Parameter::new(tensor![1.0]),
        Parameter::new(Tensor::ones_of([1], DType::F16)),
    );
    let mut sgd = SGD::builder([p.share(), half.share()]).lr(0.5).build()?;
    give_grad(&p)?;
    give_grad(&half)?;
    refused(&mut sgd, &[&p, &half], "\"SGD\" not implemented for 'Half'");
    Ok(())
}

#[test]
fn without_momentum_or_gradient_a_parameter_may_change() -> Result<()> {
    let p = Parameter::new(tensor![1.0, 2.0]);
    let mut plain = SGD::builder([p.share()]).lr(0.5).build()?;
    give_grad(&p)?;
    plain.step()?;
    p.set_data(tensor![1.0, 2.0, 3.0])?;
    give_grad(&p)?;
    plain.step()?;
    assert_eq!(p.data().to_vec::<f32>()?, [0.5, 1.5, 2.5]);

    let (p, q, mut sgd) = after_a_step()?;
    q.set_data(Tensor::zeros([7]))?; // drops the gradient
    sgd.step()?;
    assert_eq!(q.data().to_vec::<f32>()?, [0.0; 7]);
    assert_ne!(p.data().to_vec::<f32>()?, [0.5, 1.5, 2.5]);
    // Built anew, the optimizer takes the parameter as it is.
    let mut fresh = SGD::builder([p, q.share()]).lr(0.5).momentum(0.9).build()?;
    give_grad(&q)?;
    fresh.step()?;
    assert_eq!(q.data().to_vec::<f32>()?, [-0.5; 7]);
    Ok(())
}

#[test]
fn a_parameter_in_two_groups_is_refused() -> Result<()> {
    let (p, q) = (Parameter::new(tensor![1.0]), Parameter::new(tensor![2.0]));
    let text = "some parameters appear in more than one parameter group";
    let groups = [
        SgdGroup::new([p.share(), q.share()]),
        SgdGroup::new([q.share()]),
    ];
    let error = SGD::with_groups(groups).build().unwrap_err();
    assert_eq!(error.to_string(), text);
    let mut sgd = SGD::new([p, q.share()]);
    assert_eq!(
        sgd.add_group(SgdGroup::new([q])).unwrap_err().to_string(),
        text
    );
    assert_eq!(sgd.parameters().len(), 1);
    Ok(())
}

#[test]
fn a_state_with_wrong_shapes_is_not_loaded() -> Result<()> {
    let (p, q, mut sgd) = after_a_step()?;
    let before = sgd.state_dict().to_string();
    for bad in [
        Tensor::zeros([3]),
        Tensor::zeros([1]),
        Tensor::zeros([2, 1]),
    ] {
        let mut state: OptimizerState = sgd.state_dict();
        let size = pleach_core::size_text(bad.shape());
        state.param_groups[0]
            .options
            .retain(|(name, _)| name != "lr");
        state.param_groups[0]
            .options
            .push(("lr".into(), StateValue::Float(9.0)));
        state
            .state
            .insert(1, vec![("momentum_buffer".into(), StateValue::Tensor(bad))]);
        let error = sgd.load_state_dict(&state).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "loaded state dict has a momentum_buffer of {size} for parameter 1 of torch.Size([2])"
            )
        );
        assert_eq!(sgd.state_dict().to_string(), before);
        assert_eq!(sgd.options(0)?.lr, 0.5);
    }
    // What was saved before a parameter grew does not fit it afterwards.
    let saved = sgd.state_dict();
    p.set_data(Tensor::zeros([4]))?;
    assert!(sgd.load_state_dict(&saved).is_err());
    give_grad(&q)?;
    sgd.step()?;
    Ok(())
}
