//! How things are timed.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::scenario::{Run, Scale};

/// How many samples of each side are taken: at least, and at most.
pub type Rounds = (usize, usize);

/// Of times.
const ROUNDS: Rounds = (5, 21);
/// At tiny scale, and of what does not vary.
pub const ONE_ROUND: Rounds = (1, 1);

/// How many samples are taken of times.
pub fn rounds(scale: Scale) -> Rounds {
    match scale {
        Scale::Full => ROUNDS,
        Scale::Tiny => ONE_ROUND,
    }
}
/// Each side is sampled for about this long, if that takes no more samples than the most.
const TIME: Duration = Duration::from_millis(300);
/// A sample is the mean of as many runs as take this long, or one.
const SAMPLE: f64 = 0.01;
/// A run that takes longer is not repeated to warm up for every sample.
const LONG: f64 = 0.05;

/// Takes a sample.
pub type Sampler<'a> = Box<dyn FnMut() -> Result<f64, Box<dyn Error>> + 'a>;

/// A run of ours, with the number of its repetitions in a sample: `sample` in
/// `torch/main.py` does the same.
pub struct Repeated {
    run: Run,
    count: usize,
    warm_up: bool,
}

impl Repeated {
    /// Warms up and chooses the number of repetitions; one at tiny scale.
    pub fn new(mut run: Run, scale: Scale) -> pleach::Result<Self> {
        let mut time = f64::INFINITY;
        let (warmed, mut runs) = (Instant::now(), 0);
        // Twice, or for as long as a few samples if that is more.
        while scale == Scale::Full && (runs < 2 || warmed.elapsed().as_secs_f64() < 3.0 * SAMPLE) {
            let start = Instant::now();
            run()?;
            time = time.min(start.elapsed().as_secs_f64());
            runs += 1;
        }
        let count = match scale {
            Scale::Full => (SAMPLE / time).ceil().clamp(1.0, 1e5) as usize,
            Scale::Tiny => 1,
        };
        Ok(Repeated {
            run,
            count,
            warm_up: scale == Scale::Full && time < LONG,
        })
    }

    /// Seconds that a run takes.
    pub fn sample(&mut self) -> pleach::Result<f64> {
        if self.warm_up {
            (self.run)()?;
        }
        let start = Instant::now();
        for _ in 0..self.count {
            (self.run)()?;
        }
        Ok(start.elapsed().as_secs_f64() / self.count as f64)
    }
}

/// Takes samples of all sides in turn, so that a noisy moment hits them alike.
pub fn in_turn(
    sides: &mut [Sampler],
    (fewest, most): Rounds,
) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
    let time = TIME * sides.len() as u32;
    let mut samples = vec![Vec::new(); sides.len()];
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < fewest || (rounds < most && start.elapsed() < time) {
        for (side, samples) in sides.iter_mut().zip(&mut samples) {
            samples.push(side()?);
        }
        rounds += 1;
    }
    Ok(samples)
}

/// What is kept of samples.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Stats {
    /// The median.
    pub median: f64,
    /// The 10th percentile: near to what an idle machine would show.
    pub p10: f64,
    /// How many samples there were.
    pub samples: usize,
}

impl Stats {
    /// Of at least one sample.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let n = samples.len();
        Stats {
            median: (samples[(n - 1) / 2] + samples[n / 2]) / 2.0,
            p10: samples[n / 10],
            samples: n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_those_of_the_sorted_samples() {
        let of = |samples: &[f64]| {
            let stats = Stats::of(samples.to_vec());
            (stats.median, stats.p10, stats.samples)
        };
        assert_eq!(of(&[3.0]), (3.0, 3.0, 1));
        assert_eq!(of(&[4.0, 1.0]), (2.5, 1.0, 2));
        assert_eq!(of(&[5.0, 1.0, 9.0]), (5.0, 1.0, 3));
        let many: Vec<f64> = (0..21).rev().map(f64::from).collect();
        assert_eq!(of(&many), (10.0, 2.0, 21));
    }

    #[test]
    fn sides_take_turns_and_an_error_ends_the_measurement() {
        let order = std::cell::RefCell::new(Vec::new());
        let side = |name: usize| -> Sampler {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(name);
                std::thread::sleep(Duration::from_millis(100));
                Ok(name as f64)
            })
        };
        let samples = in_turn(&mut [side(0), side(1)], rounds(Scale::Full)).unwrap();
        assert_eq!(samples, [[0.0; 5], [1.0; 5]]);
        assert_eq!(*order.borrow(), [0, 1].repeat(5));
        let mut failing: [Sampler; 1] = [Box::new(|| Err("no".into()))];
        assert!(in_turn(&mut failing, ONE_ROUND).is_err());
    }

    #[test]
    fn a_short_run_is_repeated_within_a_sample_and_its_time_is_that_of_one() {
        let run = |millis| -> Run {
            Box::new(move || {
                std::thread::sleep(Duration::from_millis(millis));
                Ok(())
            })
        };
        let mut short = Repeated::new(run(1), Scale::Full).unwrap();
        assert!((2..=10).contains(&short.count), "{}", short.count);
        let seconds = short.sample().unwrap();
        assert!((0.001..1.0).contains(&seconds), "{seconds}");
        let long = Repeated::new(run(60), Scale::Full).unwrap();
        assert_eq!((long.count, long.warm_up), (1, false));
        let fails: Run = Box::new(|| Err(pleach::Error::value("no")));
        assert!(Repeated::new(fails, Scale::Full).is_err());
    }
}
