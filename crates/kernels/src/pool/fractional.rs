//! Maximum pooling of windows that begin where each plane says.

use super::for_each_plane;
use super::shape::check_planes;
use crate::Float;

/// Windows of one size: their places differ from plane to plane. Sizes are (depth, height, width).
#[derive(Copy, Clone, Debug)]
pub struct PlacedPoolShape {
    /// Images times channels.
    pub planes: usize,
    /// Size of an input plane.
    pub input: [usize; 3],
    /// Size of an output plane.
    pub output: [usize; 3],
    /// Size of the windows.
    pub kernel: [usize; 3],
}

/// Where the maximum of each window is, as a place in its plane: the first of equal ones, the last
/// nan. `x` is `[planes, input]`; `starts` has for each plane where its windows begin along depth, then
/// along height, then along width; `places` becomes `[planes, output]`.
///
/// ```
/// use pleach_kernels::{PlacedPoolShape, placed_max_pool};
/// let (input, output, kernel) = ([1, 1, 5], [1, 1, 2], [1, 1, 2]);
/// let shape = PlacedPoolShape { planes: 1, input, output, kernel };
/// let mut places = [0; 2];
/// placed_max_pool(&shape, &[1.0, 2.0, 5.0, 4.0, 4.0], &[0, 0, 0, 3], &mut places);
/// assert_eq!(places, [1, 3]);
/// ```
///
/// # Panics
/// If a length does not fit the shape, or a window is empty or not in its plane.
pub fn placed_max_pool<T: Float>(
    shape: &PlacedPoolShape,
    x: &[T],
    starts: &[usize],
    places: &mut [i64],
) {
    let name = "placed_max_pool";
    check_planes(name, shape.planes, shape.input, x.len());
    check_planes(name, shape.planes, shape.output, places.len());
    if places.is_empty() {
        return;
    }
    let [out_depth, out_height, out_width] = shape.output;
    let [depth, height, width] = shape.kernel;
    let each = out_depth + out_height + out_width;
    assert_eq!(starts.len(), shape.planes * each, "{name}: starts");
    assert!(
        shape.kernel.iter().all(|k| *k > 0),
        "{name}: an empty window"
    );
    let (in_plane, plane) = (x.len() / shape.planes, places.len() / shape.planes);
    let [_, in_height, in_width] = shape.input;
    for_each_plane(places, plane, in_plane, |i, places| {
        let x = &x[i * in_plane..][..in_plane];
        let (depths, rest) = starts[i * each..][..each].split_at(out_depth);
        let (rows, columns) = rest.split_at(out_height);
        let inside = |starts: &[usize], d: usize| {
            let last = shape.input[d].checked_sub(shape.kernel[d]);
            last.is_some_and(|last| starts.iter().all(|s| *s <= last))
        };
        assert!(
            inside(depths, 0) && inside(rows, 1) && inside(columns, 2),
            "{name}: a window outside"
        );
        let mut places = places.iter_mut();
        for z in depths {
            for y in rows {
                for (c, place) in columns.iter().zip(&mut places) {
                    let first = (z * in_height + y) * in_width + c;
                    let mut best = (T::LOWEST, first);
                    for z in *z..z + depth {
                        for y in *y..y + height {
                            let line = (z * in_height + y) * in_width + c;
                            for (at, v) in (line..).zip(&x[line..][..width]) {
                                if *v > best.0 || v.is_nan() {
                                    best = (*v, at);
                                }
                            }
                        }
                    }
                    *place = best.1 as i64;
                }
            }
        }
    });
}
