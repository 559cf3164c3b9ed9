//! Loaders: workers, failures, sizes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pleach_core::{Error, Generator, Result, Tensor, manual_seed};
use pleach_data::{
    DataLoader, Dataset, Items, RandomSampler, Sampler, Subset, WeightedRandomSampler, random_split,
};

/// Always the same.
struct Fixed<T>(Vec<T>);

impl<T: Clone + Send + Sync> Sampler for Fixed<T> {
    type Item = T;
    fn iter(&self) -> Box<dyn Iterator<Item = T> + Send + '_> {
        Box::new(self.0.iter().cloned())
    }
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Counts how many elements were read.
struct Counting {
    read: Arc<AtomicUsize>,
}

impl Dataset for Counting {
    type Item = i64;
    fn len(&self) -> usize {
        1000
    }
    fn get(&self, index: usize) -> Result<i64> {
        self.read.fetch_add(1, Ordering::SeqCst);
        match index {
            500 => panic!("element 500 is cursed"),
            700 => Err(Error::other("element 700 is missing")),
            _ => Ok(index as i64),
        }
    }
}

fn positions<D: Dataset<Item = i64> + 'static>(loader: &DataLoader<D>) -> Result<Vec<i64>> {
    let mut all = Vec::new();
    for batch in loader {
        all.extend(batch?.to_vec::<i64>()?);
    }
    Ok(all)
}

#[test]
fn workers_give_the_batches_of_the_calling_thread_in_its_order() -> Result<()> {
    let orders = [0, 1, 2, 3, 7].map(|workers| {
        manual_seed(3);
        let loader = DataLoader::builder((0..50).collect::<Items<i64>>())
            .batch_size(4)
            .shuffle(true)
            .num_workers(workers)
            .build()?;
        let passes = [positions(&loader)?, positions(&loader)?];
        // What is drawn afterwards is the same, too.
        Ok((passes, Generator::current().word64()))
    });
    let orders = orders.into_iter().collect::<Result<Vec<_>>>()?;
    assert!(orders.iter().all(|order| *order == orders[0]));
    let [first, second] = &orders[0].0;
    assert_ne!(first, second);
    let mut sorted = first.clone();
    sorted.sort();
    assert_eq!(sorted, (0..50).collect::<Vec<i64>>());
    Ok(())
}

#[test]
fn drop_last_and_the_number_of_batches_agree() -> Result<()> {
    for (n, size, drop_last, batches) in [
        (10, 3, false, 4),
        (10, 3, true, 3),
        (9, 3, true, 3),
        (2, 3, true, 0),
        (0, 3, false, 0),
    ] {
        for workers in [0, 2] {
            // Nothing cannot be shuffled.
            for shuffle in [n > 0, false] {
                let loader = DataLoader::builder((0..n).collect::<Items<i64>>())
                    .batch_size(size)
                    .drop_last(drop_last)
                    .shuffle(shuffle)
                    .num_workers(workers)
                    .build()?;
                assert_eq!(loader.len(), batches);
                assert_eq!(loader.iter().count(), batches);
            }
        }
    }
    assert!(
        DataLoader::builder(Items(vec![1i64]))
            .batch_size(0)
            .build()
            .is_err()
    );
    Ok(())
}

#[test]
fn a_failing_element_is_an_error_of_its_batch_and_a_panic_ends_its_worker() -> Result<()> {
    let read = Arc::new(AtomicUsize::new(0));
    let counting = |workers| {
        let dataset = Counting { read: read.clone() };
        DataLoader::builder(dataset)
            .batch_size(100)
            .num_workers(workers)
            .build()
    };
    let results: Vec<_> = counting(2)?.iter().collect();
    assert_eq!(results.len(), 10);
    let text = |i: usize| results[i].as_ref().map(drop).unwrap_err().to_string();
    assert_eq!(
        text(5),
        "worker 1 of the data loader panicked: element 500 is cursed"
    );
    assert!(text(7).starts_with("worker 1 of the data loader panicked"));
    assert!([0, 1, 2, 3, 4, 6, 8].iter().all(|&i| results[i].is_ok()));
    let results: Vec<_> = Subset::new(Counting { read: read.clone() }, vec![699, 700, 701])
        .and_then(|part| DataLoader::builder(part).build())?
        .iter()
        .map(|batch| batch.map_err(|e| e.to_string()))
        .collect();
    assert!(results[0].is_ok() && results[2].is_ok());
    assert_eq!(results[1].as_ref().unwrap_err(), "element 700 is missing");
    Ok(())
}

#[test]
fn workers_stop_when_a_pass_is_left() -> Result<()> {
    let read = Arc::new(AtomicUsize::new(0));
    let loader = DataLoader::builder(Counting { read: read.clone() })
        .num_workers(2)
        .build()?;
    let mut pass = loader.iter();
    assert!(pass.next().is_some());
    drop(pass); // joins the threads
    let seen = read.load(Ordering::SeqCst);
    assert!(seen < 20, "{seen} elements were read");
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(read.load(Ordering::SeqCst), seen);
    Ok(())
}

#[test]
fn elements_that_do_not_fit_together_are_no_batch() {
    let data = Items(vec![Tensor::zeros([2]), Tensor::zeros([3])]);
    let loader = DataLoader::builder(data)
        .batch_size(2)
        .build()
        .expect("valid options");
    let error = loader
        .iter()
        .next()
        .expect("a batch")
        .map(drop)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("but got [2] at entry 0 and [3] at entry 1"),
        "{error}"
    );
}

#[test]
fn splits_that_do_not_add_up_are_refused() {
    let split =
        |lengths: &[usize]| random_split((0..10).collect::<Items<i64>>(), lengths).map(drop);
    assert!(split(&[7, 3]).is_ok());
    assert!(split(&[7, 2]).is_err());
    assert!(split(&[usize::MAX, 11]).is_err());
    let parts = |parts: &[f64]| random_split((0..10).collect::<Items<i64>>(), parts).map(drop);
    assert!(parts(&[0.5, 0.5]).is_ok());
    assert!(parts(&[0.5, 0.6]).is_err());
    assert!(parts(&[1.5, -0.5]).is_err());
    assert!(parts(&[f64::NAN, 1.0]).is_err());
}

#[test]
fn options_that_exclude_each_other_are_pytorchs_errors() {
    let builder = || DataLoader::builder((0..5).collect::<Items<i64>>());
    let batches = || builder().batch_sampler(Fixed(vec![vec![0, 1], vec![4]]));
    let exclusive = "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last";
    let refused = [
        (
            builder().sampler(Fixed(vec![1])).shuffle(true),
            "sampler option is mutually exclusive with shuffle",
        ),
        (batches().batch_size(2), exclusive),
        (batches().shuffle(true), exclusive),
        (batches().sampler(Fixed(vec![1])), exclusive),
        (batches().drop_last(true), exclusive),
        (
            builder().prefetch_factor(2),
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None.",
        ),
        (
            builder().num_workers(1).prefetch_factor(0),
            "prefetch_factor should be a positive integer value",
        ),
        (
            builder().batch_size(0),
            "batch_size should be a positive integer value, but got batch_size=0",
        ),
        (
            DataLoader::builder(Items(Vec::new())).shuffle(true),
            "num_samples should be a positive integer value, but got num_samples=0",
        ),
    ];
    for (builder, text) in refused {
        assert_eq!(builder.build().map(drop).unwrap_err().to_string(), text);
    }
}

#[test]
fn samplers_refuse_what_they_cannot_draw() {
    let random = |len, n| RandomSampler::builder(len).num_samples(n);
    assert!(random(3, 0).build().is_err());
    assert!(random(0, 3).build().is_err());
    assert!(random(0, 3).replacement(true).build().is_err());
    assert!(RandomSampler::new(1 << 60).is_err());
    // Nothing is listed to draw each from all.
    let endless = random(1 << 60, usize::MAX).replacement(true).build();
    assert_eq!(endless.expect("a sampler").iter().take(100).count(), 100);
    let weighted = |weights: &[f64], n| WeightedRandomSampler::builder(weights, n);
    for bad in [&[][..], &[0.0], &[1.0, -1.0], &[f64::NAN], &[f64::INFINITY]] {
        for n in [1, 2] {
            assert!(weighted(bad, n).build().is_err(), "{bad:?}");
            assert!(weighted(bad, n).replacement(false).build().is_err());
        }
    }
    let error = weighted(&[1.0, 2.0], 3).replacement(false).build();
    assert_eq!(
        error.map(drop).unwrap_err().to_string(),
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
    );
    assert!(weighted(&[1.0], 0).build().is_err());
    assert!(weighted(&[1.0], 1 << 60).build().is_err());
}

#[test]
fn an_index_that_the_data_set_lacks_is_an_error_of_its_batch() -> Result<()> {
    let items = || (0..3).collect::<Items<i64>>();
    for workers in [0, 2] {
        let loader = DataLoader::builder(items())
            .batch_sampler(Fixed(vec![vec![2], vec![0, 3], vec![], vec![1]]))
            .num_workers(workers)
            .build()?;
        assert_eq!((loader.len(), loader.dataset().len()), (4, 3));
        let texts: Vec<String> = loader
            .iter()
            .map(|batch| batch.map_or_else(|e| e.to_string(), |b| b.to_string()))
            .collect();
        assert_eq!(texts[0], "tensor([2])");
        assert_eq!(
            texts[1],
            "index 3 is out of range for a dataset of 3 elements"
        );
        assert_eq!(texts[3], "tensor([1])");
    }
    Ok(())
}
