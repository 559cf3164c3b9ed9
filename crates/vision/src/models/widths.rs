//! Numbers of channels that come of arguments.

use pleach_core::{Error, Result};
use pleach_nn::layers::Linear;

use crate::room;

/// That a weight of this shape can be had.
pub(super) fn weight(shape: &[usize]) -> Result<()> {
    Ok(room::check(
        shape,
        size_of::<f32>(),
        "a weight of the model",
    )?)
}

/// The head: a layer whose outputs are the classes.
pub(super) fn head(from: usize, classes: usize) -> Result<Linear> {
    weight(&[from, classes])?;
    Linear::builder(from, classes).build()
}

/// A product that must fit.
pub(super) fn product(a: usize, b: usize) -> Result<usize> {
    a.checked_mul(b).ok_or_else(|| too_wide(&[a, b]))
}

/// `a + b * c`, which must fit.
pub(super) fn plus_product(a: usize, b: usize, c: usize) -> Result<usize> {
    let sum = b.checked_mul(c).and_then(|product| product.checked_add(a));
    sum.ok_or_else(|| too_wide(&[a, b, c]))
}

fn too_wide(arguments: &[usize]) -> Error {
    Error::value(format!(
        "a layer gets more channels than can be counted, of {arguments:?}"
    ))
}
