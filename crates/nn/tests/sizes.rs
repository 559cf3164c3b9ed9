//! Sizes, steps and counts that no image has: an error at once, and no cost beyond what the input
//! and the output hold.

use pleach_core::{DType, Result, Tensor, tensor};
use pleach_nn::Forward;
use pleach_nn::functional::{
    self as F, AttentionOptions, AvgPoolOptions, BatchNormOptions, ConvOptions,
    CrossEntropyOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions, Resize,
};
use pleach_nn::layers::{AvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d};

const OVERFLOW: &str = "numel: integer multiplication overflow";

/// What is said of memory that cannot be had.
fn refused(bytes: u128) -> String {
    format!(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate {bytes} bytes. Error code 12 (Cannot allocate memory)"
    )
}

/// What something gives whose cost may not grow with its sizes: it would never end.
fn tried<T>(f: impl FnOnce() -> Result<T>) -> T {
    f().unwrap()
}

fn text<T>(f: impl FnOnce() -> Result<T>) -> String {
    match f() {
        Ok(_) => panic!("a huge size was accepted"),
        Err(error) => error.to_string(),
    }
}

fn values(f: impl FnOnce() -> Result<Tensor>) -> Vec<f32> {
    tried(f).to_vec().unwrap()
}

fn image() -> Tensor {
    tensor![[[[1.0, 2.0], [3.0, 4.0]]]]
}

/// 2^40.
const FAR: usize = 1 << 40;

#[test]
fn adaptive_pools_of_huge_outputs_are_refused() {
    let x = image();
    assert_eq!(
        text(|| F::adaptive_avg_pool2d(&x, (1 << 60, 1 << 40))),
        OVERFLOW
    );
    assert_eq!(
        text(|| F::adaptive_avg_pool2d(&x, (1 << 30, 1 << 20))),
        refused(1 << 52)
    );
    assert_eq!(text(|| F::adaptive_avg_pool2d(&x, usize::MAX)), OVERFLOW);
    assert_eq!(
        text(|| F::adaptive_avg_pool2d(&x, (None, 1 << 62))),
        OVERFLOW
    );
}

#[test]
fn convolutions_with_huge_options_are_refused() {
    let (x, w) = (image(), Tensor::ones([1, 1, 1, 1]));
    let conv = |padding: usize, dilation: usize| {
        F::conv2d(
            &x,
            &w,
            None,
            ConvOptions::new().padding(padding).dilation(dilation),
        )
    };
    text(|| conv(1 << 61, 1));
    text(|| conv(usize::MAX, 1));
    assert_eq!(text(|| conv(1 << 32, 1)), OVERFLOW);
    text(|| conv(1 << 24, 1));
    let wide = Tensor::ones([1, 1, 2, 2]);
    text(|| F::conv2d(&x, &wide, None, ConvOptions::new().dilation(1 << 62)));
    text(|| F::conv2d(&x, &wide, None, ConvOptions::new().dilation(usize::MAX)));
    text(|| {
        F::conv2d(
            &x,
            &wide,
            None,
            ConvOptions::new().padding("same").dilation(usize::MAX),
        )
    });
    text(|| F::conv2d(&x, &w, None, ConvOptions::new().groups(usize::MAX)));
    assert_eq!(
        text(|| F::conv2d(&x, &wide, None, ConvOptions::new().dilation(FAR))),
        format!(
            "Calculated padded input size per channel: (2 x 2). Kernel size: ({0} x {0}). Kernel size can't be greater than actual input size",
            FAR + 1
        )
    );
    for mode in ["zeros", "replicate", "circular", "reflect"] {
        for padding in [usize::MAX, 1 << 62, 1 << 30] {
            let conv = Conv2d::builder(1, 1, 1).padding(padding).padding_mode(mode);
            let conv = conv.build().unwrap();
            text(|| conv.call(&x));
        }
        let conv = Conv2d::builder(1, 1, 2)
            .padding("same")
            .dilation(usize::MAX);
        let conv = conv.padding_mode(mode).build().unwrap();
        text(|| conv.call(&x));
    }
}

#[test]
fn a_convolution_with_a_step_beyond_the_image_sees_its_corner() {
    let (x, w) = (image(), Tensor::full([1, 1, 1, 1], 3.0));
    for stride in [2, FAR, usize::MAX] {
        assert_eq!(
            values(|| F::conv2d(&x, &w, None, ConvOptions::new().stride(stride))),
            [3.0]
        );
        // A kernel of one pixel has no distance between its pixels.
        assert_eq!(
            values(|| F::conv2d(
                &x,
                &w,
                None,
                ConvOptions::new().stride(stride).dilation(usize::MAX)
            )),
            [3.0]
        );
    }
    let w = w.requires_grad_(true).unwrap();
    let y = tried(|| F::conv2d(&x, &w, None, ConvOptions::new().stride(FAR).dilation(FAR)));
    tried(|| y.sum()?.backward());
    assert_eq!(w.grad().unwrap().to_vec::<f32>().unwrap(), [1.0]);
}

#[test]
fn pools_with_huge_options_are_refused() {
    let x = image();
    let max = |kernel: usize, stride: usize, padding: usize, dilation: usize| {
        F::max_pool2d(
            &x,
            MaxPoolOptions::new(kernel)
                .stride(stride)
                .padding(padding)
                .dilation(dilation),
        )
    };
    for huge in [usize::MAX, 1 << 63, 1 << 62] {
        text(|| max(2, 1, 0, huge));
        text(|| max(huge, 1, 0, 1));
        text(|| max(2, 1, huge, 1));
        text(|| max(huge, 1, huge / 2, 1));
        text(|| max(huge, huge, huge, huge));
        text(|| F::avg_pool2d(&x, AvgPoolOptions::new(huge).stride(1)));
        text(|| {
            F::avg_pool2d(
                &x,
                AvgPoolOptions::new(2)
                    .stride(1)
                    .padding(huge)
                    .ceil_mode(true),
            )
        });
    }
    text(|| {
        F::max_pool2d(&x, MaxPoolOptions::new(3).ceil_mode(true))
            .and_then(|y| y.repeat([1i64 << 60]))
    });
    text(|| MaxPool2d::builder(2).dilation(usize::MAX).build()?.call(&x));
    text(|| AvgPool2d::builder(usize::MAX).build()?.call(&x));
}

#[test]
fn a_pool_with_a_step_beyond_the_image_sees_its_corner() {
    let x = image();
    for stride in [2, FAR, usize::MAX] {
        assert_eq!(
            values(|| F::max_pool2d(&x, MaxPoolOptions::new(2).stride(stride))),
            [4.0]
        );
        assert_eq!(
            values(|| F::max_pool2d(
                &x,
                MaxPoolOptions::new(1).stride(stride).dilation(usize::MAX)
            )),
            [1.0]
        );
        assert_eq!(
            values(|| F::max_pool2d(&x, MaxPoolOptions::new(1).stride(stride).ceil_mode(true))),
            [1.0]
        );
        assert_eq!(
            values(|| F::avg_pool2d(&x, AvgPoolOptions::new(2).stride(stride))),
            [2.5]
        );
    }
}

#[test]
fn a_dilated_window_that_steps_over_the_image_is_found_at_once() {
    let x = image();
    // Taps at columns -1 and 2 of an image of two.
    let error = text(|| {
        F::max_pool2d(
            &x,
            MaxPoolOptions::new((1, 2))
                .stride(2)
                .padding((0, 1))
                .dilation(3),
        )
    });
    assert!(error.contains("lies wholly outside"), "{error}");
    // No image, so no window: an output of any size has no elements.
    let none = Tensor::zeros([0, 1, 2, 2]);
    let out = tried(|| F::max_pool2d(&none, MaxPoolOptions::new(FAR).stride(1).padding(FAR / 2)));
    assert_eq!(out.shape(), [0, 1, 3, 3]);
}

#[test]
fn windows_that_cover_the_image_many_times_see_it_once() {
    let x = image().requires_grad_(true).unwrap();
    let max = tried(|| F::max_pool2d(&x, MaxPoolOptions::new(FAR).stride(1).padding(FAR / 2)));
    assert_eq!(max.to_vec::<f32>().unwrap(), [4.0; 9]);
    tried(|| max.sum()?.backward());
    assert_eq!(
        x.grad().unwrap().to_vec::<f32>().unwrap(),
        [0.0, 0.0, 0.0, 9.0]
    );
    let average = |pad: bool| {
        values(|| {
            F::avg_pool2d(
                &x,
                AvgPoolOptions::new(1 << 30)
                    .stride(1)
                    .padding(1 << 29)
                    .count_include_pad(pad),
            )
        })
    };
    assert_eq!(average(false), [2.5; 9]);
    assert_eq!(average(true), [10.0 / 2f32.powi(60); 9]);
    assert_eq!(
        text(|| F::avg_pool2d(&x, AvgPoolOptions::new(FAR).stride(1).padding(FAR / 2))),
        OVERFLOW
    );
}

#[test]
fn resizing_to_a_huge_image_is_refused() {
    let x = image();
    for mode in [InterpolateMode::Nearest, InterpolateMode::Bilinear] {
        let resize = |resize| {
            let options = InterpolateOptions::new(resize).mode(mode);
            text(|| F::interpolate(&x, options))
        };
        assert_eq!(resize(Resize::size(1 << 32)), OVERFLOW);
        assert_eq!(resize(Resize::size(1 << 24)), refused(1 << 50));
        assert_eq!(resize(Resize::Size(vec![usize::MAX, 1])), OVERFLOW);
        let overflow = "value cannot be converted to type int64_t without overflow";
        assert_eq!(resize(Resize::scale_factor(1e30)), overflow);
        assert_eq!(resize(Resize::scale_factor(f64::NAN)), overflow);
        assert_eq!(resize(Resize::scale_factor(f64::INFINITY)), overflow);
        assert!(resize(Resize::scale_factor(-1.0)).contains("greater than 0"));
    }
}

#[test]
fn resizing_holds_nothing_larger_than_both_images() {
    // One way round, 2^20 columns and 2^20 rows would lie between.
    let long = 1usize << 20;
    for mode in [InterpolateMode::Nearest, InterpolateMode::Bilinear] {
        for (sizes, resize) in [([1, long], vec![long, 1]), ([long, 1], vec![1, long])] {
            let x = Tensor::ones([1, 1, sizes[0], sizes[1]])
                .requires_grad_(true)
                .unwrap();
            let options = InterpolateOptions::new(Resize::Size(resize)).mode(mode);
            let y = tried(|| F::interpolate(&x, options));
            assert_eq!(y.sum().unwrap().item().unwrap(), long as f64);
            tried(|| y.sum()?.backward());
            let sum = x.grad().unwrap().sum().unwrap().item().unwrap();
            assert_eq!(sum, long as f64);
        }
    }
}

#[test]
fn classes_beyond_memory_are_refused() {
    let x = tensor![0, 1];
    assert_eq!(text(|| F::one_hot(&x, 1 << 62)), OVERFLOW);
    assert_eq!(text(|| F::one_hot(&x, usize::MAX)), OVERFLOW);
    assert_eq!(text(|| F::one_hot(&x, 1 << 45)), refused(1 << 49));
    assert_eq!(
        text(|| F::one_hot(&tensor![0, 1i64 << 45], None)),
        refused(((1 << 45) + 1) << 4)
    );
    assert_eq!(text(|| F::one_hot(&tensor![0, i64::MAX], None)), OVERFLOW);
}

#[test]
fn layers_beyond_memory_are_errors_of_their_builders() {
    assert_eq!(text(|| Linear::builder(1 << 32, 1 << 32).build()), OVERFLOW);
    assert_eq!(
        text(|| Linear::builder(1 << 23, 1 << 23).build()),
        refused(1 << 48)
    );
    assert_eq!(
        text(|| Linear::builder(0, 1 << 45).build()),
        refused(1 << 47)
    );
    assert_eq!(text(|| Conv2d::builder(1, 1, 1 << 32).build()), OVERFLOW);
    assert_eq!(
        text(|| Conv2d::builder(1 << 15, 1 << 15, 1 << 8).build()),
        refused(1 << 48)
    );
    assert_eq!(
        text(|| BatchNorm2d::builder(1 << 45).build()),
        refused(1 << 47)
    );
}

#[test]
fn functions_of_expanded_tensors_are_refused_before_they_start() {
    let n = 1i64 << 45;
    let x = Tensor::ones([1]).expand([1, 1, n, 1]).unwrap();
    let bytes = refused(1 << 47);
    assert_eq!(text(|| F::relu6(&x)), bytes);
    assert_eq!(text(|| F::gelu(&x, "none")), bytes);
    assert_eq!(text(|| F::max_pool2d(&x, 1)), bytes);
    assert_eq!(text(|| F::avg_pool2d(&x, 1)), bytes);
    assert_eq!(text(|| F::adaptive_avg_pool2d(&x, 3)), bytes);
    text(|| F::conv2d(&x, &Tensor::ones([1, 1, 1, 1]), None, ConvOptions::new()));
    text(|| F::batch_norm(&x, BatchNormOptions::new().training(true)));
    text(|| F::dropout(&x, 0.5, true));
    text(|| F::layer_norm(&x, [1], None, None, 1e-5));
    text(|| F::unfold(&x, 1));
    let weight = Tensor::zeros([1]).expand([3, n]).unwrap();
    text(|| F::embedding(&tensor![0, 1], &weight, F::EmbeddingOptions::new()));
    let scores = Tensor::zeros([1]).expand([n, 3]).unwrap();
    let classes = Tensor::zeros_of([1], DType::I64).expand([n]).unwrap();
    text(|| F::cross_entropy(&scores, &classes, CrossEntropyOptions::new()));
    let query = Tensor::ones([1 << 23, 1]);
    let attention =
        || F::scaled_dot_product_attention(&query, &query, &query, AttentionOptions::new());
    assert_eq!(text(attention), refused(1 << 48));
}

#[test]
fn an_adaptive_pooling_without_elements_counts_no_windows() {
    for shape in [[0, 3, 4, 4], [3, 0, 4, 4]] {
        let x = Tensor::zeros(shape).requires_grad_(true).unwrap();
        let y = F::adaptive_avg_pool2d(&x, (1 << 45, 1 << 4)).unwrap();
        assert_eq!(y.numel(), 0);
        y.sum().unwrap().backward().unwrap();
    }
    let x = Tensor::ones([1, 1, 2, 2]).requires_grad_(true).unwrap();
    let y = F::adaptive_avg_pool2d(&x, (1 << 45, 0)).unwrap();
    y.sum().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), [0.0; 4]);
}

#[test]
fn a_window_larger_than_the_image_hangs_over_with_ceil_mode_if_its_step_reaches_beyond() {
    let x = Tensor::arange(9)
        .float()
        .unwrap()
        .reshape([1, 1, 3, 3])
        .unwrap();
    for stride in [7, 70, usize::MAX] {
        assert_eq!(
            values(|| F::avg_pool2d(&x, AvgPoolOptions::new(7).stride(stride).ceil_mode(true))),
            [4.0]
        );
        assert_eq!(
            values(|| F::max_pool2d(&x, MaxPoolOptions::new(7).stride(stride).ceil_mode(true))),
            [8.0]
        );
    }
    let wide = values(|| {
        F::max_pool2d(
            &x,
            MaxPoolOptions::new((5, 2)).stride((9, 2)).ceil_mode(true),
        )
    });
    assert_eq!(wide, [7.0, 8.0]);
    assert_eq!(
        values(|| F::max_pool2d(
            &x,
            MaxPoolOptions::new(2).stride(7).dilation(3).ceil_mode(true)
        )),
        [0.0]
    );
    let short = text(|| F::avg_pool2d(&x, AvgPoolOptions::new(7).stride(3).ceil_mode(true)));
    assert!(short.ends_with("Output size is too small"), "{short}");
}
