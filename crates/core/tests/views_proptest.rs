//! Views, broadcasting and indexing against `ndarray`, on random shapes.

use ndarray::{ArrayD, Axis, IxDyn, Slice};
use pleach_core::{Tensor, TensorIndex, slice, tensor};
use proptest::prelude::*;

fn counted(shape: &[usize]) -> (Tensor, ArrayD<i64>) {
    let n = shape.iter().product::<usize>();
    let array = ArrayD::from_shape_vec(IxDyn(shape), (0..n as i64).collect()).unwrap();
    (Tensor::arange(n).reshape(shape).unwrap(), array)
}

fn same(t: &Tensor, a: &ArrayD<i64>) {
    assert_eq!(t.shape(), a.shape());
    assert_eq!(
        t.to_vec::<i64>().unwrap(),
        a.iter().copied().collect::<Vec<_>>()
    );
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..5, 0..5)
}

fn permuted_shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    shapes().prop_flat_map(|s| {
        let order: Vec<usize> = (0..s.len()).collect();
        (Just(s), Just(order).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn permute_then_reshape_then_back((shape, order) in permuted_shapes()) {
        let (t, a) = counted(&shape);
        let dims: Vec<i64> = order.iter().map(|&d| d as i64).collect();
        let p = t.permute(&dims[..]).unwrap();
        let q = a.permuted_axes(IxDyn(&order));
        same(&p, &q.to_owned());
        same(&p.contiguous().unwrap(), &q.to_owned());
        prop_assert!(p.contiguous().unwrap().is_contiguous());
        // Row-major order whatever the layout, and back by the inverse permutation.
        let flat = p.reshape([t.numel()]).unwrap();
        prop_assert_eq!(flat.to_vec::<i64>().unwrap(), q.iter().copied().collect::<Vec<_>>());
        let mut back = vec![0i64; order.len()];
        order.iter().enumerate().for_each(|(i, &d)| back[d] = i as i64);
        let home = flat.reshape(p.shape()).unwrap().permute(&back[..]).unwrap();
        prop_assert!(home.equal(&t).unwrap());
    }

    #[test]
    fn a_view_is_offered_only_where_it_is_right(
        (shape, order) in permuted_shapes(),
        ones in prop::collection::vec(any::<bool>(), 6),
        merge in 0usize..4,
    ) {
        let (t, _) = counted(&shape);
        let dims: Vec<i64> = order.iter().map(|&d| d as i64).collect();
        let p = t.permute(&dims[..]).unwrap();
        // A target with two dimensions merged and ones sprinkled in.
        let mut target: Vec<usize> = p.shape().to_vec();
        if merge + 1 < target.len() {
            let b = target.remove(merge + 1);
            target[merge] *= b;
        }
        let target: Vec<usize> = target
            .into_iter()
            .zip(ones)
            .flat_map(|(s, one)| if one { vec![1, s] } else { vec![s] })
            .collect();
        let copied = p.reshape(&target[..]).unwrap();
        prop_assert_eq!(copied.to_vec::<i64>().unwrap(), p.to_vec::<i64>().unwrap());
        if let Ok(view) = p.view(&target[..]) {
            prop_assert!(view.equal(&copied).unwrap());
            prop_assert!(view.shares_memory_with(&t));
        } else {
            prop_assert!(!p.is_contiguous());
        }
    }

    #[test]
    fn slices_clip_like_pythons(
        n in 0usize..7,
        start in prop::option::of(-9i64..9),
        end in prop::option::of(-9i64..9),
        step in 1i64..4,
    ) {
        let (t, a) = counted(&[n, 2]);
        // Python's rule, written down a second time: positions i in start, start + step, … < end.
        let fix = |v: i64| if v < 0 { (v + n as i64).max(0) } else { v.min(n as i64) };
        let (from, to) = (fix(start.unwrap_or(0)), fix(end.unwrap_or(n as i64)));
        let rows: Vec<usize> = (from..to).step_by(step as usize).map(|i| i as usize).collect();
        let got = t.index(slice(start, end, step)).unwrap();
        same(&got, &a.select(Axis(0), &rows));
        // The same on a transposed tensor.
        let got = t.t().unwrap().index((.., slice(start, end, step))).unwrap();
        same(&got, &a.t().to_owned().select(Axis(1), &rows));
    }

    #[test]
    fn broadcasting_adds_like_ndarray(
        shape in prop::collection::vec(1usize..4, 0..4),
        a_ones in prop::collection::vec(any::<bool>(), 4),
        b_ones in prop::collection::vec(any::<bool>(), 4),
        cut in 0usize..4,
        swap in any::<bool>(),
    ) {
        let squash = |ones: &[bool]| -> Vec<usize> {
            shape.iter().zip(ones).map(|(&s, &one)| if one { 1 } else { s }).collect()
        };
        let (a, b) = (squash(&a_ones), squash(&b_ones));
        let b = b[cut.min(b.len())..].to_vec();
        let ((ta, na), (tb, nb)) = (counted(&a), counted(&b));
        let sum = if swap { tb.add(&ta) } else { ta.add(&tb) }.unwrap();
        let expected: Vec<usize> = (0..a.len())
            .map(|d| {
                let other = (d + b.len()).checked_sub(a.len()).map_or(1, |k| b[k]);
                a[d].max(other)
            })
            .collect();
        let full = na.broadcast(IxDyn(&expected)).unwrap().to_owned()
            + nb.broadcast(IxDyn(&expected)).unwrap();
        same(&sum, &full);
        // The gradient of a broadcast operand counts how often each element was used.
        let leaf = ta.float().unwrap().requires_grad_(true).unwrap();
        leaf.add(tb.float().unwrap()).unwrap().sum().unwrap().backward().unwrap();
        let grad = leaf.grad().unwrap();
        prop_assert_eq!(grad.shape(), &a[..]);
        let times = expected.iter().product::<usize>() / a.iter().product::<usize>();
        prop_assert!(grad.to_vec::<f32>().unwrap().iter().all(|g| *g == times as f32));
    }

    #[test]
    fn sums_over_any_dimensions_match_ndarray(
        (shape, order) in permuted_shapes(),
        mask in prop::collection::vec(any::<bool>(), 5),
        keep in any::<bool>(),
    ) {
        let (t, a) = counted(&shape);
        let dims: Vec<i64> = order.iter().map(|&d| d as i64).collect();
        let (t, a) = (t.permute(&dims[..]).unwrap(), a.permuted_axes(IxDyn(&order)));
        let chosen: Vec<i64> = (0..shape.len()).filter(|d| mask[*d]).map(|d| d as i64).collect();
        prop_assume!(!chosen.is_empty());
        let mut expected = a.to_owned();
        for &d in chosen.iter().rev() {
            expected = expected.sum_axis(Axis(d as usize));
            if keep {
                expected = expected.insert_axis(Axis(d as usize));
            }
        }
        same(&t.sum_dim(&chosen[..], keep).unwrap(), &expected);
        let floats = t.float().unwrap().sum_dim(&chosen[..], keep).unwrap();
        same(&floats.long().unwrap(), &expected);
    }

    #[test]
    fn index_tensors_pick_like_loops(
        rows in prop::collection::vec(-4i64..4, 0..6),
        mask in prop::collection::vec(any::<bool>(), 4),
    ) {
        let (t, a) = counted(&[4, 3, 2]);
        let at: Vec<usize> = rows.iter().map(|&i| i.rem_euclid(4) as usize).collect();
        let index = Tensor::from_slice(&rows, [rows.len()]).unwrap();
        same(&t.index(&index).unwrap(), &a.select(Axis(0), &at));
        same(&t.permute([1, 0, 2]).unwrap().index((.., &index)).unwrap(),
             &a.clone().permuted_axes(IxDyn(&[1, 0, 2])).to_owned().select(Axis(1), &at));
        // Two index tensors around a slice: the picked dimension comes first.
        let last = index.remainder(2).unwrap();
        let got = t.index((&index, .., &last)).unwrap();
        prop_assert_eq!(got.shape(), [rows.len(), 3]);
        for (k, &i) in at.iter().enumerate() {
            for j in 0..3 {
                let value = got.index((k, j)).unwrap().item_i64().unwrap();
                prop_assert_eq!(value, a[[i, j, rows[k].rem_euclid(2) as usize]]);
            }
        }
        let hits: Vec<usize> = (0..4).filter(|i| mask[*i]).collect();
        let mask = Tensor::from_slice(&mask, [4]).unwrap();
        same(&t.index(&mask).unwrap(), &a.select(Axis(0), &hits));
    }

    #[test]
    fn writing_by_index_matches_loops(
        rows in prop::collection::vec(-4i64..4, 1..6),
        start in 0usize..3,
    ) {
        let (t, mut a) = counted(&[4, 3]);
        let mut x = t.copy().unwrap();
        let index = Tensor::from_slice(&rows, [rows.len()]).unwrap();
        x.index_put_accumulate_((&index, start..), 100).unwrap();
        for &i in &rows {
            for j in start..3 {
                a[[i.rem_euclid(4) as usize, j]] += 100;
            }
        }
        same(&x, &a);
        x.index_put_((slice(1, None, 2), start), tensor![-1, -2]).unwrap();
        a[[1, start]] = -1;
        a[[3, start]] = -2;
        same(&x, &a);
        same(&t, &counted(&[4, 3]).1);
    }

    #[test]
    fn sorting_matches_a_stable_sort(values in prop::collection::vec(-3i64..3, 0..12), down in any::<bool>()) {
        let x = Tensor::from_slice(&values, [values.len()]).unwrap();
        let mut at: Vec<usize> = (0..values.len()).collect();
        at.sort_by_key(|&i| if down { -values[i] } else { values[i] });
        let (sorted, indices) = x.sort(0, down).unwrap();
        prop_assert_eq!(indices.to_vec::<i64>().unwrap(), at.iter().map(|&i| i as i64).collect::<Vec<_>>());
        prop_assert_eq!(sorted.to_vec::<i64>().unwrap(), at.iter().map(|&i| values[i]).collect::<Vec<_>>());
    }
}

#[test]
fn a_slice_of_ndarray_agrees_with_steps() {
    let (t, a) = counted(&[5, 4]);
    let got = t
        .index((slice(1, -1, 2), TensorIndex::Ellipsis, 1..))
        .unwrap();
    let mut view = a.view();
    view.slice_axis_inplace(Axis(0), Slice::new(1, Some(-1), 2));
    view.slice_axis_inplace(Axis(1), Slice::new(1, None, 1));
    same(&got, &view.to_owned());
}
