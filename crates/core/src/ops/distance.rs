//! Distances of rows: each of one matrix to each of another, and each pair of one matrix.

use pleach_kernels::{Buffer, distances, distances_backward, pair_distances};

use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::memory::check_room;
use crate::shape::{Shape, broadcast_shapes};
use crate::{DType, Error, Result, Tensor};

/// Whether [`Tensor::cdist`] computes Euclidean distances by a product of matrices, which is faster
/// and less exact where rows lie close together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CdistMode {
    /// With more than 25 rows on a side.
    IfNecessary,
    /// Always.
    Product,
    /// Never.
    Direct,
}

words! {
    CdistMode {
        IfNecessary = "use_mm_for_euclid_dist_if_necessary",
        Product = "use_mm_for_euclid_dist",
        Direct = "donot_use_mm_for_euclid_dist",
    },
    |text| format!("{text} is not a valid value for compute_mode")
}

/// Sizes of batches of rows: the batches, the rows of either side, the length of a row.
fn sizes(x: &Tensor, y: &Tensor) -> [usize; 4] {
    let (s, rank) = (x.shape(), x.rank());
    let batches = s[..rank - 2].iter().product();
    [batches, s[rank - 2], y.shape()[rank - 2], s[rank - 1]]
}

/// The distances of the rows of two batches of matrices whose batches have one shape.
#[derive(Clone, Debug)]
pub struct Distances {
    /// The norm's order.
    p: f64,
}

impl Operation for Distances {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        "cdist"
    }
    fn grad_name(&self) -> &'static str {
        "CdistBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("p", self.p.into())]
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let sizes = sizes(x, y);
        let mut shape = x.shape_vec();
        shape[x.rank() - 1] = sizes[2];
        check_room(&shape, x.dtype())?;
        dispatch_float!("cdist", x.dtype(), T => {
            let mut out = Buffer::<T>::try_new(sizes[..3].iter().product())?;
            distances(x.as_slice()?, y.as_slice()?, sizes, self.p, &mut out);
            Ok(Tensor::from_buffer(out, shape))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1).output(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        if saved.recording() {
            let mut grads = saved.by_parts(grad, |inputs| {
                let [Some(x), Some(y)] = inputs else {
                    return Err(Error::autograd("cdist keeps both inputs"));
                };
                let steps = x.unsqueeze(-2)?.sub(&y.unsqueeze(-3)?)?;
                steps.norm_dim(self.p, -1, false)
            })?;
            return Ok([grads[0].take(), grads[1].take()]);
        }
        let (x, y, distance) = (saved.input(0)?, saved.input(1)?, saved.output(0)?);
        let towards = |grad: &Tensor, x: &Tensor, y: &Tensor, distance: &Tensor| {
            apply(DistancesBackward { p: self.p }, (grad, x, y, distance))
        };
        let turned = |t: &Tensor| t.transpose(-2, -1);
        Ok([
            saved.grad(0, || towards(grad, &x, &y, &distance))?,
            saved.grad(1, || towards(&turned(grad)?, &y, &x, &turned(&distance)?))?,
        ])
    }
}

/// The gradient of the first rows.
#[derive(Clone, Debug)]
pub struct DistancesBackward {
    /// The norm's order.
    p: f64,
}

impl Operation for DistancesBackward {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, &'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        "cdist_backward"
    }
    fn attributes(&self) -> Attributes {
        vec![("p", self.p.into())]
    }
    fn forward(&self, (grad, x, y, distance): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let sizes = sizes(x, y);
        dispatch_float!("cdist_backward", x.dtype(), T => {
            let mut out = Buffer::<T>::try_new(x.numel())?;
            let (g, d) = (grad.as_slice::<T>()?, distance.as_slice::<T>()?);
            distances_backward((g, d), x.as_slice()?, y.as_slice()?, sizes, self.p, &mut out);
            Ok(Tensor::from_buffer(out, x.shape()))
        })
    }
}

/// The distances of every pair of rows of one matrix, in order.
#[derive(Clone, Debug)]
pub struct PairDistances {
    /// The norm's order.
    p: f64,
}

impl PairDistances {
    /// Values of pairs as a symmetric matrix, with zeros on its diagonal.
    fn square(pairs: &Tensor, rows: usize) -> Result<Tensor> {
        let at = Tensor::triu_indices(rows, rows, 1)?;
        let mut square = Tensor::try_zeros_of([rows, rows], pairs.dtype())?;
        square.index_put_((&at.select(0, 0)?, &at.select(0, 1)?), pairs)?;
        square.add(&square.t()?)
    }
}

impl Operation for PairDistances {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        "pdist"
    }
    fn grad_name(&self) -> &'static str {
        "PdistBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("p", self.p.into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let [rows, columns] = [x.shape()[0], x.shape()[1]];
        let pairs = rows as u128 * (rows as u128).saturating_sub(1) / 2;
        let pairs = usize::try_from(pairs).unwrap_or(usize::MAX);
        check_room(&[pairs], x.dtype())?;
        dispatch_float!("pdist", x.dtype(), T => {
            let mut out = Buffer::<T>::try_new(pairs)?;
            pair_distances(x.as_slice()?, [rows, columns], self.p, &mut out);
            Ok(Tensor::from_buffer(out, [pairs]))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).output(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let rows = saved.shape(0)[0];
        if saved.recording() {
            let mut grads = saved.by_parts(grad, |inputs| {
                let [Some(x)] = inputs else {
                    return Err(Error::autograd("pdist keeps its input"));
                };
                let at = Tensor::triu_indices(rows, rows, 1)?;
                let of = |side: i64| x.index_select(0, &at.select(0, side)?);
                of(0)?.sub(&of(1)?)?.norm_dim(self.p, -1, false)
            })?;
            return Ok([grads[0].take()]);
        }
        let x = saved.input(0)?;
        // Each row is the first of a pair with every other.
        let [grad, distance] = [grad, &saved.output(0)?].map(|t| Self::square(t, rows));
        let backward = DistancesBackward { p: self.p };
        Ok([Some(apply(backward, (&grad?, &x, &x, &distance?))?)])
    }
}

/// Euclidean distances by a product of matrices: `|x - y|² = |x|² - 2 x·y + |y|²`.
#[derive(Clone, Debug)]
pub struct Euclidean;

impl Operation for Euclidean {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        "_euclidean_dist"
    }
    fn grad_name(&self) -> &'static str {
        "EuclideanDistBackward0"
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let squares = |t: &Tensor| t.square()?.sum_dim(-1, true);
        let (xx, yy) = (squares(x)?, squares(y)?);
        let (x_ones, y_ones) = (xx.try_ones_like()?, yy.try_ones_like()?);
        let left = Tensor::cat([&x.mul(-2.0)?, &xx, &x_ones], -1)?;
        let right = Tensor::cat([y, &y_ones, &yy], -1)?;
        let squares = left.matmul(&right.transpose(-2, -1)?)?;
        squares.clamp(0.0, None)?.sqrt()
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1).output(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (x, y, distance) = (saved.input(0)?, saved.input(1)?, saved.output(0)?);
        let ratio = grad.div(&distance)?;
        let ratio = ratio.masked_fill(&distance.eq(0.0)?, 0.0)?;
        let turned = ratio.transpose(-2, -1)?;
        let of = |t: &Tensor, ratio: &Tensor, other: &Tensor| {
            let own = t.mul(&ratio.sum_dim(-1, true)?)?;
            own.sub(&ratio.matmul(other)?)
        };
        Ok([
            saved.grad(0, || of(&x, &ratio, &y))?,
            saved.grad(1, || of(&y, &turned, &x))?,
        ])
    }
}

/// # Distances
impl Tensor {
    /// The p-norms of the differences of every row of this matrix with every row of another, in
    /// batches: `[.., m, k]` and `[.., n, k]` give `[.., m, n]`. p may be 0 (how many differ) or
    /// infinite (the largest difference). The gradient at a distance of 0 is 0.
    ///
    /// # Errors
    /// If one has fewer than two dimensions, the rows are not of one length, the batches cannot be
    /// broadcast together, the dtypes differ or are no floats, or p is negative.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[0., 0.], [3., 4.]];
    /// let d = x.cdist(&tensor![[0., 0.]], 2.0, "use_mm_for_euclid_dist_if_necessary")?;
    /// assert_eq!(d.to_vec::<f32>()?, [0., 5.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn cdist(
        &self,
        other: &Tensor,
        p: f64,
        mode: impl TryInto<CdistMode, Error: Into<Error>>,
    ) -> Result<Tensor> {
        self.distances_to(other, p, mode.try_into().map_err(Into::into)?)
    }

    fn distances_to(&self, other: &Tensor, p: f64, mode: CdistMode) -> Result<Tensor> {
        let both = [("X1", self), ("X2", other)];
        if let Some((name, t)) = both.iter().find(|(_, t)| t.rank() < 2) {
            return Err(Error::shape(format!(
                "cdist only supports at least 2D tensors, {name} got: {}D",
                t.rank()
            )));
        }
        let [a, b] = [self.size(-1)?, other.size(-1)?];
        if a != b {
            return Err(Error::shape(format!(
                "X1 and X2 must have the same number of columns. X1: {a} X2: {b}"
            )));
        }
        if let Some((name, t)) = both.iter().find(|(_, t)| !t.dtype().is_float()) {
            return Err(Error::dtype(format!(
                "cdist only supports floating-point dtypes, {name} got: {}",
                t.dtype().torch_name()
            ))
            .hint_conversion(t.dtype(), DType::F32));
        }
        if p < 0.0 || p.is_nan() {
            return Err(Error::value("cdist only supports non-negative p values"));
        }
        let many = self.size(-2)? > 25 || other.size(-2)? > 25;
        let by_product = p == 2.0
            && self.numel() > 0
            && other.numel() > 0
            && (mode == CdistMode::Product || mode == CdistMode::IfNecessary && many);
        let (x, y) = (self.dtype(), other.dtype());
        if x != y {
            let text = match by_product {
                true => format!(
                    "expected m1 and m2 to have the same dtype, but got: {} != {}",
                    x.c_name(),
                    y.c_name()
                ),
                false => format!(
                    "expected scalar type {} but found {}",
                    x.torch_name(),
                    y.torch_name()
                ),
            };
            return Err(Error::dtype(text).hint_common(x, y));
        }
        fn batch(t: &Tensor) -> &[usize] {
            &t.shape()[..t.rank() - 2]
        }
        let batches = broadcast_shapes(batch(self), batch(other))?;
        if by_product {
            return apply(Euclidean, (self, other));
        }
        let spread = |t: &Tensor| -> Result<Tensor> {
            let matrix = &t.shape()[t.rank() - 2..];
            let shape: Shape = batches.iter().chain(matrix).copied().collect();
            t.broadcast_to(&shape)
        };
        apply(Distances { p }, (&spread(self)?, &spread(other)?))
    }

    /// The p-norms of the differences of every pair of rows of a matrix, the first row's pairs first;
    /// p as in [`Tensor::cdist`].
    ///
    /// # Errors
    /// If this is no matrix of floats, or p is negative.
    ///
    /// ```
    /// let x = pleach::tensor![[0., 0.], [3., 4.], [0., 1.]];
    /// assert_eq!(x.pdist(1.0)?.to_vec::<f32>()?, [7., 1., 6.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn pdist(&self, p: f64) -> Result<Tensor> {
        if self.rank() != 2 {
            return Err(Error::shape(format!(
                "pdist only supports 2D tensors, got: {}D",
                self.rank()
            )));
        }
        if !self.dtype().is_float() {
            return Err(Error::dtype("pdist only supports floating-point dtypes")
                .hint_conversion(self.dtype(), DType::F32));
        }
        if p < 0.0 || p.is_nan() {
            return Err(Error::value("pdist only supports non-negative p values"));
        }
        apply(PairDistances { p }, self)
    }

    /// The p-norm of the difference of two tensors that are broadcast together.
    ///
    /// # Errors
    /// If they cannot be, or both are of integers.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![0., 3.].dist(&tensor![4., 0.], 2.0)?.item()?, 5.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn dist(&self, other: &Tensor, p: f64) -> Result<Tensor> {
        let step = self.sub(other)?;
        if !step.dtype().is_float() {
            return Err(Error::dtype(format!(
                "norm(): input dtype should be either floating point or complex. Got {} instead.",
                step.dtype().torch_name()
            ))
            .hint_conversion(step.dtype(), DType::F32));
        }
        step.norm_dim(p, [], false)
    }
}
