//! Products beside those of matrices, diagonals, stacks, parts, differences and distances.

use pleach::{CdistMode, Indexing, Operand, Result, Spacing, Tensor};

use super::{Call, Program, call};

/// A tensor and a few that may stand beside it.
fn several(p: &mut Program) -> Result<Vec<Tensor>> {
    let x = p.tensor()?;
    let mut all = vec![x.clone()];
    for _ in 0..p.bytes.below(3) {
        all.push(p.same_shape(&x)?);
    }
    if p.bytes.one_in(20) {
        all.clear();
    }
    Ok(all)
}

/// Whether no dimension is beyond what products of sizes can afford: an empty tensor's may be.
fn modest(tensors: &[&Tensor]) -> bool {
    tensors
        .iter()
        .all(|t| t.shape().iter().all(|&n| n <= 1 << 10))
}

/// A few vectors, mostly.
fn vectors(p: &mut Program) -> Result<Vec<Tensor>> {
    (0..p.bytes.below(4)).map(|_| p.of_rank(&[1])).collect()
}

fn added(p: &mut Program) -> Result<()> {
    let [b, m, k, n] = [(); 4].map(|()| p.bytes.small().min(8));
    let (beta, alpha) = (p.bytes.scalar(), p.bytes.scalar());
    let x = p.tensor()?;
    let batches = (p.floats(&[b, m, k])?, p.floats(&[b, k, n])?);
    let to: [&[usize]; 3] = [&[m, n], &[n], &[]];
    let to = p.bytes.pick(&to);
    let start = p.floats(to)?;
    p.keep_and_go_back(start.addbmm(&batches.0, &batches.1, beta, alpha)?)?;
    let (matrix, vector) = (p.floats(&[m, k])?, p.floats(&[k])?);
    let to: [&[usize]; 2] = [&[], &[m]];
    let to = p.bytes.pick(&to);
    let start = p.floats(to)?;
    p.keep_and_go_back(start.addmv(&matrix, &vector, beta, alpha)?)?;
    let column = p.floats(&[m])?;
    p.keep_and_go_back(x.addr(&column, &vector, beta, alpha)?)
}

fn pairs(p: &mut Program) -> Result<()> {
    let x = p.tensor()?;
    let y = p.beside(&x)?;
    if !modest(&[&x, &y]) || x.numel() * y.numel() > 1 << 14 {
        return Ok(());
    }
    p.keep_and_go_back(x.kron(&y)?)?;
    let dims = (p.bytes.dims(), p.bytes.dims());
    let all = [
        x.inner(&y),
        x.tensordot(&y, p.bytes.below(4)),
        x.tensordot(&y, dims),
        x.outer(&y),
        x.vdot(&y),
        x.cross(&y, p.bytes.maybe(|b| b.dim())),
        x.trace(),
    ];
    all.into_iter()
        .flatten()
        .try_for_each(|t| p.keep_and_go_back(t))
}

fn diagonals(p: &mut Program) -> Result<()> {
    let (x, offset) = (p.tensor()?, p.bytes.whole());
    let (a, b) = (p.bytes.dim(), p.bytes.dim());
    let view = x.diagonal_dim(offset, a, b)?;
    let source = p.same_shape(&view)?;
    p.keep_and_go_back(view)?;
    p.keep_and_go_back(x.diagonal_scatter(&source, offset, a, b)?)
}

/// A matrix with a side this much longer than a tensor has elements.
fn embedded(p: &mut Program) -> Result<()> {
    let (x, offset) = (p.tensor()?, p.bytes.whole());
    let (a, b) = (p.bytes.dim(), p.bytes.dim());
    if !modest(&[&x]) {
        return Ok(());
    }
    let side = x.numel().saturating_add(offset.unsigned_abs() as usize);
    if !p.may_have(&[side, side]) || !p.may_have(&[x.numel(), side, side]) {
        return Ok(());
    }
    let all = [
        x.diag_embed(offset, a, b),
        x.diag(offset),
        x.diagflat(offset),
    ];
    all.into_iter()
        .flatten()
        .try_for_each(|t| p.keep_and_go_back(t))
}

fn replaced(p: &mut Program) -> Result<()> {
    let (x, dim, at) = (p.tensor()?, p.bytes.dim(), p.bytes.whole());
    if let Ok(view) = x.select(dim, at) {
        let source = p.same_shape(&view)?;
        p.keep_and_go_back(x.select_scatter(&source, dim, at)?)?;
    }
    let (start, end) = (p.bytes.maybe(|b| b.whole()), p.bytes.maybe(|b| b.whole()));
    let step = p.bytes.whole();
    let view = x.slice_dim(dim, start, end, step)?;
    let source = p.same_shape(&view)?;
    p.keep_and_go_back(x.slice_scatter(&source, dim, start, end, step)?)
}

fn repeated(p: &mut Program) -> Result<()> {
    let (x, dim) = (p.tensor()?, p.bytes.maybe(|b| b.dim()));
    let (n, size) = (p.bytes.whole(), p.bytes.maybe(|b| b.size()));
    if !modest(&[&x]) {
        return Ok(());
    }
    if p.may_have(&[x.numel(), n.max(0) as usize]) {
        p.keep_and_go_back(x.repeat_interleave(n, dim, size)?)?;
    }
    let length = dim.map_or(Ok(x.numel()), |d| x.size(d))?.min(64);
    let repeats = p.positions(&[length], 4)?;
    p.keep(repeats.repeat_positions(size)?)?;
    p.keep_and_go_back(x.repeat_interleave(&repeats, dim, None)?)
}

fn splits(p: &mut Program) -> Result<()> {
    let (x, dim) = (p.tensor()?, p.bytes.dim());
    let n = match p.bytes.size() {
        n if n > 1 << 10 && (n as u128) < p.limits.refused => 3,
        n => n,
    };
    let cuts: Vec<i64> = (0..p.bytes.below(4)).map(|_| p.bytes.whole()).collect();
    let at = p.positions(&[2], 4)?;
    let all = match p.bytes.below(7) {
        6 => x.split_with_sizes(&[n, 1], dim),
        0 => x.tensor_split(n, dim),
        1 => x.tensor_split(&cuts[..], dim),
        2 => x.tensor_split(&at, dim),
        3 => x.hsplit(n),
        4 => x.vsplit(&cuts[..]),
        _ => x.dsplit(n),
    };
    p.keep_all(all?)
}

fn samples(p: &mut Program) -> Result<()> {
    let (x, dim, n) = (p.tensor()?, p.bytes.dim(), p.bytes.size());
    let y = p.beside(&x)?;
    if !modest(&[&x, &y]) {
        return p.keep(x.diff(n, dim, None, None)?);
    }
    let steps: Operand = match p.bytes.flag() {
        true => p.operand(&x)?,
        false => y.clone().into(),
    };
    let joined = p.bytes.flag().then_some(&y);
    let all = [
        x.diff(n, dim, joined, None),
        x.trapezoid(&steps, dim),
        x.cumulative_trapezoid(&steps, dim),
    ];
    for t in all.into_iter().flatten() {
        p.keep_and_go_back(t)?;
    }
    let spacing = match p.bytes.below(3) {
        0 => Spacing::One(p.bytes.float()),
        1 => Spacing::Each(vec![p.bytes.float(); p.bytes.below(4)]),
        _ => Spacing::At(vectors(p)?),
    };
    let (dims, order) = (p.bytes.dims(), p.bytes.below(4));
    p.keep_all(x.gradient(spacing, dims, order)?)
}

fn distances(p: &mut Program) -> Result<()> {
    let [m, n, k] = [(); 3].map(|()| p.bytes.small().min(30));
    let norm = match p.bytes.flag() {
        true => p.bytes.pick(&[0.0, 1.0, 2.0, f64::INFINITY, f64::NAN]),
        false => p.bytes.float(),
    };
    use CdistMode::*;
    let mode = p.bytes.pick(&[IfNecessary, Product, Direct]);
    let (x, y) = (p.floats(&[m, k])?, p.floats(&[n, k])?);
    let other = p.tensor()?;
    if !modest(&[&other]) {
        return Ok(());
    }
    p.keep_and_go_back(x.cdist(&y, norm, mode)?)?;
    p.keep_and_go_back(x.pdist(norm)?)?;
    p.keep_and_go_back(pleach::nn::functional::pdist(&y, norm)?)?;
    let beside = p.beside(&other)?;
    p.keep_and_go_back(other.dist(&beside, norm)?)?;
    p.keep(other.cdist(&x, norm, mode)?)
}

fn created(p: &mut Program) -> Result<()> {
    let n = p.bytes.size();
    let (m, offset) = (p.bytes.size(), p.bytes.whole());
    if p.may_have(&[n.max(1), m.max(1)]) {
        p.keep(Tensor::tril_indices(n, m, offset)?)?;
        p.keep(Tensor::triu_indices(n, m, offset)?)?;
    }
    Ok(())
}

pub const CALLS: &[Call] = &[
    call("Tensor::addbmm Tensor::addmv Tensor::addr", added),
    call(
        "Tensor::kron Tensor::inner Tensor::tensordot Tensor::outer Tensor::vdot Tensor::cross Tensor::trace",
        pairs,
    ),
    call("Tensor::diagonal_dim Tensor::diagonal_scatter", diagonals),
    call("Tensor::diag_embed Tensor::diag Tensor::diagflat", embedded),
    call("Tensor::select_scatter Tensor::slice_scatter", replaced),
    call(
        "Tensor::repeat_interleave Tensor::repeat_positions",
        repeated,
    ),
    call(
        "Tensor::split_with_sizes Tensor::tensor_split Tensor::hsplit Tensor::vsplit Tensor::dsplit",
        splits,
    ),
    call(
        "Tensor::diff Tensor::trapezoid Tensor::cumulative_trapezoid Tensor::gradient",
        samples,
    ),
    call(
        "Tensor::cdist Tensor::pdist functional::pdist Tensor::dist",
        distances,
    ),
    call("Tensor::tril_indices Tensor::triu_indices", created),
    call(
        "Tensor::atleast_1d Tensor::atleast_2d Tensor::atleast_3d Tensor::ravel",
        |p| {
            let x = p.tensor()?;
            for t in [x.atleast_1d(), x.atleast_2d(), x.atleast_3d(), x.ravel()] {
                p.keep_and_go_back(t?)?;
            }
            Ok(())
        },
    ),
    call(
        "Tensor::expand_as Tensor::reshape_as Tensor::view_as Tensor::sum_to_size",
        |p| {
            let x = p.tensor()?;
            let y = p.beside(&x)?;
            let all = [
                x.expand_as(&y),
                x.reshape_as(&y),
                x.view_as(&y),
                x.sum_to_size(y.shape()),
            ];
            for t in all.into_iter().flatten() {
                p.keep_and_go_back(t)?;
            }
            let sizes = p.bytes.sizes();
            p.keep_and_go_back(x.sum_to_size(sizes)?)
        },
    ),
    call(
        "Tensor::movedim Tensor::moveaxis Tensor::swapaxes Tensor::swapdims Tensor::rot90 Tensor::fliplr Tensor::flipud",
        |p| {
            let (x, k) = (p.tensor()?, p.bytes.whole());
            let (a, b) = (p.bytes.dims(), p.bytes.dims());
            let (c, d) = (p.bytes.dim(), p.bytes.dim());
            let all = [
                x.movedim(a.clone(), b.clone()),
                x.moveaxis(c, d),
                x.swapaxes(c, d),
                x.swapdims(d, c),
                x.rot90(k, [c, d]),
                x.rot90(k, a),
                x.fliplr(),
                x.flipud(),
            ];
            all.into_iter()
                .flatten()
                .try_for_each(|t| p.keep_and_go_back(t))
        },
    ),
    call("Tensor::unfold", |p| {
        let (x, dim) = (p.tensor()?, p.bytes.dim());
        let (size, step) = (p.bytes.size(), p.bytes.size());
        if x.numel() < 1 << 10 && x.rank() < 7 {
            p.keep_and_go_back(x.unfold(dim, size, step)?)?;
        }
        Ok(())
    }),
    call("Tensor::tile", |p| {
        let (x, repeats) = (p.tensor()?, p.bytes.sizes());
        let mut sizes: Vec<usize> = repeats.iter().map(|&r| r.max(0) as usize).collect();
        sizes.push(x.numel());
        match p.may_have(&sizes) {
            true => p.keep_and_go_back(x.tile(repeats)?),
            false => Ok(()),
        }
    }),
    call(
        "Tensor::hstack Tensor::vstack Tensor::row_stack Tensor::dstack Tensor::column_stack Tensor::block_diag Tensor::broadcast_tensors",
        |p| {
            let all = several(p)?;
            if !modest(&all.iter().collect::<Vec<_>>()) {
                return Ok(());
            }
            if let Ok(wide) = Tensor::broadcast_tensors(&all) {
                p.keep_all(wide)?;
            }
            let joined = [
                Tensor::hstack(&all),
                Tensor::vstack(&all),
                Tensor::row_stack(&all),
                Tensor::dstack(&all),
                Tensor::column_stack(&all),
                Tensor::block_diag(&all),
            ];
            joined
                .into_iter()
                .flatten()
                .try_for_each(|t| p.keep_and_go_back(t))
        },
    ),
    call(
        "Tensor::meshgrid Tensor::cartesian_prod Tensor::combinations",
        |p| {
            let indexing = p.bytes.pick(&[Indexing::Ij, Indexing::Xy]);
            let all = vectors(p)?;
            if !modest(&all.iter().collect::<Vec<_>>()) {
                return Ok(());
            }
            let points: u128 = all.iter().map(|t| t.numel() as u128).product();
            if points > 1 << 12 {
                return Ok(());
            }
            if let Ok(grids) = Tensor::meshgrid(&all, indexing) {
                p.keep_all(grids)?;
            }
            if let Ok(rows) = Tensor::cartesian_prod(&all) {
                p.keep_and_go_back(rows)?;
            }
            let (x, again) = (p.of_rank(&[1])?, p.bytes.flag());
            let r = match p.bytes.flag() {
                true => p.bytes.below(4),
                false => p.bytes.size(),
            };
            // So many choices of a few elements, or more than any memory holds.
            let n = x.numel().min(12);
            let few = if r < 4 { r } else { n.min(1) };
            let r = if (r as u128) < p.limits.refused {
                few
            } else {
                r
            };
            p.keep_and_go_back(x.narrow(0, 0, n)?.combinations(r, again)?)
        },
    ),
];
