//! [`Collate`]: from elements to a batch.

use std::collections::{BTreeMap, HashMap};

use pleach_core::{Error, Result, Tensor};

/// An element of a data set that a loader can put into batches, as PyTorch's `default_collate`:
///
/// | elements | batch |
/// |---|---|
/// | tensors of one shape | a tensor with one dimension more |
/// | `f32`, `f64`, `bool` | a tensor of that dtype |
/// | integers | an i64 tensor |
/// | `String`, `&'static str` | a `Vec` of them |
/// | tuples of one to six, arrays, `Vec`s of one length | the same, of batches |
/// | maps with `String` keys, those of the first element | the same, of batches |
///
/// ```
/// use pleach::tensor;
/// use pleach::data::Collate;
///
/// let (x, (name, n)) = Collate::collate(vec![
///     (tensor![1., 2.], ("one".to_string(), 1u8)),
///     (tensor![3., 4.], ("two".to_string(), 2)),
/// ])?;
/// assert_eq!(x.shape(), [2, 2]);
/// assert_eq!(name, ["one", "two"]);
/// assert_eq!(n.to_vec::<i64>()?, [1, 2]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait Collate: Sized + Send {
    /// What a batch is.
    type Batch: Send + 'static;

    /// Makes a batch of at least one element.
    ///
    /// # Errors
    /// If the elements do not fit together.
    fn collate(items: Vec<Self>) -> Result<Self::Batch>;
}

/// How a loader makes a batch of elements: [`DefaultCollate`], or a function.
pub trait CollateFn<T>: Send + Sync + 'static {
    /// What a batch is.
    type Batch: Send + 'static;

    /// Makes a batch.
    ///
    /// # Errors
    /// If the elements do not fit together.
    fn collate(&self, items: Vec<T>) -> Result<Self::Batch>;
}

/// By the elements' [`Collate`]: what a loader does without a `collate_fn`.
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultCollate;

impl<T: Collate> CollateFn<T> for DefaultCollate {
    type Batch = T::Batch;
    fn collate(&self, items: Vec<T>) -> Result<T::Batch> {
        T::collate(items)
    }
}

impl<T, B, F> CollateFn<T> for F
where
    F: Fn(Vec<T>) -> Result<B> + Send + Sync + 'static,
    B: Send + 'static,
{
    type Batch = B;
    fn collate(&self, items: Vec<T>) -> Result<B> {
        self(items)
    }
}

impl Collate for Tensor {
    type Batch = Tensor;
    fn collate(items: Vec<Tensor>) -> Result<Tensor> {
        Tensor::stack(&items.iter().collect::<Vec<_>>(), 0)
    }
}

/// The values as a tensor.
fn numbers<T: pleach_core::Element>(values: Vec<T>) -> Result<Tensor> {
    let n = values.len();
    Tensor::from_vec(values, [n])
}

macro_rules! as_they_are {
    ($($ty:ty)*) => {$(
        impl Collate for $ty {
            type Batch = Tensor;
            fn collate(items: Vec<$ty>) -> Result<Tensor> {
                numbers(items)
            }
        }
    )*};
}
as_they_are!(f32 f64 bool i64);

macro_rules! as_i64 {
    ($($ty:ty)*) => {$(
        impl Collate for $ty {
            type Batch = Tensor;
            fn collate(items: Vec<$ty>) -> Result<Tensor> {
                let wide = |n| i64::try_from(n)
                    .map_err(|_| Error::value("Overflow when unpacking long long"));
                numbers(items.into_iter().map(wide).collect::<Result<_>>()?)
            }
        }
    )*};
}
as_i64!(i8 i16 i32 isize u8 u16 u32 u64 usize);

macro_rules! as_list {
    ($($ty:ty)*) => {$(
        impl Collate for $ty {
            type Batch = Vec<$ty>;
            fn collate(items: Vec<$ty>) -> Result<Vec<$ty>> {
                Ok(items)
            }
        }
    )*};
}
as_list!(String &'static str);

macro_rules! tuple {
    ($($T:ident $i:tt),*) => {
        impl<$($T: Collate),*> Collate for ($($T,)*) {
            type Batch = ($($T::Batch,)*);
            fn collate(items: Vec<Self>) -> Result<Self::Batch> {
                let mut columns = ($(Vec::<$T>::with_capacity(items.len()),)*);
                for item in items {
                    $(columns.$i.push(item.$i);)*
                }
                Ok(($($T::collate(columns.$i)?,)*))
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

impl<T: Collate> Collate for Vec<T> {
    type Batch = Vec<T::Batch>;
    fn collate(items: Vec<Vec<T>>) -> Result<Self::Batch> {
        let len = items.first().ok_or_else(nothing)?.len();
        let mut columns: Vec<Vec<T>> = Vec::new();
        columns.resize_with(len, || Vec::with_capacity(items.len()));
        for item in items {
            if item.len() != len {
                return Err(Error::value(
                    "each element in list of batch should be of equal size",
                ));
            }
            for (column, value) in columns.iter_mut().zip(item) {
                column.push(value);
            }
        }
        columns.into_iter().map(T::collate).collect()
    }
}

impl<T: Collate, const N: usize> Collate for [T; N] {
    type Batch = [T::Batch; N];
    fn collate(items: Vec<[T; N]>) -> Result<Self::Batch> {
        let lists = items.into_iter().map(Vec::from).collect();
        let columns = <Vec<T>>::collate(lists)?.try_into();
        Ok(columns.unwrap_or_else(|_| unreachable!("a column for each of the N values")))
    }
}

macro_rules! map {
    ($map:ident) => {
        impl<T: Collate> Collate for $map<String, T> {
            type Batch = $map<String, T::Batch>;
            fn collate(mut items: Vec<Self>) -> Result<Self::Batch> {
                let keys: Vec<String> =
                    items.first().ok_or_else(nothing)?.keys().cloned().collect();
                let batch = keys.into_iter().map(|key| {
                    let values = items.iter_mut().map(|item| {
                        let value = item.remove(&key);
                        value.ok_or_else(|| Error::value(format!("an element has no '{key}'")))
                    });
                    let batch = T::collate(values.collect::<Result<_>>()?)?;
                    Ok((key, batch))
                });
                batch.collect()
            }
        }
    };
}
map!(BTreeMap);
map!(HashMap);

fn nothing() -> Error {
    Error::value("a batch of no elements")
}
