//! What layers compute, print, keep and share.

use pleach_core::{DType, Parameter, Result, Tensor, manual_seed, tensor};
use pleach_nn::functional::{
    self as F, AvgPoolOptions, ConvOptions, CrossEntropyOptions, MaxPoolOptions, NllLossOptions,
    Reduction,
};
use pleach_nn::layers::{
    AdaptiveAvgPool2d, AlphaDropout, AvgPool2d, BatchNorm2d, Conv2d, Dropout, Dropout2d, Flatten,
    Identity, Linear, MaxPool2d, ReLU,
};
use pleach_nn::losses::{CrossEntropyLoss, MSELoss};
use pleach_nn::{Forward, Module, same};

#[test]
fn layers_print_as_in_pytorch() -> Result<()> {
    let cases: Vec<(Box<dyn Forward>, &str)> = vec![
        (
            Linear::new(4, 3).into(),
            "Linear(in_features=4, out_features=3, bias=True)",
        ),
        (
            Linear::builder(1, 1).bias(false).build()?.into(),
            "Linear(in_features=1, out_features=1, bias=False)",
        ),
        (
            Conv2d::new(1, 3, 3).into(),
            "Conv2d(1, 3, kernel_size=(3, 3), stride=(1, 1))",
        ),
        (
            Conv2d::builder(3, 6, (3, 5))
                .stride((1, 2))
                .padding((0, 2))
                .dilation((2, 1))
                .bias(false)
                .build()?
                .into(),
            "Conv2d(3, 6, kernel_size=(3, 5), stride=(1, 2), padding=(0, 2), dilation=(2, 1), bias=False)",
        ),
        (
            Conv2d::builder(3, 6, 3).padding("same").build()?.into(),
            "Conv2d(3, 6, kernel_size=(3, 3), stride=(1, 1), padding=same)",
        ),
        (
            Conv2d::builder(3, 6, 3).padding("valid").build()?.into(),
            "Conv2d(3, 6, kernel_size=(3, 3), stride=(1, 1), padding=valid)",
        ),
        (
            Conv2d::builder(4, 4, 3)
                .padding(1)
                .groups(2)
                .padding_mode("circular")
                .build()?
                .into(),
            "Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2, padding_mode=circular)",
        ),
        (
            BatchNorm2d::new(64).into(),
            "BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
        ),
        (
            BatchNorm2d::builder(8)
                .eps(1e-3)
                .momentum(None)
                .affine(false)
                .track_running_stats(false)
                .build()?
                .into(),
            "BatchNorm2d(8, eps=0.001, momentum=None, affine=False, bias=False, track_running_stats=False)",
        ),
        (ReLU::new().into(), "ReLU()"),
        (
            ReLU::builder().inplace(true).build()?.into(),
            "ReLU(inplace=True)",
        ),
        (
            MaxPool2d::builder(3).stride(2).padding(1).build()?.into(),
            "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)",
        ),
        (
            MaxPool2d::builder((3, 2)).ceil_mode(true).build()?.into(),
            "MaxPool2d(kernel_size=(3, 2), stride=(3, 2), padding=0, dilation=1, ceil_mode=True)",
        ),
        (
            AvgPool2d::new(2).into(),
            "AvgPool2d(kernel_size=2, stride=2, padding=0)",
        ),
        (
            AvgPool2d::builder((2, 3))
                .stride((1, 2))
                .padding((1, 1))
                .build()?
                .into(),
            "AvgPool2d(kernel_size=(2, 3), stride=(1, 2), padding=(1, 1))",
        ),
        (
            AdaptiveAvgPool2d::new((1, 1)).into(),
            "AdaptiveAvgPool2d(output_size=(1, 1))",
        ),
        (
            AdaptiveAvgPool2d::new(7).into(),
            "AdaptiveAvgPool2d(output_size=7)",
        ),
        (
            AdaptiveAvgPool2d::new((None, 7)).into(),
            "AdaptiveAvgPool2d(output_size=(None, 7))",
        ),
        (Dropout::default().into(), "Dropout(p=0.5, inplace=False)"),
        (
            Dropout::builder().p(0.2).inplace(true).build()?.into(),
            "Dropout(p=0.2, inplace=True)",
        ),
        (
            Dropout2d::new(0.1).into(),
            "Dropout2d(p=0.1, inplace=False)",
        ),
        (
            AlphaDropout::builder().inplace(true).build()?.into(),
            "AlphaDropout(p=0.5, inplace=True)",
        ),
        (Flatten::new().into(), "Flatten(start_dim=1, end_dim=-1)"),
        (
            Flatten::builder().start_dim(0).end_dim(2).build()?.into(),
            "Flatten(start_dim=0, end_dim=2)",
        ),
        (Identity::new().into(), "Identity()"),
    ];
    for (layer, text) in cases {
        assert_eq!(layer.to_string(), text);
    }
    let weighted = CrossEntropyLoss::builder()
        .weight(Tensor::ones([3]))
        .build()?;
    assert_eq!(weighted.to_string(), "CrossEntropyLoss()");
    assert_eq!(MSELoss::new().to_string(), "MSELoss()");
    Ok(())
}

#[test]
fn results_carry_pytorch_names_of_operations() -> Result<()> {
    let image = Tensor::ones([1, 1, 4, 4]).requires_grad_(true)?;
    let one = image.index(0)?;
    let x = Tensor::ones([3, 4]).requires_grad_(true)?;
    let target = tensor![0, 1, 2];
    let mean = Reduction::Mean;
    let cases = [
        (Conv2d::new(1, 1, 3).call(&image)?, "ConvolutionBackward0"),
        (Conv2d::new(1, 1, 3).call(&one)?, "SqueezeBackward1"),
        (
            BatchNorm2d::new(1).call(&image)?,
            "NativeBatchNormBackward0",
        ),
        (
            MaxPool2d::new(2).call(&image)?,
            "MaxPool2DWithIndicesBackward0",
        ),
        (AvgPool2d::new(2).call(&image)?, "AvgPool2DBackward0"),
        (
            AdaptiveAvgPool2d::new(2).call(&image)?,
            "AdaptiveAvgPool2DBackward0",
        ),
        (AdaptiveAvgPool2d::new(1).call(&image)?, "MeanBackward1"),
        (Flatten::new().call(&image)?, "ViewBackward0"),
        (Linear::new(4, 2).call(&x)?, "AddmmBackward0"),
        (ReLU::new().call(&x)?, "ReluBackward0"),
        (Dropout::default().call(&x)?, "MulBackward0"),
        (
            F::mse_loss(&x, &x.detach().mul(2)?, mean)?,
            "MseLossBackward0",
        ),
        (
            F::mse_loss(&x, &x.detach(), Reduction::None)?,
            "MseLossBackward0",
        ),
        (
            F::cross_entropy(&x, &target, CrossEntropyOptions::new().reduction(mean))?,
            "NllLossBackward0",
        ),
        (
            F::cross_entropy(
                &x,
                &target,
                CrossEntropyOptions::new()
                    .reduction(mean)
                    .label_smoothing(0.1),
            )?,
            "AddBackward0",
        ),
        (
            F::cross_entropy(
                &x,
                &x.detach().softmax(1)?,
                CrossEntropyOptions::new().reduction(mean),
            )?,
            "DivBackward1",
        ),
        (
            F::nll_loss(
                &x.log_softmax(1)?,
                &target,
                NllLossOptions::new().reduction(mean),
            )?,
            "NllLossBackward0",
        ),
    ];
    for (i, (result, name)) in cases.iter().enumerate() {
        assert_eq!(result.grad_fn(), Some(*name), "case {i}");
    }
    Ok(())
}

#[test]
fn an_empty_batch_goes_through_every_layer_and_back() -> Result<()> {
    let conv = Conv2d::builder(3, 4, 3).padding(1).build()?;
    let norm = BatchNorm2d::new(4);
    let x = Tensor::zeros([0, 3, 8, 8]).requires_grad_(true)?;
    let y = norm.call(&conv.call(&x)?)?;
    let y = AvgPool2d::new(2).call(&MaxPool2d::new(2).call(&ReLU::new().call(&y)?)?)?;
    let y = AdaptiveAvgPool2d::new((1, 2)).call(&y)?;
    let y = Linear::new(8, 5).call(&Dropout::default().call(&Flatten::new().call(&y)?)?)?;
    assert_eq!(y.shape(), [0, 5]);
    y.sum()?.backward()?;
    assert_eq!(x.grad().unwrap().shape(), [0, 3, 8, 8]);
    assert_eq!(conv.weight.grad().unwrap().to_vec::<f32>()?, vec![0.0; 108]);
    let weight = norm.weight.as_ref().unwrap();
    assert_eq!(weight.grad().unwrap().to_vec::<f32>()?, [0.0; 4]);
    // As in PyTorch: the batch is counted, the statistics stay.
    assert_eq!(
        norm.num_batches_tracked.as_ref().unwrap().tensor().item()?,
        1.0
    );
    assert_eq!(
        norm.running_var
            .as_ref()
            .unwrap()
            .tensor()
            .to_vec::<f32>()?,
        [1.0; 4]
    );
    Ok(())
}

#[test]
fn a_strided_input_gives_what_its_copy_gives() -> Result<()> {
    manual_seed(5);
    let x = Tensor::rand([4, 2, 6, 3]).permute([1, 3, 2, 0])?; // [2, 3, 6, 4]
    let copy = x.contiguous()?;
    let layers: Vec<Box<dyn Forward>> = vec![
        Conv2d::new(3, 2, 2).into(),
        BatchNorm2d::new(3).into(),
        MaxPool2d::new(2).into(),
        AvgPool2d::new(2).into(),
        AdaptiveAvgPool2d::new((2, 3)).into(),
        Flatten::new().into(),
        Linear::new(4, 2).into(),
        ReLU::new().into(),
    ];
    for layer in layers {
        let (a, b) = (layer.call(&x)?, layer.call(&copy)?);
        assert_eq!(a.to_vec::<f32>()?, b.to_vec::<f32>()?, "{layer}");
    }
    Ok(())
}

#[test]
fn dropout_draws_in_memory_order() -> Result<()> {
    let x = Tensor::ones([3, 5]);
    manual_seed(1);
    let direct = F::dropout(&x, 0.4, true)?;
    manual_seed(1);
    let turned = F::dropout(&x.reshape([5, 3])?.t()?, 0.4, true)?;
    assert_eq!(turned.t()?.to_vec::<f32>()?, direct.to_vec::<f32>()?);
    Ok(())
}

#[test]
fn dropout_draws_nothing_without_need_and_keeps_nan() -> Result<()> {
    manual_seed(2);
    let expected = Tensor::rand([1]).item()?;
    manual_seed(2);
    let x = tensor![-1.0, f64::NAN];
    assert!(F::dropout(&x, 0.0, true)?.shares_memory_with(&x));
    assert!(F::dropout(&x, 0.5, false)?.shares_memory_with(&x));
    let none = F::dropout(&x, 1.0, true)?.to_vec::<f32>()?;
    assert!(none[0] == 0.0 && none[0].is_sign_negative() && none[1].is_nan());
    F::dropout(&Tensor::zeros([0, 3]), 0.5, true)?;
    assert_eq!(Tensor::rand([1]).item()?, expected);
    Ok(())
}

/// Expected values are PyTorch's for this seed.
#[test]
fn dropouts_of_channels_draw_one_number_a_channel() -> Result<()> {
    let kept = |dropout: fn(&Tensor, f64, bool) -> Result<Tensor>, shape: &[usize]| {
        manual_seed(0);
        dropout(&Tensor::ones(shape), 0.5, true)?.to_vec::<f32>()
    };
    let expected = [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0];
    assert_eq!(kept(F::dropout1d, &[2, 2])?, [0.0; 4]);
    assert_eq!(kept(F::dropout1d, &[2, 2, 2])?, expected);
    assert_eq!(kept(F::dropout2d, &[2, 2])?, [0.0, 0.0, 2.0, 0.0]);
    assert_eq!(kept(F::dropout2d, &[2, 2, 2])?, expected);
    assert_eq!(kept(F::dropout2d, &[2, 2, 2, 2])?[..8], [0.0; 8]);
    assert_eq!(kept(F::dropout3d, &[2])?, [0.0; 2]);
    assert_eq!(kept(F::dropout3d, &[2, 2, 2])?, [0.0; 8]);
    let (low, high) = (-0.779_193_94, 1.665_598_9);
    assert_eq!(kept(F::alpha_dropout, &[2, 2])?, [low, low, high, low]);
    assert_eq!(
        kept(F::feature_alpha_dropout, &[2, 2, 2])?,
        [low, low, low, low, high, high, low, low]
    );
    Ok(())
}

#[test]
fn an_alias_agrees_with_its_original_and_a_copy_does_not() -> Result<()> {
    let dropout = Dropout::new(0.5);
    let (alias, copy) = (dropout.share(), dropout.deep_copy());
    dropout.set_p(0.0);
    assert_eq!((alias.p(), copy.p()), (0.0, 0.5));

    let norm = BatchNorm2d::new(2);
    let (alias, copy) = (norm.share(), norm.deep_copy());
    assert!(same(&norm, &alias) && !same(&norm, &copy));
    norm.set_momentum(1.0);
    norm.set_eps(0.5);
    assert_eq!((alias.momentum(), alias.eps()), (Some(1.0), 0.5));
    assert_eq!((copy.momentum(), copy.eps()), (Some(0.1), 1e-5));
    alias.call(&tensor![[[[1.0, 3.0]], [[5.0, 5.0]]]])?;
    let mean = |norm: &BatchNorm2d| norm.running_mean.as_ref().unwrap().tensor();
    assert_eq!(mean(&norm).to_vec::<f32>()?, [2.0, 5.0]);
    assert_eq!(mean(&copy).to_vec::<f32>()?, [0.0, 0.0]);
    norm.reset_running_stats()?;
    assert_eq!(mean(&alias).to_vec::<f32>()?, [0.0, 0.0]);
    Ok(())
}

#[test]
fn batch_norm_without_momentum_averages_over_all_batches() -> Result<()> {
    let norm = BatchNorm2d::builder(1).momentum(None).build()?;
    for (a, b) in [(0.0, 2.0), (4.0, 8.0)] {
        norm.call(&tensor![a, b].reshape([2, 1, 1, 1])?)?;
    }
    // Means 1 and 6, unbiased variances 2 and 8.
    assert_eq!(norm.running_mean.as_ref().unwrap().tensor().item()?, 3.5);
    assert_eq!(norm.running_var.as_ref().unwrap().tensor().item()?, 5.0);
    let tracked = norm.num_batches_tracked.as_ref().unwrap().tensor();
    assert_eq!(
        (tracked.dtype(), tracked.rank(), tracked.item()?),
        (DType::I64, 0, 2.0)
    );
    Ok(())
}

#[test]
fn a_frozen_batch_norm_still_learns_statistics_in_training_mode() -> Result<()> {
    let norm = BatchNorm2d::new(1);
    norm.requires_grad_(false);
    norm.call(&tensor![1.0, 5.0].reshape([2, 1, 1, 1])?)?;
    assert_eq!(
        norm.running_mean.as_ref().unwrap().tensor().item()?,
        0.3f32 as f64
    );
    norm.eval();
    norm.call(&tensor![9.0, 9.0].reshape([2, 1, 1, 1])?)?;
    assert_eq!(
        norm.running_mean.as_ref().unwrap().tensor().item()?,
        0.3f32 as f64
    );
    Ok(())
}

#[test]
fn members_have_pytorch_names_in_order() -> Result<()> {
    let names = |m: &dyn Module| m.state_dict().keys().map(String::from).collect::<Vec<_>>();
    assert_eq!(
        names(&BatchNorm2d::new(2)),
        [
            "weight",
            "bias",
            "running_mean",
            "running_var",
            "num_batches_tracked"
        ]
    );
    assert_eq!(names(&Conv2d::new(1, 1, 1)), ["weight", "bias"]);
    let loss = CrossEntropyLoss::builder()
        .weight(tensor![1.0, 2.0])
        .build()?;
    assert_eq!(names(&loss), ["weight"]);
    Ok(())
}

#[test]
fn one_pixel_one_channel_and_large_padding_work() -> Result<()> {
    let x = Tensor::full([1, 1, 1, 1], 3.0);
    let w = Tensor::ones([1, 1, 3, 3]);
    let y = F::conv2d(&x, &w, None, ConvOptions::new().stride(2).padding(2))?;
    assert_eq!(y.to_vec::<f32>()?, [3.0; 4]);
    assert_eq!(
        F::max_pool2d(&x, MaxPoolOptions::new(3).padding(1))?.item()?,
        3.0
    );
    assert_eq!(
        F::avg_pool2d(&x, AvgPoolOptions::new(3).padding(1))?.item()?,
        (3.0f32 / 9.0) as f64
    );
    Ok(())
}

#[test]
fn cross_entropy_follows_pytorch_where_nothing_is_left() -> Result<()> {
    let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    let loss = |reduction| {
        F::cross_entropy(
            &x,
            &tensor![1, 1],
            CrossEntropyOptions::new()
                .ignore_index(1)
                .reduction(reduction),
        )
    };
    assert!(loss(Reduction::Mean)?.item()?.is_nan());
    assert_eq!(loss(Reduction::Sum)?.item()?, 0.0);
    assert_eq!(loss(Reduction::None)?.to_vec::<f32>()?, [0.0, 0.0]);
    Ok(())
}

#[test]
fn reset_parameters_draws_again_in_the_same_order() -> Result<()> {
    manual_seed(9);
    let conv = Conv2d::new(2, 3, 3);
    let first = conv.weight.data().to_vec::<f32>()?;
    let values = |p: &Option<Parameter>| p.as_ref().map(|p| p.data().to_vec::<f32>());
    let bias = values(&conv.bias).transpose()?;
    conv.weight.data().zero_()?;
    manual_seed(9);
    conv.reset_parameters()?;
    assert_eq!(conv.weight.data().to_vec::<f32>()?, first);
    assert_eq!(values(&conv.bias).transpose()?, bias);
    Ok(())
}

#[test]
fn a_layer_without_inputs_has_a_bias_of_positive_zero_and_still_draws() -> Result<()> {
    manual_seed(4);
    Tensor::rand([2]);
    let next = Tensor::rand([1]).item()?;
    manual_seed(4);
    let linear = Linear::new(0, 2);
    assert!(
        linear
            .bias
            .unwrap()
            .data()
            .to_vec::<f32>()?
            .iter()
            .all(|b| b.to_bits() == 0)
    );
    assert_eq!(Tensor::rand([1]).item()?, next);
    Ok(())
}
