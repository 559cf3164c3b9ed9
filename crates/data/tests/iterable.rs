//! Data sets without indices: errors, panics, and passes that are left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pleach_core::{Error, Result};
use pleach_data::{IterableDataset, IterableLoader, worker_info};

/// Endless numbers; the one at `panics` is a panic, the one at `fails` an error.
struct Endless {
    panics: i64,
    fails: i64,
    read: Arc<AtomicUsize>,
}

impl IterableDataset for Endless {
    type Item = i64;
    fn iter(&self) -> Box<dyn Iterator<Item = Result<i64>> + Send + '_> {
        Box::new((0..).map(|n| {
            self.read.fetch_add(1, Ordering::SeqCst);
            match n {
                n if n == self.panics => panic!("number {n} is cursed"),
                n if n == self.fails => Err(Error::value("it is missing")),
                n => Ok(n),
            }
        }))
    }
}

fn endless(panics: i64, fails: i64) -> (Endless, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let data = Endless {
        panics,
        fails,
        read: read.clone(),
    };
    (data, read)
}

#[test]
fn an_error_is_its_batch_and_a_panic_ends_the_workers_pass() -> Result<()> {
    for workers in [0, 2] {
        let (data, _) = endless(-1, 1);
        let loader = IterableLoader::builder(data).num_workers(workers).build()?;
        let texts: Vec<_> = loader
            .iter()
            .take(6)
            .map(|batch| batch.map(|b| b.item()).map_err(|e| e.to_string()))
            .collect();
        assert_eq!(texts.iter().filter(|t| t.is_err()).count(), 1 + workers / 2);
    }
    let (data, _) = endless(2, -1);
    let loader = IterableLoader::builder(data).num_workers(2).build()?;
    let all: Vec<_> = loader.iter().collect();
    assert_eq!(all.len(), 6);
    assert!(all[..4].iter().all(Result::is_ok));
    let text = all[5].as_ref().map(drop).unwrap_err().to_string();
    assert_eq!(
        text,
        "worker 1 of the data loader panicked: number 2 is cursed"
    );
    Ok(())
}

#[test]
fn workers_stop_when_a_pass_is_left() -> Result<()> {
    let (data, read) = endless(-1, -1);
    let loader = IterableLoader::builder(Box::new(data))
        .batch_size(3)
        .num_workers(2)
        .prefetch_factor(4)
        .build()?;
    let mut pass = loader.iter();
    for _ in 0..3 {
        assert!(pass.next().expect("a batch").is_ok());
    }
    drop(pass); // joins the threads
    let seen = read.load(Ordering::SeqCst);
    // Of 2 * 4 batches that are asked for from the start, and one more for each that was taken.
    assert!(seen <= 3 * 11, "{seen} elements were read");
    assert_eq!(seen, loader.dataset().read.load(Ordering::SeqCst));
    Ok(())
}

#[test]
fn only_workers_are_workers_and_dyn_data_sets_are_data_sets() -> Result<()> {
    assert_eq!(worker_info(), None);
    struct Who;
    impl IterableDataset for Who {
        type Item = i64;
        fn iter(&self) -> Box<dyn Iterator<Item = Result<i64>> + Send + '_> {
            Box::new(std::iter::once_with(|| {
                Ok(worker_info().map_or(-1, |info| info.id as i64))
            }))
        }
    }
    for (workers, expected) in [(0, vec![-1]), (3, vec![0, 1, 2])] {
        let data: Arc<dyn IterableDataset<Item = i64>> = Arc::new(Who);
        let loader = IterableLoader::builder(data).num_workers(workers).build()?;
        let ids = loader.iter().map(|batch| Ok(batch?.item()? as i64));
        assert_eq!(ids.collect::<Result<Vec<_>>>()?, expected);
    }
    assert_eq!(worker_info(), None);
    Ok(())
}

#[test]
fn options_that_make_no_batches_are_refused() {
    let builder = || IterableLoader::builder(endless(-1, -1).0);
    let refused = [
        builder().batch_size(0),
        builder().prefetch_factor(2),
        builder().num_workers(1).prefetch_factor(0),
        builder().num_workers(usize::MAX),
    ];
    for builder in refused {
        assert!(builder.build().is_err());
    }
}
