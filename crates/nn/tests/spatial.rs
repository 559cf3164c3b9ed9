//! What moves or resamples elements: first and second derivatives, gradients that are recorded against
//! those that are not, and the corners that no golden case has.

use pleach_core::autograd::{Options, grad_allow_unused, gradcheck, gradgradcheck};
use pleach_core::{DType, Generator, Result, Tensor, tensor};
use pleach_nn::functional::{
    self as F, FractionalMaxPoolOptions, GridSampleOptions, InterpolateOptions, LPPoolOptions,
    MaxUnpoolOptions, Resize, UnfoldOptions,
};

/// f64 values in [-1, 1), the same for the same seed.
fn values(seed: u64, shape: &[usize]) -> Result<Tensor> {
    Generator::seeded(seed).scope(|| Tensor::rand_of(shape, DType::F64)?.mul(2.0)?.sub(1.0))
}

/// Derivatives of both orders, also with inputs that are not contiguous; and what is recorded is what is
/// not.
fn check(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    let strided = |x: &Tensor| match x.rank() {
        0 | 1 => Ok(x.clone()),
        _ => x.transpose(0, -1)?.contiguous()?.transpose(0, -1),
    };
    let strided = inputs.iter().map(strided).collect::<Result<Vec<_>>>()?;
    gradcheck(&f, inputs)?;
    gradcheck(&f, &strided)?;
    gradgradcheck(&f, inputs)?;
    let gradients = |options| -> Result<Vec<Option<Tensor>>> {
        let leaves = strided.iter().map(|x| x.detach().requires_grad_(true));
        let leaves = leaves.collect::<Result<Vec<_>>>()?;
        let y = f(&leaves)?;
        let leaves: Vec<&Tensor> = leaves.iter().collect();
        grad_allow_unused(&[&y], &leaves, &[Some(&values(99, y.shape())?)], options)
    };
    let (fast, recorded) = (gradients(Options::ONCE)?, gradients(Options::CREATE_GRAPH)?);
    for (i, (a, b)) in fast.into_iter().zip(recorded).enumerate() {
        let (a, b) = (a.expect("a gradient"), b.expect("a recorded gradient"));
        assert!(a.allclose(&b, 1e-10, 1e-12)?, "input {i}: {a} {b}");
    }
    Ok(())
}

#[test]
fn resizing() -> Result<()> {
    let (lines, images, volumes) = ([2, 2, 4], [1, 2, 3, 4], [1, 1, 2, 3, 3]);
    let modes: [(&str, &[usize]); 9] = [
        ("nearest", &lines),
        ("linear", &lines),
        ("nearest", &images),
        ("nearest-exact", &images),
        ("bilinear", &images),
        ("bicubic", &images),
        ("area", &images),
        ("nearest", &volumes),
        ("trilinear", &volumes),
    ];
    for (mode, shape) in modes {
        let axes = shape.len() - 2;
        let aligns: &[bool] = if mode.ends_with("linear") || mode == "bicubic" {
            &[false, true]
        } else {
            &[]
        };
        for resize in [
            Resize::scale_factor(2.0),
            Resize::ScaleFactor([1.5, 0.5, 1.3][3 - axes..].to_vec()),
            Resize::size(2),
            Resize::Size([5, 1, 7][..axes].to_vec()),
        ] {
            let options = InterpolateOptions::new(resize).mode(mode);
            let mut all = vec![options.clone()];
            all.extend(
                aligns
                    .iter()
                    .map(|align| options.clone().align_corners(*align)),
            );
            for options in all {
                check(
                    |t| F::interpolate(&t[0], options.clone()),
                    &[values(1, shape)?],
                )?;
            }
        }
    }
    for mode in ["bilinear", "bicubic", "lanczos"] {
        for size in [[2, 9], [7, 3]] {
            let options = InterpolateOptions::new(Resize::Size(size.to_vec()))
                .mode(mode)
                .antialias(true);
            check(
                |t| F::interpolate(&t[0], options.clone()),
                &[values(1, &[1, 2, 5, 6])?],
            )?;
        }
    }
    Ok(())
}

#[test]
fn sampling_at_points() -> Result<()> {
    for mode in ["bilinear", "nearest", "bicubic"] {
        for padding in ["zeros", "border", "reflection"] {
            for align in [false, true] {
                let options = GridSampleOptions::new()
                    .mode(mode)
                    .padding_mode(padding)
                    .align_corners(align);
                // An image, or a volume, of which an axis may have one element.
                let (x, grid): (&[usize], &[usize]) = match align {
                    false => (&[1, 2, 3, 1], &[1, 2, 2, 2]),
                    true => (&[1, 1, 2, 2, 3], &[1, 1, 1, 3, 3]),
                };
                // Some points lie outside.
                let inputs = [values(1, x)?, values(2, grid)?.mul(1.3)?];
                check(|t| F::grid_sample(&t[0], &t[1], options.clone()), &inputs)?;
            }
        }
    }
    for (size, theta) in [
        (vec![2, 1, 3, 4], [2, 2, 3]),
        (vec![1, 1, 2, 1, 3], [1, 3, 4]),
    ] {
        for align in [false, true] {
            check(
                |t| F::affine_grid(&t[0], &size, align),
                &[values(1, &theta)?],
            )?;
        }
    }
    Ok(())
}

#[test]
fn pooling_and_its_inverse() -> Result<()> {
    let x = values(1, &[2, 2, 6, 5])?;
    let (_, places) = F::max_pool2d_with_indices(&x, 2)?;
    let y = values(2, &[2, 2, 3, 2])?;
    check(
        |t| {
            F::max_unpool2d(
                &t[0],
                &places,
                MaxUnpoolOptions::new(2).output_size(&[6, 5]),
            )
        },
        &[y],
    )?;
    let (_, places) = F::max_pool1d_with_indices(&values(3, &[2, 6])?, 2)?;
    check(
        |t| F::max_unpool1d(&t[0], &places, 2),
        &[values(4, &[2, 3])?],
    )?;
    let (_, places) = F::max_pool3d_with_indices(&values(5, &[2, 2, 4, 2])?, 2)?;
    check(
        |t| F::max_unpool3d(&t[0], &places, 2),
        &[values(6, &[2, 1, 2, 1])?],
    )?;

    let samples = values(7, &[2, 2, 3])?.abs()?;
    let image = FractionalMaxPoolOptions::new((2, 3))
        .output_size((4, 2))
        .random_samples(&samples.narrow(-1, 0, 2)?);
    check(
        |t| F::fractional_max_pool2d(&t[0], image.clone()),
        &[x.detach()],
    )?;
    let volume = FractionalMaxPoolOptions::new(2)
        .output_ratio(0.7)
        .random_samples(&samples);
    check(
        |t| F::fractional_max_pool3d(&t[0], volume.clone()),
        &[values(8, &[2, 2, 4, 4, 5])?],
    )?;

    let positive = x.abs()?.add(0.1)?;
    for p in [1.0, 2.0, 2.5, f64::INFINITY] {
        let options = LPPoolOptions::new(2).stride((2, 1)).ceil_mode(true);
        check(|t| F::lp_pool2d(&t[0], p, options), &[positive.detach()])?;
    }
    Ok(())
}

#[test]
fn elements_that_move() -> Result<()> {
    check(|t| F::pixel_shuffle(&t[0], 2), &[values(1, &[2, 8, 2, 3])?])?;
    check(|t| F::pixel_unshuffle(&t[0], 2), &[values(1, &[2, 4, 6])?])?;
    check(|t| F::channel_shuffle(&t[0], 2), &[values(1, &[2, 6, 2])?])?;
    let options = UnfoldOptions::new((2, 3))
        .dilation((2, 1))
        .padding(1)
        .stride((1, 2));
    check(|t| F::unfold(&t[0], options), &[values(1, &[2, 5, 6])?])?;
    check(
        |t| F::fold(&t[0], (5, 6), options),
        &[values(1, &[2, 12, 15])?],
    )?;
    check(|t| F::fold(&t[0], (3, 5), 2), &[values(1, &[4, 8])?])
}

#[test]
fn what_comes_out_of_nothing() -> Result<()> {
    // As PyTorch has it: no image has any size, and a layer without channels is refused.
    let none = Tensor::zeros([0, 4, 3, 3]);
    let huge = InterpolateOptions::new(Resize::size(1 << 30));
    assert_eq!(
        F::interpolate(&none, huge)?.shape(),
        [0, 4, 1 << 30, 1 << 30]
    );
    assert!(F::interpolate(&Tensor::zeros([1, 0, 3, 3]), Resize::size(2)).is_err());
    assert_eq!(F::pixel_shuffle(&none, 2)?.shape(), [0, 1, 6, 6]);
    assert_eq!(
        F::pixel_unshuffle(&Tensor::zeros([2, 0, 4]), 2)?.shape(),
        [8, 0, 2]
    );
    assert_eq!(F::channel_shuffle(&none, 2)?.shape(), [0, 4, 3, 3]);
    assert_eq!(
        F::fold(&Tensor::zeros([0, 4, 4]), 3, 2)?.shape(),
        [0, 1, 3, 3]
    );
    let options = || GridSampleOptions::new().align_corners(false);
    let y = F::grid_sample(&none, &Tensor::zeros([0, 2, 5, 2]), options())?;
    assert_eq!(y.shape(), [0, 4, 2, 5]);
    let flat = Tensor::zeros([1, 4, 3, 3]);
    let y = F::grid_sample(&flat, &Tensor::zeros([1, 0, 5, 2]), options())?;
    assert_eq!(y.shape(), [1, 4, 0, 5]);
    assert!(
        F::grid_sample(
            &Tensor::zeros([1, 4, 0, 3]),
            &Tensor::zeros([1, 2, 5, 2]),
            options()
        )
        .is_err()
    );
    let pool = FractionalMaxPoolOptions::new(2).output_size(0);
    assert_eq!(F::fractional_max_pool2d(&flat, pool)?.shape(), [1, 4, 0, 0]);
    let pool = FractionalMaxPoolOptions::new(2).output_size(2);
    assert_eq!(F::fractional_max_pool2d(&none, pool)?.shape(), [0, 4, 2, 2]);
    let places = Tensor::zeros_of([0, 4, 3, 3], DType::I64);
    assert_eq!(F::max_unpool2d(&none, &places, 2)?.shape(), [0, 4, 6, 6]);
    // Gradients of nothing.
    let x = none.requires_grad_(true)?;
    for y in [
        F::interpolate(&x, InterpolateOptions::new(Resize::size(2)).mode("bicubic"))?,
        F::pixel_shuffle(&x, 2)?,
        F::channel_shuffle(&x, 2)?,
        F::unfold(&x, 2)?,
        F::grid_sample(&x, &Tensor::zeros([0, 2, 5, 2]), options())?,
        F::max_unpool2d(&x, &places, 2)?,
        F::fractional_max_pool2d(&x, FractionalMaxPoolOptions::new(2).output_size(2))?,
    ] {
        y.sum()?.backward()?;
        assert_eq!(x.grad().expect("a gradient").shape(), [0, 4, 3, 3]);
    }
    Ok(())
}

#[test]
fn dtypes_are_those_of_pytorch() -> Result<()> {
    let bytes = tensor![[[[1i64, 200], [3, 255]]]].to_dtype(DType::U8)?;
    let y = F::interpolate(&bytes, Resize::scale_factor(2.0))?;
    assert_eq!(y.dtype(), DType::U8);
    assert_eq!(y.index((0, 0, 3))?.to_vec::<u8>()?, [3, 3, 255, 255]);
    let error = F::interpolate(&bytes.long()?, Resize::size(2)).unwrap_err();
    assert!(
        error.to_string().contains("not implemented for 'Long'"),
        "{error}"
    );
    let half = Tensor::ones_of([1, 4, 3, 3], DType::F16).requires_grad_(true)?;
    let grid = Tensor::zeros_of([1, 2, 2, 2], DType::F16).requires_grad_(true)?;
    for y in [
        F::interpolate(
            &half,
            InterpolateOptions::new(Resize::size(2)).mode("bilinear"),
        )?,
        F::grid_sample(&half, &grid, GridSampleOptions::new().align_corners(true))?,
        F::pixel_shuffle(&half, 2)?,
        F::unfold(&half, 2)?,
        F::fold(&half.flatten(2, 3)?, 4, 2)?,
    ] {
        assert_eq!(y.dtype(), DType::F16);
        y.float()?.sum()?.backward()?;
        assert_eq!(half.grad().expect("a gradient").dtype(), DType::F16);
    }
    assert_eq!(grid.grad().expect("a gradient").dtype(), DType::F16);
    let longs = Tensor::arange(4).view([1, 4, 1, 1])?;
    assert_eq!(F::pixel_shuffle(&longs, 2)?.dtype(), DType::I64);
    assert!(F::grid_sample(&half, &values(1, &[1, 2, 2, 2])?, GridSampleOptions::new()).is_err());
    Ok(())
}

/// PyTorch's values: images up to 128 on both sides together keep and double their size whatever the
/// factor was, and others do not.
#[test]
fn nearest_elements_are_those_of_pytorchs_kernels() -> Result<()> {
    let nearest = |shape: &[usize], factor: f64, dtype| {
        let last = shape[shape.len() - 1];
        let x = Tensor::arange(last).to_dtype(dtype)?.expand(shape)?;
        let y = F::interpolate(&x, Resize::ScaleFactor(vec![factor; shape.len() - 2]))?;
        let last = y.shape()[shape.len() - 1];
        y.double()?
            .flatten(0, -1)?
            .narrow(0, 0, last)?
            .to_vec::<f64>()
    };
    for dtype in [DType::F32, DType::F64] {
        assert_eq!(nearest(&[1, 3, 5, 2], 1.25, dtype)?, [0.0, 1.0]);
        assert_eq!(nearest(&[1, 3, 2], 1.25, dtype)?, [0.0, 0.0]);
        assert_eq!(nearest(&[1, 3, 5, 2], 2.3, dtype)?, [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(nearest(&[1, 3, 200, 2], 1.25, dtype)?, [0.0, 0.0]);
        assert_eq!(nearest(&[1, 3, 2], 2.3, dtype)?, [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(nearest(&[1, 2, 2, 3, 2], 2.3, dtype)?, [0.0, 0.0, 0.0, 1.0]);
    }
    // One element of 71 lies below a whole number in f32 alone.
    let single = nearest(&[1, 1, 31], 2.3, DType::F32)?;
    let double = nearest(&[1, 1, 31], 2.3, DType::F64)?;
    assert_eq!((single[69], double[69]), (29.0, 30.0));
    assert_eq!((&single[..69], single[70]), (&double[..69], double[70]));
    Ok(())
}
