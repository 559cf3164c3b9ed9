//! Pooling over one, two or three spatial dimensions: maximum, average, adaptive maximum and average,
//! forward and backward.
//!
//! Spatial sizes are (depth, height, width), of which missing leading ones are 1. What is pooled is
//! `[planes, depth, height, width]`, where planes are images times channels.

use crate::{Plain, for_each_chunk_mut};

mod adaptive;
mod average;
mod fractional;
mod max;
mod shape;

pub use adaptive::{
    adaptive_avg_pool_backward, adaptive_avg_pool_forward, adaptive_max_pool_forward,
};
pub use average::{AvgDivisor, avg_pool_backward, avg_pool_forward};
pub use fractional::{PlacedPoolShape, placed_max_pool};
pub use max::{
    MAX_POOL_TAPS, max_pool_backward, max_pool_backward_taps, max_pool_forward,
    max_pool_forward_taps, max_pool_places,
};
pub use shape::{AdaptivePoolShape, PoolShape};

/// Planes of `len` elements that make a piece of work worth a thread.
fn planes_per_task(len: usize) -> usize {
    ((1 << 14) / len.max(1)).max(1)
}

/// Runs `f(plane number, output plane)` on the threads of the pool; `work` is the size of the
/// larger plane.
fn for_each_plane<T: Plain>(
    out: &mut [T],
    plane: usize,
    work: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let each = planes_per_task(work);
    for_each_chunk_mut(out, each * plane, |i, out| {
        for (j, out) in out.chunks_exact_mut(plane).enumerate() {
            f(i * each + j, out);
        }
    });
}

#[cfg(test)]
mod tests;
