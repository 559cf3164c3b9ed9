//! Data sets, samplers and loaders.

use std::sync::Arc;

use pleach::data::{
    BatchSampler, Collate, ConcatDataset, DataLoader, Dataset, IterableDataset, IterableLoader,
    RandomSampler, Sampler, SequentialSampler, Subset, SubsetRandomSampler, TensorDataset, Tensors,
    WeightedRandomSampler, check_index, random_split, random_split_with, worker_info,
};
use pleach::{Generator, Result, Tensor};

use super::{Call, Program, call};

type Rows = Arc<dyn Dataset<Item = Vec<Tensor>>>;
type Indices = Box<dyn Sampler<Item = usize>>;

/// Rows of tensors, whole or in parts.
fn rows(p: &mut Program) -> Result<Rows> {
    let x = p.tensor()?;
    let y = p.tensor()?;
    let all = match p.bytes.flag() {
        true => vec![x],
        false => vec![x.clone(), x, y],
    };
    let all = Arc::new(TensorDataset::new(all)?);
    let of = all.tensors()[0].size(0)?;
    assert_eq!(all.len(), of);
    Ok(match p.bytes.below(5) {
        0 => {
            let at = p.bytes.size();
            let part: Subset<TensorDataset<_>> = Subset::new(all, vec![at, 0])?;
            assert_eq!((part.indices()[0], part.dataset().len()), (at, of));
            Arc::new(part)
        }
        1 => {
            let both = ConcatDataset::new([all.clone(), all])?;
            assert_eq!(both.cumulative_sizes(), [of, 2 * of]);
            assert_eq!(both.datasets().len(), 2);
            Arc::new(both)
        }
        2 => {
            let part = p.bytes.size();
            let parts = match p.bytes.flag() {
                true => random_split(all, &[part, of.saturating_sub(part)])?,
                false => {
                    let part = p.bytes.probability();
                    random_split_with(&Generator::seeded(1), all, &[part, 1.0 - part])?
                }
            };
            Arc::new(ConcatDataset::new(parts)?)
        }
        3 => Arc::new(all.map(|row| row.each(&mut |t: &Tensor| t.add(1.0)))),
        _ => all,
    })
}

fn sampler(p: &mut Program, len: usize) -> Result<Indices> {
    let (n, replacement) = (p.bytes.small(), p.bytes.flag());
    let generator = Generator::seeded(p.bytes.byte());
    Ok(match p.bytes.below(5) {
        0 => Box::new(SequentialSampler::new(len)),
        1 => Box::new(RandomSampler::new(len)?),
        2 => Box::new(
            RandomSampler::builder(len)
                .replacement(replacement)
                .num_samples(n)
                .generator(generator)
                .build()?,
        ),
        3 => {
            let sampler = SubsetRandomSampler::new((0..n).collect());
            Box::new(sampler.generator(generator))
        }
        _ => {
            let weights: Vec<f64> = (0..len).map(|_| p.bytes.float()).collect();
            Box::new(match p.bytes.flag() {
                true => WeightedRandomSampler::new(weights, n)?,
                false => WeightedRandomSampler::builder(weights, n)
                    .replacement(replacement)
                    .generator(generator)
                    .build()?,
            })
        }
    })
}

/// Reads some batches.
fn by_index(p: &mut Program) -> Result<()> {
    let data = rows(p)?;
    let elements = data.len();
    assert_eq!(data.is_empty(), elements == 0);
    assert!(data.get(data.len()).is_err());
    let order = sampler(p, data.len())?;
    let indices = order.len();
    assert_eq!(order.is_empty(), indices == 0);
    assert_eq!(order.iter().count(), indices);
    let (size, drop_last) = (p.bytes.size(), p.bytes.flag());
    let mut loader = DataLoader::builder(data)
        .shuffle(p.bytes.flag())
        .num_workers(p.bytes.below(3));
    if p.bytes.flag() {
        loader = loader.batch_sampler(BatchSampler::new(order, size, drop_last)?);
    } else {
        loader = loader.batch_size(size).drop_last(drop_last);
        if p.bytes.flag() {
            loader = loader.sampler(order);
        }
    }
    if p.bytes.flag() {
        loader = loader.generator(Generator::seeded(1));
    }
    if p.bytes.one_in(4) {
        loader = loader.prefetch_factor(p.bytes.size());
    }
    let loader = loader.collate_fn(Collate::collate).build()?;
    let batches = loader.len();
    assert_eq!(loader.is_empty(), batches == 0);
    assert!(loader.dataset().len() <= 1 << 20);
    for batch in loader.iter().take(5) {
        p.keep_all(batch?)?;
    }
    Ok(())
}

/// So many numbers from each worker.
struct Numbers(usize);

impl IterableDataset for Numbers {
    type Item = usize;
    fn iter(&self) -> Box<dyn Iterator<Item = Result<usize>> + Send + '_> {
        let first = worker_info().map_or(0, |info| info.id);
        Box::new((first..self.0).map(Ok))
    }
}

fn in_turn(p: &mut Program) -> Result<()> {
    let loader = IterableLoader::builder(Numbers(p.bytes.small()))
        .batch_size(p.bytes.size())
        .drop_last(p.bytes.flag())
        .num_workers(p.bytes.below(3))
        .generator(Generator::current())
        .collate_fn(usize::collate);
    let loader = match p.bytes.flag() {
        true => loader.prefetch_factor(p.bytes.size()).build()?,
        false => loader.build()?,
    };
    assert_eq!(loader.dataset().iter().count(), loader.dataset().0);
    for batch in loader.iter() {
        p.keep(batch?)?;
    }
    Ok(())
}

pub const CALLS: &[Call] = &[
    call(
        "TensorDataset::new TensorDataset::tensors Tensors::each Dataset::len Dataset::get \
         Dataset::is_empty Dataset::map Subset::new Subset::indices Subset::dataset \
         ConcatDataset::new ConcatDataset::datasets ConcatDataset::cumulative_sizes random_split \
         random_split_with SequentialSampler::new RandomSampler::new RandomSampler::builder \
         RandomSamplerBuilder::replacement RandomSamplerBuilder::num_samples \
         RandomSamplerBuilder::generator RandomSamplerBuilder::build SubsetRandomSampler::new \
         SubsetRandomSampler::generator WeightedRandomSampler::new WeightedRandomSampler::builder \
         WeightedRandomSamplerBuilder::replacement WeightedRandomSamplerBuilder::generator \
         WeightedRandomSamplerBuilder::build BatchSampler::new Sampler::iter Sampler::len \
         Sampler::is_empty DataLoader::builder DataLoader::dataset DataLoader::len \
         DataLoader::is_empty DataLoader::iter DataLoaderBuilder::batch_size \
         DataLoaderBuilder::shuffle DataLoaderBuilder::sampler DataLoaderBuilder::batch_sampler \
         DataLoaderBuilder::drop_last DataLoaderBuilder::num_workers \
         DataLoaderBuilder::prefetch_factor DataLoaderBuilder::generator \
         DataLoaderBuilder::collate_fn DataLoaderBuilder::build Collate::collate",
        by_index,
    ),
    call(
        "IterableDataset::iter IterableLoader::builder IterableLoader::dataset \
         IterableLoader::iter IterableLoaderBuilder::batch_size IterableLoaderBuilder::drop_last \
         IterableLoaderBuilder::num_workers IterableLoaderBuilder::prefetch_factor \
         IterableLoaderBuilder::generator IterableLoaderBuilder::collate_fn \
         IterableLoaderBuilder::build worker_info",
        in_turn,
    ),
    call("check_index", |p| {
        let (index, len) = (p.bytes.size(), p.bytes.size());
        assert_eq!(check_index(index, len).is_ok(), index < len);
        Ok(())
    }),
];
