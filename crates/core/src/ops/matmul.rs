//! Matrix products: everything goes through the kernels' `gemm`.

use pleach_kernels::{BatchRef, Bias, Buffer, Epilogue, gemm_batched};
use smallvec::smallvec;

use crate::autograd::{Backward, record};
use crate::extent::checked_numel;
use crate::number::Number;
use crate::shape::{Shape, broadcast_shapes};
use crate::{DType, Element, Error, ErrorKind, Result, Tensor};

/// Both operands need one dtype; `text` is the refusal.
fn same_dtype(a: &Tensor, b: &Tensor, text: impl FnOnce(DType, DType) -> String) -> Result<()> {
    match (a.dtype(), b.dtype()) {
        (x, y) if x == y => Ok(()),
        (x, y) => Err(Error::dtype(text(x, y))),
    }
}

/// A matrix or a batch of them, as the kernels see it.
fn matrices<T: Element>(x: &Tensor) -> Result<BatchRef<'_, T>> {
    let r = x.rank();
    let (shape, strides) = (x.shape(), x.strides());
    let (batches, batch_stride) = match r {
        3 => (shape[0], strides[0]),
        _ => (1, 0),
    };
    Ok(BatchRef::new(
        x.base_slice::<T>()?,
        batches,
        batch_stride,
        (shape[r - 2], shape[r - 1]),
        (strides[r - 2], strides[r - 1]),
    ))
}

/// The product of batches of matrices `[b, m, k] @ [b, k, n]`, without history; `b` is 1 for 2-d.
fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    product_plus(a, b, None)
}

/// [`product`], plus a vector of float for each of its rows.
fn product_plus(a: &Tensor, b: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (m, k, n) = (
        a.shape()[a.rank() - 2],
        a.shape()[a.rank() - 1],
        b.shape()[b.rank() - 1],
    );
    let batches = if a.rank() == 3 { a.shape()[0] } else { 1 };
    let mut shape = a.shape_vec();
    let last = shape.len() - 1;
    shape[last] = n;
    Ok(match a.dtype() {
        DType::F32 | DType::F64 => dispatch_float!("mm", a.dtype(), T => {
            let mut out = Buffer::<T>::try_new(checked_numel(&shape)?)?;
            let bias = bias.map(Tensor::contiguous).transpose()?;
            let bias = match &bias {
                Some(bias) => Bias::PerColumn(bias.as_slice::<T>()?),
                None => Bias::None,
            };
            let epilogue = Epilogue { bias, relu: false };
            gemm_batched(matrices(a)?, matrices(b)?, &mut out, false, epilogue);
            Tensor::from_buffer(out, shape)
        }),
        dtype if dtype.is_small_int() => product(&a.long()?, &b.long()?)?.to_dtype(dtype)?,
        dtype => dispatch_number!("addmm_impl_cpu_", dtype, T => {
            let (a, b) = (a.contiguous()?, b.contiguous()?);
            let (x, y) = (a.as_slice::<T>()?, b.as_slice::<T>()?);
            let mut out = Buffer::<T>::try_full(checked_numel(&shape)?, T::ZERO)?;
            for i in 0..batches * m {
                for p in 0..k {
                    for j in 0..n {
                        let y = y[((i / m) * k + p) * n + j];
                        out[i * n + j] = out[i * n + j].add(x[i * k + p].mul(y));
                    }
                }
            }
            Tensor::from_buffer(out, shape)
        }),
    })
}

/// The last two dimensions swapped, without history.
fn flipped(x: &Tensor) -> Result<Tensor> {
    x.transpose(-2, -1)
}

/// Records `out = a @ b` for matrices or batches of them.
fn recorded(out: Tensor, a: &Tensor, b: &Tensor, name: &'static str) -> Tensor {
    record(out, &[a, b], |needs| {
        let for_a = needs[0].then(|| b.detach());
        let for_b = needs[1].then(|| a.detach());
        Backward::new(name, move |g: &Tensor| {
            let da = for_a.as_ref().map(|b| product(g, &flipped(b)?));
            let db = for_b.as_ref().map(|a| product(&flipped(a)?, g));
            Ok(smallvec![da.transpose()?, db.transpose()?])
        })
    })
}

/// Another name for the last step, where PyTorch ends with a view.
pub(super) fn named(x: Tensor, shape: &[usize], name: &'static str) -> Result<Tensor> {
    let from = x.shape_vec();
    let out = x.detach().reshape(shape)?;
    Ok(record(out, &[&x], |_| {
        Backward::stateless(name, move |g: &Tensor| {
            Ok(smallvec![Some(g.reshape(&from)?)])
        })
    }))
}

impl Tensor {
    /// The product of two matrices, `[m, k] @ [k, n]`.
    ///
    /// # Errors
    /// If they are not matrices, the inner sizes differ or the dtypes do.
    pub fn mm(&self, other: &Tensor) -> Result<Tensor> {
        for (name, t) in [("self", self), ("mat2", other)] {
            if t.rank() != 2 {
                return Err(Error::shape(format!(
                    "mm: {name} must be a matrix, got {}-D tensor",
                    t.rank()
                )));
            }
        }
        check_inner("mm", self, other)?;
        same_dtype(self, other, |a, b| {
            let (a, b) = (a.c_name(), b.c_name());
            format!("expected m1 and m2 to have the same dtype, but got: {a} != {b}")
        })?;
        Ok(recorded(product(self, other)?, self, other, "MmBackward0"))
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
        let column = vector.detach().unsqueeze(1)?;
        let out = product(&self.detach(), &column)?.reshape([m])?;
        Ok(record(out, &[self, vector], |needs| {
            let for_a = needs[0].then(|| vector.detach());
            let for_v = needs[1].then(|| self.detach());
            Backward::new("MvBackward0", move |g: &Tensor| {
                let da = for_a
                    .as_ref()
                    .map(|v| g.unsqueeze(1)?.mul(&v.unsqueeze(0)?));
                let dv = for_v
                    .as_ref()
                    .map(|a| product(&a.t()?, &g.unsqueeze(1)?)?.squeeze_dim(1));
                Ok(smallvec![da.transpose()?, dv.transpose()?])
            })
        }))
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
        let row = self.detach().unsqueeze(0)?;
        let out = product(&row, &other.detach().unsqueeze(1)?)?.reshape(())?;
        Ok(record(out, &[self, other], |_| {
            let (a, b) = (self.detach(), other.detach());
            Backward::new("DotBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(g.mul(&b)?), Some(g.mul(&a)?)])
            })
        }))
    }

    /// The products of two batches of matrices, `[b, m, k] @ [b, k, n]`.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn bmm(&self, other: &Tensor) -> Result<Tensor> {
        for (name, t) in [("batch1", self), ("batch2", other)] {
            if t.rank() != 3 {
                return Err(Error::shape(format!("{name} must be a 3D tensor")));
            }
        }
        let (a, b) = (self.shape(), other.shape());
        if a[0] != b[0] || a[2] != b[1] {
            return Err(Error::shape(format!(
                "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
                a[0], a[2], b[0], b[1]
            )));
        }
        same_dtype(self, other, |a, b| {
            let (a, b) = (a.torch_name(), b.torch_name());
            format!("expected scalar type {a} but found {b}")
        })?;
        Ok(recorded(product(self, other)?, self, other, "BmmBackward0"))
    }

    /// The matrix product of PyTorch's `@`: vectors are matrices for a moment, leading dimensions
    /// are batches and broadcast.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    ///
    /// ```
    /// use pleach_core::{tensor, Tensor};
    /// let a = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(a.matmul(&tensor![1., 1.])?.to_vec::<f32>()?, [3., 7.]);
    /// assert_eq!(Tensor::zeros([5, 1, 2, 3]).matmul(&Tensor::zeros([4, 3, 2]))?.shape(), [5, 4, 2, 2]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        const VIEW: &str = "UnsafeViewBackward0";
        match (self.rank(), other.rank()) {
            (0, _) | (_, 0) => Err(Error::shape(format!(
                "both arguments to matmul need to be at least 1D, but they are {}D and {}D",
                self.rank(),
                other.rank()
            ))),
            (1, 1) => self.dot(other),
            (2, 1) => self.mv(other),
            (2, 2) => self.mm(other),
            (1, 2) => {
                let out = self.unsqueeze(0)?.mm(other)?;
                out.squeeze_dim(0)
            }
            // A batch on the left alone is one tall matrix.
            (_, 1 | 2) => {
                let k = self.shape()[self.rank() - 1];
                let rows = self
                    .numel()
                    .checked_div(k)
                    .unwrap_or_else(|| self.shape()[..self.rank() - 1].iter().product());
                let flat = self.reshape([rows, k])?;
                let out = if other.rank() == 1 {
                    flat.mv(other)?
                } else {
                    flat.mm(other)?
                };
                let mut shape = self.shape_vec();
                shape.pop();
                shape.extend(other.shape()[1..].iter().copied());
                named(out, &shape, VIEW)
            }
            _ => {
                let a = if self.rank() == 1 {
                    self.unsqueeze(0)?
                } else {
                    self.clone()
                };
                let b = if other.rank() == 1 {
                    other.unsqueeze(1)?
                } else {
                    other.clone()
                };
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
                named(out, &shape, VIEW)
            }
        }
    }

    /// `beta * self + alpha * (a @ b)` for matrices.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn addmm(&self, a: &Tensor, b: &Tensor, beta: f64, alpha: f64) -> Result<Tensor> {
        for (name, t) in [("mat1", a), ("mat2", b)] {
            if t.rank() != 2 {
                return Err(Error::shape(format!(
                    "addmm: {name} must be a matrix, got {}-D tensor",
                    t.rank()
                )));
            }
        }
        check_inner("addmm", a, b)?;
        for (name, t) in [("self", self), ("mat1", a)] {
            same_dtype(t, b, |t, b| {
                let (t, b) = (t.torch_name(), b.torch_name());
                format!("{name} and mat2 must have the same dtype, but got {t} and {b}")
            })?;
        }
        self.add_product(a, b, beta, alpha, "AddmmBackward0")
    }

    /// `beta * self + alpha * (a @ b)` for batches of matrices.
    ///
    /// # Errors
    /// If the shapes do not fit or the dtypes differ.
    pub fn baddbmm(&self, a: &Tensor, b: &Tensor, beta: f64, alpha: f64) -> Result<Tensor> {
        // Checks the shapes and dtypes; nothing is recorded for detached tensors.
        a.detach()
            .narrow(0, 0, 0)?
            .bmm(&b.detach().narrow(0, 0, 0)?)?;
        if a.shape()[0] != b.shape()[0] {
            a.bmm(b)?;
        }
        self.add_product(a, b, beta, alpha, "BaddbmmBackward0")
    }

    fn add_product(
        &self,
        a: &Tensor,
        b: &Tensor,
        beta: f64,
        alpha: f64,
        name: &'static str,
    ) -> Result<Tensor> {
        let scaled = |t: Tensor, by: f64| if by == 1.0 { Ok(t) } else { t.mul(by) };
        let n = b.shape()[b.rank() - 1];
        // A row of float is added while the product is in cache; the bits are the same.
        let fused = (beta, alpha) == (1.0, 1.0)
            && self.shape() == [n]
            && self.dtype() == a.dtype()
            && matches!(a.dtype(), DType::F32 | DType::F64);
        let bias = fused.then(|| self.detach());
        let result = product_plus(&a.detach(), &b.detach(), bias.as_ref())?;
        let start = self.detach().broadcast_to(result.shape())?;
        // With beta 0 the input does not count, not even its nans.
        let out = if fused {
            result
        } else if beta == 0.0 {
            scaled(result, alpha)?
        } else {
            scaled(result, alpha)?.add(&scaled(start, beta)?)?
        };
        let shape = self.shape_vec();
        Ok(record(out, &[self, a, b], |needs| {
            let bias = needs[0];
            let for_a = needs[1].then(|| b.detach());
            let for_b = needs[2].then(|| a.detach());
            Backward::new(name, move |g: &Tensor| {
                let d = bias.then(|| scaled(g.sum_to(&shape)?, beta));
                let da = for_a
                    .as_ref()
                    .map(|b| scaled(product(g, &flipped(b)?)?, alpha));
                let db = for_b
                    .as_ref()
                    .map(|a| scaled(product(&flipped(a)?, g)?, alpha));
                Ok(smallvec![d.transpose()?, da.transpose()?, db.transpose()?])
            })
        }))
    }
}

fn check_inner(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    let (a, b) = (a.shape(), b.shape());
    if a[1] != b[0] {
        return Err(ErrorKind::MatmulShape {
            op,
            a: (a[0], a[1]),
            b: (b[0], b[1]),
        }
        .into());
    }
    Ok(())
}
