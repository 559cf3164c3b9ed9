//! Poolings over one, two and three dimensions: derivatives, values at the sizes of real networks
//! against other ways to compute them, and errors.

use pleach_core::autograd::{Options, grad_allow_unused, gradcheck, gradgradcheck};
use pleach_core::{DType, Generator, Result, Tensor, tensor};
use pleach_nn::Forward;
use pleach_nn::functional::{self as F, AvgPoolOptions, MaxPoolOptions};
use pleach_nn::layers::{
    AdaptiveAvgPool1d, AdaptiveMaxPool3d, AvgPool1d, AvgPool3d, MaxPool1d, MaxPool3d,
};

/// f64 values that are far apart, so that no maximum changes under a small step.
fn distinct(seed: u64, shape: &[usize]) -> Result<Tensor> {
    let n = shape.iter().product();
    Generator::seeded(seed).scope(|| Tensor::randperm(n).double()?.mul(0.1)?.reshape(shape))
}

fn check(x: &[usize], f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let x = distinct(1, x)?;
    gradcheck(|t| f(&t[0]), std::slice::from_ref(&x))?;
    gradgradcheck(|t| f(&t[0]), &[x])
}

#[test]
fn maximum_poolings_have_the_right_derivatives() -> Result<()> {
    check(&[2, 2, 7], |x| F::max_pool1d(x, 2))?;
    let options = MaxPoolOptions::new(3).stride(2).padding(1).ceil_mode(true);
    check(&[3, 8], |x| F::max_pool1d(x, options))?;
    check(&[3, 8], |x| {
        Ok(F::max_pool1d_with_indices(x, options.dilation(2))?.0)
    })?;
    check(&[1, 2, 4, 3, 5], |x| F::max_pool3d(x, 2))?;
    let options = MaxPoolOptions::new((2, 3, 2))
        .stride((1, 2, 1))
        .padding((1, 1, 0));
    check(&[2, 3, 4, 5], |x| F::max_pool3d(x, options))?;
    // More taps than a byte counts.
    check(&[1, 7, 7, 7], |x| {
        F::max_pool3d(x, MaxPoolOptions::new(7).padding(1))
    })?;
    check(&[2, 2, 7], |x| F::adaptive_max_pool1d(x, 3))?;
    check(&[1, 2, 4, 5], |x| F::adaptive_max_pool2d(x, (3, None)))?;
    check(&[2, 3, 4, 3], |x| F::adaptive_max_pool3d(x, (2, 3, 2)))
}

#[test]
fn average_poolings_have_the_right_derivatives() -> Result<()> {
    check(&[2, 2, 7], |x| F::avg_pool1d(x, 2))?;
    let options = AvgPoolOptions::new(3)
        .stride(2)
        .padding(1)
        .count_include_pad(false);
    check(&[3, 8], |x| F::avg_pool1d(x, options.ceil_mode(true)))?;
    check(&[1, 2, 4, 3, 5], |x| F::avg_pool3d(x, 2))?;
    let options = AvgPoolOptions::new((2, 3, 2))
        .stride((1, 2, 1))
        .padding((1, 1, 0));
    check(&[2, 3, 4, 5], |x| F::avg_pool3d(x, options))?;
    check(&[2, 3, 4, 5], |x| {
        F::avg_pool3d(x, options.divisor_override(5))
    })?;
    check(&[2, 2, 7], |x| F::adaptive_avg_pool1d(x, 3))?;
    check(&[2, 2, 7], |x| F::adaptive_avg_pool1d(x, 1))?;
    check(&[2, 3, 4, 3], |x| F::adaptive_avg_pool3d(x, (2, 3, 2)))?;
    check(&[2, 3, 4, 3], |x| F::adaptive_avg_pool3d(x, 1))
}

/// A batch of volumes after C3D's first convolution.
fn video() -> Result<Tensor> {
    let x = Generator::seeded(3).scope(|| Tensor::randn_of([2, 16, 16, 56, 56], DType::F32))?;
    x.requires_grad_(true)
}

/// The same value, and the same gradient for the same arriving one.
fn same(x: &Tensor, y: &Tensor, z: &Tensor, within: f64) -> Result<()> {
    assert_eq!(y.shape(), z.shape());
    assert!(y.allclose(z, within, within)?);
    let arriving = Generator::seeded(4).scope(|| Tensor::rand_of(y.shape(), DType::F32))?;
    let of = |y: &Tensor| -> Result<Tensor> {
        let grads = grad_allow_unused(&[y], &[x], &[Some(&arriving)], Options::RETAIN_GRAPH)?;
        Ok(grads[0].clone().expect("a gradient"))
    };
    assert!(of(y)?.allclose(&of(z)?, within, within)?);
    Ok(())
}

#[test]
fn a_maximum_over_volumes_is_one_over_images_and_then_over_depth() -> Result<()> {
    let x = video()?;
    let frames = x.transpose(1, 2)?.flatten(0, 1)?;
    let images = F::max_pool2d(&frames, 2)?
        .unflatten(0, [2, 16])?
        .transpose(1, 2)?;
    same(&x, &F::max_pool3d(&x, (1, 2, 2))?, &images, 0.0)?;
    let pairs = images.unflatten(2, [8, 2])?.max_dim(3, false)?.0;
    same(&x, &F::max_pool3d(&x, 2)?, &pairs, 0.0)
}

#[test]
fn a_mean_over_volumes_is_one_over_images_and_then_over_depth() -> Result<()> {
    let x = video()?;
    let frames = x.transpose(1, 2)?.flatten(0, 1)?;
    let images = F::avg_pool2d(&frames, 2)?
        .unflatten(0, [2, 16])?
        .transpose(1, 2)?;
    let pairs = images.unflatten(2, [8, 2])?.mean_dim(3, false)?;
    same(&x, &F::avg_pool3d(&x, 2)?, &pairs, 1e-6)?;
    same(&x, &F::adaptive_avg_pool3d(&x, (8, 28, 28))?, &pairs, 1e-6)
}

#[test]
fn poolings_of_a_long_sequence_are_reductions_of_its_pieces() -> Result<()> {
    let x = Generator::seeded(3).scope(|| Tensor::randn_of([2, 64, 16_000], DType::F32))?;
    let x = x.requires_grad_(true)?;
    let pieces = x.unflatten(2, [4_000, 4])?;
    let max = pieces.max_dim(3, false)?.0;
    same(&x, &F::max_pool1d(&x, 4)?, &max, 0.0)?;
    same(&x, &F::adaptive_max_pool1d(&x, 4_000)?, &max, 0.0)?;
    let mean = pieces.mean_dim(3, false)?;
    same(&x, &F::avg_pool1d(&x, 4)?, &mean, 1e-6)?;
    same(&x, &F::adaptive_avg_pool1d(&x, 4_000)?, &mean, 1e-6)
}

#[test]
fn places_count_in_the_whole_volume() -> Result<()> {
    let x = Tensor::arange(24).view([1, 2, 3, 4])?.float()?;
    let (y, at) = F::max_pool3d_with_indices(&x, (2, 1, 2))?;
    assert_eq!(y.to_vec::<f32>()?, [13., 15., 17., 19., 21., 23.]);
    assert_eq!(at.to_vec::<i64>()?, [13, 15, 17, 19, 21, 23]);
    let (_, at) = AdaptiveMaxPool3d::new(1).call_with_indices(&x)?;
    assert_eq!(at.to_vec::<i64>()?, [23]);
    let (_, at) = MaxPool1d::new(2).call_with_indices(&tensor![[1., 5., 4., 0.]])?;
    assert_eq!(at.to_vec::<i64>()?, [1, 2]);
    Ok(())
}

#[test]
fn results_carry_pytorchs_names() -> Result<()> {
    let row = Tensor::zeros([1, 2, 6]).requires_grad_(true)?;
    let volume = Tensor::zeros([1, 2, 6, 6, 6]).requires_grad_(true)?;
    for (y, name) in [
        (F::max_pool1d(&row, 2)?, "SqueezeBackward1"),
        (F::avg_pool1d(&row, 2)?, "SqueezeBackward1"),
        (F::adaptive_max_pool1d(&row, 1)?, "SqueezeBackward1"),
        (F::adaptive_avg_pool1d(&row, 1)?, "SqueezeBackward1"),
        (F::max_pool3d(&volume, 2)?, "MaxPool3DWithIndicesBackward0"),
        (F::avg_pool3d(&volume, 2)?, "AvgPool3DBackward0"),
        (
            F::adaptive_max_pool3d(&volume, 2)?,
            "AdaptiveMaxPool3DBackward0",
        ),
        (
            F::adaptive_avg_pool3d(&volume, 2)?,
            "AdaptiveAvgPool3DBackward0",
        ),
        (F::adaptive_avg_pool3d(&volume, 1)?, "MeanBackward1"),
    ] {
        assert_eq!(y.grad_fn(), Some(name));
    }
    Ok(())
}

#[test]
fn what_pytorch_refuses_is_refused() -> Result<()> {
    let zeros = |shape: &[usize]| Tensor::zeros(shape);
    let text = |r: Result<Tensor>| r.unwrap_err().kind().to_string();
    let volume = zeros(&[2, 3, 4, 4, 4]);
    for (got, expected) in [
        (
            text(F::max_pool1d(&zeros(&[3]), 2)),
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:[3]",
        ),
        (
            text(F::max_pool1d(
                &zeros(&[3, 4]),
                MaxPoolOptions::new(2).padding(2),
            )),
            "max_pool1d() padding should be at most half of kernel size, but got padding=2 and kernel_size=2",
        ),
        (
            text(F::max_pool1d(&zeros(&[3, 4]), 0)),
            "max_pool1d() kernel_size must be greater than zero, but got 0",
        ),
        (
            text(F::max_pool1d(&zeros(&[3, 4]), 5)),
            "max_pool1d() Invalid computed output size: 0",
        ),
        (
            text(F::max_pool3d(&zeros(&[3, 4, 4]), 2)),
            "non-empty 4D or 5D (batch mode) tensor expected for input",
        ),
        (
            text(F::max_pool3d(&volume, 5)),
            "Given input size: (3x4x4x4). Calculated output size: (3x0x0x0). Output size is too small",
        ),
        (
            text(F::max_pool3d(&volume, MaxPoolOptions::new(2).stride(0))),
            "stride should not be zero",
        ),
        (
            text(F::max_pool3d(&volume, MaxPoolOptions::new(2).dilation(0))),
            "dilation should be greater than zero, but got dilationT: 0 dilationH: 0 dilationW: 0",
        ),
        (
            text(F::max_pool3d(
                &volume,
                MaxPoolOptions::new(2).padding((0, 1, 2)).dilation(3),
            )),
            "pad should be smaller than or equal to half of kernel size, but got kT: 2 kW: 2 kH: 2 padT: 0 padW: 2 padH: 1",
        ),
        (
            text(F::avg_pool1d(&zeros(&[2, 3, 4, 5]), 2)),
            "Expected 2 to 3 dimensions, but got 4-dimensional tensor for argument #1 'self' (while checking arguments for avg_pool1d)",
        ),
        (
            text(F::avg_pool1d(&zeros(&[3, 4]), 5)),
            "Given input size: (3x1x4). Calculated output size: (3x1x0). Output size is too small",
        ),
        (
            text(F::avg_pool3d(&volume, 5)),
            "input image (T: 4 H: 4 W: 4) smaller than kernel size (kT: 5 kH: 5 kW: 5)",
        ),
        (
            text(F::avg_pool3d(&zeros(&[1, 3, 0, 4, 4]), 2)),
            "avg_pool3d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes [1, 3, 0, 4, 4] with dimension 2 being empty",
        ),
        (
            text(F::adaptive_avg_pool3d(&zeros(&[3, 4, 5]), 2)),
            "adaptive_avg_pool3d(): Expected 4D or 5D tensor, but got [3, 4, 5]",
        ),
        (
            text(F::adaptive_avg_pool1d(&zeros(&[1, 3, 0]), 2)),
            "adaptive_avg_pool2d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes [1, 3, 1, 0] with dimension 3 being empty",
        ),
        (
            text(F::adaptive_max_pool1d(&zeros(&[1, 0, 3]), 2)),
            "adaptive_max_pool1d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes [1, 0, 3] with dimension 1 being empty",
        ),
        (
            text(F::adaptive_max_pool2d(&zeros(&[3, 4]), 2)),
            "adaptive_max_pool2d(): Expected 3D or 4D tensor, but got: [3, 4]",
        ),
        (
            text(F::adaptive_max_pool3d(&zeros(&[2, 2, 2]), (2, 2, 2))),
            "Input dimension should be at least 4",
        ),
    ] {
        assert_eq!(got, expected);
    }
    // What is no number of windows.
    for size in [usize::MAX, 1 << 62] {
        let options = MaxPoolOptions::<3>::new(2);
        for options in [
            MaxPoolOptions::new(size),
            options.dilation(size),
            options.padding(size),
        ] {
            assert!(F::max_pool3d(&volume, options).is_err(), "{options:?}");
        }
    }
    assert_eq!(
        F::max_pool1d(&zeros(&[3, 4]), MaxPoolOptions::new(2).stride(usize::MAX))?.shape(),
        [3, 1]
    );
    Ok(())
}

#[test]
fn layers_print_sizes_as_pytorch_does() -> Result<()> {
    let texts: [(Box<dyn Forward>, &str); 6] = [
        (
            MaxPool1d::new([2]).into(),
            "MaxPool1d(kernel_size=(2,), stride=(2,), padding=0, dilation=1, ceil_mode=False)",
        ),
        (
            MaxPool3d::builder((2, 3, 4))
                .ceil_mode(true)
                .build()?
                .into(),
            "MaxPool3d(kernel_size=(2, 3, 4), stride=(2, 3, 4), padding=0, dilation=1, ceil_mode=True)",
        ),
        (
            AvgPool1d::new(2).into(),
            "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))",
        ),
        (
            AvgPool3d::new(2).into(),
            "AvgPool3d(kernel_size=2, stride=2, padding=0)",
        ),
        (
            AdaptiveAvgPool1d::new(None).into(),
            "AdaptiveAvgPool1d(output_size=None)",
        ),
        (
            AdaptiveMaxPool3d::new((None, 2, 3)).into(),
            "AdaptiveMaxPool3d(output_size=(None, 2, 3))",
        ),
    ];
    for (layer, text) in texts {
        assert_eq!(layer.to_string(), text);
    }
    Ok(())
}
