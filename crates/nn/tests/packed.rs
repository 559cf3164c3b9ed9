//! Weights packed for inference: made again whenever the weights change.

use pleach_core::{DType, Parameter, Result, Tensor, no_grad, tensor};
use pleach_nn::functional::{self as F, ConvOptions};
use pleach_nn::layers::{BatchNorm2d, Conv2d, Linear, ReLU};
use pleach_nn::{Chain, Forward, Module, Sequential};

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let difference = a.detach().sub(b.detach()).unwrap();
    difference.abs().unwrap().max().unwrap().item().unwrap()
}

/// Changes of a layer's weight, one for each way there is.
type Change = fn(&Parameter) -> Result<()>;

fn changes() -> Vec<(&'static str, Change)> {
    vec![
        ("data().mul_", |p| p.data().mul_(2.0).map(drop)),
        ("data().normal_", |p| p.data().normal_(0.0, 0.1).map(drop)),
        ("data().set", |p| {
            p.data().set(Tensor::randn(p.data().shape())).map(drop)
        }),
        ("set_data", |p| p.set_data(Tensor::randn(p.data().shape()))),
        ("update", |p| p.update::<f32>(|mut w| w.fill(0.25))),
        ("update_slice, as optimizers do", |p| {
            p.update_slice::<f32>(|w| w.iter_mut().for_each(|w| *w -= 0.5))
        }),
        ("in place under no_grad", |p| {
            no_grad(|| p.add_(1.0).map(drop))
        }),
    ]
}

#[test]
fn a_changed_weight_or_bias_is_noticed() -> Result<()> {
    let conv = Conv2d::builder(16, 32, 3).padding(1).build()?;
    let linear = Linear::new(64, 48);
    let (image, rows) = (Tensor::randn([2, 16, 12, 12]), Tensor::randn([40, 64]));
    let check = |what: &str| -> Result<()> {
        // Recorded, so from the weights as they are.
        let expected = conv.call(&image)?;
        assert!(expected.requires_grad());
        for round in 0..2 {
            let out = no_grad(|| conv.call(&image))?;
            assert!(
                largest_difference(&out, &expected) < 1e-3,
                "{what}, round {round}"
            );
            let out = no_grad(|| linear.call(&rows))?;
            let expected = F::linear(
                &rows,
                &linear.weight.tensor(),
                Some(&linear.bias.as_ref().unwrap().tensor()),
            )?;
            assert!(
                largest_difference(&out, &expected) < 1e-3,
                "{what}, round {round}"
            );
        }
        Ok(())
    };
    check("at first")?;
    for layer in [&conv as &dyn Module, &linear] {
        for (what, change) in changes() {
            for (name, parameter) in layer.named_parameters() {
                // Packed before the change, without a recorded call in between.
                no_grad(|| (conv.call(&image).unwrap(), linear.call(&rows).unwrap()));
                let before = no_grad(|| (conv.call(&image).unwrap(), linear.call(&rows).unwrap()));
                change(&parameter)?;
                let after = no_grad(|| (conv.call(&image).unwrap(), linear.call(&rows).unwrap()));
                let moved = largest_difference(&before.0, &after.0)
                    .max(largest_difference(&before.1, &after.1));
                assert!(moved > 1e-2, "{name} {what}: the output is the old one");
                check(what)?;
            }
        }
    }
    Ok(())
}

#[test]
fn loaded_replaced_and_shared_weights_are_noticed() -> Result<()> {
    let mut conv = Conv2d::builder(4, 8, 3).build()?;
    let x = Tensor::randn([1, 4, 9, 9]);
    let run = |conv: &Conv2d| no_grad(|| conv.call(&x));
    let truth = |conv: &Conv2d| {
        let bias = conv.bias.as_ref().map(Parameter::tensor);
        F::conv2d(&x, &conv.weight.tensor(), bias.as_ref(), ConvOptions::new())
    };
    run(&conv)?;
    let other = Conv2d::builder(4, 8, 3).build()?;
    conv.load_state_dict(&other.state_dict(), true)?;
    assert!(largest_difference(&run(&conv)?, &truth(&other)?) < 1e-4);

    let alias = conv.share();
    run(&alias)?;
    alias.weight.data().mul_(-3.0)?;
    assert!(largest_difference(&run(&conv)?, &truth(&alias)?) < 1e-4);

    conv.weight = Parameter::new(Tensor::randn([8, 4, 3, 3]));
    conv.bias = None;
    assert!(largest_difference(&run(&conv)?, &truth(&conv)?) < 1e-4);

    // Another setting of the layer.
    conv.padding = F::Padding::from(1);
    let expected = F::conv2d(
        &x,
        &conv.weight.tensor(),
        None,
        ConvOptions::new().padding(1),
    )?;
    assert!(largest_difference(&run(&conv)?, &expected) < 1e-4);
    conv.padding = F::Padding::from(0);

    // Other sizes of the image, and of the batch.
    for sizes in [[1, 4, 20, 7], [3, 4, 9, 9], [2, 4, 3, 3], [0, 4, 9, 9]] {
        let x = Tensor::randn(sizes);
        let out = no_grad(|| conv.call(&x))?;
        let expected = F::conv2d(&x, &conv.weight.tensor(), None, ConvOptions::new())?;
        assert_eq!(out.shape(), expected.shape());
        if out.numel() > 0 {
            assert!(largest_difference(&out, &expected) < 1e-4);
        }
    }
    Ok(())
}

#[test]
fn inference_gives_what_training_gives() -> Result<()> {
    let convs = [
        Conv2d::builder(6, 8, 3).stride(2).padding(1).build()?,
        Conv2d::builder(6, 8, 1).bias(false).build()?,
        Conv2d::builder(6, 6, 3).groups(6).padding("same").build()?,
        Conv2d::builder(6, 8, (3, 2))
            .groups(2)
            .dilation(2)
            .build()?,
        Conv2d::builder(6, 8, 3)
            .padding(1)
            .padding_mode("reflect")
            .build()?,
    ];
    let x = Tensor::randn([2, 6, 11, 13]);
    for conv in convs {
        let recorded = conv.call(&x)?;
        assert!(largest_difference(&no_grad(|| conv.call(&x))?, &recorded) < 1e-4);
        let net = Sequential::new().append(conv.share()).append(ReLU::new());
        let out = no_grad(|| net.call(&x))?;
        assert!(largest_difference(&out, &recorded.relu()?) < 1e-4);
        let residual = Tensor::randn(recorded.shape());
        let relu = ReLU::new();
        let sum = || Chain::of(&x).call(&conv).add(&residual).call(&relu).run();
        let expected = recorded.add(&residual)?.relu()?;
        assert!(largest_difference(&no_grad(sum)?, &expected) < 1e-4);
        assert!(largest_difference(&sum()?, &expected) < 1e-4);
    }
    for shape in [&[40, 24][..], &[24], &[2, 5, 24], &[0, 24], &[1, 24]] {
        let linear = Linear::new(24, 80);
        let x = Tensor::randn(shape);
        let recorded = linear.call(&x)?;
        let net = Sequential::new().append(linear.share()).append(ReLU::new());
        let (plain, relu) = no_grad(|| (linear.call(&x), net.call(&x)));
        assert_eq!(plain.as_ref().unwrap().shape(), recorded.shape());
        assert_eq!(relu.as_ref().unwrap().shape(), recorded.shape());
        if recorded.numel() > 0 {
            assert!(largest_difference(&plain?, &recorded) < 1e-4);
            assert!(largest_difference(&relu?, &recorded.relu()?) < 1e-4);
        }
    }
    Ok(())
}

#[test]
fn other_dtypes_and_errors_are_what_they_are_in_training() -> Result<()> {
    let conv = Conv2d::builder(2, 3, 3).dtype(DType::F64).build()?;
    let x = Tensor::rand_of([1, 2, 5, 5], DType::F64)?;
    let recorded = conv.call(&x)?;
    assert!(largest_difference(&no_grad(|| conv.call(&x))?, &recorded) < 1e-12);
    let (conv, linear) = (Conv2d::new(2, 3, 3), Linear::new(4, 3));
    for x in [
        Tensor::zeros([1, 5, 9, 9]),
        Tensor::zeros([1, 2, 2, 2]),
        tensor![1.0],
        x,
    ] {
        let text = |r: Result<Tensor>| r.unwrap_err().to_string();
        assert_eq!(text(no_grad(|| conv.call(&x))), text(conv.call(&x)));
        let net = Sequential::new().append(linear.share()).append(ReLU::new());
        assert_eq!(text(no_grad(|| net.call(&x))), text(net.call(&x)));
    }
    Ok(())
}

#[test]
fn a_training_step_after_inference_sees_its_own_weights() -> Result<()> {
    let net = Sequential::new()
        .append(Conv2d::builder(3, 8, 3).bias(false).build()?)
        .append(BatchNorm2d::new(8))
        .append(ReLU::new());
    let x = Tensor::randn([2, 3, 8, 8]);
    net.eval();
    let before = no_grad(|| net.call(&x))?;
    net.call(&x)?.sum()?.backward()?;
    for parameter in net.parameters() {
        let grad = parameter.grad().unwrap();
        parameter.data().sub_(&grad.mul(1e-2)?)?;
    }
    let after = no_grad(|| net.call(&x))?;
    assert!(largest_difference(&before, &after) > 1e-3);
    assert!(largest_difference(&after, &net.call(&x)?) < 1e-4);
    Ok(())
}
