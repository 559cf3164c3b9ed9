//! Errors say what to do, in Rust's words, after PyTorch's text.

use pleach::prelude::*;

/// PyTorch's text and the hint of an error.
fn parts<T>(result: Result<T>) -> (String, String) {
    let error = result.err().expect("it is refused");
    let (text, hint) = (error.kind().to_string(), error.hint().unwrap_or_default());
    assert!(
        error
            .to_string()
            .ends_with(&format!("{text}\nhint: {hint}"))
    );
    (text, hint.to_string())
}

#[track_caller]
fn expect<T>(result: Result<T>, text: &str, hint: &str) {
    assert_eq!(parts(result), (text.to_string(), hint.to_string()));
}

const TO_F32: &str = "`.float()` makes f32 of the f64 tensor; `vec![0.5]` is f64 in Rust";
const TO_I64: &str = "`.long()` makes i64 of the i32 tensor; `vec![1]` is i32 in Rust";

#[test]
fn an_input_of_f64_says_float() -> Result<()> {
    let x = Tensor::from_vec(vec![0.5; 4], [1, 4])?;
    let error = Linear::new(4, 2).call(&x).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Linear: mat1 and mat2 must have the same dtype, but got Double and Float\nhint: {TO_F32}"
        )
    );
    let image = Tensor::from_vec(vec![0.5; 16], [1, 1, 4, 4])?;
    let conv = sequential![Conv2d::new(1, 2, 3)];
    expect(
        conv.call(&image),
        "Input type (double) and bias type (float) should be the same",
        TO_F32,
    );
    let without_bias = Conv2d::builder(1, 2, 3).bias(false).build()?;
    expect(
        without_bias.call(&image),
        "expected scalar type Double but found Float",
        TO_F32,
    );
    expect(
        BatchNorm2d::new(1).call(&image),
        "expected scalar type Double but found Float",
        TO_F32,
    );
    Linear::new(4, 2).call(&x.float()?)?;
    conv.call(&image.float()?)?;
    Ok(())
}

#[test]
fn classes_and_indices_say_long() -> Result<()> {
    let scores = Tensor::ones([2, 3]);
    let loss = CrossEntropyLoss::new();
    let text = |dtype| format!("expected target dtype to be Long or Byte, but got {dtype}");
    let classes = Tensor::from_vec(vec![0, 2], [2])?;
    expect(loss.call(&scores, &classes), &text("Int"), TO_I64);
    let to_i64 = "`.long()` makes i64 of the f32 tensor";
    expect(
        loss.call(&scores, &tensor![0.0, 2.0]),
        &text("Float"),
        to_i64,
    );
    loss.call(&scores, &classes.long()?)?;

    let index = tensor![0.0];
    expect(
        scores.index_select(0, &index),
        "index_select(): Expected dtype int32 or int64 for index",
        to_i64,
    );
    let (_, hint) = parts(functional::embedding(
        &index,
        &scores,
        functional::EmbeddingOptions::new(),
    ));
    assert_eq!(hint, to_i64);
    let (_, hint) = parts(scores.index(&index));
    assert_eq!(hint, to_i64);
    expect(
        loss.call(&scores, &tensor![0, 3]),
        "Target 3 is out of bounds.",
        "3 scores are for classes from 0 to 2",
    );
    expect(
        loss.call(&scores, &tensor![[0], [2]]),
        "0D or 1D target tensor expected, multi-target not supported",
        "`.squeeze_dim(1)?` makes one class for each sample of it",
    );
    loss.call(&scores, &tensor![[0], [2]].squeeze_dim(1)?)?;
    Ok(())
}

#[test]
fn integers_say_float() -> Result<()> {
    let x = tensor![1, 2];
    let hint = "`.float()` makes f32 of the i64 tensor";
    expect(
        x.softmax(0),
        "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'",
        hint,
    );
    assert_eq!(parts(x.mean()).1, hint);
    assert_eq!(parts(x.var()).1, hint);
    assert_eq!(parts(functional::gelu(&x, "none")).1, hint);
    assert_eq!(parts(x.clone().requires_grad_(true)).1, hint);
    assert_eq!(parts(Parameter::try_new(&x)).1, hint);
    assert_eq!(parts(Linear::new(2, 1).call(&x)).1, hint);
    assert_eq!(
        parts(x.array::<f64>()).1,
        "`.double()` makes f64 of the i64 tensor"
    );
    x.float()?.softmax(0)?;
    Ok(())
}

#[test]
fn the_graph_says_what_it_allows() -> Result<()> {
    let leaf = || tensor![1.0].requires_grad_(true);
    let hint =
        "inside `no_grad(|| ..)` the change is not recorded; nor is one of a parameter's `.data()`";
    expect(
        leaf()?.add_(1.0),
        "a leaf Variable that requires grad is being used in an in-place operation.",
        hint,
    );
    let parameter = Parameter::new(tensor![1.0]);
    assert_eq!(parts(parameter.add_(1.0)).1, hint);
    no_grad(|| parameter.add_(1.0).map(drop))?;
    parameter.data().add_(1.0)?;
    assert_eq!(parameter.data().item()?, 3.0);

    let (_, hint) = parts(leaf()?.update::<f32>(|_| ()));
    assert!(hint.contains(".detach()"), "{hint}");

    let loss = leaf()?.square()?.sum()?;
    loss.backward_retain_graph()?;
    loss.backward()?;
    let (text, hint) = parts(loss.backward());
    assert!(text.contains("retain_graph=True"), "{text}");
    assert!(
        hint.starts_with("`loss.backward_retain_graph()` the first time"),
        "{hint}"
    );

    let (_, hint) = parts(tensor![1.0].backward());
    assert!(hint.contains("no_grad"), "{hint}");
    let (_, hint) = parts(tensor![1.0, 2.0].requires_grad_(true)?.backward());
    assert!(hint.contains(".mean()?"), "{hint}");
    // Reading is never refused.
    assert_eq!((leaf()?.item()?, leaf()?.array::<f32>()?[[0]]), (1.0, 1.0));
    Ok(())
}

#[test]
fn shapes_say_which_dimension_is_missing() -> Result<()> {
    let images = Tensor::ones([2, 1, 8, 8]);
    let conv = || Conv2d::new(1, 3, 3);
    let unflattened = sequential![conv(), Linear::new(108, 10)];
    expect(
        unflattened.call(&images),
        "addmm: mat1 and mat2 shapes cannot be multiplied (36x6 and 108x10)",
        "`Flatten::new()` before the linear layer, or `.flatten(1, -1)?`, makes one vector of each sample",
    );
    let net = sequential![conv(), Flatten::new(), Linear::new(108, 10)];
    net.call(&images)?;
    let one = images.select(0, 0)?;
    assert_eq!(
        parts(net.call(&one)).1,
        "the input is one sample: `.unsqueeze(0)?` before the network, or before `Flatten`, adds the batch dimension"
    );
    net.call(&one.unsqueeze(0)?)?;
    let other = sequential![conv(), Linear::new(100, 10)];
    assert_eq!(
        parts(other.call(&images)).1,
        "`Flatten::new()` before the linear layer makes one vector of each sample; `in_features` is then 108, not 100"
    );
    assert_eq!(
        parts(Linear::new(4, 2).call(&Tensor::ones([3, 5]))).1,
        "the layer's `in_features` is 4, the input's last dimension has 5"
    );

    let front = "`.unsqueeze(0)?` adds the missing dimension of size 1 in front";
    expect(
        BatchNorm2d::new(1).call(&one),
        "expected 4D input (got 3D input)",
        front,
    );
    let plane = one.select(0, 0)?;
    expect(
        conv().call(&plane),
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 8]",
        front,
    );
    assert_eq!(parts(MaxPool2d::new(2).call(&plane)).1, front);
    conv().call(&plane.unsqueeze(0)?)?;
    let grey = Tensor::ones([5, 8, 8]);
    let (_, hint) = parts(conv().call(&grey));
    assert!(hint.contains("`.unsqueeze(1)?`"), "{hint}");
    assert_eq!(conv().call(&grey.unsqueeze(1)?)?.shape(), [5, 3, 6, 6]);
    let last = Tensor::ones([5, 8, 8, 3]);
    let (_, hint) = parts(Conv2d::new(3, 2, 3).call(&last));
    assert!(hint.contains("`.permute([0, 3, 1, 2])?`"), "{hint}");
    Conv2d::new(3, 2, 3).call(&last.permute([0, 3, 1, 2])?)?;
    Ok(())
}
