//! Sliding windows of images as columns.

use smallvec::smallvec;

use super::gather::{pick, put};
use crate::autograd::{Backward, record};
use crate::shape::contiguous_strides;
use crate::{Error, PadMode, Result, Tensor};

/// The number of windows along a dimension, or `None` if not one fits.
fn windows(size: usize, kernel: usize, dilation: usize, stride: usize) -> Option<usize> {
    let span = dilation * (kernel - 1) + 1;
    size.checked_sub(span).map(|room| room / stride + 1)
}

impl Tensor {
    /// The windows of a batch of images as columns: what `F.unfold` computes. All arguments are
    /// pairs (height, width).
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`, result `[N, C * kh * kw, L]` or
    /// `[C * kh * kw, L]` with L windows in row-major order.
    ///
    /// # Errors
    /// If the input has other than 3 or 4 dimensions, a size is 0, or no window fits.
    ///
    /// ```
    /// use pleach_core::Tensor;
    /// let x = Tensor::arange(9).view([1, 1, 3, 3])?.float()?;
    /// let columns = x.im2col([2, 2], [1, 1], [0, 0], [1, 1])?;
    /// assert_eq!(columns.shape(), [1, 4, 4]);
    /// assert_eq!(columns.index((0, 0))?.to_vec::<f32>()?, [0., 1., 3., 4.]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn im2col(
        &self,
        kernel: [usize; 2],
        dilation: [usize; 2],
        padding: [usize; 2],
        stride: [usize; 2],
    ) -> Result<Tensor> {
        for (name, pair) in [
            ("kernel", kernel),
            ("dilation", dilation),
            ("stride", stride),
        ] {
            if pair.contains(&0) {
                return Err(Error::value(format!(
                    "{name} should be greater than zero, but got {name}_height: {} {name}_width: {}",
                    pair[0], pair[1]
                )));
            }
        }
        let batched = self.rank() == 4;
        let empty = self.shape().iter().rev().take(3).any(|s| *s == 0);
        if !(batched || self.rank() == 3) || empty {
            return Err(Error::shape(format!(
                "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {:?}",
                self.shape()
            )));
        }
        let x = self.detach();
        let x = if batched { x } else { x.unsqueeze(0)? };
        let pad = [padding[1], padding[1], padding[0], padding[0]].map(|p| p as i64);
        let x = x.pad(&pad, PadMode::Constant, 0.0)?;
        let s = x.shape().to_vec();
        let (Some(rows), Some(cols)) = (
            windows(s[2], kernel[0], dilation[0], stride[0]),
            windows(s[3], kernel[1], dilation[1], stride[1]),
        ) else {
            return Err(Error::shape(format!(
                "Given input with spatial size ({}, {}), kernel_size=({}, {}), dilation=({}, {}), padding=({}, {}), stride=({}, {}), calculated shape of the array of sliding blocks has a non-positive value.",
                self.shape()[self.rank() - 2],
                self.shape()[self.rank() - 1],
                kernel[0],
                kernel[1],
                dilation[0],
                dilation[1],
                padding[0],
                padding[1],
                stride[0],
                stride[1]
            )));
        };
        let strides = contiguous_strides(&s);
        let mut at = Vec::with_capacity(s[0] * s[1] * kernel[0] * kernel[1] * rows * cols);
        for image in 0..s[0] {
            for channel in 0..s[1] {
                let base = image * strides[0] + channel * strides[1];
                for (kh, kw) in (0..kernel[0]).flat_map(|h| (0..kernel[1]).map(move |w| (h, w))) {
                    for row in 0..rows {
                        let h = row * stride[0] + kh * dilation[0];
                        at.extend(
                            (0..cols).map(|col| {
                                base + h * strides[2] + col * stride[1] + kw * dilation[1]
                            }),
                        );
                    }
                }
            }
        }
        let shape = [s[0], s[1] * kernel[0] * kernel[1], rows * cols];
        let out = pick(&x, &at, &shape)?;
        let out = if batched { out } else { out.squeeze_dim(0)? };
        let from = self.shape_vec();
        Ok(record(out, &[self], |_| {
            Backward::new("Im2ColBackward0", move |g: &Tensor| {
                let zeros = Tensor::zeros_of(&s[..], g.dtype());
                let g = put(&zeros, &at, g, true)?;
                let g = g.pad(&pad.map(|p| -p), PadMode::Constant, 0.0)?;
                Ok(smallvec![Some(g.reshape(&from)?)])
            })
        }))
    }
}
