//! [`gradcheck`]: an operation's gradient against finite differences.

use super::functional::tracked;
use super::{Options, grad_allow_unused};
use crate::{DType, Error, Result, Tensor};

/// The step of the central differences: the cube root of f64's epsilon balances rounding
/// against truncation.
const STEP: f64 = 6e-6;

/// Compares the gradient of `f` with central differences, element by element, in f64.
///
/// `f` gets the inputs (all of them f64, each a leaf) and returns one tensor; its outputs are
/// weighted with fixed pseudo-random numbers so that errors cannot cancel. Inputs should keep
/// away from kinks.
///
/// # Errors
/// If an input is not f64, `f` fails, or a gradient differs from the difference quotient by more
/// than `1e-6 + 1e-5 * |quotient|`.
///
/// ```
/// use pleach::{autograd::gradcheck, DType, Tensor};
/// let x = Tensor::from_slice(&[0.3f64, -0.7], [2])?;
/// gradcheck(|inputs| inputs[0].tanh(), &[x])?;
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn gradcheck(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    check(&f, inputs)
}

/// [`gradcheck`], compiled once for all functions.
/// Checks the second derivatives of an operation: [`gradcheck`] of its gradient, as a function of the
/// inputs and of the gradient that arrives.
///
/// # Errors
/// As [`gradcheck`], or if the gradient cannot be differentiated.
///
/// ```
/// use pleach::{Tensor, autograd::gradgradcheck};
/// let x = Tensor::from_vec(vec![0.5, -2.0], [2])?;
/// gradgradcheck(|x| x[0].mul(&x[0])?.mul(&x[0]), &[x])?;
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn gradgradcheck(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    check_twice(&f, inputs)
}

fn check_twice(f: &dyn Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    let n = inputs.len();
    let arriving = weights(f(inputs)?.shape())?;
    let gradient = |all: &[Tensor]| -> Result<Tensor> {
        let x = tracked(&all[..n])?;
        let refs: Vec<&Tensor> = x.iter().collect();
        let arrives = Some(&all[n]);
        let grads = grad_allow_unused(&[&f(&x)?], &refs, &[arrives], Options::CREATE_GRAPH)?;
        let mut sum = all[n].sum()?.mul(0.0)?;
        for grad in grads.iter().flatten() {
            sum = sum.add(&grad.mul(&weights(grad.shape())?)?.sum()?)?;
        }
        Ok(sum)
    };
    let mut all = inputs.to_vec();
    all.push(arriving);
    check(&gradient, &all)
}

fn check(f: &dyn Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    if let Some(x) = inputs.iter().find(|x| x.dtype() != DType::F64) {
        return Err(Error::dtype(format!(
            "gradcheck works in torch.float64, got {}",
            x.dtype()
        )));
    }
    let leaves: Vec<Tensor> = inputs
        .iter()
        .map(|x| x.detach().requires_grad_(true))
        .collect::<Result<_>>()?;
    let output = f(&leaves)?;
    let weights = weights(output.shape())?;
    let refs: Vec<&Tensor> = leaves.iter().collect();
    let grads = grad_allow_unused(&[&output], &refs, &[Some(&weights)], Options::ONCE)?;

    let loss = |inputs: &[Tensor]| -> Result<f64> { f(inputs)?.mul(&weights)?.sum()?.item() };
    for (i, x) in inputs.iter().enumerate() {
        let analytic = match &grads[i] {
            Some(g) if g.shape() != x.shape() => {
                return Err(Error::autograd(format!(
                    "gradient of input {i} has shape {:?}, the input {:?}",
                    g.shape(),
                    x.shape()
                )));
            }
            Some(g) => g.to_vec::<f64>()?,
            None => vec![0.0; x.numel()],
        };
        for (j, &got) in analytic.iter().enumerate() {
            let shifted = |by: f64| -> Result<f64> {
                let mut moved: Vec<Tensor> = inputs.iter().map(Tensor::detach).collect();
                // Keeps the input's strides, so that a non-contiguous input stays one.
                let delta = {
                    let mut d = vec![0.0; x.numel()];
                    d[j] = by;
                    Tensor::from_vec(d, x.shape())?
                };
                moved[i] = restride(&x.detach().add(&delta)?, x)?;
                loss(&moved)
            };
            let quotient = (shifted(STEP)? - shifted(-STEP)?) / (2.0 * STEP);
            let off = (got - quotient).abs();
            // A nan is a failure too.
            if off.is_nan() || off > 1e-6 + 1e-5 * quotient.abs() {
                return Err(Error::autograd(format!(
                    "gradient of input {i}, element {j}: {got}, but the difference quotient is {quotient}"
                )));
            }
        }
    }
    Ok(())
}

/// Fixed weights in `[-1, 1)` of a shape, the same at every call.
fn weights(shape: &[usize]) -> Result<Tensor> {
    let n: usize = shape.iter().product();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let values = (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect();
    Tensor::from_vec(values, shape)
}

/// The values of `x` in an order of dimensions in memory like that of `like`.
fn restride(x: &Tensor, like: &Tensor) -> Result<Tensor> {
    let order = like.layout().memory_order();
    let mut back = vec![0i64; order.len()];
    for (i, &d) in order.iter().enumerate() {
        back[d] = i as i64;
    }
    let order: Vec<i64> = order.iter().map(|&d| d as i64).collect();
    x.permute(&order[..])?.contiguous()?.permute(&back[..])
}
