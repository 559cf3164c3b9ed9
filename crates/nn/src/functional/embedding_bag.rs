//! Sums, means and maxima of rows of a table.

use std::sync::Arc;

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{DType, Error, Result, Tensor, checked_numel, size_text, words};
use pleach_kernels::{Buffer, RowPairs, max_rows};

use super::embedding::{check_indices, check_padding, row_numbers};
use super::row_sums::{RowSums, Rows, inverse_frequencies};
use crate::setters::{given, setters};

/// The sums, means (the default) or largest elements of bags of rows of `weight`, which `input`
/// numbers. A bag without rows gives zeros.
///
/// Shapes: weight `[num_embeddings, embedding_dim]`; input either `[B, N]`, a bag a row, or `[N]` with
/// [`offsets`](EmbeddingBagOptions::offsets) `[B]`, where each bag begins; both of i64 or i32. Result
/// `[B, embedding_dim]`.
///
/// PyTorch's `max_norm` changes the weight in place before:
/// [`embedding_renorm_`](super::embedding_renorm_). Its `sparse` does not exist, since there are no
/// sparse tensors: the gradient is dense.
///
/// # Errors
/// If the numbers are not integers or there is no such row, the offsets do not begin with 0, decrease
/// or go beyond the input, the shapes do not fit, or a mode has not what is asked of it.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, EmbeddingBagOptions};
/// let table = tensor![[1.0, 2.0], [3.0, 4.0]];
/// let y = F::embedding_bag(&tensor![[0, 1], [1, 1]], &table, EmbeddingBagOptions::new())?;
/// assert_eq!(y.to_vec::<f32>()?, [2.0, 3.0, 3.0, 4.0]);
/// let offsets = tensor![0, 1];
/// let sums = EmbeddingBagOptions::new().offsets(&offsets).mode("sum");
/// let y = F::embedding_bag(&tensor![0, 1, 1], &table, sums)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0, 6.0, 8.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn embedding_bag(
    input: &Tensor,
    weight: &Tensor,
    options: EmbeddingBagOptions<'_>,
) -> Result<Tensor> {
    let o = options;
    let mode = o.mode?;
    let psw = o.per_sample_weights;
    if let Some(psw) = psw.filter(|w| w.shape() != input.shape()) {
        return Err(Error::shape(format!(
            "embedding_bag: If per_sample_weights ({}) is not None, then it must have the same shape as the input ({})",
            size_text(psw.shape()),
            size_text(input.shape())
        )));
    }
    let &[rows, _] = weight.shape() else {
        return Err(Error::shape(format!(
            "weight has to be a 2D Tensor, but got Tensor of dimension {}",
            weight.rank()
        )));
    };
    check_bags(input, o.offsets)?;
    if mode == EmbeddingBagMode::Max && o.scale_grad_by_freq {
        return Err(Error::value(
            "max mode does not support scaling the gradient by the frequency",
        ));
    }
    if psw.is_some() && mode != EmbeddingBagMode::Sum {
        return Err(Error::value(format!(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )));
    }
    check_indices("embedding_bag", "#1", input)?;
    check_types(weight, psw)?;
    let padding_idx = check_padding(o.padding_idx, rows).ok_or_else(|| {
        Error::value(format!(
            "padding_idx must be within the number of embeddings, -{rows} through {}, but got {}",
            rows as i64 - 1,
            o.padding_idx.unwrap_or(0)
        ))
    })?;
    let numbers = row_numbers(input, rows, |number| {
        Error::index(format!(
            "embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {number}"
        ))
    })?;
    let starts = match o.offsets {
        Some(offsets) => starts(offsets, numbers.len(), o.include_last_offset)?,
        None => (0..=input.shape()[0])
            .map(|bag| bag * input.shape()[1])
            .collect(),
    };
    let bags = Bags::new(numbers, &starts, padding_idx);
    match mode {
        EmbeddingBagMode::Max => apply(MaxBags { bags }, weight),
        _ => bags.sums(weight, psw, mode, o.scale_grad_by_freq),
    }
}

/// How the rows of a bag become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmbeddingBagMode {
    /// Their sum, with [`per_sample_weights`](EmbeddingBagOptions::per_sample_weights) if there are any.
    Sum,
    /// Their mean.
    #[default]
    Mean,
    /// The largest element of each column.
    Max,
}

words! {
    EmbeddingBagMode { Sum = "sum", Mean = "mean", Max = "max" },
    |_text| "mode has to be one of sum, mean or max"
}

/// What [`embedding_bag`] takes beside its tensors.
#[derive(Debug, Clone)]
#[must_use]
pub struct EmbeddingBagOptions<'a> {
    offsets: Option<&'a Tensor>,
    scale_grad_by_freq: bool,
    mode: Result<EmbeddingBagMode>,
    per_sample_weights: Option<&'a Tensor>,
    include_last_offset: bool,
    padding_idx: Option<i64>,
}

impl<'a> EmbeddingBagOptions<'a> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        EmbeddingBagOptions {
            offsets: None,
            scale_grad_by_freq: false,
            mode: Ok(EmbeddingBagMode::Mean),
            per_sample_weights: None,
            include_last_offset: false,
            padding_idx: None,
        }
    }

    setters! {
        |options| options;
        /// Where each bag of a one-dimensional input begins (none by default: it is required there).
        offsets: impl Into<Option<&'a Tensor>> = offsets.into();
        /// Whether a row's gradient is divided by how often it is numbered (no, by default); not for
        /// `"max"`.
        scale_grad_by_freq: bool = scale_grad_by_freq;
        /// How the rows of a bag become one: `"sum"`, `"mean"` (the default) or `"max"`, or an
        /// [`EmbeddingBagMode`].
        mode: impl TryInto<EmbeddingBagMode, Error: Into<Error>> = given(mode);
        /// What each numbered row is multiplied with, of the input's shape; for `"sum"` alone (all 1
        /// by default).
        per_sample_weights: impl Into<Option<&'a Tensor>> = per_sample_weights.into();
        /// Whether the last offset is the end of the last bag (no, by default).
        include_last_offset: bool = include_last_offset;
        /// The row that no bag takes (none by default); a negative one counts from the end.
        padding_idx: impl Into<Option<i64>> = padding_idx.into();
    }
}

impl Default for EmbeddingBagOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

fn check_bags(input: &Tensor, offsets: Option<&Tensor>) -> Result<()> {
    let text = match (input.rank(), offsets) {
        (2, None) if input.shape()[1] == 0 => "step must be nonzero".to_string(),
        (2, None) => return Ok(()),
        (2, Some(_)) => {
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found offsets of type <class 'torch.Tensor'>".to_string()
        }
        (1, None) => "offsets has to be a 1D Tensor but got None".to_string(),
        (1, Some(offsets)) if offsets.rank() != 1 => "offsets has to be a 1D Tensor".to_string(),
        (1, Some(_)) => return Ok(()),
        (rank, _) => format!("input has to be 1D or 2D Tensor, but got Tensor of dimension {rank}"),
    };
    Err(Error::shape(text))
}

fn check_types(weight: &Tensor, psw: Option<&Tensor>) -> Result<()> {
    let dtype = weight.dtype();
    if !dtype.is_float() {
        return Err(Error::dtype(format!(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, Double; but got torch.{}Tensor instead (while checking arguments for embedding_bag)",
            dtype.torch_name()
        ))
        .hint_conversion(dtype, DType::F32));
    }
    match psw.map(Tensor::dtype).filter(|found| *found != dtype) {
        None => Ok(()),
        Some(found) => Err(Error::dtype(format!(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but type torch.{}Tensor does not equal torch.{}Tensor (while checking arguments for embedding_bag)",
            dtype.torch_name(),
            found.torch_name()
        ))
        .hint_common(found, dtype)),
    }
}

/// Where the bags begin, and the end of the last.
fn starts(offsets: &Tensor, len: usize, include_last: bool) -> Result<Vec<usize>> {
    if !matches!(offsets.dtype(), DType::I64 | DType::I32) {
        return Err(Error::dtype(format!(
            "Expected tensor for argument #1 'offsets' to have one of the following scalar types: Long, Int; but got torch.{}Tensor instead (while checking arguments for embedding_bag)",
            offsets.dtype().torch_name()
        ))
        .hint_conversion(offsets.dtype(), DType::I64));
    }
    let offsets = offsets.long()?.to_vec::<i64>()?;
    if include_last && offsets.is_empty() {
        return Err(Error::value(
            "include_last_offset: number of offset should be at least 1",
        ));
    }
    if let Some(first) = offsets.first().filter(|first| **first != 0) {
        return Err(Error::index(format!(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {first}"
        )));
    }
    if let Some(last) = offsets.last().filter(|last| **last > len as i64) {
        return Err(Error::index(format!(
            "offsets[-1] can not be greater than input's length {len} but got offsets[-1] of {last}"
        )));
    }
    if let Some(pair) = offsets.windows(2).find(|pair| pair[0] > pair[1]) {
        return Err(Error::index(format!(
            "offsets have to increase, but {} follows {}",
            pair[1], pair[0]
        )));
    }
    // From 0 up to at most the length.
    let mut starts: Vec<usize> = offsets.into_iter().map(|at| at as usize).collect();
    if !include_last {
        starts.push(if starts.is_empty() { 0 } else { len });
    }
    Ok(starts)
}

/// Which rows are in which bags.
#[derive(Clone, Debug)]
struct Bags {
    /// The numbers of rows.
    rows: Rows,
    /// For each, the number of its bag.
    bags: Rows,
    /// For each, its place in the input, if not all are taken.
    places: Option<Vec<i64>>,
    /// The number of rows in each bag.
    counts: Arc<[usize]>,
}

impl Bags {
    fn new(numbers: Vec<usize>, starts: &[usize], padding: Option<usize>) -> Self {
        let counts = starts.windows(2).map(|bag| bag[1] - bag[0]);
        let mut counts: Vec<usize> = counts.collect();
        let each = counts.iter().enumerate();
        let bags = each.flat_map(|(bag, n)| std::iter::repeat_n(bag, *n));
        // What is behind the last bag is in none.
        let pairs = numbers.iter().copied().zip(bags).enumerate();
        let taken = pairs.filter(|(_, (row, _))| Some(*row) != padding);
        let (places, (rows, bags)): (Vec<i64>, (Vec<usize>, Vec<usize>)) =
            taken.map(|(place, pair)| (place as i64, pair)).unzip();
        let all = rows.len() == numbers.len();
        counts.fill(0);
        bags.iter().for_each(|bag| counts[*bag] += 1);
        Bags {
            rows: rows.into(),
            bags: bags.into(),
            places: (!all).then_some(places),
            counts: counts.into(),
        }
    }

    fn sums(
        self,
        weight: &Tensor,
        psw: Option<&Tensor>,
        mode: EmbeddingBagMode,
        scale_grad_by_freq: bool,
    ) -> Result<Tensor> {
        let mean = |bag: &usize| 1.0 / self.counts[*bag] as f64;
        let is_mean = mode == EmbeddingBagMode::Mean;
        let psw = match (psw, &self.places) {
            (Some(psw), Some(places)) => {
                let places = Tensor::from_vec(places.clone(), [places.len()])?;
                Some(psw.reshape([-1i64])?.index_select(0, &places)?)
            }
            (Some(psw), None) => Some(psw.reshape([-1i64])?),
            (None, _) => None,
        };
        let op = RowSums {
            names: ("embedding_bag", "EmbeddingBagBackward0"),
            scales: is_mean.then(|| self.bags.iter().map(mean).collect()),
            grad_scales: scale_grad_by_freq.then(|| inverse_frequencies(&self.rows)),
            from: self.rows,
            to: self.bags,
            rows: self.counts.len(),
        };
        apply(op, (weight, psw.as_ref()))
    }
}

/// The largest elements of bags of rows.
#[derive(Clone, Debug)]
pub struct MaxBags {
    /// Which rows are in which bags.
    bags: Bags,
}

impl Operation for MaxBags {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        "embedding_bag"
    }
    fn grad_name(&self) -> &'static str {
        "EmbeddingBagBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("mode", "max".into())]
    }
    fn forward(&self, weight: &Tensor, own: &mut Own) -> Result<Tensor> {
        let sizes = [self.bags.counts.len(), weight.shape()[1]];
        let numel = checked_numel(&sizes)?;
        dispatch_float!("embedding_bag", weight.dtype(), T => {
            let (mut out, mut from) = (Buffer::<T>::try_new(numel)?, Buffer::try_new(numel)?);
            let pairs = RowPairs { from: &self.bags.rows, to: &self.bags.bags, factors: None };
            max_rows(weight.as_slice()?, sizes[1], pairs, &mut out, &mut from);
            own.keep(Tensor::from_buffer(from, sizes));
            Ok(Tensor::from_buffer(out, sizes))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let counts = &self.bags.counts;
        let mut grad = grad.clone();
        if counts.contains(&0) {
            let empty: Vec<bool> = counts.iter().map(|count| *count == 0).collect();
            grad = grad.masked_fill(&Tensor::from_vec(empty, [counts.len(), 1])?, 0.0)?;
        }
        let zeros = Tensor::try_zeros_of(saved.shape(0), grad.dtype())?;
        // Nothing is added to a table of no rows, which the zeros of empty bags do not point into.
        match saved.shape(0)[0] {
            0 => Ok([Some(zeros)]),
            _ => Ok([Some(zeros.scatter_add(0, &saved.own(0)?, &grad)?)]),
        }
    }
}
