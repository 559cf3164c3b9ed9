//! [`ModuleScope`]: the time in which a module is called.

use super::mode::mode;
use super::module_call::{ModuleCall, Within};
use super::{profiler, trace};
use crate::Tensor;

/// A call of a module that runs now; it ends when this is dropped.
#[doc(hidden)]
pub struct ModuleScope {
    /// Its place in the graph that is being made.
    traced: Option<usize>,
    _event: Option<profiler::Running>,
    _within: Within,
}

impl ModuleScope {
    /// Begins a call.
    pub fn enter(path: String, type_name: String, inputs: &[&Tensor]) -> Self {
        let call = ModuleCall::new(path, type_name);
        let mode = mode();
        ModuleScope {
            traced: mode.tracing.then(|| trace::begin_call(&call, inputs)),
            _event: mode.profiling.then(|| profiler::begin_call(&call, inputs)),
            _within: Within::new(Some(call)),
        }
    }

    /// Notes what it returns.
    pub fn returns(&self, outputs: &[&Tensor]) {
        if let Some(call) = self.traced {
            trace::end_call(call, outputs);
        }
    }
}
