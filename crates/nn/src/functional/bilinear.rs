//! The bilinear map.

use pleach_core::{Error, Result, Tensor, checked_numel};

/// `x1ᵀ · weight[o] · x2 + bias[o]` for each output `o`.
///
/// Shapes: `x1` `[*, in1]`, `x2` `[*, in2]`, weight `[out, in1, in2]`, bias `[out]`, result `[*, out]`.
///
/// # Errors
/// If the shapes or dtypes do not fit together.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let weight = tensor![[[1.0, 2.0], [3.0, 4.0]]];
/// let y = F::bilinear(&tensor![1.0, 10.0], &tensor![1.0, 0.5], &weight, Some(&tensor![0.5]))?;
/// assert_eq!(y.to_vec::<f32>()?, [52.5]); // 1·1 + 2·0.5 + 10·(3 + 4·0.5) + 0.5
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn bilinear(
    x1: &Tensor,
    x2: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let &[outputs, n1, n2] = weight.shape() else {
        return Err(Error::shape(format!(
            "bilinear(): expected a weight of 3 dimensions, but got {}",
            weight.rank()
        )));
    };
    check(x1, x2, weight, bias)?;
    let (batch, _) = x1.shape().split_at(x1.rank() - 1);
    let rows = checked_numel(batch)?;
    // [rows, out · in2]: what each output makes of x1, still to be multiplied with x2.
    let by_input = weight
        .permute([1, 0, 2])?
        .reshape([n1, checked_numel(&[outputs, n2])?])?;
    let left = x1.reshape([rows, n1])?.matmul(&by_input)?;
    let left = left.reshape([rows, outputs, n2])?;
    let products = left.matmul(&x2.reshape([rows, n2, 1])?)?;
    let sizes = [batch, &[outputs]].concat();
    let y = products.reshape(&sizes[..])?;
    match bias {
        Some(bias) => y.add(bias),
        None => Ok(y),
    }
}

fn check(x1: &Tensor, x2: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    let all = [("input1", x1), ("input2", x2), ("weight", weight)];
    let mut named = all.into_iter().chain(bias.map(|bias| ("bias", bias)));
    if let Some((_, other)) = named.clone().find(|(_, t)| t.dtype() != x1.dtype()) {
        let text: Vec<String> = named
            .by_ref()
            .map(|(name, t)| format!("{name}: {}", t.dtype().c_name()))
            .collect();
        let text = text.join(", ");
        return Err(
            Error::dtype(format!("All tensors must have the same dtype, got {text}"))
                .hint_common(other.dtype(), x1.dtype()),
        );
    }
    if x1.rank() != x2.rank() {
        return Err(Error::shape(format!(
            "bilinear(): input dimensions do not match: got {} and {}",
            x1.rank(),
            x2.rank()
        )));
    }
    let (Some((n1, batch1)), Some((n2, batch2))) =
        (x1.shape().split_last(), x2.shape().split_last())
    else {
        return Err(Error::shape(
            "Dimension specified as -1 but tensor has no dimensions",
        ));
    };
    let mut pairs = batch1.iter().zip(batch2).enumerate();
    if let Some((dim, (a, b))) = pairs.find(|(_, (a, b))| a != b) {
        return Err(Error::shape(format!(
            "bilinear(): input batch dimensions do not match at dim {dim}: got {a} and {b}"
        )));
    }
    for (name, found, expected) in [
        ("input1", *n1, weight.shape()[1]),
        ("input2", *n2, weight.shape()[2]),
    ] {
        if found != expected {
            return Err(Error::shape(format!(
                "bilinear(): {name} size does not match weight size: got {found} but expected {expected}"
            )));
        }
    }
    match bias.filter(|bias| bias.shape() != [weight.shape()[0]]) {
        None => Ok(()),
        Some(bias) => Err(Error::shape(format!(
            "bilinear(): bias size does not match weight size: got {} but expected {}",
            bias.shape().first().unwrap_or(&1),
            weight.shape()[0]
        ))),
    }
}
