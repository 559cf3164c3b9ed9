//! Convolutions over one, two and three dimensions and their transposes: gradients, and values at the
//! sizes of real networks against other ways to compute them.

use pleach_core::autograd::{gradcheck, gradgradcheck};
use pleach_core::{DType, Generator, PadMode, Result, Tensor};
use pleach_nn::Forward;
use pleach_nn::functional::{self as F, ConvOptions, ConvTransposeOptions};
use pleach_nn::layers::{Conv1d, Conv3d, ConvTranspose1d, ConvTranspose2d};

/// Values in [-1, 1), the same for the same seed.
fn values(seed: u64, shape: &[usize], dtype: DType) -> Result<Tensor> {
    Generator::seeded(seed).scope(|| Tensor::rand_of(shape, dtype)?.mul(2.0)?.sub(1.0))
}

/// Both derivatives, of all three tensors and without a bias.
fn check<O: Clone>(
    f: fn(&Tensor, &Tensor, Option<&Tensor>, O) -> Result<Tensor>,
    [x, w]: [&[usize]; 2],
    bias: usize,
    options: O,
) -> Result<()> {
    let double = |seed, shape: &[usize]| values(seed, shape, DType::F64);
    let all = [double(1, x)?, double(2, w)?, double(3, &[bias])?];
    let with = |t: &[Tensor]| f(&t[0], &t[1], Some(&t[2]), options.clone());
    let without = |t: &[Tensor]| f(&t[0], &t[1], None, options.clone());
    gradcheck(with, &all)?;
    gradgradcheck(with, &all)?;
    gradcheck(without, &all[..2])
}

#[test]
fn convolutions_have_the_right_derivatives() -> Result<()> {
    let one = ConvOptions::new;
    check(F::conv1d, [&[2, 2, 7], &[3, 2, 3]], 3, one())?;
    check(
        F::conv1d,
        [&[4, 9], &[6, 2, 2]],
        6,
        one().stride(2).padding(1).groups(2),
    )?;
    check(
        F::conv1d,
        [&[1, 3, 8], &[3, 1, 3]],
        3,
        one().dilation(2).groups(3),
    )?;
    check(
        F::conv1d,
        [&[2, 2, 5], &[2, 2, 4]],
        2,
        one().padding("same"),
    )?;
    let three = ConvOptions::new;
    check(F::conv3d, [&[1, 2, 3, 4, 3], &[2, 2, 2, 3, 2]], 2, three())?;
    check(
        F::conv3d,
        [&[2, 4, 3, 3], &[4, 1, 2, 2, 2]],
        4,
        three().stride((1, 2, 1)).padding(1).groups(2),
    )?;
    check(
        F::conv3d,
        [&[1, 1, 3, 4, 5], &[1, 1, 2, 2, 2]],
        1,
        three().padding("same").dilation((1, 1, 2)),
    )
}

#[test]
fn transposed_convolutions_have_the_right_derivatives() -> Result<()> {
    let one = ConvTransposeOptions::new;
    check(F::conv_transpose1d, [&[2, 2, 4], &[2, 3, 3]], 3, one())?;
    check(
        F::conv_transpose1d,
        [&[4, 4], &[4, 1, 3]],
        2,
        one().stride(2).padding(1).output_padding(1).groups(2),
    )?;
    // More output padding than the stride, which the dilation allows.
    check(
        F::conv_transpose1d,
        [&[1, 2, 3], &[2, 2, 2]],
        2,
        one().dilation(4).output_padding(3),
    )?;
    let two = ConvTransposeOptions::new;
    check(
        F::conv_transpose2d,
        [&[2, 2, 3, 2], &[2, 3, 2, 3]],
        3,
        two().stride((2, 1)).padding((0, 1)),
    )?;
    check(
        F::conv_transpose2d,
        [&[3, 2, 3], &[3, 1, 2, 2]],
        3,
        two().stride(2).output_padding((1, 0)).groups(3),
    )?;
    let three = ConvTransposeOptions::new;
    check(
        F::conv_transpose3d,
        [&[1, 2, 2, 2, 2], &[2, 2, 2, 1, 2]],
        2,
        three().stride((1, 2, 2)),
    )
}

fn close(got: &Tensor, expected: &Tensor, within: f64) -> Result<()> {
    assert_eq!(got.shape(), expected.shape());
    let scale = expected.abs()?.max()?.item()?;
    let worst = got.sub(expected)?.abs()?.max()?.item()?;
    assert!(worst <= within * scale, "{worst} of {scale}");
    Ok(())
}

/// The gradients of input and weight, for an arriving gradient.
fn gradients(y: &Tensor, x: &Tensor, w: &Tensor) -> Result<[Tensor; 2]> {
    let arriving = values(9, y.shape(), y.dtype())?;
    y.backward_with(&arriving)?;
    let grad = |t: &Tensor| t.grad().expect("a gradient");
    Ok([grad(x), grad(w)])
}

/// The first layers of wav2vec 2.0 on a second of sound, as matrix products of the windows.
#[test]
fn conv1d_at_the_sizes_of_speech_is_a_product_of_its_windows() -> Result<()> {
    for (channels, length, kernel, stride) in [(1, 16_000, 10, 5), (512, 3_199, 3, 2)] {
        let leaf = |t: Result<Tensor>| t?.requires_grad_(true);
        let shape = [2, channels, length];
        let x = leaf(values(1, &shape, DType::F32))?;
        let w = leaf(values(2, &[64, channels, kernel], DType::F32))?;
        let y = F::conv1d(&x, &w, None, ConvOptions::new().stride(stride))?;
        let (x2, w2) = (leaf(Ok(x.detach()))?, leaf(Ok(w.detach()))?);
        let columns = x2
            .unsqueeze(2)?
            .im2col([1, kernel], [1, 1], [0, 0], [1, stride])?;
        let product = w2.flatten(1, 2)?.matmul(&columns)?;
        close(&y, &product, 1e-5)?;
        let [dx, dw] = gradients(&y, &x, &w)?;
        let [dx2, dw2] = gradients(&product, &x2, &w2)?;
        close(&dx, &dx2, 1e-5)?;
        close(&dw, &dw2, 1e-4)?;
    }
    Ok(())
}

/// C3D's first layer, as a sum of convolutions of its frames.
#[test]
fn conv3d_at_the_sizes_of_video_is_a_sum_of_2d_convolutions() -> Result<()> {
    let (x, w) = (
        values(1, &[1, 3, 16, 112, 112], DType::F32)?.requires_grad_(true)?,
        values(2, &[16, 3, 3, 3, 3], DType::F32)?.requires_grad_(true)?,
    );
    let bias = values(3, &[16], DType::F32)?;
    let y = F::conv3d(&x, &w, Some(&bias), ConvOptions::new().padding(1))?;
    assert_eq!(y.shape(), [1, 16, 16, 112, 112]);
    let (x2, w2) = (
        x.detach().requires_grad_(true)?,
        w.detach().requires_grad_(true)?,
    );
    // Frames as a batch, with one of zeros at either end.
    let padded = x2.pad(&[0, 0, 0, 0, 1, 1], PadMode::Constant, 0.0)?;
    let frames = padded.index(0)?.permute([1, 0, 2, 3])?;
    let mut sum = bias.reshape([1, 16, 1, 1])?;
    for k in 0..3 {
        let part = frames.narrow(0, k, 16)?;
        let kernel = w2.select(2, k as i64)?;
        sum = sum.add(&F::conv2d(
            &part,
            &kernel,
            None,
            ConvOptions::new().padding(1),
        )?)?;
    }
    let sum = sum.permute([1, 0, 2, 3])?.unsqueeze(0)?;
    close(&y, &sum, 1e-5)?;
    let [dx, dw] = gradients(&y, &x, &w)?;
    let [dx2, dw2] = gradients(&sum, &x2, &w2)?;
    close(&dx, &dx2, 1e-5)?;
    close(&dw, &dw2, 1e-4)
}

/// The input with zeros between its pixels.
fn spread(x: &Tensor, stride: usize) -> Result<Tensor> {
    let &[n, c, h, w] = x.shape() else {
        panic!("an image")
    };
    let (rows, columns) = (h * stride, w * stride);
    let after = (stride - 1) as i64;
    let cells =
        x.reshape([n * c, h, 1, w, 1])?
            .pad(&[0, after, 0, 0, 0, after], PadMode::Constant, 0.0)?;
    let all = cells.reshape([n, c, rows, columns])?;
    all.narrow(2, 0, rows - stride + 1)?
        .narrow(3, 0, columns - stride + 1)
}

/// DCGAN's generator and U-Net's steps up, as convolutions of the input with zeros between.
#[test]
#[allow(clippy::type_complexity)]
fn transposed_convolutions_of_generators_are_convolutions_of_spread_inputs() -> Result<()> {
    // (input, weight, stride, padding, output padding)
    let cases: [(&[usize], &[usize], usize, usize, usize); 4] = [
        (&[4, 100, 1, 1], &[100, 256, 4, 4], 1, 0, 0),
        (&[4, 256, 8, 8], &[256, 128, 4, 4], 2, 1, 0),
        (&[1, 64, 48, 56], &[64, 32, 2, 2], 2, 0, 0),
        (&[1, 32, 33, 31], &[32, 16, 3, 3], 2, 1, 1),
    ];
    for (x, w, stride, padding, output_padding) in cases {
        let bias = values(3, &[w[1]], DType::F32)?;
        let x = values(1, x, DType::F32)?.requires_grad_(true)?;
        let w = values(2, w, DType::F32)?.requires_grad_(true)?;
        let options = ConvTransposeOptions::new().stride(stride).padding(padding);
        let options = options.output_padding(output_padding);
        let y = F::conv_transpose2d(&x, &w, Some(&bias), options)?;
        let (x2, w2) = (
            x.detach().requires_grad_(true)?,
            w.detach().requires_grad_(true)?,
        );
        let before = (w.shape()[2] - 1 - padding) as i64;
        let after = before + output_padding as i64;
        let wide =
            spread(&x2, stride)?.pad(&[before, after, before, after], PadMode::Constant, 0.0)?;
        let flipped = w2.flip([2, 3])?.permute([1, 0, 2, 3])?;
        let expected = F::conv2d(&wide, &flipped, Some(&bias), ConvOptions::new())?;
        close(&y, &expected, 1e-5)?;
        let [dx, dw] = gradients(&y, &x, &w)?;
        let [dx2, dw2] = gradients(&expected, &x2, &w2)?;
        close(&dx, &dx2, 1e-5)?;
        close(&dw, &dw2, 1e-4)?;
    }
    Ok(())
}

#[test]
fn inference_gives_what_training_gives_in_every_dimension() -> Result<()> {
    let (one, three) = (Conv1d::new(3, 40, 3), Conv3d::new(2, 33, 2));
    for (layer, shape) in [
        (&one as &dyn Forward, &[2, 3, 50][..]),
        (&three, &[2, 2, 6, 7, 9]),
    ] {
        let x = values(1, shape, DType::F32)?;
        let trained = layer.call(&x)?.detach();
        close(&pleach_core::no_grad(|| layer.call(&x))?, &trained, 1e-6)?;
    }
    Ok(())
}

#[test]
fn what_pytorch_refuses_is_refused() -> Result<()> {
    let zeros = |shape: &[usize]| Tensor::zeros(shape);
    let text = |r: Result<Tensor>| {
        let whole = r.unwrap_err().to_string();
        whole
            .split("\nhint: ")
            .next()
            .unwrap_or_default()
            .to_string()
    };
    let (x, w) = (zeros(&[1, 4, 4, 4]), zeros(&[4, 2, 2, 2]));
    let two = ConvTransposeOptions::new;
    let transposed =
        |x: &Tensor, w: &Tensor, options| text(F::conv_transpose2d(x, w, None, options));
    for (got, expected) in [
        (
            transposed(&zeros(&[2, 3]), &w, two()),
            "Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: [2, 3]",
        ),
        (
            transposed(&zeros(&[1, 3, 4, 4]), &w, two()),
            "Given transposed=1, weight of size [4, 2, 2, 2], expected input[1, 3, 4, 4] to have 4 channels, but got 3 channels instead",
        ),
        (
            text(F::conv_transpose2d(
                &x,
                &w,
                Some(&zeros(&[2])),
                two().groups(2),
            )),
            "Given transposed=1, weight of size [4, 2, 2, 2], expected bias to be 1-dimensional with 4 elements, but got bias of size [2] instead",
        ),
        (
            transposed(&x, &w, two().groups(3)),
            "Given groups=3, expected weight to be divisible by 3 at dimension 0, but got weight of size [[4, 2, 2, 2]] instead",
        ),
        (
            transposed(&x, &w, two().groups(0)),
            "non-positive groups is not supported",
        ),
        (
            transposed(&x, &w, two().stride(0)),
            "non-positive stride is not supported",
        ),
        (
            transposed(&x, &w, two().dilation(0)),
            "dilation should be greater than zero, but got dilation_height: 0, dilation_width: 0",
        ),
        (
            transposed(&x, &w, two().padding(5)),
            "Given input size per channel: (4 x 4). Calculated output size per channel: (-5 x -5). Output size is too small",
        ),
        (
            text(F::conv_transpose1d(
                &zeros(&[1, 4, 4]),
                &zeros(&[4, 2, 2]),
                None,
                ConvTransposeOptions::new().output_padding(1),
            )),
            "output padding must be smaller than either stride or dilation, but got output_padding_height: 0 output_padding_width: 1 stride_height: 1 stride_width: 1 dilation_height: 1 dilation_width: 1",
        ),
        (
            transposed(&zeros(&[1, 4, 0, 4]), &w, two()),
            "Only zero batch or zero channel inputs are supported, but got input shape: [1, 4, 0, 4]",
        ),
        (
            transposed(&x, &zeros(&[4, 0, 2, 2]), two()),
            "non-empty 2D or 4D weight tensor expected, but got: [4, 0, 2, 2]",
        ),
        (
            text(F::conv1d(
                &zeros(&[1, 3, 8]),
                &zeros(&[2, 3, 9]),
                None,
                ConvOptions::new(),
            )),
            "Calculated padded input size per channel: (8). Kernel size: (9). Kernel size can't be greater than actual input size",
        ),
        (
            text(F::conv1d(
                &zeros(&[2, 3, 8]),
                &zeros(&[2, 3, 2, 2]),
                None,
                ConvOptions::new(),
            )),
            "Expected 4-dimensional input for 4-dimensional weight [2, 3, 2, 2], but got 3-dimensional input of size [2, 3, 8] instead",
        ),
        (
            text(F::conv1d(
                &zeros(&[1, 3, 8]),
                &zeros(&[2, 3, 0]),
                None,
                ConvOptions::new(),
            )),
            "kernel size should be greater than zero, but got kernel_height: 1 kernel_width: 0",
        ),
        (
            text(F::conv3d(
                &zeros(&[1, 3, 8, 8, 8]),
                &zeros(&[2, 3, 0, 1, 1]),
                None,
                ConvOptions::new(),
            )),
            "kernel size should be greater than zero, but got: 0 x 1 x 1 (TxHxW)",
        ),
        (
            text(F::conv2d(
                &zeros(&[1, 1, 3, 3]),
                &zeros(&[1, 1, 1, 1]),
                None,
                ConvOptions::new().padding("sane"),
            )),
            "Invalid padding string 'sane', should be one of {'same', 'valid'}",
        ),
    ] {
        assert_eq!(got, expected);
    }
    let up = ConvTranspose2d::builder(4, 2, 3).stride(2).build()?;
    assert_eq!(
        text(up.call_with_output_size(&zeros(&[1, 4, 3, 3]), 9)),
        "ConvTranspose2d: requested an output size of (9, 9), but valid sizes range from [7, 7] to [8, 8] (for an input of torch.Size([3, 3]))"
    );
    assert_eq!(
        up.call_with_output_size(&zeros(&[4, 3, 3]), (8, 7))?
            .shape(),
        [2, 8, 7]
    );
    let refused = ConvTranspose1d::builder(4, 2, 3)
        .padding_mode("reflect")
        .build();
    assert_eq!(
        refused.err().map(|e| e.to_string()).as_deref(),
        Some("Only \"zeros\" padding mode is supported for ConvTranspose1d")
    );
    Ok(())
}

/// Sizes that no memory holds are errors.
#[test]
fn huge_transposed_sizes_are_refused() {
    let (x, w) = (Tensor::zeros([1, 1, 3]), Tensor::zeros([1, 1, 2]));
    let one = ConvTransposeOptions::<1>::new;
    for options in [
        one().stride(usize::MAX),
        one().stride(1 << 61),
        one().dilation(usize::MAX),
        one().dilation(1 << 61),
        one().padding(usize::MAX),
        one().dilation(usize::MAX).output_padding(usize::MAX - 1),
        one().groups(usize::MAX),
    ] {
        assert!(
            F::conv_transpose1d(&x, &w, None, options.clone()).is_err(),
            "{options:?}"
        );
    }
    // A stride that nobody walks.
    let alone = Tensor::ones([1, 1, 1]);
    let y = F::conv_transpose1d(
        &alone,
        &Tensor::ones([1, 1, 2]),
        None,
        one().stride(usize::MAX),
    );
    assert_eq!(y.unwrap().shape(), [1, 1, 2]);
}

#[test]
fn without_input_channels_there_is_the_bias() -> Result<()> {
    let (x, w) = (
        Tensor::zeros([2, 0, 3, 3, 3]),
        Tensor::zeros([2, 0, 1, 2, 1]),
    );
    let bias = Tensor::from_slice(&[1.5f32, -2.0], [2])?;
    for groups in [1, 2] {
        let y = F::conv3d(&x, &w, Some(&bias), ConvOptions::new().groups(groups))?;
        assert!(
            y.equal(
                &bias
                    .reshape([1, 2, 1, 1, 1])?
                    .broadcast_to(&[2, 2, 3, 2, 3])?
            )?
        );
        let y = F::conv3d(&x, &w, None, ConvOptions::new().groups(groups))?;
        assert!(y.equal(&Tensor::zeros([2, 2, 3, 2, 3]))?);
    }
    Ok(())
}
