//! [`AdaptiveLogSoftmaxWithLoss`].

use pleach_core::{DType, Error, Result, Tensor, size_text};

use crate::functional::log_softmax;
use crate::layers::Linear;
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, ForwardMany, Module, ModuleExt, Node, Sequential};

/// The log-softmax of very many classes, and its loss: frequent classes come first and have scores of
/// their own, the others stand in clusters with smaller and smaller layers, of which only those are
/// computed that a target asks for (Grave et al. 2017).
///
/// Shapes: input `[N, in_features]` and target (i64) `[N]`, or `[in_features]` and `[]`; `call`
/// returns the log-probability of each target, and the loss, which is minus their mean.
///
/// Cluster i has the classes from `cutoffs[i - 1]` to `cutoffs[i]`; its scores come through
/// `in_features / div_value^i` features, rounded down. The layers, none of which but the head may
/// have a bias, start as [`Linear`] does.
///
/// ```
/// use pleach::{Tensor, manual_seed, tensor};
/// use pleach::nn::{ForwardMany, losses::AdaptiveLogSoftmaxWithLoss};
/// manual_seed(0);
/// let softmax = AdaptiveLogSoftmaxWithLoss::new(8, 10, [2, 5]);
/// let (x, target) = (Tensor::ones([3, 8]), tensor![0, 4, 9]);
/// let (log_probs, loss) = softmax.call((&x, &target))?;
/// assert_eq!(loss.item()?, log_probs.mean()?.neg()?.item()?);
/// let all = softmax.log_prob(&x)?;
/// assert_eq!(all.shape(), [3, 10]);
/// assert!((all.exp()?.sum()?.item()? - 3.0).abs() < 1e-5);
/// assert!(softmax.predict(&x)?.equal(&all.argmax_dim(1, false)?)?);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct AdaptiveLogSoftmaxWithLoss {
    node: Node,
    /// Size of the last dimension of the input.
    pub in_features: usize,
    /// The number of classes.
    pub n_classes: usize,
    /// The first class after each cluster; the last is the number of classes.
    #[module(skip)]
    pub cutoffs: Vec<usize>,
    /// By how much the features of each cluster are fewer than those of the one before.
    pub div_value: f64,
    /// Scores of the frequent classes, and of each cluster.
    pub head: Linear,
    /// Scores of the classes in each cluster: two layers.
    pub tail: Vec<Sequential>,
}

impl AdaptiveLogSoftmaxWithLoss {
    /// A layer whose clusters begin at `cutoffs`.
    ///
    /// # Panics
    /// If [`AdaptiveLogSoftmaxWithLossBuilder::build`] returns an error.
    #[track_caller]
    pub fn new(in_features: usize, n_classes: usize, cutoffs: impl Into<Vec<usize>>) -> Self {
        or_panic(Self::builder(in_features, n_classes, cutoffs).build())
    }

    /// A layer with options.
    pub fn builder(
        in_features: usize,
        n_classes: usize,
        cutoffs: impl Into<Vec<usize>>,
    ) -> AdaptiveLogSoftmaxWithLossBuilder {
        AdaptiveLogSoftmaxWithLossBuilder {
            in_features,
            n_classes,
            cutoffs: cutoffs.into(),
            div_value: 4.0,
            head_bias: false,
            dtype: DType::F32,
        }
    }

    /// Draws the initial values again.
    ///
    /// # Errors
    /// If a weight was replaced by one with fewer than two dimensions.
    pub fn reset_parameters(&self) -> Result<()> {
        self.head.reset_parameters()?;
        for cluster in &self.tail {
            for layer in cluster.iter() {
                if let Some(linear) = layer.as_module().downcast_ref::<Linear>() {
                    linear.reset_parameters()?;
                }
            }
        }
        Ok(())
    }

    fn shortlist(&self) -> usize {
        self.cutoffs[0]
    }

    /// The log-probabilities of all classes, `[N, n_classes]`, of an input `[N, in_features]`.
    ///
    /// # Errors
    /// If the input has other sizes or another dtype.
    pub fn log_prob(&self, input: &Tensor) -> Result<Tensor> {
        self.all_log_probs(input, &self.head.call(input)?)
    }

    fn all_log_probs(&self, input: &Tensor, head: &Tensor) -> Result<Tensor> {
        let head = log_softmax(head, 1)?;
        let mut parts = vec![head.narrow(1, 0, self.shortlist())?];
        for (i, cluster) in self.tail.iter().enumerate() {
            let inside = log_softmax(&cluster.call(input)?, 1)?;
            parts.push(inside.add(&head.narrow(1, (self.shortlist() + i) as i64, 1)?)?);
        }
        Tensor::cat(&parts, 1)
    }

    /// The most probable class of each sample: `log_prob(input)`'s place of the largest value, without
    /// the clusters where a frequent class is it.
    ///
    /// # Errors
    /// As [`AdaptiveLogSoftmaxWithLoss::log_prob`].
    pub fn predict(&self, input: &Tensor) -> Result<Tensor> {
        let head = self.head.call(input)?.detach();
        let first = head.argmax_dim(1, false)?;
        let clustered = places(&first, self.shortlist()..usize::MAX)?;
        if clustered.is_empty() {
            return Ok(first);
        }
        let mut classes = first.to_vec::<i64>()?;
        let rows = indices(&clustered)?;
        let input = input.detach().index_select(0, &rows)?;
        let all = self.all_log_probs(&input, &head.index_select(0, &rows)?)?;
        for (row, class) in clustered
            .iter()
            .zip(all.argmax_dim(1, false)?.to_vec::<i64>()?)
        {
            classes[*row as usize] = class;
        }
        let count = classes.len();
        Tensor::from_vec(classes, [count])
    }
}

/// Where the values of a vector are within a range.
fn places(values: &Tensor, range: std::ops::Range<usize>) -> Result<Vec<i64>> {
    let values = values.to_vec::<i64>()?;
    let within = |v: i64| usize::try_from(v).is_ok_and(|v| range.contains(&v));
    let places = (0i64..).zip(values).filter(|(_, v)| within(*v));
    Ok(places.map(|(place, _)| place).collect())
}

fn indices(places: &[i64]) -> Result<Tensor> {
    Tensor::from_slice(places, [places.len()])
}

impl ForwardMany for AdaptiveLogSoftmaxWithLoss {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    /// The log-probability of each target, and the loss.
    type Output = (Tensor, Tensor);

    fn forward(&self, (input, target): Self::Arguments<'_>) -> Result<(Tensor, Tensor)> {
        let expected = |rank: usize| {
            Err(Error::shape(format!(
                "{}D target tensor expects {rank}D input tensors, but found inputs with size {}",
                rank - 1,
                size_text(input.shape())
            )))
        };
        match (target.shape(), input.shape()) {
            (&[n], x) if x.first() != Some(&n) => {
                return Err(Error::shape(
                    "Input and target should have the same size in the batch dimension.",
                ));
            }
            ([_], [_, _]) | ([], [_]) => {}
            ([_], _) => return expected(2),
            ([], _) => return expected(1),
            _ => {
                return Err(Error::shape(
                    "0D or 1D target tensor expected, multi-target not supported",
                ));
            }
        }
        if target.rank() == 0 {
            let (output, loss) = self.of_batch(&input.unsqueeze(0)?, &target.unsqueeze(0)?)?;
            return Ok((output.squeeze_dim(0)?, loss));
        }
        self.of_batch(input, target)
    }
}

impl AdaptiveLogSoftmaxWithLoss {
    fn of_batch(&self, input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
        if target.dtype() != DType::I64 {
            let error = format!("expected classes of dtype int64, got {}", target.dtype());
            return Err(Error::dtype(error).hint_conversion(target.dtype(), DType::I64));
        }
        let classes = target.to_vec::<i64>()?;
        if !classes
            .iter()
            .all(|c| (0..self.n_classes as i64).contains(c))
        {
            return Err(Error::value(format!(
                "Target values should be in [0, {}], but values in range [{}, {}] were found. ",
                self.n_classes - 1,
                classes.iter().min().unwrap_or(&0),
                classes.iter().max().unwrap_or(&0)
            )));
        }
        let mut of_head = classes.clone();
        let mut output = Tensor::try_zeros_of([classes.len()], input.dtype())?;
        for (i, cluster) in self.tail.iter().enumerate() {
            let (low, high) = (self.cutoffs[i], self.cutoffs[i + 1]);
            let rows = places(target, low..high)?;
            if rows.is_empty() {
                continue;
            }
            let mut inside = Vec::with_capacity(rows.len());
            for row in &rows {
                inside.push(classes[*row as usize] - low as i64);
                of_head[*row as usize] = (self.shortlist() + i) as i64;
            }
            let (rows, count) = (indices(&rows)?, inside.len());
            let scores = cluster.call(&input.index_select(0, &rows)?)?;
            let inside = Tensor::from_vec(inside, [count, 1])?;
            let log_probs = log_softmax(&scores, 1)?.gather(1, &inside)?;
            output = output.index_add(0, &rows, &log_probs.squeeze_dim(1)?)?;
        }
        let head = log_softmax(&self.head.call(input)?, 1)?;
        let of_head = Tensor::from_vec(of_head, [classes.len(), 1])?;
        output = output.add(&head.gather(1, &of_head)?.squeeze_dim(1)?)?;
        let loss = output.neg()?.mean()?;
        Ok((output, loss))
    }
}

/// Options of an [`AdaptiveLogSoftmaxWithLoss`].
#[derive(Debug, Clone)]
#[must_use]
pub struct AdaptiveLogSoftmaxWithLossBuilder {
    in_features: usize,
    n_classes: usize,
    cutoffs: Vec<usize>,
    div_value: f64,
    head_bias: bool,
    dtype: DType,
}

impl AdaptiveLogSoftmaxWithLossBuilder {
    setters! {
        |builder| builder;
        /// By how much the features of each cluster are fewer than those of the one before (4 by
        /// default).
        div_value: f64 = div_value;
        /// Whether the head has a bias (no, by default).
        head_bias: bool = head_bias;
        /// The dtype of the parameters (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer and draws its initial values.
    ///
    /// # Errors
    /// If there are no cutoffs or they do not rise from at least 1 to at most `n_classes - 1`, the
    /// `div_value` is not above 0, the dtype no float type, or the memory cannot be had.
    pub fn build(self) -> Result<AdaptiveLogSoftmaxWithLoss> {
        let mut cutoffs = self.cutoffs;
        let Some(&shortlist) = cutoffs.first() else {
            return Err(Error::value(
                "cutoffs should be a sequence of length larger than 0",
            ));
        };
        let rising = cutoffs.is_sorted_by(|a, b| a < b);
        if !rising || shortlist == 0 || cutoffs.last().is_none_or(|last| *last >= self.n_classes) {
            return Err(Error::value(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is between 1 and n_classes-1",
            ));
        }
        if self.div_value.is_nan() || self.div_value <= 0.0 {
            return Err(Error::value(format!(
                "div_value must be greater than 0, got {}",
                self.div_value
            )));
        }
        let clusters = cutoffs.len();
        cutoffs.push(self.n_classes);
        let linear = |from: usize, to: usize, bias: bool| {
            let linear = Linear::builder(from, to).bias(bias).dtype(self.dtype);
            linear.build()
        };
        let head = linear(self.in_features, shortlist + clusters, self.head_bias)?;
        let mut tail = Vec::with_capacity(clusters);
        for i in 0..clusters {
            let divisor = self.div_value.powi(i as i32 + 1);
            let features = (self.in_features as f64 / divisor).floor() as usize;
            let first = linear(self.in_features, features, false)?;
            let second = linear(features, cutoffs[i + 1] - cutoffs[i], false)?;
            tail.push(Sequential::new().append(first).append(second));
        }
        Ok(AdaptiveLogSoftmaxWithLoss {
            node: Node::new(),
            in_features: self.in_features,
            n_classes: self.n_classes,
            cutoffs,
            div_value: self.div_value,
            head,
            tail,
        })
    }
}
