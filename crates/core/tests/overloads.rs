//! The less common forms of operations, with PyTorch's values.

use pleach_core::{DType, PadMode, Result, Tensor, TensorIndex, slice, tensor};

fn text<T>(result: Result<T>) -> String {
    result
        .err()
        .map_or("no error".to_string(), |e| e.kind().to_string())
}

#[test]
fn circular_padding_cuts_before_it_wraps() {
    let x = Tensor::arange(12)
        .float()
        .unwrap()
        .view([1i64, 3, 4])
        .unwrap();
    let pad = |pad: &[i64]| x.pad(pad, PadMode::Circular, 0.0);
    let image = x.unsqueeze(0).unwrap();
    let y = image.pad(&[-1, 1, -2, 1], PadMode::Circular, 0.0).unwrap();
    assert_eq!(y.shape(), [1, 1, 2, 4]);
    assert_eq!(
        y.to_vec::<f32>().unwrap(),
        [9., 10., 11., 9., 9., 10., 11., 9.]
    );
    let y = pad(&[-1, 3]).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap()[..6], [1., 2., 3., 1., 2., 3.]);
    assert_eq!(pad(&[4, 4]).unwrap().shape(), [1, 3, 12]);
    assert_eq!(pad(&[-2, -2]).unwrap().shape(), [1, 3, 0]);
    let wraps = "Padding value causes wrapping around more than once.";
    for pads in [[-1, 5], [5, -1], [5, 0], [-4, 1]] {
        assert_eq!(text(pad(&pads)), wraps, "{pads:?}");
    }
    assert_eq!(
        text(pad(&[-2, -3])),
        "Negative padding value is resulting in an empty dimension"
    );
}

#[test]
fn masked_fill_takes_a_tensor_of_any_dtype() {
    let x = Tensor::arange(6);
    let mask = x.gt(2).unwrap();
    let by = |value: Tensor| x.masked_fill(&mask, value);
    assert_eq!(
        by(Tensor::scalar(9.5)).unwrap().to_vec::<i64>().unwrap(),
        [0, 1, 2, 9, 9, 9]
    );
    assert_eq!(
        text(by(tensor![9.0])),
        "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with 1 dimension(s)."
    );
    let small = x
        .to_dtype(DType::I32)
        .unwrap()
        .masked_fill(&mask, Tensor::scalar(1i64 << 40));
    assert_eq!(
        text(small),
        "value cannot be converted to type int without overflow"
    );
}

#[test]
fn arange_computes_in_its_dtype() {
    let x = Tensor::arange_of(2.1, -2.9, -1.0, DType::F64).unwrap();
    assert_eq!(
        x.to_vec::<f64>().unwrap(),
        [2.1, 1.1, 0.10000000000000009, -0.8999999999999999, -1.9]
    );
    let whole = |step: f64| {
        Tensor::arange_of(0.5, 3.7, step, DType::I64)
            .unwrap()
            .to_vec::<i64>()
            .unwrap()
    };
    assert_eq!(whole(1.0), [0, 1, 2, 3]);
    assert_eq!(whole(0.5), [0; 7]);
    let small = Tensor::arange_of(0, 300, 100, DType::U8).unwrap();
    assert_eq!(small.to_vec::<u8>().unwrap(), [0, 100, 200]);
    assert_eq!(
        text(Tensor::arange_of(0, 1, 1, DType::Bool)),
        "\"arange_cpu\" not implemented for 'Bool'"
    );
}

#[test]
fn an_index_of_nothing_is_of_any_dtype_and_rank() {
    let x = Tensor::arange(6).float().unwrap().view([2i64, 3]).unwrap();
    for shape in [&[0][..], &[0, 3]] {
        let none = Tensor::zeros(shape);
        assert_eq!(x.gather(0, &none).unwrap().shape(), shape);
        assert!(x.scatter(0, &none, &x).unwrap().equal(&x).unwrap());
        assert!(x.scatter_add(0, &none, &x).unwrap().equal(&x).unwrap());
    }
    let index = Tensor::zeros([1, 2]);
    assert_eq!(
        text(x.gather(0, &index)),
        "gather(): Expected dtype int32/int64 for index"
    );
    let number = Tensor::scalar(5.0);
    assert_eq!(
        number.index_select(0, &tensor![0]).unwrap().item().unwrap(),
        5.0
    );
    assert_eq!(
        text(number.index_select(0, &tensor![0, 0])),
        "index_select(): Index to scalar can have only 1 value, got 2 value(s)"
    );
}

#[test]
fn rectangles_and_parts() {
    let eye = |n, m| Tensor::eye_rect(n, m).to_vec::<f32>().unwrap();
    assert_eq!(eye(2, 3), [1., 0., 0., 0., 1., 0.]);
    assert_eq!(eye(3, 1), [1., 0., 0.]);
    assert_eq!(eye(0, 4), [0f32; 0]);
    let x = Tensor::arange(3);
    assert_eq!(x.narrow(0, -1, 1).unwrap().to_vec::<i64>().unwrap(), [2]);
    assert_eq!(
        text(x.narrow(0, 4, 0)),
        "start out of range (expected to be in range of [-3, 3], but got 4)"
    );
    let start = "start must be an 0-dim integral Tensor.";
    for wrong in [tensor![1], Tensor::scalar(1.0), Tensor::scalar(true)] {
        assert_eq!(text(x.narrow(0, &wrong, 1)), start);
    }
    assert_eq!(
        text(Tensor::scalar(1.0).narrow(0, 0, 1)),
        "narrow() cannot be applied to a 0-dim tensor."
    );
    assert_eq!(text(x.roll([], [])), "`shifts` required");
    assert_eq!(
        text(x.roll([2, 1], [0])),
        "shifts and dimensions must align. shifts: 2, dims:1"
    );
}

#[test]
fn a_number_of_integers_is_a_position_also_beside_other_indices() {
    let x = Tensor::arange(24).view([2i64, 3, 4]).unwrap();
    let (i, j) = (Tensor::scalar(1), tensor![1]);
    let all = || slice(None, None, 1);
    let shape = |parts: Vec<TensorIndex>| x.index(&parts[..]).unwrap().shape().to_vec();
    assert_eq!(shape(vec![TensorIndex::Tensor(i.clone())]), [3, 4]);
    let parts = vec![
        all(),
        TensorIndex::Tensor(i.clone()),
        TensorIndex::NewAxis,
        slice(None, Some(2), 1),
    ];
    assert_eq!(shape(parts), [2, 1, 2]);
    let parts = vec![
        TensorIndex::Tensor(i.clone()),
        all(),
        TensorIndex::Tensor(j),
    ];
    assert_eq!(shape(parts), [3, 1]);
    let y = x.float().unwrap().requires_grad_(true).unwrap();
    let y = y.index(TensorIndex::Tensor(i)).unwrap();
    assert_eq!(y.grad_fn(), Some("SelectBackward0"));
    // A truth is a mask.
    assert_eq!(
        shape(vec![TensorIndex::Tensor(Tensor::scalar(true))]),
        [1, 2, 3, 4]
    );
    let beyond = x.index(TensorIndex::Tensor(Tensor::scalar(5)));
    assert_eq!(
        text(beyond),
        "index 5 is out of bounds for dimension 0 with size 2"
    );
}

#[test]
fn half_floats_compute_through_f32_and_are_rounded_after_each_operation() {
    let check = |dtype: DType, rows: &[(&str, [f64; 4])]| {
        let half = |v: [f64; 4]| {
            Tensor::from_slice(&v, [4])
                .unwrap()
                .to_dtype(dtype)
                .unwrap()
        };
        let (x, y) = (half([0.1, -2.5, 300.0, 7.0]), half([3.3, 0.7, -11.0, 0.01]));
        for (name, want) in rows {
            let got = match *name {
                "add" => x.add(&y),
                "sub" => x.sub(&y),
                "mul" => x.mul(&y),
                "div" => x.div(&y),
                "add a number" => x.add(0.1),
                "pow" => x.pow(2),
                "maximum" => x.maximum(&y),
                "exp" => x.exp(),
                "tanh" => x.tanh(),
                "neg" => x.neg(),
                other => panic!("{other}"),
            }
            .unwrap();
            assert_eq!(
                (got.dtype(), got.to_vec_f64()),
                (dtype, want.to_vec()),
                "{name}"
            );
        }
        let x = x.requires_grad_(true).unwrap();
        x.mul(&y).unwrap().backward_with(&half([1.0; 4])).unwrap();
        let grad = x.grad().unwrap();
        assert!(grad.equal(&y).unwrap() && grad.dtype() == dtype);
    };
    // PyTorch's values.
    check(
        DType::F16,
        &[
            ("add", [3.400390625, -1.7998046875, 289.0, 7.01171875]),
            ("sub", [-3.201171875, -3.19921875, 311.0, 6.98828125]),
            ("mul", [0.330078125, -1.75, -3300.0, 0.07000732421875]),
            ("div", [0.0302886962890625, -3.5703125, -27.265625, 700.0]),
            (
                "add a number",
                [0.199951171875, -2.400390625, 300.0, 7.1015625],
            ),
            ("pow", [0.0099945068359375, 6.25, f64::INFINITY, 49.0]),
            ("maximum", [3.30078125, 0.7001953125, 300.0, 7.0]),
            ("exp", [1.10546875, 0.08209228515625, f64::INFINITY, 1097.0]),
            ("tanh", [0.09967041015625, -0.98681640625, 1.0, 1.0]),
            ("neg", [-0.0999755859375, 2.5, -300.0, -7.0]),
        ],
    );
    check(
        DType::BF16,
        &[
            ("add", [3.390625, -1.796875, 288.0, 7.0]),
            ("mul", [0.330078125, -1.75, -3296.0, 0.0703125]),
            ("add a number", [0.2001953125, -2.40625, 300.0, 7.09375]),
            ("pow", [0.010009765625, 6.25, 90112.0, 49.0]),
            ("tanh", [0.099609375, -0.98828125, 1.0, 1.0]),
        ],
    );
}

#[test]
fn products_and_clamp_of_half_floats_are_computed_as_f32_and_rounded_once() -> Result<()> {
    let half = |t: Tensor| t.to_dtype(DType::F16);
    let (x, ones) = (
        half(tensor![[2048., 1., 1.], [0.1, -2.5, 0.]])?,
        half(Tensor::ones([3, 1]))?,
    );
    let x = x.requires_grad_(true)?;
    // Rounded after each term, the first would be 2048.
    let y = x.mm(&ones)?;
    assert_eq!(
        (y.dtype(), y.to_vec_f64()),
        (DType::F16, vec![2050.0, -2.400390625])
    );
    y.backward_with(&half(Tensor::ones([2, 1]))?)?;
    let grad = x.grad().unwrap();
    assert_eq!(
        (grad.dtype(), grad.to_vec_f64()),
        (DType::F16, vec![1.0; 6])
    );
    let x = half(tensor![0., 3., 1.5])?.requires_grad_(true)?;
    let y = x.clamp(0.1, 2.0)?;
    assert_eq!(
        (y.dtype(), y.to_vec_f64()),
        (DType::F16, vec![0.0999755859375, 2.0, 1.5])
    );
    y.backward_with(&half(Tensor::full([3], 7.0))?)?;
    let grad = x.grad().unwrap();
    assert_eq!(
        (grad.dtype(), grad.to_vec_f64()),
        (DType::F16, vec![0.0, 0.0, 7.0])
    );
    let bytes = |t: Tensor| t.to_dtype(DType::U8);
    let y = bytes(tensor![[200, 100]])?.mm(&bytes(tensor![[2], [1]])?)?;
    assert_eq!((y.dtype(), y.to_vec_f64()), (DType::U8, vec![244.0]));
    Ok(())
}
