//! Batches of elements of every kind, as PyTorch's `default_collate` makes them.

use std::collections::{BTreeMap, HashMap};

use pleach_core::{DType, Result, Tensor, tensor};
use pleach_data::Collate;

fn error_of<T>(result: Result<T>) -> String {
    result.map(drop).expect_err("an error").to_string()
}

#[test]
fn numbers_keep_their_kind_and_integers_are_i64() -> Result<()> {
    assert_eq!(f32::collate(vec![1.5, 2.5])?.dtype(), DType::F32);
    assert_eq!(f64::collate(vec![1.5, 2.5])?.dtype(), DType::F64);
    assert_eq!(bool::collate(vec![true, false])?.dtype(), DType::Bool);
    let bytes = u8::collate(vec![255, 0])?;
    assert_eq!(bytes.to_vec::<i64>()?, [255, 0]);
    assert_eq!(i8::collate(vec![-128])?.to_vec::<i64>()?, [-128]);
    assert_eq!(usize::collate(vec![7])?.to_vec::<i64>()?, [7]);
    let overflow = error_of(u64::collate(vec![u64::MAX]));
    assert_eq!(overflow, "Overflow when unpacking long long");
    Ok(())
}

#[test]
fn tensors_are_stacked_if_their_shapes_agree() -> Result<()> {
    let batch = Tensor::collate(vec![tensor![1, 2], tensor![3, 4]])?;
    assert_eq!(
        (batch.shape(), batch.to_vec::<i64>()?),
        (&[2, 2][..], vec![1, 2, 3, 4])
    );
    let error = error_of(Tensor::collate(vec![tensor![1, 2], tensor![3]]));
    let expected =
        "stack expects each tensor to be equal size, but got [2] at entry 0 and [1] at entry 1";
    assert_eq!(error, expected);
    Ok(())
}

#[test]
fn tuples_arrays_and_lists_are_transposed() -> Result<()> {
    let (a, b, c, d, e, f) = Collate::collate(vec![
        (1u8, 1f32, true, "one", "x".to_string(), tensor![1]),
        (2, 2.0, false, "two", "y".to_string(), tensor![2]),
    ])?;
    assert_eq!(
        (a.to_vec::<i64>()?, b.to_vec::<f32>()?),
        (vec![1, 2], vec![1.0, 2.0])
    );
    assert_eq!(c.to_vec::<bool>()?, [true, false]);
    assert_eq!(
        (d, e),
        (vec!["one", "two"], vec!["x".to_string(), "y".to_string()])
    );
    assert_eq!(f.shape(), [2, 1]);
    let [first, second] = <[i32; 2]>::collate(vec![[1, 2], [3, 4], [5, 6]])?;
    assert_eq!(first.to_vec::<i64>()?, [1, 3, 5]);
    assert_eq!(second.to_vec::<i64>()?, [2, 4, 6]);
    let columns = <Vec<i32>>::collate(vec![vec![1, 2, 3], vec![4, 5, 6]])?;
    assert_eq!(columns.len(), 3);
    assert_eq!(columns[2].to_vec::<i64>()?, [3, 6]);
    let error = error_of(<Vec<i32>>::collate(vec![vec![1, 2], vec![3]]));
    assert_eq!(
        error,
        "each element in list of batch should be of equal size"
    );
    Ok(())
}

#[test]
fn maps_have_the_keys_of_the_first_element() -> Result<()> {
    let element = |x: f64, y: f64| BTreeMap::from([("x".to_string(), x), ("y".to_string(), y)]);
    let batch = BTreeMap::collate(vec![element(1.0, 2.0), element(3.0, 4.0)])?;
    assert_eq!(batch["y"].to_vec::<f64>()?, [2.0, 4.0]);
    let named = |key: &str| HashMap::from([(key.to_string(), (1u8, "a"))]);
    let (numbers, names) = &HashMap::collate(vec![named("k"), named("k")])?["k"];
    assert_eq!((numbers.shape(), names), (&[2][..], &vec!["a", "a"]));
    let error = error_of(HashMap::collate(vec![named("k"), named("l")]));
    assert_eq!(error, "an element has no 'k'");
    Ok(())
}

#[test]
fn nothing_is_no_batch() {
    error_of(Tensor::collate(Vec::new()));
    error_of(<(Tensor, i64)>::collate(Vec::new()));
    error_of(Vec::<i64>::collate(Vec::new()));
    error_of(<[i64; 2]>::collate(Vec::new()));
    error_of(BTreeMap::<String, i64>::collate(Vec::new()));
}
