//! How a product is cut: spans of its terms, rows and columns.

use super::tile::Kernel;
use crate::lanes::MAX_LANES;

/// The most terms that are added without a break.
pub(super) const K_BLOCK: usize = 400;

/// A range of rows or columns.
#[derive(Copy, Clone)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
}

impl Span {
    /// The end of the range.
    pub(super) fn end(self) -> usize {
        self.start + self.len
    }
}

/// Pieces of a span.
pub(super) fn pieces(span: Span, step: usize) -> impl Iterator<Item = Span> {
    (0..span.len).step_by(step).map(move |at| Span {
        start: span.start + at,
        len: step.min(span.len - at),
    })
}

/// Piece number `i` of a span.
pub(super) fn piece(span: Span, step: usize, i: usize) -> Span {
    Span {
        start: span.start + i * step,
        len: step.min(span.len - i * step),
    }
}

/// The length of the blocks that `k` terms are cut into: whole vectors, whatever their width.
pub(super) fn k_step_of(k: usize) -> usize {
    k.div_ceil(k.div_ceil(K_BLOCK).max(1))
        .next_multiple_of(MAX_LANES)
        .max(MAX_LANES)
}

/// The panels that columns are cut into, and their widths once packed.
pub(super) fn panels_of<T>(
    kernel: &Kernel<T>,
    columns: usize,
) -> impl Iterator<Item = (Span, usize)> {
    let lanes = kernel.lanes;
    (0..columns).step_by(2 * lanes).map(move |start| {
        let len = (2 * lanes).min(columns - start);
        (Span { start, len }, len.next_multiple_of(lanes))
    })
}
