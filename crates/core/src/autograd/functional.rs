//! Derivatives of functions as values: `torch.autograd.functional`.

use super::{Options, grad_allow_unused};
use crate::shape::Shape;
use crate::{Error, Result, Tensor};

/// The inputs, or leaves of their values where they require no gradient.
pub(super) fn tracked(inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let one = |x: &Tensor| match x.requires_grad() {
        true => Ok(x.clone()),
        false => x.detach().requires_grad_(true),
    };
    inputs.iter().map(one).collect()
}

/// The gradients of an output, with zeros for inputs that it does not depend on.
fn gradients(
    output: &Tensor,
    inputs: &[Tensor],
    v: Option<&Tensor>,
    options: Options,
) -> Result<Vec<Tensor>> {
    if !output.requires_grad() {
        return inputs.iter().map(Tensor::try_zeros_like).collect();
    }
    let refs: Vec<&Tensor> = inputs.iter().collect();
    let grads = grad_allow_unused(&[output], &refs, &[v], options)?;
    let each = grads.into_iter().zip(inputs);
    each.map(|(g, x)| g.map_or_else(|| x.try_zeros_like(), Ok))
        .collect()
}

/// The value of a function, and the product of `v` with its Jacobian: what backward computes.
///
/// Shapes: `v` has the value's shape, each result that of its input.
///
/// # Errors
/// If the function fails, `v` has another shape, or an input is no float tensor.
///
/// ```
/// use pleach::{autograd::functional::vjp, tensor};
/// let (y, grads) = vjp(|x| x[0].mul(&x[1]), &[tensor![2.0], tensor![5.0]], &tensor![1.0])?;
/// assert_eq!(y.to_vec::<f32>()?, [10.0]);
/// assert_eq!(grads[0].to_vec::<f32>()?, [5.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn vjp(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    v: &Tensor,
) -> Result<(Tensor, Vec<Tensor>)> {
    let x = tracked(inputs)?;
    let y = f(&x)?;
    let grads = gradients(&y, &x, Some(v), Options::ONCE)?;
    Ok((y.detach(), grads))
}

/// The value of a function, and the product of its Jacobian with `tangents`: how the value changes
/// along a direction. It is computed by two backward walks, as in PyTorch.
///
/// Shapes: each tangent has the shape of its input, the result that of the value.
///
/// # Errors
/// As [`vjp`], or if an operation has no second derivative.
///
/// ```
/// use pleach::{autograd::functional::jvp, tensor};
/// let (_, change) = jvp(|x| x[0].exp(), &[tensor![0.0, 1.0]], &[tensor![1.0, 0.0]])?;
/// assert_eq!(change.to_vec::<f32>()?, [1.0, 0.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn jvp(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    tangents: &[Tensor],
) -> Result<(Tensor, Tensor)> {
    if tangents.len() != inputs.len() {
        return Err(Error::value(format!(
            "{} tangents for {} inputs",
            tangents.len(),
            inputs.len()
        )));
    }
    let x = tracked(inputs)?;
    let y = f(&x)?;
    // Backward is linear in what arrives; its derivative by that is the Jacobian again.
    let arrives = [y.try_zeros_like()?.requires_grad_(true)?];
    let grads = gradients(&y, &x, Some(&arrives[0]), Options::CREATE_GRAPH)?;
    let mut along: Option<Tensor> = None;
    for (grad, tangent) in grads.iter().zip(tangents) {
        let part = grad.mul(tangent)?.sum()?;
        along = Some(match along {
            None => part,
            Some(sum) => sum.add(&part)?,
        });
    }
    let change = match along {
        Some(along) => gradients(&along, &arrives, None, Options::ONCE)?.remove(0),
        None => y.try_zeros_like()?,
    };
    Ok((y.detach(), change))
}

/// The Jacobian of a function, by each input: the shape of the value followed by the input's.
///
/// # Errors
/// As [`vjp`].
///
/// ```
/// use pleach::{autograd::functional::jacobian, tensor};
/// let j = jacobian(|x| x[0].mul(&x[0]), &[tensor![1.0, 2.0]])?;
/// assert_eq!(j[0].to_vec::<f32>()?, [2.0, 0.0, 0.0, 4.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn jacobian(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    rows(&f, inputs)
}

fn rows(f: &dyn Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let x = tracked(inputs)?;
    let y = f(&x)?;
    let mut rows: Vec<Vec<Tensor>> = vec![Vec::new(); x.len()];
    for i in 0..y.numel() {
        let mut unit = vec![0.0; y.numel()];
        unit[i] = 1.0;
        let unit = Tensor::from_vec(unit, y.shape())?.to_dtype(y.dtype())?;
        let grads = gradients(&y, &x, Some(&unit), Options::RETAIN_GRAPH)?;
        rows.iter_mut()
            .zip(grads)
            .for_each(|(rows, grad)| rows.push(grad));
    }
    let whole = |(rows, x): (Vec<Tensor>, &Tensor)| {
        let mut shape = Shape::from_slice(y.shape());
        shape.extend_from_slice(x.shape());
        match rows.is_empty() {
            true => Tensor::try_zeros_of(&shape, x.dtype()),
            false => Tensor::stack(&rows, 0)?.reshape(&shape),
        }
    };
    rows.into_iter().zip(&x).map(whole).collect()
}

/// The Hessian of a function of one value: for each pair of inputs the second derivatives, in the
/// shape of the first followed by that of the second.
///
/// # Errors
/// As [`vjp`], if the value is not a single number, or an operation has no second derivative.
///
/// ```
/// use pleach::{autograd::functional::hessian, tensor};
/// let h = hessian(|x| x[0].mul(&x[0])?.mul(&x[0])?.sum(), &[tensor![1.0, 2.0]])?;
/// assert_eq!(h[0][0].to_vec::<f32>()?, [6.0, 0.0, 0.0, 12.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn hessian(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
) -> Result<Vec<Vec<Tensor>>> {
    let by = |i: usize| {
        let gradient = |x: &[Tensor]| -> Result<Tensor> {
            let y = f(x)?;
            if y.numel() != 1 {
                return Err(Error::value(
                    "The tensor returned by the function given to hessian should contain a single element",
                ));
            }
            Ok(gradients(&y, x, None, Options::CREATE_GRAPH)?.swap_remove(i))
        };
        rows(&gradient, inputs)
    };
    (0..inputs.len()).map(by).collect()
}
