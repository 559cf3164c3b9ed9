//! Padding: more elements around a tensor, by a constant or from the tensor itself.

use pleach_kernels::Buffer;
use smallvec::smallvec;

use super::elementwise::write_view;
use super::gather::{pick, put};
use crate::autograd::{Backward, record};
use crate::extent::{checked_numel, padded};
use crate::memory::{check_room, collect};
use crate::shape::{Layout, Shape, contiguous_strides, numel};
use crate::{Error, Result, Tensor};

/// Where padded elements come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PadMode {
    /// A fixed value.
    Constant,
    /// The tensor mirrored at its edge, which is not repeated: `2 1 | 0 1 2 | 1 0`.
    Reflect,
    /// The edge, repeated: `0 0 | 0 1 2 | 2 2`.
    Replicate,
    /// The other end: `1 2 | 0 1 2 | 0 1`.
    Circular,
}

/// Pads before and after each dimension, the last dimension first as PyTorch gives them.
fn pairs(x: &Tensor, pad: &[i64]) -> Result<Vec<(i64, i64)>> {
    if !pad.len().is_multiple_of(2) {
        return Err(Error::shape("Padding length must be divisible by 2"));
    }
    if pad.len() > 2 * x.rank() {
        return Err(Error::shape(format!(
            "Padding length should be less than or equal to two times the input dimension but got padding length {} and input of dimension {}",
            pad.len(),
            x.rank()
        )));
    }
    let mut all = vec![(0, 0); x.rank()];
    for (pair, slot) in pad.chunks(2).zip(all.iter_mut().rev()) {
        *slot = (pair[0], pair[1]);
    }
    Ok(all)
}

/// The sizes after padding.
fn padded_shape(x: &Tensor, pads: &[(i64, i64)]) -> Result<Shape> {
    let shape = x
        .shape()
        .iter()
        .zip(pads)
        .enumerate()
        .map(|(d, (&size, &(before, after)))| {
            padded(size, before, after).ok_or_else(|| {
                Error::shape(format!(
                    "The input size {size}, plus negative padding {before} and {after}, resulted in a negative output size, which is invalid. Check dimension {d} of your input."
                ))
            })
        })
        .collect::<Result<Shape>>()?;
    checked_numel(&shape)?;
    Ok(shape)
}

impl Tensor {
    /// More elements around the tensor: `pad` is `[before last, after last, before last but one,
    /// …]`; negative numbers cut. `value` is what [`PadMode::Constant`] fills with.
    ///
    /// The other modes pad the last one, two or three dimensions of a tensor with one or two
    /// dimensions more.
    ///
    /// # Errors
    /// If there are more pads than dimensions, a pad is too large for its mode, or the dtype cannot
    /// hold the value.
    ///
    /// ```
    /// use pleach_core::{tensor, PadMode};
    /// let x = tensor![[1., 2., 3.]];
    /// assert_eq!(x.pad(&[1, 2], PadMode::Constant, 0.0)?.to_vec::<f32>()?, [0., 1., 2., 3., 0., 0.]);
    /// assert_eq!(x.pad(&[1, 2], PadMode::Reflect, 0.0)?.to_vec::<f32>()?, [2., 1., 2., 3., 2., 1.]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn pad(&self, pad: &[i64], mode: PadMode, value: f64) -> Result<Tensor> {
        match mode {
            PadMode::Constant => self.pad_constant(pad, value),
            _ => self.pad_from_within(pad, mode),
        }
    }

    fn pad_constant(&self, pad: &[i64], value: f64) -> Result<Tensor> {
        let pads = pairs(self, pad)?;
        let shape = padded_shape(self, &pads)?;
        let mut inside = self.detach();
        let mut place = Layout::contiguous(shape.clone());
        for (d, &(before, after)) in pads.iter().enumerate() {
            let cut_off = |pad: i64| pad.min(0).unsigned_abs() as usize;
            let (skip, cut) = (cut_off(before), cut_off(after));
            // A cut of more than the dimension leaves nothing of it: only padding remains.
            let size = inside.shape()[d];
            let length = size.saturating_sub(skip).saturating_sub(cut);
            inside = inside.narrow(d as i64, skip.min(size - length), length)?;
            if length > 0 {
                place.offset += before.max(0) as usize * place.strides[d];
            }
            place.shape[d] = length;
        }
        let out = dispatch_all!(self.dtype(), T => {
            let value = crate::Scalar::Float(value).to::<T>()?;
            let mut out = Buffer::try_full(numel(&shape), value)?;
            write_view(&mut out, &place, &inside)?;
            Tensor::from_buffer(out, &shape)
        });
        Ok(record(out, &[self], |_| {
            let back: Vec<i64> = pad.iter().map(|p| -p).collect();
            Backward::stateless("ConstantPadNdBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(g.pad_constant(&back, 0.0)?)])
            })
        }))
    }

    fn pad_from_within(&self, pad: &[i64], mode: PadMode) -> Result<Tensor> {
        let dims = pad.len() / 2;
        let fits = (1..=3).contains(&dims)
            && pad.len().is_multiple_of(2)
            && (self.rank() == dims + 1 || self.rank() == dims + 2);
        if !fits {
            return Err(Error::new(crate::ErrorKind::Value(
                "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
                    .to_string(),
            )));
        }
        let pads = pairs(self, pad)?;
        let first = self.rank() - dims;
        for d in (first..self.rank()).rev() {
            self.check_pad(mode, d, pads[d], pad)?;
        }
        let shape = padded_shape(self, &pads).map_err(|e| match mode {
            PadMode::Circular => {
                Error::shape("Negative padding value is resulting in an empty dimension")
            }
            _ => e,
        })?;
        let (own, strides) = (contiguous_strides(&shape), contiguous_strides(self.shape()));
        // For each dimension, where each position of the result comes from.
        check_room(&shape, self.dtype())?;
        let sources: Vec<Vec<usize>> = (0..self.rank())
            .map(|d| {
                let size = self.shape()[d] as i64;
                collect((0..shape[d]).map(|i| source(mode, i as i64 - pads[d].0, size, pads[d])))
            })
            .collect::<Result<_>>()?;
        let at = collect((0..numel(&shape)).map(|flat| {
            (0..shape.len())
                .map(|d| sources[d][flat / own[d] % shape[d]] * strides[d])
                .sum()
        }))?;
        let out = pick(self, &at, &shape)?;
        let from = self.shape_vec();
        let name = backward_name(mode, dims);
        Ok(record(out, &[self], |_| {
            Backward::new(name, move |g: &Tensor| {
                let zeros = Tensor::try_zeros_of(&from, g.dtype())?;
                Ok(smallvec![Some(put(&zeros, &at, g, true)?)])
            })
        }))
    }

    fn check_pad(&self, mode: PadMode, d: usize, pair: (i64, i64), pad: &[i64]) -> Result<()> {
        let (before, after) = pair;
        let size = self.shape()[d] as i64;
        match mode {
            PadMode::Reflect if before >= size || after >= size => Err(Error::shape(format!(
                "Argument #{}: Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) at dimension {d} of input {:?}",
                // The pads' place in PyTorch's kernel: 4 for the last dimension, then 6, 8.
                4 + 2 * (self.rank() - 1 - d),
                self.shape()
            ))),
            // What is cut off leaves nothing that could go around.
            PadMode::Circular
                if before > size
                    || after > size
                    || (size + before.min(0) + after.min(0) <= 0 && size + before + after > 0) =>
            {
                Err(Error::shape(
                    "Padding value causes wrapping around more than once.",
                ))
            }
            PadMode::Replicate if padded(0, before, after).is_some_and(|n| size == 0 && n > 0) => {
                Err(Error::shape(format!(
                    "Expected a tensor with non-empty dimensions to pad by {pad:?}, but got {:?}",
                    self.shape()
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The position that position `i` (counted from the first element, so negative before it) of the
/// padded dimension comes from.
fn source(mode: PadMode, i: i64, size: i64, (before, after): (i64, i64)) -> usize {
    let at = match mode {
        PadMode::Reflect if i < 0 => -i,
        PadMode::Reflect if i >= size => (size - 1) - (i - (size - 1)),
        // Negative pads cut first; what is left goes around.
        PadMode::Circular => {
            let first = (-before).max(0);
            first + (i - first).rem_euclid((size - first + after.min(0)).max(1))
        }
        _ => i.clamp(0, (size - 1).max(0)),
    };
    at as usize
}

fn backward_name(mode: PadMode, dims: usize) -> &'static str {
    match (mode, dims) {
        (PadMode::Reflect, 1) => "ReflectionPad1DBackward0",
        (PadMode::Reflect, 2) => "ReflectionPad2DBackward0",
        (PadMode::Reflect, _) => "ReflectionPad3DBackward0",
        (PadMode::Replicate, 1) => "ReplicationPad1DBackward0",
        (PadMode::Replicate, 2) => "ReplicationPad2DBackward0",
        (PadMode::Replicate, _) => "ReplicationPad3DBackward0",
        // PyTorch writes circular padding part by part into a new tensor.
        (PadMode::Circular | PadMode::Constant, _) => "CopySlices",
    }
}
