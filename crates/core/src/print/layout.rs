//! Brackets, rows and line breaks: how the texts of the elements become the text of a tensor.

use std::iter::Chain;
use std::ops::Range;

use super::{Cells, PrintOptions};

/// The column of a tensor's first bracket: the length of `tensor(`.
const INDENT: usize = 7;

/// The indices of a dimension that are shown: all, or `edge` at each end when the tensor is
/// summarised and the dimension is longer than both ends.
pub(crate) fn shown(size: usize, edge: Option<usize>) -> Chain<Range<usize>, Range<usize>> {
    match cut(size, edge) {
        Some(edge) => (0..edge).chain(size - edge..size),
        None => (0..size).chain(size..size),
    }
}

/// How many indices each end shows, if the middle is left out.
fn cut(size: usize, edge: Option<usize>) -> Option<usize> {
    edge.filter(|edge| size > edge.saturating_mul(2))
}

/// What stands for the body of a tensor: the visible elements in brackets.
pub(crate) struct Block<'a> {
    pub cells: &'a Cells,
    pub linewidth: usize,
    /// How many indices each end of a long dimension shows, in a summarised tensor.
    pub edge: Option<usize>,
}

impl Block<'_> {
    /// The body of a tensor of this shape; the cells are its visible elements in row-major order.
    pub fn text(&self, shape: &[usize]) -> String {
        let mut out = String::new();
        self.write(shape, INDENT, &mut self.cells.texts.iter(), &mut out);
        out
    }

    fn write<'c>(
        &self,
        shape: &[usize],
        indent: usize,
        cells: &mut impl Iterator<Item = &'c String>,
        out: &mut String,
    ) {
        match *shape {
            [] => self.push_cell(cells.next(), out),
            [size] => self.write_row(size, indent, cells, out),
            [size, ref rest @ ..] => {
                out.push('[');
                for at in 0..self.places(size) {
                    if at > 0 {
                        push_break(rest.len(), indent + 1, out);
                    }
                    if self.dots_at(size) == Some(at) {
                        out.push_str("...");
                    } else {
                        self.write(rest, indent + 1, cells, out);
                    }
                }
                out.push(']');
            }
        }
    }

    fn write_row<'c>(
        &self,
        size: usize,
        indent: usize,
        cells: &mut impl Iterator<Item = &'c String>,
        out: &mut String,
    ) {
        let per_line = (self.linewidth.saturating_sub(indent) / (self.cells.width + 2)).max(1);
        out.push('[');
        for at in 0..self.places(size) {
            if at > 0 && at % per_line == 0 {
                push_break(1, indent + 1, out);
            } else if at > 0 {
                out.push_str(", ");
            }
            if self.dots_at(size) == Some(at) {
                // Not padded, but a column further from the element before.
                out.push_str(if at == 0 { "..." } else { " ..." });
            } else {
                self.push_cell(cells.next(), out);
            }
        }
        out.push(']');
    }

    /// Where the dots stand in a dimension of this size, if its middle is left out.
    fn dots_at(&self, size: usize) -> Option<usize> {
        cut(size, self.edge)
    }

    /// What a dimension shows: its visible indices, and the dots as one more.
    fn places(&self, size: usize) -> usize {
        shown(size, self.edge).count() + usize::from(self.dots_at(size).is_some())
    }

    fn push_cell(&self, cell: Option<&String>, out: &mut String) {
        let text = cell.map_or("", String::as_str);
        out.extend(std::iter::repeat_n(
            ' ',
            self.cells.width.saturating_sub(text.len()),
        ));
        out.push_str(text);
    }
}

/// A comma and a new line, below blank ones where the blocks have more dimensions.
fn push_break(newlines: usize, indent: usize, out: &mut String) {
    out.push(',');
    out.extend(std::iter::repeat_n('\n', newlines));
    out.extend(std::iter::repeat_n(' ', indent));
}

/// `tensor(BODY`, the suffixes, and the closing parenthesis. A suffix that would pass the line's
/// end goes on a new line.
pub(crate) fn close(body: &str, suffixes: &[String], options: &PrintOptions) -> String {
    let mut out = format!("tensor({body}");
    let last_line = out
        .rsplit('\n')
        .next()
        .map_or(0, |line| line.chars().count());
    // PyTorch starts two columns late, so a line can break before it needs to.
    let mut column = last_line + 2;
    for suffix in suffixes {
        let length = suffix.chars().count();
        if column + length + 2 > options.linewidth {
            push_break(1, INDENT, &mut out);
            column = INDENT + length;
        } else {
            out.push_str(", ");
            column += length + 2;
        }
        out.push_str(suffix);
    }
    out.push(')');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_long_dimension_are_shown() {
        let indices = |size, edge| shown(size, edge).collect::<Vec<_>>();
        assert_eq!(indices(7, Some(3)), [0, 1, 2, 4, 5, 6]);
        assert_eq!(indices(6, Some(3)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(indices(3, None), [0, 1, 2]);
        assert_eq!(indices(3, Some(usize::MAX)), [0, 1, 2]);
        assert!(indices(3, Some(0)).is_empty());
    }

    #[test]
    fn a_suffix_breaks_when_line_and_suffix_pass_76_columns() {
        // Spec 1.6: a new line if L + len(s) > 76, where L is the last line so far.
        let options = PrintOptions::default();
        let suffix = ["requires_grad=True".to_string()];
        let fits = close(&"1".repeat(76 - 7 - 18), &suffix, &options);
        assert!(fits.ends_with("1, requires_grad=True)"));
        let breaks = close(&"1".repeat(77 - 7 - 18), &suffix, &options);
        assert!(breaks.ends_with("1,\n       requires_grad=True)"));
        let last = close(&format!("{}\n123", "1".repeat(80)), &suffix, &options);
        assert!(last.ends_with("\n123, requires_grad=True)"));
    }
}
