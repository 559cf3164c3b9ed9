//! Optimizers.

use pleach::optim::{Optimizer, OptimizerState, SGD, SgdGroup, StateValue, check_groups};
use pleach::{Parameter, Result};

use super::{Call, Program, call};

fn parameters(p: &mut Program) -> Result<Vec<Parameter>> {
    match p.bytes.flag() {
        true => Ok(p.module().parameters()),
        false => (0..p.bytes.below(4)).map(|_| p.parameter()).collect(),
    }
}

fn build(p: &mut Program) -> Result<()> {
    let lr = p.bytes.float();
    let mut sgd = match p.bytes.flag() {
        true => SGD::new(parameters(p)?, lr),
        false => {
            let group = SgdGroup::new(parameters(p)?)
                .lr(p.bytes.float())
                .momentum(p.bytes.probability())
                .dampening(p.bytes.probability())
                .weight_decay(p.bytes.probability())
                .nesterov(p.bytes.flag())
                .maximize(p.bytes.flag());
            SGD::with_groups([group, SgdGroup::new(parameters(p)?)], lr)
        }
    };
    if p.bytes.flag() {
        sgd = sgd
            .momentum(p.bytes.probability())
            .dampening(p.bytes.float());
    }
    if p.bytes.one_in(3) {
        sgd = sgd.weight_decay(p.bytes.float()).lr(p.bytes.float());
        sgd = sgd.nesterov(p.bytes.flag()).maximize(p.bytes.flag());
    }
    if p.bytes.flag() {
        sgd = sgd.build()?;
    }
    p.optimizers.truncate(4);
    p.optimizers.push(sgd);
    Ok(())
}

/// Steps an optimizer, after changes of its parameters that may not suit it.
fn step(p: &mut Program) -> Result<()> {
    let at = p.bytes.below(5);
    let held: Vec<Parameter> = match p.optimizers.get(at) {
        None => return build(p),
        Some(sgd) => sgd
            .parameters()
            .into_iter()
            .flatten()
            .map(Parameter::share)
            .collect(),
    };
    for parameter in &held {
        match p.bytes.below(8) {
            0 => drop(parameter.set_data(p.tensor()?)),
            1 => parameter.zero_grad(),
            2 => drop(parameter.set_requires_grad(p.bytes.flag())),
            _ => {
                let grad = p.same_shape(&parameter.tensor())?;
                let _ = parameter.set_grad(Some(grad));
            }
        }
    }
    let sgd = &mut p.optimizers[at];
    let before: Vec<Vec<usize>> = held.iter().map(Parameter::shape).collect();
    let result = sgd.step();
    let after: Vec<Vec<usize>> = held.iter().map(Parameter::shape).collect();
    assert_eq!(before, after, "a step changes no shape");
    if let Some(first) = held.first() {
        let buffer = sgd.momentum_buffer(first);
        assert!(buffer.is_none_or(|b| result.is_err() || !b.shape().is_empty() || b.rank() == 0));
    }
    let _ = (sgd.to_string(), sgd.state_dict().to_string());
    result
}

fn states(p: &mut Program) -> Result<()> {
    let (from, to) = (p.bytes.below(5), p.bytes.below(5));
    let mut state = match p.optimizers.get(from) {
        Some(sgd) => sgd.state_dict(),
        None => OptimizerState::default(),
    };
    let name = p.bytes.text(&[
        "lr",
        "momentum",
        "nesterov",
        "params",
        "momentum_buffer",
        "?",
    ]);
    let value = match p.bytes.below(6) {
        0 => StateValue::None,
        1 => StateValue::Int(p.bytes.whole()),
        2 => StateValue::Bool(p.bytes.flag()),
        3 => StateValue::Str("1".to_string()),
        4 => StateValue::List(vec![StateValue::Float(p.bytes.float())]),
        _ => StateValue::Tensor(p.tensor()?),
    };
    match p.bytes.below(5) {
        0 => drop(
            state
                .state
                .insert(p.bytes.size(), vec![(name.to_string(), value)]),
        ),
        1 => state.param_groups.clear(),
        2 => {
            for group in &mut state.param_groups {
                group.params.push(p.bytes.size());
                group.options.retain(|o| o.0 != name);
                group.options.push((name.to_string(), value.clone()));
            }
        }
        _ => {}
    }
    for group in &state.param_groups {
        let _ = (
            group.get(name).is_some(),
            group.number(name).is_ok(),
            group.flag(name).is_ok(),
        );
    }
    let _ = format!("{state} {state:?}");
    match p.optimizers.get_mut(to) {
        Some(sgd) => sgd.load_state_dict(&state),
        None => Ok(()),
    }
}

pub const CALLS: &[Call] = &[
    call(
        "SGD::new SGD::with_groups SGD::build SGD::lr SGD::momentum SGD::dampening \
         SGD::weight_decay SGD::nesterov SGD::maximize SgdGroup::new SgdGroup::lr \
         SgdGroup::momentum SgdGroup::dampening SgdGroup::weight_decay SgdGroup::nesterov \
         SgdGroup::maximize",
        build,
    ),
    call(
        "Optimizer::step Optimizer::parameters SGD::momentum_buffer",
        step,
    ),
    call("Optimizer::step SGD::momentum_buffer", step),
    call(
        "Optimizer::state_dict Optimizer::load_state_dict GroupState::get GroupState::number \
         GroupState::flag",
        states,
    ),
    call(
        "SGD::add_group SGD::set_lr SGD::options SGD::try_options SGD::set_group_lr \
         SGD::try_set_group_lr Optimizer::coverage \
         Optimizer::zero_grad Coverage::is_complete check_groups",
        |p| {
            let (at, lr) = (p.bytes.below(5), p.bytes.float());
            let more = parameters(p)?;
            let model = p.module().named_parameters();
            let Some(sgd) = p.optimizers.get_mut(at) else {
                return Ok(());
            };
            sgd.set_lr(lr);
            sgd.set_group_lr(0, lr);
            sgd.try_set_group_lr(at, lr)
                .or_else(|_| sgd.try_set_group_lr(0, lr))?;
            assert_eq!(
                sgd.options(0).lr.to_bits(),
                sgd.try_options(0)?.lr.to_bits()
            );
            let coverage = sgd.coverage(&model);
            let _ = (coverage.is_complete(), coverage.to_string());
            sgd.zero_grad();
            sgd.add_group(SgdGroup::new(more));
            check_groups(&sgd.parameters())
        },
    ),
];
