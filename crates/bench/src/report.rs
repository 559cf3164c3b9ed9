//! The table, as text, Markdown or lines of JSON.

use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::measure::Stats;
use crate::scenario::Family;

/// What a row's numbers are.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Unit {
    /// Of time.
    Seconds,
    /// Of memory or storage.
    Bytes,
}

impl Unit {
    fn symbol(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::Bytes => "B",
        }
    }

    /// A quantity with three digits.
    fn show(self, value: f64) -> String {
        let scales: &[(f64, &str)] = match self {
            Unit::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
            Unit::Bytes => &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")],
        };
        let fits = scales.iter().find(|(scale, _)| value >= *scale);
        let (scale, symbol) = fits.unwrap_or(&scales[scales.len() - 1]);
        let value = value / scale;
        let digits = match value {
            v if v >= 99.95 => 0,
            v if v >= 9.995 => 1,
            _ => 2,
        };
        format!("{value:.digits$} {symbol}")
    }
}

/// A line of the table.
pub struct Row {
    /// The scenario, with its family.
    pub name: String,
    /// How many threads either side had.
    pub threads: usize,
    /// What the numbers are.
    pub unit: Unit,
    /// Ours.
    pub ours: Stats,
    /// PyTorch's, of each of its forms.
    pub torch: Vec<(String, Stats)>,
    /// The part of the machine's floating-point peak that we reach.
    pub peak: Option<f64>,
}

impl Row {
    /// PyTorch's best form.
    pub fn best(&self) -> Option<&(String, Stats)> {
        let median = |(_, stats): &&(String, Stats)| stats.median;
        self.torch
            .iter()
            .min_by(|a, b| median(a).total_cmp(&median(b)))
    }

    /// How many times PyTorch's best form takes as much as we do.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.best()?.1.median / self.ours.median)
    }

    fn cells(&self) -> [String; 7] {
        let (theirs, form) = match self.best() {
            Some((form, stats)) => (self.unit.show(stats.median), form.clone()),
            None => Default::default(),
        };
        [
            self.name.clone(),
            self.threads.to_string(),
            self.unit.show(self.ours.median),
            theirs,
            form,
            self.ratio().map_or(String::new(), |r| format!("{r:.2}")),
            self.peak
                .map_or(String::new(), |share| format!("{:.0} %", 100.0 * share)),
        ]
    }

    fn json(&self) -> Value {
        let stats = |s: &Stats| json!({"median": s.median, "p10": s.p10, "samples": s.samples});
        let torch: Map<String, Value> = self
            .torch
            .iter()
            .map(|(form, s)| (form.clone(), stats(s)))
            .collect();
        let p10 = |(_, s): &(String, Stats)| s.p10;
        let best_p10 = self.torch.iter().map(p10).min_by(f64::total_cmp);
        json!({
            "scenario": self.name,
            "threads": self.threads,
            "unit": self.unit.symbol(),
            "pleach": stats(&self.ours),
            "pytorch": torch,
            "best": self.best().map(|(form, _)| form),
            "ratio": self.ratio(),
            "ratio_p10": best_p10.map(|theirs| theirs / self.ours.p10),
            "peak_share": self.peak,
        })
    }
}

/// How the table is written.
#[derive(Copy, Clone, PartialEq, Debug, Default)]
pub enum Format {
    /// Aligned columns.
    #[default]
    Text,
    /// A Markdown table for each family.
    Markdown,
    /// An object for the machine, then one for each row.
    Json,
}

const COLUMNS: [&str; 7] = [
    "scenario", "threads", "pleach", "PyTorch", "its form", "ratio", "of peak",
];

impl Format {
    /// What stands before all rows.
    pub fn head(self, machine: &Machine) -> String {
        match self {
            Format::Text => format!(
                "{}\n\n{}",
                machine.sentences().join("\n"),
                line(&COLUMNS.map(String::from))
            ),
            Format::Markdown => machine.sentences().join("  \n"),
            Format::Json => machine.json().to_string(),
        }
    }

    /// What stands before the rows of a family.
    pub fn family(self, family: &Family) -> Option<String> {
        let Format::Markdown = self else {
            return None;
        };
        Some(format!(
            "\n### {}: {}\n\n| {} |\n|---|--:|--:|--:|---|--:|--:|",
            family.id,
            family.title,
            COLUMNS.join(" | ")
        ))
    }

    /// A row.
    pub fn row(self, row: &Row) -> String {
        match self {
            Format::Text => line(&row.cells()),
            Format::Markdown => format!("| {} |", row.cells().join(" | ")),
            Format::Json => row.json().to_string(),
        }
    }
}

fn line(cells: &[String; 7]) -> String {
    let [name, threads, ours, theirs, form, ratio, peak] = cells;
    format!("{name:<46} {threads:>7} {ours:>9} {theirs:>9}  {form:<20} {ratio:>6} {peak:>7}")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(median: f64) -> Stats {
        Stats {
            median,
            p10: median / 2.0,
            samples: 5,
        }
    }

    fn row() -> Row {
        Row {
            name: "S0 something".into(),
            threads: 2,
            unit: Unit::Seconds,
            ours: stats(0.002),
            torch: vec![
                ("eager".into(), stats(0.0041)),
                ("channels_last".into(), stats(0.003)),
            ],
            peak: Some(0.876),
        }
    }

    #[test]
    fn quantities_have_three_digits_and_a_unit_that_fits() {
        let time = |value| Unit::Seconds.show(value);
        assert_eq!(time(1.0), "1.00 s");
        assert_eq!(time(0.12345), "123 ms");
        assert_eq!(time(12.34e-6), "12.3 µs");
        assert_eq!(time(5e-10), "0.50 ns");
        assert_eq!(Unit::Bytes.show(7_654_321.0), "7.65 MB");
        assert_eq!(Unit::Bytes.show(1.5e9), "1.50 GB");
    }

    #[test]
    fn the_best_form_counts() {
        let row = row();
        assert_eq!(row.best().unwrap().0, "channels_last");
        assert_eq!(row.ratio(), Some(1.5));
        assert_eq!(
            Format::Markdown.row(&row),
            "| S0 something | 2 | 2.00 ms | 3.00 ms | channels_last | 1.50 | 88 % |"
        );
        let json: Value = serde_json::from_str(&Format::Json.row(&row)).unwrap();
        assert_eq!(json["pytorch"]["eager"]["median"], 0.0041);
        assert_eq!(json["best"], "channels_last");
        assert_eq!(json["ratio_p10"], 1.5);
    }

    #[test]
    fn without_pytorch_its_columns_are_empty() {
        let row = Row {
            torch: Vec::new(),
            peak: None,
            ..row()
        };
        assert_eq!(
            Format::Markdown.row(&row),
            "| S0 something | 2 | 2.00 ms |  |  |  |  |"
        );
        assert!(Format::Text.row(&row).ends_with("2.00 ms"));
        let json: Value = serde_json::from_str(&Format::Json.row(&row)).unwrap();
        assert!(json["ratio"].is_null() && json["best"].is_null());
    }
}
