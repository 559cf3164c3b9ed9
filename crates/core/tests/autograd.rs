//! How the graph behaves: accumulation, freeing, leaves, detaching, and how deep it may be.

use pleach_core::{DType, Parameter, Tensor, autograd, enable_grad, no_grad, tensor};

fn leaf(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, [values.len()])
        .unwrap()
        .requires_grad_(true)
        .unwrap()
}

fn grad(x: &Tensor) -> Vec<f32> {
    x.grad()
        .expect("there is a gradient")
        .to_vec::<f32>()
        .unwrap()
}

fn text<T: std::fmt::Debug>(result: pleach_core::Result<T>) -> String {
    result.unwrap_err().kind().to_string()
}

#[test]
fn gradients_accumulate_over_backwards_and_uses() {
    let x = leaf(&[2.0, 3.0]);
    for expected in [[8.0, 10.0], [16.0, 20.0]] {
        let y = &(&x * &x) + &(&x * 4.0);
        y.sum().unwrap().backward().unwrap();
        assert_eq!(grad(&x), expected);
    }
    x.set_grad(None).unwrap();
    assert!(x.grad().is_none());
}

#[test]
fn a_second_backward_fails_only_where_values_were_saved() {
    let freed = "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.";
    let x = leaf(&[1.0, 1.0]);
    for y in [
        (&x * &x).sum().unwrap(),
        (&x * 2.0).sum().unwrap(),
        x.exp().unwrap().sum().unwrap(),
    ] {
        y.backward().unwrap();
        assert_eq!(text(y.backward()), freed);
    }
    for y in [
        x.sum().unwrap(),
        (&x + 1.0).sum().unwrap(),
        x.index(0).unwrap(),
    ] {
        y.backward().unwrap();
        y.backward().unwrap();
    }
    let y = x.exp().unwrap().sum().unwrap();
    y.backward_retain_graph().unwrap();
    y.backward().unwrap();
    assert_eq!(text(y.backward()), freed);
}

#[test]
fn misuse_is_an_error_with_pytorchs_text() {
    let x = leaf(&[1.0, 1.0]);
    assert_eq!(
        text((&x * 2.0).backward()),
        "grad can be implicitly created only for scalar outputs"
    );
    let no_graph = "element 0 of tensors does not require grad and does not have a grad_fn";
    assert_eq!(text(tensor![1.0].sum().unwrap().backward()), no_graph);
    assert_eq!(text(x.detach().sum().unwrap().backward()), no_graph);
    assert_eq!(text(no_grad(|| x.sum().unwrap()).backward()), no_graph);
    assert_eq!(
        text((&x * 2.0).backward_with(&Tensor::ones([3]))),
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2])."
    );
    assert_eq!(
        text(autograd::grad(&[&x.sum().unwrap()], &[&leaf(&[1.0])])),
        "The differentiated Tensor at index 0 appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
    );
    assert_eq!(
        text((&x * 1.0).requires_grad_(false)),
        "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
    );
    assert_eq!(
        text(Tensor::arange(3).requires_grad_(true)),
        "only Tensors of floating point dtype can require gradients"
    );
}

#[test]
fn a_leaf_is_changed_in_place_only_without_recording() {
    let on_leaf = "a leaf Variable that requires grad is being used in an in-place operation.";
    let on_view =
        "a view of a leaf Variable that requires grad is being used in an in-place operation.";
    let mut x = leaf(&[1.0, 2.0]);
    assert_eq!(text(x.add_(1).map(drop)), on_leaf);
    assert_eq!(text(x.zero_().map(drop)), on_leaf);
    assert_eq!(text(x.normal_(0.0, 1.0).map(drop)), on_leaf);
    assert_eq!(text(x.index_put_(0, 5.0).map(drop)), on_view);
    assert_eq!(text(x.index(..1).unwrap().mul_(2).map(drop)), on_view);
    assert_eq!(
        text(x.view([2, 1]).unwrap().t().unwrap().fill_(2.0).map(drop)),
        on_view
    );
    assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0]);
    // A view of a computed tensor may be changed.
    (&x * 1.0).index(..1).unwrap().mul_(2).unwrap();

    let id = x.clone();
    no_grad(|| x.add_(1).map(drop)).unwrap();
    assert_eq!(x.to_vec::<f32>().unwrap(), [2.0, 3.0]);
    assert_eq!(
        id.to_vec::<f32>().unwrap(),
        [1.0, 2.0],
        "another handle keeps its values"
    );
    assert!(x.is_leaf() && x.requires_grad());
    (&x * &x).sum().unwrap().backward().unwrap();
    assert_eq!(grad(&x), [4.0, 6.0]);
}

#[test]
fn values_changed_after_use_do_not_spoil_the_gradient() {
    // PyTorch raises an error or, through .data, gives the gradient of the new values.
    let w = Parameter::new(tensor![1.0, 2.0]);
    let y = w.tensor().mul(w.tensor()).unwrap().sum().unwrap();
    w.data().add_(10.0).unwrap();
    no_grad(|| w.mul_(3.0).map(drop)).unwrap();
    w.update::<f32>(|mut v| v.fill(-1.0)).unwrap();
    y.backward().unwrap();
    assert_eq!(w.grad().unwrap().to_vec::<f32>().unwrap(), [2.0, 4.0]);
    assert_eq!(w.data().to_vec::<f32>().unwrap(), [-1.0, -1.0]);

    let x = leaf(&[1.0, 2.0]);
    let mut e = x.exp().unwrap();
    let before = e.detach().to_vec::<f32>().unwrap();
    e.add_(1.0).unwrap();
    e.sum().unwrap().backward().unwrap();
    assert_eq!(grad(&x), before[..]);
}

#[test]
fn recording_is_switched_by_scope() {
    let x = leaf(&[1.0]);
    assert!(!no_grad(|| &x * 2.0).requires_grad());
    assert!(no_grad(|| enable_grad(|| &x * 2.0)).requires_grad());
    let caught = std::panic::catch_unwind(|| no_grad(|| panic!("inside")));
    assert!(caught.is_err());
    assert!(
        (&x * 2.0).requires_grad(),
        "the old state is back after a panic"
    );
    let y = &x * 3.0;
    let z = &y * &y.detach();
    z.sum().unwrap().backward().unwrap();
    assert_eq!(grad(&x), [9.0]);
}

#[test]
fn gradients_of_results_are_kept_on_request() {
    let x = leaf(&[2.0]);
    let y = &x * 3.0;
    let z = &y * &y;
    assert!(y.grad().is_none());
    y.retain_grad().unwrap();
    z.sum().unwrap().backward().unwrap();
    assert_eq!(grad(&y), [12.0]);
    assert_eq!(grad(&x), [36.0]);
    assert!(z.grad().is_none());
    assert_eq!(
        text(tensor![1.0].retain_grad()),
        "can't retain_grad on Tensor that has requires_grad=False"
    );
}

#[test]
fn grad_returns_without_touching_the_leaves() {
    let (x, unused) = (leaf(&[2.0]), leaf(&[1.0]));
    let y = &x * 3.0;
    let z = (&y * &y).sum().unwrap();
    let grads = autograd::grad_allow_unused(
        &[&z],
        &[&x, &unused, &y],
        &[],
        autograd::Options::RETAIN_GRAPH,
    )
    .unwrap();
    assert_eq!(grads[0].as_ref().unwrap().item().unwrap(), 36.0);
    assert!(grads[1].is_none());
    assert_eq!(grads[2].as_ref().unwrap().item().unwrap(), 12.0);
    assert!(x.grad().is_none());
    // Several outputs add up, each with its own gradient.
    let two = Tensor::full([1], 2.0);
    let grads = autograd::grad_allow_unused(
        &[&z, &y],
        &[&x],
        &[None, Some(&two)],
        autograd::Options::ONCE,
    )
    .unwrap();
    assert_eq!(grads[0].as_ref().unwrap().item().unwrap(), 42.0);
}

#[test]
fn a_gradient_has_the_dtype_of_its_leaf() {
    let x = leaf(&[1.0, 2.0]);
    let wide = Tensor::from_slice(&[3.0f64, 5.0], [2])
        .unwrap()
        .requires_grad_(true)
        .unwrap();
    let y = x.mul(&wide).unwrap();
    assert_eq!(y.dtype(), DType::F64);
    y.sum().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().dtype(), DType::F32);
    assert_eq!(grad(&x), [3.0, 5.0]);
    assert_eq!(wide.grad().unwrap().to_vec::<f64>().unwrap(), [1.0, 2.0]);
    // By way of a smaller type.
    let z = leaf(&[1.0]);
    z.to_dtype(DType::BF16)
        .unwrap()
        .to_dtype(DType::F32)
        .unwrap()
        .sum()
        .unwrap()
        .backward()
        .unwrap();
    assert_eq!(z.grad().unwrap().dtype(), DType::F32);
}

#[test]
fn leaves_that_share_a_gradient_do_not_share_its_changes() {
    let (a, b) = (leaf(&[1.0]), leaf(&[1.0]));
    (&a + &b).sum().unwrap().backward().unwrap();
    (&a * 5.0).sum().unwrap().backward().unwrap();
    assert_eq!((grad(&a), grad(&b)), (vec![6.0], vec![1.0]));
}

const DEEP: usize = 100_000;

#[test]
fn a_chain_of_a_hundred_thousand_operations_is_walked() {
    let x = leaf(&[1.0]);
    let mut y = x.clone();
    for _ in 0..DEEP {
        y = &y + 1.0;
    }
    y.sum().unwrap().backward().unwrap();
    assert_eq!(grad(&x), [1.0]);
    assert_eq!(y.item().unwrap(), 1.0 + DEEP as f64);
}

#[test]
fn a_chain_of_a_hundred_thousand_operations_is_dropped_unwalked() {
    let x = leaf(&[1.0]);
    let mut y = x.clone();
    for _ in 0..DEEP {
        // Two edges to the same node, and saved values.
        y = y.mul(&y).unwrap();
    }
    drop(y);
    assert!(x.grad().is_none());
    // And one whose only owner is a thread that ends.
    std::thread::spawn(move || {
        let mut y = x.clone();
        (0..DEEP).for_each(|_| y = &y + 1.0);
    })
    .join()
    .unwrap();
}

#[test]
fn many_leaves_used_twice_get_the_sums_of_their_gradients() {
    // More than a walk keeps in a plain list.
    let leaves: Vec<Tensor> = (0..40).map(|i| leaf(&[i as f32, 1.0])).collect();
    let mut total = Tensor::zeros([2]);
    for (i, x) in leaves.iter().enumerate() {
        total = &total + &(x * (i as f64));
    }
    for x in leaves.iter().rev() {
        total = &total + &(x * x);
    }
    total.sum().unwrap().backward().unwrap();
    for (i, x) in leaves.iter().enumerate() {
        let i = i as f32;
        assert_eq!(grad(x), [i + 2.0 * i, i + 2.0]);
    }
    let refs: Vec<&Tensor> = leaves.iter().collect();
    let loss = (&leaves[0] + &leaves[39]).sum().unwrap();
    let grads = autograd::grad_allow_unused(&[&loss], &refs, &[], autograd::Options::ONCE).unwrap();
    for (i, g) in grads.iter().enumerate() {
        assert_eq!(g.is_some(), i == 0 || i == 39, "{i}");
    }
}

#[test]
fn a_node_waits_for_all_its_uses_however_deep_they_are() {
    let x = leaf(&[1.5]);
    let y = &x * 2.0;
    // Used at once, after one step and after three, in an order that mixes their ids.
    let (early, deep) = (&y * 5.0, &(&(&y + 1.0) * 3.0) + 2.0);
    let late = &y * &y;
    let z = &(&(&deep + &late) + &early) + &y;
    y.retain_grad().unwrap();
    z.sum().unwrap().backward().unwrap();
    let expected = 3.0 + 2.0 * 3.0 + 5.0 + 1.0;
    assert_eq!(grad(&y), [expected]);
    assert_eq!(grad(&x), [2.0 * expected]);
}

#[test]
fn a_gradient_that_somebody_holds_is_not_added_to() {
    let x = leaf(&[1.0, 2.0]);
    (&x * 3.0).sum().unwrap().backward().unwrap();
    let first = x.grad().unwrap();
    (&x * 4.0).sum().unwrap().backward().unwrap();
    assert_eq!(first.to_vec::<f32>().unwrap(), [3.0, 3.0]);
    assert_eq!(grad(&x), [7.0, 7.0]);
    // The gradient that a walk starts from is the caller's.
    let start = Tensor::ones([2]);
    let y = &x + &x;
    autograd::backward(
        &[&y, &y],
        &[Some(&start), Some(&start)],
        autograd::Options::ONCE,
    )
    .unwrap();
    assert_eq!(start.to_vec::<f32>().unwrap(), [1.0, 1.0]);
    assert_eq!(grad(&x), [11.0, 11.0]);
}

#[test]
fn a_gradient_of_a_users_operation_gets_its_inputs_shape_and_dtype_or_is_refused() {
    use pleach_core::autograd::{GradsOf, Operation, Own, Saved, apply};
    #[derive(Clone)]
    struct Given(Tensor);
    impl Operation for Given {
        type Inputs<'a> = &'a Tensor;
        type Outputs = Tensor;
        fn name(&self) -> &'static str {
            "OwnBackward"
        }
        fn forward(&self, x: &Tensor, _: &mut Own) -> pleach_core::Result<Tensor> {
            Ok(x.clone())
        }
        fn backward(&self, _: &Saved<'_>, _: &Tensor) -> pleach_core::Result<GradsOf<Self>> {
            Ok([Some(self.0.clone())])
        }
    }
    let step = |x: &Tensor, grad: Tensor| apply(Given(grad), x)?.sum()?.backward();
    let leaf = || Tensor::ones([3]).requires_grad_(true).unwrap();
    let x = leaf();
    step(&x, Tensor::ones_of([2, 3], DType::F64)).unwrap();
    let grad = x.grad().unwrap();
    assert_eq!(grad.to_vec::<f32>().unwrap(), [2.0, 2.0, 2.0]);

    let x = leaf();
    let refused = step(&x, Tensor::ones([2])).unwrap_err().kind().to_string();
    assert_eq!(
        refused,
        "Function OwnBackward returned an invalid gradient at index 0 - got [2] but expected shape compatible with [3]"
    );
    assert!(x.grad().is_none());
    // One that would have to be broadcast is none either.
    assert!(step(&leaf(), Tensor::ones([1])).is_err());
}
