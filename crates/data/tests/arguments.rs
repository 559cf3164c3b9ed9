//! Arguments that no machine can serve, and other corners: errors, not panics.

use std::sync::Arc;

use pleach_core::{Result, Tensor, manual_seed};
use pleach_data::{Collate, DataLoader, Dataset, Items, Subset, random_split};

/// Sizes at the ends of their types.
const HUGE: [usize; 6] = [
    1 << 40,
    (1 << 62) | 1,
    i64::MAX as usize,
    1 << 63,
    usize::MAX - 1,
    usize::MAX,
];

fn error_of<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(e) => e.to_string(),
    }
}

fn no_room(text: &str) -> bool {
    text.contains("can't allocate memory") || text.contains("multiplication overflow")
}

/// A dataset that says how many elements it has.
struct Claims(usize);

impl Dataset for Claims {
    type Item = i64;
    fn len(&self) -> usize {
        self.0
    }
    fn get(&self, index: usize) -> Result<i64> {
        Ok(index as i64)
    }
}

#[test]
fn a_loader_of_more_elements_than_memory_has_numbers_begins_at_once() -> Result<()> {
    for len in HUGE {
        for workers in [0, 1, 3] {
            let loader = DataLoader::builder(Claims(len))
                .batch_size(2)
                .num_workers(workers);
            let loader = loader.build()?;
            assert_eq!(loader.len(), len.div_ceil(2));
            let mut pass = loader.iter();
            for i in 0..5 {
                let batch = pass.next().expect("a batch")?;
                assert_eq!(batch.to_vec::<i64>()?, [2 * i, 2 * i + 1]);
            }
        }
        let text = error_of(DataLoader::builder(Claims(len)).shuffle(true).build());
        assert!(no_room(&text), "{text}");
        let text = error_of(random_split(Claims(len), &[1.0]));
        assert!(no_room(&text), "{text}");
        let subset = Subset::new(Claims(len), vec![len - 1, 0])?;
        assert_eq!(subset.get(1)?, 0);
        assert!(Subset::new(Claims(len), vec![len]).is_err());
    }
    Ok(())
}

#[test]
fn more_workers_than_batches_and_endless_reading_ahead_change_nothing() -> Result<()> {
    let read = |workers, ahead, shuffle| -> Result<Vec<Vec<i64>>> {
        manual_seed(5);
        let loader = DataLoader::builder((0..10).collect::<Items<i64>>())
            .batch_size(3)
            .shuffle(shuffle)
            .num_workers(workers);
        let loader = match workers {
            0 => loader,
            _ => loader.prefetch_factor(ahead),
        };
        let loader = loader.build()?;
        loader.iter().map(|batch| batch?.to_vec::<i64>()).collect()
    };
    for shuffle in [false, true] {
        let expected = read(0, 2, shuffle)?;
        for (workers, ahead) in [
            (1, usize::MAX),
            (4, 1),
            (5, 2),
            (1 << 16, 2),
            (1 << 16, usize::MAX),
        ] {
            assert_eq!(read(workers, ahead, shuffle)?, expected);
        }
    }
    // A batch may be larger than the dataset.
    let data = Arc::new((0..10).collect::<Items<i64>>());
    for workers in [0, 2] {
        let loader = DataLoader::builder(data.clone())
            .batch_size(usize::MAX)
            .num_workers(workers);
        let batches = loader.build()?.iter().collect::<Result<Vec<_>>>()?;
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].shape(), [10]);
    }
    let empty = DataLoader::builder(Items(Vec::<i64>::new()))
        .num_workers(1 << 16)
        .build()?;
    assert_eq!(empty.iter().count(), 0);
    let too_many = DataLoader::builder(data).num_workers(usize::MAX).build();
    assert_eq!(error_of(too_many), "num_workers should be at most 65536");
    Ok(())
}

#[test]
fn nothing_is_no_batch_of_tensors() {
    assert!(Tensor::collate(Vec::new()).is_err());
    assert!(<(Tensor, i64)>::collate(Vec::new()).is_err());
}
