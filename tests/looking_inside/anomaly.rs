//! A gradient that is not a number is refused where it arises.

use pleach::autograd::{Options, detect_anomaly, grad, grad_allow_unused};
use pleach::prelude::*;

/// `sqrt(x) * 0`: the gradient at 0 is 0 * infinity.
#[derive(Module)]
struct Root {
    node: Node,
}

impl Forward for Root {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.sqrt()?.mul(0.0)
    }
}

fn net() -> Sequential {
    sequential![
        "features" => sequential!["first" => Sequential::new(), "root" => Root { node: Node::new() }],
        "last" => ReLU::new(),
    ]
}

fn zeros() -> Tensor {
    Tensor::zeros([2]).requires_grad_(true).unwrap()
}

const TEXT: &str = "Function 'SqrtBackward0' returned nan values in its 0th output.";

#[test]
fn the_error_names_operation_and_module() {
    let (net, x) = (net(), zeros());
    let error = detect_anomaly(|| net.call(&x)?.sum()?.backward()).unwrap_err();
    assert_eq!(error.to_string(), format!("features.root (Root): {TEXT}"));
    assert_eq!(error.path(), Some("features.root"));
    assert_eq!(error.module_type(), Some("Root"));
    assert!(x.grad().is_none());
}

#[test]
fn without_detection_the_gradient_is_nan() {
    let (net, x) = (net(), zeros());
    net.call(&x).unwrap().sum().unwrap().backward().unwrap();
    assert!(x.grad().unwrap().to_vec::<f32>().unwrap()[0].is_nan());
    // Nor does it last.
    detect_anomaly(|| ());
    net.call(&x).unwrap().sum().unwrap().backward().unwrap();
}

#[test]
fn a_forward_outside_has_no_module() {
    let (net, x) = (net(), zeros());
    let y = net.call(&x).unwrap().sum().unwrap();
    let error = detect_anomaly(|| y.backward()).unwrap_err();
    assert_eq!(error.to_string(), TEXT);
}

#[test]
fn it_works_for_gradients_of_gradients() {
    // The gradient of x^1.5 is 1.5 sqrt(x); that of sqrt(x) * 0 is nan at 0.
    let (net, x) = (net(), zeros());
    let error = detect_anomaly(|| {
        let y = net.call(&x)?.sum()?;
        grad_allow_unused(&[&y], &[&x], &[], Options::CREATE_GRAPH)
    })
    .unwrap_err();
    assert_eq!(error.to_string(), format!("features.root (Root): {TEXT}"));
    let x = zeros();
    let first = |x: &Tensor| -> Result<Tensor> {
        let y = x.pow(1.5)?.sum()?;
        let grads = grad_allow_unused(&[&y], &[x], &[], Options::CREATE_GRAPH)?;
        Ok(grads[0].clone().unwrap())
    };
    let error = detect_anomaly(|| grad(&[&first(&x)?.mul(0.0)?.sum()?], &[&x])).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("returned nan values in its 0th output."),
        "{text}"
    );
}

#[test]
fn an_infinity_is_no_error() {
    let x = zeros();
    detect_anomaly(|| x.sqrt()?.sum()?.backward()).unwrap();
    assert_eq!(
        x.grad().unwrap().to_vec::<f32>().unwrap(),
        [f32::INFINITY; 2]
    );
}

#[test]
fn half_floats_are_looked_through_too() {
    let x = Tensor::zeros([2]).to_dtype(DType::F16).unwrap();
    let x = x.requires_grad_(true).unwrap();
    let ones = Tensor::ones([2]).to_dtype(DType::F16).unwrap();
    let error = detect_anomaly(|| x.sqrt()?.mul(0.0)?.backward_with(&ones)).unwrap_err();
    assert_eq!(error.to_string(), TEXT);
}
