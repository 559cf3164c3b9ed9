//! Bad input is refused with PyTorch's text.

use pleach_core::{DType, Result, Tensor, tensor};
use pleach_nn::functional::{
    self as F, BatchNormOptions, CrossEntropyOptions, MaxPoolOptions, NllLossOptions, Reduction,
};
use pleach_nn::layers::{
    AdaptiveAvgPool2d, AvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d,
};
use pleach_nn::{Forward, Module};

/// The text of the error, without the module's name.
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
fn a_layer_that_is_called_names_itself_in_its_error() {
    let error = Linear::new(4, 3).call(&zeros(&[2, 5])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Linear: addmm: mat1 and mat2 shapes cannot be multiplied (2x5 and 4x3)\n\
         hint: the layer's `in_features` is 4, the input's last dimension has 5"
    );
}

#[test]
fn linear_refuses_what_does_not_fit() -> Result<()> {
    let linear = Linear::new(4, 3);
    let mismatch = |size| format!("mat1 and mat2 shapes cannot be multiplied ({size} and 4x3)");
    for (shape, size) in [(&[2, 5][..], "2x5"), (&[2, 3, 5], "6x5"), (&[5], "1x5")] {
        let expected = format!("addmm: {}", mismatch(size));
        assert_eq!(text(linear.call(&zeros(shape))), expected);
    }
    let plain = Linear::builder(4, 3).bias(false).build()?;
    assert_eq!(
        text(plain.call(&zeros(&[2, 5]))),
        format!("mm: {}", mismatch("2x5"))
    );
    for (dtype, name) in [(DType::F64, "Double"), (DType::I64, "Long")] {
        assert_eq!(
            text(linear.call(&Tensor::zeros_of([2, 4], dtype))),
            format!("mat1 and mat2 must have the same dtype, but got {name} and Float")
        );
    }
    assert_eq!(
        text(linear.call(&Tensor::scalar(1.0))),
        "both arguments to linear need to be at least 1D, but they are 0D and 2D"
    );
    assert!(Linear::builder(4, 3).dtype(DType::I64).build().is_err());
    Ok(())
}

#[test]
fn conv2d_refuses_input_that_does_not_fit() -> Result<()> {
    let conv = Conv2d::new(3, 8, 3);
    let channels = "Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 4, 8, 8] to have 3 channels, but got 4 channels instead";
    assert_eq!(text(conv.call(&zeros(&[1, 4, 8, 8]))), channels);
    assert_eq!(text(conv.call(&zeros(&[4, 8, 8]))), channels);
    assert_eq!(
        text(conv.call(&zeros(&[8, 8]))),
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 8]"
    );
    assert_eq!(
        text(conv.call(&Tensor::zeros_of([1, 3, 8, 8], DType::F64))),
        "Input type (double) and bias type (float) should be the same"
    );
    assert_eq!(
        text(Conv2d::new(3, 8, 5).call(&zeros(&[1, 3, 4, 4]))),
        "Calculated padded input size per channel: (4 x 4). Kernel size: (5 x 5). Kernel size can't be greater than actual input size"
    );
    let grouped = Conv2d::builder(4, 6, 3).groups(2).build()?;
    assert_eq!(
        text(grouped.call(&zeros(&[1, 6, 5, 5]))),
        "Given groups=2, weight of size [6, 2, 3, 3], expected input[1, 6, 5, 5] to have 4 channels, but got 6 channels instead"
    );
    let reflect = Conv2d::builder(1, 1, 3).padding(4).padding_mode("reflect");
    assert_eq!(
        text(reflect.build()?.call(&zeros(&[1, 1, 4, 4]))),
        "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (4, 4) at dimension 3 of input [1, 1, 4, 4]"
    );
    // Sizes that PyTorch, too, only notices when it computes.
    assert!(Conv2d::new(1, 1, 0).call(&zeros(&[1, 1, 4, 4])).is_err());
    let stuck = Conv2d::builder(1, 1, 1).stride(0).build()?;
    assert_eq!(
        text(stuck.call(&zeros(&[1, 1, 4, 4]))),
        "non-positive stride is not supported"
    );
    let dilation = Conv2d::builder(1, 1, 1).dilation(0).build()?;
    assert_eq!(
        text(dilation.call(&zeros(&[1, 1, 4, 4]))),
        "dilation should be greater than zero, but got [0, 0]"
    );
    Ok(())
}

#[test]
fn conv2d_refuses_bad_options_before_it_draws() {
    pleach_core::manual_seed(3);
    assert_eq!(
        text(Conv2d::builder(4, 6, 3).groups(4).build()),
        "out_channels must be divisible by groups"
    );
    assert_eq!(
        text(Conv2d::builder(3, 6, 3).groups(2).build()),
        "in_channels must be divisible by groups"
    );
    assert!(Conv2d::builder(3, 6, 3).groups(0).build().is_err());
    assert_eq!(
        text(Conv2d::builder(3, 8, 3).stride(2).padding("same").build()),
        "padding='same' is not supported for strided convolutions"
    );
    assert_eq!(
        text(Conv2d::builder(3, 8, 3).padding("sane").build()),
        "Invalid padding string 'sane', should be one of {'same', 'valid'}"
    );
    assert_eq!(
        text(Conv2d::builder(3, 8, 3).padding_mode("mirror").build()),
        "padding_mode must be one of {'circular', 'replicate', 'zeros', 'reflect'}, but got padding_mode='mirror'"
    );
    assert!(Conv2d::builder(3, 8, 3).dtype(DType::I64).build().is_err());
    let next = Tensor::rand([1]).to_vec::<f32>().unwrap();
    pleach_core::manual_seed(3);
    assert_eq!(Tensor::rand([1]).to_vec::<f32>().unwrap(), next);
}

#[test]
fn batch_norm_refuses_what_does_not_fit() -> Result<()> {
    let norm = BatchNorm2d::new(4);
    assert_eq!(
        text(norm.call(&zeros(&[2, 3, 5, 5]))),
        "running_mean should contain 3 elements not 4"
    );
    assert_eq!(
        text(norm.call(&zeros(&[2, 4]))),
        "expected 4D input (got 2D input)"
    );
    assert_eq!(
        text(norm.call(&zeros(&[1, 4, 1, 1]))),
        "Expected more than 1 value per channel when training, got input size torch.Size([1, 4, 1, 1])"
    );
    norm.eval();
    assert_eq!(norm.call(&zeros(&[1, 4, 1, 1]))?.shape(), [1, 4, 1, 1]);
    assert!(
        norm.call(&Tensor::zeros_of([2, 4, 1, 1], DType::F64))
            .is_err()
    );
    assert!(F::batch_norm(&zeros(&[2, 3]), BatchNormOptions::new().eps(0.0)).is_err());
    assert!(
        F::batch_norm(
            &zeros(&[2]),
            BatchNormOptions::new().training(true).eps(0.0)
        )
        .is_err()
    );
    Ok(())
}

#[test]
fn pools_refuse_what_does_not_fit() -> Result<()> {
    let x = zeros(&[1, 1, 4, 4]);
    let padding = "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1";
    assert_eq!(
        text(MaxPool2d::builder(2).padding(2).build()?.call(&x)),
        padding
    );
    assert_eq!(
        text(AvgPool2d::builder(2).padding(2).build()?.call(&x)),
        padding
    );
    let small =
        "Given input size: (1x4x4). Calculated output size: (1x0x0). Output size is too small";
    assert_eq!(text(MaxPool2d::new(5).call(&x)), small);
    assert_eq!(text(AvgPool2d::new(5).call(&x)), small);
    assert_eq!(
        text(MaxPool2d::new(2).call(&zeros(&[4, 4]))),
        "non-empty 3D or 4D (batch mode) tensor expected for input"
    );
    assert!(AvgPool2d::new(2).call(&zeros(&[4, 4])).is_err());
    assert!(AvgPool2d::new(2).call(&zeros(&[1, 1, 1, 4, 4])).is_err());
    for kernel in [0, 2] {
        for stride in [0, 1] {
            let result = MaxPool2d::builder(kernel).stride(stride).build()?.call(&x);
            assert_eq!(result.is_ok(), kernel == 2 && stride == 1);
        }
    }
    // The only window looks at -1 and 1, and the image has 0 alone.
    let over = MaxPool2d::builder(2).padding(1).dilation(2).build()?;
    assert!(over.call(&zeros(&[1, 1, 1, 1])).is_err());
    assert_eq!(
        text(AvgPool2d::builder(2).divisor_override(0).build()?.call(&x)),
        "divisor must be not zero"
    );
    assert!(AdaptiveAvgPool2d::new(2).call(&zeros(&[4, 4])).is_err());
    assert!(
        AdaptiveAvgPool2d::new(2)
            .call(&zeros(&[1, 2, 0, 4]))
            .is_err()
    );
    assert!(
        Flatten::builder()
            .start_dim(2)
            .end_dim(1)
            .build()
            .and_then(|flatten| flatten.call(&x))
            .is_err()
    );
    Ok(())
}

#[test]
fn dropout_refuses_what_is_no_probability() -> Result<()> {
    let message = |p: &str| format!("dropout probability has to be between 0 and 1, but got {p}");
    assert_eq!(text(Dropout::builder().p(1.5).build()), message("1.5"));
    assert_eq!(text(Dropout::builder().p(-0.1).build()), message("-0.1"));
    assert_eq!(text(F::dropout(&zeros(&[2]), 2.0, true)), message("2.0"));
    assert!(F::dropout(&zeros(&[2]), f64::NAN, true).is_err());
    let dropout = Dropout::new(0.5);
    dropout.set_p(3.0);
    assert_eq!(text(dropout.call(&zeros(&[2]))), message("3.0"));
    for dropout in [
        F::dropout1d,
        F::dropout2d,
        F::dropout3d,
        F::alpha_dropout,
        F::feature_alpha_dropout,
    ] {
        assert_eq!(
            text(dropout(&zeros(&[2, 2, 2]), -0.5, false)),
            message("-0.5")
        );
    }
    Ok(())
}

#[test]
fn dropout_of_channels_refuses_what_has_none() {
    assert_eq!(
        text(F::dropout1d(&zeros(&[2]), 0.5, true)),
        "dropout1d: Expected 2D or 3D input, but received a 1D input. Note that dropout1d exists \
         to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, \
         and an optional batch dimension (i.e. 2D or 3D inputs)."
    );
    let refusal = "Feature dropout requires at least 2 dimensions in the input";
    assert_eq!(text(F::dropout2d(&zeros(&[2]), 0.5, true)), refusal);
    assert_eq!(text(F::dropout3d(&zeros(&[]), 0.5, true)), refusal);
    assert_eq!(
        text(F::feature_alpha_dropout(&zeros(&[2]), 0.5, true)),
        refusal
    );
    // Where nothing is drawn, nothing is refused.
    assert!(F::feature_alpha_dropout(&zeros(&[2]), 0.5, false).is_ok());
}

#[test]
fn losses_refuse_what_does_not_fit() {
    let x = zeros(&[2, 3]);
    let loss = |target: Tensor| text(F::cross_entropy(&x, &target, CrossEntropyOptions::new()));
    assert_eq!(loss(tensor![0, 3]), "Target 3 is out of bounds.");
    assert_eq!(
        loss(tensor![0]),
        "Expected input batch_size (2) to match target batch_size (1)."
    );
    assert_eq!(
        loss(tensor![0.0, 1.0]),
        "expected target dtype to be Long or Byte, but got Float"
    );
    assert_eq!(
        loss(zeros(&[2, 4])),
        "0D or 1D target tensor expected, multi-target not supported"
    );
    assert_eq!(
        loss(Tensor::zeros_of([2, 3], DType::I64)),
        "Expected floating point type for target with class probabilities, got Long"
    );
    assert_eq!(
        text(F::cross_entropy(
            &x,
            &tensor![0, 1],
            CrossEntropyOptions::new().label_smoothing(1.5)
        )),
        "label_smoothing must be between 0.0 and 1.0. Got: 1.5"
    );
    let weight = Tensor::ones([2]);
    assert_eq!(
        text(F::cross_entropy(
            &x,
            &tensor![0, 1],
            CrossEntropyOptions::new().weight(&weight)
        )),
        "weight tensor should be defined either for all 3 classes or no classes but got weight tensor of shape: [2]"
    );
    assert_eq!(
        text(F::nll_loss(&x, &tensor![0, -1], NllLossOptions::new())),
        "Target -1 is out of bounds."
    );
    assert_eq!(
        text(F::nll_loss(
            &zeros(&[2, 3, 4]),
            &Tensor::zeros_of([2, 5], DType::I64),
            NllLossOptions::new()
        )),
        "Expected target size [2, 4], got [2, 5]"
    );
    assert!(F::nll_loss(&zeros(&[]), &tensor![0], NllLossOptions::new()).is_err());
    assert_eq!(
        text(F::mse_loss(&zeros(&[2]), &zeros(&[3]), Reduction::Mean)),
        "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"
    );
    assert_eq!(
        text("avg".parse::<Reduction>()),
        "avg is not a valid value for reduction"
    );
}

#[test]
fn max_pooling_pads_half_of_its_kernel_at_most_whatever_the_dilation() {
    let pool = |padding, dilation| {
        text(F::max_pool2d(
            &zeros(&[1, 1, 9, 9]),
            MaxPoolOptions::new(3)
                .stride(1)
                .padding(padding)
                .dilation(dilation),
        ))
    };
    let half = |h, w| {
        format!(
            "pad should be smaller than or equal to half of kernel size, but got padW = {w}, padH = {h}, kW = 3, kH = 3"
        )
    };
    assert_eq!(pool((2, 2), 3), half(2, 2));
    assert_eq!(pool((2, 0), 2), half(2, 0));
    assert_eq!(pool((1, 1), 3), "no error");
    assert_eq!(
        pool((2, 2), 1),
        "pad should be at most half of effective kernel size, but got pad=2, kernel_size=3 and dilation=1"
    );
}
