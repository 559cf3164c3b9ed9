//! Sizes that no machine has: an error at once, with PyTorch's text where it has one.

use pleach_core::random::numpy::RandomState;
use pleach_core::{
    DType, ErrorKind, PadMode, Parameter, Result, Tensor, TensorIndex, einsum, slice, tensor,
};

const OVERFLOW: &str = "numel: integer multiplication overflow";

/// What is said of memory that cannot be had.
fn refused(bytes: u128) -> String {
    format!(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate {bytes} bytes. Error code 12 (Cannot allocate memory)"
    )
}

/// The error of something whose cost may not grow with its sizes: it would never end.
fn text<T>(f: impl FnOnce() -> Result<T>) -> String {
    match f() {
        Ok(_) => panic!("a huge size was accepted"),
        Err(error) => error.kind().to_string(),
    }
}

/// One number, seen as so many.
fn many(sizes: &[i64]) -> Tensor {
    Tensor::ones([1]).expand(sizes).unwrap()
}

#[test]
fn a_product_of_sizes_that_wraps_is_no_number_of_elements() {
    let one = Tensor::ones([1]);
    for sizes in [
        vec![1i64 << 32, 1 << 32],
        vec![1 << 62, 2],
        vec![i64::MAX, i64::MAX],
        vec![0, 1 << 62, 4],
    ] {
        assert_eq!(text(|| one.expand(&sizes[..])), OVERFLOW, "{sizes:?}");
    }
    assert_eq!(text(|| one.expand([usize::MAX, 1])), OVERFLOW);
    let four = || vec![1f32, 2., 3., 4.];
    assert!(Tensor::from_vec(four(), [(1usize << 62) | 1, 4]).is_err());
    assert!(Tensor::from_slice(&four(), [1 << 63, 1 << 3]).is_err());
    assert!(Tensor::from_vec(Vec::<f32>::new(), [1 << 63, 2]).is_err());
    assert!(Tensor::from_le_bytes(&[0; 16], [(1usize << 62) | 1, 4], DType::F32).is_err());
    let x = Tensor::ones([4]);
    for sizes in [
        vec![(1i64 << 62) | 1, 4],
        vec![-1, 1 << 62, 4],
        vec![1 << 32, 1 << 32],
    ] {
        assert!(x.view(&sizes[..]).is_err() && x.reshape(&sizes[..]).is_err());
    }
    assert!(Tensor::zeros([0]).view([1i64 << 62, 4, 0]).is_err());
    assert!(x.unflatten(0, [(1i64 << 62) | 1, 4]).is_err());
    assert!(x.as_strided([1 << 32, 1 << 32], [0, 0], 0).is_err());
    // A usize beyond i64 is a huge size, never -1.
    assert!(x.view([usize::MAX]).is_err() && x.expand([usize::MAX]).is_err());
}

#[test]
fn memory_that_cannot_be_had_is_an_error_that_says_how_much() {
    let bytes = 1u128 << 47;
    let n = 1usize << 45;
    assert_eq!(text(|| Tensor::try_zeros([n])), refused(bytes));
    assert_eq!(text(|| Tensor::try_ones([n])), refused(bytes));
    assert_eq!(text(|| Tensor::try_full([n], 1)), refused(2 * bytes));
    assert_eq!(
        text(|| Tensor::try_full_of([n], 1, DType::U8)),
        refused(1 << 45)
    );
    assert_eq!(text(|| Tensor::try_rand([n])), refused(bytes));
    assert_eq!(text(|| Tensor::try_randn([n])), refused(bytes));
    assert_eq!(
        text(|| Tensor::randn_of([n], DType::F64)),
        refused(2 * bytes)
    );
    assert_eq!(text(|| Tensor::randint(0, 9, [n])), refused(2 * bytes));
    assert_eq!(text(|| Tensor::normal(0.0, 1.0, [n])), refused(bytes));
    assert_eq!(text(|| Tensor::try_randperm(n)), refused(2 * bytes));
    assert_eq!(text(|| Tensor::try_arange(n)), refused(2 * bytes));
    assert_eq!(text(|| Tensor::try_linspace(0.0, 1.0, n)), refused(bytes));
    assert_eq!(text(|| Tensor::try_eye(1 << 22)), refused(1 << 46));
    let x = many(&[n as i64]);
    assert_eq!(text(|| x.try_zeros_like()), refused(bytes));
    assert_eq!(text(|| x.try_ones_like()), refused(bytes));
    assert_eq!(text(|| x.try_full_like(2)), refused(bytes));
    assert_eq!(text(|| x.rand_like()), refused(bytes));
    assert_eq!(text(|| x.contiguous()), refused(bytes));
    assert_eq!(text(|| x.copy()), refused(bytes));
    assert_eq!(text(|| x.double()), refused(bytes));
    assert_eq!(text(|| x.to_vec::<f32>()), refused(bytes));
    assert_eq!(text(|| x.try_to_vec_f64()), refused(bytes));
    assert_eq!(text(|| x.try_to_le_bytes()), refused(bytes));
    assert_eq!(text(|| x.to_array::<f32>()), refused(bytes));
    assert_eq!(
        text(|| Tensor::try_from_array(x.array::<f32>()?)),
        refused(bytes)
    );
    let error = Tensor::try_zeros([1 << 61]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::OutOfMemory { bytes } if *bytes == 1 << 63));
}

#[test]
fn constructors_refuse_what_is_no_size() {
    assert_eq!(text(|| Tensor::try_zeros([1 << 32, 1 << 32])), OVERFLOW);
    assert_eq!(text(|| Tensor::try_ones([usize::MAX])), OVERFLOW);
    assert_eq!(text(|| Tensor::try_eye(1 << 40)), OVERFLOW);
    assert_eq!(text(|| Tensor::try_eye(usize::MAX)), OVERFLOW);
    for n in [1 << 62, usize::MAX] {
        text(|| Tensor::try_arange(n));
        text(|| Tensor::try_linspace(0.0, 1.0, n));
        text(|| Tensor::try_randperm(n));
    }
    let too_many = "invalid size, possible overflow?";
    assert_eq!(text(|| Tensor::arange_step(0.0, 1.0, 1e-30)), too_many);
    assert_eq!(text(|| Tensor::arange_step(0.0, -1e300, -1e-300)), too_many);
    let bytes = refused(4_000_000_000_000_000);
    assert_eq!(text(|| Tensor::arange_step(0.0, 1.0, 1e-15)), bytes);
    text(|| Tensor::arange_step(i64::MIN, i64::MAX, 1));
    // The whole range in a few steps is a tensor.
    let steps = Tensor::arange_step(i64::MIN, i64::MAX, i64::MAX).unwrap();
    assert_eq!(steps.to_vec::<i64>().unwrap(), [i64::MIN, -1, i64::MAX - 1]);
}

#[test]
#[should_panic(expected = "you tried to allocate 140737488355328 bytes")]
fn constructors_without_a_result_panic_with_the_text() {
    Tensor::zeros([1 << 45]);
}

#[test]
#[should_panic(expected = "value cannot be converted to type uint8_t without overflow")]
fn a_number_that_does_not_fit_panics_where_there_is_no_result() {
    Tensor::full_of([1], 300, DType::U8);
}

#[test]
#[should_panic(expected = "you tried to allocate 281474976710656 bytes")]
fn numpys_stream_panics_with_the_text() {
    RandomState::new(1).uniform(0.0, 1.0, [1 << 45]);
}

#[test]
fn operations_on_expanded_tensors_are_refused_before_they_start() {
    let x = many(&[1 << 61]);
    let bytes = refused(1 << 63);
    assert_eq!(text(|| x.add(1)), bytes);
    assert_eq!(text(|| x.mul(&x)), bytes);
    assert_eq!(text(|| x.exp()), bytes);
    assert_eq!(text(|| x.relu()), bytes);
    assert_eq!(text(|| x.clamp(0.0, None)), bytes);
    assert_eq!(text(|| x.sum()), bytes);
    assert_eq!(text(|| x.max()), bytes);
    assert_eq!(text(|| x.mean()), bytes);
    assert_eq!(text(|| x.norm()), bytes);
    assert_eq!(text(|| x.softmax(0)), bytes);
    text(|| x.flip(0));
    assert_eq!(text(|| x.prod()), bytes);
    let y = many(&[1 << 45]);
    let bytes = refused(1 << 47);
    assert_eq!(text(|| y.neg()), bytes);
    assert_eq!(text(|| y.var()), bytes);
    assert_eq!(text(|| y.cumsum(0)), bytes);
    text(|| y.sort(0, false));
    text(|| y.median());
    text(|| y.topk(1, 0, true));
    text(|| y.logsumexp(0, false));
    text(|| y.roll(1, 0));
    text(|| y.index(&y.to_dtype(DType::Bool)?));
    text(|| y.masked_fill(&tensor![true], 1.0));
    text(|| Tensor::where_cond(&tensor![true], &y, 0.0));
    text(|| y.clone().fill_(1.0).map(drop));
    text(|| y.clone().add_(1.0).map(drop));
    text(|| y.clone().uniform_(0.0, 1.0).map(drop));
    text(|| y.clone().index_put_(0, 1.0).map(drop));
    text(|| y.split(1, 0));
    text(|| y.unbind(0));
    text(|| y.chunk(1 << 44, 0));
}

#[test]
fn two_shapes_together_may_be_too_large() {
    let (column, row) = (many(&[1 << 33, 1]), many(&[1, 1 << 33]));
    assert_eq!(text(|| column.add(&row)), OVERFLOW);
    assert_eq!(text(|| column.lt(&row)), OVERFLOW);
    assert_eq!(text(|| column.matmul(&row)), OVERFLOW);
    let truths = tensor![true].expand([1i64 << 33, 1]).unwrap();
    assert_eq!(text(|| Tensor::where_cond(&truths, &row, 0.0)), OVERFLOW);
    let (column, row) = (Tensor::ones([1 << 23, 1]), Tensor::ones([1, 1 << 23]));
    let bytes = refused(1 << 48);
    assert_eq!(text(|| column.add(&row)), bytes);
    assert_eq!(text(|| column.mm(&row)), bytes);
    assert_eq!(text(|| column.matmul(&row)), bytes);
    assert_eq!(text(|| column.linear(&row.t()?, None)), bytes);
    assert_eq!(text(|| einsum("ik,kj->ij", &[&column, &row])), bytes);
    let flat = column.reshape([-1]).unwrap();
    assert_eq!(text(|| einsum("i,j->ij", &[&flat, &flat])), bytes);
    let zeros = Tensor::zeros_of([1 << 23], DType::I64);
    let (i, j) = (zeros.unsqueeze(1).unwrap(), zeros.unsqueeze(0).unwrap());
    text(|| Tensor::ones([2, 2]).index((&i, &j)));
    let long = many(&[1 << 62]);
    assert_eq!(text(|| Tensor::cat([&long; 2], 0)), OVERFLOW);
    assert_eq!(text(|| Tensor::cat([&long; 5], 0)), OVERFLOW);
    assert_eq!(text(|| Tensor::stack([&long; 2], 0)), OVERFLOW);
    assert_eq!(
        text(|| Tensor::cat([&many(&[1 << 44]); 2], 0)),
        refused(1 << 47)
    );
}

#[test]
fn huge_arguments_are_refused() {
    let x = tensor![[1.0, 2.0]];
    assert_eq!(text(|| x.repeat([1i64 << 61, 1])), refused(1 << 64));
    assert_eq!(text(|| x.repeat([1i64 << 44, 1])), refused(1 << 47));
    assert_eq!(text(|| x.repeat([i64::MAX, i64::MAX])), OVERFLOW);
    assert_eq!(text(|| x.repeat([usize::MAX, 1])), OVERFLOW);
    assert_eq!(
        text(|| x.pad(&[1 << 44, 0], PadMode::Constant, 0.0)),
        refused((1 << 46) + 8)
    );
    assert_eq!(
        text(|| x.pad(&[1 << 44, 0], PadMode::Replicate, 0.0)),
        refused((1 << 46) + 8)
    );
    for pad in [i64::MAX, i64::MIN, 1 << 62] {
        text(|| x.pad(&[pad, pad], PadMode::Constant, 0.0));
        text(|| x.pad(&[pad, pad], PadMode::Replicate, 0.0));
        text(|| x.pad(&[pad, i64::MAX], PadMode::Circular, 0.0));
        text(|| x.pad(&[pad, 1], PadMode::Reflect, 0.0));
    }
    text(|| x.pad(&[i64::MIN, i64::MAX], PadMode::Constant, 0.0));
    text(|| x.narrow(1, usize::MAX, 2));
    text(|| x.narrow(1, 1, usize::MAX));
    text(|| x.split([usize::MAX, 3], 1));
    text(|| x.split([1 << 63, (1 << 63) + 2], 1));
    text(|| x.topk(usize::MAX, 1, true));
    text(|| x.select(1, i64::MIN));
    text(|| x.index(usize::MAX));
    text(|| x.unsqueeze(i64::MIN));
    text(|| x.flatten(i64::MIN, i64::MAX));
    text(|| x.transpose(i64::MAX, 0));
}

#[test]
fn huge_arguments_that_mean_something_small_work() {
    let x = Tensor::arange(5);
    let index = |part: TensorIndex| x.index(part).unwrap().to_vec::<i64>().unwrap();
    assert_eq!(index(slice(None, None, 1 << 62)), [0]);
    assert_eq!(index(slice(1, None, i64::MAX)), [1]);
    assert_eq!(index(slice(i64::MIN, i64::MAX, 3)), [0, 3]);
    assert_eq!(index((0..usize::MAX).into()), [0, 1, 2, 3, 4]);
    assert_eq!(index((3..=usize::MAX).into()), [3, 4]);
    assert_eq!(index((3..=i64::MAX).into()), [3, 4]);
    assert_eq!(index((usize::MAX..).into()), []);
    let roll = |shift: i64| x.roll(shift, 0).unwrap().to_vec::<i64>().unwrap();
    // 2^63 - 1 is 2 more than a multiple of 5, -2^63 is 2 more than one.
    assert_eq!(roll(i64::MAX), [3, 4, 0, 1, 2]);
    assert_eq!(roll(i64::MIN), [3, 4, 0, 1, 2]);
    let y = tensor![1.0, 2.0, 3.0].requires_grad_(true).unwrap();
    y.roll(i64::MIN, 0)
        .unwrap()
        .sum()
        .unwrap()
        .backward()
        .unwrap();
    let square = Tensor::ones([2, 2]);
    for offset in [i64::MIN, i64::MAX] {
        assert_eq!(square.diagonal(offset).unwrap().shape(), [0]);
    }
    let values = |t: Result<Tensor>| t.unwrap().to_vec::<f32>().unwrap();
    assert_eq!(values(square.tril(i64::MAX)), [1.0; 4]);
    assert_eq!(values(square.tril(i64::MIN)), [0.0; 4]);
    assert_eq!(values(square.triu(i64::MIN)), [1.0; 4]);
    assert_eq!(values(square.triu(i64::MAX)), [0.0; 4]);
    assert_eq!(x.chunk(usize::MAX, 0).unwrap().len(), 5);
    assert_eq!(x.split(usize::MAX, 0).unwrap().len(), 1);
    assert_eq!(
        many(&[1 << 61]).narrow(0, 1i64 << 60, 2).unwrap().numel(),
        2
    );
    assert_eq!(many(&[1 << 61]).select(0, -1).unwrap().item().unwrap(), 1.0);
    // Steps of single elements may be anything.
    let strided = x.as_strided([1, 5], [usize::MAX, 1], 0).unwrap();
    assert_eq!(
        strided.unsqueeze(0).unwrap().diagonal(0).unwrap().shape(),
        [5, 1]
    );
    assert_eq!(strided.reshape([5, 1]).unwrap().shape(), [5, 1]);
}

#[test]
fn windows_cost_what_they_see_and_not_what_lies_between() {
    let x = tensor![[[[1.0, 2.0], [3.0, 4.0]]]];
    let far = 1usize << 40;
    // Padding of 2^40 on either side, stepped over: the first pixel alone is seen.
    let y = x.im2col([1, 1], [1, 1], [far, far], [far, far]).unwrap();
    assert_eq!(y.shape(), [1, 1, 9]);
    let expected = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(y.to_vec::<f32>().unwrap(), expected);
    let y = x
        .im2col([2, 2], [far, far], [far, far], [far, far])
        .unwrap();
    assert_eq!(y.shape(), [1, 4, 4]);
    // Each tap sees it in one window: the last tap in the first window.
    let expected = tensor![[
        [0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0]
    ]];
    assert!(y.equal(&expected).unwrap());
    text(|| x.im2col([1, 1], [1, 1], [1 << 61, 0], [1, 1]));
    text(|| x.im2col([1, 1], [1, 1], [1 << 30, 1 << 30], [1, 1]));
    text(|| x.im2col([2, 1], [usize::MAX, 1], [0, 0], [1, 1]));
    text(|| x.im2col([usize::MAX, 2], [1, 1], [0, 0], [1, 1]));
    text(|| x.im2col([1 << 32, 1 << 32], [1, 1], [1 << 33, 1 << 33], [1, 1]));
    let last = x
        .im2col([1, 1], [usize::MAX, 1], [0, 0], [usize::MAX, 1])
        .unwrap();
    assert_eq!(last.to_vec::<f32>().unwrap(), [1.0, 2.0]);
}

#[test]
fn a_gradient_that_cannot_be_held_is_an_error_of_backward() {
    let x = Tensor::ones([1]).requires_grad_(true).unwrap();
    let y = x.expand([1i64 << 45]).unwrap();
    let start = Tensor::ones([1]).expand([1i64 << 45]).unwrap();
    assert_eq!(text(|| y.backward_with(&start)), refused(1 << 47));
    assert!(x.grad().is_none());
    let p = Parameter::new(Tensor::ones([2]));
    text(|| p.tensor().expand([1i64 << 45, 2])?.exp());
}

#[test]
fn index_add_wants_as_many_dimensions_in_the_source_as_in_the_tensor() {
    let index = tensor![0];
    let x = Tensor::zeros([2, 1, 1, 1, 1]);
    assert!(x.index_add(-1, &index, &Tensor::ones([1])).is_err());
    assert!(
        Tensor::ones([1])
            .index_add(0, &index, &Tensor::scalar(1.0))
            .is_err()
    );
    // torch.tensor(1.).index_add(0, torch.tensor([0]), torch.tensor(2.))
    let sum = Tensor::scalar(1.0).index_add(0, &index, &Tensor::scalar(2.0));
    assert_eq!(sum.unwrap().item().unwrap(), 3.0);
}
