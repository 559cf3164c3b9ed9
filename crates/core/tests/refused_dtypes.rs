//! What PyTorch refuses for a dtype, with its texts.

use pleach_core::{DType, Result, Tensor, tensor};

const BOOL_SUB: &str = "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.";
const BOTH_BOOL_SUB: &str = "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.";

fn text<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_string(),
        Err(e) => e.kind().to_string(),
    }
}

#[test]
fn truth_values_are_not_subtracted_or_negated() {
    let mask = tensor![true, false];
    for x in [
        tensor![1., 2.],
        tensor![1., 2.].double().unwrap(),
        tensor![1, 2],
        tensor![1, 2].to_dtype(DType::U8).unwrap(),
    ] {
        assert_eq!(text(x.sub(&mask)), BOOL_SUB);
        assert_eq!(text(mask.sub(&x)), BOOL_SUB);
        assert_eq!(text(x.sub(true)), BOOL_SUB);
        assert_eq!(text(x.rsub(true)), BOOL_SUB);
        let mut changed = x.clone();
        assert_eq!(text(changed.sub_(&mask)), BOOL_SUB);
        assert_eq!(text(changed.sub_(true)), BOOL_SUB);
        assert!(changed.equal(&x).unwrap());
    }
    for number in [1.0, 0.0] {
        assert_eq!(text(mask.sub(number)), BOOL_SUB);
        assert_eq!(text(mask.rsub(number)), BOOL_SUB);
    }
    assert_eq!(text(mask.sub(1)), BOOL_SUB);
    assert_eq!(text(mask.sub(&mask)), BOTH_BOOL_SUB);
    assert_eq!(text(mask.sub(true)), BOTH_BOOL_SUB);
    assert_eq!(text(mask.rsub(true)), BOTH_BOOL_SUB);
    assert_eq!(text(mask.clone().sub_(&mask)), BOTH_BOOL_SUB);
    assert_eq!(
        text(mask.neg()),
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
    );
}

#[test]
fn truth_values_have_no_largest_position_median_or_rounding() {
    let mask = tensor![true, false];
    let cases = [
        (text(mask.argmax()), "argmax(): does not support bool input"),
        (text(mask.argmin()), "argmin(): does not support bool input"),
        (
            text(mask.argmax_dim(0, true)),
            "argmax(): does not support bool input",
        ),
        (
            text(mask.argmin_dim(-1, false)),
            "argmin(): does not support bool input",
        ),
        (
            text(mask.median()),
            "\"median_cpu\" not implemented for 'Bool'",
        ),
        (
            text(mask.median_dim(0, false)),
            "\"median_out\" not implemented for 'Bool'",
        ),
        (
            text(mask.topk(1, -1, true)),
            "topk does not support bool dtypes on CPU",
        ),
        (
            text(mask.floor()),
            "\"floor_vml_cpu\" not implemented for 'Bool'",
        ),
        (
            text(mask.ceil()),
            "\"ceil_vml_cpu\" not implemented for 'Bool'",
        ),
        (
            text(mask.round()),
            "\"round_vml_cpu\" not implemented for 'Bool'",
        ),
        (
            text(mask.trunc()),
            "\"trunc_vml_cpu\" not implemented for 'Bool'",
        ),
        (text(mask.abs()), "\"abs_cpu\" not implemented for 'Bool'"),
        (text(mask.relu()), "Boolean inputs not supported for relu"),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
    // These it takes.
    assert!(mask.max().is_ok() && mask.max_dim(0, false).is_ok() && mask.sort(0, false).is_ok());
}

#[test]
fn softmax_is_for_floats() {
    for (x, name) in [
        (tensor![[1, 2], [3, 4]], "Long"),
        (tensor![[true, false]], "Bool"),
        (tensor![[1, 2]].to_dtype(DType::U8).unwrap(), "Byte"),
    ] {
        assert_eq!(
            text(x.softmax(1)),
            format!("\"softmax_lastdim_kernel_impl\" not implemented for '{name}'")
        );
        assert_eq!(
            text(x.log_softmax(0)),
            format!("\"log_softmax_kernel_impl\" not implemented for '{name}'")
        );
    }
}

#[test]
fn lerp_and_addcdiv_refuse_what_they_would_round() {
    let (x, wide, whole) = (
        tensor![1., 2.],
        tensor![1., 2.].double().unwrap(),
        tensor![1, 2],
    );
    let cases = [
        (
            text(x.lerp(&whole, 0.5)),
            "expected dtype float for `end` but got dtype long int",
        ),
        (
            text(wide.lerp(&x, 0.5)),
            "expected dtype double for `end` but got dtype float",
        ),
        (
            text(x.lerp(&x, &wide)),
            "expected dtype float for `weight` but got dtype double",
        ),
        (
            text(whole.lerp(&whole, 0.5)),
            "\"lerp_kernel_scalar\" not implemented for 'Long'",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
    // A number in a tensor is taken as a number.
    let half = Tensor::full_of((), 0.5, DType::F64);
    assert!(x.lerp(&x, &half).unwrap().equal(&x).unwrap());
    assert!(text(x.addcdiv(&whole, &whole, 1.0)).starts_with(
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division"
    ));
    assert!(x.addcdiv(&whole, &x, 1.0).is_ok());
}

#[test]
fn positions_are_int32_or_int64() {
    let (x, near) = (tensor![1., 2.], tensor![1, 0].to_dtype(DType::I32).unwrap());
    assert_eq!(
        x.gather(0, &near).unwrap().to_vec::<f32>().unwrap(),
        [2., 1.]
    );
    let y = x.scatter(0, &near, &tensor![5., 6.]).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [6., 5.]);
    let cases = [
        (
            text(x.gather(0, &x)),
            "gather(): Expected dtype int32/int64 for index",
        ),
        (
            text(x.scatter(0, &x, &x)),
            "scatter(): Expected dtype int32/int64 for index",
        ),
        (
            text(x.index_select(0, &tensor![true, false])),
            "index_select(): Expected dtype int32 or int64 for index",
        ),
        (
            text(x.index_add(0, &x, &x)),
            "index_add_(): Expected dtype int32/int64 for index but got: Float",
        ),
        (
            text(x.index_add(0, &tensor![0, 1], &tensor![1, 2])),
            "index_add_(): self (Float) and source (Long) must have the same scalar type",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}

#[test]
fn an_empty_dimension_has_no_extreme() {
    let x = Tensor::zeros([2, 0]);
    let named = |op| format!("{op}(): Expected reduction dim 1 to have non-zero size.");
    assert_eq!(text(x.amax(1, false)), named("amax"));
    assert_eq!(text(x.amin([0, 1], false)), named("amin"));
    assert_eq!(
        text(x.amax(Vec::new(), false)),
        "amax(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
    );
}
