//! Matrix products: everything goes through the kernels' `gemm`.

use pleach_kernels::{
    BatchRef, Bias, Buffer, Epilogue, MatRef, gemm_batched, gemm_epilogue, integer_products,
};

use super::place::{Names, Shows};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::extent::{checked_numel, product_of};
use crate::shape::{Layout, Shape, broadcast_shapes};
use crate::{DType, Error, ErrorKind, Result, Scalar, Tensor};

/// Both operands need one dtype; `text` is the refusal.
pub(super) fn same_dtype(
    a: &Tensor,
    b: &Tensor,
    text: impl FnOnce(DType, DType) -> String,
) -> Result<()> {
    match (a.dtype(), b.dtype()) {
        (x, y) if x == y => Ok(()),
        (x, y) => Err(Error::dtype(text(x, y)).hint_common(x, y)),
    }
}

/// What is added and the first matrix need the dtype of the second.
pub(super) fn same_as_second(start: &Tensor, a: &Tensor, b: &Tensor) -> Result<()> {
    [("self", start), ("mat1", a)]
        .into_iter()
        .try_for_each(|(name, t)| {
            same_dtype(t, b, |t, b| {
                let (t, b) = (t.torch_name(), b.torch_name());
                format!("{name} and mat2 must have the same dtype, but got {t} and {b}")
            })
        })
}

/// Whether each of two operands is transposed first.
type Turned = (bool, bool);

/// Neither is.
const PLAIN: Turned = (false, false);

/// The sizes and the strides of a matrix, or of each of a batch.
fn matrix(x: &Tensor, turned: bool) -> ((usize, usize), (usize, usize)) {
    let (n, s) = (x.shape(), x.strides());
    match (x.rank() - 2, x.rank() - 1, turned) {
        (i, j, false) => ((n[i], n[j]), (s[i], s[j])),
        (i, j, true) => ((n[j], n[i]), (s[j], s[i])),
    }
}

/// The product of matrices or batches of them, without history, plus a vector of float for each of
/// its rows.
pub(super) fn product(
    a: &Tensor,
    b: &Tensor,
    turned: Turned,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let ((m, k), a_strides) = matrix(a, turned.0);
    let ((rows, n), b_strides) = matrix(b, turned.1);
    let batch = if a.rank() == 3 { a.shape()[0] } else { 1 };
    let shape = [batch, m, n];
    let shape = &shape[3 - a.rank()..];
    Ok(match a.dtype() {
        DType::I64 => {
            let dense = |t: &Tensor, turned: bool| match turned {
                true => t.transpose(-2, -1)?.contiguous(),
                false => t.contiguous(),
            };
            let (a, b) = (dense(a, turned.0)?, dense(b, turned.1)?);
            let mut out = Buffer::<i64>::try_new(checked_numel(shape)?)?;
            integer_products(a.as_slice()?, b.as_slice()?, [batch, m, k, n], &mut out);
            Tensor::from_buffer(out, shape)
        }
        dtype => dispatch_float!("addmm_impl_cpu_", dtype, T => {
            let mut out = Buffer::<T>::try_new(checked_numel(shape)?)?;
            let bias = bias.map(Tensor::contiguous).transpose()?;
            let bias = match &bias {
                Some(bias) => Bias::PerColumn(bias.as_slice::<T>()?),
                None => Bias::None,
            };
            let epilogue = Epilogue { bias, ..Epilogue::NONE };
            let (x, y) = (a.base_slice::<T>()?, b.base_slice::<T>()?);
            if a.rank() == 3 {
                let x = BatchRef::new(x, batch, a.strides()[0], (m, k), a_strides);
                let y = BatchRef::new(y, b.shape()[0], b.strides()[0], (rows, n), b_strides);
                gemm_batched(x, y, &mut out, false, epilogue);
            } else if !out.is_empty() {
                let x = MatRef::new(x, m, k, a_strides.0, a_strides.1);
                let y = MatRef::new(y, rows, n, b_strides.0, b_strides.1);
                gemm_epilogue(x, y, &mut out, false, epilogue);
            }
            Tensor::from_buffer(out, shape)
        }),
    })
}

/// Which product, by PyTorch's names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mm,
    Bmm,
    Mv,
    Dot,
    Addmm,
    Baddbmm,
    Addbmm,
    Addmv,
    Addr,
}

impl Kind {
    /// The name, and that of the backward step.
    fn names(self) -> Names {
        match self {
            Kind::Mm => ("mm", "MmBackward0"),
            Kind::Bmm => ("bmm", "BmmBackward0"),
            Kind::Mv => ("mv", "MvBackward0"),
            Kind::Dot => ("dot", "DotBackward0"),
            Kind::Addmm => ("addmm", "AddmmBackward0"),
            Kind::Baddbmm => ("baddbmm", "BaddbmmBackward0"),
            Kind::Addbmm => ("addbmm", "AddbmmBackward0"),
            Kind::Addmv => ("addmv", "AddmvBackward0"),
            Kind::Addr => ("addr", "AddrBackward0"),
        }
    }
}

/// A product of two tensors, and a third to add.
#[derive(Clone, Debug)]
pub struct Product {
    /// Which one.
    kind: Kind,
    /// Of matrices: whether each is transposed first.
    turned: Turned,
    /// What the third tensor is multiplied by.
    beta: f64,
    /// What the product is multiplied by.
    alpha: f64,
}

impl Product {
    /// One with nothing to add.
    fn of(kind: Kind, a: &Tensor, b: &Tensor, turned: Turned) -> Result<Tensor> {
        Self::scaled(kind, 1.0, 1.0, turned, (a, b, None))
    }

    /// One of matrices or vectors as they are, to which a tensor is added.
    pub(super) fn added(
        kind: Kind,
        (start, a, b): (&Tensor, &Tensor, &Tensor),
        beta: Scalar,
        alpha: Scalar,
    ) -> Result<Tensor> {
        let (beta, alpha) = (beta.to_f64(), alpha.to_f64());
        Self::scaled(kind, beta, alpha, PLAIN, (a, b, Some(start)))
    }

    fn scaled(
        kind: Kind,
        beta: f64,
        alpha: f64,
        turned: Turned,
        inputs: (&Tensor, &Tensor, Option<&Tensor>),
    ) -> Result<Tensor> {
        apply(
            Product {
                kind,
                turned,
                beta,
                alpha,
            },
            inputs,
        )
    }

    /// The product of two matrices that fit.
    pub(super) fn mm(a: &Tensor, b: &Tensor, turned: Turned) -> Result<Tensor> {
        Self::of(Kind::Mm, a, b, turned)
    }

    /// The product alone, plus a vector of float for each row of matrices.
    fn bare(&self, a: &Tensor, b: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        match self.kind {
            Kind::Mv | Kind::Addmv => {
                product(a, &b.unsqueeze(1)?, PLAIN, None)?.reshape([a.shape()[0]])
            }
            Kind::Dot => product(&a.unsqueeze(0)?, &b.unsqueeze(1)?, PLAIN, None)?.reshape(()),
            Kind::Addr => a.unsqueeze(1)?.mul(&b.unsqueeze(0)?),
            // The batches side by side are one sum.
            Kind::Addbmm => {
                let ([batch, m, k], n) = ([0, 1, 2].map(|d| a.shape()[d]), b.shape()[2]);
                let a = a.permute([1, 0, 2])?.reshape([m, batch * k])?;
                product(&a, &b.reshape([batch * k, n])?, PLAIN, bias)
            }
            _ => product(a, b, self.turned, bias),
        }
    }

    /// The shape of a product of matrices that is added.
    fn shape(&self, a: &Tensor, b: &Tensor) -> Shape {
        let (m, n) = (a.shape()[a.rank() - 2], b.shape()[b.rank() - 1]);
        match self.kind {
            Kind::Addmv => [m].into_iter().collect(),
            Kind::Baddbmm => [a.shape()[0], m, n].into_iter().collect(),
            _ => [m, n].into_iter().collect(),
        }
    }

    /// `beta * start + alpha * (a @ b)`.
    fn plus(&self, start: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let n = b.shape()[b.rank() - 1];
        // A row of float is added while the product is in cache; the bits are the same.
        let fused = (self.beta, self.alpha) == (1.0, 1.0)
            && !matches!(self.kind, Kind::Addmv | Kind::Addr)
            && start.shape() == [n]
            && start.dtype() == a.dtype()
            && matches!(a.dtype(), DType::F32 | DType::F64);
        // With alpha 0 a product of matrices does not count, as BLAS has it.
        let result = match self.alpha == 0.0 && self.kind != Kind::Addr {
            true => Tensor::try_zeros_of(self.shape(a, b), a.dtype())?,
            false => scaled(self.bare(a, b, fused.then_some(start))?, self.alpha)?,
        };
        let start = start.broadcast_to(result.shape())?;
        if fused {
            return Ok(result);
        }
        // With beta 0 the input does not count, not even its nans.
        match self.beta {
            0.0 => Ok(result),
            beta => result.add(&scaled(start, beta)?),
        }
    }
}

/// Integers take the whole part of a factor, as PyTorch's do.
fn scaled(t: Tensor, by: f64) -> Result<Tensor> {
    match t.dtype() {
        _ if by == 1.0 => Ok(t),
        DType::Bool => t.mul(by != 0.0),
        dtype if dtype.is_float() => t.mul(by),
        _ => t.mul(by as i64),
    }
}

impl Operation for Product {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        self.kind.names().0
    }
    fn grad_name(&self) -> &'static str {
        self.kind.names().1
    }
    fn attributes(&self) -> Attributes {
        match self.kind {
            Kind::Addmm | Kind::Baddbmm | Kind::Addbmm | Kind::Addmv | Kind::Addr => {
                vec![("beta", self.beta.into()), ("alpha", self.alpha.into())]
            }
            _ => vec![
                ("transpose_a", self.turned.0.into()),
                ("transpose_b", self.turned.1.into()),
            ],
        }
    }
    fn multiply_adds(&self, inputs: &[&[usize]], outputs: &[&[usize]]) -> u64 {
        let (a, rank) = (inputs[0], inputs[0].len());
        let summed = match self.kind {
            Kind::Addr => 1,
            Kind::Addbmm => a[0] * a[2],
            // A transposed matrix is summed over along its rows.
            _ => a[if self.turned.0 { rank - 2 } else { rank - 1 }],
        };
        product_of(outputs[0]).saturating_mul(summed as u64)
    }
    fn forward(&self, (a, b, start): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        match start {
            Some(start) => self.plus(start, a, b),
            None => self.bare(a, b, None),
        }
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        Saves::ONCE
            .input_if(call.needs(1), 0)
            .input_if(call.needs(0), 1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        // Each batch of a sum has the sum's gradient.
        let spread = match (self.kind, saved.shape(0), grad.shape()) {
            (Kind::Addbmm, &[batch, ..], &[m, n]) => Some(grad.expand([batch, m, n])?),
            _ => None,
        };
        let (sum, grad) = (grad, spread.as_ref().unwrap_or(grad));
        let kind = [Kind::Mm, Kind::Bmm][usize::from(grad.rank() == 3)];
        let matrices = |a: &Tensor, b: &Tensor, turned: Turned| Product::of(kind, a, b, turned);
        let (a, b, (ta, tb)) = (|| saved.input(0), || saved.input(1), self.turned);
        let of_a = || match self.kind {
            Kind::Mv | Kind::Addmv => grad.unsqueeze(1)?.mul(&b()?.unsqueeze(0)?),
            Kind::Dot => grad.mul(&b()?),
            Kind::Addr => grad.mv(&b()?),
            _ if ta => matrices(&b()?, grad, (tb, true)),
            _ => matrices(grad, &b()?, (false, !tb)),
        };
        let of_b = || match self.kind {
            Kind::Mv | Kind::Addmv => a()?.t()?.mv(grad),
            Kind::Dot => grad.mul(&a()?),
            Kind::Addr => grad.t()?.mv(&a()?),
            _ if tb => matrices(grad, &a()?, (true, ta)),
            _ => matrices(&a()?, grad, (!ta, false)),
        };
        let of_start = || scaled(sum.sum_to(saved.shape(2))?, self.beta);
        Ok([
            saved.grad(0, || scaled(of_a()?, self.alpha))?,
            saved.grad(1, || scaled(of_b()?, self.alpha))?,
            saved.grad(2, of_start)?,
        ])
    }
}

/// # Products of matrices and vectors
impl Tensor {
    /// The product of two matrices, `[m, k] @ [k, n]`.
    ///
    /// # Errors
    /// If they are not matrices, the inner sizes differ or the dtypes do.
    pub fn mm(&self, other: &Tensor) -> Result<Tensor> {
        check_matrices("mm", ["self", "mat2"], self, other)?;
        same_dtype(self, other, |a, b| {
            let (a, b) = (a.c_name(), b.c_name());
            format!("expected m1 and m2 to have the same dtype, but got: {a} != {b}")
        })?;
        Product::of(Kind::Mm, self, other, PLAIN)
    }

    /// A matrix times a vector, `[m, k] @ [k]`.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn mv(&self, vector: &Tensor) -> Result<Tensor> {
        if self.rank() != 2 || vector.rank() != 1 {
            return Err(Error::shape(format!(
                "vector + matrix @ vector expected, got {}, {}, {}",
                1,
                self.rank(),
                vector.rank()
            )));
        }
        let (m, k) = (self.shape()[0], self.shape()[1]);
        if vector.shape()[0] != k {
            return Err(Error::shape(format!(
                "size mismatch, got input ({m}), mat ({m}x{k}), vec ({})",
                vector.shape()[0]
            )));
        }
        same_dtype(self, vector, |a, v| {
            let (a, v) = (a.torch_name(), v.torch_name());
            format!("addmv input tensors must have the same dtype, but got {v}, {a}, and {v}")
        })?;
        Product::of(Kind::Mv, self, vector, PLAIN)
    }

    /// The inner product of two vectors.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn dot(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() != 1 || other.rank() != 1 {
            return Err(Error::shape(format!(
                "1D tensors expected, but got {}D and {}D tensors",
                self.rank(),
                other.rank()
            )));
        }
        same_dtype(self, other, |a, b| {
            let (a, b) = (a.torch_name(), b.torch_name());
            format!("dot : expected both vectors to have same dtype, but found {a} and {b}")
        })?;
        let (n, m) = (self.numel(), other.numel());
        if n != m {
            return Err(Error::shape(format!(
                "inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, but got {n} and {m} elements respectively"
            )));
        }
        Product::of(Kind::Dot, self, other, PLAIN)
    }

    /// The products of two batches of matrices, `[b, m, k] @ [b, k, n]`.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn bmm(&self, other: &Tensor) -> Result<Tensor> {
        check_batches(self, other)?;
        Product::of(Kind::Bmm, self, other, PLAIN)
    }

    /// The matrix product of PyTorch's `@`: vectors are matrices for a moment, leading dimensions
    /// are batches and broadcast.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    ///
    /// ```
    /// use pleach::{tensor, Tensor};
    /// let a = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(a.matmul(&tensor![1., 1.])?.to_vec::<f32>()?, [3., 7.]);
    /// assert_eq!(Tensor::zeros([5, 1, 2, 3]).matmul(&Tensor::zeros([4, 3, 2]))?.shape(), [5, 4, 2, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        match (self.rank(), other.rank()) {
            (0, _) | (_, 0) => Err(Error::shape(format!(
                "both arguments to matmul need to be at least 1D, but they are {}D and {}D",
                self.rank(),
                other.rank()
            ))),
            (1, 1) => self.dot(other),
            (2, 1) => self.mv(other),
            (2, 2) => self.mm(other),
            (1, 2) => self.unsqueeze(0)?.mm(other)?.squeeze_dim(0),
            // A batch on the left alone is one tall matrix.
            (_, 1 | 2) => {
                let k = self.shape()[self.rank() - 1];
                let rows = self
                    .numel()
                    .checked_div(k)
                    .unwrap_or_else(|| self.shape()[..self.rank() - 1].iter().product());
                let flat = self.reshape([rows, k])?;
                let out = match other.rank() {
                    1 => flat.mv(other)?,
                    _ => flat.mm(other)?,
                };
                let mut shape = self.shape_vec();
                shape.pop();
                shape.extend(other.shape()[1..].iter().copied());
                returned(&out, shape)
            }
            _ => {
                let matrix = |t: &Tensor, new: i64| match t.rank() {
                    1 => t.unsqueeze(new),
                    _ => Ok(t.clone()),
                };
                let (a, b) = (matrix(self, 0)?, matrix(other, 1)?);
                let split = |t: &Tensor| {
                    let s = t.shape_vec();
                    let (batch, matrix) = s.split_at(s.len() - 2);
                    (Shape::from_slice(batch), [matrix[0], matrix[1]])
                };
                let ((ab, [m, k]), (bb, [k2, n])) = (split(&a), split(&b));
                let batch = broadcast_shapes(&ab, &bb)?;
                let count: usize = batch.iter().product();
                if k != k2 {
                    return Err(Error::shape(format!(
                        "Expected size for first two dimensions of batch2 tensor to be: [{count}, {k}] but got: [{count}, {k2}]."
                    )));
                }
                let spread = |t: &Tensor, rows: usize, cols: usize| {
                    let mut full = batch.clone();
                    full.extend([rows, cols]);
                    t.expand(&full)?.reshape([count, rows, cols])
                };
                let out = spread(&a, m, k)?.bmm(&spread(&b, k, n)?)?;
                let mut shape = batch.clone();
                if self.rank() > 1 {
                    shape.push(m);
                }
                if other.rank() > 1 {
                    shape.push(n);
                }
                returned(&out, shape)
            }
        }
    }

    /// `beta * self + alpha * (a @ b)` for matrices. With beta 0 this tensor's values do not count,
    /// not even nan; integers take the whole part of beta and alpha.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn addmm(
        &self,
        a: &Tensor,
        b: &Tensor,
        beta: impl Into<Scalar>,
        alpha: impl Into<Scalar>,
    ) -> Result<Tensor> {
        check_matrices("addmm", ["mat1", "mat2"], a, b)?;
        same_as_second(self, a, b)?;
        Product::added(Kind::Addmm, (self, a, b), beta.into(), alpha.into())
    }

    /// `beta * self + alpha * (a @ b)` for batches of matrices; beta and alpha as in
    /// [`Tensor::addmm`].
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn baddbmm(
        &self,
        a: &Tensor,
        b: &Tensor,
        beta: impl Into<Scalar>,
        alpha: impl Into<Scalar>,
    ) -> Result<Tensor> {
        same_dtype(self, a, |x, a| {
            let (x, a, b) = (x.c_name(), a.c_name(), b.dtype().c_name());
            format!("Input dtypes must be the same, got: input {x}, batch1: {a}, batch2: {b}")
        })?;
        check_batches(a, b)?;
        Product::added(Kind::Baddbmm, (self, a, b), beta.into(), alpha.into())
    }
}

/// A product in the shape in which it is returned: a step of its own as in PyTorch.
pub(super) fn returned(product: &Tensor, shape: Shape) -> Result<Tensor> {
    let shows = Shows::Reshaped(Layout::contiguous(shape));
    product.viewed(("_unsafe_view", "UnsafeViewBackward0"), shows)
}

fn check_batches(first: &Tensor, second: &Tensor) -> Result<()> {
    for (name, t) in [("batch1", first), ("batch2", second)] {
        if t.rank() != 3 {
            return Err(Error::shape(format!("{name} must be a 3D tensor")));
        }
    }
    let (a, b) = (first.shape(), second.shape());
    if a[0] != b[0] || a[2] != b[1] {
        return Err(Error::shape(format!(
            "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
            a[0], a[2], b[0], b[1]
        )));
    }
    same_dtype(first, second, |a, b| {
        let (a, b) = (a.torch_name(), b.torch_name());
        format!("expected scalar type {a} but found {b}")
    })
}

fn check_matrices(op: &'static str, names: [&str; 2], a: &Tensor, b: &Tensor) -> Result<()> {
    for (name, t) in names.into_iter().zip([a, b]) {
        if t.rank() != 2 {
            let rank = t.rank();
            let text = format!("{op}: {name} must be a matrix, got {rank}-D tensor");
            return Err(Error::shape(text));
        }
    }
    let [a, b] = [a, b].map(|t| (t.shape()[0], t.shape()[1]));
    match a.1 == b.0 {
        true => Ok(()),
        false => Err(ErrorKind::MatmulShape { op, a, b }.into()),
    }
}
