//! [`Batches`], and what the loaders have in common.

use std::sync::Arc;

use pleach_core::{Error, Generator, Result};

use super::source::Source;
use super::workers::{MOST, Workers};
use crate::samplers::draw_seed;

/// The batches of one pass. A batch that cannot be read is an error; those after it still come.
pub struct Batches<'a, B>(Box<dyn Iterator<Item = Result<B>> + Send + 'a>);

impl<B> Iterator for Batches<'_, B> {
    type Item = Result<B>;
    fn next(&mut self) -> Option<Result<B>> {
        self.0.next()
    }
}

/// The options of a pass.
#[derive(Clone, Default)]
pub(super) struct Pass {
    pub num_workers: usize,
    pub prefetch_factor: Option<usize>,
    pub generator: Option<Generator>,
}

impl Pass {
    pub fn check(&self) -> Result<()> {
        if self.num_workers > MOST {
            return Err(Error::value(format!(
                "num_workers should be at most {MOST}"
            )));
        }
        match self.prefetch_factor {
            Some(_) if self.num_workers == 0 => Err(Error::value(
                "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None.",
            )),
            Some(0) => Err(Error::value(
                "prefetch_factor should be a positive integer value",
            )),
            _ => Ok(()),
        }
    }

    /// Starts a pass: draws the base seed, and starts the workers.
    pub fn start<'a, S: Source>(
        &self,
        source: &'a Arc<S>,
        tasks: Box<dyn Iterator<Item = S::Task> + Send + 'a>,
    ) -> Batches<'a, S::Batch> {
        let base_seed = match &self.generator {
            Some(generator) => draw_seed(generator),
            None => draw_seed(&Generator::current()),
        };
        Batches(match self.num_workers {
            0 => {
                // It ends where the reader does.
                let mut reader = source.reader();
                let mut tasks = tasks.fuse();
                Box::new(std::iter::from_fn(move || reader(tasks.next()?)))
            }
            workers => Box::new(Workers::start(
                source.clone(),
                tasks,
                workers,
                self.prefetch_factor.unwrap_or(2),
                base_seed,
            )),
        })
    }
}
