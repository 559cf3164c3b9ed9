//! Numbers that meet tensors: promoted, wrapped round or refused as PyTorch does.
//!
//! `scalars/pytorch.txt` was written by PyTorch, through `tests/interop/scalars.py`.

use pleach_core::{DType, Operand, Result, Scalar, Tensor, slice, tensor};

const TABLE: &str = include_str!("scalars/pytorch.txt");

fn dtype_of(name: &str) -> DType {
    match name {
        "f32" => DType::F32,
        "f64" => DType::F64,
        "f16" => DType::F16,
        "bf16" => DType::BF16,
        "i64" => DType::I64,
        "i32" => DType::I32,
        "i8" => DType::I8,
        "u8" => DType::U8,
        "bool" => DType::Bool,
        _ => panic!("unknown dtype {name}"),
    }
}

fn number_of(text: &str) -> Scalar {
    match text.parse::<i64>() {
        _ if text == "True" => Scalar::Bool(true),
        Ok(i) => Scalar::Int(i),
        Err(_) => Scalar::Float(text.parse().unwrap()),
    }
}

fn base(dtype: DType) -> Tensor {
    match dtype {
        DType::Bool => tensor![false, true, true],
        DType::U8 => tensor![1, 2, 100].to_dtype(dtype).unwrap(),
        _ => tensor![1, -2, 100].to_dtype(dtype).unwrap(),
    }
}

/// An in-place method's result.
fn changed(mut x: Tensor, f: impl FnOnce(&mut Tensor) -> Result<()>) -> Result<Tensor> {
    f(&mut x)?;
    Ok(x)
}

fn run(operation: &str, x: Tensor, s: Scalar) -> Result<Tensor> {
    let mask = tensor![true, false, true];
    // A float of Python makes an f32 tensor.
    let number = || match s {
        Scalar::Float(f) => Tensor::scalar(f as f32),
        s => Tensor::scalar(s),
    };
    match operation {
        "fill_" => changed(x, |x| x.fill_(s).map(drop)),
        "full_of" => Tensor::try_full_of([2], s, x.dtype()),
        "full_like" => x.try_full_like(s),
        "masked_fill" => x.masked_fill(&mask, s),
        "masked_fill_" => changed(x, |x| x.masked_fill_(&mask, s).map(drop)),
        "where" => Tensor::where_cond(&mask, &x, s),
        "where_first" => Tensor::where_cond(&mask, s, &x),
        "pad" => x.pad(&[1, 0], pleach_core::PadMode::Constant, s.to_f64()),
        "index_put" => changed(x, |x| x.index_put_(0, s).map(drop)),
        "index_put_mask" => changed(x, |x| x.index_put_(&mask, s).map(drop)),
        "index_put_list" => changed(x, |x| x.index_put_([0, 2], s).map(drop)),
        "eq" => x.eq(s),
        "ne" => x.ne(s),
        "lt" => x.lt(s),
        "le" => x.le(s),
        "gt" => x.gt(s),
        "ge" => x.ge(s),
        "lt_0d" => x.lt(number()),
        "add" => x.add(s),
        "sub" => x.sub(s),
        "rsub" => x.rsub(s),
        "mul" => x.mul(s),
        "div" => x.div(s),
        "add_" => changed(x, |x| x.add_(s).map(drop)),
        "sub_" => changed(x, |x| x.sub_(s).map(drop)),
        "mul_" => changed(x, |x| x.mul_(s).map(drop)),
        "div_" => changed(x, |x| x.div_(s).map(drop)),
        "pow" => x.pow(s),
        "rpow" => x.rpow(s),
        "pow_" => changed(x, |x| x.pow_(s).map(drop)),
        "floor_divide" => x.floor_divide(s),
        "remainder" => x.remainder(s),
        "clamp_min" => x.clamp(s, None),
        "clamp_max" => x.clamp(None, s),
        "clamp_both" => x.clamp(s, 5),
        "clamp_" => changed(x, |x| x.clamp_(s, None).map(drop)),
        "maximum_0d" => x.maximum(number()),
        "minimum_0d" => x.minimum(number()),
        "lerp" => x.lerp(&x, s),
        "addcmul" => x.addcmul(&x, &x, s),
        "addcmul_" => {
            let y = x.clone();
            changed(x, |x| x.addcmul_(&y, &y, s).map(drop))
        }
        "addcdiv" => x.addcdiv(&x, &x, s),
        _ => panic!("unknown operation {operation}"),
    }
}

/// Functions of floats may differ from PyTorch's in the last digit.
fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-6 * b.abs()
}

/// What is wrong with a case, if anything.
fn fault(line: &str) -> Option<String> {
    let (case, expected) = line.split_once(": ").unwrap();
    let [operation, dtype, number] = case.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{case}");
    };
    let result = run(operation, base(dtype_of(dtype)), number_of(number));
    match (expected.strip_prefix("error "), result) {
        (Some(text), Err(error)) if error.to_string().starts_with(text) => None,
        (Some(_), Ok(y)) => Some(format!("{line}\n    got {y}")),
        (_, Err(error)) => Some(format!("{line}\n    got the error {error}")),
        (None, Ok(y)) => {
            let mut words = expected.split(' ');
            let dtype = dtype_of(words.next().unwrap());
            let expected: Vec<f64> = words.map(|word| word.parse().unwrap()).collect();
            let got = y.to_vec_f64();
            let right = y.dtype() == dtype
                && got.len() == expected.len()
                && got.iter().zip(&expected).all(|(a, b)| same(*a, *b));
            (!right).then(|| format!("{line}\n    got {y}"))
        }
    }
}

#[test]
fn every_number_does_to_every_dtype_what_it_does_in_pytorch() {
    let faults: Vec<String> = TABLE.lines().filter_map(fault).collect();
    assert_eq!(TABLE.lines().count(), 3744);
    assert!(
        faults.is_empty(),
        "{}\n{} faults",
        faults.join("\n"),
        faults.len()
    );
}

#[test]
fn floats_become_integers_as_pytorch_converts_them() {
    let x = Tensor::from_slice(
        &[
            300.5,
            -1.5,
            70000.5,
            3e9,
            1e30,
            f64::NAN,
            f64::INFINITY,
            -300.0,
        ],
        [8],
    )
    .unwrap();
    let to = |dtype| x.to_dtype(dtype).unwrap().to_vec_f64();
    assert_eq!(to(DType::U8), [44., 255., 112., 0., 0., 0., 0., 212.]);
    assert_eq!(to(DType::I8), [44., -1., 112., 0., 0., 0., 0., -44.]);
    assert_eq!(to(DType::I16), [300., -1., 4464., 0., 0., 0., 0., -300.]);
    let low = i32::MIN as f64;
    assert_eq!(
        to(DType::I32),
        [300., -1., 70000., low, low, low, low, -300.]
    );
    let low = i64::MIN as f64;
    assert_eq!(
        to(DType::I64),
        [300., -1., 70000., 3e9, low, low, low, -300.]
    );
    // The bounds themselves: -2^31 - 0.5 has the whole part -2^31.
    let edges = Tensor::from_slice(&[-2147483648.5, 2147483647.5, 2147483648.0], [3]).unwrap();
    let edges = edges.to_dtype(DType::I32).unwrap().to_vec::<i32>().unwrap();
    assert_eq!(edges, [i32::MIN, i32::MAX, i32::MIN]);
}

#[test]
fn a_refused_number_changes_nothing() {
    let x = tensor![1, 2, 3].to_dtype(DType::U8).unwrap();
    let mut y = x.clone();
    assert!(y.fill_(300).is_err());
    assert!(y.add_(0.5).is_err());
    assert!(y.masked_fill_(&tensor![true, true, true], 1e9).is_err());
    assert!(y.index_put_(slice(None, None, 1), f64::NAN).is_err());
    assert!(y.clamp_(0.5, None).is_err());
    assert!(y.equal(&x).unwrap());
}

#[test]
fn bounds_of_clamp_may_be_tensors() {
    let x = tensor![1, 2];
    let y = x.clamp(&tensor![0.5, 3.0], None).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 3.0]);
    // Where the bounds cross, the upper one counts.
    let y = x.clamp(&tensor![2], &tensor![0]).unwrap();
    assert_eq!(y.to_vec::<i64>().unwrap(), [0, 0]);
    let y = tensor![1.0, f32::NAN].clamp(&tensor![f32::NAN], &tensor![[2.0], [0.5]]);
    assert!(y.unwrap().isnan().unwrap().all().unwrap().item().unwrap() == 1.0);
    let none = x.clamp(None, None).unwrap_err().kind().to_string();
    assert_eq!(
        none,
        "torch.clamp: At least one of 'min' or 'max' must not be None"
    );
}

#[test]
fn the_gradient_of_clamp_goes_to_the_element_that_was_taken() {
    // torch.clamp(x, low, high).backward(torch.tensor([1., 2, 3, 4, 5]))
    let x = tensor![0.0, 1.0, 2.0, 3.0, 5.0]
        .requires_grad_(true)
        .unwrap();
    let low = tensor![1.0, 1.0, 1.0, 4.0, 4.0]
        .requires_grad_(true)
        .unwrap();
    let high = tensor![2.0, 2.0, 2.0, 2.0, 2.0]
        .requires_grad_(true)
        .unwrap();
    let y = x.clamp(&low, &high).unwrap();
    y.backward_with(&tensor![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let grad = |t: &Tensor| t.grad().unwrap().to_vec::<f32>().unwrap();
    assert_eq!(grad(&x), [0.0, 1.0, 1.5, 0.0, 0.0]);
    assert_eq!(grad(&low), [1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(grad(&high), [0.0, 0.0, 1.5, 4.0, 5.0]);
}

#[test]
fn an_integer_beyond_i64_is_held_by_floats_alone() {
    let huge = 1usize << 63;
    assert_eq!(Scalar::from(huge), Scalar::Float(2f64.powi(63)));
    assert_eq!(
        tensor![1.0].add(huge).unwrap().item().unwrap(),
        2f64.powi(63)
    );
    let refused = tensor![1].fill_(huge).unwrap_err().kind().to_string();
    assert_eq!(
        refused,
        "value cannot be converted to type int64_t without overflow"
    );
}

#[test]
fn tensors_of_integers_are_divided_and_raised_as_pytorchs() {
    let x = tensor![7, -7];
    for result in [
        x.floor_divide(&tensor![0, 1]),
        x.remainder(&tensor![1, 0]),
        x.floor_divide(Operand::from(0)),
    ] {
        assert_eq!(result.unwrap_err().kind().to_string(), "ZeroDivisionError");
    }
    let powers = tensor![1, 2, -1].pow(&tensor![-1, -2, -3]).unwrap();
    assert_eq!(powers.to_vec::<i64>().unwrap(), [1, 0, -1]);
    let truth = tensor![false, true];
    assert_eq!(
        truth.pow(false).unwrap().to_vec::<bool>().unwrap(),
        [true, true]
    );
    assert_eq!(
        truth.pow(true).unwrap().to_vec::<bool>().unwrap(),
        [false, true]
    );
}
