//! The texts of errors, word for word as PyTorch 2.15 gives them, and the names of backward steps.

use pleach_core::{DType, PadMode, Result, Tensor, TensorIndex, einsum, slice, tensor};

fn text<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_string(),
        Err(e) => e.kind().to_string(),
    }
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape)
}

#[test]
fn shapes_that_do_not_fit() {
    let (x, out) = (
        zeros(&[2, 3]),
        "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
    );
    let cases: Vec<(String, &str)> = vec![
        (
            text(x.add(zeros(&[4]))),
            "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1",
        ),
        (
            text(x.matmul(&zeros(&[4, 2]))),
            "mm: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2)",
        ),
        (
            text(zeros(&[2, 3, 4]).bmm(&zeros(&[2, 5, 2]))),
            "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 5].",
        ),
        (
            text(zeros(&[2, 3, 4]).matmul(&zeros(&[3, 4, 2]))),
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
        ),
        (
            text(zeros(&[3]).matmul(&zeros(&[4]))),
            "inconsistent tensor size, expected tensor [3] and src [4] to have the same number of elements, but got 3 and 4 elements respectively",
        ),
        (
            text(x.matmul(&zeros(&[2]))),
            "size mismatch, got input (2), mat (2x3), vec (2)",
        ),
        (
            text(x.mm(&zeros(&[3]))),
            "mm: mat2 must be a matrix, got 1-D tensor",
        ),
        (
            text(zeros(&[2]).addmm(&x, &zeros(&[4, 2]), 1.0, 1.0)),
            "addmm: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2)",
        ),
        (
            text(zeros(&[2, 5]).linear(&zeros(&[3, 4]), Some(&zeros(&[3])))),
            "addmm: mat1 and mat2 shapes cannot be multiplied (2x5 and 4x3)",
        ),
        (
            text(zeros(&[2, 3, 5]).linear(&zeros(&[3, 4]), Some(&zeros(&[3])))),
            "addmm: mat1 and mat2 shapes cannot be multiplied (6x5 and 4x3)",
        ),
        (
            text(zeros(&[5]).linear(&zeros(&[3, 4]), Some(&zeros(&[3])))),
            "addmm: mat1 and mat2 shapes cannot be multiplied (1x5 and 4x3)",
        ),
        (
            text(zeros(&[2, 5]).linear(&zeros(&[3, 4]), None)),
            "mm: mat1 and mat2 shapes cannot be multiplied (2x5 and 4x3)",
        ),
        (
            text(zeros(&[]).linear(&zeros(&[3, 4]), None)),
            "both arguments to linear need to be at least 1D, but they are 0D and 2D",
        ),
        (
            text(Tensor::zeros_of([2, 4], DType::F64).linear(&zeros(&[3, 4]), Some(&zeros(&[3])))),
            "mat1 and mat2 must have the same dtype, but got Double and Float",
        ),
        (
            text(Tensor::zeros_of([2, 4], DType::I64).linear(&zeros(&[3, 4]), Some(&zeros(&[3])))),
            "mat1 and mat2 must have the same dtype, but got Long and Float",
        ),
        (
            text(zeros(&[2, 4]).linear(&Tensor::zeros_of([3, 4], DType::F64), Some(&zeros(&[3])))),
            "self and mat2 must have the same dtype, but got Float and Double",
        ),
        (
            text(zeros(&[2, 4]).linear(&Tensor::zeros_of([3, 4], DType::F64), None)),
            "expected m1 and m2 to have the same dtype, but got: float != double",
        ),
        (
            text(zeros(&[2, 4]).mv(&Tensor::zeros_of([4], DType::F64))),
            "addmv input tensors must have the same dtype, but got Double, Float, and Double",
        ),
        (
            text(Tensor::zeros_of([1, 2, 2], DType::F64).baddbmm(
                &zeros(&[1, 2, 4]),
                &zeros(&[1, 4, 2]),
                1.0,
                1.0,
            )),
            "Input dtypes must be the same, got: input double, batch1: float, batch2: float",
        ),
        (
            text(zeros(&[1, 2, 2]).baddbmm(
                &Tensor::zeros_of([1, 2, 4], DType::F64),
                &zeros(&[1, 4, 2]),
                1.0,
                1.0,
            )),
            "Input dtypes must be the same, got: input float, batch1: double, batch2: float",
        ),
        (
            text(zeros(&[1, 2, 4]).bmm(&Tensor::zeros_of([1, 4, 2], DType::F64))),
            "expected scalar type Float but found Double",
        ),
        (
            text(x.view([4, 2])),
            "shape '[4, 2]' is invalid for input of size 6",
        ),
        (
            text(x.t().and_then(|t| t.view(-1i64))),
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
        ),
        (text(x.view([-1, -1])), "only one dimension can be inferred"),
        (
            text(zeros(&[6]).view([4, -1])),
            "shape '[4, -1]' is invalid for input of size 6",
        ),
        (
            text(x.reshape([5])),
            "shape '[5]' is invalid for input of size 6",
        ),
        (
            text(Tensor::cat([&x, &zeros(&[2, 4])], 0)),
            "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor number 1 in the list.",
        ),
        (
            text(Tensor::cat([&x, &zeros(&[2])], 0)),
            "Tensors must have same number of dimensions: got 2 and 1",
        ),
        (
            text(Tensor::cat([&x; 0], 0)),
            "torch.cat(): expected a non-empty list of Tensors",
        ),
        (
            text(Tensor::stack([&zeros(&[2]), &zeros(&[3])], 0)),
            "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at entry 1",
        ),
        (text(x.sum_dim(2, false)), out),
        (text(x.transpose(0, 2)), out),
        (
            text(x.permute([0])),
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = 2 is not equal to len(dims) = 1",
        ),
        (
            text(x.permute([0, 0])),
            "permute(): duplicate dims are not allowed.",
        ),
        (
            text(x.squeeze_dim(5)),
            "Dimension out of range (expected to be in range of [-2, 1], but got 5)",
        ),
        (
            text(x.expand([3, 3])),
            "The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 0.  Target sizes: [3, 3].  Tensor sizes: [2, 3]",
        ),
        (
            text(x.item()),
            "a Tensor with 6 elements cannot be converted to Scalar",
        ),
        (
            text(zeros(&[0]).max()),
            "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.",
        ),
        (
            text(zeros(&[0, 3]).max_dim(0, false)),
            "max(): Expected reduction dim 0 to have non-zero size.",
        ),
        (
            text(zeros(&[0]).argmax()),
            "argmax(): Expected reduction dim to be specified for input.numel() == 0.",
        ),
        (
            text(zeros(&[2, 3, 4]).t()),
            "t() expects a tensor with <= 2 dimensions, but self is 3D",
        ),
        (
            text(tensor![0, 0].mean()),
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long",
        ),
        (
            text(zeros(&[3, 2]).gather(1, &tensor![[2]])),
            "index 2 is out of bounds for dimension 1 with size 2",
        ),
        (
            text(x.pad(&[1, 1, 1, 1, 1, 1], PadMode::Constant, 0.0)),
            "Padding length should be less than or equal to two times the input dimension but got padding length 6 and input of dimension 2",
        ),
        (
            text(zeros(&[1, 1, 4, 4]).pad(&[4, 4, 4, 4], PadMode::Reflect, 0.0)),
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (4, 4) at dimension 3 of input [1, 1, 4, 4]",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}

#[test]
fn indices_that_do_not_fit() {
    let x = zeros(&[2, 3]);
    let cases: Vec<(String, &str)> = vec![
        (
            text(x.index(2)),
            "index 2 is out of bounds for dimension 0 with size 2",
        ),
        (
            text(x.index((0, 3))),
            "index 3 is out of bounds for dimension 1 with size 3",
        ),
        (
            text(x.index((0, 0, 0))),
            "too many indices for tensor of dimension 2",
        ),
        (
            text(x.index(&tensor![2])),
            "index 2 is out of bounds for dimension 0 with size 2",
        ),
        (
            text(x.index(&tensor![true, false, true])),
            "The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3] at index 0",
        ),
        (
            text(x.index(slice(None, None, -1))),
            "step must be greater than zero",
        ),
        (
            text(x.index(&tensor![1.0])),
            "tensors used as indices must be long, int, byte or bool tensors",
        ),
        (
            text(x.index((TensorIndex::Ellipsis, TensorIndex::Ellipsis))),
            "an index can only have a single ellipsis ('...')",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}

#[test]
fn equations_that_do_not_fit() {
    let (x, y) = (zeros(&[2, 3]), zeros(&[4, 2]));
    let cases: Vec<(String, &str)> = vec![
        (
            text(einsum("ij,jk", &[&x, &y])),
            "einsum(): subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3",
        ),
        (
            text(einsum("i", &[&x])),
            "einsum(): the number of subscripts in the equation (1) does not match the number of dimensions (2) for operand 0 and no ellipsis was given",
        ),
        (
            text(einsum("ijk...", &[&x])),
            "einsum(): the number of subscripts in the equation (3) is more than the number of dimensions (2) for operand 0 even with an ellipsis",
        ),
        (
            text(einsum("ij,jk", &[&x])),
            "einsum(): fewer operands were provided than specified in the equation",
        ),
        (
            text(einsum("ij", &[&x, &y])),
            "einsum(): more operands were provided than specified in the equation",
        ),
        (
            text(einsum("ij->iz", &[&x])),
            "einsum(): output subscript z does not appear in the equation for any input operand",
        ),
        (
            text(einsum("ij->ii", &[&x])),
            "einsum(): output subscript i appears more than once in the output",
        ),
        (
            text(einsum("i1", &[&x])),
            "einsum(): invalid subscript given at index 1 in the equation string, subscripts must be in [a-zA-Z]",
        ),
        (
            text(einsum("ii", &[&x])),
            "einsum(): subscript i is repeated for operand 0 but the sizes don't match, 3 != 2",
        ),
        (
            text(einsum("i.", &[&x])),
            "einsum(): found '.' for operand 0 that is not part of any ellipsis",
        ),
        (
            text(einsum("ij", &[])),
            "einsum(): must provide at least one operand",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}

#[test]
fn operators_panic_with_the_text_of_the_method() {
    let caught = std::panic::catch_unwind(|| &zeros(&[2, 3]) + &zeros(&[4]));
    let message = *caught.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(
        message,
        "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"
    );
}

#[test]
fn backward_steps_have_pytorchs_names() {
    let leaf = |shape: &[usize]| Tensor::full(shape, 0.7).requires_grad_(true).unwrap();
    let (x, b, v) = (leaf(&[3, 4]), leaf(&[2, 3, 4]), leaf(&[5]));
    let ids = tensor![0, 2];
    let over = x.gt(1.0).unwrap();
    let cases: Vec<(Result<Tensor>, Option<&str>)> = vec![
        (x.add(1), Some("AddBackward0")),
        (x.sub(1), Some("SubBackward0")),
        (x.rsub(1), Some("RsubBackward1")),
        (x.mul(2), Some("MulBackward0")),
        (x.div(2), Some("DivBackward0")),
        (x.rdiv(1), Some("MulBackward0")),
        (x.neg(), Some("NegBackward0")),
        (x.pow(2), Some("PowBackward0")),
        (x.rpow(2), Some("PowBackward2")),
        (x.pow(&x), Some("PowBackward1")),
        (x.sum(), Some("SumBackward0")),
        (x.sum_dim(0, false), Some("SumBackward1")),
        (x.mean(), Some("MeanBackward0")),
        (x.mean_dim(0, false), Some("MeanBackward1")),
        (x.var(), Some("VarBackward0")),
        (x.var_dim(0, 1.0, false), Some("VarBackward0")),
        (x.std(), Some("StdBackward0")),
        (x.max(), Some("MaxBackward1")),
        (x.max_dim(0, false).map(|r| r.0), Some("MaxBackward0")),
        (x.min(), Some("MinBackward1")),
        (x.amax(0, false), Some("AmaxBackward0")),
        (x.prod(), Some("ProdBackward0")),
        (x.norm(), Some("LinalgVectorNormBackward0")),
        (x.cumsum(0), Some("CumsumBackward0")),
        (x.logsumexp(1, false), Some("LogsumexpBackward0")),
        (x.matmul(&x.t().unwrap()), Some("MmBackward0")),
        (x.t(), Some("TBackward0")),
        (x.permute([1, 0]), Some("PermuteBackward0")),
        (x.matmul(&x.index(0).unwrap()), Some("MvBackward0")),
        (v.matmul(&v), Some("DotBackward0")),
        (
            b.matmul(&b.transpose(1, 2).unwrap()),
            Some("UnsafeViewBackward0"),
        ),
        (b.matmul(&x.t().unwrap()), Some("UnsafeViewBackward0")),
        (b.bmm(&b.transpose(1, 2).unwrap()), Some("BmmBackward0")),
        (x.view(-1i64), Some("ViewBackward0")),
        (x.reshape(-1i64), Some("ViewBackward0")),
        (x.t().unwrap().reshape(-1i64), Some("UnsafeViewBackward0")),
        (x.flatten(0, -1), Some("ViewBackward0")),
        (x.transpose(0, 1), Some("TransposeBackward0")),
        (x.unsqueeze(0), Some("UnsqueezeBackward0")),
        (
            x.unsqueeze(0).unwrap().squeeze_dim(0),
            Some("SqueezeBackward1"),
        ),
        (Ok(x.squeeze()), Some("SqueezeBackward0")),
        (x.expand([2, 3, 4]), Some("ExpandBackward0")),
        (x.repeat([2, 1]), Some("RepeatBackward0")),
        (x.contiguous(), None),
        (x.t().unwrap().contiguous(), Some("CloneBackward0")),
        (x.copy(), Some("CloneBackward0")),
        (x.index(0), Some("SelectBackward0")),
        (x.index(..2), Some("SliceBackward0")),
        (x.index((.., 1)), Some("SelectBackward0")),
        (x.index(&ids), Some("IndexBackward0")),
        (x.index(&over), Some("IndexBackward0")),
        (x.index(TensorIndex::NewAxis), Some("UnsqueezeBackward0")),
        (x.narrow(0, 0, 1), Some("SliceBackward0")),
        (
            x.gather(1, &tensor![[0], [0], [0]]),
            Some("GatherBackward0"),
        ),
        (x.index_select(0, &tensor![0]), Some("IndexSelectBackward0")),
        (Tensor::cat([&x, &x], 0), Some("CatBackward0")),
        (Tensor::stack([&x, &x], 0), Some("StackBackward0")),
        (
            x.split(1, 0).map(|mut p| p.remove(0)),
            Some("SplitBackward0"),
        ),
        (
            x.chunk(2, 0).map(|mut p| p.remove(0)),
            Some("SplitBackward0"),
        ),
        (
            x.unbind(0).map(|mut p| p.remove(0)),
            Some("UnbindBackward0"),
        ),
        (
            Tensor::where_cond(&over, &x, x.neg().unwrap()),
            Some("WhereBackward0"),
        ),
        (x.masked_fill(&over, 0.0), Some("MaskedFillBackward0")),
        (x.clamp(0.6, 1.0), Some("ClampBackward1")),
        (x.abs(), Some("AbsBackward0")),
        (x.exp(), Some("ExpBackward0")),
        (x.log(), Some("LogBackward0")),
        (x.sqrt(), Some("SqrtBackward0")),
        (x.rsqrt(), Some("RsqrtBackward0")),
        (x.sin(), Some("SinBackward0")),
        (x.double(), Some("ToCopyBackward0")),
        (x.to_dtype(DType::F16), Some("ToCopyBackward0")),
        (x.float(), None),
        (x.maximum(x.mul(2).unwrap()), Some("MaximumBackward0")),
        (x.flip(0), Some("FlipBackward0")),
        (x.roll(1, 0), Some("RollBackward0")),
        (x.tril(0), Some("TrilBackward0")),
        (x.diagonal(0), Some("DiagonalBackward0")),
        (
            x.pad(&[1, 1], PadMode::Constant, 0.0),
            Some("ConstantPadNdBackward0"),
        ),
        (x.relu(), Some("ReluBackward0")),
        (x.sigmoid(), Some("SigmoidBackward0")),
        (x.tanh(), Some("TanhBackward0")),
        (x.softmax(1), Some("SoftmaxBackward0")),
        (x.log_softmax(1), Some("LogSoftmaxBackward0")),
        (x.sort(0, false).map(|r| r.0), Some("SortBackward0")),
        (x.topk(1, 0, true).map(|r| r.0), Some("TopkBackward0")),
    ];
    for (result, name) in cases {
        assert_eq!(result.unwrap().grad_fn(), name);
    }
    type Change = fn(&mut Tensor) -> Result<()>;
    let changes: [(Change, &str); 4] = [
        (|t| t.add_(1).map(drop), "AddBackward0"),
        (|t| t.mul_(2).map(drop), "MulBackward0"),
        (|t| t.zero_().map(drop), "ZeroBackward0"),
        (|t| t.fill_(2).map(drop), "FillBackward2"),
    ];
    for (change, name) in changes {
        let mut y = x.mul(1).unwrap();
        change(&mut y).unwrap();
        assert_eq!(y.grad_fn(), Some(name));
    }
}
