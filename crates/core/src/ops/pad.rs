//! Padding: more elements around a tensor, by a constant or from the tensor itself.

use pleach_kernels::Buffer;

use super::elementwise::write_view;
use super::picks::Picks;
use super::place::{Called, Pick};
use crate::autograd::{Attributes, GradsOf, Operation, Own, Saved, apply};
use crate::extent::{checked_numel, padded};
use crate::memory::{check_room, collect, vec_for};
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

words! {
    PadMode {
        Constant = "constant",
        Reflect = "reflect",
        Replicate = "replicate",
        Circular = "circular",
    },
    |text| format!("Unrecognised padding mode {text}")
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

/// A fixed value around a tensor.
#[derive(Clone, Debug)]
pub struct ConstantPad {
    /// Before and after each dimension, from the last one; negative numbers cut.
    pad: Vec<i64>,
    /// The value.
    value: f64,
}

impl Operation for ConstantPad {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "constant_pad_nd"
    }
    fn grad_name(&self) -> &'static str {
        "ConstantPadNdBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("pad", self.pad[..].into()), ("value", self.value.into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let pads = pairs(x, &self.pad)?;
        let shape = padded_shape(x, &pads)?;
        let mut inside = x.clone();
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
        dispatch_all!(x.dtype(), T => {
            let value = crate::Scalar::Float(self.value).to::<T>()?;
            let mut out = Buffer::try_full(numel(&shape), value)?;
            write_view(&mut out, &place, &inside)?;
            Ok(Tensor::from_buffer(out, &shape))
        })
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let pad = self.pad.iter().map(|p| -p).collect();
        Ok([Some(apply(ConstantPad { pad, value: 0.0 }, grad)?)])
    }
}

/// # Padding
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
    /// use pleach::{tensor, PadMode};
    /// let x = tensor![[1., 2., 3.]];
    /// assert_eq!(x.pad(&[1, 2], PadMode::Constant, 0.0)?.to_vec::<f32>()?, [0., 1., 2., 3., 0., 0.]);
    /// assert_eq!(x.pad(&[1, 2], PadMode::Reflect, 0.0)?.to_vec::<f32>()?, [2., 1., 2., 3., 2., 1.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn pad(&self, pad: &[i64], mode: PadMode, value: f64) -> Result<Tensor> {
        match mode {
            PadMode::Constant => {
                let pad = pad.to_vec();
                apply(ConstantPad { pad, value }, self)
            }
            _ => self.pad_from_within(pad, mode),
        }
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
        let strides = contiguous_strides(self.shape());
        // For each dimension, where each position of the result comes from.
        check_room(&shape, self.dtype())?;
        let sources: Vec<Vec<usize>> = (0..self.rank())
            .map(|d| {
                let size = self.shape()[d] as i64;
                collect((0..shape[d]).map(|i| source(mode, i, size, pads[d])))
            })
            .collect::<Result<_>>()?;
        let mut at = vec![0];
        for (sources, stride) in sources.iter().zip(strides) {
            let mut next = vec_for(at.len() * sources.len())?;
            for &outer in &at {
                next.extend(sources.iter().map(|i| outer + i * stride));
            }
            at = next;
        }
        let picks = Picks::elements(at, self.rank(), &shape);
        let (mode, grad_name) = names(mode, dims);
        let options = vec![("pad", pad.into()), ("mode", mode.into())];
        let names = ("pad", grad_name);
        Pick::apply(picks, Called { names, options }, self)
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
                    || leaves_nothing(size, pair)
                        && padded(size as usize, before, after).is_some_and(|n| n > 0) =>
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

/// Whether negative pads cut all of a dimension.
fn leaves_nothing(size: i64, (before, after): (i64, i64)) -> bool {
    i128::from(size) + i128::from(before.min(0)) + i128::from(after.min(0)) <= 0
}

/// The position that position `i` of the padded dimension comes from.
fn source(mode: PadMode, i: usize, size: i64, (before, after): (i64, i64)) -> usize {
    // Counted from the first element, so negative before it; pads of either sign may be huge.
    let (size, i) = (i128::from(size), i as i128 - i128::from(before));
    let at = match mode {
        PadMode::Reflect if i < 0 => -i,
        PadMode::Reflect if i >= size => (size - 1) - (i - (size - 1)),
        // Negative pads cut first; what is left goes around.
        PadMode::Circular => {
            let first = i128::from(-before.clamp(-i64::MAX, 0));
            first + (i - first).rem_euclid((size - first + i128::from(after.min(0))).max(1))
        }
        _ => i.clamp(0, (size - 1).max(0)),
    };
    at as usize
}

/// PyTorch's names of a mode and of its backward step.
fn names(mode: PadMode, dims: usize) -> (&'static str, &'static str) {
    match (mode, dims) {
        (PadMode::Reflect, 1) => ("reflect", "ReflectionPad1DBackward0"),
        (PadMode::Reflect, 2) => ("reflect", "ReflectionPad2DBackward0"),
        (PadMode::Reflect, _) => ("reflect", "ReflectionPad3DBackward0"),
        (PadMode::Replicate, 1) => ("replicate", "ReplicationPad1DBackward0"),
        (PadMode::Replicate, 2) => ("replicate", "ReplicationPad2DBackward0"),
        (PadMode::Replicate, _) => ("replicate", "ReplicationPad3DBackward0"),
        // PyTorch writes circular padding part by part into a new tensor.
        (PadMode::Circular | PadMode::Constant, _) => ("circular", "CopySlices"),
    }
}
