//! Sliding windows of images as columns, and columns summed to images.

use pleach_kernels::{Buffer, ColumnsShape, Number, col2im, im2col};

use crate::autograd::{Attributes, GradsOf, Operation, Own, Rules, Saved, apply};
use crate::extent::{Window, checked_numel};
use crate::memory::check_room;
use crate::{DType, Element, Error, Result, Tensor};

/// Windows as columns; or columns summed to images, which is the gradient.
#[derive(Clone)]
struct Columns {
    shape: ColumnsShape,
    /// Whether columns become images.
    fold: bool,
    /// The sizes of the result.
    result: Vec<usize>,
    /// Those of the input.
    input: Vec<usize>,
}

impl Operation for Columns {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        if self.fold { "col2im" } else { "im2col" }
    }
    fn grad_name(&self) -> &'static str {
        match self.fold {
            true => "Col2ImBackward0",
            false => "Im2ColBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        let shape = &self.shape;
        let mut all = vec![
            ("kernel_size", shape.kernel[..].into()),
            ("dilation", shape.dilation[..].into()),
            ("padding", shape.padding[..].into()),
            ("stride", shape.stride[..].into()),
        ];
        if self.fold {
            all.insert(0, ("output_size", shape.image[..].into()));
        }
        all
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        if !self.fold {
            return dispatch_all!(x.dtype(), T => {
                let mut out = Buffer::<T>::try_new(checked_numel(&self.result)?)?;
                im2col(&self.shape, x.as_slice()?, &mut out);
                Ok(Tensor::from_buffer(out, &self.result[..]))
            });
        }
        if let half @ (DType::F16 | DType::BF16) = x.dtype() {
            return self.sums::<f32>(&x.float()?)?.to_dtype(half);
        }
        dispatch_float!("col2im_out_cpu", x.dtype(), T => self.sums::<T>(x))
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let back = Columns {
            fold: !self.fold,
            result: self.input.clone(),
            input: self.result.clone(),
            ..self.clone()
        };
        Ok([Some(apply(back, grad)?)])
    }
}

impl Columns {
    fn sums<T: Element + Number>(&self, columns: &Tensor) -> Result<Tensor> {
        let mut out = Buffer::<T>::try_new(checked_numel(&self.result)?)?;
        col2im(&self.shape, columns.as_slice()?, &mut out);
        Ok(Tensor::from_buffer(out, &self.result[..]))
    }
}

/// `(2, 3)`.
fn pair(sizes: [usize; 2]) -> String {
    format!("({}, {})", sizes[0], sizes[1])
}

/// Refuses sizes of 0.
fn check_positive(sizes: [(&str, &str, [usize; 2]); 3]) -> Result<()> {
    for (what, name, pair) in sizes {
        if pair.contains(&0) {
            return Err(Error::value(format!(
                "{what} should be greater than zero, but got {name}_height: {} {name}_width: {}",
                pair[0], pair[1]
            )));
        }
    }
    Ok(())
}

/// The windows along both dimensions.
fn windows(
    kernel: [usize; 2],
    dilation: [usize; 2],
    padding: [usize; 2],
    stride: [usize; 2],
) -> [Window; 2] {
    [0, 1].map(|d| Window {
        kernel: kernel[d],
        stride: stride[d],
        padding: padding[d],
        dilation: dilation[d],
    })
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
        check_positive([
            ("kernel", "kernel", kernel),
            ("dilation", "dilation", dilation),
            ("stride", "stride", stride),
        ])?;
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
        let (channels, image) = (plane[0], [plane[1], plane[2]]);
        let windows = windows(kernel, dilation, padding, stride);
        let (Some(rows), Some(cols)) = (windows[0].count(image[0])?, windows[1].count(image[1])?)
        else {
            return Err(Error::shape(format!(
                "Given input with spatial size {}, kernel_size={}, dilation={}, padding={}, stride={}, calculated shape of the array of sliding blocks has a non-positive value.",
                pair(image),
                pair(kernel),
                pair(dilation),
                pair(padding),
                pair(stride)
            )));
        };
        check_room(
            &[images, channels, kernel[0], kernel[1], rows, cols],
            self.dtype(),
        )?;
        let input = self.shape().to_vec();
        let mut result = input[..self.rank() - 3].to_vec();
        result.extend([channels * kernel[0] * kernel[1], rows * cols]);
        let shape = ColumnsShape {
            planes: images * channels,
            image,
            kernel,
            dilation,
            padding,
            stride,
            windows: [rows, cols],
        };
        let fold = false;
        apply(
            Columns {
                shape,
                fold,
                result,
                input,
            },
            self,
        )
    }

    /// Images of `output_size` from columns, where windows overlap their sum: what `F.fold` computes,
    /// and the gradient of [`Tensor::im2col`]. All arguments are pairs (height, width).
    ///
    /// Shapes: input `[N, C * kh * kw, L]` or `[C * kh * kw, L]` with L windows in row-major order,
    /// result `[N, C, H, W]` or `[C, H, W]`.
    ///
    /// # Errors
    /// If the input has other than 2 or 3 dimensions, a size is 0, the number of rows or columns is not
    /// that of the windows, the dtype is no float, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let columns = Tensor::ones([1, 4, 4]);
    /// let image = columns.col2im([3, 3], [2, 2], [1, 1], [0, 0], [1, 1])?;
    /// assert_eq!(image.shape(), [1, 1, 3, 3]);
    /// assert_eq!(image.to_vec::<f32>()?, [1., 2., 1., 2., 4., 2., 1., 2., 1.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn col2im(
        &self,
        output_size: [usize; 2],
        kernel: [usize; 2],
        dilation: [usize; 2],
        padding: [usize; 2],
        stride: [usize; 2],
    ) -> Result<Tensor> {
        check_positive([
            ("kernel size", "kernel", kernel),
            ("stride", "stride", stride),
            ("dilation", "dilation", dilation),
        ])?;
        let empty = self.shape().iter().rev().take(2).any(|s| *s == 0);
        if !matches!(self.rank(), 2 | 3) || empty {
            return Err(Error::shape(format!(
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {:?}",
                self.shape()
            )));
        }
        let (lead, plane) = self.shape().split_at(self.rank() - 2);
        let [rows, columns] = [plane[0], plane[1]];
        let taps = checked_numel(&kernel)?;
        if rows % taps != 0 {
            return Err(Error::shape(format!(
                "Expected size of input's dimension {} to be divisible by the product of kernel_size, but got input.size({0})={rows} and kernel_size={}.",
                lead.len(),
                pair(kernel)
            )));
        }
        let windows = windows(kernel, dilation, padding, stride);
        let mut counts = [0; 2];
        for d in 0..2 {
            counts[d] = windows[d].count(output_size[d])?.unwrap_or(0);
        }
        if checked_numel(&counts)? != columns {
            return Err(Error::shape(format!(
                "Given output_size={}, kernel_size={}, dilation={}, padding={}, stride={}, expected size of input's dimension {} to match the calculated number of sliding blocks {} * {} = {}, but got input.size({5})={columns}.",
                pair(output_size),
                pair(kernel),
                pair(dilation),
                pair(padding),
                pair(stride),
                lead.len() + 1,
                counts[0],
                counts[1],
                counts[0] * counts[1],
            )));
        }
        let images = lead.first().copied().unwrap_or(1);
        let channels = rows / taps;
        check_room(
            &[images, channels, output_size[0], output_size[1]],
            self.dtype(),
        )?;
        let input = self.shape().to_vec();
        let mut result = lead.to_vec();
        result.extend([channels, output_size[0], output_size[1]]);
        let shape = ColumnsShape {
            planes: images * channels,
            image: output_size,
            kernel,
            dilation,
            padding,
            stride,
            windows: counts,
        };
        let fold = true;
        apply(
            Columns {
                shape,
                fold,
                result,
                input,
            },
            self,
        )
    }
}
