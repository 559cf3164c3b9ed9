//! How many numbers lie in each bin.

use crate::Float;

/// How the bin of a number is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binning {
    /// By its distance from the first edge: the edges are even.
    Even,
    /// So, and corrected by the edges beside it.
    Corrected,
    /// By the edges alone.
    Search,
}

/// Adds each number's weight (1 without weights) to its bin: bin `i` is from edge `i` to below edge
/// `i + 1`, the last one with its upper edge. A number outside, or nan, is in none.
///
/// ```
/// use pleach_kernels::{Binning, count_bins};
/// let mut counts = [0.0; 2];
/// count_bins(&[0.0, 0.5, 1.0, 2.0, 3.0], None, &[0.0, 1.0, 2.0], Binning::Search, &mut counts);
/// assert_eq!(counts, [2.0, 2.0]);
/// ```
///
/// # Panics
/// If there is not one edge more than bins, or not one weight for each number.
pub fn count_bins<T: Float>(
    x: &[T],
    weights: Option<&[T]>,
    edges: &[T],
    binning: Binning,
    counts: &mut [f64],
) {
    let bins = counts.len();
    assert!(
        bins > 0 && edges.len() == bins + 1 && weights.is_none_or(|w| w.len() == x.len()),
        "count_bins: {} edges and weights for {} numbers do not fit {bins} bins",
        edges.len(),
        x.len()
    );
    let (first, last) = (edges[0], edges[bins]);
    let (count, width) = (T::from_f64(bins as f64), last - first);
    for (i, &v) in x.iter().enumerate() {
        if !(v >= first && v <= last) {
            continue;
        }
        // The edges that are not above it, in a part of them.
        let search = |from: usize, to: usize| {
            let below = edges[from..to].partition_point(|e| *e <= v);
            (from + below).saturating_sub(1)
        };
        let even = || ((v - first) * count / width).to_f64() as usize;
        let bin = match binning {
            Binning::Even => even(),
            Binning::Corrected => {
                let at = even().min(bins);
                search(at.saturating_sub(1), (at + 2).min(bins + 1))
            }
            Binning::Search => search(0, bins + 1),
        };
        counts[bin.min(bins - 1)] += weights.map_or(1.0, |w| w[i].to_f64());
    }
}
