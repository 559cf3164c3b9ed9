//! Differences of neighbours, and what is made of them: gradients of samples, and integrals by the
//! trapezoidal rule.

use super::operand::{IntoOperand, Operand, dim_mask};
use crate::shape::{Shape, resolve_dim};
use crate::{DType, Dims, Error, Result, Tensor};

/// How far the samples of [`Tensor::gradient`] lie apart: one number, a number for each dimension,
/// or a vector of coordinates for each dimension.
#[derive(Clone)]
pub enum Spacing {
    /// One distance along all dimensions.
    One(f64),
    /// A distance for each dimension.
    Each(Vec<f64>),
    /// The coordinates along each dimension.
    At(Vec<Tensor>),
}

impl From<f64> for Spacing {
    fn from(distance: f64) -> Self {
        Spacing::One(distance)
    }
}
impl From<&[f64]> for Spacing {
    fn from(distances: &[f64]) -> Self {
        Spacing::Each(distances.to_vec())
    }
}
impl<const N: usize> From<[f64; N]> for Spacing {
    fn from(distances: [f64; N]) -> Self {
        Spacing::Each(distances.to_vec())
    }
}
impl From<&[Tensor]> for Spacing {
    fn from(coordinates: &[Tensor]) -> Self {
        Spacing::At(coordinates.to_vec())
    }
}
impl<const N: usize> From<[Tensor; N]> for Spacing {
    fn from(coordinates: [Tensor; N]) -> Self {
        Spacing::At(coordinates.to_vec())
    }
}

/// The derivative along a dimension, of samples that lie `step` apart.
fn derivative(x: &Tensor, dim: i64, step: f64, edge_order: usize) -> Result<Tensor> {
    let part = |start: i64, end: Option<i64>| x.slice_dim(dim, start, end, 1);
    let center = part(2, None)?.sub(&part(0, Some(-2))?)?.div(step)?;
    let (first, last) = if edge_order == 1 {
        (
            part(1, Some(2))?.sub(&part(0, Some(1))?)?,
            part(-1, None)?.sub(&part(-2, Some(-1))?)?,
        )
    } else {
        let first = part(0, Some(1))?.mul(-1.5)?;
        let first = first.add(&part(1, Some(2))?.mul(2.0)?)?;
        let last = part(-3, Some(-2))?.mul(0.5)?;
        let last = last.sub(&part(-2, Some(-1))?.mul(2.0)?)?;
        (
            first.sub(&part(2, Some(3))?.mul(0.5)?)?,
            last.add(&part(-1, None)?.mul(1.5)?)?,
        )
    };
    Tensor::cat([first.div(step)?, center.div(2.0)?, last.div(step)?], dim)
}

/// The derivative along a dimension, of samples at coordinates: that of the parabola through three
/// neighbours.
fn derivative_at(x: &Tensor, dim: i64, at: &Tensor, edge_order: usize) -> Result<Tensor> {
    if at.rank() != 1 {
        return Err(Error::shape(format!(
            "torch.gradient expected each element of spacing to have one dimension, but got an element with {} dimensions!",
            at.rank()
        )));
    }
    let part = |start: i64, end: Option<i64>| x.slice_dim(dim, start, end, 1);
    // With steps `p` and `q` between three neighbours: the weights of each for the middle.
    let steps = at.diff(1, 0, None, None)?;
    let (p, q) = (
        steps.slice_dim(0, 0, -1, 1)?,
        steps.slice_dim(0, 1, None, 1)?,
    );
    let both = p.add(&q)?;
    let weights = [
        q.neg()?.div(&p.mul(&both)?)?,
        q.sub(&p)?.div(&p.mul(&q)?)?,
        p.div(&q.mul(&both)?)?,
    ];
    let mut line: Shape = Shape::from_elem(1, x.rank());
    line[resolve_dim(dim, x.rank())?] = p.numel();
    let weighted = |weights: [Tensor; 3], parts: [Tensor; 3]| -> Result<Tensor> {
        let [a, b, c] = weights;
        let [x, y, z] = parts;
        x.mul(&a)?.add(&y.mul(&b)?)?.add(&z.mul(&c)?)
    };
    let [a, b, c] = weights;
    let center = weighted(
        [a.reshape(&line)?, b.reshape(&line)?, c.reshape(&line)?],
        [part(0, Some(-2))?, part(1, Some(-1))?, part(2, None)?],
    )?;
    let step = |i: i64| steps.select(0, i);
    let (first, last) = if edge_order == 1 {
        let first = part(1, Some(2))?.sub(&part(0, Some(1))?)?;
        let last = part(-1, None)?.sub(&part(-2, Some(-1))?)?;
        (first.div(&step(0)?)?, last.div(&step(-1)?)?)
    } else {
        // From the edge inwards: steps `p` and `q`, and the sign of the direction.
        let weights = |p: Tensor, q: Tensor, sign: f64| -> Result<[Tensor; 3]> {
            let both = p.add(&q)?;
            let a = p.mul(2.0)?.add(&q)?.div(&p.mul(&both)?)?;
            let b = both.div(&p.mul(&q)?)?;
            let c = p.div(&q.mul(&both)?)?;
            Ok([a.mul(-sign)?, b.mul(sign)?, c.mul(-sign)?])
        };
        (
            weighted(
                weights(step(0)?, step(1)?, 1.0)?,
                [part(0, Some(1))?, part(1, Some(2))?, part(2, Some(3))?],
            )?,
            weighted(
                weights(step(-1)?, step(-2)?, -1.0)?,
                [part(-1, None)?, part(-2, Some(-1))?, part(-3, Some(-2))?],
            )?,
        )
    };
    Tensor::cat([first, center, last], dim)
}

/// Samples, and what lies between them: a number for all, or the differences of the coordinates.
enum Steps {
    One(f64),
    Each(Tensor),
}

/// What two rules check of their arguments.
fn steps_of(op: &str, y: &Tensor, x: Operand, d: usize) -> Result<Steps> {
    let refuse = |names: &str| {
        Err(Error::dtype(format!(
            "{op}: received a bool input for {names}, but bool is not supported"
        )))
    };
    let x = match x {
        Operand::Scalar(_) if y.dtype() == DType::Bool => return refuse("`y`"),
        Operand::Scalar(dx) => return Ok(Steps::One(dx.to_f64())),
        Operand::Tensor(x) => x,
    };
    if y.dtype() == DType::Bool || x.dtype() == DType::Bool {
        return refuse("`x` or `y`");
    }
    // Coordinates along the dimension alone, or with dimensions to come in front.
    let x = match x.rank() {
        1 => {
            if x.numel() != y.size(d as i64)? {
                return Err(Error::shape(format!(
                    "{op}: There must be one `x` value for each sample point"
                )));
            }
            let mut line: Shape = Shape::from_elem(1, y.rank());
            if let Some(n) = line.get_mut(d) {
                *n = x.numel();
            }
            x.view(&line)?
        }
        n if n < y.rank() => {
            let mut shape: Shape = Shape::from_elem(1, y.rank() - n);
            shape.extend_from_slice(x.shape());
            x.view(&shape)?
        }
        _ => x,
    };
    let (left, right) = neighbours(&x, d)?;
    Ok(Steps::Each(right.sub(&left)?))
}

/// All but the last and all but the first along a dimension.
fn neighbours(x: &Tensor, d: usize) -> Result<(Tensor, Tensor)> {
    let d = d as i64;
    Ok((x.slice_dim(d, 0, -1, 1)?, x.slice_dim(d, 1, None, 1)?))
}

/// # Differences and integrals of samples
impl Tensor {
    /// The differences of neighbours along a dimension, `n` times over; `prepend` and `append` are
    /// joined to the samples before. Of truth values, whether neighbours differ.
    ///
    /// # Errors
    /// If the dimension does not exist, or what is joined does not fit.
    ///
    /// ```
    /// let x = pleach::tensor![1, 4, 9, 16];
    /// assert_eq!(x.diff(1, -1, None, None)?.to_vec::<i64>()?, [3, 5, 7]);
    /// assert_eq!(x.diff(2, -1, None, None)?.to_vec::<i64>()?, [2, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn diff(
        &self,
        n: usize,
        dim: i64,
        prepend: Option<&Tensor>,
        append: Option<&Tensor>,
    ) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(Error::shape(
                "diff expects input to be at least one-dimensional",
            ));
        }
        let d = resolve_dim(dim, self.rank())?;
        for other in [prepend, append].into_iter().flatten() {
            if other.rank() != self.rank() {
                return Err(Error::shape(
                    "diff expects prepend or append to be the same dimension as input",
                ));
            }
            let sizes = self.shape().iter().zip(other.shape());
            for (i, (a, b)) in sizes.enumerate().filter(|(i, _)| *i != d) {
                if a != b {
                    return Err(Error::shape(format!(
                        "diff expects the shape of tensor to prepend or append to match that of input except along the differencing dimension; input.size({i}) = {a}, but got tensor.size({i}) = {b}"
                    )));
                }
            }
        }
        if n == 0 {
            return self.copy();
        }
        let all = [prepend, Some(self), append].into_iter().flatten();
        let mut x = match (prepend, append) {
            (None, None) => self.clone(),
            _ => Tensor::cat(all, dim)?,
        };
        let times = n.min(x.shape()[d]);
        if x.numel() == 0 {
            // Nothing to take differences of, however long the dimension says it is.
            return x.slice_dim(d as i64, times as i64, None, 1);
        }
        for _ in 0..times {
            let (left, right) = neighbours(&x, d)?;
            x = match x.dtype() {
                DType::Bool => right.ne(&left)?,
                _ => right.sub(&left)?,
            };
        }
        Ok(x)
    }

    /// The derivatives of a function along dimensions, from its samples: central differences within,
    /// and parabolas (`edge_order` 2) or lines (1) at the edges. One tensor of this shape for each
    /// dimension; no dimensions means all.
    ///
    /// # Errors
    /// If a dimension does not exist, is given twice or has fewer than `edge_order + 1` samples, the
    /// spacing is not one for each dimension, or the edge order is neither 1 nor 2.
    ///
    /// ```
    /// let squares = pleach::tensor![0., 1., 4., 9.];
    /// let slopes = &squares.gradient(1.0, [], 1)?[0];
    /// assert_eq!(slopes.to_vec::<f32>()?, [1., 2., 4., 5.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn gradient(
        &self,
        spacing: impl Into<Spacing>,
        dims: impl Dims,
        edge_order: usize,
    ) -> Result<Vec<Tensor>> {
        self.derivatives(spacing.into(), &dims.into_dims(), edge_order)
    }

    fn derivatives(&self, spacing: Spacing, dims: &[i64], order: usize) -> Result<Vec<Tensor>> {
        if self.dtype() == DType::U8 {
            return Err(Error::dtype("torch.gradient does not support uint8 input."));
        }
        let all: Vec<i64> = (0..self.rank() as i64).collect();
        let wanted = if dims.is_empty() { &all } else { dims };
        let spacing = match spacing {
            Spacing::One(step) => Spacing::Each(vec![step; wanted.len()]),
            other => other,
        };
        let given = match &spacing {
            Spacing::At(coordinates) => coordinates.len(),
            Spacing::Each(steps) => steps.len(),
            Spacing::One(_) => wanted.len(),
        };
        if given != wanted.len() {
            return Err(Error::value(match dims.len() {
                0 => format!(
                    "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = {}', since dim argument was not given, but got a list of length {given}",
                    self.rank()
                ),
                n => format!(
                    "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same length, but got a spacing argument of length {given} and a dim argument of length {n}."
                ),
            }));
        }
        if !(1..=2).contains(&order) {
            return Err(Error::value(
                "torch.gradient only supports edge_order=1 and edge_order=2.",
            ));
        }
        dim_mask(dims, self.rank())?;
        for &dim in wanted {
            if self.size(dim)? < order + 1 {
                return Err(Error::shape(
                    "torch.gradient expected each dimension size to be at least edge_order+1",
                ));
            }
        }
        let along = |(i, &dim): (usize, &i64)| match &spacing {
            Spacing::At(coordinates) => derivative_at(self, dim, &coordinates[i], order),
            Spacing::Each(steps) => derivative(self, dim, steps[i], order),
            Spacing::One(step) => derivative(self, dim, *step, order),
        };
        wanted.iter().enumerate().map(along).collect()
    }

    /// The integral of samples along a dimension by the trapezoidal rule: `x` is the distance of
    /// neighbours, or a tensor of coordinates.
    ///
    /// # Errors
    /// If the dimension does not exist, the coordinates do not fit, or one of them holds truth values.
    ///
    /// ```
    /// use pleach::tensor;
    /// let y = tensor![1., 2., 3.];
    /// assert_eq!(y.trapezoid(1.0, -1)?.item()?, 4.0);
    /// assert_eq!(y.trapezoid(&tensor![0., 1., 3.], -1)?.item()?, 6.5);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    #[doc(alias = "trapz")]
    pub fn trapezoid(&self, x: impl IntoOperand, dim: i64) -> Result<Tensor> {
        self.integral(x.into_operand(), dim)
    }

    fn integral(&self, x: Operand, dim: i64) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        let Some(&size) = self.shape().get(d) else {
            return Err(Error::index(format!(
                "Dimension specified as {dim} but tensor has no dimensions"
            )));
        };
        if size == 0 {
            let mut shape = self.shape_vec();
            shape.remove(d);
            return Tensor::try_zeros_of(shape, self.dtype());
        }
        let dim = d as i64;
        match steps_of("trapezoid", self, x, d)? {
            Steps::One(dx) => {
                let ends = self.select(dim, 0)?.add(&self.select(dim, -1)?)?;
                self.sum_dim(dim, false)?.sub(&ends.mul(0.5)?)?.mul(dx)
            }
            Steps::Each(dx) => {
                let (left, right) = neighbours(self, d)?;
                let areas = left.add(&right)?.mul(&dx)?;
                areas.sum_dim(dim, false)?.div(2.0)
            }
        }
    }

    /// The integrals of samples up to each but the first along a dimension, by the trapezoidal rule;
    /// `x` as in [`Tensor::trapezoid`].
    ///
    /// # Errors
    /// As [`Tensor::trapezoid`].
    ///
    /// ```
    /// let y = pleach::tensor![1., 2., 3.];
    /// assert_eq!(y.cumulative_trapezoid(1.0, -1)?.to_vec::<f32>()?, [1.5, 4.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn cumulative_trapezoid(&self, x: impl IntoOperand, dim: i64) -> Result<Tensor> {
        self.integrals(x.into_operand(), dim)
    }

    fn integrals(&self, x: Operand, dim: i64) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        let steps = steps_of("cumulative_trapezoid", self, x, d)?;
        let (left, right) = neighbours(self, d)?;
        let sums = left.add(&right)?;
        match steps {
            Steps::One(dx) => sums.mul(dx / 2.0)?.cumsum(d as i64),
            Steps::Each(dx) => sums.mul(&dx)?.cumsum(d as i64)?.div(2.0),
        }
    }
}
