//! Folding batch normalisations into the convolutions before them, for inference.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pleach_core::autograd::ModuleCall;
use pleach_core::autograd::trace::{Graph, ValueNumber, trace};
use pleach_core::{Error, Parameter, Result, Tensor, no_grad};

use crate::functional::ConvKind;
use crate::layers::{BatchNorm, Conv, ConvNd, Linear};
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
/// use pleach::Tensor;
/// use pleach::nn::{Forward, Module, fuse_conv_bn, layers::{BatchNorm2d, Conv2d}};
/// let (conv, norm) = (Conv2d::builder(3, 8, 3).bias(false).build()?, BatchNorm2d::new(8));
/// norm.running_mean.as_ref().unwrap().set(Tensor::rand([8]));
/// conv.eval();
/// norm.eval();
/// let fused = fuse_conv_bn(&conv, &norm)?;
/// let x = Tensor::randn([1, 3, 5, 5]);
/// let (two, one) = (norm.call(&conv.call(&x)?)?, fused.call(&x)?);
/// assert!(two.sub(&one)?.abs()?.max()?.item()? < 1e-5);
/// assert!(fuse_conv_bn(&conv, &BatchNorm2d::new(8)).is_err()); // in training mode
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn fuse_conv_bn<K: ConvKind, const D: usize>(
    conv: &ConvNd<K, D>,
    norm: &BatchNorm<D>,
) -> Result<ConvNd<K, D>> {
    let (weight, bias) = fold(conv, norm)?;
    let mut fused = conv.deep_copy();
    (fused.weight, fused.bias) = (weight, Some(bias));
    Ok(fused)
}

/// One linear layer that computes `norm(linear(x))` with the running statistics: PyTorch's
/// `torch.nn.utils.fusion.fuse_linear_bn_eval`. See [`fuse_conv_bn`].
///
/// # Errors
/// As [`fuse_conv_bn`].
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, Module, layers::{BatchNorm1d, Linear}, utils::fuse_linear_bn_eval};
/// let (linear, norm) = (Linear::new(3, 8), BatchNorm1d::new(8));
/// linear.eval();
/// norm.eval();
/// let fused = fuse_linear_bn_eval(&linear, &norm)?;
/// let x = Tensor::randn([2, 3]);
/// let (two, one) = (norm.call(&linear.call(&x)?)?, fused.call(&x)?);
/// assert!(two.sub(&one)?.abs()?.max()?.item()? < 1e-5);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn fuse_linear_bn(linear: &Linear, norm: &BatchNorm<1>) -> Result<Linear> {
    let (weight, bias) = fold(linear, norm)?;
    let mut fused = linear.deep_copy();
    (fused.weight, fused.bias) = (weight, Some(bias));
    Ok(fused)
}

/// A layer that a normalisation of its output can be folded into.
trait Affine<const D: usize>: Module {
    /// Dimensions of an output whose second one is the channels.
    const RANK: usize;
    /// The dimension of the weight that is along the outputs.
    const OUTPUTS: usize;
    /// Weight and bias.
    fn parts(&self) -> (&Parameter, &Option<Parameter>);
    fn parts_mut(&mut self) -> (&mut Parameter, &mut Option<Parameter>);
}

macro_rules! affine {
    ($([$($generics:tt)*] $layer:ty, $d:tt, $rank:expr, $outputs:expr;)*) => {$(
        impl<$($generics)*> Affine<$d> for $layer {
            const RANK: usize = $rank;
            const OUTPUTS: usize = $outputs;
            fn parts(&self) -> (&Parameter, &Option<Parameter>) {
                (&self.weight, &self.bias)
            }
            fn parts_mut(&mut self) -> (&mut Parameter, &mut Option<Parameter>) {
                (&mut self.weight, &mut self.bias)
            }
        }
    )*};
}
affine! {
    [K: ConvKind, const D: usize] ConvNd<K, D>, D, D + 2, K::TRANSPOSED as usize;
    [] Linear, 1, 2, 0;
}

/// Weight and bias of the layer with the normalisation.
fn fold<L: Affine<D>, const D: usize>(
    layer: &L,
    norm: &BatchNorm<D>,
) -> Result<(Parameter, Parameter)> {
    let training = |m: &dyn Module| m.node().is_some_and(Node::is_training);
    if training(layer.as_module()) || training(norm) {
        return Err(Error::value("Fusion only for eval!"));
    }
    let (Some(mean), Some(var)) = (&norm.running_mean, &norm.running_var) else {
        return Err(Error::value(
            "a batch normalisation without running statistics cannot be folded into the layer before it",
        ));
    };
    let (weight, bias) = layer.parts();
    let values = weight.try_tensor()?.detach();
    let outputs = values.shape().get(L::OUTPUTS).copied();
    // A linear layer may be normalised as one channel.
    let as_one = norm.num_features == 1 && L::RANK == 2;
    if outputs != Some(norm.num_features) && !as_one {
        return Err(Error::shape(format!(
            "a {} with weight {:?} is not followed by a normalisation of {}",
            layer.type_name(),
            values.shape(),
            norm.num_features
        )));
    }
    no_grad(|| {
        let (mean, var) = (mean.try_tensor()?, var.try_tensor()?);
        let mut scale = var.add(norm.eps())?.rsqrt()?;
        if let Some(weight) = &norm.weight {
            scale = scale.mul(weight)?;
        }
        let centre = match bias {
            Some(bias) => bias.try_tensor()?.sub(&mean)?,
            None => mean.neg()?,
        };
        let mut shift = centre.mul(&scale)?;
        if let Some(bias) = &norm.bias {
            shift = shift.add(bias)?;
        }
        if as_one {
            shift = shift.broadcast_to(&[outputs.unwrap_or(1)])?.contiguous()?;
        }
        let mut sizes = vec![1i64; values.rank()];
        sizes[L::OUTPUTS] = -1;
        let scaled = values.mul(&scale.reshape(&sizes[..])?)?;
        Ok((like(weight, scaled), like(weight, shift)))
    })
}

/// A parameter that requires a gradient if another one does.
fn like(old: &Parameter, data: Tensor) -> Parameter {
    match old.requires_grad() {
        true => Parameter::new(data),
        false => Parameter::frozen(data),
    }
}

/// Prepares a model for inference: every batch normalisation that follows a convolution, or a linear
/// layer, is folded into it as by [`fuse_conv_bn`], wherever the two stand in the tree, and is an
/// `Identity` from then on, without parameters and buffers. The paths of what was folded are
/// returned.
///
/// What follows what is seen by running the model: `run` calls it on an example. A pair is folded
/// if every output of the layer goes into that normalisation and nowhere else, and neither of them
/// has hooks. A pair that does not run, or a normalisation without running statistics, is left as it
/// is. (A comparison is no operation that a run shows: a model that compares what a convolution
/// returns, beside normalising it, is not for this.)
///
/// The new weights are this model's own: another one that shares the layer keeps the old ones.
///
/// # Errors
/// What `run` returns, or if a module of such a pair is in training mode. The model is then what it
/// was.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, Module, fuse, sequential};
/// use pleach::nn::layers::{BatchNorm2d, Conv2d, ReLU};
/// let mut net = sequential![Conv2d::new(3, 8, 3), BatchNorm2d::new(8), ReLU::new()];
/// net.eval();
/// let x = Tensor::randn([1, 3, 5, 5]);
/// let before = net.call(&x)?;
/// assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["1"]);
/// assert_eq!(net[1].to_string(), "Identity()");
/// assert!(net.call(&x)?.sub(&before)?.abs()?.max()?.item()? < 1e-5);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn fuse<M: Module, R>(model: &mut M, run: impl FnOnce(&M) -> Result<R>) -> Result<Vec<String>> {
    let (_, graph) = no_grad(|| trace(|| run(model)))?;
    let flow = Flow::of(&graph);
    let root = model.as_module();
    let mut all = Vec::new();
    plan::<Conv<1>, 1>(root, &flow, &mut all)?;
    plan::<Conv<2>, 2>(root, &flow, &mut all)?;
    plan::<Conv<3>, 3>(root, &flow, &mut all)?;
    plan::<Linear, 1>(root, &flow, &mut all)?;
    // In the order of the tree.
    let order = root.named_modules();
    let place = |path: &str| order.iter().position(|(p, _)| p == path);
    all.sort_by_key(|folding| place(&folding.path));
    // Every alias, also among siblings.
    each_mut(model.as_module_mut(), &mut |module| {
        let id = id(module);
        for folding in &all {
            if Some(folding.layer) == id || Some(folding.norm) == id {
                (folding.apply)(module);
            }
        }
    });
    Ok(all.into_iter().map(|folding| folding.path).collect())
}

/// A normalisation to be folded.
struct Folding {
    path: String,
    layer: u64,
    norm: u64,
    apply: Change,
}

/// What is done to each alias of one of the two.
type Change = Box<dyn Fn(&mut dyn Module)>;

/// Adds the pairs of a layer and a normalisation.
fn plan<L: Affine<D>, const D: usize>(
    root: &dyn Module,
    flow: &Flow<'_>,
    all: &mut Vec<Folding>,
) -> Result<()> {
    for (layer_path, path) in pairs::<L, D>(root, flow) {
        let layer = root.get_module_as::<L>(&layer_path)?;
        let norm = root.get_module_as::<BatchNorm<D>>(&path)?;
        if norm.running_mean.is_none() {
            // It has nothing of its own to fold.
            continue;
        }
        let (weight, bias) = fold(layer, norm)?;
        if let (Some(layer), Some(norm)) = (id(layer.as_module()), id(norm)) {
            let apply = move |module: &mut dyn Module| {
                if let Some(layer) = module.as_any_mut().downcast_mut::<L>() {
                    let parts = layer.parts_mut();
                    (*parts.0, *parts.1) = (weight.share(), Some(bias.share()));
                } else if let Some(norm) = module.as_any_mut().downcast_mut::<BatchNorm<D>>() {
                    norm.become_identity();
                }
            };
            let apply = Box::new(apply);
            all.push(Folding {
                path,
                layer,
                norm,
                apply,
            });
        }
    }
    Ok(())
}

/// The module of this very type: what wraps one has a `forward` of its own.
fn find<'a, M: Module>(root: &'a dyn Module, path: &str) -> Option<&'a M> {
    root.get_module(path).ok()?.as_any().downcast_ref()
}

fn id(module: &dyn Module) -> Option<u64> {
    module.node().map(Node::id)
}

/// The module's identity, unless a hook wants to see what it gets and returns.
fn free_id(module: &dyn Module) -> Option<u64> {
    let node = module.node()?;
    node.hooks().is_empty().then(|| node.id())
}

fn each_mut(module: &mut dyn Module, f: &mut dyn FnMut(&mut dyn Module)) {
    f(module);
    module.visit_mut(&mut |_, member| {
        if let MemberMut::Child(child) = member {
            each_mut(child.into_module(), f);
        }
    });
}

/// A run, and where its values go.
struct Flow<'a> {
    graph: &'a Graph,
    /// The calls that computed with a value; `None` stands for what ran in no module.
    users: HashMap<ValueNumber, Vec<Option<&'a Arc<ModuleCall>>>>,
    /// What the outermost modules returned.
    results: HashSet<ValueNumber>,
}

impl<'a> Flow<'a> {
    fn of(graph: &'a Graph) -> Self {
        let mut users = HashMap::<_, Vec<_>>::new();
        for operation in graph.operations() {
            for &input in operation.inputs().iter().flatten() {
                users.entry(input).or_default().push(operation.module());
            }
        }
        let calls = graph.calls().iter();
        let outermost = calls.filter(|call| call.module().caller().is_none());
        Flow {
            graph,
            users,
            results: outermost.flat_map(|call| call.outputs()).copied().collect(),
        }
    }

    /// Whether all that computes with a value is inside a call.
    fn goes_only_into(&self, value: ValueNumber, call: &Arc<ModuleCall>) -> bool {
        let mut users = self.users.get(&value).into_iter().flatten();
        users.all(|user| user.is_some_and(|user| Arc::ptr_eq(user, call)))
            && !self.results.contains(&value)
    }
}

/// The paths of layers, and of the normalisations that alone get what they compute.
fn pairs<L: Affine<D>, const D: usize>(
    root: &dyn Module,
    flow: &Flow<'_>,
) -> Vec<(String, String)> {
    let graph = flow.graph;
    // The normalisation that is called with a value; and how often each is called.
    let mut norm_of = HashMap::new();
    let mut calls_of = HashMap::<u64, (&str, usize)>::new();
    for call in graph.calls() {
        let path = call.module().path();
        if let (Some(norm), [value]) = (find::<BatchNorm<D>>(root, path), call.inputs())
            && let Some(id) = free_id(norm)
        {
            norm_of.insert(*value, (id, call.module()));
            calls_of.entry(id).or_insert((path, 0)).1 += 1;
        }
    }
    // Layers with the normalisation that gets all of their outputs, and how many these are.
    let mut layers = Vec::<(u64, &str, Option<u64>, usize)>::new();
    for call in graph.calls() {
        let path = call.module().path();
        if let (Some(layer), [value]) = (find::<L>(root, path), call.outputs())
            && let Some(layer) = free_id(layer.as_module())
        {
            let norm = norm_of.get(value).filter(|(_, norm)| {
                graph.shape(*value).len() == L::RANK && flow.goes_only_into(*value, norm)
            });
            let norm = norm.map(|(id, _)| *id);
            match layers.iter_mut().find(|known| known.0 == layer) {
                Some(known) if known.2 == norm => known.3 += 1,
                Some(known) => known.2 = None,
                None => layers.push((layer, path, norm, 1)),
            }
        }
    }
    let paired = layers.into_iter().filter_map(|(_, path, norm, calls)| {
        let (norm, norm_calls) = calls_of.get(&norm?)?;
        (*norm_calls == calls).then(|| (path.to_string(), norm.to_string()))
    });
    paired.collect()
}
