//! Histograms: how many elements lie in each bin.

use pleach_kernels::{Binning, Buffer, Float, count_bins};

use crate::print::general;
use crate::{DType, Element, Error, Result, Tensor};

/// # Histograms
impl Tensor {
    /// How many elements lie in each of `bins` even bins from `min` to `max`, the last of which
    /// includes its end; as numbers of this dtype. If `min` and `max` are equal, they are the smallest and the
    /// largest element. PyTorch's defaults are `bins = 100`, `min = max = 0`.
    ///
    /// ```
    /// let x = pleach::tensor![1., 2., 1., 4., 9.];
    /// assert_eq!(x.histc(2, 0.0, 4.0)?.to_vec::<f32>()?, [2., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype is not a float type, there are no bins, or the range is not finite or falls.
    pub fn histc(&self, bins: usize, min: f64, max: f64) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::not_implemented(
                match self.dtype() {
                    DType::Bool => "linspace_cpu",
                    _ => "histogram_cpu",
                },
                self.dtype(),
            ));
        }
        let (mut low, mut high) = (min, max);
        if low == high && self.numel() > 0 {
            (low, high) = self.limits()?;
        }
        if low == high {
            (low, high) = (low - 1.0, high + 1.0);
        }
        if !(low.is_finite() && high.is_finite()) {
            let range = format!("[{}, {}]", general(low, 6), general(high, 6));
            return Err(Error::value(format!(
                "torch.histc: range of {range} is not finite"
            )));
        }
        if low > high {
            return Err(Error::value("torch.histc: max must be larger than min"));
        }
        let wide = self.to_dtype(self.dtype().comparable())?;
        let edges = even_edges(bins, low, high, wide.dtype())?;
        counted(&wide, None, &edges, Binning::Even)?.to_dtype(self.dtype())
    }

    /// How many elements lie in each of `bins` even bins over a range (without one, from the smallest to
    /// the largest element), and the edges of the bins; the last one includes its end. With weights,
    /// their sums; as a density, the integral over the bins is 1.
    ///
    /// ```
    /// let x = pleach::tensor![1., 2., 1., 4.];
    /// let (counts, edges) = x.histogram(3, None, None, false)?;
    /// assert_eq!(counts.to_vec::<f32>()?, [2., 1., 1.]);
    /// assert_eq!(edges.to_vec::<f32>()?, [1., 2., 3., 4.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype is neither f32 nor f64, there are no bins, the range is not finite or falls, or the
    /// weights have another shape or dtype.
    pub fn histogram(
        &self,
        bins: usize,
        range: Option<(f64, f64)>,
        weight: Option<&Tensor>,
        density: bool,
    ) -> Result<(Tensor, Tensor)> {
        self.check_histogram(weight)?;
        let (mut low, mut high) = match range {
            Some(range) => range,
            None if self.numel() == 0 => (0.0, 1.0),
            None => self.limits()?,
        };
        if !(low.is_finite() && high.is_finite()) {
            let range = format!("[{}, {}]", general(low, 6), general(high, 6));
            return Err(Error::value(format!(
                "torch.histogramdd: dimension 0's range {range} is not finite"
            )));
        }
        if low > high {
            return Err(Error::value(format!(
                "torch.histogramdd: min should not exceed max, but got min {} max {} for dimension 0",
                general(low, 6),
                general(high, 6)
            )));
        }
        if low == high {
            (low, high) = (low - 0.5, high + 0.5);
        }
        let edges = even_edges(bins, low, high, self.dtype())?;
        let counts = counted(self, weight, &edges, Binning::Corrected)?;
        finished(counts, edges, density)
    }

    /// [`Tensor::histogram`] of bins between these rising edges.
    ///
    /// # Errors
    /// If the dtype is neither f32 nor f64, the edges are no vector of two or more numbers of this dtype, or the
    /// weights have another shape or dtype.
    pub fn histogram_edges(
        &self,
        edges: &Tensor,
        weight: Option<&Tensor>,
        density: bool,
    ) -> Result<(Tensor, Tensor)> {
        self.check_histogram(weight)?;
        if edges.dtype() != self.dtype() {
            return Err(Error::dtype(format!(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {} and bins for dimension 0 with dtype {}",
                self.dtype().c_name(),
                edges.dtype().c_name()
            ))
            .hint_conversion(edges.dtype(), self.dtype()));
        }
        if edges.rank() != 1 {
            return Err(Error::shape(format!(
                "torch.histogramdd: bins tensor should have one dimension, but got {} dimensions in the bins tensor for dimension 0",
                edges.rank()
            )));
        }
        if edges.numel() == 0 {
            return Err(Error::shape(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension 0",
            ));
        }
        check_bins(edges.numel() - 1)?;
        let edges = edges.detach().copy()?;
        let counts = counted(self, weight, &edges, Binning::Search)?;
        finished(counts, edges, density)
    }

    /// The smallest and the largest element.
    fn limits(&self) -> Result<(f64, f64)> {
        let (low, high) = self.detach().aminmax()?;
        Ok((low.item()?, high.item()?))
    }

    fn check_histogram(&self, weight: Option<&Tensor>) -> Result<()> {
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(Error::not_implemented("histogramdd", self.dtype()));
        }
        let Some(weight) = weight else { return Ok(()) };
        if weight.dtype() != self.dtype() {
            return Err(Error::dtype(format!(
                "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input({}), and weight({})",
                self.dtype().c_name(),
                weight.dtype().c_name()
            ))
            .hint_conversion(weight.dtype(), self.dtype()));
        }
        if weight.shape() != self.shape() {
            return Err(Error::shape(format!(
                "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, but got input with shape [{}, 1] and weight with shape [{}]",
                self.numel(),
                weight.numel()
            )));
        }
        Ok(())
    }
}

fn check_bins(bins: usize) -> Result<()> {
    match bins {
        0 => Err(Error::value(
            "torch.histogram(): bins must be > 0, but got 0 for dimension 0",
        )),
        _ => Ok(()),
    }
}

/// The edges of even bins, from either end as PyTorch's `linspace` computes them.
fn even_edges(bins: usize, low: f64, high: f64, dtype: DType) -> Result<Tensor> {
    check_bins(bins)?;
    let count = bins.saturating_add(1);
    dispatch_float!("histogramdd", dtype, T => {
        let (low, high) = (low as T, high as T);
        let step = (high - low) / bins as T;
        let mut edges = Buffer::<T>::try_new(count)?;
        for (i, edge) in edges.iter_mut().enumerate() {
            *edge = match i < count / 2 {
                true => step.mul_add(i as T, low),
                false => step.mul_add(-((bins - i) as T), high),
            };
        }
        Ok(Tensor::from_buffer(edges, [count]))
    })
}

fn counted(
    x: &Tensor,
    weight: Option<&Tensor>,
    edges: &Tensor,
    binning: Binning,
) -> Result<Tensor> {
    let (x, edges) = (x.detach().contiguous()?, edges.contiguous()?);
    let weight = weight.map(|w| w.detach().contiguous()).transpose()?;
    dispatch_float!("histogramdd", x.dtype(), T => {
        counts_of::<T>(&x, weight.as_ref(), &edges, binning)
    })
}

fn counts_of<T: Element + Float>(
    x: &Tensor,
    weight: Option<&Tensor>,
    edges: &Tensor,
    binning: Binning,
) -> Result<Tensor> {
    let bins = edges.numel() - 1;
    let mut counts = Buffer::<f64>::try_zeroed(bins)?;
    let weight = weight.map(|w| w.as_slice::<T>()).transpose()?;
    count_bins(
        x.as_slice::<T>()?,
        weight,
        edges.as_slice::<T>()?,
        binning,
        &mut counts,
    );
    Tensor::from_buffer(counts, [bins]).to_dtype(T::DTYPE)
}

fn finished(counts: Tensor, edges: Tensor, density: bool) -> Result<(Tensor, Tensor)> {
    if !density {
        return Ok((counts, edges));
    }
    let bins = counts.numel();
    let widths = edges.narrow(0, 1, bins)?.sub(&edges.narrow(0, 0, bins)?)?;
    let density = counts.div(counts.sum()?.item()?)?.div(&widths)?;
    Ok((density, edges))
}
