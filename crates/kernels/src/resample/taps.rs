//! The table of an axis: which neighbours an element is made of, and their weights.

use std::ops::Range;

use crate::Float;

/// For each element of an axis of the output the neighbours in the input that it is the sum of, which
/// lie side by side, and their weights.
#[derive(Clone, Debug)]
pub struct Taps<T> {
    input: usize,
    /// For each output the first neighbour.
    first: Vec<usize>,
    /// Where the weights of each output begin; and where those of the last end.
    at: Vec<usize>,
    weights: Vec<T>,
    /// Outputs in a row that have the same number of neighbours.
    runs: Vec<Run>,
}

/// Outputs in a row that have the same number of neighbours.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) count: usize,
    pub(super) outputs: Range<usize>,
}

impl<T: Float> Taps<T> {
    /// The table of an axis of `input` elements that becomes one of `output`: `neighbours(i, weights)`
    /// adds the weights of element `i`, and says which neighbour has the first of them.
    ///
    /// # Panics
    /// If there are neighbours beyond the axis.
    pub fn new(
        input: usize,
        output: usize,
        mut neighbours: impl FnMut(usize, &mut Vec<T>) -> usize,
    ) -> Self {
        let mut taps = Taps {
            input,
            first: Vec::with_capacity(output),
            at: Vec::with_capacity(output + 1),
            weights: Vec::with_capacity(2 * output),
            runs: Vec::new(),
        };
        for i in 0..output {
            let start = taps.weights.len();
            let first = neighbours(i, &mut taps.weights);
            let count = taps.weights.len() - start;
            assert!(
                first <= input && count <= input - first,
                "Taps: {count} neighbours from {first} of {input}"
            );
            taps.first.push(first);
            taps.at.push(start);
            match taps.runs.last_mut() {
                Some(run) if run.count == count => run.outputs.end = i + 1,
                _ => taps.runs.push(Run {
                    count,
                    outputs: i..i + 1,
                }),
            }
        }
        taps.at.push(taps.weights.len());
        taps
    }

    /// The size of the input's axis.
    pub fn input(&self) -> usize {
        self.input
    }

    /// The size of the output's axis.
    pub fn output(&self) -> usize {
        self.first.len()
    }

    /// The table of the gradient: the outputs that each input was added to become its neighbours.
    pub fn transposed(&self) -> Self {
        // For each input the outputs from the first to the last that it was added to.
        let mut range = vec![(usize::MAX, 0); self.input];
        for i in 0..self.output() {
            let (first, weights) = self.of(i);
            for outputs in &mut range[first..first + weights.len()] {
                *outputs = (outputs.0.min(i), i + 1);
            }
        }
        Taps::new(self.output(), self.input, |j, weights| {
            let (start, end) = range[j];
            if start >= end {
                return 0;
            }
            weights.extend((start..end).map(|i| {
                let (first, own) = self.of(i);
                j.checked_sub(first)
                    .and_then(|k| own.get(k))
                    .map_or(T::ZERO, |w| *w)
            }));
            start
        })
    }

    /// The first neighbour of an output, and the weights from there on.
    #[inline(always)]
    pub(super) fn of(&self, i: usize) -> (usize, &[T]) {
        (self.first[i], &self.weights[self.at[i]..self.at[i + 1]])
    }

    /// Whether each output is one of the inputs.
    pub(super) fn copies(&self) -> bool {
        let ones = || self.weights.iter().all(|w| *w == T::ONE);
        self.runs.iter().all(|run| run.count == 1) && ones()
    }

    /// All outputs, in order.
    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The number of neighbours of each of a run's outputs, the first ones, and all weights.
    #[inline(always)]
    pub(super) fn of_run(&self, run: &Run) -> (usize, &[usize], &[T]) {
        let Range { start, end } = run.outputs;
        let weights = &self.weights[self.at[start]..self.at[end]];
        (run.count, &self.first[start..end], weights)
    }

    /// The inputs that some outputs are made of: the first one, and one past the last.
    pub(super) fn sources(&self, [from, to]: [usize; 2]) -> [usize; 2] {
        let (mut first, mut end) = (self.input, 0);
        for i in from..to {
            let (start, weights) = self.of(i);
            if !weights.is_empty() {
                first = first.min(start);
                end = end.max(start + weights.len());
            }
        }
        [first.min(end), end]
    }
}
