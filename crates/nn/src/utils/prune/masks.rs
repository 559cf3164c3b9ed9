//! What is pruned, and how.

use pleach_core::{Buffer, Error, Result, Tensor, no_grad, size_text};

use crate::Module;
use crate::parametrized::{self as parts, Additions, Found, Kind, Pruned};

/// How much is pruned: a number, or a part of what there is, between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// So many.
    Count(usize),
    /// This part of them, rounded.
    Part(f64),
}

impl From<usize> for Amount {
    fn from(count: usize) -> Self {
        Amount::Count(count)
    }
}

impl From<f64> for Amount {
    fn from(part: f64) -> Self {
        Amount::Part(part)
    }
}

impl Amount {
    fn of(self, size: usize) -> Result<usize> {
        match self {
            Amount::Part(part) if !(0.0..=1.0).contains(&part) => Err(Error::value(format!(
                "amount={part:?} should either be a float in the range [0, 1] or a non-negative integer"
            ))),
            Amount::Part(part) => Ok((part * size as f64).round_ties_even() as usize),
            Amount::Count(count) if count > size => Err(Error::value(format!(
                "amount={count} should be smaller than the number of parameters to prune={size}"
            ))),
            Amount::Count(count) => Ok(count),
        }
    }
}

/// Puts a mask of ones on a parameter.
///
/// ```
/// use pleach::nn::{layers::Linear, utils::prune};
/// let linear = Linear::new(4, 3);
/// prune::identity(&linear, "weight")?;
/// assert!(prune::is_pruned(&linear));
/// prune::remove(&linear, "weight")?;
/// assert!(!prune::is_pruned(&linear));
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If the module has no such parameter, or it is parametrized.
pub fn identity(module: &dyn Module, name: &str) -> Result<()> {
    prune(module, name, None, &Method::Identity)
}

/// Prunes elements at random.
///
/// ```
/// use pleach::nn::{Module, layers::Linear, utils::prune};
/// let linear = Linear::new(4, 3);
/// prune::random_unstructured(&linear, "weight", 0.5)?;
/// assert_eq!(linear.weight.tensor().eq(0.0)?.sum()?.item()?, 6.0);
/// let names: Vec<_> = linear.state_dict().keys().map(str::to_string).collect();
/// assert_eq!(names, ["bias", "weight_orig", "weight_mask"]);
/// prune::remove(&linear, "weight")?;
/// assert_eq!(linear.weight.data().eq(0.0)?.sum()?.item()?, 6.0);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As [`identity`], or if the amount is more than there is.
pub fn random_unstructured(
    module: &dyn Module,
    name: &str,
    amount: impl Into<Amount>,
) -> Result<()> {
    prune(module, name, None, &Method::Random(amount.into()))
}

/// Prunes the elements that are smallest in size, or by `importance_scores`.
///
/// ```
/// use pleach::{nn::{layers::Linear, utils::prune}, tensor};
/// let linear = Linear::new(4, 1);
/// linear.weight.set_data(tensor![[3.0, -1.0, 2.0, 0.5]])?;
/// prune::l1_unstructured(&linear, "weight", 2, None)?;
/// assert_eq!(linear.weight.tensor().to_vec::<f32>()?, [3.0, 0.0, 2.0, 0.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As [`identity`], if the amount is more than there is, or the scores have another shape.
pub fn l1_unstructured(
    module: &dyn Module,
    name: &str,
    amount: impl Into<Amount>,
    importance_scores: Option<&Tensor>,
) -> Result<()> {
    prune(module, name, importance_scores, &Method::L1(amount.into()))
}

/// Prunes channels, the indices of a dimension, at random.
///
/// ```
/// use pleach::nn::{layers::Linear, utils::prune};
/// let linear = Linear::new(3, 4);
/// prune::random_structured(&linear, "weight", 0.5, 0)?;
/// let rows = linear.weight.tensor().ne(0.0)?.any_dim(1, false)?;
/// assert_eq!(rows.sum()?.item()?, 2.0); // two of four are left
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As [`identity`], or if there is no such dimension or one only, or the amount is more than there is.
pub fn random_structured(
    module: &dyn Module,
    name: &str,
    amount: impl Into<Amount>,
    dim: i64,
) -> Result<()> {
    let method = Method::Channels(amount.into(), None, dim);
    prune(module, name, None, &method)
}

/// Prunes the channels, the indices of a dimension, whose n-norm is smallest, or that of
/// `importance_scores`.
///
/// ```
/// use pleach::{nn::{layers::Linear, utils::prune}, tensor};
/// let linear = Linear::new(2, 3);
/// linear.weight.set_data(tensor![[3.0, 4.0], [1.0, 1.0], [0.0, 2.0]])?;
/// prune::ln_structured(&linear, "weight", 1, (2.0, 0), None)?;
/// assert_eq!(linear.weight.tensor().to_vec::<f32>()?, [3.0, 4.0, 0.0, 0.0, 0.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As [`random_structured`], or if the scores have another shape.
pub fn ln_structured(
    module: &dyn Module,
    name: &str,
    amount: impl Into<Amount>,
    (n, dim): (f64, i64),
    importance_scores: Option<&Tensor>,
) -> Result<()> {
    let method = Method::Channels(amount.into(), Some(n), dim);
    prune(module, name, importance_scores, &method)
}

/// Puts a mask on a parameter: what is 0 in it is pruned.
///
/// ```
/// use pleach::{nn::{layers::Linear, utils::prune}, tensor};
/// let linear = Linear::new(2, 1);
/// linear.weight.set_data(tensor![[3.0, 4.0]])?;
/// prune::custom_from_mask(&linear, "weight", &tensor![[0.0, 1.0]])?;
/// assert_eq!(linear.weight.tensor().to_vec::<f32>()?, [0.0, 4.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As [`identity`], or if the mask has another shape.
pub fn custom_from_mask(module: &dyn Module, name: &str, mask: &Tensor) -> Result<()> {
    prune(module, name, None, &Method::Mask(mask.clone()))
}

/// How [`global_unstructured`] prunes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unstructured {
    /// The elements that are smallest in size: [`l1_unstructured`].
    L1(Amount),
    /// Elements at random: [`random_unstructured`].
    Random(Amount),
}

/// Prunes the elements of several parameters as if they were one. `importance_scores` stand in the place of
/// the values of the parameters that have some, in their order; `&[]` if none has.
///
/// ```
/// use pleach::nn::{layers::Linear, utils::prune::{Amount, Unstructured, global_unstructured}};
/// let (a, b) = (Linear::new(4, 3), Linear::new(3, 2));
/// global_unstructured(&[(&a, "weight"), (&b, "weight")], Unstructured::L1(Amount::Count(5)), &[])?;
/// let zeros = |l: &Linear| l.weight.tensor().eq(0.0)?.sum()?.item();
/// assert_eq!(zeros(&a)? + zeros(&b)?, 5.0);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As [`identity`], if the amount is more than there is, or there are not as many scores as elements.
pub fn global_unstructured(
    parameters: &[(&dyn Module, &str)],
    method: Unstructured,
    importance_scores: &[Option<&Tensor>],
) -> Result<()> {
    let method = match method {
        Unstructured::L1(amount) => Method::L1(amount),
        Unstructured::Random(amount) => Method::Random(amount),
    };
    no_grad(|| {
        let all = parameters
            .iter()
            .map(|(module, name)| target(*module, name));
        let all = all.collect::<Result<Vec<_>>>()?;
        let flat = |t: &Tensor| t.reshape([-1]);
        if importance_scores.len() > all.len() {
            return Err(Error::value(format!(
                "global_unstructured(): {} importance_scores for {} parameters",
                importance_scores.len(),
                all.len()
            )));
        }
        let values = all.iter().enumerate().map(|(i, target)| {
            let scores = importance_scores.get(i).copied().flatten();
            let (value, (module, name)) = (&target.value, parameters[i]);
            match scores.is_none_or(|scores| scores.numel() == value.numel()) {
                true => flat(scores.unwrap_or(value)),
                false => Err(other_shape(scores.unwrap_or(value), value, name, module)),
            }
        });
        let masks = all.iter().map(|t| flat(&t.old_mask()?));
        let values = Tensor::cat(values.collect::<Result<Vec<_>>>()?, 0)?;
        let masks = Tensor::cat(masks.collect::<Result<Vec<_>>>()?, 0)?;
        let mask = combined(&method, &values, &masks)?;
        let mut begin = 0;
        for (target, (module, name)) in all.iter().zip(parameters) {
            let count = target.value.numel();
            let part = mask.narrow(0, begin, count)?;
            begin += count as i64;
            custom_from_mask(*module, name, &part.reshape(target.value.shape())?)?;
        }
        Ok(())
    })
}

/// Ends the pruning of a parameter, which keeps the pruned values. It is the same
/// [`Parameter`](pleach_core::Parameter) as before. [`random_unstructured`] has an example.
///
/// # Errors
/// If it is not pruned.
pub fn remove(module: &dyn Module, name: &str) -> Result<()> {
    if let Found::Computed(entry) = parts::find(module, name)
        && let Kind::Pruned(pruned) = &entry.kind
    {
        let value = no_grad(|| entry.value())?;
        entry.end();
        return pruned.original.set_data(value);
    }
    Err(Error::value(format!(
        "Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )))
}

/// Whether a parameter of the module, or of a module below it, is pruned: [`identity`] has an example.
pub fn is_pruned(module: &dyn Module) -> bool {
    let is_pruned = |module: &dyn Module| {
        parts::additions_of(module).is_some_and(|additions| {
            additions
                .live()
                .any(|entry| matches!(entry.kind, Kind::Pruned(_)))
        })
    };
    module.modules().into_iter().any(is_pruned)
}

enum Method {
    Identity,
    Random(Amount),
    L1(Amount),
    /// Channels along a dimension: at random, or those with the smallest norm.
    Channels(Amount, Option<f64>, i64),
    Mask(Tensor),
}

/// A parameter that is to be pruned.
struct Target<'a> {
    found: Found<'a>,
    value: Tensor,
}

impl Target<'_> {
    /// The mask that is there, or one of ones.
    fn old_mask(&self) -> Result<Tensor> {
        match &self.found {
            Found::Computed(entry) => match &entry.kind {
                Kind::Pruned(pruned) => pruned.mask.try_tensor(),
                Kind::Parametrized(_) => self.value.try_ones_like(),
            },
            _ => self.value.try_ones_like(),
        }
    }
}

fn target<'a>(module: &'a dyn Module, name: &str) -> Result<Target<'a>> {
    let refused =
        |what: &str| Error::value(format!("Module '{module}' has {what} with name '{name}'"));
    let found = parts::find(module, name);
    let value = match &found {
        Found::Plain(p, _) => p.try_tensor()?.detach(),
        Found::Computed(entry) => match &entry.kind {
            Kind::Pruned(_) => entry.value()?.detach(),
            Kind::Parametrized(_) => return Err(refused("a parametrized tensor")),
        },
        Found::Nothing => return Err(refused("no parameter")),
    };
    Ok(Target { found, value })
}

fn prune(module: &dyn Module, name: &str, scores: Option<&Tensor>, method: &Method) -> Result<()> {
    no_grad(|| {
        let target = target(module, name)?;
        let scores = scores.unwrap_or(&target.value);
        if scores.shape() != target.value.shape() {
            return Err(other_shape(scores, &target.value, name, module));
        }
        let old = target.old_mask()?;
        match target.found {
            Found::Computed(entry) => match &entry.kind {
                Kind::Pruned(pruned) => pruned.mask.try_set(combined(method, scores, &old)?),
                Kind::Parametrized(_) => Ok(()),
            },
            Found::Plain(field, additions) => {
                let mask = mask_of(method, scores, &old)?;
                let pruned = Pruned {
                    original: field.share(),
                    mask: Buffer::new(mask),
                };
                let new;
                let additions = match additions {
                    Some(additions) => additions,
                    None => {
                        new = Additions::new();
                        &new
                    }
                };
                additions.add(field, name, Kind::Pruned(pruned));
                Ok(())
            }
            Found::Nothing => Ok(()),
        }
    })
}

fn other_shape(scores: &Tensor, value: &Tensor, name: &str, module: &dyn Module) -> Error {
    Error::shape(format!(
        "importance_scores should have the same shape as parameter {name} of {module}, got {} vs {}",
        size_text(scores.shape()),
        size_text(value.shape())
    ))
}

/// The positions at which a condition holds.
fn positions(condition: &Tensor) -> Result<Tensor> {
    let flat = condition.reshape([-1])?;
    Tensor::arange_step(0, flat.numel() as i64, 1)?.masked_select(&flat)
}

/// The mask of a tensor: the method's, where the old one has left something.
fn combined(method: &Method, t: &Tensor, old: &Tensor) -> Result<Tensor> {
    let old = old.to_dtype(t.dtype())?;
    match method {
        Method::Mask(_) => mask_of(method, t, &old),
        Method::Identity | Method::Random(_) | Method::L1(_) => {
            let left = positions(&old.eq(1.0)?)?;
            let (flat, ones) = (t.reshape([-1])?, old.reshape([-1])?);
            let part = mask_of(
                method,
                &flat.index_select(0, &left)?,
                &ones.index_select(0, &left)?,
            )?;
            let rest = Tensor::where_cond(&ones.eq(1.0)?, 0.0, &ones)?.to_dtype(t.dtype())?;
            rest.index_add(0, &left, &part)?.reshape(t.shape())
        }
        Method::Channels(_, _, dim) => {
            let dim = checked_dim(t, *dim)?;
            let sums = old.sum_dim(others(t, dim), false)?;
            let left = positions(&sums.ne(0.0)?)?;
            let part = mask_of(
                method,
                &t.index_select(dim, &left)?,
                &old.index_select(dim, &left)?,
            )?;
            old.try_zeros_like()?.index_add(dim, &left, &part)
        }
    }
}

fn checked_dim(t: &Tensor, dim: i64) -> Result<i64> {
    let rank = t.rank() as i64;
    if rank <= 1 {
        return Err(Error::value(format!(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {} with {rank} dims",
            size_text(t.shape())
        )));
    }
    match (-rank..rank).contains(&dim) {
        true => Ok(dim.rem_euclid(rank)),
        false => Err(Error::index(format!(
            "Invalid index {dim} for tensor of size {}",
            size_text(t.shape())
        ))),
    }
}

/// All dimensions but one.
fn others(t: &Tensor, dim: i64) -> Vec<i64> {
    (0..t.rank() as i64).filter(|d| *d != dim).collect()
}

/// The method's mask of a tensor, on top of the old one.
fn mask_of(method: &Method, t: &Tensor, old: &Tensor) -> Result<Tensor> {
    let without = |scores: &Tensor, count: usize, largest: bool| -> Result<Tensor> {
        let (_, gone) = scores.reshape([-1])?.topk(count, 0, largest)?;
        old.reshape([-1])?
            .scatter(0, &gone, 0.0)?
            .reshape(old.shape())
    };
    match method {
        Method::Identity => Ok(old.clone()),
        Method::Mask(mask) => match mask.shape() == old.shape() {
            true => old.mul(&mask.to_dtype(old.dtype())?),
            false => Err(Error::shape(format!(
                "default_mask shape {} must match self.mask shape {}",
                size_text(old.shape()),
                size_text(mask.shape())
            ))),
        },
        Method::Random(amount) | Method::L1(amount) => match amount.of(t.numel())? {
            0 => Ok(old.clone()),
            count if matches!(method, Method::L1(_)) => without(&t.abs()?, count, false),
            count => without(&t.rand_like()?, count, true),
        },
        Method::Channels(amount, norm, dim) => {
            let dim = checked_dim(t, *dim)?;
            let size = t.shape()[dim as usize];
            let count = amount.of(size)?;
            if count == 0 {
                return Ok(old.clone());
            }
            let kept = match norm {
                Some(n) => {
                    let norms = t.norm_dim(*n, others(t, dim), false)?;
                    let (_, kept) = norms.topk(size - count, 0, true)?;
                    kept
                }
                None => {
                    let draws = Tensor::try_rand([size])?;
                    let (smallest, _) = draws.topk(count, 0, false)?;
                    positions(&draws.gt(&smallest.max()?)?)?
                }
            };
            let mut shape = vec![1; t.rank()];
            shape[dim as usize] = size;
            let ones = Tensor::try_ones_of([kept.numel()], t.dtype())?;
            let channels = Tensor::try_zeros_of([size], t.dtype())?.index_add(0, &kept, &ones)?;
            channels.reshape(&shape[..])?.mul(&old.to_dtype(t.dtype())?)
        }
    }
}
