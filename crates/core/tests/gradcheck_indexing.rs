//! Gradients of what takes, puts and reduces by positions, of running values and of statistics, against
//! finite differences.

mod common;

use common::{check, input, other, positive};
use pleach_core::{Interpolation, Reduce, Result, Tensor, TensorIndex, slice, tensor};

fn data(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape).unwrap()
}

#[test]
fn slices_by_positions() {
    check(vec![
        case!("index_add", [input(&[3, 2]), other(&[4, 2])], |x| x[0]
            .index_add_alpha(0, &tensor![2, 0, 2, 2], &x[1], -1.5)),
        case!(
            "index_add of columns",
            [input(&[2, 3]), other(&[2, 2])],
            |x| { x[0].index_add(-1, &tensor![2, 2], &x[1]) }
        ),
        case!("index_add of a number", [input(&[]), other(&[])], |x| x[0]
            .index_add(0, &tensor![0], &x[1])),
        case!("index_fill", [input(&[3, 2])], |x| x[0].index_fill(
            0,
            &tensor![-1, 2, 0],
            0.5
        )),
        case!(
            "index_fill by a tensor",
            [input(&[2, 3]), other(&[])],
            |x| x[0].index_fill(1, &tensor![-1, 2, 0], &x[1])
        ),
        case!("index_copy", [input(&[3, 2]), other(&[2, 2])], |x| x[0]
            .index_copy(0, &tensor![2, 0], &x[1])),
        case!("index_put", [input(&[3, 2]), other(&[2])], |x| x[0]
            .index_put((&tensor![2, 0], &tensor![1, 1]), &x[1])),
        case!("index_put with a gap", [input(&[2, 3]), other(&[])], |x| {
            let index = [slice(None, None, 1), TensorIndex::Tensor(tensor![2, 0])];
            x[0].index_put(&index[..], &x[1])
        }),
        case!("index_put, added", [input(&[3, 2]), other(&[1, 2])], |x| x
            [0]
        .index_put_accumulate(&tensor![2, 0, 2], &x[1])),
    ]);
}

#[test]
fn elements_by_places() {
    check(vec![
        case!("take", [input(&[3, 2])], |x| x[0]
            .take(&tensor![[-1, 0], [5, 2]])),
        case!("put", [input(&[3, 2]), other(&[2])], |x| x[0].put(
            &tensor![-1, 2],
            &x[1],
            false
        )),
        case!("put, added", [input(&[3, 2]), other(&[3])], |x| x[0].put(
            &tensor![-1, 2, 5],
            &x[1],
            true
        )),
        case!("take_along_dim", [input(&[3, 1])], |x| x[0]
            .take_along_dim(&tensor![[2, -1, 0, 0]], 0)),
        case!("take_along_all", [input(&[3, 2])], |x| x[0]
            .take_along_all(&tensor![5, 5, 0])),
        case!("masked_scatter", [input(&[2, 3]), other(&[7])], |x| x[0]
            .masked_scatter(&tensor![true, false, true], &x[1])),
        case!(
            "masked_scatter, broadcast",
            [input(&[3]), other(&[2, 3])],
            |x| { x[0].masked_scatter(&tensor![[true], [false]], &x[1]) }
        ),
    ]);
}

#[test]
fn reductions_into_elements() {
    // Equal to none of the others.
    let source = |shape: &[usize]| other(shape).add(0.013).unwrap();
    for include_self in [false, true] {
        for reduce in [
            Reduce::Sum,
            Reduce::Prod,
            Reduce::Mean,
            Reduce::Amax,
            Reduce::Amin,
        ] {
            let index = tensor![[0, 2], [0, 2], [0, 0]];
            let scatter =
                |x: &[Tensor]| x[0].scatter_reduce(1, &index, &x[1], reduce, include_self);
            // The source is larger than the index.
            differentiates(scatter, &[input(&[3, 3]), source(&[4, 2])]);
            if reduce != Reduce::Sum {
                let rows = |x: &[Tensor]| {
                    x[0].index_reduce(0, &tensor![2, 0, 2], &x[1], reduce, include_self)
                };
                differentiates(rows, &[input(&[3, 2]), source(&[3, 2])]);
            }
        }
        // A product with a zero among the values, and one with a zero of its own.
        let product = |x: &[Tensor]| {
            x[0].scatter_reduce(0, &tensor![0, 0, 1, 1], &x[1], Reduce::Prod, include_self)
        };
        differentiates(
            product,
            &[
                data(&[2.0, 0.0, 3.0], &[3]),
                data(&[0.0, 1.5, 0.7, 3.0], &[4]),
            ],
        );
    }
}

/// Once, with the inputs in another order of memory, and twice.
fn differentiates(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) {
    let moved: Vec<Tensor> = inputs.iter().map(common::rearranged).collect();
    for inputs in [inputs, &moved] {
        pleach_core::autograd::gradcheck(&f, inputs).unwrap();
        pleach_core::autograd::gradgradcheck(&f, inputs).unwrap();
    }
}

#[test]
fn running_values() {
    for (shape, dims) in [(&[2, 3, 2][..], &[0, 1, -1][..]), (&[5], &[0]), (&[], &[0])] {
        for &dim in dims {
            differentiates(|x| x[0].cumprod(dim), &[input(shape)]);
            differentiates(|x| x[0].logcumsumexp(dim), &[input(shape)]);
            differentiates(|x| Ok(x[0].cummax(dim)?.0), &[input(shape)]);
            differentiates(|x| Ok(x[0].cummin(dim)?.0), &[input(shape)]);
        }
    }
    let zeros = data(&[1.5, 0.0, 2.0, 0.7, 3.0, 0.5, 0.0, 0.0], &[4, 2]);
    differentiates(|x| x[0].cumprod(0), std::slice::from_ref(&zeros));
    differentiates(|x| x[0].cumprod(1), &[zeros]);
}

#[test]
fn elements_in_order() {
    for (shape, dims) in [(&[2, 3, 2][..], &[0, 1, -1][..]), (&[5], &[0]), (&[], &[0])] {
        for (&dim, keep) in dims.iter().zip([true, false, true]) {
            differentiates(|x| Ok(x[0].kthvalue(1, dim, keep)?.0), &[input(shape)]);
            differentiates(|x| Ok(x[0].mode(dim, keep)?.0), &[input(shape)]);
            differentiates(|x| Ok(x[0].nanmedian_dim(dim, keep)?.0), &[input(shape)]);
            differentiates(|x| Ok(x[0].aminmax_dim(dim, keep)?.1), &[input(shape)]);
            for how in [
                Interpolation::Linear,
                Interpolation::Lower,
                Interpolation::Higher,
                Interpolation::Nearest,
                Interpolation::Midpoint,
            ] {
                let q = data(&[0.3, 0.8], &[2]);
                let quantile = |x: &[Tensor]| x[0].quantile_dim(&q, dim, keep, how);
                differentiates(quantile, &[input(shape)]);
            }
        }
    }
    check(vec![
        case!("nanmedian", [input(&[2, 3])], |x| x[0].nanmedian()),
        case!("msort", [input(&[3, 2])], |x| x[0].msort()),
        case!(
            "quantile of both",
            [input(&[7]), data(&[0.3, 0.85], &[2])],
            |x| { x[0].quantile(&x[1]) }
        ),
        case!(
            "nanquantile of both",
            [input(&[7]), data(&[0.4], &[])],
            |x| { x[0].nanquantile_dim(&x[1], 0, true, Interpolation::Linear) }
        ),
    ]);
}

#[test]
fn statistics() {
    check(vec![
        case!("nansum", [input(&[2, 3])], |x| x[0].nansum_dim(1, true)),
        case!("nanmean", [input(&[2, 3])], |x| x[0].nanmean()),
        case!("var_mean", [input(&[2, 3])], |x| {
            let (var, mean) = x[0].var_mean_dim(1, 1.0, false)?;
            var.add(&mean)
        }),
        case!("std_mean", [input(&[2, 3])], |x| {
            let (std, mean) = x[0].std_mean()?;
            std.mul(&mean)
        }),
        case!("cov", [input(&[2, 4]), positive(&[4])], |x| x[0].cov(
            1,
            Some(&tensor![1, 2, 1, 3]),
            Some(&x[1])
        )),
        case!("cov of one variable", [input(&[4])], |x| x[0]
            .cov(0, None, None)),
        case!("corrcoef", [input(&[2, 5])], |x| x[0].corrcoef()),
    ]);
}
