//! Data sets of others, and of tensors.

use std::sync::Arc;

use pleach_core::{Error, Generator, Result, Tensor, tensor};
use pleach_data::{
    ConcatDataset, Dataset, Items, Subset, TensorDataset, random_split, random_split_with,
};

fn error_of<T>(result: Result<T>) -> String {
    result.map(drop).expect_err("an error").to_string()
}

#[test]
fn rows_of_tensors_come_as_they_were_given() -> Result<()> {
    let x = Tensor::arange(12).reshape([4, 3])?;
    let one = TensorDataset::new(x.clone())?;
    assert_eq!(
        (one.len(), one.get(2)?.to_vec::<i64>()?),
        (4, vec![6, 7, 8])
    );
    let labels = tensor![0.5, 1.5, 2.5, 3.5];
    let (row, label) = TensorDataset::new((x.clone(), labels.clone()))?.get(3)?;
    assert_eq!(
        (row.to_vec::<i64>()?, label.item()?),
        (vec![9, 10, 11], 3.5)
    );
    let t = || x.clone();
    let six = TensorDataset::new((t(), t(), t(), t(), t(), labels.clone()))?;
    assert_eq!(six.get(1)?.5.item()?, 1.5);
    assert_eq!(six.tensors().0.shape(), [4, 3]);
    let list = TensorDataset::new(vec![x.clone(), labels.clone()])?.get(0)?;
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].shape(), [3]);
    let empty = TensorDataset::new(Tensor::zeros([0, 3]))?;
    assert!(empty.is_empty());
    Ok(())
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let (two, three) = (Tensor::zeros([2, 3]), Tensor::zeros([3]));
    let mismatch = "Size mismatch between tensors";
    assert_eq!(error_of(TensorDataset::new((two.clone(), three))), mismatch);
    error_of(TensorDataset::new(Vec::new()));
    error_of(TensorDataset::new((two.clone(), Tensor::scalar(1.0))));
    let data = TensorDataset::new(two).expect("two rows");
    let expected = "index 2 is out of range for a dataset of 2 elements";
    assert_eq!(error_of(data.get(2)), expected);
    error_of(data.get(usize::MAX));
}

#[test]
fn concatenated_data_sets_may_be_empty_or_of_different_types() -> Result<()> {
    let both = ConcatDataset::new([
        Items(vec![1, 2]),
        Items(vec![]),
        Items(vec![3]),
        Items(vec![]),
    ])?;
    let all: Vec<i32> = (0..both.len())
        .map(|i| both.get(i))
        .collect::<Result<_>>()?;
    assert_eq!(all, [1, 2, 3]);
    assert_eq!(both.cumulative_sizes(), [2, 2, 3, 3]);
    error_of(both.get(3));
    let doubled = Items(vec![1, 2]).map(|n| Ok(2 * n));
    let parts: [Box<dyn Dataset<Item = i32>>; 2] = [Box::new(doubled), Box::new(both)];
    let mixed = ConcatDataset::new(parts)?;
    assert_eq!((mixed.get(1)?, mixed.get(2)?, mixed.len()), (4, 1, 5));
    assert_eq!(mixed.datasets().len(), 2);
    let none = ConcatDataset::new(Vec::<Items<i32>>::new());
    assert_eq!(error_of(none), "datasets should not be an empty iterable");
    struct Endless;
    impl Dataset for Endless {
        type Item = ();
        fn len(&self) -> usize {
            usize::MAX
        }
        fn get(&self, _: usize) -> Result<()> {
            Ok(())
        }
    }
    error_of(ConcatDataset::new([Endless, Endless]));
    Ok(())
}

#[test]
fn what_a_mapped_function_returns_as_an_error_is_the_elements() -> Result<()> {
    let data = Items(vec![1, 0]).map(|n| match n {
        0 => Err(Error::value("no zeros")),
        n => Ok(10 / n),
    });
    assert_eq!(data.get(0)?, 10);
    assert_eq!(error_of(data.get(1)), "no zeros");
    Ok(())
}

#[test]
fn a_split_draws_from_the_generator_it_is_given() -> Result<()> {
    let items = Arc::new((0..10).collect::<Items<i64>>());
    let generator = Generator::seeded(42);
    let other = random_split_with(&generator, items.clone(), &[8, 2])?;
    let current = Generator::seeded(42).scope(|| random_split(items, &[0.8, 0.2]))?;
    for (a, b) in other.iter().zip(&current) {
        assert_eq!(a.indices(), b.indices());
    }
    let sub: &Subset<_> = &other[0];
    assert_eq!(sub.dataset().len(), 10);
    assert_eq!(sub.get(0)?, sub.indices()[0] as i64);
    Ok(())
}
