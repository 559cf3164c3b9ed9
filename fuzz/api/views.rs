//! Views, and what moves elements without changing them.

use pleach::{Result, Tensor};

use super::{Call, Program, call};

/// A shape that holds a tensor's elements, or sizes that do not.
fn sizes_for(p: &mut Program, x: &Tensor) -> Vec<i64> {
    let n = x.numel() as i64;
    match p.bytes.below(6) {
        0 => vec![-1],
        1 => vec![n, 1],
        2 => vec![1, -1, 1],
        3 if n % 2 == 0 => vec![2, -1],
        4 => x.shape().iter().rev().map(|&s| s as i64).collect(),
        _ => p.bytes.sizes(),
    }
}

fn as_strided(p: &mut Program) -> Result<()> {
    let x = p.tensor()?;
    let n = p.bytes.below(4);
    let shape: Vec<usize> = (0..n).map(|_| p.bytes.size()).collect();
    let strides: Vec<usize> = (0..n).map(|_| p.bytes.size()).collect();
    let offset = p.bytes.size();
    p.keep(x.as_strided(shape, strides, offset)?)
}

/// A view of more elements than any memory holds, and what would have to write them all.
fn written_out(p: &mut Program) -> Result<()> {
    if !p.limits.absurd {
        return Ok(());
    }
    let t = p.tensor()?;
    let one = match t.numel() {
        0 => return Ok(()),
        _ => t.reshape([-1])?.narrow(0, 0, 1)?,
    };
    let more = p.bytes.pick(&[
        1i64 << 61,
        1 << 48,
        1 << 50,
        (1 << 62) - 1,
        i64::MAX,
        1 << 55,
    ]);
    let huge = match p.bytes.flag() {
        true => one.expand([more])?,
        false => one.unsqueeze(0)?.expand([more, 2])?,
    };
    let scalar = p.bytes.scalar();
    let result = match p.bytes.below(20) {
        0 => huge.add(scalar),
        1 => huge.contiguous(),
        2 => huge.copy(),
        3 => huge.exp(),
        4 => huge.gt(scalar),
        5 => huge.repeat([2, 2]),
        6 => Tensor::cat([&huge, &huge], 0),
        7 => Tensor::stack([&huge, &huge], 0),
        8 => huge.flip([0]),
        9 => huge.roll(1, 0),
        10 => huge.mul(&huge),
        11 => huge.clamp(0.0, None),
        12 => huge.to_dtype(p.bytes.dtype()),
        13 => huge.neg(),
        14 => huge.softmax(0),
        15 => huge.cumsum(0),
        16 => huge.reshape([-1, 2]),
        17 => huge.masked_fill(&huge.ne(0)?, scalar),
        18 => huge.pow(scalar),
        _ => huge.square(),
    };
    let size = huge.dtype().size_of() as u128 * huge.numel() as u128;
    if let Ok(result) = result {
        let own = result.storage_len() as u128;
        assert!(own < 1 << 40, "{own} elements of a view of {size} bytes");
        drop(result);
    }
    huge.detach().to_string();
    Ok(())
}

pub const CALLS: &[Call] = &[
    call("Tensor::view Tensor::reshape", |p| {
        let x = p.tensor()?;
        let sizes = sizes_for(p, &x);
        if let Ok(y) = x.view(sizes.clone()) {
            assert!(y.shares_memory_with(&x) || x.numel() == 0);
        }
        let y = x.reshape(sizes)?;
        assert_eq!(y.numel(), x.numel());
        p.keep_and_go_back(y)
    }),
    call("Tensor::flatten", |p| {
        let (x, a, b) = (p.tensor()?, p.bytes.dim(), p.bytes.dim());
        p.keep_and_go_back(x.flatten(a, b)?)
    }),
    call("Tensor::unflatten", |p| {
        let (x, dim, sizes) = (p.tensor()?, p.bytes.dim(), p.bytes.sizes());
        p.keep_and_go_back(x.unflatten(dim, sizes)?)
    }),
    call("Tensor::permute", |p| {
        let x = p.tensor()?;
        let rank = x.rank() as i64;
        let shift = p.bytes.below(8) as i64;
        let dims = match p.bytes.one_in(6) {
            true => p.bytes.dims(),
            false => (0..rank).map(|d| (d + shift) % rank.max(1)).collect(),
        };
        p.keep_and_go_back(x.permute(dims)?)
    }),
    call("Tensor::transpose Tensor::t", |p| {
        let (x, a, b) = (p.tensor()?, p.bytes.dim(), p.bytes.dim());
        p.keep_and_go_back(x.transpose(a, b)?)?;
        p.keep_and_go_back(x.t()?)
    }),
    call(
        "Tensor::squeeze Tensor::squeeze_dim Tensor::unsqueeze",
        |p| {
            let (x, dims, dim) = (p.tensor()?, p.bytes.dims(), p.bytes.dim());
            p.keep_and_go_back(x.squeeze())?;
            if x.rank() < 7 {
                p.keep_and_go_back(x.unsqueeze(dim)?)?;
            }
            p.keep_and_go_back(x.squeeze_dim(dims)?)
        },
    ),
    call("Tensor::expand", |p| {
        let x = p.tensor()?;
        let sizes = match p.bytes.flag() {
            true => p.bytes.sizes(),
            false => {
                let n = p.bytes.whole();
                let all = x.shape().iter();
                let mut all: Vec<i64> = all.map(|&s| if s == 1 { n } else { s as i64 }).collect();
                if p.bytes.flag() {
                    all.insert(0, p.bytes.whole());
                }
                all
            }
        };
        p.keep_and_go_back(x.expand(sizes)?)
    }),
    call("Tensor::broadcast_to", |p| {
        let x = p.tensor()?;
        let mut shape: Vec<usize> = match p.bytes.flag() {
            true => (0..p.bytes.below(4)).map(|_| p.bytes.size()).collect(),
            false => vec![p.bytes.size()],
        };
        shape.extend(x.shape());
        p.keep_and_go_back(x.broadcast_to(&shape)?)
    }),
    call("Tensor::as_strided", as_strided),
    call("Tensor::select", |p| {
        let (x, dim, at) = (p.tensor()?, p.bytes.dim(), p.bytes.whole());
        p.keep_and_go_back(x.select(dim, at)?)
    }),
    call("Tensor::slice_dim", |p| {
        let (x, dim) = (p.tensor()?, p.bytes.dim());
        let (start, end) = (p.bytes.maybe(|b| b.whole()), p.bytes.maybe(|b| b.whole()));
        let step = p.bytes.whole();
        p.keep_and_go_back(x.slice_dim(dim, start, end, step)?)
    }),
    call("Tensor::narrow", |p| {
        let (x, dim, start, length) = (p.tensor()?, p.bytes.dim(), p.bytes.whole(), p.bytes.size());
        p.keep_and_go_back(x.narrow(dim, start, length)?)?;
        let start = p.tensor()?;
        p.keep_and_go_back(x.narrow(dim, &start, length)?)
    }),
    call("Tensor::diagonal", |p| {
        let (x, offset) = (p.tensor()?, p.bytes.whole());
        p.keep_and_go_back(x.diagonal(offset)?)
    }),
    call("Tensor::tril Tensor::triu", |p| {
        let (x, offset) = (p.tensor()?, p.bytes.whole());
        p.keep_and_go_back(x.tril(offset)?)?;
        p.keep_and_go_back(x.triu(offset)?)
    }),
    call("Tensor::repeat", |p| {
        let (x, repeats) = (p.tensor()?, p.bytes.sizes());
        let mut sizes: Vec<usize> = repeats.iter().map(|&r| r.max(0) as usize).collect();
        sizes.push(x.numel());
        if p.may_have(&sizes) {
            p.keep_and_go_back(x.repeat(repeats)?)?;
        }
        Ok(())
    }),
    call("Tensor::flip", |p| {
        let (x, dims) = (p.tensor()?, p.bytes.dims());
        p.keep_and_go_back(x.flip(dims)?)
    }),
    call("Tensor::roll", |p| {
        let (x, shift, dim) = (p.tensor()?, p.bytes.whole(), p.bytes.dim());
        p.keep_and_go_back(x.roll(shift, dim)?)?;
        let (shifts, dims) = (p.bytes.dims(), p.bytes.dims());
        p.keep_and_go_back(x.roll(shifts, dims)?)
    }),
    call("Tensor::split", |p| {
        let (x, dim) = (p.tensor()?, p.bytes.dim());
        let parts = match p.bytes.flag() {
            true => x.split(p.bytes.size(), dim),
            false => {
                let sizes: Vec<usize> = (0..p.bytes.below(4)).map(|_| p.bytes.size()).collect();
                x.split(&sizes, dim)
            }
        }?;
        p.keep_all(parts)
    }),
    call("Tensor::chunk Tensor::unbind", |p| {
        let (x, dim, n) = (p.tensor()?, p.bytes.dim(), p.bytes.size());
        p.keep_all(x.unbind(dim)?)?;
        p.keep_all(x.chunk(n, dim)?)
    }),
    call("Tensor::cat Tensor::stack", |p| {
        let (x, dim, n) = (p.tensor()?, p.bytes.dim(), p.bytes.below(4));
        let mut all = vec![x.clone()];
        for _ in 0..n {
            all.push(p.same_shape(&x)?);
        }
        if p.bytes.one_in(20) {
            all.clear();
        }
        let all: Vec<&Tensor> = all.iter().collect();
        p.keep_and_go_back(Tensor::cat(&all, dim)?)?;
        p.keep_and_go_back(Tensor::stack(&all, dim)?)
    }),
    call("Tensor::pad functional::pad", |p| {
        let (x, mode, value) = (p.tensor()?, p.bytes.pad_mode(), p.bytes.float());
        let pads: Vec<i64> = (0..p.bytes.below(9)).map(|_| p.bytes.whole()).collect();
        let mut sizes = vec![x.numel()];
        sizes.extend(
            pads.iter()
                .map(|&n| n.max(0) as usize)
                .map(|n| n.saturating_add(1)),
        );
        if p.may_have(&sizes) {
            let y = match p.bytes.flag() {
                true => x.pad(&pads, mode, value),
                false => pleach::nn::functional::pad(&x, &pads, mode, value),
            }?;
            p.keep_and_go_back(y)?;
        }
        Ok(())
    }),
    call("Tensor::im2col", |p| {
        let x = p.of_rank(&[3, 4])?;
        let mut pair = || p.bytes.window::<2>().array();
        let (kernel, dilation, stride) = (pair(), pair(), pair());
        let padding = p.bytes.each::<2>().array();
        if p.may_pad(x.numel(), &padding, &stride) {
            let y = x.im2col(kernel, dilation, padding, stride)?;
            p.keep_and_go_back(y)?;
        }
        Ok(())
    }),
    call("Tensor::expand Tensor::contiguous", written_out),
];
