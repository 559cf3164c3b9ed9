//! `torch.utils.data`.

use std::rc::Rc;
use std::sync::Arc;

use pleach::data::random_split_with;
use pleach::prelude::{
    ConcatDataset, DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler, Subset,
    SubsetRandomSampler, TensorDataset, WeightedRandomSampler,
};
use pleach::{Generator, Tensor};

use super::args::Bound;
use super::value::{Builtin, Eval, Value, bug, unknown};

/// Rows of tensors.
type Rows = Arc<dyn Dataset<Item = Vec<Tensor>>>;
type Indices = Arc<dyn Sampler<Item = usize>>;

/// An object that Python code holds.
#[derive(Clone)]
pub enum DataHandle {
    Dataset(Rows),
    Sampler(Indices),
    Loader(Rc<DataLoader<Rows>>),
}

impl DataHandle {
    /// What `for` goes over.
    pub fn iterate(&self) -> Eval<Vec<Value>> {
        let row = |row: Vec<Tensor>| row.into_iter().map(Value::tensor).collect();
        Ok(match self {
            DataHandle::Dataset(rows) => (0..rows.len())
                .map(|i| Ok(Value::Tuple(row(rows.get(i)?))))
                .collect::<Eval<_>>()?,
            DataHandle::Sampler(indices) => indices.iter().map(|i| Value::int(i as i128)).collect(),
            DataHandle::Loader(loader) => loader
                .iter()
                .map(|batch| Ok(Value::list(row(batch?))))
                .collect::<Eval<_>>()?,
        })
    }

    /// `dataset[i]`.
    pub fn get(&self, by: &Value) -> Eval {
        match self {
            DataHandle::Dataset(rows) => {
                let row = rows.get(by.as_usize()?)?;
                Ok(Value::Tuple(row.into_iter().map(Value::tensor).collect()))
            }
            _ => bug("a sampler or a loader, indexed"),
        }
    }
}

fn dataset(rows: impl Dataset<Item = Vec<Tensor>> + 'static) -> Eval {
    Ok(Value::Data(DataHandle::Dataset(Arc::new(rows))))
}

fn sampler(indices: impl Sampler<Item = usize> + 'static) -> Eval {
    Ok(Value::Data(DataHandle::Sampler(Arc::new(indices))))
}

fn rows(value: &Value) -> Eval<Rows> {
    match value {
        Value::Data(DataHandle::Dataset(rows)) => Ok(rows.clone()),
        _ => unknown("a dataset that is none of torch.utils.data"),
    }
}

fn length(value: &Value) -> Eval<usize> {
    match value {
        Value::Data(DataHandle::Dataset(rows)) => Ok(rows.len()),
        other => Ok(other.items()?.len()),
    }
}

fn indices(value: &Value) -> Eval<Vec<usize>> {
    value.items()?.iter().map(Value::as_usize).collect()
}

fn generator(a: &Bound) -> Eval<Option<Generator>> {
    match a.opt("generator") {
        None => Ok(None),
        Some(Value::Generator(generator)) => Ok(Some(generator.clone())),
        Some(other) => bug(format!("{other:?} is no generator")),
    }
}

/// The options that were given, as calls of a builder's methods.
macro_rules! given {
    ($builder:expr, $($method:ident = $value:expr),*) => {{
        let builder = $builder;
        $(let builder = match $value {
            Some(value) => builder.$method(value),
            None => builder,
        };)*
        builder
    }};
}

/// Classes and functions by their names in `torch.utils.data`.
pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "TensorDataset" => |a| {
            let tensors = a.bind("TensorDataset", &["*tensors"])?.tensors("tensors")?;
            dataset(TensorDataset::new(tensors)?)
        },
        "Subset" => |a| {
            let a = a.bind("Subset", &["dataset", "indices"])?;
            let of = rows(a.need("dataset")?)?;
            let part: Subset<Rows> = Subset::new(of, indices(a.need("indices")?)?)?;
            dataset(part)
        },
        "ConcatDataset" => |a| {
            let a = a.bind("ConcatDataset", &["datasets"])?;
            let parts = a.need("datasets")?.items()?;
            let parts = parts.iter().map(rows).collect::<Eval<Vec<_>>>()?;
            dataset(ConcatDataset::new(parts)?)
        },
        "random_split" => |a| {
            let a = a.bind("random_split", &["dataset", "lengths", "generator"])?;
            let of = rows(a.need("dataset")?)?;
            let generator = generator(&a)?.unwrap_or_else(Generator::current);
            let lengths = a.need("lengths")?.items()?;
            let parts = match lengths.iter().any(|n| matches!(n, Value::Float(_))) {
                true => {
                    let parts: Vec<f64> = lengths.iter().map(Value::as_f64).collect::<Eval<_>>()?;
                    random_split_with(&generator, of, &parts)
                }
                false => random_split_with(&generator, of, &indices(a.need("lengths")?)?),
            };
            let parts = parts?.into_iter().map(dataset);
            Ok(Value::list(parts.collect::<Eval<_>>()?))
        },
        "SequentialSampler" => |a| {
            let a = a.bind("SequentialSampler", &["data_source"])?;
            sampler(SequentialSampler::new(length(a.need("data_source")?)?))
        },
        "RandomSampler" => |a| {
            const NAMES: &[&str] = &["data_source", "replacement", "num_samples", "generator"];
            let a = a.bind("RandomSampler", NAMES)?;
            let made = RandomSampler::builder(length(a.need("data_source")?)?)
                .replacement(a.bool_or("replacement", false)?);
            let made = given!(
                made,
                num_samples = a.opt_usize("num_samples")?,
                generator = generator(&a)?
            );
            sampler(made.build()?)
        },
        "SubsetRandomSampler" => |a| {
            let a = a.bind("SubsetRandomSampler", &["indices", "generator"])?;
            let made = SubsetRandomSampler::new(indices(a.need("indices")?)?);
            sampler(given!(made, generator = generator(&a)?))
        },
        "WeightedRandomSampler" => |a| {
            const NAMES: &[&str] = &["weights", "num_samples", "replacement", "generator"];
            let a = a.bind("WeightedRandomSampler", NAMES)?;
            let weights = match a.need("weights")? {
                tensor if tensor.is_tensor() => tensor.as_tensor()?.to_vec_f64(),
                list => list
                    .items()?
                    .iter()
                    .map(Value::as_f64)
                    .collect::<Eval<_>>()?,
            };
            let made = WeightedRandomSampler::builder(weights, a.usize("num_samples")?)
                .replacement(a.bool_or("replacement", true)?);
            sampler(given!(made, generator = generator(&a)?).build()?)
        },
        "DataLoader" => |a| {
            const NAMES: &[&str] = &[
                "dataset",
                "batch_size",
                "shuffle",
                "sampler",
                "*",
                "num_workers",
                "drop_last",
                "generator",
                "prefetch_factor",
            ];
            let a = a.bind("DataLoader", NAMES)?;
            let order = match a.opt("sampler") {
                None => None,
                Some(Value::Data(DataHandle::Sampler(indices))) => Some(indices.clone()),
                Some(other) => return unknown(format!("DataLoader(sampler={other:?})")),
            };
            let loader = DataLoader::builder(rows(a.need("dataset")?)?)
                .shuffle(a.bool_or("shuffle", false)?)
                .drop_last(a.bool_or("drop_last", false)?);
            let loader = given!(
                loader,
                batch_size = a.opt_usize("batch_size")?,
                sampler = order,
                num_workers = a.opt_usize("num_workers")?,
                generator = generator(&a)?,
                prefetch_factor = a.opt_usize("prefetch_factor")?
            );
            Ok(Value::Data(DataHandle::Loader(Rc::new(loader.build()?))))
        },
        _ => return None,
    })
}
