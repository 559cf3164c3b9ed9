//! Positions, scatters, running values, orders and statistics.

use pleach::{DType, Result, Tensor};

use super::index::{index_of, lined_up, scattered};
use super::{Call, Program, call};

const REDUCES: [&str; 5] = ["sum", "prod", "mean", "amax", "amin"];
const INTERPOLATIONS: [&str; 5] = ["linear", "lower", "higher", "nearest", "midpoint"];

/// Positions in row-major order, and as many values.
fn flat(p: &mut Program, x: &Tensor) -> Result<(Tensor, Tensor)> {
    let n = p.bytes.below(6);
    let index = p.positions(&[n], x.numel())?;
    let source = match p.bytes.one_in(6) {
        true => p.tensor()?,
        false => p.make(&[n], x.dtype())?,
    };
    Ok((index, source))
}

/// A tensor whose elements can be looked at one after the other.
fn held(p: &mut Program) -> Result<Option<Tensor>> {
    let x = p.tensor()?;
    let sizes: Vec<usize> = x.shape().iter().map(|n| (*n).max(1)).collect();
    let held = x.numel() <= p.limits.kept && p.may_have(&sizes);
    Ok(held.then_some(x))
}

fn keep_both(p: &mut Program, (values, others): (Tensor, Tensor)) -> Result<()> {
    p.keep_and_go_back(values)?;
    p.keep(others)
}

/// A method of a tensor that can be held.
macro_rules! of_held {
    ($names:literal, |$p:ident, $x:ident| $body:expr) => {
        call($names, |$p| match held($p)? {
            Some($x) => $body,
            None => Ok(()),
        })
    };
}

pub const CALLS: &[Call] = &[
    call("Tensor::index_fill Tensor::index_copy", |p| {
        let x = p.tensor()?;
        let (dim, index, source) = lined_up(p, &x)?;
        let y = match p.bytes.below(3) {
            0 => x.index_fill(dim, &index, p.bytes.scalar()),
            1 => x.index_fill(dim, &index, &source),
            _ => x.index_copy(dim, &index, &source),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::index_add_alpha Tensor::index_reduce", |p| {
        let x = p.tensor()?;
        let (dim, index, source) = lined_up(p, &x)?;
        let y = match p.bytes.flag() {
            true => x.index_add_alpha(dim, &index, &source, p.bytes.scalar()),
            false => {
                let (reduce, own) = (p.bytes.text(&REDUCES), p.bytes.flag());
                x.index_reduce(dim, &index, &source, reduce, own)
            }
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::scatter_reduce", |p| {
        let x = p.tensor()?;
        let (dim, index, source) = scattered(p, &x)?;
        let (reduce, own) = (p.bytes.text(&REDUCES), p.bytes.flag());
        p.keep_and_go_back(x.scatter_reduce(dim, &index, &source, reduce, own)?)
    }),
    call("Tensor::index_put Tensor::index_put_accumulate", |p| {
        let Some(x) = held(p)? else { return Ok(()) };
        let index = index_of(p, &x)?;
        let value = p.operand(&x)?;
        let y = match p.bytes.flag() {
            true => x.index_put(&index[..], value),
            false => x.index_put_accumulate(&index[..], value),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::take Tensor::put", |p| {
        let x = p.tensor()?;
        let (index, source) = flat(p, &x)?;
        let y = match p.bytes.flag() {
            true => x.take(&index),
            false => x.put(&index, &source, p.bytes.flag()),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::take_along_dim Tensor::take_along_all", |p| {
        let x = p.tensor()?;
        let (dim, index, _) = scattered(p, &x)?;
        let y = match p.bytes.flag() {
            true => x.take_along_dim(&index, dim),
            false => x.take_along_all(&index),
        }?;
        p.keep_and_go_back(y)
    }),
    of_held!("Tensor::masked_scatter", |p, x| {
        let mask = p.mask(&x)?;
        let source = match p.bytes.flag() {
            true => p.tensor()?,
            false => p.make(x.shape(), x.dtype())?,
        };
        p.keep_and_go_back(x.masked_scatter(&mask, &source)?)
    }),
    of_held!(
        "Tensor::nonzero Tensor::nonzero_as_tuple Tensor::argwhere",
        |p, x| match p.bytes.below(3) {
            0 => p.keep(x.nonzero()?),
            1 => p.keep_all(x.nonzero_as_tuple()?),
            _ => p.keep(x.argwhere()?),
        }
    ),
    call("Tensor::count_nonzero Tensor::count_nonzero_dim", |p| {
        let x = p.tensor()?;
        let y = match p.bytes.flag() {
            true => x.count_nonzero(),
            false => x.count_nonzero_dim(p.bytes.dims()),
        }?;
        p.keep(y)
    }),
    of_held!("Tensor::cumprod Tensor::logcumsumexp", |p, x| {
        let y = match p.bytes.flag() {
            true => x.cumprod(p.bytes.dim()),
            false => x.logcumsumexp(p.bytes.dim()),
        }?;
        p.keep_and_go_back(y)
    }),
    of_held!("Tensor::cummax Tensor::cummin", |p, x| {
        let both = match p.bytes.flag() {
            true => x.cummax(p.bytes.dim()),
            false => x.cummin(p.bytes.dim()),
        }?;
        keep_both(p, both)
    }),
    of_held!("Tensor::aminmax Tensor::aminmax_dim", |p, x| {
        let both = match p.bytes.flag() {
            true => x.aminmax(),
            false => x.aminmax_dim(p.bytes.dim(), p.bytes.flag()),
        }?;
        keep_both(p, both)
    }),
    of_held!(
        "Tensor::kthvalue Tensor::mode Tensor::nanmedian_dim",
        |p, x| {
            let (k, dim, keepdim) = (p.bytes.size(), p.bytes.dim(), p.bytes.flag());
            let both = match p.bytes.below(3) {
                0 => x.kthvalue(k, dim, keepdim),
                1 => x.mode(dim, keepdim),
                _ => x.nanmedian_dim(dim, keepdim),
            }?;
            keep_both(p, both)
        }
    ),
    of_held!("Tensor::nanmedian Tensor::msort", |p, x| {
        let y = match p.bytes.flag() {
            true => x.nanmedian(),
            false => x.msort(),
        }?;
        p.keep_and_go_back(y)
    }),
    of_held!(
        "Tensor::quantile Tensor::nanquantile Tensor::quantile_dim Tensor::nanquantile_dim",
        |p, x| {
            let q = match p.bytes.flag() {
                true => p.make(&[2], x.dtype())?,
                false => Tensor::try_full_of((), p.bytes.probability(), x.dtype())?,
            };
            let how = p.bytes.text(&INTERPOLATIONS);
            let (dim, keepdim) = (p.bytes.dim(), p.bytes.flag());
            let y = match p.bytes.below(4) {
                0 => x.quantile(&q),
                1 => x.nanquantile(p.bytes.probability()),
                2 => x.quantile_dim(&q, dim, keepdim, how),
                _ => x.nanquantile_dim(&q, dim, keepdim, how),
            }?;
            p.keep_and_go_back(y)
        }
    ),
    call(
        "Tensor::nansum Tensor::nansum_dim Tensor::nanmean Tensor::nanmean_dim",
        |p| {
            let (x, dims, keepdim) = (p.tensor()?, p.bytes.dims(), p.bytes.flag());
            let y = match p.bytes.below(4) {
                0 => x.nansum(),
                1 => x.nanmean(),
                2 => x.nansum_dim(dims, keepdim),
                _ => x.nanmean_dim(dims, keepdim),
            }?;
            p.keep_and_go_back(y)
        },
    ),
    call(
        "Tensor::var_mean Tensor::var_mean_dim Tensor::std_mean Tensor::std_mean_dim",
        |p| {
            let (x, dims, keepdim) = (p.tensor()?, p.bytes.dims(), p.bytes.flag());
            let correction = p.bytes.float();
            let both = match p.bytes.below(4) {
                0 => x.var_mean(),
                1 => x.std_mean(),
                2 => x.var_mean_dim(dims, correction, keepdim),
                _ => x.std_mean_dim(dims, correction, keepdim),
            }?;
            keep_both(p, both)
        },
    ),
    of_held!(
        "Tensor::histc Tensor::histogram Tensor::histogram_edges",
        |p, x| {
            let bins = p.bytes.size();
            let weight = match p.bytes.flag() {
                true => Some(p.make(x.shape(), x.dtype())?),
                false => None,
            };
            let range = p.bytes.maybe(|b| (b.float(), b.float()));
            if !p.may_have(&[bins.saturating_add(1)]) {
                return Ok(());
            }
            let both = match p.bytes.below(3) {
                0 => {
                    let counts = x.histc(bins, p.bytes.float(), p.bytes.float())?;
                    return p.keep(counts);
                }
                1 => x.histogram(bins, range, weight.as_ref(), p.bytes.flag()),
                _ => {
                    let edges = p.make(&[4], x.dtype())?;
                    x.histogram_edges(&edges, weight.as_ref(), p.bytes.flag())
                }
            }?;
            p.keep_two(both)
        }
    ),
    of_held!(
        "Tensor::unique Tensor::unique_dim Tensor::unique_consecutive Tensor::unique_consecutive_dim",
        |p, x| {
            let unique = match p.bytes.below(4) {
                0 => x.unique(),
                1 => x.unique_consecutive(),
                2 => x.unique_dim(p.bytes.dim()),
                _ => x.unique_consecutive_dim(p.bytes.dim()),
            }?;
            p.keep_all(vec![unique.values, unique.inverse, unique.counts])
        }
    ),
    of_held!("Tensor::bucketize Tensor::searchsorted", |p, x| {
        let (edges, right) = (p.make(&[4], x.dtype())?, p.bytes.flag());
        let y = match p.bytes.below(4) {
            0 => x.bucketize(&edges, right),
            1 => x.searchsorted(p.bytes.scalar(), right, None),
            2 => x.searchsorted(&x, right, Some(&x.argsort(-1, false)?)),
            _ => {
                let sorter = p.tensor()?;
                x.searchsorted(&x, right, Some(&sorter))
            }
        }?;
        p.keep(y)
    }),
    of_held!("Tensor::cov Tensor::corrcoef", |p, x| {
        if x.rank() < 3 && !p.may_have(&[x.numel().max(1), x.numel().max(1)]) {
            return Ok(());
        }
        let counts = x.shape().last().copied().unwrap_or(1);
        let fweights = match p.bytes.flag() {
            true => Some(p.make(&[counts], DType::I64)?),
            false => None,
        };
        let aweights = match p.bytes.flag() {
            true => Some(p.make(&[counts], x.dtype())?),
            false => None,
        };
        let y = match p.bytes.flag() {
            true => x.cov(p.bytes.whole(), fweights.as_ref(), aweights.as_ref()),
            false => x.corrcoef(),
        }?;
        p.keep_and_go_back(y)
    }),
];
