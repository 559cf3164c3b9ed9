//! Arguments that no machine can serve, and other corners: errors, not panics.

use pleach_core::{DType, Tensor};
use pleach_nn::Forward;
use pleach_vision::Result;
use pleach_vision::models::*;
use pleach_vision::transforms::*;

/// Sizes at the ends of their types.
const HUGE: [usize; 6] = [
    1 << 40,
    (1 << 62) | 1,
    i64::MAX as usize,
    1 << 63,
    usize::MAX - 1,
    usize::MAX,
];

fn error_of<T>(result: std::result::Result<T, impl ToString>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(e) => e.to_string(),
    }
}

fn image(dtype: DType) -> Tensor {
    Tensor::ones_of([3, 40, 20], dtype)
}

#[test]
fn resizing_to_sizes_that_memory_does_not_have_is_an_error() -> Result<()> {
    for dtype in [DType::U8, DType::F32] {
        for huge in HUGE {
            for resize in [
                Resize::new(huge),
                Resize::new((huge, huge)),
                Resize::new((1, huge)),
            ] {
                let text = error_of(resize.apply(&image(dtype)));
                assert!(
                    text.contains("bytes of memory, which are not to be had"),
                    "{text}"
                );
            }
        }
        for zero in [Resize::new(0), Resize::new((0, 3)), Resize::new((3, 0))] {
            assert!(error_of(zero.apply(&image(dtype))).contains("cannot resize to"));
        }
        let none = Tensor::zeros_of([0, 40, 20], dtype);
        assert_eq!(Resize::new((7, 9)).apply(&none)?.shape(), [0, 7, 9]);
        // As torchvision: int(1 * 1000 / 3).
        let flat = Tensor::zeros_of([1, 3, 1000], dtype);
        assert_eq!(Resize::new(1).apply(&flat)?.shape(), [1, 1, 333]);
    }
    let empty = Tensor::zeros_of([3, 0, 20], DType::U8);
    assert!(error_of(Resize::new(7).apply(&empty)).contains("cannot resize an image of 0x20"));
    Ok(())
}

#[test]
fn crops_and_paddings_that_memory_does_not_have_are_errors() -> Result<()> {
    for huge in HUGE {
        for side in [(huge, huge), (1, huge), (huge, 1)] {
            error_of(CenterCrop::of(side.0, side.1).apply(&image(DType::U8)));
            let crop = RandomCrop::of(side.0, side.1);
            assert!(error_of(crop.apply(&image(DType::U8))).contains("Required crop size"));
            error_of(crop.pad_if_needed(true).apply(&image(DType::U8)));
        }
        // Of a padding that is no i64, a part of the image would be cut off.
        error_of(RandomCrop::new(3).padding(huge).apply(&image(DType::F32)));
    }
    // As torchvision: an empty image.
    assert_eq!(
        CenterCrop::new(0).apply(&image(DType::U8))?.shape(),
        [3, 0, 0]
    );
    assert_eq!(
        RandomCrop::new(0).apply(&image(DType::U8))?.shape(),
        [3, 0, 0]
    );
    assert_eq!(
        CenterCrop::of(50, 4).apply(&image(DType::U8))?.shape(),
        [3, 50, 4]
    );
    Ok(())
}

#[test]
fn factors_that_cannot_be_drawn_are_refused() {
    for bad in [f64::NAN, f64::INFINITY, 1e39, -1.0] {
        assert!(ColorJitter::new().brightness(bad).is_err());
        assert!(ColorJitter::new().contrast((0.0, bad)).is_err());
        assert!(ColorJitter::new().saturation((bad, bad)).is_err());
        assert!(ColorJitter::new().hue(bad).is_err());
        assert!(RandomHorizontalFlip::new(bad).is_err());
    }
    let image = Tensor::ones([3, 2, 2]);
    let normalize = Normalize::new(&[0.5], &[1e-300]).expect("it is not zero in f64");
    let text = error_of(normalize.apply(&image));
    let expected =
        "std evaluated to zero after conversion to torch.float32, leading to division by zero.";
    assert_eq!(text, expected);
}

#[test]
fn every_transform_refuses_what_is_no_image() {
    let transforms: Vec<Box<dyn Transform>> = vec![
        Box::new(Resize::new(4)),
        Box::new(CenterCrop::new(4)),
        Box::new(RandomCrop::new(4)),
        Box::new(RandomHorizontalFlip::new(1.0).expect("a probability")),
        Box::new(Grayscale::new(3).expect("three channels")),
        Box::new(ColorJitter::new().hue(0.1).expect("a factor")),
        Box::new(ToTensor),
        Box::new(Normalize::imagenet()),
    ];
    for (i, transform) in transforms.iter().enumerate() {
        for shape in [&[][..], &[5], &[5, 5], &[1, 3, 5, 5]] {
            for dtype in [DType::U8, DType::F32] {
                let result = transform.apply(&Tensor::zeros_of(shape, dtype));
                assert!(
                    error_of(result).contains("[channels, height, width]"),
                    "{i}"
                );
            }
        }
        // Without channels or pixels there may be an error, but no panic.
        for shape in [
            [0, 5, 5],
            [3, 0, 5],
            [3, 5, 0],
            [1, 0, 0],
            [7, 5, 5],
            [3, 1, 1],
        ] {
            for dtype in [DType::U8, DType::F32, DType::I64, DType::Bool, DType::F64] {
                let _ = transform.apply(&Tensor::zeros_of(shape, dtype));
            }
        }
    }
}

#[test]
fn builders_refuse_sizes_that_overflow_or_are_zero() {
    for huge in [1usize << 61, usize::MAX] {
        let named = [
            error_of(ResNetBuilder::resnet50().width_per_group(huge).build()),
            error_of(ResNetBuilder::resnext50_32x4d().groups(huge).build()),
            error_of(DenseNetBuilder::densenet121().growth_rate(huge).build()),
            error_of(DenseNetBuilder::densenet121().bn_size(huge).build()),
            error_of(
                DenseNetBuilder::densenet121()
                    .block_config([huge; 4])
                    .build(),
            ),
            error_of(
                MobileNetV2Builder::new()
                    .inverted_residual_setting([[huge, 16, 1, 1]])
                    .build(),
            ),
            error_of(
                MobileNetV2Builder::new()
                    .inverted_residual_setting([[1, huge, 1, 1]])
                    .build(),
            ),
            error_of(
                MobileNetV2Builder::new()
                    .inverted_residual_setting([[1, 16, huge, 1]])
                    .build(),
            ),
            error_of(MobileNetV2Builder::new().round_nearest(huge).build()),
            error_of(get_model("squeezenet1_1", huge)),
            error_of(get_model("mobilenet_v2", huge)),
            error_of(get_model("resnet18", huge)),
        ];
        for text in named {
            assert!(!text.is_empty());
        }
    }
    for bad in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        error_of(MobileNetV2Builder::new().width_mult(bad).build());
    }
    error_of(MobileNetV2Builder::new().round_nearest(0).build());
    error_of(
        MobileNetV2Builder::new()
            .inverted_residual_setting([])
            .build(),
    );
    error_of(
        MobileNetV2Builder::new()
            .inverted_residual_setting([[1, 16, 1, 3]])
            .build(),
    );
    error_of(ResNetBuilder::resnet18().groups(0).build());
    error_of(ResNetBuilder::resnet50().groups(0).build());
    for p in [f64::NAN, -0.1, 1.1] {
        error_of(SqueezeNetBuilder::squeezenet1_1().dropout(p).build());
        error_of(MobileNetV2Builder::new().dropout(p).build());
    }
    let zero = DenseNetBuilder::densenet121().block_config([1; 4]);
    error_of(zero.clone().growth_rate(0).build());
    error_of(zero.clone().bn_size(0).build());
    error_of(zero.clone().num_init_features(0).build());
    let _ = zero.clone().num_init_features(1).growth_rate(1).build();
    let bad = zero
        .drop_rate(f64::NAN)
        .build()
        .expect("checked when it is used");
    let _ = bad.call(&Tensor::zeros([1, 3, 32, 32]));
    for name in ["", "resnet", "resnet18 "] {
        assert_eq!(
            error_of(get_model(name, 10)),
            format!("Unknown model {name}")
        );
        assert!(head_of(name).is_err());
    }
}

#[test]
fn inputs_that_are_too_small_are_errors_of_the_models() {
    let model = SqueezeNetBuilder::squeezenet1_1()
        .num_classes(3)
        .build()
        .expect("a model");
    for shape in [
        &[][..],
        &[3],
        &[1, 3],
        &[1, 3, 4, 4],
        &[1, 2, 64, 64],
        &[1, 3, 0, 64],
    ] {
        error_of(model.call(&Tensor::zeros(shape)));
    }
    let model = resnet18();
    for shape in [&[][..], &[1, 3], &[1, 2, 64, 64], &[1, 3, 0, 64]] {
        error_of(model.call(&Tensor::zeros(shape)));
    }
}
