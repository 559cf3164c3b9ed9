//! [`orthogonal`].

use pleach_core::autograd::{Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use pleach_core::{Buffer, DType, Error, Result, Tensor, no_grad, size_text};
use pleach_kernels::{Buffer as Numbers, orthogonal_factor};

use super::weight_of;
use crate::Module;
use crate::parametrized::{Originals, Parametrization};
use crate::setters::setters;
use crate::utils::parametrize::register_parametrization_unchecked;

/// How an orthogonal matrix is made of one that need not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrthogonalMap {
    /// The exponential of a skew-symmetric matrix `A`.
    MatrixExp,
    /// Cayley's map `(I + A/2) (I - A/2)⁻¹`.
    Cayley,
    /// A product of Householder's reflections.
    Householder,
}

/// Options of [`orthogonal`].
#[derive(Debug, Clone)]
#[must_use]
pub struct OrthogonalOptions {
    orthogonal_map: Option<OrthogonalMap>,
    use_trivialization: bool,
}

impl OrthogonalOptions {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        OrthogonalOptions {
            orthogonal_map: None,
            use_trivialization: true,
        }
    }

    setters! {
        |options| options;
        /// The map (by default the exponential for square matrices, reflections for others).
        orthogonal_map: impl Into<Option<OrthogonalMap>> = orthogonal_map.into();
        /// Whether the map is one around a fixed matrix, the buffer `base`, which has the weight's value
        /// (yes, by default).
        use_trivialization: bool = use_trivialization;
    }
}

impl Default for OrthogonalOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Parametrizes a matrix, or a batch of matrices, so that its columns are orthonormal (its rows, if it
/// is wide). It starts as the weight if that is orthogonal, else as its factor Q.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::layers::Linear;
/// use pleach::nn::utils::parametrizations::{OrthogonalOptions, orthogonal};
/// let linear = Linear::new(20, 40);
/// orthogonal(&linear, "weight", OrthogonalOptions::new())?;
/// let q = linear.weight.tensor();
/// assert!(q.t()?.mm(&q)?.allclose(&Tensor::eye(20), 0.0, 1e-5)?);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If the module has no such parameter, it has fewer than two dimensions, or is not of f32 or f64.
pub fn orthogonal(module: &dyn Module, name: &str, options: OrthogonalOptions) -> Result<()> {
    let weight = weight_of(module, name)?;
    let &[.., rows, columns] = weight.shape() else {
        return Err(Error::value(format!(
            "Expected a matrix or batch of matrices. Got a tensor of {} dimensions.",
            weight.rank()
        )));
    };
    if !matches!(weight.dtype(), DType::F32 | DType::F64) {
        return Err(Error::not_implemented("geqrf_cpu", weight.dtype()));
    }
    let usual = match rows == columns {
        true => OrthogonalMap::MatrixExp,
        false => OrthogonalMap::Householder,
    };
    let side = rows.max(columns);
    let base = || -> Result<Buffer> {
        let mut shape = weight.shape().to_vec();
        let lead = shape.len() - 2;
        shape[lead..].fill(side);
        Ok(Buffer::new(Tensor::try_zeros_of(shape, weight.dtype())?))
    };
    let parametrization = Orthogonal {
        shape: weight.shape().to_vec(),
        map: options.orthogonal_map.unwrap_or(usual),
        base: options.use_trivialization.then(base).transpose()?,
    };
    register_parametrization_unchecked(module, name, parametrization)
}

/// [`orthogonal`]'s parametrization.
#[derive(Module)]
#[module(name = "_Orthogonal")]
struct Orthogonal {
    #[module(skip)]
    shape: Vec<usize>,
    #[module(skip)]
    map: OrthogonalMap,
    base: Option<Buffer>,
}

/// Rows and columns of the matrices.
fn sizes(t: &Tensor) -> (usize, usize) {
    let shape = t.shape();
    (shape[shape.len() - 2], shape[shape.len() - 1])
}

/// The identity, with the sizes and the dtype of the matrices.
fn identity_like(t: &Tensor) -> Result<Tensor> {
    let (rows, columns) = sizes(t);
    let eye = Tensor::try_eye(rows.max(columns))?.to_dtype(t.dtype())?;
    let eye = eye.narrow(0, 0, rows)?.narrow(1, 0, columns)?;
    eye.broadcast_to(t.shape())
}

impl Parametrization for Orthogonal {
    fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
        let [x] = originals else {
            return Err(Error::value("orthogonal has one original"));
        };
        let (rows, columns) = sizes(x);
        let wide = rows < columns;
        let x = if wide {
            x.transpose(-2, -1)?
        } else {
            x.clone()
        };
        let (n, k) = sizes(&x);
        let mut q = match self.map {
            OrthogonalMap::Householder => reflections(&x)?,
            map => {
                let mut x = x.tril(0)?;
                if n != k {
                    let mut shape = x.shape().to_vec();
                    let last = shape.len() - 1;
                    shape[last] = n - k;
                    x = Tensor::cat([&x, &Tensor::try_zeros_of(shape, x.dtype())?], -1)?;
                }
                let skew = x.sub(&x.transpose(-2, -1)?)?;
                let q = match map {
                    OrthogonalMap::Cayley => cayley(&skew)?,
                    _ => matrix_exp(&skew)?,
                };
                q.narrow(-1, 0, k)?
            }
        };
        if let Some(base) = &self.base {
            q = base.try_tensor()?.matmul(&q)?;
        }
        if wide { q.transpose(-2, -1) } else { Ok(q) }
    }

    fn right_inverse(&self, value: &Tensor) -> Result<Option<Originals>> {
        if value.shape() != self.shape {
            return Err(Error::shape(format!(
                "Expected a matrix or batch of matrices of shape {}. Got a tensor of shape {}.",
                size_text(&self.shape),
                size_text(value.shape())
            )));
        }
        let (rows, columns) = sizes(value);
        let wide = rows < columns;
        let q = if wide {
            value.transpose(-2, -1)?
        } else {
            value.clone()
        };
        let Some(base) = &self.base else {
            // The other two maps have no inverse that is known.
            return match self.map {
                OrthogonalMap::Householder => {
                    let a = each_matrix(&q, signed_reflections)?;
                    let a = if wide { a.transpose(-2, -1)? } else { a };
                    Ok(Some(a.into()))
                }
                _ => Ok(None),
            };
        };
        let (n, k) = sizes(&q);
        let factor = |q: &Tensor| each_matrix(q, orthogonal_factor);
        let q = if n != k {
            let mut shape = q.shape().to_vec();
            let last = shape.len() - 1;
            shape[last] = n - k;
            let rest = Tensor::randn_of(shape, q.dtype())?;
            factor(&Tensor::cat([&q, &rest], -1)?)?
        } else if is_orthogonal(&q)? {
            q
        } else {
            factor(&q)?
        };
        base.try_set(q)?;
        // The diagonal that reflections of nothing need to give the identity.
        Ok(Some(identity_like(value)?.neg()?.into()))
    }
}

fn is_orthogonal(q: &Tensor) -> Result<bool> {
    let eps = match q.dtype() {
        DType::F64 => f64::EPSILON,
        _ => f64::from(f32::EPSILON),
    };
    let product = q.transpose(-2, -1)?.matmul(q)?;
    let identity = identity_like(&product)?;
    product.allclose(&identity, 1e-5, 10.0 * sizes(q).0 as f64 * eps)
}

/// The result of `f` for each of the matrices, computed in f64.
fn each_matrix(t: &Tensor, f: impl Fn(&mut [f64], usize, usize)) -> Result<Tensor> {
    no_grad(|| {
        let (n, k) = sizes(t);
        let wide = t.detach().double()?.contiguous()?;
        let mut numbers = Numbers::from_slice(wide.as_slice::<f64>()?);
        if n * k > 0 {
            for matrix in numbers.chunks_mut(n * k) {
                f(matrix, n, k);
            }
        }
        Tensor::try_from_buffer(numbers, t.shape())?.to_dtype(t.dtype())
    })
}

/// The reflections whose product is the factor Q of a tall matrix, below a diagonal of signs, as
/// LAPACK's `geqrf` has them.
fn signed_reflections(a: &mut [f64], rows: usize, columns: usize) {
    let at = |i: usize, j: usize| i * columns + j;
    for j in 0..columns {
        let below = (j + 1..rows)
            .map(|i| a[at(i, j)] * a[at(i, j)])
            .sum::<f64>()
            .sqrt();
        let alpha = a[at(j, j)];
        if below == 0.0 {
            // No reflection: the sign is turned, so that the diagonal is that of the identity.
            a[at(j, j)] = -sign(alpha);
            continue;
        }
        let beta = -alpha.hypot(below).copysign(alpha);
        let tau = (beta - alpha) / beta;
        for i in j + 1..rows {
            a[at(i, j)] /= alpha - beta;
        }
        for c in j + 1..columns {
            let rest = (j + 1..rows)
                .map(|i| a[at(i, j)] * a[at(i, c)])
                .sum::<f64>();
            let scale = tau * (a[at(j, c)] + rest);
            a[at(j, c)] -= scale;
            for i in j + 1..rows {
                a[at(i, c)] -= scale * a[at(i, j)];
            }
        }
        a[at(j, j)] = sign(beta);
    }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// The product of the reflections whose vectors stand below the diagonal, times the signs on it.
fn reflections(x: &Tensor) -> Result<Tensor> {
    let vectors = x.tril(-1)?;
    let tau = vectors
        .mul(&vectors)?
        .sum_dim(-2, true)?
        .add(1.0)?
        .rdiv(2.0)?;
    let vectors = vectors.add(&identity_like(x)?)?;
    let mut q = identity_like(x)?;
    for i in (0..sizes(x).1 as i64).rev() {
        let v = vectors.narrow(-1, i, 1)?;
        let scaled = v.mul(&tau.narrow(-1, i, 1)?)?;
        q = q.sub(&scaled.matmul(&v.transpose(-2, -1)?.matmul(&q)?)?)?;
    }
    // PyTorch reads the signs as integers.
    let signs = x.detach().to_dtype(DType::I32)?.to_dtype(x.dtype())?;
    let signs = signs.mul(&identity_like(x)?)?.sum_dim(-2, true)?;
    q.mul(&signs)
}

/// Taylor's series of a part of the matrix, squared until it is the whole.
fn matrix_exp(a: &Tensor) -> Result<Tensor> {
    // With a norm of at most 1/2, the terms left out are below 1e-16.
    const TERMS: usize = 14;
    let identity = identity_like(a)?;
    if a.numel() == 0 {
        return Ok(identity);
    }
    let norm = no_grad(|| a.detach().abs()?.sum_dim(-2, false)?.max()?.item())?;
    if !norm.is_finite() {
        return a.mul(f64::NAN);
    }
    let squarings = (norm * 2.0).max(1.0).log2().ceil() as i32;
    let part = a.mul(0.5f64.powi(squarings))?;
    let mut sum = identity.clone();
    for i in (1..=TERMS).rev() {
        sum = part.matmul(&sum)?.div(i as f64)?.add(&identity)?;
    }
    for _ in 0..squarings {
        sum = sum.matmul(&sum)?;
    }
    Ok(sum)
}

/// `(I + A/2) (I - A/2)⁻¹`; the two commute.
fn cayley(a: &Tensor) -> Result<Tensor> {
    let half = a.mul(0.5)?;
    let identity = identity_like(a)?;
    solve(&identity.sub(&half)?, &identity.add(&half)?)
}

/// `A⁻¹ B` for each of the square matrices `A`.
fn solve(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    apply(Solve, (a, b))
}

#[derive(Clone)]
struct Solve;

impl Operation for Solve {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        "linalg_solve"
    }
    fn grad_name(&self) -> &'static str {
        "LinalgSolveExBackward0"
    }
    fn forward(&self, (a, b): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let (n, columns) = sizes(b);
        let (left, right) = (a.double()?, b.double()?);
        let mut left = Numbers::from_slice(left.as_slice::<f64>()?);
        let mut right = Numbers::from_slice(right.as_slice::<f64>()?);
        if n * columns > 0 {
            let pairs = left.chunks_mut(n * n).zip(right.chunks_mut(n * columns));
            for (left, right) in pairs {
                eliminate(left, right, n, columns)?;
            }
        }
        Tensor::try_from_buffer(right, b.shape())?.to_dtype(b.dtype())
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        Saves::NONE.input(0).output_if(call.needs(0), 0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let right = solve(&saved.input(0)?.transpose(-2, -1)?, grad)?;
        let left = saved.grad(0, || {
            right.matmul(&saved.output(0)?.transpose(-2, -1)?)?.neg()
        })?;
        Ok([left, saved.needs(1).then_some(right)])
    }
}

/// Gauss's elimination with the largest pivot of each column; `right` becomes the solution.
fn eliminate(left: &mut [f64], right: &mut [f64], n: usize, columns: usize) -> Result<()> {
    for j in 0..n {
        let size = |i: &usize| left[i * n + j].abs();
        let pivot = (j..n).max_by(|a, b| size(a).total_cmp(&size(b)));
        let pivot = pivot.unwrap_or(j);
        if left[pivot * n + j] == 0.0 {
            return Err(Error::value(
                "torch.linalg.solve: The solver failed because the input matrix is singular.",
            ));
        }
        for c in 0..n {
            left.swap(j * n + c, pivot * n + c);
        }
        for c in 0..columns {
            right.swap(j * columns + c, pivot * columns + c);
        }
        for i in (0..n).filter(|&i| i != j) {
            let factor = left[i * n + j] / left[j * n + j];
            if factor != 0.0 {
                for c in j..n {
                    left[i * n + c] -= factor * left[j * n + c];
                }
                for c in 0..columns {
                    right[i * columns + c] -= factor * right[j * columns + c];
                }
            }
        }
    }
    for i in 0..n {
        for c in 0..columns {
            right[i * columns + c] /= left[i * n + i];
        }
    }
    Ok(())
}
