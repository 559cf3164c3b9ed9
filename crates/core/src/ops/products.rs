//! Products of tensors beside those of matrices: sums with a batch or an outer product, inner, outer
//! and Kronecker products, contractions, the cross product, the trace.

use smallvec::SmallVec;

use super::matmul::{Kind, Product, returned, same_as_second, same_dtype};
use super::operand::dim_mask;
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::shape::{Shape, broadcast_shapes, resolve_dim};
use crate::{DType, Dims, Error, Result, Scalar, Tensor};

/// The cross product of vectors of three elements.
#[derive(Clone, Debug)]
pub struct Cross {
    /// The dimension of the three elements.
    dim: usize,
}

impl Operation for Cross {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        "linalg_cross"
    }
    fn grad_name(&self) -> &'static str {
        "LinalgCrossBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("dim", self.dim.into())]
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let dim = self.dim as i64;
        let product = |i, j| x.select(dim, i)?.mul(&y.select(dim, j)?);
        let part = |i: i64| {
            let (i, j) = ((i + 1) % 3, (i + 2) % 3);
            product(i, j)?.sub(&product(j, i)?)
        };
        Tensor::stack([part(0)?, part(1)?, part(2)?], dim)
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        Saves::ONCE
            .input_if(call.needs(1), 0)
            .input_if(call.needs(0), 1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let cross = |x: &Tensor, y: &Tensor| apply(self.clone(), (x, y));
        Ok([
            saved.grad(0, || cross(&saved.input(1)?, grad))?,
            saved.grad(1, || cross(grad, &saved.input(0)?))?,
        ])
    }
}

/// The dimensions of two tensors, in pairs.
type Pairs = (SmallVec<[i64; 4]>, SmallVec<[i64; 4]>);

/// Which dimensions [`Tensor::tensordot`] sums over: a number `n` (the last `n` of the first tensor
/// with the first `n` of the second), or a list for each tensor.
pub trait Contracted {
    /// The dimensions of two tensors with so many dimensions.
    #[doc(hidden)]
    fn pairs(self, ranks: [usize; 2]) -> Result<Pairs>;
}

impl Contracted for usize {
    fn pairs(self, ranks: [usize; 2]) -> Result<Pairs> {
        if self > ranks[0].min(ranks[1]) {
            return Err(Error::shape(format!(
                "tensordot expects dims < ndim_a or ndim_b, but got dims={self}"
            )));
        }
        let n = self as i64;
        Ok(((-n..0).collect(), (0..n).collect()))
    }
}
impl<A: Dims, B: Dims> Contracted for (A, B) {
    fn pairs(self, _: [usize; 2]) -> Result<Pairs> {
        Ok((self.0.into_dims(), self.1.into_dims()))
    }
}

fn check_vector(op: &str, name: &str, t: &Tensor) -> Result<()> {
    match t.rank() {
        1 => Ok(()),
        n => Err(Error::shape(format!(
            "{op}: Expected 1-D argument {name}, but got {n}-D"
        ))),
    }
}

/// # Products beside those of matrices
impl Tensor {
    /// `beta * self + alpha * Σ a[i] @ b[i]` over the batch; beta and alpha as in
    /// [`Tensor::addmm`].
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let (a, b) = (Tensor::ones([4, 2, 3]), Tensor::ones([4, 3, 2]));
    /// let sum = Tensor::ones([2, 2]).addbmm(&a, &b, 1, 0.5)?;
    /// assert_eq!(sum.to_vec::<f32>()?, [7.0; 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn addbmm(
        &self,
        a: &Tensor,
        b: &Tensor,
        beta: impl Into<Scalar>,
        alpha: impl Into<Scalar>,
    ) -> Result<Tensor> {
        for (name, t) in [("batch1", a), ("batch2", b)] {
            if t.rank() != 3 {
                return Err(Error::shape(format!("{name} must be a 3D tensor")));
            }
        }
        let (m, n) = (a.shape(), b.shape());
        if m[0] != n[0] {
            return Err(Error::shape(format!(
                "batch1 and batch2 must have same number of batches, got {} and {}",
                m[0], n[0]
            )));
        }
        if m[2] != n[1] {
            return Err(Error::shape(format!(
                "Incompatible matrix sizes for bmm ({}x{} and {}x{})",
                m[1], m[2], n[1], n[2]
            )));
        }
        same_as_second(self, a, b)?;
        Product::added(Kind::Addbmm, (self, a, b), beta.into(), alpha.into())
    }

    /// `beta * self + alpha * (matrix @ vector)`; beta and alpha as in [`Tensor::addmm`].
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn addmv(
        &self,
        matrix: &Tensor,
        vector: &Tensor,
        beta: impl Into<Scalar>,
        alpha: impl Into<Scalar>,
    ) -> Result<Tensor> {
        let ranks = [self, matrix, vector].map(Tensor::rank);
        if ranks[0] > 1 || ranks[1..] != [2, 1] {
            let [own, matrix, vector] = ranks;
            return Err(Error::shape(format!(
                "vector + matrix @ vector expected, got {own}, {matrix}, {vector}"
            )));
        }
        let (m, k) = (matrix.shape()[0], matrix.shape()[1]);
        // PyTorch counts the elements of what is added: one is broadcast.
        let (own, vec) = (self.numel(), vector.numel());
        if vec != k || own != m && own != 1 {
            return Err(Error::shape(format!(
                "size mismatch, got input ({own}), mat ({m}x{k}), vec ({vec})"
            )));
        }
        let dtypes = [self, matrix, vector].map(Tensor::dtype);
        let text = |_, _| {
            let [own, matrix, vector] = dtypes.map(DType::torch_name);
            format!(
                "addmv input tensors must have the same dtype, but got {own}, {matrix}, and {vector}"
            )
        };
        same_dtype(self, matrix, text)?;
        same_dtype(matrix, vector, text)?;
        let inputs = (self, matrix, vector);
        Product::added(Kind::Addmv, inputs, beta.into(), alpha.into())
    }

    /// `beta * self + alpha * (a ⊗ b)`, with the outer product of two vectors; with beta 0 this
    /// tensor's values do not count.
    ///
    /// # Errors
    /// If the shapes do not fit, or beta or alpha is a float and all tensors are of integers.
    pub fn addr(
        &self,
        a: &Tensor,
        b: &Tensor,
        beta: impl Into<Scalar>,
        alpha: impl Into<Scalar>,
    ) -> Result<Tensor> {
        check_vector("addr", "vec1", a)?;
        check_vector("addr", "vec2", b)?;
        let (beta, alpha) = (beta.into(), alpha.into());
        let is_float = [self, a, b].iter().any(|t| t.dtype().is_float());
        for (name, number) in [("beta", beta), ("alpha", alpha)] {
            if !is_float && matches!(number, Scalar::Float(_)) {
                return Err(Error::dtype(format!(
                    "For integral input tensors, argument {name} must not be a floating point number."
                )));
            }
        }
        Product::added(Kind::Addr, (self, a, b), beta, alpha)
    }

    /// PyTorch's `vdot`: of real numbers the same as [`Tensor::dot`].
    ///
    /// # Errors
    /// As [`Tensor::dot`].
    pub fn vdot(&self, other: &Tensor) -> Result<Tensor> {
        self.dot(other)
    }

    /// The inner products of the last dimensions: `[.., k]` and `[…, k]` give `[.., …]`. A number
    /// is multiplied.
    ///
    /// # Errors
    /// If the last sizes or the dtypes differ.
    pub fn inner(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() == 0 || other.rank() == 0 {
            return self.mul(other);
        }
        if self.shape().last() != other.shape().last() {
            return Err(Error::shape(format!(
                "inner() the last dimension must match on both input tensors but got shapes {:?} and {:?}",
                self.shape(),
                other.shape()
            )));
        }
        self.tensordot(other, (-1, -1))
    }

    /// The products of every element of a vector with every element of another.
    ///
    /// # Errors
    /// If one of them is no vector, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::tensor;
    /// let table = tensor![1, 2].outer(&tensor![3, 4, 5])?;
    /// assert_eq!(table.to_vec::<i64>()?, [3, 4, 5, 6, 8, 10]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn outer(&self, other: &Tensor) -> Result<Tensor> {
        check_vector("outer", "self", self)?;
        check_vector("outer", "vec2", other)?;
        self.unsqueeze(1)?.mul(other)
    }

    /// The Kronecker product: each element of this tensor times the whole other one.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![1, 10].kron(&tensor![1, 2])?.to_vec::<i64>()?, [1, 2, 10, 20]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn kron(&self, other: &Tensor) -> Result<Tensor> {
        let rank = self.rank().max(other.rank());
        let size = |t: &Tensor, d: usize| {
            let d = (d + t.rank()).checked_sub(rank);
            d.map_or(1, |d| t.shape()[d])
        };
        let (mut a, mut b) = (Shape::new(), Shape::new());
        for d in 0..rank {
            a.extend([size(self, d), 1]);
            b.extend([1, size(other, d)]);
        }
        let product = self.reshape(&a)?.mul(&other.reshape(&b)?)?;
        let pairs = product.shape().chunks(2);
        let shape = pairs.map(|pair| pair[0] * pair[1]).collect();
        returned(&product.contiguous()?, shape)
    }

    /// The sums of products over pairs of dimensions, one of each tensor; what is left of this
    /// tensor's dimensions stands before what is left of the other's. A size of 1 in a pair is
    /// broadcast.
    ///
    /// # Errors
    /// If the dimensions do not fit, or the dtypes differ.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let (x, y) = (Tensor::ones([2, 3, 4]), Tensor::ones([3, 4, 5]));
    /// assert_eq!(x.tensordot(&y, 2)?.shape(), [2, 5]);
    /// assert_eq!(x.tensordot(&y, ([1], [0]))?.shape(), [2, 4, 4, 5]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn tensordot(&self, other: &Tensor, dims: impl Contracted) -> Result<Tensor> {
        self.contracted(other, dims.pairs([self.rank(), other.rank()])?)
    }

    fn contracted(&self, other: &Tensor, (own, others): Pairs) -> Result<Tensor> {
        if own.len() != others.len() {
            return Err(Error::shape("both dimension lists should have same length"));
        }
        same_dtype(self, other, |_, _| {
            "both inputs should have same dtype".into()
        })?;
        let (mut x, mut y) = (self.clone(), other.clone());
        for (&a, &b) in own.iter().zip(&others) {
            let summed = |t: &Tensor, dim| t.sum_dim(dim, true)?.to_dtype(t.dtype());
            match (x.size(a)?, y.size(b)?) {
                (n, m) if n == m => {}
                (_, 1) => x = summed(&x, a)?,
                (1, _) => y = summed(&y, b)?,
                (n, m) => {
                    return Err(Error::shape(format!(
                        "contracted dimensions need to match, but first has size {n} in dim {a} and second has size {m} in dim {b}"
                    )));
                }
            }
        }
        // No dimensions would mean all of them.
        let free = |t: &Tensor, dims: &[i64]| -> Result<Vec<i64>> {
            let mask = match dims {
                [] => SmallVec::from_elem(false, t.rank()),
                dims => dim_mask(dims, t.rank())?,
            };
            let all = (0..).zip(mask);
            Ok(all.filter(|(_, used)| !used).map(|(d, _)| d).collect())
        };
        let (rows, cols) = (free(&x, &own)?, free(&y, &others)?);
        let sizes = |t: &Tensor, dims: &[i64]| -> Result<Vec<usize>> {
            dims.iter().map(|d| t.size(*d)).collect()
        };
        let (row_sizes, col_sizes) = (sizes(&x, &rows)?, sizes(&y, &cols)?);
        let inner: usize = sizes(&x, &own)?.iter().product();
        let m = row_sizes.iter().product::<usize>();
        let n = col_sizes.iter().product::<usize>();
        let x = x
            .permute([&rows[..], &own[..]].concat())?
            .reshape([m, inner])?;
        let y = y
            .permute([&others[..], &cols[..]].concat())?
            .reshape([inner, n])?;
        x.mm(&y)?.reshape(&[row_sizes, col_sizes].concat()[..])
    }

    /// The sum of the diagonal of a matrix.
    ///
    /// # Errors
    /// If it is no matrix, or its elements are truth values.
    pub fn trace(&self) -> Result<Tensor> {
        match (self.rank(), self.dtype()) {
            (2, DType::Bool) => Err(Error::not_implemented("trace", DType::Bool)),
            (2, _) => self.diagonal(0)?.sum(),
            (n, _) => Err(Error::shape(format!(
                "trace: expected a matrix, but got tensor with dim {n}"
            ))),
        }
    }

    /// The cross products of vectors of three elements along a dimension, by default the first of
    /// size 3 (`torch.linalg.cross` takes the last, -1).
    ///
    /// # Errors
    /// If the dimension does not exist or is not of size 3, or the tensors do not fit.
    ///
    /// ```
    /// use pleach::tensor;
    /// let z = tensor![1., 0., 0.].cross(&tensor![0., 1., 0.], None)?;
    /// assert_eq!(z.to_vec::<f32>()?, [0., 0., 1.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn cross(&self, other: &Tensor, dim: impl Into<Option<i64>>) -> Result<Tensor> {
        self.cross_along(other, dim.into())
    }

    fn cross_along(&self, other: &Tensor, dim: Option<i64>) -> Result<Tensor> {
        let first = || {
            let at = self.shape().iter().position(|n| *n == 3);
            at.map(|d| d as i64)
                .ok_or_else(|| Error::shape("no dimension of size 3 in input"))
        };
        let dim = dim.map_or_else(first, Ok)?;
        if self.rank() != other.rank() {
            return Err(Error::shape(
                "linalg.cross: inputs must have the same number of dimensions.",
            ));
        }
        let sizes = [self.size(dim)?, other.size(dim)?];
        if sizes != [3, 3] {
            return Err(Error::shape(format!(
                "linalg.cross: inputs dimension {dim} must have length 3. Got {} and {}",
                sizes[0], sizes[1]
            )));
        }
        broadcast_shapes(self.shape(), other.shape())?;
        same_dtype(self, other, |a, b| {
            let (a, b) = (a.torch_name(), b.torch_name());
            format!("expected scalar type {a} but found {b}")
        })?;
        if self.dtype() == DType::Bool {
            return Err(Error::not_implemented("cross", DType::Bool));
        }
        let dim = resolve_dim(dim, self.rank())?;
        apply(Cross { dim }, (self, other))
    }
}
