//! How a [`Summary`] prints: the table of `torchinfo`.

use std::fmt;

use super::Summary;
use super::column::{SummaryColumn, grouped};
use super::rows::SummaryRow;

/// The width of a column.
const WIDTH: usize = 25;
/// The least width of the first one.
const NAME_WIDTH: usize = 40;
/// What each level of depth is indented by.
const INDENT: usize = 5;

impl Summary {
    /// `Conv2d (conv1): 1-1`
    fn name(&self, row: &SummaryRow) -> String {
        let mut text = row.type_name.clone();
        if self.names {
            // The model itself has no name but its type's.
            text += &match row.path.rsplit('.').next() {
                None | Some("") => format!(" ({})", row.type_name),
                Some(name) => format!(" ({name})"),
            };
        }
        if row.depth > 0 {
            text += &format!(": {}-{}", row.depth, row.index);
        }
        text
    }

    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        (name, width): (&str, usize),
        text: impl Fn(SummaryColumn) -> String,
    ) -> fmt::Result {
        let mut line = format!("{name:<width$} ");
        for &column in &self.columns {
            line += &format!("{:<WIDTH$} ", text(column));
        }
        writeln!(f, "{}", line.trim_end())
    }

    /// `Total mult-adds (G): 1.81`
    fn products(&self) -> String {
        let (unit, size) = match self.multiply_adds {
            n if n >= 1_000_000_000_000 => ("T", 1e12),
            n if n >= 1_000_000_000 => ("G", 1e9),
            _ => ("M", 1e6),
        };
        let number = self.multiply_adds as f64 / size;
        match number.fract() == 0.0 {
            true => format!("({unit}): {}", grouped(number as u64)),
            false => format!("({unit}): {number:.2}"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = self.rows.iter().map(|row| {
            let name = self.name(row).chars().count();
            name + row.depth * INDENT + 1
        });
        let longest = lengths.max().unwrap_or_default();
        let width = match longest {
            n if n >= NAME_WIDTH => n.next_multiple_of(INDENT),
            _ => NAME_WIDTH,
        };
        let rule = "=".repeat(self.columns.len() * WIDTH + width);
        let head = match self.names {
            true => "Layer (type (var_name):depth-idx)",
            false => "Layer (type:depth-idx)",
        };
        writeln!(f, "{rule}")?;
        self.line(f, (head, width), |column| column.title().to_string())?;
        writeln!(f, "{rule}")?;
        for row in self.rows.iter().filter(|row| row.depth <= self.depth) {
            let whole = row.is_leaf || row.depth == self.depth;
            let indent = match row.depth {
                0 => String::new(),
                1 => "├─".to_string(),
                depth => "│    ".repeat(depth - 1) + "└─",
            };
            let name = indent + &self.name(row);
            self.line(f, (&name, width), |column| {
                column.text(row, whole, self.parameters)
            })?;
        }
        let megabytes = |bytes: usize| format!("{:.2}", bytes as f64 / 1e6);
        let (input, layers) = (self.input_bytes, self.forward_backward_bytes);
        writeln!(f, "{rule}")?;
        writeln!(f, "Total params: {}", grouped(self.parameters as u64))?;
        writeln!(f, "Trainable params: {}", grouped(self.trainable as u64))?;
        writeln!(
            f,
            "Non-trainable params: {}",
            grouped(self.non_trainable() as u64)
        )?;
        writeln!(f, "Total mult-adds {}\n{rule}", self.products())?;
        writeln!(f, "Input size (MB): {}", megabytes(input))?;
        writeln!(f, "Forward/backward pass size (MB): {}", megabytes(layers))?;
        writeln!(f, "Params size (MB): {}", megabytes(self.parameter_bytes))?;
        let total = input
            .saturating_add(layers)
            .saturating_add(self.parameter_bytes);
        write!(f, "Estimated Total Size (MB): {}\n{rule}", megabytes(total))
    }
}
