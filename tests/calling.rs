//! One way to call a module, whatever it takes and returns: hooks, errors, modes.

use std::sync::{Arc, Mutex};

use pleach::autograd::{Options, grad_allow_unused};
use pleach::nn::{Arguments, Output};
use pleach::prelude::*;

/// Lines that hooks write.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
    /// A hook that writes shapes.
    fn shapes(
        &self,
        name: &'static str,
    ) -> impl Fn(&dyn Module, &[&Tensor], &[&Tensor]) -> Result<()> + Send + Sync + 'static {
        let log = self.clone();
        move |module, inputs, outputs| {
            let shapes =
                |all: &[&Tensor]| all.iter().map(|t| t.shape().to_vec()).collect::<Vec<_>>();
            let (x, y) = (shapes(inputs), shapes(outputs));
            log.push(format!("{name} {} {x:?} {y:?}", module.type_name()));
            Ok(())
        }
    }
    /// A backward hook that writes gradients.
    #[allow(clippy::type_complexity)]
    fn grads(
        &self,
        name: &'static str,
    ) -> impl Fn(&dyn Module, &[Option<Tensor>], &[Option<Tensor>]) -> Result<()> + Send + Sync + 'static
    {
        let log = self.clone();
        move |_, inputs, outputs| {
            log.push(format!("{name} {} {}", numbers(inputs), numbers(outputs)));
            Ok(())
        }
    }
}

fn numbers(grads: &[Option<Tensor>]) -> String {
    let one = |g: &Option<Tensor>| g.as_ref().map(|g| g.to_vec::<f32>().unwrap());
    format!("{:?}", grads.iter().map(one).collect::<Vec<_>>())
}

/// `a · w + b` and `a`, or only `a · w` without b.
#[derive(Module)]
struct Pair {
    node: Node,
    linear: Linear,
}

impl Pair {
    fn new() -> Result<Self> {
        let linear = Linear::builder(2, 2).bias(false).build()?;
        linear.weight.set_data(tensor![[1.0, 2.0], [3.0, 4.0]])?;
        Ok(Pair {
            node: Node::new(),
            linear,
        })
    }
}

impl ForwardMany for Pair {
    type Arguments<'a> = (&'a Tensor, Option<&'a Tensor>, bool);
    type Output = (Tensor, Tensor);
    fn forward(&self, (a, b, negate): Self::Arguments<'_>) -> Result<(Tensor, Tensor)> {
        let y = self.linear.call(a)?;
        let y = if negate { y.neg()? } else { y };
        let y = match b {
            Some(b) => y.add(b)?,
            None => y,
        };
        Ok((y, a.clone()))
    }
}

#[test]
fn hooks_of_a_module_with_several_inputs_see_and_replace_them() -> Result<()> {
    let (pair, log) = (Pair::new()?, Log::default());
    let (a, b) = (tensor![[1.0, 1.0]], tensor![[10.0, 10.0]]);
    let seen = pair.register_forward_hook(log.shapes("pair"))?;
    let (y, same) = pair.call((&a, Some(&b), false))?;
    assert_eq!(y.to_vec::<f32>()?, [13.0, 17.0]);
    assert!(same.equal(&a)?);
    pair.call((&a, None, true))?;
    assert_eq!(
        log.take(),
        [
            "pair Pair [[1, 2], [1, 2]] [[1, 2], [1, 2]]",
            "pair Pair [[1, 2]] [[1, 2], [1, 2]]"
        ]
    );
    seen.remove();
    let swap =
        pair.register_forward_pre_hook(|_, inputs| Ok(vec![inputs[1].clone(), inputs[0].clone()]))?;
    let (y, _) = pair.call((&a, Some(&b), false))?;
    assert_eq!(y.to_vec::<f32>()?, [31.0, 71.0]);
    swap.remove();
    let both = pair.register_forward_hook(|_, inputs, outputs| {
        Ok(Some(vec![outputs[0].mul(inputs[1])?, outputs[1].neg()?]))
    })?;
    let (y, last) = pair.call((&a, Some(&b), false))?;
    assert_eq!(y.to_vec::<f32>()?, [130.0, 170.0]);
    assert_eq!(last.to_vec::<f32>()?, [-1.0, -1.0]);
    both.remove();
    let _ = pair.register_forward_hook(|_, _, outputs| Ok(outputs[0].clone()))?;
    let error = pair.call((&a, None, false)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Pair: a hook of Pair returned 1 tensors in place of 2"
    );
    Ok(())
}

#[test]
fn hooks_of_a_loss_fire() -> Result<()> {
    let (loss, log) = (MSELoss::new(), Log::default());
    let (x, y) = (tensor![1.0, 2.0], tensor![1.0, 4.0]);
    let seen = loss.register_forward_hook(log.shapes("loss"))?;
    assert_eq!(loss.call(&x, &y)?.item()?, 2.0);
    assert_eq!(log.take(), ["loss MSELoss [[2], [2]] [[]]"]);
    seen.remove();
    assert_eq!(loss.call(&x, &y)?.item()?, 2.0);
    assert!(log.take().is_empty());
    let _ = loss.register_forward_pre_hook(|_, xs| Ok(vec![xs[1].clone(), xs[1].clone()]))?;
    let _ = loss.register_forward_hook(|_, _, out| out[0].add(5.0))?;
    assert_eq!(loss.call(&x, &y)?.item()?, 5.0);
    let error = CrossEntropyLoss::new().call(&tensor![[1.0, 2.0]], &tensor![7]);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("CrossEntropyLoss: ")
    );
    Ok(())
}

#[test]
fn a_sequential_of_fused_layers_runs_them_one_by_one_while_a_hook_is_set() -> Result<()> {
    manual_seed(3);
    let conv = Conv2d::builder(3, 4, 3).padding(1).build()?;
    let net = sequential![conv, BatchNorm2d::new(4), ReLU::new(), MaxPool2d::new(2)];
    let x = Tensor::randn([2, 3, 6, 6]);
    let (plain, log) = (net.call(&x)?, Log::default());
    for i in 0..4i64 {
        let handle = net[i].register_forward_hook(log.shapes("seen"))?;
        assert_eq!(net.call(&x)?.to_vec::<f32>()?, plain.to_vec::<f32>()?);
        let line = &log.take()[..];
        let (name, size) = (net[i].type_name(), if i == 3 { 3 } else { 6 });
        let end = format!("[[2, 4, {size}, {size}]]");
        assert!(
            line.len() == 1 && line[0].contains(name) && line[0].ends_with(&end),
            "{line:?}"
        );
        handle.remove();
        assert_eq!(net.call(&x)?.to_vec::<f32>()?, plain.to_vec::<f32>()?);
        assert!(log.take().is_empty());
        let handle = net[i].register_full_backward_hook(log.grads("back"))?;
        let y = net.call(&x)?;
        y.sum()?.backward()?;
        assert_eq!(log.take().len(), 1);
        handle.remove();
    }
    Ok(())
}

#[test]
fn a_shared_layer_fires_once_a_call_and_is_named_by_its_first_path() -> Result<()> {
    let (layer, log) = (Linear::new(2, 2), Log::default());
    let net =
        sequential!["first" => layer.share(), "relu" => ReLU::new(), "second" => layer.share()];
    let handle = layer.register_forward_hook(log.shapes("shared"))?;
    net.call(&Tensor::ones([5, 2]))?;
    assert_eq!(log.take(), ["shared Linear [[5, 2]] [[5, 2]]"; 2]);
    handle.remove();
    net.call(&Tensor::ones([5, 2]))?;
    assert!(log.take().is_empty());
    let error = net.call(&Tensor::ones([5, 3])).unwrap_err().to_string();
    assert!(error.starts_with("first (Linear): "), "{error}");
    let _ = net[2].register_forward_hook(|_, _, _| Err::<(), _>(Error::other("no")))?;
    let error = net.call(&Tensor::ones([5, 2])).unwrap_err().to_string();
    assert_eq!(error, "first (Linear): no");
    Ok(())
}

/// A model whose parts are called in all the ways there are.
#[derive(Module)]
struct Whole {
    node: Node,
    pair: Pair,
    loss: MSELoss,
}

impl ForwardMany for Whole {
    type Arguments<'a> = &'a [Tensor];
    type Output = Option<Tensor>;
    fn forward(&self, all: &[Tensor]) -> Result<Option<Tensor>> {
        let [a, b, rest @ ..] = all else {
            return Ok(None);
        };
        let (x, _) = self.pair.call((a, Some(b), false))?;
        Ok(Some(self.loss.call(&x, rest.first().unwrap_or(a))?))
    }
}

#[test]
fn errors_name_the_path_whatever_is_called() -> Result<()> {
    let net = Whole {
        node: Node::new(),
        pair: Pair::new()?,
        loss: MSELoss::new(),
    };
    let text = |all: &[Tensor]| net.call(all).unwrap_err().to_string();
    let (two, three) = (Tensor::ones([1, 2]), Tensor::ones([1, 3]));
    let wrong = text(&[three.clone(), two.clone()]);
    assert!(wrong.starts_with("pair.linear (Linear): "), "{wrong}");
    let wrong = text(&[two.clone(), three.clone()]);
    assert!(wrong.starts_with("pair (Pair): "), "{wrong}");
    let wrong = text(&[two.clone(), two.clone(), three]);
    assert!(wrong.starts_with("loss (MSELoss): "), "{wrong}");
    assert!(net.call(&[])?.is_none());
    let log = Log::default();
    let _ = net.register_forward_hook(log.shapes("whole"))?;
    net.call(&[two.clone(), two])?;
    assert_eq!(log.take(), ["whole Whole [[1, 2], [1, 2]] [[]]"]);
    Ok(())
}

#[test]
fn full_backward_hooks_see_the_gradients_of_inputs_and_outputs() -> Result<()> {
    // The values are PyTorch's, for the same module and hooks.
    let (pair, log) = (Pair::new()?, Log::default());
    let a = tensor![[1.0, 1.0]].requires_grad_(true)?;
    let b = tensor![[10.0, 10.0]];
    let outer = pair.register_full_backward_hook(log.grads("pair"))?;
    let inner = pair
        .linear
        .register_full_backward_hook(log.grads("linear"))?;
    let before = pair.register_full_backward_pre_hook({
        let log = log.clone();
        move |_, grads| {
            log.push(format!("before {}", numbers(grads)));
            Ok(vec![grads[0].as_ref().map(|g| g * 10.0), grads[1].clone()])
        }
    })?;
    let (y, same) = pair.call((&a, Some(&b), false))?;
    assert_eq!(y.grad_fn(), Some("BackwardHookFunctionBackward"));
    let total = y.sum()?.add(&same.mul(100.0)?.sum()?)?;
    total.backward()?;
    assert_eq!(
        log.take(),
        [
            "before [Some([1.0, 1.0]), Some([100.0, 100.0])]",
            "linear [Some([40.0, 60.0])] [Some([10.0, 10.0])]",
            "pair [Some([140.0, 160.0]), Some([0.0, 0.0])] [Some([10.0, 10.0]), Some([100.0, 100.0])]",
        ]
    );
    assert_eq!(a.grad().unwrap().to_vec::<f32>()?, [140.0, 160.0]);
    let weight = pair.linear.weight.grad().unwrap();
    assert_eq!(weight.to_vec::<f32>()?, [10.0; 4]);
    for handle in [outer, inner, before] {
        handle.remove();
    }
    let (y, _) = pair.call((&a, None, false))?;
    assert_ne!(y.grad_fn(), Some("BackwardHookFunctionBackward"));
    y.sum()?.backward()?;
    assert!(log.take().is_empty());
    Ok(())
}

#[test]
fn a_full_backward_hook_may_replace_the_gradients_of_inputs_alone() -> Result<()> {
    let relu = ReLU::new();
    let twice = relu.register_full_backward_hook(|_, x, _| Ok(x[0].as_ref().map(|g| g * 2.0)))?;
    let x = tensor![-1.0, 3.0].requires_grad_(true)?;
    relu.call(&x)?.sum()?.backward()?;
    assert_eq!(x.grad().unwrap().to_vec::<f32>()?, [0.0, 2.0]);
    // The gradient of a gradient goes through the hook too: d/dx (2 · (x²)') = 4.
    let square = relu.call(&x.mul(&x)?)?.sum()?;
    let first = grad_allow_unused(&[&square], &[&x], &[], Options::CREATE_GRAPH)?;
    let first = first[0].as_ref().unwrap();
    assert_eq!(first.to_vec::<f32>()?, [-4.0, 12.0]);
    let second = grad_allow_unused(&[&first.sum()?], &[&x], &[], Options::ONCE)?;
    assert_eq!(second[0].as_ref().unwrap().to_vec::<f32>()?, [4.0, 4.0]);
    twice.remove();

    // Where no input has a gradient the hook runs, and may change nothing.
    let (linear, log) = (Linear::new(2, 1), Log::default());
    let seen = linear.register_full_backward_hook(log.grads("first layer"))?;
    linear.call(&Tensor::ones([1, 2]))?.sum()?.backward()?;
    assert_eq!(log.take(), ["first layer [None] [Some([1.0])]"]);
    seen.remove();
    let _ = linear.register_full_backward_hook(|_, _, y| Ok(y[0].clone()))?;
    let error = linear.call(&Tensor::ones([1, 2]))?.sum()?.backward();
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("Backward hook for Modules where no input requires gradient"),
        "{text}"
    );
    // Without recording nothing is hooked up.
    let y = no_grad(|| linear.call(&Tensor::ones([1, 2])))?;
    assert_eq!(y.grad_fn(), None);
    Ok(())
}

#[test]
fn hooks_of_tensors_and_parameters() -> Result<()> {
    let x = tensor![1.0, 2.0].requires_grad_(true)?;
    let y = (&x * 3.0).exp()?;
    let log = Log::default();
    let (one, two) = (log.clone(), log.clone());
    y.retain_grad()?;
    let first = y.register_hook(move |grad: &Tensor| {
        one.push(format!("y {:?}", grad.to_vec::<f32>()?));
        Ok(Some(grad.mul(0.0)?))
    })?;
    let _ = x.register_hook(move |grad: &Tensor| {
        two.push(format!("x {:?}", grad.to_vec::<f32>()?));
        Ok(Some(grad.add(7.0)?))
    })?;
    // Both uses of y are summed before the hook sees it.
    y.add(&y)?.sum()?.backward_retain_graph()?;
    assert_eq!(log.take(), ["y [2.0, 2.0]", "x [0.0, 0.0]"]);
    assert_eq!(x.grad().unwrap().to_vec::<f32>()?, [7.0, 7.0]);
    assert_eq!(y.grad().unwrap().to_vec::<f32>()?, [0.0, 0.0]);
    first.remove();
    let grads = pleach::autograd::grad(&[&y.sum()?], &[&x])?;
    let expected = [3.0 * 3f32.exp() + 7.0, 3.0 * 6f32.exp() + 7.0];
    for (grad, expected) in grads[0].to_vec::<f32>()?.iter().zip(expected) {
        assert!((grad - expected).abs() < 1e-3 * expected);
    }
    assert_eq!(log.take().len(), 1);

    let wrong = (&x * 2.0).register_hook(|_| Ok(Some(Tensor::ones([3]))));
    assert!(wrong.is_ok());
    let y = &x * 2.0;
    let _ = y.register_hook(|_| Ok(Some(Tensor::ones([3]))))?;
    let error = y.sum()?.backward().unwrap_err().to_string();
    assert!(
        error.contains("a hook has changed the size of value"),
        "{error}"
    );
    let error = tensor![1.0].register_hook(|_| Ok(None));
    assert_eq!(
        error.map(drop).unwrap_err().to_string(),
        "cannot register a hook on a tensor that doesn't require gradient"
    );

    let linear = Linear::builder(1, 1).bias(false).build()?;
    let clip = linear
        .weight
        .register_hook(|g| Ok(Some(g.clamp(-1.0, 1.0)?)))?;
    linear.call(&tensor![[50.0]])?.sum()?.backward()?;
    assert_eq!(linear.weight.grad().unwrap().item()?, 1.0);
    clip.remove();
    linear.call(&tensor![[50.0]])?.sum()?.backward()?;
    assert_eq!(linear.weight.grad().unwrap().item()?, 51.0);
    Ok(())
}

/// A state of one's own as an output, and a view of it as an argument.
struct State {
    hidden: Tensor,
    steps: usize,
}

#[derive(Clone, Copy)]
struct StateRef<'a> {
    hidden: &'a Tensor,
    steps: usize,
}

impl State {
    fn view(&self) -> StateRef<'_> {
        StateRef {
            hidden: &self.hidden,
            steps: self.steps,
        }
    }
}

impl<'a> Arguments<'a> for StateRef<'a> {
    type At<'b> = StateRef<'b>;
    fn tensors(self, all: &mut pleach::nn::Tensors<'a>) {
        self.hidden.tensors(all);
    }
    fn with_tensors<'b>(self, new: &mut &'b [Tensor]) -> Result<StateRef<'b>>
    where
        'a: 'b,
    {
        Ok(StateRef {
            hidden: self.hidden.with_tensors(new)?,
            steps: self.steps,
        })
    }
}

impl Output for State {
    fn returned<'a>(&'a self, all: &mut pleach::nn::Tensors<'a>) {
        all.push(&self.hidden);
    }
    fn set_returned(&mut self, new: &mut std::slice::Iter<'_, Tensor>) -> Result<()> {
        self.hidden.set_returned(new)
    }
}

#[derive(Module)]
struct Cell {
    node: Node,
    linear: Linear,
}

impl ForwardMany for Cell {
    type Arguments<'a> = (&'a Tensor, StateRef<'a>);
    type Output = State;
    fn forward(&self, (x, state): Self::Arguments<'_>) -> Result<State> {
        Ok(State {
            hidden: self.linear.call(x)?.add(state.hidden)?.tanh()?,
            steps: state.steps + 1,
        })
    }
}

#[test]
fn a_module_returns_a_struct_of_its_own() -> Result<()> {
    let cell = Cell {
        node: Node::new(),
        linear: Linear::new(2, 3),
    };
    let log = Log::default();
    let _ = cell.register_forward_hook(log.shapes("cell"))?;
    let _ =
        cell.register_forward_pre_hook(|_, given| Ok(vec![given[0].mul(2.0)?, given[1].clone()]))?;
    let x = Tensor::ones([4, 2]);
    let mut state = State {
        hidden: Tensor::zeros([4, 3]),
        steps: 0,
    };
    for _ in 0..3 {
        state = cell.call((&x, state.view()))?;
    }
    assert_eq!(state.steps, 3);
    assert_eq!(log.take(), ["cell Cell [[4, 2], [4, 3]] [[4, 3]]"; 3]);
    Ok(())
}

#[test]
fn modes_reach_through_modules_without_a_node() {
    #[derive(Module)]
    struct Outer {
        inner: Sequential,
    }
    let net = Outer {
        inner: sequential![Dropout::new(0.5), ReLU::new()],
    };
    net.eval();
    assert!(net.modules().iter().all(|m| !m.is_training()));
    net.train();
    assert!(net.inner.is_training() && net.inner[0].is_training());
}

/// Heads by name.
#[derive(Module)]
struct Heads {
    node: Node,
    boxes: Linear,
    scores: Linear,
}

impl ForwardMany for Heads {
    type Arguments<'a> = &'a Tensor;
    type Output = std::collections::BTreeMap<&'static str, Tensor>;
    fn forward(&self, x: &Tensor) -> Result<Self::Output> {
        let heads = [("boxes", &self.boxes), ("scores", &self.scores)];
        let run = |(name, head): (&'static str, &Linear)| Ok((name, head.call(x)?));
        heads.into_iter().map(run).collect()
    }
}

#[test]
fn a_module_returns_its_outputs_by_name() -> Result<()> {
    let (boxes, scores) = (Linear::new(3, 4), Linear::new(3, 2));
    let heads = Heads {
        node: Node::new(),
        boxes,
        scores,
    };
    let _ = heads.register_forward_hook(|_, _, all| {
        assert_eq!((all[0].shape(), all[1].shape()), (&[5, 4][..], &[5, 2][..]));
        Ok(vec![all[0].mul(0.0)?, all[1].clone()])
    })?;
    let out = heads.call(&Tensor::ones([5, 3]))?;
    assert_eq!(out["boxes"].sum()?.item()?, 0.0);
    assert_ne!(out["scores"].sum()?.item()?, 0.0);
    Ok(())
}
