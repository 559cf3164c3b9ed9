//! [`SummaryColumn`]: what a printed summary says of each row.

use super::rows::SummaryRow;

/// A column of a printed [`Summary`](super::Summary).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SummaryColumn {
    /// The shape of a call's input.
    InputSize,
    /// The shape of its output.
    OutputSize,
    /// The number of parameters: of those that no row below has, in parentheses if all are frozen.
    Parameters,
    /// Their share of all.
    ParametersPercent,
    /// The multiply-adds of the call: of those that no row below has.
    MultiplyAdds,
    /// Whether the parameters require gradients.
    Trainable,
}

/// `1,234,567`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl SummaryColumn {
    pub(super) fn title(self) -> &'static str {
        match self {
            SummaryColumn::InputSize => "Input Shape",
            SummaryColumn::OutputSize => "Output Shape",
            SummaryColumn::Parameters => "Param #",
            SummaryColumn::ParametersPercent => "Param %",
            SummaryColumn::MultiplyAdds => "Mult-Adds",
            SummaryColumn::Trainable => "Trainable",
        }
    }

    /// A row's text; `whole` rows stand for all below them.
    pub(super) fn text(self, row: &SummaryRow, whole: bool, total: usize) -> String {
        let shape = |sizes: &Option<Vec<usize>>| match sizes {
            Some(sizes) if !sizes.is_empty() => Some(format!("{sizes:?}")),
            _ => None,
        };
        let parameters = if whole {
            row.parameters
        } else {
            row.own_parameters
        };
        let text = match self {
            SummaryColumn::InputSize => shape(&row.input),
            SummaryColumn::OutputSize => shape(&row.output),
            SummaryColumn::Parameters | SummaryColumn::ParametersPercent
                if row.recursive && row.parameters > 0 =>
            {
                Some("(recursive)".into())
            }
            SummaryColumn::Parameters => (parameters > 0).then(|| {
                let text = grouped(parameters as u64);
                match whole && row.trainable == 0 {
                    true => format!("({text})"),
                    false => text,
                }
            }),
            SummaryColumn::ParametersPercent => Some(match parameters {
                0 => format!("{:>7}", "--"),
                n => format!("{:>6.2}%", 100.0 * n as f64 / total as f64),
            }),
            SummaryColumn::MultiplyAdds => {
                let products = if whole {
                    row.multiply_adds
                } else {
                    row.own_multiply_adds
                };
                (products > 0).then(|| grouped(products))
            }
            SummaryColumn::Trainable => match (row.trainable, row.parameters) {
                (_, 0) => None,
                (0, _) => Some("False".into()),
                (some, all) if some < all => Some("Partial".into()),
                _ => Some("True".into()),
            },
        };
        text.unwrap_or_else(|| "--".into())
    }
}
