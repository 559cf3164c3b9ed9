//! [`apply`]: the one place that runs operations.

use std::borrow::BorrowMut;
use std::sync::Arc;

use smallvec::SmallVec;

use super::mode::{Mode, mode, with_mode};
use super::node::operation_node;
use super::operation::{Operation, Rules, Types};
use super::saved::{Call, Kept, Needs, Own, Saved, Saves, Slot};
use super::signature::{Inputs, Outputs};
use super::{ModuleCall, current_call, profiler, trace};
use crate::tensor::{History, InputGrads, Node, Step};
use crate::{DType, Result, Tensor};

type List<'a> = SmallVec<[Option<&'a Tensor>; 6]>;

/// Runs an operation on tensors, and records it if one of them needs a gradient.
///
/// # Errors
/// If the inputs do not fit the operation.
// What does not depend on the operation stands in functions of its own: this is compiled for each.
pub fn apply<O: Operation>(op: O, inputs: O::Inputs<'_>) -> Result<O::Outputs> {
    let list = inputs.list();
    let list = list.as_ref();
    let before = mode();
    if before.tracing || before.profiling || !fits(O::RULES, list) {
        return apply_fitted(op, list, before);
    }
    let mut own = Own::new(needs_of(list, before));
    // Of inputs without history nothing is recorded in any mode.
    let quiet = if own.wanted() { Mode::QUIET } else { before };
    let mut outputs = with_mode(quiet, || op.forward(inputs, &mut own))?;
    outputs.each(|outputs| {
        forget(outputs);
        if own.wanted() {
            record(op, list, list, before, own, outputs);
        }
    });
    Ok(outputs)
}

/// [`apply`] of inputs that have to be converted or made dense first, or while somebody listens.
#[cold]
fn apply_fitted<O: Operation>(
    op: O,
    given: &[Option<&Tensor>],
    before: Mode,
) -> Result<O::Outputs> {
    let _event = (before.profiling).then(|| profiler::begin_operation(op.name(), given));
    let promoted = promoted(O::RULES, given)?;
    let list = pick(given, &promoted);
    let (fitted, back) = with_mode(Mode::QUIET, || fitted(O::RULES, &list))?;
    let ready = pick(&list, &fitted);
    let mut own = Own::new(needs_of(&list, before));
    let mut outputs = with_mode(Mode::QUIET, || op.forward(O::Inputs::of(&ready), &mut own))?;
    outputs.each(|outputs| -> Result<()> {
        if let Some((wide, dtype)) = back {
            for t in outputs.iter_mut().filter(|t| t.dtype() == wide) {
                **t = with_mode(Mode::QUIET, || t.to_dtype(dtype))?;
            }
        }
        forget(outputs);
        if before.tracing {
            trace::add(Box::new(op.clone()), &list, outputs);
        }
        if own.wanted() {
            record(op, &list, &ready, before, own, outputs);
        }
        Ok(())
    })?;
    Ok(outputs)
}

/// What `forward` made of its inputs' handles has their history: it goes.
fn forget(outputs: &mut [&mut Tensor]) {
    for output in outputs {
        output.set_history(History::None);
    }
}

/// Records what [`forget`] has left. `ready` is `list` as `forward` saw it.
#[inline(never)]
fn record<O: Operation>(
    op: O,
    list: &[Option<&Tensor>],
    ready: &[Option<&Tensor>],
    before: Mode,
    own: Own,
    outputs: &mut [&mut Tensor],
) {
    let call = Call {
        needs: own.needs,
        inputs: list,
    };
    let (saves, name) = (op.saves(call), op.grad_name());
    let kept = keep(list, ready, saves, own, outputs);
    let module = before.is_watched().then(current_call).flatten();
    let step = Box::new(Recorded { kept, op, module });
    tie(step, name, O::RULES, list, outputs);
}

/// Whether the inputs can be taken as they are: all floats of one dtype, say, and dense.
#[inline]
fn fits(rules: Rules, list: &[Option<&Tensor>]) -> bool {
    !rules.dense && rules.types == Types::Any || all_fit(rules, list)
}

#[inline(never)]
fn all_fit(rules: Rules, list: &[Option<&Tensor>]) -> bool {
    let mut dtype = None;
    list.iter().flatten().all(|t| {
        let d = t.dtype();
        let types = match rules.types {
            Types::Any => true,
            Types::Widened => !d.is_half(),
            _ => matches!(d, DType::F32 | DType::F64) && *dtype.get_or_insert(d) == d,
        };
        types && (!rules.dense || t.is_contiguous())
    })
}

/// Inputs that were made to fit; empty if none was.
type Changed = SmallVec<[Option<Tensor>; 2]>;

fn pick<'a>(list: &[Option<&'a Tensor>], changed: &'a Changed) -> List<'a> {
    if changed.is_empty() {
        return SmallVec::from_slice(list);
    }
    let both = list.iter().zip(changed);
    both.map(|(t, c)| c.as_ref().or(*t)).collect()
}

/// Recorded conversions, to one dtype.
fn promoted(rules: Rules, list: &[Option<&Tensor>]) -> Result<Changed> {
    let Some(dtype) = common_type(rules.types, list) else {
        return Ok(Changed::new());
    };
    let convert = |t: &Option<&Tensor>| match t {
        Some(t) if t.dtype() != dtype => t.to_dtype(dtype).map(Some),
        _ => Ok(None),
    };
    list.iter().map(convert).collect()
}

/// The dtype that the inputs are promoted to, if any has another one. PyTorch's rule: a 0-d tensor
/// counts only if its category is higher.
fn common_type(types: Types, list: &[Option<&Tensor>]) -> Option<DType> {
    if matches!(types, Types::Any | Types::Widened) {
        return None;
    }
    let of = |zero: bool| {
        let some = list.iter().flatten().filter(|t| (t.rank() == 0) == zero);
        some.map(|t| t.dtype()).reduce(DType::promote)
    };
    let dtype = match (of(false), of(true)) {
        (Some(a), Some(b)) if b.category() > a.category() => b,
        (Some(a), _) => a,
        (None, b) => b?,
    };
    let dtype = match types == Types::Float && !dtype.is_float() {
        true => DType::F32,
        false => dtype,
    };
    list.iter()
        .flatten()
        .any(|t| t.dtype() != dtype)
        .then_some(dtype)
}

/// Conversions that are not recorded: to what the kernel computes in, and dense. Beside them the wide
/// dtype and the one that results are converted back to.
fn fitted(rules: Rules, list: &[Option<&Tensor>]) -> Result<(Changed, Option<(DType, DType)>)> {
    let wide = |d: DType| match d {
        _ if rules.types == Types::Any => d,
        d if d.is_half() => DType::F32,
        d if rules.types != Types::Widened && d.is_small_int() => DType::I64,
        d => d,
    };
    let mut back = None;
    let mut changed = Changed::new();
    for t in list {
        let Some(t) =
            t.filter(|t| wide(t.dtype()) != t.dtype() || rules.dense && !t.is_contiguous())
        else {
            changed.push(None);
            continue;
        };
        let to = wide(t.dtype());
        if to != t.dtype() {
            back = Some((to, t.dtype()));
        }
        let t = t.detach().to_dtype(to)?;
        changed.push(Some(if rules.dense { t.contiguous()? } else { t }));
    }
    Ok((changed, back))
}

#[inline]
fn needs_of(list: &[Option<&Tensor>], mode: Mode) -> Needs {
    if mode.grad { all_needs(list) } else { Needs(0) }
}

#[inline(never)]
fn all_needs(list: &[Option<&Tensor>]) -> Needs {
    let mut bits = 0;
    for (i, t) in list.iter().enumerate() {
        if t.is_some_and(Tensor::requires_grad) {
            bits |= 1 << i.min(63);
        }
    }
    Needs(bits)
}

/// What a node holds of an operation.
struct Recorded<O> {
    kept: Kept,
    op: O,
    /// The module in whose call it ran, if somebody listened.
    module: Option<Arc<ModuleCall>>,
}

impl<O: Operation> Step for Recorded<O> {
    fn backward(
        &self,
        node: &Arc<Node>,
        grads: &[Option<Tensor>],
        recording: bool,
    ) -> Result<InputGrads> {
        let saved = Saved {
            node,
            kept: &self.kept,
            recording,
        };
        Ok(match O::Outputs::grad(grads) {
            Some(grad) => collect(self.op.backward(&saved, grad)?.borrow_mut()),
            None => InputGrads::new(),
        })
    }

    fn has_saved(&self) -> bool {
        self.kept.once || !self.kept.values.is_empty()
    }

    fn module(&self) -> Option<&Arc<ModuleCall>> {
        self.module.as_ref()
    }
}

fn collect(grads: &mut [Option<Tensor>]) -> InputGrads {
    grads.iter_mut().map(Option::take).collect()
}

/// What is kept for backward.
fn keep(
    list: &[Option<&Tensor>],
    ready: &[Option<&Tensor>],
    saves: Saves,
    own: Own,
    outputs: &[&mut Tensor],
) -> Kept {
    let mut kept = Kept {
        once: saves.once,
        ..Kept::default()
    };
    let mut bits = saves.inputs;
    while bits != 0 {
        let i = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        if let Some(Some(t)) = list.get(i) {
            // The dense copy, unless it was also converted.
            let dense = ready[i].filter(|r| r.dtype() == t.dtype()).unwrap_or(t);
            kept.values
                .push((Slot::Input(i as u8), dense.value().clone()));
        }
    }
    let mut bits = saves.outputs;
    while bits != 0 {
        let i = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        if let Some(t) = outputs.get(i) {
            kept.values.push((Slot::Output(i as u8), t.value().clone()));
        }
    }
    for (i, t) in own.values.iter().enumerate() {
        kept.values.push((Slot::Own(i as u8), t.value().clone()));
    }
    kept
}

/// Ties the outputs to the inputs.
fn tie(
    step: Box<dyn Step>,
    grad_name: &'static str,
    rules: Rules,
    list: &[Option<&Tensor>],
    outputs: &mut [&mut Tensor],
) {
    let node = operation_node(list, outputs.len(), grad_name, rules.view, step);
    for (i, t) in outputs.iter_mut().enumerate() {
        // Integer outputs (indices) carry no gradient.
        if t.dtype().is_float() && (i == 0 || !rules.first_only) {
            t.set_history(History::Op {
                node: node.clone(),
                output: i as u32,
            });
        }
    }
}
