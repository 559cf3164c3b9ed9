//! Type promotion and what the numbers do at their edges.

use DType::*;
use pleach_core::{DType, Operand, Tensor, tensor};

/// PyTorch's table of `result_type` for two tensors of the same rank.
fn promoted(a: DType, b: DType) -> DType {
    // In PyTorch's order: u8, i8, i16, i32, i64, f16, f32, f64, bool, bf16.
    const ORDER: [DType; 10] = [U8, I8, I16, I32, I64, F16, F32, F64, Bool, BF16];
    #[rustfmt::skip]
    const TABLE: [[DType; 10]; 10] = [
        [U8,  I16, I16, I32, I64, F16, F32, F64, U8,   BF16],
        [I16, I8,  I16, I32, I64, F16, F32, F64, I8,   BF16],
        [I16, I16, I16, I32, I64, F16, F32, F64, I16,  BF16],
        [I32, I32, I32, I32, I64, F16, F32, F64, I32,  BF16],
        [I64, I64, I64, I64, I64, F16, F32, F64, I64,  BF16],
        [F16, F16, F16, F16, F16, F16, F32, F64, F16,  F32 ],
        [F32, F32, F32, F32, F32, F32, F32, F64, F32,  F32 ],
        [F64, F64, F64, F64, F64, F64, F64, F64, F64,  F64 ],
        [U8,  I8,  I16, I32, I64, F16, F32, F64, Bool, BF16],
        [BF16,BF16,BF16,BF16,BF16,F32, F32, F64, BF16, BF16],
    ];
    let at = |d: DType| ORDER.iter().position(|o| *o == d).unwrap();
    TABLE[at(a)][at(b)]
}

fn category(d: DType) -> u8 {
    match d {
        Bool => 0,
        F16 | BF16 | F32 | F64 => 2,
        _ => 1,
    }
}

/// The dtype of a comparison cannot be seen, but `where` converts to the common dtype and works
/// for all of them.
fn result(a: &Tensor, b: impl Into<Operand>) -> DType {
    Tensor::where_cond(&tensor![true], a, b).unwrap().dtype()
}

#[test]
fn tensors_of_equal_rank_promote_by_the_table() {
    for a in DType::ALL {
        for b in DType::ALL {
            assert_eq!(a.promote(b), promoted(a, b), "{a} and {b}");
            for shape in [&[2][..], &[]] {
                let (x, y) = (Tensor::ones_of(shape, a), Tensor::ones_of(shape, b));
                assert_eq!(
                    result(&x, &y),
                    promoted(a, b),
                    "{a} and {b}, shape {shape:?}"
                );
            }
        }
    }
}

#[test]
fn a_zero_dimensional_tensor_counts_by_category_only() {
    for a in DType::ALL {
        for b in DType::ALL {
            let (x, y) = (Tensor::ones_of([2], a), Tensor::ones_of((), b));
            let expected = if category(b) > category(a) {
                promoted(a, b)
            } else {
                a
            };
            assert_eq!(result(&x, &y), expected, "{a} with {b}, 0-d");
            assert_eq!(result(&y, &x), expected, "{b}, 0-d, with {a}");
        }
    }
}

#[test]
fn a_number_counts_by_category_only() {
    for a in DType::ALL {
        for shape in [&[2][..], &[]] {
            let x = Tensor::ones_of(shape, a);
            assert_eq!(result(&x, true), a);
            assert_eq!(result(&x, 3), if category(a) == 0 { I64 } else { a }, "{a}");
            assert_eq!(
                result(&x, 1.5),
                if category(a) < 2 { F32 } else { a },
                "{a}"
            );
        }
    }
}

#[test]
fn arithmetic_uses_the_promoted_dtype() {
    for a in [F32, F64, I64, I32, I16, I8, U8, Bool] {
        for b in [F32, F64, I64, I32, I16, I8, U8, Bool] {
            let (x, y) = (Tensor::ones_of([2], a), Tensor::ones_of([2], b));
            let both = promoted(a, b);
            assert_eq!(x.add(&y).unwrap().dtype(), both);
            assert_eq!(x.mul(&y).unwrap().dtype(), both);
            let float = if category(both) == 2 { both } else { F32 };
            assert_eq!(x.div(&y).unwrap().dtype(), float);
            // Truth values are not subtracted, also from numbers.
            assert_eq!(x.sub(&y).is_err(), a == Bool || b == Bool);
        }
    }
    let yes = tensor![true, false];
    assert_eq!(
        yes.add(&yes).unwrap().to_vec::<bool>().unwrap(),
        [true, false]
    );
    assert_eq!(yes.add(1).unwrap().to_vec::<i64>().unwrap(), [2, 1]);
}

#[test]
fn a_number_is_not_rounded_by_way_of_f32() {
    let x = Tensor::from_slice(&[0.1f64, 0.2], [2]).unwrap();
    assert_eq!(x.eq(0.1).unwrap().to_vec::<bool>().unwrap(), [true, false]);
    let y = Tensor::where_cond(&tensor![true, false], &x, 0.1).unwrap();
    assert_eq!(y.to_vec::<f64>().unwrap(), [0.1, 0.1]);
    let mut z = x.copy().unwrap();
    z.index_put_(1, 0.1).unwrap();
    assert_eq!(z.to_vec::<f64>().unwrap(), [0.1, 0.1]);
    let leaf = x.requires_grad_(true).unwrap();
    leaf.maximum(0.1)
        .unwrap()
        .sum()
        .unwrap()
        .backward()
        .unwrap();
    assert_eq!(leaf.grad().unwrap().to_vec::<f64>().unwrap(), [0.5, 1.0]);
}

#[test]
fn integers_wrap_and_divide_as_pythons() {
    let x = Tensor::from_slice(&[i32::MAX, i32::MIN], [2]).unwrap();
    assert_eq!(
        x.add(1).unwrap().to_vec::<i32>().unwrap(),
        [i32::MIN, i32::MIN + 1]
    );
    assert_eq!(x.mul(2).unwrap().to_vec::<i32>().unwrap(), [-2, 0]);
    assert_eq!(
        x.neg().unwrap().to_vec::<i32>().unwrap(),
        [-i32::MAX, i32::MIN]
    );
    let bytes = Tensor::from_slice(&[250u8, 3], [2]).unwrap();
    assert_eq!(bytes.add(10).unwrap().to_vec::<u8>().unwrap(), [4, 13]);
    assert_eq!(bytes.sum().unwrap().item_i64().unwrap(), 253);
    let n = tensor![7, -7, 7, -7];
    let d = tensor![2, 2, -2, -2];
    assert_eq!(
        n.floor_divide(&d).unwrap().to_vec::<i64>().unwrap(),
        [3, -4, -4, 3]
    );
    assert_eq!(
        n.remainder(&d).unwrap().to_vec::<i64>().unwrap(),
        [1, 1, -1, -1]
    );
    assert_eq!(
        n.div(2).unwrap().to_vec::<f32>().unwrap(),
        [3.5, -3.5, 3.5, -3.5]
    );
    assert_eq!(
        n.remainder(&tensor![0]).unwrap_err().kind().to_string(),
        "ZeroDivisionError"
    );
    assert_eq!(
        n.pow(-1).unwrap_err().kind().to_string(),
        "Integers to negative integer powers are not allowed."
    );
    assert_eq!(
        tensor![2, 3].rpow(2).unwrap().to_vec::<i64>().unwrap(),
        [4, 8]
    );
    let f = tensor![7.5, -7.5];
    assert_eq!(
        f.floor_divide(2).unwrap().to_vec::<f32>().unwrap(),
        [3.0, -4.0]
    );
    assert_eq!(
        f.remainder(-2).unwrap().to_vec::<f32>().unwrap(),
        [-0.5, -1.5]
    );
}

#[test]
fn nan_comes_through() {
    let x = tensor![1.0, f32::NAN, 3.0];
    let nan = |t: pleach_core::Result<Tensor>| t.unwrap().item().unwrap().is_nan();
    assert!(nan(x.max()) && nan(x.min()) && nan(x.sum()) && nan(x.median()) && nan(x.norm()));
    assert!(nan(x.amax(0, false)) && nan(x.amin([0], false)) && nan(x.prod()) && nan(x.mean()));
    assert_eq!(x.argmax().unwrap().item_i64().unwrap(), 1);
    assert_eq!(x.argmin_dim(0, false).unwrap().item_i64().unwrap(), 1);
    assert_eq!(x.median_dim(0, false).unwrap().1.item_i64().unwrap(), 1);
    for y in [
        x.relu(),
        x.clamp(0.0, 2.0),
        x.maximum(2.0),
        x.minimum(2.0),
        x.abs(),
        x.round(),
    ] {
        assert!(y.unwrap().to_vec::<f32>().unwrap()[1].is_nan());
    }
    assert_eq!(
        x.isnan().unwrap().to_vec::<bool>().unwrap(),
        [false, true, false]
    );
    assert!(!x.equal(&x).unwrap());
    let (sorted, at) = x.sort(0, false).unwrap();
    assert_eq!(at.to_vec::<i64>().unwrap(), [0, 2, 1]);
    assert!(sorted.to_vec::<f32>().unwrap()[2].is_nan());
    assert_eq!(x.topk(1, 0, true).unwrap().1.item_i64().unwrap(), 1);
    let mut y = tensor![1.0];
    y.fill_(f32::NAN).unwrap();
    let zero_beta = y.addmm(&tensor![[1.0]], &tensor![[2.0]], 0.0, 1.0).unwrap();
    assert_eq!(zero_beta.item().unwrap(), 2.0);
}

#[test]
fn one_and_no_elements() {
    assert!(tensor![1.0].var().unwrap().item().unwrap().is_nan());
    assert_eq!(
        tensor![1.0].var_dim(0, 0.0, false).unwrap().item().unwrap(),
        0.0
    );
    let none = Tensor::zeros([0, 3]);
    assert_eq!(none.sum().unwrap().item().unwrap(), 0.0);
    assert_eq!(
        none.sum_dim(0, false).unwrap().to_vec::<f32>().unwrap(),
        [0.0; 3]
    );
    assert_eq!(
        none.prod_dim(0, false).unwrap().to_vec::<f32>().unwrap(),
        [1.0; 3]
    );
    assert!(none.mean().unwrap().item().unwrap().is_nan());
    assert_eq!(
        none.logsumexp(0, false).unwrap().to_vec::<f32>().unwrap(),
        [f32::NEG_INFINITY; 3]
    );
    assert_eq!(none.max_dim(1, false).unwrap().0.shape(), [0]);
    assert_eq!(none.sort(0, false).unwrap().0.shape(), [0, 3]);
    assert!(
        none.all().unwrap().item().unwrap() == 1.0 && none.any().unwrap().item().unwrap() == 0.0
    );
    assert_eq!(
        Tensor::zeros([2, 0])
            .matmul(&Tensor::zeros([0, 3]))
            .unwrap()
            .to_vec::<f32>()
            .unwrap(),
        [0.0; 6]
    );
    assert_eq!(
        tensor![-0.0, 0.5, 1.5, -2.5]
            .round()
            .unwrap()
            .to_vec::<f32>()
            .unwrap()
            .map_bits(),
        [-0.0f32, 0.0, 2.0, -2.0].map(f32::to_bits)
    );
}

trait MapBits {
    fn map_bits(self) -> Vec<u32>;
}
impl MapBits for Vec<f32> {
    fn map_bits(self) -> Vec<u32> {
        self.into_iter().map(f32::to_bits).collect()
    }
}
