//! [`SummaryRow`]: what a summary knows of a call of a module, from the calls of modules that a graph lists.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pleach_core::autograd::ModuleCall;
use pleach_core::autograd::trace::{Graph, TracedCall};
use pleach_core::{DType, Parameter};

use crate::module::display_name;
use crate::place::{Key, key};
use crate::{Listing, Module};

/// A call of a module in a [`Summary`](super::Summary), or a container whose children were called.
#[derive(Clone, Debug)]
pub struct SummaryRow {
    /// The module's path, `""` for the model itself.
    pub path: String,
    /// Its name in print.
    pub type_name: String,
    /// How deep it is in the tree; 0 for the model.
    pub depth: usize,
    /// Its number among the rows of its depth, from 1.
    pub index: usize,
    /// The shape of its input; `None` for a container that was not called itself.
    pub input: Option<Vec<usize>>,
    /// The shape of its output.
    pub output: Option<Vec<usize>>,
    /// The size of its output, 0 without one.
    pub output_bytes: usize,
    /// The number of elements of its parameters and its descendants'.
    pub parameters: usize,
    /// How many of them require a gradient.
    pub trainable: usize,
    /// How many of [`parameters`](Self::parameters) belong to no row below.
    pub own_parameters: usize,
    /// The multiply-adds of the call, with those of modules called in it.
    pub multiply_adds: u64,
    /// Those that no module called in it computes.
    pub own_multiply_adds: u64,
    /// Whether the module has appeared before: it is shared, or called again.
    pub recursive: bool,
    /// Whether it has no children.
    pub is_leaf: bool,
}

/// The size of a tensor; one that is expanded may have more elements than there are addresses.
pub(super) fn bytes_of(shape: &[usize], dtype: DType) -> usize {
    let elements: usize = shape.iter().product();
    elements.saturating_mul(dtype.size_of())
}

/// How many elements require a gradient.
pub(super) fn trainable(parameter: &Parameter) -> usize {
    match parameter.requires_grad() {
        true => parameter.numel(),
        false => 0,
    }
}

/// The rows, and what they are made from.
pub(super) struct Rows<'a> {
    graph: &'a Graph,
    modules: HashMap<String, &'a dyn Module>,
    rows: Vec<SummaryRow>,
    /// For each row, the parameters of the module and of all below it.
    parameters: Vec<Vec<Parameter>>,
    /// The paths of the rows around the last one, and its own.
    open: Vec<String>,
    seen: HashSet<Key>,
    /// The number of rows of each depth.
    counts: Vec<usize>,
}

/// The rows of the calls of `root` and of what is below it.
pub(super) fn rows(root: &dyn Module, graph: &Graph) -> Vec<SummaryRow> {
    let modules = root.named_modules_with(Listing::with_duplicates());
    let mut rows = Rows {
        graph,
        modules: modules.into_iter().collect(),
        rows: Vec::new(),
        parameters: Vec::new(),
        open: Vec::new(),
        seen: HashSet::new(),
        counts: Vec::new(),
    };
    let mut places = HashMap::new();
    for call in graph.calls() {
        if is_inside(graph, call.module()) {
            places.insert(Arc::as_ptr(call.module()), rows.add_call(call));
        }
    }
    for operation in graph.operations() {
        let mut own = true;
        for call in chain(operation.module()) {
            // What a module that is not in the tree computes counts for its caller.
            if let Some(&place) = places.get(&Arc::as_ptr(call)) {
                let row = &mut rows.rows[place];
                row.multiply_adds += operation.multiply_adds();
                if std::mem::take(&mut own) {
                    row.own_multiply_adds += operation.multiply_adds();
                }
            }
        }
    }
    rows.finish()
}

/// A call, and those around it.
fn chain(call: Option<&Arc<ModuleCall>>) -> impl Iterator<Item = &Arc<ModuleCall>> {
    std::iter::successors(call, |call| call.caller())
}

/// Whether a call is of a module in the tree of the first one.
fn is_inside(graph: &Graph, call: &Arc<ModuleCall>) -> bool {
    let root = chain(Some(call)).find(|call| call.path().is_empty());
    let first = graph.calls().first().map(TracedCall::module);
    root.zip(first).is_some_and(|(a, b)| Arc::ptr_eq(a, b))
}

impl Rows<'_> {
    /// Adds the row of a call after those of containers that were not called, and returns its place.
    fn add_call(&mut self, call: &TracedCall) -> usize {
        let path = call.module().path();
        let depth = depth_of(path);
        for (end, _) in path.match_indices('.') {
            let container = &path[..end];
            let depth = depth_of(container);
            if self.open.get(depth).is_none_or(|open| open != container) {
                self.add(container, depth);
            }
        }
        self.add(path, depth);
        let place = self.rows.len() - 1;
        let (graph, row) = (self.graph, &mut self.rows[place]);
        let input = call.inputs().first();
        row.input = input.map(|&value| graph.shape(value).to_vec());
        if let Some(&value) = call.outputs().first() {
            let shape = graph.shape(value);
            row.output_bytes = bytes_of(shape, graph.dtype(value));
            row.output = Some(shape.to_vec());
        }
        place
    }

    fn add(&mut self, path: &str, depth: usize) {
        self.open.truncate(depth);
        self.open.push(path.to_string());
        self.counts.resize(self.counts.len().max(depth + 1), 0);
        self.counts[depth] += 1;
        let module = self.modules.get(path).copied();
        let parameters = module.map(|m| m.parameters()).unwrap_or_default();
        self.rows.push(SummaryRow {
            path: path.to_string(),
            type_name: module.map_or("", display_name).to_string(),
            depth,
            index: self.counts[depth],
            input: None,
            output: None,
            output_bytes: 0,
            parameters: parameters.iter().map(Parameter::numel).sum(),
            trainable: parameters.iter().map(trainable).sum(),
            own_parameters: 0,
            multiply_adds: 0,
            own_multiply_adds: 0,
            // Of modules without a place nobody knows.
            recursive: module
                .map(key)
                .is_some_and(|k| k.0.is_some() && !self.seen.insert(k)),
            is_leaf: module.is_none_or(|m| m.children().is_empty()),
        });
        self.parameters.push(parameters);
    }

    /// Fills in what depends on the rows below.
    fn finish(mut self) -> Vec<SummaryRow> {
        for place in 0..self.rows.len() {
            let (row, below) = (&self.rows[place], &self.rows[place + 1..]);
            let below = below.iter().take_while(|r| r.depth > row.depth).count();
            let below = place + 1..place + 1 + below;
            let elsewhere = self.parameters[below.clone()].iter().flatten();
            let elsewhere: HashSet<_> = elsewhere.map(Parameter::id).collect();
            let own = self.parameters[place].iter();
            let own = own.filter(|p| !elsewhere.contains(&p.id()));
            let own = own.map(Parameter::numel).sum();
            let children = self.rows[below].iter().filter(|r| r.depth == row.depth + 1);
            let products = children.map(|r| r.multiply_adds).sum();
            let row = &mut self.rows[place];
            row.own_parameters = own;
            if row.output.is_none() {
                row.multiply_adds = products;
            }
        }
        self.rows
    }
}

fn depth_of(path: &str) -> usize {
    match path {
        "" => 0,
        path => path.split('.').count(),
    }
}
