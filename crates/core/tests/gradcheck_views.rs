//! Gradients of views, joins and indexing, against finite differences.

mod common;

use common::{check, input, other};
use pleach_core::autograd::{Options, grad_allow_unused};
use pleach_core::{DType, PadMode, Tensor, TensorIndex, slice, tensor};

#[test]
fn other_shapes_of_the_same_elements() {
    check(vec![
        case!("view", [input(&[2, 6])], |x| x[0]
            .contiguous()?
            .view([3, -1])),
        case!("reshape", [input(&[2, 6])], |x| x[0].reshape([3, 2, 2])),
        case!("reshape of a transpose", [input(&[2, 6])], |x| x[0]
            .t()?
            .reshape([4, 3])),
        case!("reshape to a number", [input(&[1, 1])], |x| x[0]
            .reshape(())),
        case!("flatten", [input(&[2, 3, 2])], |x| x[0].flatten(0, 1)),
        case!("flatten a number", [input(&[])], |x| x[0].flatten(0, -1)),
        case!("unflatten", [input(&[2, 6])], |x| x[0]
            .unflatten(1, [2i64, -1])),
        case!("permute", [input(&[2, 3, 4])], |x| x[0].permute([2, 0, -2])),
        case!("transpose", [input(&[2, 3, 4])], |x| x[0].transpose(0, -1)),
        case!("transpose a number", [input(&[])], |x| x[0]
            .transpose(0, -1)),
        case!("t", [input(&[2, 3])], |x| x[0].t()),
        case!("squeeze", [input(&[1, 3, 1])], |x| Ok(x[0].squeeze())),
        case!("squeeze_dim", [input(&[1, 3, 1])], |x| x[0]
            .squeeze_dim([0, 1])),
        case!("unsqueeze", [input(&[3])], |x| x[0].unsqueeze(-1)),
        case!("expand", [input(&[3, 1])], |x| x[0].expand([2i64, -1, 4])),
        case!("expand to nothing", [input(&[3, 1])], |x| x[0]
            .expand([0i64, 3, 1])),
        case!("broadcast_to", [input(&[])], |x| x[0].broadcast_to(&[2, 2])),
        case!("select", [input(&[3, 4])], |x| x[0].select(1, -2)),
        case!("slice_dim", [input(&[3, 5])], |x| x[0]
            .slice_dim(1, 1, None, 2)),
        case!("slice of nothing", [input(&[3, 5])], |x| x[0]
            .slice_dim(1, 4, 2, 1)),
        case!("narrow", [input(&[3, 5])], |x| x[0].narrow(1, 1, 3)),
        case!("diagonal", [input(&[3, 4, 2])], |x| x[0].diagonal(0)),
        case!("diagonal above", [input(&[3, 4])], |x| x[0].diagonal(2)),
        case!("diagonal below", [input(&[3, 4])], |x| x[0].diagonal(-1)),
        case!("diagonal outside", [input(&[3, 4])], |x| x[0].diagonal(7)),
        case!("repeat", [input(&[2, 3])], |x| x[0].repeat([2, 1, 2])),
        case!("repeat to nothing", [input(&[2, 3])], |x| x[0]
            .repeat([0, 2])),
        case!("flip", [input(&[2, 3])], |x| x[0].flip([0, -1])),
        case!("roll", [input(&[2, 5])], |x| x[0].roll(-2, 1)),
        case!("roll around", [input(&[2, 5])], |x| x[0].roll(10, 1)),
        case!("roll two dimensions", [input(&[2, 5])], |x| x[0]
            .roll([1, -7], [0, 1])),
        case!("roll one dimension twice", [input(&[2, 5])], |x| x[0]
            .roll([1, 3], [1, 1])),
        case!("roll all", [input(&[2, 5])], |x| x[0].roll(3, [])),
        case!("narrow from the end", [input(&[2, 5])], |x| x[0]
            .narrow(1, -3, 2)),
        case!("tril", [input(&[2, 3, 4])], |x| x[0].tril(-1)),
        case!("triu", [input(&[3, 4])], |x| x[0].triu(1)),
        case!("contiguous", [input(&[2, 3])], |x| x[0].t()?.contiguous()),
        case!("a view of an expanded view", [input(&[3])], |x| {
            x[0].expand([4i64, 3])?
                .t()?
                .select(0, 1)?
                .slice_dim(0, 1, None, 2)
        }),
    ]);
}

#[test]
fn several_tensors_as_one_and_back() {
    check(vec![
        case!("cat", [input(&[2, 3]), other(&[1, 3])], |x| Tensor::cat(
            &[&x[0], &x[1], &x[0]],
            0
        )),
        case!("cat, last", [input(&[2, 3]), other(&[2, 1])], |x| {
            Tensor::cat([&x[0], &x[1]], -1)
        }),
        case!(
            "cat with an empty vector",
            [input(&[2, 3]), other(&[0])],
            |x| Tensor::cat([&x[1], &x[0]], 1)
        ),
        case!(
            "stack",
            [input(&[2, 3]), other(&[2, 3])],
            |x| Tensor::stack([&x[0], &x[1], &x[0]], 1)
        ),
        case!("stack of numbers", [input(&[]), other(&[])], |x| {
            Tensor::stack([&x[0], &x[1]], 0)
        }),
        case!("split", [input(&[5, 2])], |x| {
            let parts = x[0].split(2, 0)?;
            Tensor::cat([&parts[2], &parts[0]], 0)
        }),
        case!("split by sizes", [input(&[2, 5])], |x| {
            let parts = x[0].split([1, 3, 1], -1)?;
            Tensor::cat([&parts[2], &parts[1]], 1)
        }),
        case!("chunk, one unused", [input(&[5])], |x| x[0].chunk(3, 0)?[1]
            .view([2, 1])),
        case!("unbind", [input(&[2, 3])], |x| {
            let parts = x[0].unbind(1)?;
            Tensor::stack([&parts[2], &parts[0]], 0)
        }),
    ]);
}

#[test]
fn indexing() {
    const DOTS: TensorIndex = TensorIndex::Ellipsis;
    const NEW: TensorIndex = TensorIndex::NewAxis;
    let x = || input(&[3, 4, 2]);
    check(vec![
        case!("x[1]", [x()], |x| x[0].index(1)),
        case!("x[-1, :, 0]", [x()], |x| x[0].index((-1, .., 0))),
        case!("x[:, 1:, None]", [x()], |x| x[0].index((.., 1.., NEW))),
        case!("x[..., ::2, 1]", [x()], |x| x[0].index((
            DOTS,
            slice(None, None, 2),
            1
        ))),
        case!("x[[0, 2, 0]]", [x()], |x| x[0].index([0i64, 2, 0])),
        case!("x[:, idx]", [x()], |x| x[0]
            .index((.., &tensor![[1, 0], [-1, 1]]))),
        case!("x[idx, idx]", [x()], |x| x[0]
            .index((&tensor![0, 1, 0], &tensor![3, 0, 3]))),
        case!("x[idx, :, idx]", [x()], |x| x[0].index((
            &tensor![0, 1],
            ..,
            &tensor![1, 0]
        ))),
        case!("x[grid]", [x()], |x| x[0]
            .index((&tensor![[0], [2]], &tensor![[0, 1, 0]]))),
        case!("x[1, :, idx]", [x()], |x| x[0].index((
            1,
            ..,
            &tensor![1, 0, 1]
        ))),
        case!("x[mask]", [x()], |x| x[0]
            .index(&tensor![true, false, true])),
        case!("x[mask of two]", [input(&[2, 2, 2])], |x| x[0]
            .index(&tensor![[true, false], [true, true]])),
        case!("x[empty]", [x()], |x| x[0].index(Vec::<i64>::new())),
        case!("index_select", [x()], |x| x[0]
            .index_select(1, &tensor![3, 3, 0])),
        case!("masked_select", [input(&[2, 3])], |x| x[0]
            .masked_select(&tensor![true, false, true])),
        case!("gather", [input(&[3, 4])], |x| x[0]
            .gather(1, &tensor![[0, 3, 3], [1, 1, 1]])),
        case!("gather of a number", [input(&[])], |x| x[0]
            .gather(0, &tensor![0, 0])),
        case!("take the maximum", [input(&[3, 4])], |x| x[0]
            .gather(1, &x[0].argmax_dim(1, true)?)),
    ]);
}

#[test]
fn writing_by_index() {
    check(vec![
        case!("y[:, 0] = number", [input(&[3, 4])], |x| {
            let mut y = x[0].copy()?;
            y.index_put_((.., 0), 5.0)?;
            Ok(y)
        }),
        case!("y[1:, ::2] = row", [input(&[3, 4]), other(&[2])], |x| {
            let mut y = x[0].copy()?;
            y.index_put_((1.., slice(None, None, 2)), &x[1])?;
            Ok(y)
        }),
        case!("y[idx] = rows", [input(&[3, 2]), other(&[2, 2])], |x| {
            let mut y = x[0].copy()?;
            y.index_put_(&tensor![2, 0], &x[1])?;
            Ok(y)
        }),
        case!("y[mask] = number tensor", [input(&[3]), other(&[])], |x| {
            let mut y = x[0].copy()?;
            y.index_put_(&tensor![true, false, true], &x[1])?;
            Ok(y)
        }),
        case!(
            "y[idx] += rows, repeated",
            [input(&[3, 2]), other(&[3, 2])],
            |x| {
                let mut y = x[0].copy()?;
                y.index_put_accumulate_(&tensor![2, 0, 2], &x[1])?;
                Ok(y)
            }
        ),
        case!("a constant written to", [other(&[2])], |x| {
            let mut y = Tensor::zeros_of([3, 2], DType::F64);
            y.index_put_(1, &x[0])?;
            y.index_put_((2, 0), x[0].select(0, 1)?)?;
            Ok(y)
        }),
        case!("scatter", [input(&[2, 4]), other(&[2, 3])], |x| {
            x[0].scatter(1, &tensor![[0, 2], [3, 1]], &x[1])
        }),
        case!("scatter a number", [input(&[2, 4])], |x| {
            x[0].scatter(1, &tensor![[0, 2], [3, 1]], 2.5)
        }),
        case!("index_select of a number", [input(&[])], |x| {
            x[0].index_select(0, &tensor![0])
        }),
        case!("pad around a cut", [input(&[1, 3, 4])], |x| {
            x[0].pad(&[-1, 2], PadMode::Circular, 0.0)
        }),
        case!("scatter_add", [input(&[2, 4]), other(&[2, 3])], |x| {
            x[0].scatter_add(1, &tensor![[0, 0], [3, 1]], &x[1])
        }),
        case!("index_add", [input(&[3, 2]), other(&[4, 2])], |x| {
            x[0].index_add(0, &tensor![2, 0, 2, 2], &x[1])
        }),
        case!("index_add, last", [input(&[3, 2]), other(&[3, 1])], |x| x
            [0]
        .index_add(-1, &tensor![1], &x[1])),
    ]);
}

#[test]
fn padding_and_windows() {
    check(vec![
        case!("constant", [input(&[2, 3])], |x| x[0].pad(
            &[1, 2, 0, 1],
            PadMode::Constant,
            7.0
        )),
        case!("constant, cut", [input(&[3, 4])], |x| x[0].pad(
            &[-1, 2, 1, -2],
            PadMode::Constant,
            0.5
        )),
        case!("reflect", [input(&[1, 4])], |x| x[0].pad(
            &[3, 2],
            PadMode::Reflect,
            0.0
        )),
        case!("reflect, images", [input(&[1, 2, 3, 4])], |x| x[0].pad(
            &[1, 2, 2, 0],
            PadMode::Reflect,
            0.0
        )),
        case!("replicate", [input(&[2, 3, 2])], |x| x[0].pad(
            &[2, 1, 0, 3],
            PadMode::Replicate,
            0.0
        )),
        case!("circular", [input(&[1, 2, 3])], |x| x[0].pad(
            &[3, 2],
            PadMode::Circular,
            0.0
        )),
        case!("circular, cut", [input(&[1, 2, 4])], |x| x[0].pad(
            &[-1, 2],
            PadMode::Circular,
            0.0
        )),
        case!("windows", [input(&[2, 2, 3, 4])], |x| x[0].im2col(
            [2, 2],
            [1, 1],
            [0, 0],
            [1, 1]
        )),
        case!("windows, all options", [input(&[2, 4, 5])], |x| x[0]
            .im2col([2, 3], [2, 1], [1, 2], [1, 2])),
    ]);
}

#[test]
fn order_along_a_dimension() {
    check(vec![
        case!("sort", [input(&[3, 4])], |x| Ok(x[0].sort(1, true)?.0)),
        case!("topk", [input(&[3, 4])], |x| Ok(x[0].topk(2, 0, true)?.0)),
        case!("topk of a number", [input(&[])], |x| Ok(x[0]
            .topk(1, 0, true)?
            .0)),
        case!("median_dim", [input(&[3, 4])], |x| Ok(x[0]
            .median_dim(0, false)?
            .0)),
        case!("median_dim, kept", [input(&[3, 4])], |x| Ok(x[0]
            .median_dim(-1, true)?
            .0)),
        case!("median_dim of a number", [input(&[])], |x| Ok(x[0]
            .median_dim(0, false)?
            .0)),
        case!("median", [input(&[3, 5])], |x| x[0].median()),
    ]);
}

#[test]
fn values_written_over() {
    check(vec![
        case!("copy_", [input(&[3, 4]), other(&[4])], |x| {
            let mut y = x[0].copy()?;
            y.copy_(&x[1])?;
            Ok(y)
        }),
        case!("a part filled", [input(&[3, 4])], |x| {
            let mut y = x[0].select(0, 1)?.copy()?;
            y.fill_(2.0)?;
            Tensor::cat([&y, &x[0].select(0, 0)?], 0)
        }),
        case!(
            "a gradient that begins within another",
            [input(&[2, 3]), other(&[3])],
            |x| {
                let mut y = x[0].copy()?;
                y.index_put_(1, &x[1])?;
                Tensor::cat([&x[0], &y], 0)
            }
        ),
    ]);
}

/// Rounding to f32 is too coarse for difference quotients.
#[test]
fn another_dtype_there_and_back() {
    let x = input(&[3]).requires_grad_(true).unwrap();
    let g = other(&[3]).requires_grad_(true).unwrap();
    let y = x.float().unwrap();
    let first = grad_allow_unused(&[&y], &[&x], &[Some(&g)], Options::CREATE_GRAPH).unwrap();
    let first = first[0].clone().unwrap();
    assert_eq!(first.dtype(), DType::F64);
    let second = grad_allow_unused(&[&first], &[&g], &[Some(&input(&[3]))], Options::ONCE).unwrap();
    let rounded = input(&[3]).float().unwrap().double().unwrap();
    assert!(second[0].as_ref().unwrap().equal(&rounded).unwrap());
}
