//! Reductions, scans and orders.

use pleach::{Result, Tensor};

use super::{Call, Program, call};

fn whole(p: &mut Program, f: fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let y = f(&x)?;
    assert_eq!(y.rank(), 0);
    p.keep_and_go_back(y)
}

fn along(p: &mut Program, f: fn(&Tensor, Vec<i64>, bool) -> Result<Tensor>) -> Result<()> {
    let (x, dims, keepdim) = (p.tensor()?, p.bytes.dims(), p.bytes.flag());
    let y = f(&x, dims, keepdim)?;
    assert!(!keepdim || y.rank() == x.rank());
    p.keep_and_go_back(y)
}

/// Whether a reduction over an empty dimension leaves a result that may be asked for.
fn may_reduce(p: &Program, x: &Tensor) -> bool {
    let sizes: Vec<usize> = x.shape().iter().map(|n| (*n).max(1)).collect();
    x.numel() > 0 || p.may_have(&sizes)
}

fn along_one(p: &mut Program, f: fn(&Tensor, i64, bool) -> Result<Tensor>) -> Result<()> {
    let (x, dim, keepdim) = (p.tensor()?, p.bytes.dim(), p.bytes.flag());
    if !may_reduce(p, &x) {
        return Ok(());
    }
    p.keep_and_go_back(f(&x, dim, keepdim)?)
}

fn both(p: &mut Program, f: fn(&Tensor, i64, bool) -> Result<(Tensor, Tensor)>) -> Result<()> {
    let (x, dim, flag) = (p.tensor()?, p.bytes.dim(), p.bytes.flag());
    if !may_reduce(p, &x) {
        return Ok(());
    }
    let (values, positions) = f(&x, dim, flag)?;
    assert_eq!(values.shape(), positions.shape());
    p.keep_and_go_back(values)?;
    p.keep(positions)
}

pub const CALLS: &[Call] = &[
    call("Tensor::sum", |p| whole(p, Tensor::sum)),
    call("Tensor::mean", |p| whole(p, Tensor::mean)),
    call("Tensor::var", |p| whole(p, Tensor::var)),
    call("Tensor::std", |p| whole(p, Tensor::std)),
    call("Tensor::prod", |p| whole(p, Tensor::prod)),
    call("Tensor::all", |p| whole(p, Tensor::all)),
    call("Tensor::any", |p| whole(p, Tensor::any)),
    call("Tensor::max", |p| whole(p, Tensor::max)),
    call("Tensor::min", |p| whole(p, Tensor::min)),
    call("Tensor::argmax", |p| whole(p, Tensor::argmax)),
    call("Tensor::argmin", |p| whole(p, Tensor::argmin)),
    call("Tensor::median", |p| whole(p, Tensor::median)),
    call("Tensor::norm", |p| whole(p, Tensor::norm)),
    call("Tensor::sum_dim", |p| along(p, |x, d, k| x.sum_dim(d, k))),
    call("Tensor::mean_dim", |p| along(p, |x, d, k| x.mean_dim(d, k))),
    call("Tensor::all_dim", |p| along(p, |x, d, k| x.all_dim(d, k))),
    call("Tensor::any_dim", |p| along(p, |x, d, k| x.any_dim(d, k))),
    call("Tensor::amax", |p| along(p, |x, d, k| x.amax(d, k))),
    call("Tensor::amin", |p| along(p, |x, d, k| x.amin(d, k))),
    call("Tensor::logsumexp", |p| {
        along(p, |x, d, k| x.logsumexp(d, k))
    }),
    call("Tensor::var_dim Tensor::std_dim", |p| {
        let (x, dims, keepdim) = (p.tensor()?, p.bytes.dims(), p.bytes.flag());
        let correction = p.bytes.float();
        let y = match p.bytes.flag() {
            true => x.var_dim(dims, correction, keepdim),
            false => x.std_dim(dims, correction, keepdim),
        }?;
        p.keep_and_go_back(y)
    }),
    call("Tensor::norm_dim", |p| {
        let (x, dims, keepdim) = (p.tensor()?, p.bytes.dims(), p.bytes.flag());
        let power = p.bytes.float();
        p.keep_and_go_back(x.norm_dim(power, dims, keepdim)?)
    }),
    call("Tensor::prod_dim", |p| {
        along_one(p, |x, d, k| x.prod_dim(d, k))
    }),
    call("Tensor::argmax_dim", |p| {
        along_one(p, |x, d, k| x.argmax_dim(d, k))
    }),
    call("Tensor::argmin_dim", |p| {
        along_one(p, |x, d, k| x.argmin_dim(d, k))
    }),
    call("Tensor::cumsum", |p| along_one(p, |x, d, _| x.cumsum(d))),
    call("Tensor::argsort", |p| {
        along_one(p, |x, d, k| x.argsort(d, k))
    }),
    call("Tensor::sort", |p| both(p, |x, d, k| x.sort(d, k))),
    call("Tensor::max_dim", |p| both(p, |x, d, k| x.max_dim(d, k))),
    call("Tensor::min_dim", |p| both(p, |x, d, k| x.min_dim(d, k))),
    call("Tensor::median_dim", |p| {
        both(p, |x, d, k| x.median_dim(d, k))
    }),
    call("Tensor::topk", |p| {
        let (x, k) = (p.tensor()?, p.bytes.size());
        let (dim, largest) = (p.bytes.dim(), p.bytes.flag());
        let (values, positions) = x.topk(k, dim, largest)?;
        p.keep_and_go_back(values)?;
        p.keep(positions)
    }),
];
