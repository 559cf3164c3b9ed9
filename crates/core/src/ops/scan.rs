//! Running values along a dimension: sums, products, extremes, logarithms of sums.

use pleach_kernels::{Float, Number, scan_axis};

use super::elementwise::written;
use super::operand::dim_mask;
use super::place::Names;
use super::plan::Plan;
use crate::autograd::{Attributes, Call, GradOf, GradsOf, Operation, Own, Saved, Saves, apply};
use crate::shape::resolve_dim;
use crate::{DType, Error, Result, Tensor};

/// What is carried along.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Running {
    /// The sum.
    Sum,
    /// The product.
    Prod,
    /// The logarithm of the sum of the exponentials.
    LogSumExp,
}

/// Running values along a dimension.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What is carried along.
    running: Running,
    /// The dimension.
    dim: usize,
    /// Whether from its end to its start.
    reverse: bool,
}

impl Scan {
    fn names(&self) -> Names {
        match self.running {
            Running::Sum => ("cumsum", "CumsumBackward0"),
            Running::Prod => ("cumprod", "CumprodBackward0"),
            Running::LogSumExp => ("logcumsumexp", "LogcumsumexpBackward0"),
        }
    }

    /// Running sums from the other side.
    fn sums_back(&self, x: &Tensor) -> Result<Tensor> {
        let (running, reverse) = (Running::Sum, !self.reverse);
        apply(
            Scan {
                running,
                reverse,
                ..self.clone()
            },
            x,
        )
    }
}

impl Operation for Scan {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        self.names().0
    }
    fn grad_name(&self) -> &'static str {
        self.names().1
    }
    fn attributes(&self) -> Attributes {
        let mut all = vec![("dim", self.dim.into())];
        if self.reverse {
            all.push(("reverse", true.into()));
        }
        all
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let plan = Plan::new(x, &dim_mask(self.dim as i64, x.rank())?, true)?;
        let (shape, reverse) = ([plan.outer, plan.n, plan.inner], self.reverse);
        let wide = plan.x.to_dtype(plan.x.dtype().comparable())?;
        if wide.dtype() == DType::I64 {
            return written(&wide, |x: &[i64], out: &mut [i64]| match self.running {
                Running::Prod => scan_axis(x, shape, reverse, out, 1, |all: i64, v, _| {
                    let all = all.wrapping_mul(v);
                    (all, all)
                }),
                _ => scan_axis(x, shape, reverse, out, 0, |all: i64, v, _| {
                    let all = all.wrapping_add(v);
                    (all, all)
                }),
            });
        }
        // In f64, and rounded only where it is written.
        let out = dispatch_float!("cumsum", wide.dtype(), T => {
            written(&wide, |x: &[T], out: &mut [T]| match self.running {
                Running::Sum => scan_axis(x, shape, reverse, out, 0.0, |all: f64, v, _| {
                    let all = all + v.to_f64();
                    (all, all as T)
                }),
                Running::Prod => scan_axis(x, shape, reverse, out, 1.0, |all: f64, v, _| {
                    let all = all * v.to_f64();
                    (all, all as T)
                }),
                Running::LogSumExp => {
                    let start = f64::NEG_INFINITY;
                    scan_axis(x, shape, reverse, out, start, |all: f64, v, _| {
                        let all = log_add_exp(v.to_f64(), all);
                        (all, all as T)
                    })
                }
            })?
        });
        match x.dtype().is_float() {
            true => out.to_dtype(x.dtype()),
            false => Ok(out),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        match self.running {
            Running::Sum => Saves::NONE,
            _ => Saves::NONE.input(0).output(0),
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([Some(match self.running {
            Running::Sum => self.sums_back(grad)?,
            Running::Prod => product_gradient(self, saved, grad)?,
            Running::LogSumExp => {
                let (x, out) = (saved.input(0)?, saved.output(0)?);
                let lowest = grad.dtype().range().map_or(f64::MIN, |(lowest, _)| lowest);
                let reverse = !self.reverse;
                // Positive and negative gradients apart, as logarithms.
                let part = |sign: f64| {
                    let size = grad.mul(sign)?;
                    let some = size.gt(0.0)?;
                    let log = Tensor::where_cond(&some, &size, 1.0)?.log()?;
                    let log = Tensor::where_cond(&some, &log, lowest)?;
                    let scan = Scan {
                        reverse,
                        ..self.clone()
                    };
                    apply(scan, &log.sub(&out)?)?.add(&x)?.exp()
                };
                part(1.0)?.sub(&part(-1.0)?)?
            }
        })])
    }
}

/// `ln(exp(a) + exp(b))`, nan if either is.
#[inline(always)]
fn log_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = (a.smaller(b), a.larger(b));
    match low == high && !low.is_finite() {
        true => a,
        false => (low - high).exp().ln_1p() + high,
    }
}

/// The gradient of running products; the elements from the first zero on do without division.
fn product_gradient(scan: &Scan, saved: &Saved<'_>, grad: &Tensor) -> Result<Tensor> {
    let (x, out, dim) = (saved.input(0)?, saved.output(0)?, scan.dim as i64);
    let n = x.shape().get(scan.dim).copied().unwrap_or(1);
    if n <= 1 {
        return Ok(grad.clone());
    }
    let zero = x.detach().eq(0.0)?;
    let products = grad.mul(&out)?;
    if zero.any()?.item()? == 0.0 {
        return scan.sums_back(&products)?.div(&x);
    }
    if saved.recording() {
        return product_gradient_by_columns(&x, grad, dim, n);
    }
    let zeros = zero.cumsum(dim)?;
    let before = Tensor::where_cond(&zeros.eq(0)?, &products, 0.0)?;
    let before = scan.sums_back(&before)?.div(&x)?;
    // At the first zero: the products without it, up to the second.
    let one = zeros.eq(1)?;
    let first = zero.logical_and(&one)?;
    let between = one.logical_and(&first.logical_not()?)?;
    let after = x.masked_fill(&between.logical_not()?, 1.0)?.cumprod(dim)?;
    let after = Tensor::where_cond(&one, &grad.mul(&after)?, 0.0)?.sum_dim(dim, true)?;
    let at = first.max_dim(dim, true)?.1;
    let until = out.gather(dim, &at.sub(1)?.clamp(0, None)?)?;
    let until = until.masked_fill(&at.eq(0)?, 1.0)?;
    let rest = Tensor::where_cond(&first, &after.mul(&until)?, 0.0)?;
    Tensor::where_cond(&zeros.eq(0)?, &before, &rest)
}

/// The same in operations that can be differentiated where there are zeros: for each position, the
/// products without it.
fn product_gradient_by_columns(x: &Tensor, grad: &Tensor, dim: i64, n: usize) -> Result<Tensor> {
    let mut columns = Vec::new();
    let mut before = x.detach().narrow(dim, 0, 1)?.try_ones_like()?;
    for k in 0..n {
        let mut without = before.clone();
        let at = k as i64;
        if k + 1 < n {
            let after = x.narrow(dim, at + 1, n - k - 1)?.cumprod(dim)?;
            without = Tensor::cat(&[&before, &after.mul(&before)?], dim)?;
        }
        let terms = grad.narrow(dim, at, n - k)?.mul(&without)?;
        columns.push(terms.sum_dim(dim, true)?);
        before = before.mul(&x.narrow(dim, at, 1)?)?;
    }
    Tensor::cat(&columns.iter().collect::<Vec<_>>(), dim)
}

/// The largest or smallest element so far along a dimension, and its position. Each gradient goes to
/// the position that its element came from.
#[derive(Clone, Debug)]
pub struct ScanExtreme {
    /// The largest or the smallest.
    max: bool,
    /// The dimension.
    dim: usize,
}

impl Operation for ScanExtreme {
    type Inputs<'a> = &'a Tensor;
    type Outputs = (Tensor, Tensor);

    fn name(&self) -> &'static str {
        if self.max { "cummax" } else { "cummin" }
    }
    fn grad_name(&self) -> &'static str {
        match self.max {
            true => "CummaxBackward0",
            false => "CumminBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        vec![("dim", self.dim.into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<(Tensor, Tensor)> {
        let (max, dim) = (self.max, self.dim as i64);
        let plan = Plan::new(x, &dim_mask(dim, x.rank())?, true)?;
        let shape = [plan.outer, plan.n, plan.inner];
        let wide = plan.x.to_dtype(plan.x.dtype().comparable())?;
        // The last of equal ones; a nan is the most extreme.
        let at = dispatch_number!(self.name(), wide.dtype(), T => {
            written(&wide, |x: &[T], at: &mut [i64]| {
                let start = (T::default(), 0i64);
                scan_axis(x, shape, false, at, start, |(best, at): (T, i64), v: T, p| {
                    let better = if max { v >= best } else { v <= best };
                    match p == 0 || v.is_nan() || !best.is_nan() && better {
                        true => ((v, p as i64), p as i64),
                        false => ((best, at), at),
                    }
                });
            })?
        });
        Ok((x.detach().gather(dim, &at)?, at))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.output(1)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let at = saved.output(1)?;
        let back = |grad: &Tensor| {
            let zeros = Tensor::try_zeros_of(saved.shape(0), grad.dtype())?;
            zeros.scatter_add(self.dim as i64, &at, grad)
        };
        Ok([grads[0].map(back).transpose()?])
    }
}

/// # Running values along a dimension
impl Tensor {
    fn scanned(&self, running: Running, dim: i64) -> Result<Tensor> {
        let dim = resolve_dim(dim, self.rank())?;
        let reverse = false;
        apply(
            Scan {
                running,
                dim,
                reverse,
            },
            self,
        )
    }

    /// Running sums along a dimension, kept in f64; integers and bools sum as i64. PyTorch's `dtype`
    /// is a conversion before it: `x.to_dtype(dtype)?.cumsum(dim)`.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn cumsum(&self, dim: i64) -> Result<Tensor> {
        self.scanned(Running::Sum, dim)
    }

    /// Running products along a dimension, kept in f64; integers and bools multiply as i64.
    ///
    /// ```
    /// let x = pleach::tensor![[1., 2., 3.], [4., 5., 6.]];
    /// assert_eq!(x.cumprod(1)?.to_vec::<f32>()?, [1., 2., 6., 4., 20., 120.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn cumprod(&self, dim: i64) -> Result<Tensor> {
        self.scanned(Running::Prod, dim)
    }

    /// Logarithms of the running sums of the exponentials along a dimension, without overflow.
    ///
    /// # Errors
    /// If the dimension does not exist, or the dtype is not a float type.
    pub fn logcumsumexp(&self, dim: i64) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::not_implemented("logcumsumexp_out_cpu", self.dtype()));
        }
        self.scanned(Running::LogSumExp, dim)
    }

    /// The largest element so far along a dimension, and its position; of equal ones the last. A nan
    /// is larger than all. The gradient goes to that position alone.
    ///
    /// ```
    /// let (values, indices) = pleach::tensor![2., 5., 1., 5.].cummax(0)?;
    /// assert_eq!(values.to_vec::<f32>()?, [2., 5., 5., 5.]);
    /// assert_eq!(indices.to_vec::<i64>()?, [0, 1, 1, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn cummax(&self, dim: i64) -> Result<(Tensor, Tensor)> {
        let dim = resolve_dim(dim, self.rank())?;
        apply(ScanExtreme { max: true, dim }, self)
    }

    /// The smallest element so far along a dimension, and its position; of equal ones the last. A nan
    /// is smaller than all. The gradient goes to that position alone.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn cummin(&self, dim: i64) -> Result<(Tensor, Tensor)> {
        let dim = resolve_dim(dim, self.rank())?;
        apply(ScanExtreme { max: false, dim }, self)
    }
}
