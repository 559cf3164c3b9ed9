//! Products of matrices.

use pleach::{Result, Tensor, einsum};

use super::{Call, Program, call};

/// Two tensors of these shapes, mostly.
fn two(p: &mut Program, a: &[usize], b: &[usize]) -> Result<(Tensor, Tensor)> {
    let a = match p.bytes.one_in(8) {
        true => p.tensor()?,
        false => p.floats(a)?,
    };
    let b = match p.bytes.one_in(8) {
        true => p.tensor()?,
        false => p.floats(b)?,
    };
    Ok((a, b))
}

fn cube(p: &mut Program) -> (usize, usize, usize, usize) {
    let (n, m, k, b) = (
        p.bytes.small(),
        p.bytes.small(),
        p.bytes.small(),
        p.bytes.small(),
    );
    (n.min(20), m.min(20), k.min(20), b.min(5))
}

fn mm(p: &mut Program) -> Result<()> {
    let (n, m, k, _) = cube(p);
    let (a, b) = two(p, &[n, k], &[k, m])?;
    p.keep_and_go_back(a.mm(&b)?)
}

fn mv_and_dot(p: &mut Program) -> Result<()> {
    let (n, k, _, _) = cube(p);
    let (a, b) = two(p, &[n, k], &[k])?;
    p.keep_and_go_back(a.mv(&b)?)?;
    let c = p.same_shape(&b)?;
    p.keep_and_go_back(b.dot(&c)?)
}

fn bmm(p: &mut Program) -> Result<()> {
    let (n, m, k, batch) = cube(p);
    let (a, b) = two(p, &[batch, n, k], &[batch, k, m])?;
    p.keep_and_go_back(a.bmm(&b)?)
}

fn matmul(p: &mut Program) -> Result<()> {
    let (n, m, k, batch) = cube(p);
    let left: [&[usize]; 4] = [&[k], &[n, k], &[batch, n, k], &[2, 1, n, k]];
    let right: [&[usize]; 4] = [&[k], &[k, m], &[batch, k, m], &[batch, k, m]];
    let (a, b) = (p.bytes.pick(&left), p.bytes.pick(&right));
    let (a, b) = two(p, a, b)?;
    p.keep_and_go_back(a.matmul(&b)?)
}

fn addmm(p: &mut Program) -> Result<()> {
    let (n, m, k, batch) = cube(p);
    let (beta, alpha) = (p.bytes.float(), p.bytes.float());
    let to: [&[usize]; 5] = [&[n, m], &[m], &[], &[1, m], &[batch, n, m]];
    let to = p.bytes.pick(&to);
    let c = p.floats(to)?;
    let y = match p.bytes.flag() {
        true => {
            let (a, b) = two(p, &[n, k], &[k, m])?;
            c.addmm(&a, &b, beta, alpha)
        }
        false => {
            let (a, b) = two(p, &[batch, n, k], &[batch, k, m])?;
            c.baddbmm(&a, &b, beta, alpha)
        }
    }?;
    p.keep_and_go_back(y)
}

fn linear(p: &mut Program) -> Result<()> {
    let (n, m, k, batch) = cube(p);
    let shapes: [&[usize]; 3] = [&[n, k], &[batch, n, k], &[k]];
    let shape = p.bytes.pick(&shapes);
    let (x, w) = two(p, shape, &[m, k])?;
    let bias = match p.bytes.below(4) {
        0 => Some(p.tensor()?),
        1 => None,
        _ => Some(p.floats(&[m])?),
    };
    p.keep_and_go_back(x.linear(&w, bias.as_ref())?)
}

fn einsum_of(p: &mut Program) -> Result<()> {
    let equation = p.bytes.text(&[
        "ij,jk->ik",
        "ii",
        "ij->ji",
        "bij,bjk->bik",
        "i,j->ij",
        "...i,...i->...",
        "ij,ij",
        "ij->",
        "i,i,i->i",
        "...ij->...ji",
        "iij->ji",
        "ij,kj",
        "a...b,b...c->a...c",
        "i",
        "",
        ",",
        "->",
        "ij,jk->",
        "ij,jk->iz",
        "i..j->ij",
        "ij->ii",
        "A,a->Aa",
        "i j , j",
        "....",
        "ij,...->...",
    ]);
    let x = p.tensor()?;
    let mut all = vec![x.clone()];
    for _ in 0..p.bytes.below(3) {
        all.push(p.beside(&x)?);
    }
    let elements = all.iter().map(|t| t.numel() as u128).product::<u128>();
    if elements > 1 << 18 {
        return Ok(());
    }
    let y = einsum(equation, &all.iter().collect::<Vec<_>>())?;
    p.keep_and_go_back(y)
}

pub const CALLS: &[Call] = &[
    call("Tensor::mm", mm),
    call("Tensor::mv Tensor::dot", mv_and_dot),
    call("Tensor::bmm", bmm),
    call("Tensor::matmul", matmul),
    call("Tensor::addmm Tensor::baddbmm", addmm),
    call("Tensor::linear functional::linear", |p| {
        linear(p)?;
        let (n, m, k, _) = cube(p);
        let (x, w) = two(p, &[n, k], &[m, k])?;
        p.keep(pleach::nn::functional::linear(&x, &w, None)?)
    }),
    call("einsum", einsum_of),
];
