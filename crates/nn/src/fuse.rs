//! Folding batch normalisations into the convolutions before them, for inference.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pleach_core::autograd::ModuleCall;
use pleach_core::autograd::trace::{Graph, ValueNumber, trace};
use pleach_core::{Error, Parameter, Result, Tensor, no_grad};

use crate::layers::{BatchNorm2d, Conv2d};
use crate::{MemberMut, Module, ModuleExt, Node};

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

/// Prepares a model for inference: every batch normalisation that follows a convolution is folded
/// into it by [`fuse_conv_bn`], wherever the two stand in the tree, and is an `Identity` from then
/// on, without parameters and buffers. The paths of what was folded are returned.
///
/// What follows what is seen by running the model: `run` calls it on an example. A pair is folded
/// if every output of the convolution goes into that normalisation and nowhere else, and neither of
/// them has hooks. A pair that does not run is left as it is.
///
/// The new weights are this model's own: another one that shares the convolution keeps the old
/// ones.
///
/// # Errors
/// What `run` returns, or if a module of such a pair is in training mode.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::{Forward, Module, fuse, sequential};
/// use pleach_nn::layers::{BatchNorm2d, Conv2d, ReLU};
/// let mut net = sequential![Conv2d::new(3, 8, 3), BatchNorm2d::new(8), ReLU::new()];
/// net.eval();
/// let x = Tensor::randn([1, 3, 5, 5]);
/// let before = net.call(&x)?;
/// assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["1"]);
/// assert_eq!(net[1].to_string(), "Identity()");
/// assert!(net.call(&x)?.sub(&before)?.abs()?.max()?.item()? < 1e-5);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn fuse<M: Module, R>(model: &mut M, run: impl FnOnce(&M) -> Result<R>) -> Result<Vec<String>> {
    let (_, graph) = no_grad(|| trace(|| run(model)))?;
    let pairs = pairs(model.as_module(), &graph)?;
    let mut folded = Vec::new();
    let mut convs = HashMap::new();
    let mut norms = HashSet::new();
    for Pair { conv, norm } in pairs {
        let norm_module = model.get_module_as::<BatchNorm2d>(&norm)?;
        let conv_module = model.get_module_as::<Conv2d>(&conv)?;
        let fused = fuse_conv_bn(conv_module, norm_module)?;
        norms.extend(id(norm_module));
        convs.extend(id(conv_module).map(|id| (id, fused)));
        folded.push(norm);
    }
    // Every alias, also among siblings.
    each_mut(model.as_module_mut(), &mut |module| {
        let Some(id) = id(module) else { return };
        if let (Some(fused), Some(conv)) = (convs.get(&id), module.downcast_mut::<Conv2d>()) {
            conv.weight = fused.weight.share();
            conv.bias = fused.bias.as_ref().map(Parameter::share);
        } else if norms.contains(&id)
            && let Some(norm) = module.downcast_mut::<BatchNorm2d>()
        {
            norm.become_identity();
        }
    });
    Ok(folded)
}

/// The paths of a convolution and of the normalisation that alone gets what it computes.
struct Pair {
    conv: String,
    norm: String,
}

fn id(module: &dyn Module) -> Option<u64> {
    module.node().map(Node::id)
}

fn each_mut(module: &mut dyn Module, f: &mut dyn FnMut(&mut dyn Module)) {
    f(module);
    module.visit_mut(&mut |_, member| {
        if let MemberMut::Child(child) = member {
            each_mut(child, f);
        }
    });
}

/// The pairs that a graph shows.
fn pairs(root: &dyn Module, graph: &Graph) -> Result<Vec<Pair>> {
    let mut users = HashMap::<ValueNumber, Vec<Option<&Arc<ModuleCall>>>>::new();
    for operation in graph.operations() {
        for &input in operation.inputs().iter().flatten() {
            users.entry(input).or_default().push(operation.module());
        }
    }
    let outer = graph
        .calls()
        .iter()
        .filter(|call| call.module().caller().is_none());
    let results: HashSet<ValueNumber> = outer.flat_map(|call| call.outputs()).copied().collect();
    // By the value that goes from one module to the other: the calls that take it.
    let mut norm_of = HashMap::new();
    let mut calls_of_norm = HashMap::<u64, (String, usize)>::new();
    for call in graph.calls() {
        let path = call.module().path();
        if let (Ok(norm), [value]) = (root.get_module_as::<BatchNorm2d>(path), call.inputs())
            && let Some(id) = id(norm)
        {
            norm_of.insert(*value, (id, call.module()));
            calls_of_norm.entry(id).or_insert((path.to_string(), 0)).1 += 1;
        }
    }
    // For each convolution the normalisation that gets all of its outputs, and how many these are.
    let mut found = Vec::<(u64, String, Option<u64>, usize)>::new();
    for call in graph.calls() {
        let path = call.module().path();
        let (Ok(conv), [value]) = (root.get_module_as::<Conv2d>(path), call.outputs()) else {
            continue;
        };
        let Some(conv) = id(conv) else { continue };
        let norm = norm_of.get(value).filter(|(_, norm)| {
            let mut users = users.get(value).into_iter().flatten();
            let inside = |user: &Option<_>| user.is_some_and(|user| Arc::ptr_eq(user, norm));
            users.all(inside) && !results.contains(value)
        });
        let norm = norm.map(|(id, _)| *id);
        match found.iter_mut().find(|f| f.0 == conv) {
            Some(known) if known.2 == norm => known.3 += 1,
            Some(known) => known.2 = None,
            None => found.push((conv, path.to_string(), norm, 1)),
        }
    }
    let mut pairs = Vec::new();
    for (_, conv, norm, calls) in found {
        let Some((norm, norm_calls)) = norm.and_then(|norm| calls_of_norm.get(&norm)) else {
            continue;
        };
        let free = |path: &str| -> Result<bool> {
            Ok(root
                .get_module(path)?
                .node()
                .is_some_and(|node| node.hooks().is_empty()))
        };
        if *norm_calls == calls && free(&conv)? && free(norm)? {
            let norm = norm.clone();
            pairs.push(Pair { conv, norm });
        }
    }
    Ok(pairs)
}
