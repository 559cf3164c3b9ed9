//! Random tensors. Expected values are PyTorch's.

use pleach_core::{DType, Result, Tensor, manual_seed};

fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_string(),
        Err(error) => error.kind().to_string(),
    }
}

/// `torch.arange(12.).reshape(3, 4) / 12`
fn probabilities() -> Tensor {
    let t = Tensor::arange(12).to_dtype(DType::F32).unwrap();
    t.reshape([3, 4]).unwrap().div(12.0).unwrap()
}

#[test]
fn every_element_has_its_own_probability() {
    manual_seed(1);
    let mut transposed = Tensor::zeros([4, 3]).t().unwrap();
    transposed.bernoulli_(probabilities()).unwrap();
    assert_eq!(
        transposed.to_vec::<f32>().unwrap(),
        [0., 0., 0., 0., 1., 1., 0., 0., 1., 0., 1., 1.]
    );
    let p = probabilities().t().unwrap();
    assert_eq!(
        p.bernoulli().unwrap().to_vec::<f32>().unwrap(),
        [0., 1., 1., 0., 0., 1., 0., 0., 1., 1., 1., 1.]
    );
    let p = probabilities().slice_dim(1, None, None, 2).unwrap();
    let wide = p.double().unwrap().bernoulli().unwrap();
    assert_eq!(wide.dtype(), DType::F64);
    assert_eq!(wide.to_vec::<f64>().unwrap(), [0., 0., 1., 1., 1., 1.]);

    // Both are laid out densely, so that they take the path of contiguous tensors or not as
    // PyTorch's do.
    let gaps = Tensor::zeros([20, 2]).slice_dim(1, None, None, 2).unwrap();
    let first = gaps.t().unwrap().randn_like().unwrap();
    near(&first, &[0.1991, 0.0457, 0.1530, -0.4757]);
    let first = Tensor::zeros([4, 8]).t().unwrap().randn_like().unwrap();
    near(&first, &[0.8310, -0.6842, -1.6428, -2.5667]);
    let mut like = Tensor::zeros([4, 8]).t().unwrap().zeros_like();
    like.normal_(0.0, 1.0).unwrap();
    near(&like, &[-0.7703, -0.6933, 0.6592, -1.0952]);
    let expanded = Tensor::zeros([1, 8]).broadcast_to(&[4, 8]).unwrap();
    let rows = expanded.randn_like().unwrap();
    near(&rows, &[-1.1992, -0.0474, -2.0030, -0.4914, 1.7086]);
}

/// The first values, to the four digits that PyTorch prints.
fn near(tensor: &Tensor, expected: &[f32]) {
    let values = tensor.to_vec::<f32>().unwrap();
    for (value, expected) in values.iter().zip(expected) {
        assert!((value - expected).abs() < 1e-4, "{values:?}");
    }
}

#[test]
fn refusals_are_pytorchs() {
    let whole = || Tensor::zeros_of([3], DType::I64);
    assert_eq!(
        message(whole().exponential_(1.0)),
        "Exponential distribution is a continuous probability distribution. dtype must be a \
         floating point but you specified Long"
    );
    assert_eq!(
        message(Tensor::zeros([0]).exponential_(-1.0)),
        "exponential_ expects lambda > 0.0, but found lambda=-1"
    );
    let refusal = "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'";
    assert_eq!(message(whole().bernoulli()), refusal);
    assert_eq!(message(Tensor::zeros([3]).bernoulli_(whole())), refusal);
    assert_eq!(
        message(Tensor::zeros([3]).bernoulli_(Tensor::ones([4]))),
        "The expanded size of the tensor (3) must match the existing size (4) at non-singleton \
         dimension 0.  Target sizes: [3].  Tensor sizes: [4]"
    );
    assert_eq!(
        message(whole().rand_like()),
        "\"check_uniform_bounds\" not implemented for 'Long'"
    );
    assert_eq!(
        message(Tensor::zeros_of([3], DType::Bool).random_range_(0, 3)),
        "to - 1 is out of bounds for bool"
    );
    let mut expanded = Tensor::zeros([3]).broadcast_to(&[2, 3]).unwrap();
    assert_eq!(
        message(expanded.bernoulli_(Tensor::ones([3]))),
        "unsupported operation: more than one element of the written-to tensor refers to a single \
         memory location. Please clone() the tensor before performing the operation."
    );
    let error = message(Tensor::full([1], 1.5).bernoulli());
    assert!(
        error.starts_with("Expected p_in >= 0 && p_in <= 1 to be true"),
        "{error}"
    );
}

#[test]
fn whole_numbers_stay_in_their_range() {
    for dtype in [
        DType::U8,
        DType::I8,
        DType::I16,
        DType::I64,
        DType::F16,
        DType::F64,
    ] {
        let t = Tensor::randint_of(2, 5, [300], dtype).unwrap();
        assert_eq!(t.dtype(), dtype);
        let values = t.to_vec_f64();
        for wanted in [2.0, 3.0, 4.0] {
            assert!(values.contains(&wanted), "{dtype}");
        }
        assert!(values.iter().all(|v| (2.0..5.0).contains(v)), "{dtype}");
    }
    let like = Tensor::zeros_of([2, 2], DType::U8)
        .randint_like(7, 8)
        .unwrap();
    assert_eq!(like.to_vec::<u8>().unwrap(), [7; 4]);
    let mut bits = Tensor::zeros_of([100], DType::Bool);
    bits.random_().unwrap();
    let ones = bits.to_vec_f64().iter().sum::<f64>();
    assert!((20.0..80.0).contains(&ones));
}

#[test]
fn overwritten_values_get_no_gradient() {
    let x = Tensor::ones([3]).requires_grad_(true).unwrap();
    let mut y = x.mul(2.0).unwrap();
    y.exponential_(1.5).unwrap();
    y.sum().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), [0.0; 3]);
    assert_eq!(
        message(x.clone().random_().map(drop)),
        "a leaf Variable that requires grad is being used in an in-place operation."
    );
}
