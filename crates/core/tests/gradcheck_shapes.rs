//! Gradients of products, stacks, diagonals, parts, differences and distances, against finite
//! differences; and values at the corners, which PyTorch gave.

mod common;

use common::{check, input, other};
use pleach_core::{CdistMode, DType, Result, Spacing, Tensor, tensor};

/// Every tensor of several with a weight of its own, as one.
fn weighed(tensors: Vec<Tensor>) -> Result<Tensor> {
    let weighed = (1..).zip(&tensors).map(|(i, t)| t.ravel()?.mul(i as f64));
    Tensor::cat(weighed.collect::<Result<Vec<_>>>()?, 0)
}

#[test]
fn products() {
    let (v3, v4) = (|| input(&[3]), || other(&[4]));
    let (m, n) = (|| input(&[3, 4]), || other(&[4, 2]));
    let (a, b) = (|| input(&[3, 2, 4]), || other(&[3, 4, 2]));
    check(vec![
        case!("addmm", [input(&[3, 1]), m(), n()], |x| x[0]
            .addmm(&x[1], &x[2], 0.5, -2)),
        case!("baddbmm", [input(&[2, 1]), a(), b()], |x| x[0]
            .baddbmm(&x[1], &x[2], 0.5, -2)),
        case!("addbmm", [input(&[2, 2]), a(), b()], |x| x[0]
            .addbmm(&x[1], &x[2], 0.5, -2)),
        case!("addbmm to a row", [input(&[2]), a(), b()], |x| x[0]
            .addbmm(&x[1], &x[2], 1, 1)),
        case!("addbmm, beta 0", [input(&[2, 2]), a(), b()], |x| x[0]
            .addbmm(&x[1], &x[2], 0, 3)),
        case!("addmv", [input(&[3]), m(), v4()], |x| x[0]
            .addmv(&x[1], &x[2], 0.5, -2)),
        case!("addmv to a number", [input(&[]), m(), v4()], |x| x[0]
            .addmv(&x[1], &x[2], 1, 2)),
        case!("addr", [input(&[3, 4]), v3(), v4()], |x| x[0]
            .addr(&x[1], &x[2], 0.5, -2)),
        case!("addr to a row", [input(&[4]), v3(), v4()], |x| x[0]
            .addr(&x[1], &x[2], 2, 1)),
        case!("vdot", [input(&[4]), v4()], |x| x[0].vdot(&x[1])),
        case!("inner", [input(&[2, 3, 4]), other(&[5, 4])], |x| x[0]
            .inner(&x[1])),
        case!("inner of a number", [input(&[]), v4()], |x| x[0]
            .inner(&x[1])),
        case!("outer", [v3(), v4()], |x| x[0].outer(&x[1])),
        case!("kron", [input(&[2, 3]), other(&[3])], |x| x[0].kron(&x[1])),
        case!("tensordot", [input(&[2, 3, 4]), other(&[4, 3, 2])], |x| x
            [0]
        .tensordot(&x[1], ([1, 2], [1, 0]))),
        case!("tensordot of 0", [v3(), v4()], |x| x[0].tensordot(&x[1], 0)),
        case!("tensordot, size 1", [input(&[3, 4]), other(&[1, 2])], |x| x
            [0]
        .tensordot(&x[1], 1)),
        case!("trace", [m()], |x| x[0].trace()),
        case!("cross", [input(&[2, 3]), other(&[2, 3])], |x| x[0]
            .cross(&x[1], None)),
        case!("cross, broadcast", [input(&[1, 3]), other(&[2, 3])], |x| x
            [0]
        .cross(&x[1], -1)),
    ]);
}

#[test]
fn diagonals_and_replaced_parts() {
    let x = || input(&[3, 4, 2]);
    check(vec![
        case!("diagonal_dim", [x()], |x| x[0].diagonal_dim(1, -1, 0)),
        case!("diagonal below", [x()], |x| x[0].diagonal_dim(-1, 1, 2)),
        case!("diag of a vector", [input(&[3])], |x| x[0].diag(-1)),
        case!("diag of a matrix", [input(&[3, 4])], |x| x[0].diag(1)),
        case!("diag_embed", [input(&[2, 3])], |x| x[0].diag_embed(1, 2, 0)),
        case!("diagflat", [input(&[2, 2])], |x| x[0].diagflat(1)),
        case!("diagonal_scatter", [x(), other(&[3, 1])], |x| x[0]
            .diagonal_scatter(&x[1], -1, 2, 1)),
        case!("select_scatter", [x(), other(&[3, 2])], |x| x[0]
            .select_scatter(&x[1], 1, -2)),
        case!("slice_scatter", [x(), other(&[3, 2, 2])], |x| x[0]
            .slice_scatter(&x[1], 1, 1, None, 2)),
    ]);
}

#[test]
fn shapes_and_parts() {
    check(vec![
        case!("atleast", [input(&[]), input(&[3])], |x| weighed(vec![
            x[0].atleast_1d()?,
            x[0].atleast_2d()?,
            x[0].atleast_3d()?,
            x[1].atleast_2d()?,
            x[1].atleast_3d()?,
        ])),
        case!("broadcast_tensors", [input(&[3, 1]), other(&[2])], |x| {
            weighed(Tensor::broadcast_tensors(x)?)
        }),
        case!("expand_as", [input(&[3, 1]), other(&[2, 3, 2])], |x| x[0]
            .expand_as(&x[1])?
            .mul(&x[1])),
        case!("sum_to_size", [input(&[2, 3, 4])], |x| x[0]
            .sum_to_size([3, 1])),
        case!("ravel", [input(&[2, 3])], |x| x[0].t()?.ravel()),
        case!("movedim", [input(&[2, 3, 4])], |x| x[0]
            .movedim([0, -1], [1, 0])),
        case!("swapaxes", [input(&[2, 3])], |x| x[0].swapaxes(0, 1)),
        case!("rot90", [input(&[2, 3, 2])], |x| weighed(vec![
            x[0].rot90(1, [0, 1])?,
            x[0].rot90(-2, [2, 0])?,
            x[0].rot90(3, [1, 2])?,
            x[0].rot90(4, [0, 1])?,
        ])),
        case!("flips", [input(&[2, 3])], |x| x[0].fliplr()?.flipud()),
        case!("tile", [input(&[2, 3])], |x| x[0].tile([2, 1, 2])),
        case!("repeat_interleave", [input(&[2, 3])], |x| x[0]
            .repeat_interleave(2, 1, None)),
        case!("repeat_interleave of all", [input(&[2, 2])], |x| x[0]
            .repeat_interleave(3, None, 12)),
        case!("repeat_interleave by each", [input(&[2, 3])], |x| x[0]
            .repeat_interleave(&tensor![2, 0, 1], 1, None)),
        case!("unfold", [input(&[2, 7])], |x| x[0].unfold(1, 3, 2)),
        case!("unfold, apart", [input(&[7, 2])], |x| x[0].unfold(0, 2, 3)),
        case!("unfold of a number", [input(&[])], |x| x[0].unfold(0, 1, 1)),
        case!("splits", [input(&[4, 2, 6])], |x| {
            let mut parts = x[0].tensor_split(3, 0)?;
            parts.extend(x[0].tensor_split([1, -2], -1)?);
            parts.extend(x[0].hsplit(2)?);
            parts.extend(x[0].vsplit([3])?);
            parts.extend(x[0].dsplit(3)?);
            weighed(parts)
        }),
    ]);
}

#[test]
fn stacks_and_combinations() {
    let two = || [input(&[2, 3]), other(&[2, 3])];
    let [a, b] = two();
    let [c, d] = two();
    check(vec![
        case!("stacks", [a, b], |x| weighed(vec![
            Tensor::hstack(x)?,
            Tensor::vstack(x)?,
            Tensor::dstack(x)?,
            Tensor::column_stack(x)?,
        ])),
        case!("stacks of vectors", [input(&[3]), other(&[3])], |x| {
            weighed(vec![
                Tensor::hstack(x)?,
                Tensor::row_stack(x)?,
                Tensor::dstack(x)?,
                Tensor::column_stack(x)?,
            ])
        }),
        case!("block_diag", [c, input(&[2]), input(&[]), d], |x| {
            Tensor::block_diag(x)
        }),
        case!("meshgrid", [input(&[2]), other(&[3])], |x| weighed(
            [
                Tensor::meshgrid(x, "ij")?,
                Tensor::meshgrid([&x[0], &x[1], &x[0]], "xy")?
            ]
            .concat()
        )),
        case!("cartesian_prod", [input(&[2]), other(&[3])], |x| {
            Tensor::cartesian_prod(x)
        }),
        case!("combinations", [input(&[4])], |x| weighed(vec![
            x[0].combinations(2, false)?,
            x[0].combinations(3, true)?,
        ])),
    ]);
}

#[test]
fn differences_and_integrals() {
    let at = tensor![0.0, 0.5, 2.0, 3.5, 4.0].double().unwrap();
    check(vec![
        case!(
            "diff",
            [input(&[2, 4]), other(&[2, 1]), other(&[2, 2])],
            |x| x[0].diff(2, -1, Some(&x[1]), Some(&x[2]))
        ),
        case!("diff of nothing", [input(&[2, 4])], |x| x[0]
            .diff(0, 0, None, None)),
        case!("gradient", [input(&[4, 5])], |x| weighed(x[0].gradient(
            [0.5, 2.0],
            [],
            1
        )?)),
        case!("gradient, edges of order 2", [input(&[4, 5])], |x| weighed(
            x[0].gradient(0.5, [1, 0], 2)?
        )),
        case!(
            "gradient at coordinates",
            [input(&[2, 5]), at.clone()],
            |x| weighed(
                [
                    x[0].gradient([x[1].clone()], 1, 1)?,
                    x[0].gradient([x[1].clone()], -1, 2)?
                ]
                .concat()
            )
        ),
        case!("trapezoid", [input(&[2, 5]), at.clone()], |x| weighed(
            vec![
                x[0].trapezoid(0.5, 0)?,
                x[0].trapezoid(&x[1], 1)?,
                x[0].cumulative_trapezoid(2.0, 1)?,
                x[0].cumulative_trapezoid(&x[1], -1)?,
            ]
        )),
    ]);
}

#[test]
fn distances() {
    // Rows that lie apart along every column, above or below.
    let apart = tensor![4., -4., 4., -4.].double().unwrap();
    let (x, y) = (|| input(&[2, 3, 4]), || other(&[4, 4]).add(&apart).unwrap());
    macro_rules! row {
        ($name:literal, $p:expr, $mode:ident) => {
            case!($name, [x(), y()], |x| x[0].cdist(
                &x[1],
                $p,
                CdistMode::$mode
            ))
        };
    }
    check(vec![
        row!("cdist, p 1", 1.0, Direct),
        row!("cdist, p 1.5", 1.5, Direct),
        row!("cdist, p 2", 2.0, IfNecessary),
        row!("cdist by a product", 2.0, Product),
        row!("cdist, p 3", 3.0, Product),
        row!("cdist, p inf", f64::INFINITY, Direct),
        case!("pdist", [input(&[4, 3])], |x| x[0].pdist(2.0)),
        case!("pdist, p 3", [input(&[4, 3])], |x| x[0].pdist(3.0)),
        case!("dist", [input(&[2, 3]), other(&[3])], |x| x[0]
            .dist(&x[1], 3.0)),
        case!("dist, p 0", [input(&[1, 4]), other(&[1, 4])], |x| x[0]
            .dist(&x[1], 0.0)),
    ]);
    let x = input(&[4]).requires_grad_(true).unwrap();
    x.dist(&other(&[4]), 0.0).unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f64>().unwrap(), [0.0; 4]);
    // At a distance of 0 the gradient is 0.
    let x = tensor![[1., 2.], [1., 2.]].requires_grad_(true).unwrap();
    for mode in [CdistMode::Product, CdistMode::Direct] {
        let all = x.cdist(&x.detach(), 2.0, mode).unwrap();
        all.sum().unwrap().backward().unwrap();
    }
    x.pdist(2.0).unwrap().sum().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), [0.0; 4]);
}

#[test]
fn corners_are_as_in_pytorch() -> Result<()> {
    let nan = |shape: &[usize]| Tensor::full(shape, f64::NAN);
    let z = |shape: &[usize]| Tensor::zeros(shape);
    // beta 0 ignores what is added; no batches and no columns sum to nothing.
    let sums = [
        nan(&[2, 3]).addbmm(&z(&[0, 2, 5]), &z(&[0, 5, 3]), 0, 1)?,
        nan(&[2]).addmv(&z(&[2, 0]), &z(&[0]), 0, 1)?,
        nan(&[2, 3]).addr(&z(&[2]), &z(&[3]), 0, 1)?,
    ];
    assert!(
        sums.iter()
            .all(|t| t.to_vec_f64().iter().all(|v| *v == 0.0))
    );
    // alpha 0 ignores a product of matrices.
    let nothing = z(&[2, 2]).addmm(&nan(&[2, 3]), &z(&[3, 2]), 1, 0)?;
    assert_eq!(nothing.sum()?.item()?, 0.0);
    // Integers take the whole part of a factor.
    let ones = |shape: &[usize], dtype| Tensor::ones_of(shape, dtype);
    let whole = |shape: &[usize]| ones(shape, DType::I32);
    let sum = whole(&[1, 1]).addmm(&whole(&[1, 5]), &whole(&[5, 1]), 0.5, 2.9)?;
    assert_eq!((sum.dtype(), sum.item()?), (DType::I32, 10.0));
    let bits = |shape: &[usize]| ones(shape, DType::Bool);
    assert_eq!(
        bits(&[1, 1]).addr(&bits(&[1]), &bits(&[1]), 2, 1)?.dtype(),
        DType::Bool
    );
    assert_eq!(whole(&[3, 3]).trace()?.dtype(), DType::I64);

    let shapes: [(Tensor, &[usize]); 19] = [
        (Tensor::block_diag([z(&[0]), z(&[2, 2])])?, &[3, 2]),
        (Tensor::block_diag([] as [Tensor; 0])?, &[1, 0]),
        (z(&[2, 0]).kron(&z(&[2]))?, &[2, 0]),
        (z(&[3, 0]).tensordot(&z(&[0, 5]), 1)?, &[3, 5]),
        (Tensor::cartesian_prod([z(&[0]), z(&[2])])?, &[0, 2]),
        (z(&[4]).combinations(0, false)?, &[0]),
        (z(&[4]).combinations(5, false)?, &[0, 5]),
        (z(&[4]).combinations(5, true)?, &[56, 5]),
        (z(&[]).diagflat(-1)?, &[2, 2]),
        (z(&[2, 3]).diag_embed(1, 0, 2)?, &[4, 2, 4]),
        (z(&[]).unfold(0, 0, 1)?, &[0]),
        (z(&[5]).unfold(0, 0, 2)?, &[3, 0]),
        (z(&[3, 0]).trapezoid(1.0, -1)?, &[3]),
        (z(&[3, 0]).cumulative_trapezoid(1.0, -1)?, &[3, 0]),
        (z(&[5]).diff(7, 0, None, None)?, &[0]),
        (
            z(&[0, 5]).cdist(&z(&[3, 5]), 2.0, CdistMode::Product)?,
            &[0, 3],
        ),
        (z(&[1, 5]).pdist(2.0)?, &[0]),
        (z(&[0, 3]).repeat_interleave(2, 0, None)?, &[0, 3]),
        (Tensor::tril_indices(3, 3, -5)?, &[2, 0]),
    ];
    for (i, (t, shape)) in shapes.iter().enumerate() {
        assert_eq!(t.shape(), *shape, "{i}");
    }
    assert!(z(&[3, 5]).gradient(Spacing::One(1.0), [], 1)?.len() == 2);
    assert!(z(&[]).gradient(1.0, [], 1)?.is_empty());
    let bits = tensor![true, true, false];
    assert!(bits.diff(1, 0, None, None)?.equal(&tensor![false, true])?);
    assert_eq!(
        z(&[3, 4])
            .cdist(&z(&[2, 4]), 0.0, "use_mm_for_euclid_dist")?
            .sum()?
            .item()?,
        0.0
    );
    Ok(())
}

#[test]
fn views_share_memory_and_copies_do_not() -> Result<()> {
    let x = Tensor::arange(24).view([2, 3, 4])?;
    let mut views = vec![
        x.diagonal_dim(0, 1, 2)?,
        x.atleast_3d()?,
        x.ravel()?,
        x.movedim(0, 2)?,
        x.swapaxes(0, 1)?,
        x.unfold(2, 3, 1)?,
        x.reshape_as(&Tensor::zeros([24]))?,
        x.expand_as(&Tensor::zeros([5, 2, 3, 4]))?,
    ];
    views.extend(x.tensor_split(3, 1)?);
    views.extend(x.dsplit(2)?);
    let line = x.ravel()?;
    views.extend(Tensor::meshgrid([&line, &line], "xy")?);
    views.extend(
        Tensor::broadcast_tensors([&x, &Tensor::arange(4)])?
            .into_iter()
            .take(1),
    );
    assert!(views.iter().all(|v| v.shares_memory_with(&x)));
    let copies = [
        x.select(0, 0)?.diag(0)?,
        x.rot90(0, [0, 1])?,
        x.fliplr()?,
        x.tile(1)?,
        x.repeat_interleave(1, 0, None)?,
        x.select_scatter(&x.select(0, 1)?, 0, 0)?,
        x.diff(0, 0, None, None)?,
    ];
    assert!(copies.iter().all(|v| !v.shares_memory_with(&x)));
    Ok(())
}
