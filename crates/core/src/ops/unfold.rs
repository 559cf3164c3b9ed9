//! Sliding windows of images as columns.

use pleach_kernels::gather::NOWHERE;

use super::picks::Picks;
use super::place::{Called, Pick};
use crate::extent::{Window, checked_numel};
use crate::memory::{check_room, vec_for};
use crate::{Error, Result, Tensor};

/// Where the elements of a column come from along one dimension: for each position of the kernel,
/// each window's element, counted from the first one in the image; [`NOWHERE`] in the padding.
fn sources(window: Window, size: usize, count: usize) -> Result<Vec<usize>> {
    let mut at = vec_for(checked_numel(&[window.kernel, count])?)?;
    for tap in 0..window.kernel {
        at.extend((0..count).map(|i| {
            let place = i * window.stride + tap * window.dilation;
            match place.checked_sub(window.padding) {
                Some(place) if place < size => place,
                _ => NOWHERE,
            }
        }));
    }
    Ok(at)
}

/// The columns' elements in order, as places in the contiguous input.
fn places(shape: [usize; 4], windows: [Window; 2], counts: [usize; 2]) -> Result<Vec<usize>> {
    let [images, channels, height, width] = shape;
    let from_rows = sources(windows[0], height, counts[0])?;
    let from_cols = sources(windows[1], width, counts[1])?;
    let mut at = vec_for(checked_numel(&[
        images,
        channels,
        from_rows.len(),
        from_cols.len(),
    ])?)?;
    for plane in 0..images * channels {
        for rows in from_rows.chunks(counts[0]) {
            for cols in from_cols.chunks(counts[1]) {
                for &row in rows {
                    at.extend(cols.iter().map(|&col| match (row, col) {
                        (NOWHERE, _) | (_, NOWHERE) => NOWHERE,
                        _ => (plane * height + row) * width + col,
                    }));
                }
            }
        }
    }
    Ok(at)
}

/// # Sliding windows
impl Tensor {
    /// The windows of a batch of images as columns: what `F.unfold` computes. All arguments are
    /// pairs (height, width).
    ///
    /// Shapes: input `[N, C, H, W]` or `[C, H, W]`, result `[N, C * kh * kw, L]` or
    /// `[C * kh * kw, L]` with L windows in row-major order.
    ///
    /// # Errors
    /// If the input has other than 3 or 4 dimensions, a size is 0, no window fits, or the memory
    /// cannot be had.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let x = Tensor::arange(9).view([1, 1, 3, 3])?.float()?;
    /// let columns = x.im2col([2, 2], [1, 1], [0, 0], [1, 1])?;
    /// assert_eq!(columns.shape(), [1, 4, 4]);
    /// assert_eq!(columns.index((0, 0))?.to_vec::<f32>()?, [0., 1., 3., 4.]);
    /// # Ok::<(), pleach::Error>(())
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
        let (images, plane) = self.shape().split_at(self.rank() - 3);
        let images = images.first().copied().unwrap_or(1);
        let (channels, sizes) = (plane[0], [plane[1], plane[2]]);
        let windows = [0, 1].map(|d| Window {
            kernel: kernel[d],
            stride: stride[d],
            padding: padding[d],
            dilation: dilation[d],
        });
        let (Some(rows), Some(cols)) = (windows[0].count(sizes[0])?, windows[1].count(sizes[1])?)
        else {
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
        check_room(
            &[images, channels, kernel[0], kernel[1], rows, cols],
            self.dtype(),
        )?;
        let at = places(
            [images, channels, sizes[0], sizes[1]],
            windows,
            [rows, cols],
        )?;
        let mut shape = self.shape_vec();
        shape.truncate(self.rank() - 3);
        shape.extend([channels * kernel[0] * kernel[1], rows * cols]);
        let picks = Picks::elements(at, self.rank(), &shape);
        let options = vec![
            ("kernel_size", kernel[..].into()),
            ("dilation", dilation[..].into()),
            ("padding", padding[..].into()),
            ("stride", stride[..].into()),
        ];
        let names = ("im2col", "Im2ColBackward0");
        Pick::apply(picks, Called { names, options }, self)
    }
}
