//! Softmax and cross entropy in one: from scores to losses and back, without a tensor of
//! probabilities in between.
//!
//! Forward keeps two numbers for each position: the maximum of its scores, and the logarithm of the
//! sum of their exponentials relative to it. (One number, their sum, would lose the digits of a
//! small loss where scores are large.)

use std::ops::Range;

use crate::float::{of_type, run_math};
use crate::isa::MathLoop;
use crate::math::MulAdd;
use crate::softmax::rows::{row_max, row_sum};
use crate::threads::Disjoint;
use crate::{Float, Isa, parallel_for};

mod columns;

use columns::{COLUMNS, Part, softmax_columns};

/// Elements that one thread takes at least.
const TASK: usize = 1 << 13;

/// What a [`CrossEntropy`] compares with.
#[derive(Copy, Clone, Debug)]
pub enum CrossEntropyTarget<'a, T> {
    /// A class for each position.
    Classes {
        /// `[batch, spatial]` classes, or `ignore_index`; the caller has checked them.
        classes: &'a [i64],
        /// The class that counts for nothing.
        ignore_index: i64,
    },
    /// The probability of each class, `[batch, classes, spatial]`.
    Probabilities(&'a [T]),
}

/// Targets and settings of a cross entropy. Scores are `[batch, classes, spatial]`.
///
/// With `p` the softmax of the scores and `q = (1 - e) * target + e / classes` for a smoothing `e`,
/// where the target of a class is 1 for that class and 0 for others, the loss of a position is
/// `-sum of weight * q * ln(p)`.
///
/// ```
/// use pleach_kernels::{CrossEntropy, CrossEntropyTarget};
/// let loss = CrossEntropy {
///     batch: 2, classes: 2, spatial: 1,
///     target: CrossEntropyTarget::Classes { classes: &[1, -100], ignore_index: -100 },
///     weight: None, label_smoothing: 0.0,
/// };
/// let scores = [0.0f64, 0.0, 5.0, 7.0];
/// let [mut losses, mut weights, mut max, mut log_sum] = [[0.0; 2]; 4];
/// loss.forward(&scores, &mut losses, &mut weights, &mut max, &mut log_sum);
/// assert_eq!((losses, weights), ([2f64.ln(), 0.0], [1.0, 0.0]));
/// let mut grad = [0.0; 4];
/// loss.backward(&scores, &max, &log_sum, &[1.0, 1.0], &mut grad);
/// assert_eq!(grad, [0.5, -0.5, 0.0, 0.0]);
/// ```
#[derive(Copy, Clone, Debug)]
pub struct CrossEntropy<'a, T> {
    /// Samples.
    pub batch: usize,
    /// Classes.
    pub classes: usize,
    /// Positions in a sample, each with a target of its own.
    pub spatial: usize,
    /// What to compare with.
    pub target: CrossEntropyTarget<'a, T>,
    /// `[classes]` weights; all 1 if there are none.
    pub weight: Option<&'a [T]>,
    /// How much of the target is spread over all classes.
    pub label_smoothing: f64,
}

impl<T: Float> CrossEntropy<'_, T> {
    fn check(&self, scores: &[usize], positions: &[usize]) {
        let (batch, classes, spatial) = (self.batch, self.classes, self.spatial);
        let count = batch.checked_mul(spatial);
        let all = count.and_then(|count| count.checked_mul(classes));
        for len in scores {
            assert_eq!(
                Some(*len),
                all,
                "CrossEntropy: {len} scores are not [{batch}, {classes}, {spatial}]"
            );
        }
        for len in positions {
            assert_eq!(
                Some(*len),
                count,
                "CrossEntropy: {len} positions are not [{batch}, {spatial}]"
            );
        }
        match self.target {
            CrossEntropyTarget::Classes { classes, .. } => assert_eq!(
                Some(classes.len()),
                count,
                "CrossEntropy: targets are not [{batch}, {spatial}]"
            ),
            CrossEntropyTarget::Probabilities(p) => assert_eq!(
                Some(p.len()),
                all,
                "CrossEntropy: targets are not [{batch}, {classes}, {spatial}]"
            ),
        }
        if let Some(weight) = self.weight {
            assert_eq!(
                weight.len(),
                classes,
                "CrossEntropy: weights are not [{classes}]"
            );
        }
    }

    /// The loss of each position, and the weight with which it counts in a mean (that of its class,
    /// 0 if it is ignored; 1 for probabilities); and what [`backward`](Self::backward) needs: the
    /// greatest score, and the logarithm of the sum of exponentials of the differences to it. All
    /// are `[batch, spatial]`.
    ///
    /// # Panics
    /// If a length does not fit, or a target is no class.
    pub fn forward(
        &self,
        scores: &[T],
        losses: &mut [T],
        weights: &mut [T],
        max: &mut [T],
        log_sum: &mut [T],
    ) {
        let outputs = [losses, weights, max, log_sum];
        (loops().forward)(self, Isa::current(), scores, outputs);
    }

    fn forward_with(&self, isa: Isa, scores: &[T], outputs: [&mut [T]; 4]) {
        self.check(&[scores.len()], &outputs.each_ref().map(|o| o.len()));
        let outputs = outputs.map(Disjoint::new);
        self.for_each_group(scores, |group, positions| {
            // SAFETY: each group has positions of its own.
            let outputs = (outputs.each_ref())
                .map(|out| unsafe { out.slice(positions.start, positions.len()) });
            run_math::<T, _>(isa, Forward { group, outputs });
        });
    }

    /// The gradient of the scores, `[batch, classes, spatial]`, for `grad_losses`, the gradient of
    /// each loss, `[batch, spatial]`; `max` and `log_sum` are what [`forward`](Self::forward) gave.
    ///
    /// # Panics
    /// If a length does not fit, or a target is no class.
    pub fn backward(
        &self,
        scores: &[T],
        max: &[T],
        log_sum: &[T],
        grad_losses: &[T],
        grad: &mut [T],
    ) {
        let saved = [max, log_sum, grad_losses];
        (loops().backward)(self, Isa::current(), scores, saved, grad);
    }

    fn backward_with(&self, isa: Isa, scores: &[T], saved: [&[T]; 3], grad: &mut [T]) {
        self.check(&[scores.len(), grad.len()], &saved.map(<[T]>::len));
        let grad = Disjoint::new(grad);
        self.for_each_group(scores, |group, positions| {
            let saved = saved.map(|s| &s[positions.clone()]);
            let grad = &grad;
            run_math::<T, _>(isa, Backward { group, saved, grad });
        });
    }

    /// Calls `f(group, its positions)` for groups of positions of one sample.
    fn for_each_group(&self, scores: &[T], f: impl Fn(Group<'_, T>, Range<usize>) + Sync) {
        if self.batch * self.spatial == 0 {
            return;
        }
        let groups = self.spatial.div_ceil(COLUMNS);
        let each = (TASK / (self.classes * self.spatial.min(COLUMNS)).max(1)).max(1);
        let total = self.batch * groups;
        let mix = Mix::new(self);
        parallel_for(total.div_ceil(each), |task| {
            for i in task * each..total.min((task + 1) * each) {
                let (sample, first) = (i / groups, i % groups * COLUMNS);
                let start = sample * self.spatial + first;
                let group = Group {
                    call: self,
                    mix: &mix,
                    scores,
                    sample,
                    first,
                };
                f(group, start..start + COLUMNS.min(self.spatial - first));
            }
        });
    }

    /// The class and weight of a position, if it is not ignored and there are classes.
    #[inline(always)]
    fn class(&self, position: usize) -> Option<(usize, T)> {
        let CrossEntropyTarget::Classes {
            classes,
            ignore_index,
        } = self.target
        else {
            return None;
        };
        let target = classes[position];
        if target == ignore_index {
            return None;
        }
        let class = usize::try_from(target).ok().filter(|c| *c < self.classes);
        let class = class.unwrap_or_else(|| {
            panic!(
                "CrossEntropy: target {target} is no class of {}",
                self.classes
            )
        });
        Some((class, self.weight.map_or(T::ONE, |w| w[class])))
    }
}

type ForwardFn<T> = fn(&CrossEntropy<'_, T>, Isa, &[T], [&mut [T]; 4]);
type BackwardFn<T> = fn(&CrossEntropy<'_, T>, Isa, &[T], [&[T]; 3], &mut [T]);

/// What is compiled here, once for each float.
struct Loops<T: 'static> {
    forward: ForwardFn<T>,
    backward: BackwardFn<T>,
}

impl<T: Float> Loops<T> {
    const NEW: Self = Loops {
        forward: |call, isa, scores, outputs| call.forward_with(isa, scores, outputs),
        backward: |call, isa, scores, saved, grad| call.backward_with(isa, scores, saved, grad),
    };
}

fn loops<T: Float>() -> &'static Loops<T> {
    static F32: Loops<f32> = Loops::NEW;
    static F64: Loops<f64> = Loops::NEW;
    of_type(&F32, &F64)
}

/// How targets are mixed with the uniform distribution.
struct Mix<T> {
    /// 1 - e
    keep: T,
    /// e / classes
    spread: T,
    smooths: bool,
    /// The sum of all weights; 0 without smoothing.
    weight_sum: T,
}

impl<T: Float> Mix<T> {
    fn new(call: &CrossEntropy<'_, T>) -> Self {
        let e = call.label_smoothing;
        let total = match call.weight {
            Some(weight) => weight.iter().map(|w| w.to_f64()).sum(),
            None => call.classes as f64,
        };
        Mix {
            keep: T::from_f64(1.0 - e),
            spread: T::from_f64(e / call.classes as f64),
            smooths: e != 0.0,
            // Not multiplied with 0 without smoothing: it may be infinite.
            weight_sum: if e == 0.0 {
                T::ZERO
            } else {
                T::from_f64(total)
            },
        }
    }
}

/// Neighbouring positions of a sample.
#[derive(Copy, Clone)]
struct Group<'a, T> {
    call: &'a CrossEntropy<'a, T>,
    mix: &'a Mix<T>,
    scores: &'a [T],
    sample: usize,
    first: usize,
}

impl<'a, T: Float> Group<'a, T> {
    /// Where the values of a class begin.
    #[inline(always)]
    fn start(&self, class: usize) -> usize {
        (self.sample * self.call.classes + class) * self.call.spatial + self.first
    }

    #[inline(always)]
    fn row(&self, values: &'a [T], class: usize, columns: usize) -> &'a [T] {
        &values[self.start(class)..][..columns]
    }

    #[inline(always)]
    fn weight(&self, class: usize) -> T {
        self.call.weight.map_or(T::ONE, |w| w[class])
    }

    /// All values of a sample with one position.
    #[inline(always)]
    fn sample(&self, values: &'a [T]) -> &'a [T] {
        &values[self.sample * self.call.classes..][..self.call.classes]
    }
}

struct Forward<'a, T> {
    group: Group<'a, T>,
    /// Losses, weights, maxima, logarithms of sums.
    outputs: [&'a mut [T]; 4],
}

impl<T: Float> MathLoop for Forward<'_, T> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let [losses, weights, max, log_sum] = self.outputs;
        let group = self.group;
        if group.call.spatial == 1 {
            let x = group.sample(group.scores);
            max[0] = row_max(x);
            let shift = max[0];
            log_sum[0] = row_sum(x, x, |v, _| (v - shift).exp::<M>()).ln::<M>();
        } else {
            let columns = max.len();
            let rows = (0..group.call.classes).map(|c| group.row(group.scores, c, columns));
            softmax_columns::<T, M>(rows, max, log_sum);
        }
        match group.call.target {
            CrossEntropyTarget::Classes { .. } => {
                class_losses(&group, [max, log_sum], losses, weights);
            }
            CrossEntropyTarget::Probabilities(target) => {
                weights.fill(T::ONE);
                probability_losses(&group, target, [max, log_sum], losses);
            }
        }
    }
}

#[inline(always)]
fn class_losses<T: Float>(
    group: &Group<'_, T>,
    [max, log_sum]: [&[T]; 2],
    losses: &mut [T],
    weights: &mut [T],
) {
    let (call, mix) = (group.call, group.mix);
    // The loss of the uniform part.
    losses.fill(T::ZERO);
    if mix.smooths && call.spatial == 1 {
        let (x, total) = (group.sample(group.scores), max[0] + log_sum[0]);
        losses[0] = match call.weight {
            Some(w) => row_sum(x, w, |v, w| w * (total - v)),
            None => row_sum(x, x, |v, _| total - v),
        };
    } else if mix.smooths {
        let mut part = Part::new();
        for class in 0..call.classes {
            let row = group.row(group.scores, class, max.len());
            let w = group.weight(class);
            let inputs = row.iter().zip(max).zip(log_sum);
            for (loss, ((v, max), log)) in part.sums.iter_mut().zip(inputs) {
                *loss += w * (*max - *v + *log);
            }
            part.end_row(losses);
        }
        part.flush(losses);
    }
    for (i, (loss, weight)) in losses.iter_mut().zip(weights).enumerate() {
        (*loss, *weight) = match call.class(group.sample * call.spatial + group.first + i) {
            None => (T::ZERO, T::ZERO),
            Some((class, w)) => {
                let v = group.scores[group.start(class) + i];
                let own = w * (max[i] - v + log_sum[i]);
                (mix.keep * own + mix.spread * *loss, w)
            }
        };
    }
}

#[inline(always)]
fn probability_losses<'a, T: Float>(
    group: &Group<'a, T>,
    target: &'a [T],
    [max, log_sum]: [&[T]; 2],
    losses: &mut [T],
) {
    let (call, mix) = (group.call, group.mix);
    if call.spatial == 1 && call.weight.is_none() {
        let (x, q) = (group.sample(group.scores), group.sample(target));
        let (max, log) = (max[0], log_sum[0]);
        losses[0] = row_sum(x, q, |v, q| (mix.keep * q + mix.spread) * (max - v + log));
        return;
    }
    losses.fill(T::ZERO);
    let mut part = Part::new();
    for class in 0..call.classes {
        let row = group.row(group.scores, class, max.len());
        let q = group.row(target, class, max.len());
        let w = group.weight(class);
        let inputs = row.iter().zip(q).zip(max).zip(log_sum);
        for (loss, (((v, q), max), log)) in part.sums.iter_mut().zip(inputs) {
            *loss += w * (mix.keep * *q + mix.spread) * (*max - *v + *log);
        }
        part.end_row(losses);
    }
    part.flush(losses);
}

struct Backward<'a, T> {
    group: Group<'a, T>,
    /// Maxima, logarithms of sums, gradients of the losses.
    saved: [&'a [T]; 3],
    grad: &'a Disjoint<'a, T>,
}

impl<T: Float> MathLoop for Backward<'_, T> {
    /// `grad * (sum of weight * q) * p - grad * weight * q`.
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let [max, log_sum, grads] = self.saved;
        let group = self.group;
        let (call, mix, columns) = (group.call, group.mix, max.len());
        let CrossEntropyTarget::Probabilities(target) = call.target else {
            return self.of_classes::<M>();
        };
        let mut factors = [T::ZERO; COLUMNS];
        let mut part = Part::new();
        for class in 0..call.classes {
            let w = group.weight(class);
            let q = group.row(target, class, columns);
            for (factor, q) in part.sums.iter_mut().zip(q) {
                *factor += w * (mix.keep * *q + mix.spread);
            }
            part.end_row(&mut factors[..columns]);
        }
        part.flush(&mut factors[..columns]);
        if call.spatial == 1 && call.weight.is_none() {
            let (x, q) = (group.sample(group.scores), group.sample(target));
            let (max, log, g, factor) = (max[0], log_sum[0], grads[0], factors[0]);
            // SAFETY: each sample is one group's.
            let out = unsafe { self.grad.slice(group.start(0), call.classes) };
            for ((out, v), q) in out.iter_mut().zip(x).zip(q) {
                let q = mix.keep * *q + mix.spread;
                *out = g * (factor * (*v - max - log).exp::<M>() - q);
            }
            return;
        }
        for class in 0..call.classes {
            let w = group.weight(class);
            let (x, q) = (
                group.row(group.scores, class, columns),
                group.row(target, class, columns),
            );
            let inputs = x.iter().zip(q).zip(max).zip(log_sum).zip(grads);
            // SAFETY: each group has positions of its own.
            let out = unsafe { self.grad.slice(group.start(class), columns) };
            let outputs = out.iter_mut().zip(&factors);
            for ((out, factor), ((((v, q), max), log), g)) in outputs.zip(inputs) {
                let q = mix.keep * *q + mix.spread;
                *out = *g * (*factor * (*v - *max - *log).exp::<M>() - w * q);
            }
        }
    }
}

impl<T: Float> Backward<'_, T> {
    #[inline(always)]
    fn of_classes<M: MulAdd>(self) {
        let [max, log_sum, grads] = self.saved;
        let group = self.group;
        let (call, mix, columns) = (group.call, group.mix, max.len());
        let class = |i| call.class(group.sample * call.spatial + group.first + i);
        // Ignored positions have the factor 0; but their scores may be infinite.
        let mut factors = [T::ZERO; COLUMNS];
        let mut scales = [T::ZERO; COLUMNS];
        for i in 0..columns {
            if let Some((_, w)) = class(i) {
                factors[i] = grads[i] * (mix.keep * w + mix.spread * mix.weight_sum);
                if mix.smooths {
                    scales[i] = grads[i];
                }
            }
        }
        if call.spatial == 1 {
            let x = group.sample(group.scores);
            let (max, log, factor) = (max[0], log_sum[0], factors[0]);
            // SAFETY: each sample is one group's.
            let out = unsafe { self.grad.slice(group.start(0), call.classes) };
            if class(0).is_none() {
                out.fill(T::ZERO);
                return;
            }
            let uniform = scales[0] * mix.spread;
            match call.weight.filter(|_| mix.smooths) {
                Some(weight) => {
                    for ((out, v), w) in out.iter_mut().zip(x).zip(weight) {
                        *out = factor * (*v - max - log).exp::<M>() - uniform * *w;
                    }
                }
                None => {
                    for (out, v) in out.iter_mut().zip(x) {
                        *out = factor * (*v - max - log).exp::<M>() - uniform;
                    }
                }
            }
        } else {
            for c in 0..call.classes {
                let uniform = mix.spread * group.weight(c);
                let x = group.row(group.scores, c, columns);
                let inputs = x.iter().zip(max).zip(log_sum).zip(&scales);
                // SAFETY: each group has positions of its own.
                let out = unsafe { self.grad.slice(group.start(c), columns) };
                let outputs = out.iter_mut().zip(&factors);
                for ((out, factor), (((v, max), log), scale)) in outputs.zip(inputs) {
                    let all = *factor * (*v - *max - *log).exp::<M>() - *scale * uniform;
                    *out = if *factor == T::ZERO && *scale == T::ZERO {
                        T::ZERO
                    } else {
                        all
                    };
                }
            }
        }
        for (i, grad) in grads.iter().enumerate() {
            if let Some((class, w)) = class(i) {
                // SAFETY: the position is this group's.
                let own = unsafe { self.grad.slice(group.start(class) + i, 1) };
                own[0] += -(*grad * mix.keep * w);
            }
        }
    }
}

#[cfg(test)]
mod tests;
