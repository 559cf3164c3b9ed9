//! Parameters and buffers: identity, changes, and what they refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pleach_core::{Buffer, DType, Parameter, Tensor, no_grad, tensor};

fn values(t: &Tensor) -> Vec<f32> {
    t.to_vec::<f32>().unwrap()
}

#[test]
fn handles_can_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Parameter>();
    check::<Buffer>();
    check::<Tensor>();
    let w = Parameter::new(tensor![0.0]);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                (0..100).for_each(|_| {
                    w.data().add_(1.0).unwrap();
                })
            });
        }
    });
    assert_eq!(values(&w.data()), [400.0]);
}

#[test]
fn a_shared_parameter_is_one_and_a_copy_is_another() {
    let w = Parameter::new(tensor![1.0, 2.0]);
    let (alias, copy) = (w.share(), w.deep_copy());
    assert!(w.same(&alias) && w.id() == alias.id());
    assert!(!w.same(&copy) && w.id() != copy.id());
    alias.data().mul_(2.0).unwrap();
    assert_eq!(values(&w.data()), [2.0, 4.0]);
    assert_eq!(values(&copy.data()), [1.0, 2.0]);
    // Both names lead to one gradient.
    w.tensor()
        .add(alias.tensor())
        .unwrap()
        .sum()
        .unwrap()
        .backward()
        .unwrap();
    assert_eq!(values(&alias.grad().unwrap()), [2.0, 2.0]);
    assert!(copy.grad().is_none());
    alias.zero_grad();
    assert!(w.grad().is_none());
}

#[test]
fn reading_a_parameter_inside_its_update_panics_and_leaves_it_usable() {
    let w = Parameter::new(tensor![1.0, 2.0]);
    let result = catch_unwind(AssertUnwindSafe(|| w.update::<f32>(|_| drop(w.data()))));
    let message = *result
        .unwrap_err()
        .downcast::<&str>()
        .map(|s| s.to_string())
        .map(Box::new)
        .or_else(|e| e.downcast::<String>())
        .unwrap();
    assert_eq!(
        message,
        "a parameter was used inside its own update, which has taken its value out"
    );
    w.update::<f32>(|mut v| v[0] = 5.0).unwrap();
    assert_eq!(values(&w.data()), [5.0, 2.0]);

    let b = Buffer::new(tensor![1.0]);
    assert!(catch_unwind(AssertUnwindSafe(|| b.update(|_| Ok(b.tensor())))).is_err());
    b.update(|t| t.add_(1.0).map(drop)).unwrap();
    assert_eq!(values(&b.tensor()), [2.0]);
}

#[test]
fn what_returns_a_result_does_not_panic_inside_an_update() {
    let w = Parameter::new(tensor![1.0, 2.0]);
    w.tensor().sum().unwrap().backward().unwrap();
    let mut data = w.data();
    w.update::<f32>(|mut v| {
        assert!(w.try_tensor().is_err());
        assert!(w.set_data(tensor![7.0, 7.0, 7.0]).is_err());
        assert!(w.set_grad(Some(tensor![0.0, 0.0])).is_err());
        assert!(w.set_requires_grad(true).is_err());
        assert!(w.update_slice::<f32>(|_| ()).is_err());
        assert!(data.fill_(7.0).is_err() && data.set(tensor![7.0]).is_err());
        assert_eq!(w.to_string(), "Parameter containing:\n<in its update>");
        v[1] = 5.0;
    })
    .unwrap();
    assert_eq!(values(&w.data()), [1.0, 5.0]);
    assert_eq!(values(&data), [1.0, 2.0]);
    assert_eq!(values(&w.grad().unwrap()), [1.0, 1.0]);

    let b = Buffer::new(tensor![1.0]);
    b.update(|t| {
        assert!(b.try_tensor().is_err() && b.try_set(tensor![7.0]).is_err());
        assert!(b.update(|_| Ok(())).is_err());
        assert_eq!(b.to_string(), "<in its update>");
        t.add_(1.0).map(drop)
    })
    .unwrap();
    assert_eq!(values(&b.tensor()), [2.0]);
}

#[test]
fn a_failed_update_changes_nothing() {
    let w = Parameter::new(tensor![1.0]);
    assert!(w.update::<f64>(|_| ()).is_err());
    assert!(w.data().add_(Tensor::zeros([3])).is_err());
    assert!(w.data().copy_(&Tensor::zeros([3])).is_err());
    assert_eq!(values(&w.data()), [1.0]);
}

#[test]
fn data_may_change_shape_and_dtype() {
    let w = Parameter::new(tensor![[1.0, 2.0], [3.0, 4.0]]);
    let id = w.id();
    w.tensor().sum().unwrap().backward().unwrap();
    w.set_data(Tensor::zeros([5])).unwrap();
    assert_eq!(w.shape(), [5]);
    assert!(w.grad().is_none(), "a gradient of another shape is dropped");
    w.data().set(Tensor::zeros_of([2], DType::F64)).unwrap();
    assert_eq!((w.dtype(), w.id()), (DType::F64, id));
    assert!(w.set_data(tensor![1, 2]).is_err());
    let frozen = Parameter::frozen(tensor![1, 2]);
    frozen.set_data(tensor![3]).unwrap();
    assert!(frozen.set_requires_grad(true).is_err());
}

#[test]
fn what_pytorch_refuses_is_refused() {
    assert_eq!(
        Parameter::try_new(tensor![1])
            .unwrap_err()
            .kind()
            .to_string(),
        "Only Tensors of floating point and complex dtype can require gradients"
    );
    let w = Parameter::new(Tensor::zeros([2, 2]));
    assert_eq!(
        w.set_grad(Some(Tensor::zeros([3])))
            .unwrap_err()
            .to_string(),
        "attempting to assign a gradient of size '[3]' to a tensor of size '[2, 2]'. Please ensure that the gradient and the tensor are the same size"
    );
    assert!(
        w.set_grad(Some(Tensor::zeros_of([2, 2], DType::F64))).unwrap_err().kind().to_string()
            .starts_with("attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype 'Float'. The gradient must match")
    );
    assert_eq!(
        w.add_(1.0).unwrap_err().kind().to_string(),
        "a leaf Variable that requires grad is being used in an in-place operation."
    );
    no_grad(|| w.add_(1.0).map(drop)).unwrap();
    assert_eq!(values(&w.data()), [1.0; 4]);
}

#[test]
fn changes_are_never_recorded_in_what_is_stored() {
    let (w, v) = (Parameter::new(tensor![1.0]), Parameter::new(tensor![2.0]));
    w.data().mul_(v.tensor()).unwrap();
    assert_eq!(values(&w.data()), [2.0]);
    assert!(!w.data().requires_grad());
    assert!(w.tensor().is_leaf());
    let frozen = Parameter::frozen(tensor![1.0]);
    frozen.add_(v.tensor()).unwrap();
    assert!(!frozen.tensor().requires_grad());
    let b = Buffer::new(tensor![1.0]);
    b.update(|t| t.add_(v.tensor()).map(drop)).unwrap();
    assert!(!b.tensor().requires_grad());
    assert_eq!(values(&b.tensor()), [3.0]);
}

#[test]
fn a_snapshot_keeps_its_values() {
    let w = Parameter::new(tensor![1.0, 2.0]);
    let (snapshot, forward) = (w.data().detach(), w.tensor());
    w.data().zero_().unwrap();
    assert_eq!(values(&snapshot), [1.0, 2.0]);
    assert_eq!(values(&forward), [1.0, 2.0]);
    let b = Buffer::non_persistent(tensor![1.0]);
    let (old, alias, copy) = (b.tensor(), b.share(), b.deep_copy());
    alias.set(tensor![9.0]);
    assert_eq!(
        (values(&old), values(&b.tensor()), values(&copy.tensor())),
        (vec![1.0], vec![9.0], vec![1.0])
    );
    assert!(!b.is_persistent() && !copy.is_persistent() && b.same(&alias) && !b.same(&copy));
}

#[test]
fn freezing_stops_the_gradient_and_keeps_the_old_one() {
    let w = Parameter::new(tensor![1.0]);
    w.tensor().sum().unwrap().backward().unwrap();
    w.set_requires_grad(false).unwrap();
    assert!(!w.tensor().requires_grad());
    assert_eq!(values(&w.grad().unwrap()), [1.0]);
    w.set_requires_grad(true).unwrap();
    w.tensor()
        .mul(3.0)
        .unwrap()
        .sum()
        .unwrap()
        .backward()
        .unwrap();
    assert_eq!(values(&w.grad().unwrap()), [4.0]);
}

#[test]
fn a_gradient_of_a_graph_that_is_older_than_the_values_is_refused() {
    let w = Parameter::new(tensor![1.0, 2.0]);
    let v = Parameter::new(tensor![3.0, 4.0]);
    let y = v.tensor().mul(w.tensor()).unwrap().sum().unwrap();
    w.set_data(Tensor::ones([3])).unwrap();
    assert_eq!(
        y.backward().unwrap_err().kind().to_string(),
        "Function AccumulateGrad returned an invalid gradient at index 0 - got [2] but expected shape compatible with [3]"
    );
    assert!(w.grad().is_none() && v.grad().is_none());
    w.tensor().sum().unwrap().backward().unwrap();
    assert_eq!(w.grad().unwrap().shape(), [3]);
}
