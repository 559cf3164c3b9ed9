//! Indexing, gathering and scattering.

use pleach::{Result, Tensor, TensorIndex, slice};

use super::{Call, Program, call};

/// An index of a tensor; most of its positions exist.
pub fn index_of(p: &mut Program, x: &Tensor) -> Result<Vec<TensorIndex>> {
    let mut parts = Vec::new();
    for d in 0..p.bytes.below(x.rank() + 2) {
        let size = x.shape().get(d).copied().unwrap_or(3);
        parts.push(match p.bytes.below(10) {
            0 => TensorIndex::At(p.bytes.whole()),
            1 | 2 => TensorIndex::At(p.bytes.below(size.max(1)) as i64),
            3 => TensorIndex::from(..),
            4 => {
                let (start, end) = (p.bytes.maybe(|b| b.whole()), p.bytes.maybe(|b| b.whole()));
                slice(start, end, p.bytes.whole())
            }
            5 => TensorIndex::NewAxis,
            6 => TensorIndex::Ellipsis,
            7 => TensorIndex::Tensor(p.positions(&[3], size)?),
            8 => match p.bytes.flag() {
                true => TensorIndex::Tensor(p.tensor()?),
                false => TensorIndex::from(vec![p.bytes.whole(), 0]),
            },
            _ => {
                let mask = p.make(&[size.min(p.limits.kept)], pleach::DType::Bool)?;
                TensorIndex::Tensor(mask)
            }
        });
    }
    Ok(parts)
}

/// Index, dimension and source of a gather or scatter.
pub fn scattered(p: &mut Program, x: &Tensor) -> Result<(i64, Tensor, Tensor)> {
    let dim = p.bytes.dim();
    let size = x.size(dim).unwrap_or(2);
    let shape: Vec<usize> = match p.bytes.one_in(6) {
        true => p.shape(),
        false => x.shape().iter().map(|s| s.min(&4)).copied().collect(),
    };
    let index = p.positions(&shape, size)?;
    let source = match p.bytes.one_in(6) {
        true => p.tensor()?,
        false => p.make(&shape, x.dtype())?,
    };
    Ok((dim, index, source))
}

/// A line of positions along a dimension, and a source for them.
pub fn lined_up(p: &mut Program, x: &Tensor) -> Result<(i64, Tensor, Tensor)> {
    let (dim, n) = (p.bytes.dim(), p.bytes.below(6));
    let size = x.size(dim).unwrap_or(2);
    let index = match p.bytes.one_in(8) {
        true => p.tensor()?,
        false => p.positions(&[n], size)?,
    };
    let mut shape = x.shape().to_vec();
    let d = if dim < 0 {
        dim.saturating_add(x.rank() as i64)
    } else {
        dim
    };
    if let Some(size) = usize::try_from(d).ok().and_then(|d| shape.get_mut(d)) {
        *size = n;
    }
    let source = match p.bytes.one_in(8) || shape.iter().product::<usize>() > p.limits.kept * 2 {
        true => p.tensor()?,
        false => p.make(&shape, x.dtype())?,
    };
    Ok((dim, index, source))
}

pub const CALLS: &[Call] = &[
    call("Tensor::index slice", |p| {
        let x = p.tensor()?;
        let index = index_of(p, &x)?;
        p.keep_and_go_back(x.index(&index[..])?)
    }),
    call("Tensor::index", |p| {
        let x = p.tensor()?;
        let (a, b) = (p.bytes.whole(), p.bytes.whole());
        let y = match p.bytes.below(9) {
            0 => x.index(a),
            1 => x.index(a..b),
            2 => x.index(a..=b),
            3 => x.index(..=b),
            4 => x.index((.., a as usize..b as usize)),
            5 => x.index((TensorIndex::Ellipsis, a)),
            6 => x.index(&x),
            7 => x.index((&x, a)),
            _ => x.index([a, b]),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::index_select", |p| {
        let x = p.tensor()?;
        let (dim, index, _) = lined_up(p, &x)?;
        p.keep_and_go_back(x.index_select(dim, &index)?)
    }),
    call("Tensor::masked_select", |p| {
        let x = p.tensor()?;
        let mask = p.mask(&x)?;
        p.keep_and_go_back(x.masked_select(&mask)?)
    }),
    call("Tensor::gather", |p| {
        let x = p.tensor()?;
        let (dim, index, _) = scattered(p, &x)?;
        p.keep_and_go_back(x.gather(dim, &index)?)
    }),
    call("Tensor::scatter Tensor::scatter_add", |p| {
        let x = p.tensor()?;
        let (dim, index, source) = scattered(p, &x)?;
        let y = match p.bytes.below(3) {
            0 => x.scatter(dim, &index, &source),
            1 => x.scatter(dim, &index, p.bytes.scalar()),
            _ => x.scatter_add(dim, &index, &source),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::index_add", |p| {
        let x = p.tensor()?;
        let (dim, index, source) = lined_up(p, &x)?;
        p.keep_and_go_back(x.index_add(dim, &index, &source)?)
    }),
];
