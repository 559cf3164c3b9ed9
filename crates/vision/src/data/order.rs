//! In which order a loader goes through a dataset: PyTorch's samplers.

use std::ops::Range;
use std::vec;

use pleach_core::Generator;

use super::workers::Share;

/// A number that PyTorch draws as `random_()` of an i64: 63 bits.
pub(super) fn draw_seed(generator: &Generator) -> u64 {
    generator.word64() & (u64::MAX >> 1)
}

/// The positions of the elements, one after another.
enum Order {
    /// 0, 1, 2, ….
    Sequential(Range<usize>),
    /// To be shuffled when the first position is asked for: with the generator, or with a new one
    /// whose seed the current one draws.
    Unshuffled {
        len: usize,
        generator: Option<Generator>,
    },
    /// Shuffled. At the end the generator, if one was given, draws one more permutation, as
    /// PyTorch's does.
    Shuffled {
        len: usize,
        positions: vec::IntoIter<i64>,
        generator: Option<Generator>,
    },
}

impl Iterator for Order {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if let Order::Unshuffled { len, generator } = self {
            let positions = match generator {
                Some(generator) => generator.randperm(*len),
                None => Generator::seeded(draw_seed(&Generator::current())).randperm(*len),
            };
            *self = Order::Shuffled {
                len: *len,
                positions: positions.into_iter(),
                generator: generator.take(),
            };
        }
        match self {
            Order::Sequential(range) => range.next(),
            Order::Shuffled {
                len,
                positions,
                generator,
            } => {
                let next = positions.next();
                if next.is_none()
                    && let Some(generator) = generator.take()
                {
                    generator.randperm(*len);
                }
                next.map(|position| position as usize)
            }
            Order::Unshuffled { .. } => unreachable!("it was just shuffled"),
        }
    }
}

/// The positions of each batch: PyTorch's `BatchSampler`.
pub(super) struct BatchOrder {
    order: Order,
    batch_size: usize,
    drop_last: bool,
}

impl BatchOrder {
    pub fn new(
        len: usize,
        shuffle: Option<Option<Generator>>,
        batch_size: usize,
        drop_last: bool,
    ) -> Self {
        BatchOrder {
            order: match shuffle {
                Some(generator) => Order::Unshuffled { len, generator },
                None => Order::Sequential(0..len),
            },
            batch_size,
            drop_last,
        }
    }
}

impl BatchOrder {
    /// The shares of `workers` workers of `batches` batches: the batches `w`, `w + workers`, … for
    /// worker `w`. Workers without a batch are left out.
    pub fn shares(self, workers: usize, batches: usize) -> Vec<Share> {
        let workers = workers.min(batches);
        if let Order::Sequential(range) = self.order {
            // Not listed: a dataset may have more elements than memory has room for numbers.
            let (len, size) = (range.end, self.batch_size);
            let batch = move |i: usize| i * size..(i * size).saturating_add(size).min(len);
            let share = |w| -> Share {
                Box::new(
                    (w..batches)
                        .step_by(workers)
                        .map(move |i| batch(i).collect()),
                )
            };
            return (0..workers).map(share).collect();
        }
        let mut shares: Vec<Vec<Vec<usize>>> = vec![Vec::new(); workers];
        for (i, positions) in self.enumerate() {
            shares[i % workers].push(positions);
        }
        let boxed = |share: Vec<Vec<usize>>| -> Share { Box::new(share.into_iter()) };
        shares.into_iter().map(boxed).collect()
    }
}

impl Iterator for BatchOrder {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let batch: Vec<usize> = self.order.by_ref().take(self.batch_size).collect();
        let whole = batch.len() == self.batch_size;
        (whole || (!batch.is_empty() && !self.drop_last)).then_some(batch)
    }
}
