//! Rows that are sums of others: a network's convolutions, each as often as it stands there.

use std::collections::{BTreeMap, HashMap};

use crate::measure::Stats;
use crate::report::Row;
use crate::scenario::Scenario;

/// The sums of a family.
pub struct Sums {
    /// How many parts each sum has.
    parts: HashMap<String, usize>,
    sums: BTreeMap<(String, usize), Sum>,
}

struct Sum {
    parts: usize,
    flops: Option<f64>,
    row: Row,
}

impl Sums {
    /// No sums yet, of these scenarios.
    pub fn of(all: &[Scenario]) -> Self {
        let mut parts = HashMap::new();
        for part in all.iter().filter_map(|scenario| scenario.part.as_ref()) {
            *parts.entry(part.sum.clone()).or_default() += 1;
        }
        Sums {
            parts,
            sums: BTreeMap::new(),
        }
    }

    /// Adds a scenario's row, if the scenario is a part of a sum. PyTorch's best form counts.
    pub fn add(&mut self, scenario: &Scenario, row: &Row) {
        let Some(part) = &scenario.part else {
            return;
        };
        let times = part.times as f64;
        let theirs = row.best().map(|(_, stats)| *stats);
        let flops = scenario.flops.map(|flops| times * flops);
        let scaled = |stats: &Stats| Stats {
            median: times * stats.median,
            p10: times * stats.p10,
            ..*stats
        };
        let key = (part.sum.clone(), row.threads);
        match self.sums.get_mut(&key) {
            None => {
                let theirs = theirs.map(|stats| ("best of each".to_owned(), scaled(&stats)));
                let row = Row {
                    name: part.sum.clone(),
                    threads: row.threads,
                    unit: row.unit,
                    ours: scaled(&row.ours),
                    torch: theirs.into_iter().collect(),
                    peak: None,
                };
                self.sums.insert(
                    key,
                    Sum {
                        parts: 1,
                        flops,
                        row,
                    },
                );
            }
            Some(sum) => {
                sum.parts += 1;
                sum.flops = sum.flops.zip(flops).map(|(a, b)| a + b);
                add(&mut sum.row.ours, &scaled(&row.ours));
                match (theirs, sum.row.torch.first_mut()) {
                    (Some(theirs), Some((_, total))) => add(total, &scaled(&theirs)),
                    _ => sum.row.torch.clear(),
                }
            }
        }
    }

    /// The sums of which every part was measured, with their floating-point operations.
    pub fn complete(self) -> Vec<(Row, Option<f64>)> {
        let Sums { parts, sums } = self;
        let complete = |sum: &Sum| parts.get(&sum.row.name) == Some(&sum.parts);
        sums.into_values()
            .filter(complete)
            .map(|sum| (sum.row, sum.flops))
            .collect()
    }
}

fn add(total: &mut Stats, part: &Stats) {
    total.median += part.median;
    total.p10 += part.p10;
    total.samples = total.samples.min(part.samples);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::Unit;
    use crate::scenario::run;

    fn scenario(times: usize) -> Scenario {
        Scenario::timed("part", "op", json!({}), || run(|| Ok(())))
            .flops(10.0)
            .part("sum", times)
    }

    fn row(threads: usize, ours: f64, theirs: &[f64]) -> Row {
        let stats = |median| Stats {
            median,
            p10: median,
            samples: 5,
        };
        Row {
            name: "part".into(),
            threads,
            unit: Unit::Seconds,
            ours: stats(ours),
            torch: theirs.iter().map(|t| ("form".into(), stats(*t))).collect(),
            peak: None,
        }
    }

    #[test]
    fn parts_count_as_often_as_they_say_and_the_better_form_of_each() {
        let all = [scenario(1), scenario(3)];
        let mut sums = Sums::of(&all);
        sums.add(&all[0], &row(1, 1.0, &[5.0, 4.0]));
        sums.add(&all[1], &row(1, 2.0, &[2.0, 8.0]));
        let complete = sums.complete();
        let [(row, flops)] = complete.as_slice() else {
            panic!("{} sums", complete.len());
        };
        assert_eq!(row.ours.median, 1.0 + 3.0 * 2.0);
        assert_eq!(row.best().unwrap().1.median, 4.0 + 3.0 * 2.0);
        assert_eq!(*flops, Some(10.0 + 3.0 * 10.0));
    }

    #[test]
    fn a_sum_that_lacks_a_part_is_left_out_and_one_that_lacks_a_form_has_none() {
        let all = [scenario(1), scenario(1)];
        let mut sums = Sums::of(&all);
        sums.add(&all[0], &row(1, 1.0, &[1.0]));
        sums.add(&all[0], &row(2, 1.0, &[1.0]));
        sums.add(&all[1], &row(2, 1.0, &[]));
        let complete = sums.complete();
        assert_eq!(complete.len(), 1);
        assert_eq!(complete[0].0.threads, 2);
        assert!(complete[0].0.best().is_none());
    }
}
