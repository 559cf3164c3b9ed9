//! What looks at code while it runs: traces, profiles, summaries, the search for a NaN.

use pleach::autograd::profiler::{Profile, profile, record};
use pleach::autograd::trace::{is_tracing, trace};
use pleach::autograd::{Options, detect_anomaly, grad_allow_unused};
use pleach::nn::SummaryColumn;
use pleach::{Result, Tensor, summary, summary_of};

use super::{Call, Program, call};

/// A module's result, and maybe its gradient.
fn work(p: &mut Program) -> Result<Tensor> {
    let (module, x) = (p.module(), p.tensor()?);
    let y = module.call(&x)?;
    if p.bytes.flag() {
        let options = [Options::ONCE, Options::CREATE_GRAPH][p.bytes.below(2)];
        grad_allow_unused(&[&y.sum()?], &[&x], &[], options)?;
    }
    Ok(y)
}

fn traced(p: &mut Program) -> Result<()> {
    let (y, graph) = trace(|| {
        assert!(is_tracing());
        work(p)
    })?;
    for operation in graph.operations() {
        let inputs = operation.inputs().iter().flatten();
        for value in inputs.chain(operation.outputs()) {
            let both = Some((graph.shape(*value), graph.dtype(*value)));
            assert_eq!(graph.value(*value), both);
        }
        let _ = (
            operation.name(),
            operation.attributes(),
            operation.multiply_adds(),
        );
        let _ = operation.operation::<pleach::ElementWise>();
        if let Some(module) = operation.module() {
            assert!(!module.type_name().is_empty() && module.to_string().contains(module.path()));
            assert!(
                module
                    .caller()
                    .is_none_or(|caller| !caller.type_name().is_empty())
            );
        }
    }
    for call in graph.calls() {
        assert!(call.inputs().len() == 1 && call.outputs().len() == 1);
        assert!(!call.module().to_string().is_empty());
    }
    let known = graph.number_of(&y).is_some();
    assert!(known || graph.operations().is_empty());
    assert!(graph.constants().len() + graph.operations().len() > 0);
    p.keep(y)
}

fn checked(profile: &Profile) {
    let table = profile.by_operation();
    let calls: usize = table.rows().iter().map(|row| row.calls).sum();
    assert!(calls <= profile.events().len());
    let top = profile.events().iter().filter(|e| e.parent.is_none());
    assert!(table.total() <= top.map(|e| e.duration).sum());
    let modules = profile.by_module();
    assert!(
        modules
            .rows()
            .iter()
            .all(|row| row.self_forward <= row.forward)
    );
    assert!(modules.clone().depth(1).rows().len() <= modules.rows().len());
    assert!(profile.chrome_trace().starts_with('{'));
    assert!(!format!("{profile}{table}{modules}").is_empty());
}

pub const CALLS: &[Call] = &[
    call(
        "trace::trace trace::is_tracing Graph::operations Graph::calls Graph::constants \
         Graph::shape Graph::dtype Graph::value Graph::number_of TracedOperation::name \
         TracedOperation::attributes TracedOperation::operation TracedOperation::inputs TracedOperation::outputs \
         TracedOperation::multiply_adds TracedOperation::module TracedCall::inputs \
         TracedCall::outputs TracedCall::module ModuleCall::path ModuleCall::type_name \
         ModuleCall::caller",
        traced,
    ),
    call(
        "profiler::profile profiler::record Profile::events Profile::by_operation \
         Profile::by_module Profile::chrome_trace OperationTable::rows OperationTable::total \
         ModuleTable::rows ModuleTable::depth",
        |p| {
            let (y, profile) = profile(|| record("work", || work(p)))?;
            checked(&profile);
            p.keep(y)
        },
    ),
    call("autograd::detect_anomaly", |p| {
        let y = detect_anomaly(|| work(p))?;
        p.keep(y)
    }),
    call(
        "summary summary_of Summary::depth Summary::columns Summary::names Summary::non_trainable",
        |p| {
            let (module, x) = (p.module(), p.tensor()?);
            let _ = summary_of(&*module, |m| m.call(&x)).is_ok();
            let found = summary(&*module, &x)?;
            assert_eq!(found.parameters, module.num_parameters());
            assert!(found.non_trainable() <= found.parameters);
            let columns = [
                SummaryColumn::InputSize,
                SummaryColumn::OutputSize,
                SummaryColumn::Parameters,
                SummaryColumn::ParametersPercent,
                SummaryColumn::MultiplyAdds,
                SummaryColumn::Trainable,
            ];
            let columns = &columns[..p.bytes.below(7)];
            let depth = p.bytes.below(3);
            let table = found.depth(depth).columns(columns).names(p.bytes.flag());
            assert!(table.to_string().contains("Total params"));
            Ok(())
        },
    ),
];
