//! Every order of `samplers.json`, which tests/interop/samplers.py made with PyTorch.

use pleach_core::{Generator, Result, manual_seed};
use pleach_data::{
    BatchSampler, DataLoader, Items, IterableDataset, IterableLoader, RandomSampler, Sampler,
    SequentialSampler, SubsetRandomSampler, WeightedRandomSampler, worker_info,
};
use serde_json::{Value as Json, json};

fn count(json: &Json) -> usize {
    json.as_u64().expect("a count") as usize
}

fn flag(json: &Json) -> bool {
    json.as_bool().expect("a flag")
}

fn counts(json: &Json) -> Vec<usize> {
    json.as_array().expect("a list").iter().map(count).collect()
}

fn sampler(spec: &Json, generator: &Option<Generator>) -> Result<Box<dyn Sampler<Item = usize>>> {
    Ok(match spec["kind"].as_str().expect("a kind") {
        "sequential" => Box::new(SequentialSampler::new(count(&spec["len"]))),
        "random" => {
            let mut sampler =
                RandomSampler::builder(count(&spec["len"])).replacement(flag(&spec["replacement"]));
            if !spec["num_samples"].is_null() {
                sampler = sampler.num_samples(count(&spec["num_samples"]));
            }
            if let Some(generator) = generator {
                sampler = sampler.generator(generator.clone());
            }
            Box::new(sampler.build()?)
        }
        "subset" => {
            let sampler = SubsetRandomSampler::new(counts(&spec["indices"]));
            Box::new(match generator {
                Some(generator) => sampler.generator(generator.clone()),
                None => sampler,
            })
        }
        "weighted" => {
            let weights = spec["weights"].as_array().expect("weights").iter();
            let weights: Vec<f64> = weights.map(|w| w.as_f64().expect("a weight")).collect();
            let mut sampler = WeightedRandomSampler::builder(weights, count(&spec["num_samples"]))
                .replacement(flag(&spec["replacement"]));
            if let Some(generator) = generator {
                sampler = sampler.generator(generator.clone());
            }
            Box::new(sampler.build()?)
        }
        other => panic!("a sampler {other}"),
    })
}

fn batch_sampler(
    spec: &Json,
    generator: &Option<Generator>,
) -> Result<BatchSampler<Box<dyn Sampler<Item = usize>>>> {
    BatchSampler::new(
        sampler(&spec["sampler"], generator)?,
        count(&spec["batch_size"]),
        flag(&spec["drop_last"]),
    )
}

/// What as many passes give as the case has.
fn passes(case: &Json, pass: impl Fn() -> Json) -> Vec<Json> {
    let passes = case["passes"].as_array().expect("passes");
    passes.iter().map(|_| pass()).collect()
}

/// As many as the case takes.
fn taken<T>(case: &Json, items: impl Iterator<Item = T>) -> Vec<T> {
    match case["take"].as_u64() {
        Some(most) => items.take(most as usize).collect(),
        None => items.collect(),
    }
}

/// What the case says of a loader that is read on workers or not.
macro_rules! options {
    ($builder:expr, $options:expr, [$($option:ident: $read:ident),*]) => {{
        let mut builder = $builder;
        $(if !$options[stringify!($option)].is_null() {
            builder = builder.$option($read(&$options[stringify!($option)]));
        })*
        builder
    }};
}

/// Worker `w` gives `counts[w]` elements: 100 w, 100 w + 1, …, each with the worker's seed.
struct Counts(Vec<usize>);

impl IterableDataset for Counts {
    type Item = (usize, u64);
    fn iter(&self) -> Box<dyn Iterator<Item = Result<(usize, u64)>> + Send + '_> {
        let (worker, seed) = worker_info().map_or((0, 0), |info| {
            assert_eq!(info.num_workers, self.0.len());
            (info.id, info.seed)
        });
        Box::new((0..self.0[worker]).map(move |i| Ok((100 * worker + i, seed))))
    }
}

fn run(case: &Json) -> Result<Vec<Json>> {
    manual_seed(3);
    let generator = case["generator"].as_u64().map(Generator::seeded);
    let given = if case.get("sampler").is_some() {
        let spec = &case["sampler"];
        if spec["kind"] == "batch" {
            let sampler = batch_sampler(spec, &generator)?;
            assert_eq!(sampler.len(), count(&case["len"]));
            passes(case, || json!(sampler.iter().collect::<Vec<_>>()))
        } else {
            let sampler = sampler(spec, &generator)?;
            assert_eq!(sampler.len(), count(&case["len"]));
            passes(case, || json!(sampler.iter().collect::<Vec<_>>()))
        }
    } else if let Some(spec) = case.get("loader") {
        let data: Items<usize> = (0..count(&spec["elements"])).collect();
        let given = &spec["options"];
        let mut loader = options!(
            DataLoader::builder(data).num_workers(count(&spec["num_workers"])),
            given,
            [batch_size: count, shuffle: flag, drop_last: flag]
        );
        if let Some(spec) = given.get("sampler") {
            loader = loader.sampler(sampler(spec, &generator)?);
        }
        if let Some(spec) = given.get("batch_sampler") {
            loader = loader.batch_sampler(batch_sampler(spec, &generator)?);
        }
        if let Some(generator) = &generator {
            loader = loader.generator(generator.clone());
        }
        let loader = loader.collate_fn(Ok).build()?;
        assert_eq!(loader.len(), count(&case["len"]));
        passes(case, || {
            let batches = loader.iter().map(|batch| batch.expect("a batch"));
            json!(taken(case, batches))
        })
    } else {
        let spec = &case["iterable"];
        let mut loader = options!(
            IterableLoader::builder(Counts(counts(&spec["counts"])))
                .num_workers(count(&spec["num_workers"])),
            spec["options"],
            [batch_size: count, drop_last: flag]
        );
        if let Some(generator) = &generator {
            loader = loader.generator(generator.clone());
        }
        let loader = loader.collate_fn(Ok).build()?;
        passes(case, || {
            let batches = loader.iter().map(|batch| batch.expect("a batch"));
            json!(batches.collect::<Vec<_>>())
        })
    };
    let next = |generator: &Generator| {
        let mut next = [0i64];
        generator.fill_random_range(&mut next, 0, 1 << 27);
        Some(next[0])
    };
    assert_eq!(next(&Generator::current()), case["next"].as_i64());
    if let Some(generator) = &generator {
        assert_eq!(next(generator), case["generator_next"].as_i64());
    }
    Ok(given)
}

#[test]
fn orders_and_what_is_drawn_afterwards_are_pytorchs() -> Result<()> {
    let file: Json = serde_json::from_str(include_str!("samplers.json")).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() > 400, "only {} cases", cases.len());
    for case in cases {
        println!("{case}");
        assert_eq!(&run(case)?, case["passes"].as_array().expect("passes"));
    }
    Ok(())
}
