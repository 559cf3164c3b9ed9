//! Folding batch normalisations into the convolutions before them, for inference.

use pleach_core::{Error, Parameter, Result, Tensor, no_grad};

use crate::layers::{BatchNorm2d, Conv2d};
use crate::{Forward, Module, Sequential};

/// One convolution that computes `norm(conv(x))` with the running statistics: PyTorch's
/// `torch.nn.utils.fusion.fuse_conv_bn_eval`.
///
/// ```text
/// weight' = weight · γ / sqrt(var + eps)        bias' = (bias - mean) · γ / sqrt(var + eps) + β
/// ```
///
/// The result is a layer of its own, in evaluation mode; `conv` and `norm` stay as they are. It
/// differs from the two layers by rounding alone.
///
/// # Errors
/// If one of the layers is in training mode, the normalisation has no running statistics, or the
/// numbers of channels differ.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::{Forward, Module, fuse_conv_bn, layers::{BatchNorm2d, Conv2d}};
/// let (conv, norm) = (Conv2d::builder(3, 8, 3).bias(false).build()?, BatchNorm2d::new(8));
/// norm.running_mean.as_ref().unwrap().set(Tensor::rand([8]));
/// conv.eval();
/// norm.eval();
/// let fused = fuse_conv_bn(&conv, &norm)?;
/// let x = Tensor::randn([1, 3, 5, 5]);
/// let (two, one) = (norm.call(&conv.call(&x)?)?, fused.call(&x)?);
/// assert!(two.sub(&one)?.abs()?.max()?.item()? < 1e-5);
/// assert!(fuse_conv_bn(&conv, &BatchNorm2d::new(8)).is_err()); // in training mode
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn fuse_conv_bn(conv: &Conv2d, norm: &BatchNorm2d) -> Result<Conv2d> {
    let training = |m: &dyn Module| m.node().is_some_and(|node| node.is_training());
    if training(conv) || training(norm) {
        return Err(Error::value("Fusion only for eval!"));
    }
    let (Some(mean), Some(var)) = (&norm.running_mean, &norm.running_var) else {
        return Err(Error::value(
            "a batch normalisation without running statistics cannot be folded into a convolution",
        ));
    };
    let channels = conv.weight.shape().first().copied();
    if channels != Some(norm.num_features) {
        return Err(Error::shape(format!(
            "a convolution with {} output channels is not followed by a normalisation of {}",
            conv.out_channels, norm.num_features
        )));
    }
    no_grad(|| {
        let mut scale = var.tensor().add(norm.eps())?.rsqrt()?;
        if let Some(weight) = &norm.weight {
            scale = scale.mul(weight)?;
        }
        let centre = match &conv.bias {
            Some(bias) => bias.data().sub(mean.tensor())?,
            None => mean.tensor().neg()?,
        };
        let mut shift = centre.mul(&scale)?;
        if let Some(bias) = &norm.bias {
            shift = shift.add(bias)?;
        }
        let weight = conv.weight.data().mul(&scale.reshape([-1, 1, 1, 1])?)?;
        let mut fused = conv.deep_copy();
        fused.weight = like(&conv.weight, weight);
        fused.bias = Some(like(&conv.weight, shift));
        Ok(fused)
    })
}

/// A parameter that requires a gradient if another one does.
fn like(old: &Parameter, data: Tensor) -> Parameter {
    match old.requires_grad() {
        true => Parameter::new(data),
        false => Parameter::frozen(data),
    }
}

impl Sequential {
    /// This network for inference: every [`Conv2d`] that a [`BatchNorm2d`] follows is folded with
    /// it by [`fuse_conv_bn`], here and in the `Sequential`s within. Names stay what they are; those
    /// of the normalisations are gone.
    ///
    /// What is not folded is shared with this network; the folded convolutions are copies, which do
    /// not follow later changes of it.
    ///
    /// # Errors
    /// If such a pair is in training mode.
    ///
    /// ```
    /// use pleach_core::Tensor;
    /// use pleach_nn::{Forward, Module, Sequential};
    /// use pleach_nn::layers::{BatchNorm2d, Conv2d, ReLU};
    /// let net = Sequential::new()
    ///     .append(Conv2d::new(3, 8, 3))
    ///     .append(BatchNorm2d::new(8))
    ///     .append(ReLU::new());
    /// net.eval();
    /// let fused = net.fuse()?;
    /// let names: Vec<String> = fused.named_children().into_iter().map(|(n, _)| n).collect();
    /// assert_eq!(names, ["0", "2"]);
    /// let x = Tensor::randn([1, 3, 5, 5]);
    /// assert!(fused.call(&x)?.sub(&net.call(&x)?)?.abs()?.max()?.item()? < 1e-5);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn fuse(&self) -> Result<Sequential> {
        let mut fused = Sequential::new();
        let mut children = self.named_iter().peekable();
        while let Some((name, child)) = children.next() {
            // What wraps one of these layers has a `forward` of its own.
            let conv = child.as_any().downcast_ref::<Conv2d>();
            let next = children.peek();
            let norm = next.and_then(|(_, next)| next.as_any().downcast_ref::<BatchNorm2d>());
            let child: Box<dyn Forward> = match (conv, norm) {
                (Some(conv), Some(norm)) => {
                    children.next();
                    fuse_conv_bn(conv, norm)?.into()
                }
                _ => match child.as_any().downcast_ref::<Sequential>() {
                    Some(inner) => inner.fuse()?.into(),
                    None => child.share_forward(),
                },
            };
            fused.push_named(name, child)?;
        }
        if let (Some(new), Some(old)) = (fused.node(), self.node()) {
            new.set_training(old.is_training());
        }
        Ok(fused)
    }
}
