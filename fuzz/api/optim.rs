//! Optimizers.

use pleach::optim::{
    Adam, AdamGroup, AdamW, AdamWGroup, Optimizer, OptimizerState, SGD, SgdGroup, SgdOptions,
    StateValue, check_groups,
};
use pleach::{Parameter, Result};

use super::{Call, Program, call};

fn parameters(p: &mut Program) -> Result<Vec<Parameter>> {
    match p.bytes.flag() {
        true => Ok(p.module().parameters()),
        false => (0..p.bytes.below(4)).map(|_| p.parameter()).collect(),
    }
}

/// One of the optimizers, with options of its groups and of all.
macro_rules! build {
    ($p:ident, $optimizer:ident, $group:ident, [$($option:ident: $value:expr),*]) => {{
        let mut group = $group::new(parameters($p)?);
        $(if $p.bytes.flag() {
            group = group.$option($value);
        })*
        let mut builder = match $p.bytes.below(3) {
            0 => $optimizer::builder(parameters($p)?),
            1 => $optimizer::builder($p.module().named_parameters()).group(group),
            _ => $optimizer::with_groups([group, $group::new(parameters($p)?)]),
        };
        $(if $p.bytes.one_in(3) {
            builder = builder.$option($value);
        })*
        Box::new(builder.build()?)
    }};
}

fn build(p: &mut Program) -> Result<()> {
    let optimizer: Box<dyn Optimizer> = match p.bytes.below(3) {
        0 => build!(p, SGD, SgdGroup, [
            lr: p.bytes.float(), momentum: p.bytes.probability(), dampening: p.bytes.float(),
            weight_decay: p.bytes.float(), nesterov: p.bytes.flag(), maximize: p.bytes.flag()
        ]),
        1 => build!(p, Adam, AdamGroup, [
            lr: p.bytes.float(), betas: (p.bytes.probability(), p.bytes.probability()),
            eps: p.bytes.float(), weight_decay: p.bytes.float(), amsgrad: p.bytes.flag(),
            maximize: p.bytes.flag()
        ]),
        _ => build!(p, AdamW, AdamWGroup, [
            lr: p.bytes.float(), betas: (p.bytes.probability(), p.bytes.probability()),
            eps: p.bytes.float(), weight_decay: p.bytes.float(), amsgrad: p.bytes.flag(),
            maximize: p.bytes.flag()
        ]),
    };
    p.optimizers.truncate(4);
    p.optimizers.push(optimizer);
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
    let _ = sgd.state_dict().to_string();
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
        "RuleOptimizer::builder RuleOptimizer::with_groups RuleOptimizerBuilder::group \
         RuleOptimizerBuilder::build RuleOptimizerBuilder::lr RuleOptimizerBuilder::momentum \
         RuleOptimizerBuilder::dampening RuleOptimizerBuilder::weight_decay \
         RuleOptimizerBuilder::nesterov RuleOptimizerBuilder::maximize RuleOptimizerBuilder::betas \
         RuleOptimizerBuilder::eps RuleOptimizerBuilder::amsgrad Group::new Group::lr \
         Group::momentum Group::dampening Group::weight_decay Group::nesterov Group::maximize \
         Group::betas Group::eps Group::amsgrad",
        build,
    ),
    call("Optimizer::step Optimizer::parameters", step),
    call("Optimizer::step", step),
    call(
        "Optimizer::state_dict Optimizer::load_state_dict GroupState::get GroupState::number \
         GroupState::flag StateValue::number",
        states,
    ),
    call(
        "RuleOptimizer::add_group RuleOptimizer::options RuleOptimizer::state \
         RuleOptimizerBuilder::options Group::options RuleOptimizer::new",
        |p| {
            let (lr, at) = (p.bytes.float(), p.bytes.below(3));
            let options = SgdOptions {
                lr,
                ..SgdOptions::default()
            };
            let one = p.parameter()?;
            let mut sgd = SGD::new([one.share()]);
            let _ = SGD::builder(parameters(p)?).options(options).build();
            let _ = (
                sgd.add_group(SgdGroup::new(parameters(p)?).options(options)),
                sgd.to_string(),
            );
            let _ = (
                sgd.options(at).is_ok(),
                sgd.state(&one, "momentum_buffer").is_none(),
            );
            Ok(())
        },
    ),
    call(
        "Optimizer::lr Optimizer::set_lr Optimizer::set_lr_of_all Optimizer::initial_lr \
         Optimizer::option Optimizer::set_option Optimizer::coverage Optimizer::zero_grad \
         Coverage::is_complete check_groups",
        |p| {
            let (at, lr, group) = (p.bytes.below(5), p.bytes.float(), p.bytes.below(3));
            let model = p.module().named_parameters();
            let name = p
                .bytes
                .text(&["lr", "betas", "initial_lr", "fused", "param_names", "?"]);
            let value = StateValue::Float(p.bytes.float());
            let Some(optimizer) = p.optimizers.get_mut(at) else {
                return Ok(());
            };
            if optimizer.set_lr(group, lr).is_ok() {
                assert_eq!(optimizer.lr(group)?.to_bits(), lr.to_bits());
            }
            let _ = optimizer.set_option(group, name, value);
            let _ = (
                optimizer.option(group, name).is_ok(),
                optimizer.initial_lr(group).is_ok(),
            );
            let coverage = optimizer.coverage(&model);
            let _ = (coverage.is_complete(), coverage.to_string());
            optimizer.zero_grad();
            optimizer.set_lr_of_all(lr)?;
            check_groups(&optimizer.parameters())
        },
    ),
];
