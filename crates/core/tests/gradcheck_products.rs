//! Gradients of matrix products, against finite differences.

mod common;

use common::{check, input, other};
use pleach_core::einsum;

#[test]
fn matmul_of_every_pair_of_ranks() {
    let pairs: [(&[usize], &[usize]); 14] = [
        (&[3], &[3]),
        (&[2, 3], &[3]),
        (&[3], &[3, 2]),
        (&[2, 3], &[3, 4]),
        (&[2, 2, 3], &[3]),
        (&[2, 2, 3], &[3, 2]),
        (&[3], &[2, 3, 2]),
        (&[2, 3], &[2, 3, 2]),
        (&[2, 2, 3], &[2, 3, 2]),
        (&[2, 1, 2, 3], &[3, 3, 1]),
        (&[2, 0], &[0, 3]),
        (&[0, 3], &[3, 2]),
        (&[2, 2, 0], &[0]),
        (&[0, 2, 3], &[0, 3, 2]),
    ];
    for (a, b) in pairs {
        check(vec![
            case!("matmul", [input(a), other(b)], |x| x[0].matmul(&x[1]))
        ]);
    }
}

#[test]
fn products_by_name() {
    check(vec![
        case!("mm", [input(&[2, 3]), other(&[3, 4])], |x| x[0].mm(&x[1])),
        case!("mm with itself", [input(&[2, 3])], |x| x[0].mm(&x[0].t()?)),
        case!("mv", [input(&[2, 3]), other(&[3])], |x| x[0].mv(&x[1])),
        case!("dot", [input(&[4]), other(&[4])], |x| x[0].dot(&x[1])),
        case!("bmm", [input(&[2, 2, 3]), other(&[2, 3, 2])], |x| x[0]
            .bmm(&x[1])),
        case!("bmm, expanded", [input(&[2, 3]), other(&[2, 3, 2])], |x| x
            [0]
        .expand([2i64, 2, 3])?
        .bmm(&x[1])),
        case!(
            "addmm",
            [other(&[2]), input(&[3, 4]), other(&[4, 2])],
            |x| x[0].addmm(&x[1], &x[2], 1.0, 1.0)
        ),
        case!(
            "addmm, scaled",
            [other(&[3, 1]), input(&[3, 4]), other(&[4, 2])],
            |x| { x[0].addmm(&x[1], &x[2], 0.5, -2.0) }
        ),
        case!(
            "addmm without input",
            [other(&[2]), input(&[3, 4]), other(&[4, 2])],
            |x| { x[0].addmm(&x[1], &x[2], 0.0, 2.0) }
        ),
        case!(
            "baddbmm",
            [other(&[2, 3, 2]), input(&[2, 3, 4]), other(&[2, 4, 2])],
            |x| { x[0].baddbmm(&x[1], &x[2], 0.5, 2.0) }
        ),
        case!(
            "linear",
            [input(&[3, 4]), other(&[2, 4]), input(&[2])],
            |x| x[0].linear(&x[1], Some(&x[2]))
        ),
        case!(
            "linear, 1-d",
            [input(&[4]), other(&[2, 4]), input(&[2])],
            |x| x[0].linear(&x[1], Some(&x[2]))
        ),
        case!("linear, 3-d", [input(&[2, 3, 4]), other(&[2, 4])], |x| x[0]
            .linear(&x[1], None)),
        case!(
            "linear, empty batch",
            [input(&[0, 4]), other(&[2, 4]), input(&[2])],
            |x| { x[0].linear(&x[1], Some(&x[2])) }
        ),
        case!(
            "linear, weight a vector",
            [input(&[3, 4]), other(&[4])],
            |x| x[0].linear(&x[1], None)
        ),
    ]);
}

#[test]
fn einstein_sums() {
    check(vec![
        case!("ij,jk->ik", [input(&[2, 3]), other(&[3, 4])], |x| einsum(
            "ij,jk->ik",
            &[&x[0], &x[1]]
        )),
        case!("i,j->ji", [input(&[2]), other(&[3])], |x| einsum(
            "i,j->ji",
            &[&x[0], &x[1]]
        )),
        case!(
            "bhqd,bhkd->bhqk",
            [input(&[2, 2, 3, 2]), other(&[2, 2, 2, 2])],
            |x| { einsum("bhqd,bhkd->bhqk", &[&x[0], &x[1]]) }
        ),
        case!("ii", [input(&[3, 3])], |x| einsum("ii", &[&x[0]])),
        case!("iij->ji", [input(&[2, 2, 3])], |x| einsum(
            "iij->ji",
            &[&x[0]]
        )),
        case!(
            "...ij,...jk",
            [input(&[2, 1, 2, 3]), other(&[4, 3, 2])],
            |x| einsum("...ij,...jk", &[&x[0], &x[1]])
        ),
        case!("ij,ij->", [input(&[2, 3]), other(&[2, 3])], |x| einsum(
            "ij,ij->",
            &[&x[0], &x[1]]
        )),
        case!(
            "ij,jk,kl->il",
            [input(&[2, 3]), other(&[3, 2]), input(&[2, 2])],
            |x| { einsum("ij,jk,kl->il", &[&x[0], &x[1], &x[2]]) }
        ),
        case!(
            "ij,i,j->",
            [input(&[2, 3]), other(&[2]), input(&[3])],
            |x| einsum("ij,i,j->", &[&x[0], &x[1], &x[2]])
        ),
        case!("ij,kj->i", [input(&[2, 3]), other(&[4, 3])], |x| einsum(
            "ij,kj->i",
            &[&x[0], &x[1]]
        )),
        case!("a size of one", [input(&[2, 1]), other(&[3, 4])], |x| {
            einsum("ij,jk->ik", &[&x[0], &x[1]])
        }),
        case!("a number", [input(&[]), other(&[3])], |x| einsum(
            ",i->i",
            &[&x[0], &x[1]]
        )),
    ]);
}
