//! What a row is, and how it is timed.

use std::time::{Duration, Instant};

use pleach::Result;

/// One operation to be timed.
pub struct Row {
    /// The row's name, here and in `torch_bench.py`.
    pub name: &'static str,
    /// What one run does, counted in `unit`s times seconds.
    pub amount: f64,
    /// The unit of the rate shown, the higher the better.
    pub unit: &'static str,
    /// Runs the operation once.
    pub run: Box<dyn FnMut() -> Result<()>>,
}

const SAMPLES: usize = 20;
const TIME: Duration = Duration::from_millis(200);

/// Seconds that a run takes: the 10th percentile of at least 20 runs over at least 0.2 seconds,
/// after one that is not counted. On a busy machine, where the mean tells of the neighbours, it is
/// close to what an idle one would show.
pub fn seconds(run: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < SAMPLES || start.elapsed() < TIME {
        let begun = Instant::now();
        run()?;
        samples.push(begun.elapsed().as_secs_f64());
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples[samples.len() / 10])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_repeated_for_long_enough_and_its_time_is_that_of_one() {
        let (start, mut runs) = (Instant::now(), 0);
        let seconds = seconds(&mut || {
            runs += 1;
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        });
        assert!(runs > SAMPLES);
        assert!(start.elapsed() >= TIME);
        let seconds = seconds.unwrap();
        assert!((0.002..0.2).contains(&seconds), "{seconds}");
    }

    #[test]
    fn an_error_ends_the_measurement() {
        assert!(seconds(&mut || Err(pleach::Error::value("no"))).is_err());
    }
}
