//! [`profile`]: where time and memory go, by operation and by module.

mod chrome;
mod table;

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pleach_kernels::buffer::held_bytes;

pub use self::table::{ModuleAverage, ModuleTable, OperationAverage, OperationTable};
use super::mode::{Mode, mode, with_mode};
use super::module_call::{ModuleCall, current_call};
use crate::shape::Shape;
use crate::{Result, Tensor};

/// What an [`Event`] is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An operation; within a step of backward, one of those that compute its gradients.
    Operation,
    /// A step of backward: all that computes the gradients of one operation.
    Backward,
    /// A call of a module.
    Module,
    /// What [`record`] was given.
    Record,
}

/// Something that took time.
#[derive(Clone, Debug)]
pub struct Event {
    /// The operation's name, that of its step of backward (`ConvolutionBackward0`), a module's path and
    /// type, or the name that [`record`] was given.
    pub name: Cow<'static, str>,
    /// What it is.
    pub kind: EventKind,
    /// When it began, from the start of the profile.
    pub start: Duration,
    /// How long it took, with all that ran in it.
    pub duration: Duration,
    /// The bytes that were allocated by this thread in it, less those that were freed.
    pub memory: i64,
    /// The shapes of its inputs, or of the gradients for a step of backward; `[]` for what was not given.
    pub shapes: Vec<Shape>,
    /// The innermost module that was being called; for a step of backward the one of its forward.
    pub module: Option<Arc<ModuleCall>>,
    /// The event in which it ran, by its place.
    pub parent: Option<usize>,
}

/// What some code spent its time on.
///
/// Its text is the table by operation, PyTorch's `prof.key_averages().table()`.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    events: Vec<Event>,
}

impl Profile {
    /// The events, in the order in which they began.
    pub fn events(&self) -> &[Event] {
        &self.events
    }
}

struct Recorder {
    events: Vec<Event>,
    /// Those that have not ended.
    open: Vec<usize>,
    start: Instant,
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Runs `f` and notes how long each operation and each module on this thread took, forward and
/// backward, and what memory it got.
///
/// Operations that are fused or packed for inference run as they do without a profile, under the name
/// of the first. Work that is no operation (optimizers, loading of data) appears if it is [`record`]ed.
///
/// ```
/// use pleach::{Tensor, autograd::profiler};
/// let a = Tensor::ones([64, 64]).requires_grad_(true)?;
/// let (_, profile) = profiler::profile(|| a.mm(&a)?.sum()?.backward())?;
/// let rows = profile.by_operation();
/// let row = rows.rows().iter().find(|row| row.name == "MmBackward0").unwrap();
/// assert_eq!(row.calls, 1);
/// println!("{profile}");
/// std::fs::write(std::env::temp_dir().join("trace.json"), profile.chrome_trace()).unwrap();
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As `f`.
pub fn profile<R>(f: impl FnOnce() -> Result<R>) -> Result<(R, Profile)> {
    let recorder = Recorder {
        events: Vec::new(),
        open: Vec::new(),
        start: Instant::now(),
    };
    let outer = RECORDER.replace(Some(recorder));
    let profiling = Mode {
        profiling: true,
        ..mode()
    };
    let result = with_mode(profiling, f);
    let recorder = RECORDER.replace(outer);
    let events = recorder.map_or_else(Vec::new, |r| r.events);
    Ok((result?, Profile { events }))
}

/// Runs `f` as an event of its own in a [`profile`]: PyTorch's `record_function`. Outside one it only
/// runs `f`.
///
/// ```
/// use pleach::{Tensor, autograd::profiler};
/// let (_, profile) = profiler::profile(|| {
///     profiler::record("two sums", || Tensor::ones([4]).sum()?.add(&Tensor::ones([4]).sum()?))
/// })?;
/// let names: Vec<_> = profile.events().iter().map(|event| &*event.name).collect();
/// assert_eq!(names, ["two sums", "sum", "sum", "add"]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn record<R>(name: impl Into<Cow<'static, str>>, f: impl FnOnce() -> R) -> R {
    let _event = mode()
        .profiling
        .then(|| Running::begin(name.into(), EventKind::Record, Vec::new(), current_call()));
    f()
}

/// Runs `f`, which computes an operation outside [`apply`](super::apply), as an event.
#[doc(hidden)]
pub fn record_operation<R>(
    name: &'static str,
    inputs: &[Option<&Tensor>],
    f: impl FnOnce() -> R,
) -> R {
    let _event = mode().profiling.then(|| begin_operation(name, inputs));
    f()
}

/// An event that has not ended; it does when this is dropped.
pub(super) struct Running {
    place: usize,
    start: Instant,
    held: i64,
}

impl Running {
    #[cold]
    fn begin(
        name: Cow<'static, str>,
        kind: EventKind,
        shapes: Vec<Shape>,
        module: Option<Arc<ModuleCall>>,
    ) -> Self {
        let place = RECORDER.with_borrow_mut(|recorder| {
            let recorder = recorder.as_mut()?;
            let place = recorder.events.len();
            recorder.events.push(Event {
                name,
                kind,
                start: Duration::ZERO,
                duration: Duration::ZERO,
                memory: 0,
                shapes,
                module,
                parent: recorder.open.last().copied(),
            });
            recorder.open.push(place);
            Some(place)
        });
        Running {
            place: place.unwrap_or(usize::MAX),
            held: held_bytes(),
            start: Instant::now(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (duration, memory) = (self.start.elapsed(), held_bytes() - self.held);
        RECORDER.with_borrow_mut(|recorder| {
            let Some(recorder) = recorder else { return };
            if let Some(event) = recorder.events.get_mut(self.place) {
                event.start = self.start.saturating_duration_since(recorder.start);
                event.duration = duration;
                event.memory = memory;
                recorder.open.pop();
            }
        });
    }
}

fn shapes<'a>(tensors: impl Iterator<Item = Option<&'a Tensor>>) -> Vec<Shape> {
    tensors
        .map(|t| t.map_or_else(Shape::new, Tensor::shape_vec))
        .collect()
}

pub(super) fn begin_operation(name: &'static str, inputs: &[Option<&Tensor>]) -> Running {
    let shapes = shapes(inputs.iter().copied());
    Running::begin(name.into(), EventKind::Operation, shapes, current_call())
}

pub(super) fn begin_backward(name: &'static str, grads: &[Option<Tensor>]) -> Running {
    let shapes = shapes(grads.iter().map(Option::as_ref));
    Running::begin(name.into(), EventKind::Backward, shapes, current_call())
}

pub(super) fn begin_call(call: &Arc<ModuleCall>, inputs: &[&Tensor]) -> Running {
    let shapes = shapes(inputs.iter().map(|t| Some(*t)));
    let name = call.to_string().into();
    Running::begin(name, EventKind::Module, shapes, Some(call.clone()))
}
