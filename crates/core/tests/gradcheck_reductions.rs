//! Gradients of reductions, against finite differences.

mod common;

use common::{check, input, positive};
use pleach_core::autograd::{gradcheck, gradgradcheck};
use pleach_core::{Result, Tensor};

type Op = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

#[test]
fn over_all_elements() {
    for shape in [&[2, 3][..], &[], &[1], &[2, 1, 3]] {
        let (x, p) = (input(shape), positive(shape));
        check(vec![
            case!("sum", [x.clone()], |x| x[0].sum()),
            case!("mean", [x.clone()], |x| x[0].mean()),
            case!("prod", [x.clone()], |x| x[0].prod()),
            case!("max", [x.clone()], |x| x[0].max()),
            case!("min", [x.clone()], |x| x[0].min()),
            case!("median", [x.clone()], |x| x[0].median()),
            case!("norm", [x.clone()], |x| x[0].norm()),
            case!("logsumexp", [p.clone()], |x| x[0]
                .logsumexp(Vec::new(), false)),
        ]);
    }
    check(vec![
        case!("var", [input(&[2, 3])], |x| x[0].var()),
        case!("std", [input(&[2, 3])], |x| x[0].std()),
        case!("sum of nothing", [input(&[0, 3])], |x| x[0].sum()),
        case!("prod of nothing", [input(&[0, 3])], |x| x[0].prod()),
        case!("norm of nothing", [input(&[0])], |x| x[0].norm()),
        case!("sum of an expanded tensor", [input(&[3])], |x| x[0]
            .expand([4i64, 3])?
            .sum()),
    ]);
}

/// One row for each way to name dimensions, for an operation that takes several.
macro_rules! over_dims {
    ($name:literal, $make:expr, |$x:ident, $dims:ident, $keep:ident| $body:expr) => {
        for keep in [false, true] {
            macro_rules! with {
                ($d:expr) => {
                    if keep {
                        case!(
                            concat!($name, " over ", stringify!($d), ", kept"),
                            [$make],
                            |x| {
                                let ($x, $dims, $keep) = (&x[0], $d, true);
                                $body
                            }
                        )
                    } else {
                        case!(concat!($name, " over ", stringify!($d)), [$make], |x| {
                            let ($x, $dims, $keep) = (&x[0], $d, false);
                            $body
                        })
                    }
                };
            }
            check(vec![
                with!([0i64]),
                with!([1i64]),
                with!([-1i64]),
                with!([0i64, 2]),
                with!([2i64, 1]),
                with!([0i64, 1, 2]),
            ]);
        }
    };
}

#[test]
fn over_some_dimensions() {
    over_dims!("sum", input(&[2, 3, 2]), |x, d, k| x.sum_dim(d, k));
    over_dims!("mean", input(&[2, 3, 2]), |x, d, k| x.mean_dim(d, k));
    over_dims!("var", input(&[2, 3, 2]), |x, d, k| x.var_dim(d, 1.0, k));
    over_dims!("biased var", input(&[2, 3, 2]), |x, d, k| x
        .var_dim(d, 0.0, k));
    over_dims!("std", input(&[2, 3, 2]), |x, d, k| x.std_dim(d, 1.0, k));
    over_dims!("amax", input(&[2, 3, 2]), |x, d, k| x.amax(d, k));
    over_dims!("amin", input(&[2, 3, 2]), |x, d, k| x.amin(d, k));
    over_dims!("logsumexp", input(&[2, 3, 2]), |x, d, k| x.logsumexp(d, k));
    over_dims!("1-norm", input(&[2, 3, 2]), |x, d, k| x.norm_dim(1.0, d, k));
    over_dims!("2-norm", input(&[2, 3, 2]), |x, d, k| x.norm_dim(2.0, d, k));
    over_dims!("3-norm", input(&[2, 3, 2]), |x, d, k| x.norm_dim(3.0, d, k));
    over_dims!("half norm", positive(&[2, 3, 2]), |x, d, k| x
        .norm_dim(0.5, d, k));
    over_dims!("0-norm", input(&[2, 3, 2]), |x, d, k| x.norm_dim(0.0, d, k));
    over_dims!("inf-norm", positive(&[2, 3, 2]), |x, d, k| x.norm_dim(
        f64::INFINITY,
        d,
        k
    ));
    over_dims!("-inf-norm", positive(&[2, 3, 2]), |x, d, k| x.norm_dim(
        f64::NEG_INFINITY,
        d,
        k
    ));
}

#[test]
fn along_one_dimension() {
    for (shape, dims) in [
        (&[2, 3, 2][..], &[0, 1, 2, -1][..]),
        (&[4], &[0, -1]),
        (&[], &[0, -1]),
    ] {
        for &dim in dims {
            for keep in [false, true] {
                let ops: [(&str, Op); 10] = [
                    ("prod", Box::new(move |x| x.prod_dim(dim, keep))),
                    ("max", Box::new(move |x| Ok(x.max_dim(dim, keep)?.0))),
                    ("min", Box::new(move |x| Ok(x.min_dim(dim, keep)?.0))),
                    ("median", Box::new(move |x| Ok(x.median_dim(dim, keep)?.0))),
                    ("cumsum", Box::new(move |x| x.cumsum(dim))),
                    ("softmax", Box::new(move |x| x.softmax(dim))),
                    ("log_softmax", Box::new(move |x| x.log_softmax(dim))),
                    ("sort", Box::new(move |x| Ok(x.sort(dim, keep)?.0))),
                    ("topk", Box::new(move |x| Ok(x.topk(1, dim, keep)?.0))),
                    (
                        "topk of all",
                        Box::new(move |x| {
                            let n = x
                                .shape()
                                .get(dim.rem_euclid(x.rank().max(1) as i64) as usize);
                            Ok(x.topk(n.copied().unwrap_or(1), dim, keep)?.0)
                        }),
                    ),
                ];
                let x = input(shape);
                for (name, f) in &ops {
                    for x in [x.clone(), common::rearranged(&x)] {
                        let name = format!("{name} {shape:?} {dim} {keep}");
                        let f = |x: &[Tensor]| f(&x[0]);
                        let inputs = [x];
                        let result = gradcheck(f, &inputs);
                        assert!(result.is_ok(), "{name}: {result:?}");
                        let result = gradgradcheck(f, &inputs);
                        assert!(result.is_ok(), "{name}, twice: {result:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn products_with_zeros() {
    let data = |v: &[f64], s: &[usize]| Tensor::from_slice(v, s).unwrap();
    check(vec![
        case!("one zero", [data(&[0.0, 2.0, 3.0], &[3])], |x| x[0].prod()),
        case!("two zeros", [data(&[0.0, 2.0, 0.0], &[3])], |x| x[0].prod()),
        case!(
            "a zero in one row",
            [data(&[0.0, 2.0, 3.0, 4.0], &[2, 2])],
            |x| x[0].prod_dim(1, true)
        ),
        case!(
            "a zero in one column",
            [data(&[0.0, 2.0, 3.0, 4.0], &[2, 2])],
            |x| x[0].prod_dim(0, false)
        ),
    ]);
}
