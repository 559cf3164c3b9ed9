//! S8b: convolutions of sequences and volumes, transposed ones, and resizing.

use pleach::nn::functional::{self as F, InterpolateMode, InterpolateOptions, Resize};
use pleach::prelude::*;

use crate::passes::{layer, passes};
use crate::scenario::{Run, Scale, Scenario};

fn conv1d(shape: &[usize], backward: bool) -> Result<Run> {
    convolution(Conv1d::new(shape[1], 2 * shape[1], 9), shape, backward)
}

fn conv3d(shape: &[usize], backward: bool) -> Result<Run> {
    let conv = Conv3d::builder(shape[1], 2 * shape[1], 3).padding(1);
    convolution(conv.build()?, shape, backward)
}

fn conv_transpose2d(shape: &[usize], backward: bool) -> Result<Run> {
    let conv = ConvTranspose2d::builder(shape[1], shape[1] / 2, 4)
        .stride(2)
        .padding(1);
    convolution(conv.build()?, shape, backward)
}

/// A layer whose weights get a gradient too.
fn convolution(conv: impl Forward, shape: &[usize], backward: bool) -> Result<Run> {
    layer(shape, backward, move |x| {
        conv.zero_grad();
        conv.call(x)
    })
}

/// Resizes in a mode.
fn resized(mode: InterpolateMode, to: Resize, shape: &[usize], backward: bool) -> Result<Run> {
    let options = InterpolateOptions::new(to).mode(mode);
    layer(shape, backward, move |x| F::interpolate(x, options.clone()))
}

/// Rows that double every spatial size.
macro_rules! twice {
    ($($name:ident: $mode:ident),*) => {$(
        fn $name(shape: &[usize], backward: bool) -> Result<Run> {
            resized(InterpolateMode::$mode, Resize::scale_factor(2.0), shape, backward)
        }
    )*};
}
twice!(
    nearest: Nearest,
    nearest_exact: NearestExact,
    linear: Linear,
    bilinear: Bilinear,
    bicubic: Bicubic,
    trilinear: Trilinear
);

/// To a size that is not a multiple: 7/2 times the old one, as from 64 to 224.
fn bilinear_up(shape: &[usize], backward: bool) -> Result<Run> {
    let to = Resize::size(shape[3] * 7 / 2);
    resized(InterpolateMode::Bilinear, to, shape, backward)
}

/// To a smaller size that is no divisor: 5/7 of the old one, as from 224 to 160.
fn bilinear_down(shape: &[usize], backward: bool) -> Result<Run> {
    let to = Resize::size(shape[3] * 5 / 7);
    resized(InterpolateMode::Bilinear, to, shape, backward)
}

/// The rows.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let sound = [1, scale.of(64, 2), scale.of(16_000, 20)];
    let video = [
        1,
        scale.of(16, 2),
        scale.of(16, 4),
        scale.of(56, 4),
        scale.of(56, 4),
    ];
    let map = |channels, side| {
        [
            scale.of(16, 2),
            scale.of(channels, 4),
            scale.of(side, 4),
            scale.of(side, 4),
        ]
    };
    let (features, pixels) = (map(64, 28), map(64, 28));
    let (small, large) = (map(8, 64), map(3, 224));
    let sequence = [scale.of(16, 2), scale.of(64, 4), scale.of(784, 4)];
    let volume = [
        2,
        scale.of(16, 2),
        scale.of(16, 4),
        scale.of(28, 4),
        scale.of(28, 4),
    ];
    let all = [
        passes("conv1d k9 64-128 1x64x16000", "conv1d", &sound, conv1d),
        passes("conv3d k3 16-32 1x16x16x56x56", "conv3d", &video, conv3d),
        passes(
            "conv_transpose2d k4s2 64-32 16x64x28x28",
            "conv_transpose2d",
            &features,
            conv_transpose2d,
        ),
        passes(
            "nearest x2 16x64x28x28",
            "interpolate_nearest",
            &pixels,
            nearest,
        ),
        passes(
            "nearest-exact x2 16x64x28x28",
            "interpolate_nearest_exact",
            &pixels,
            nearest_exact,
        ),
        passes(
            "linear x2 16x64x784",
            "interpolate_linear",
            &sequence,
            linear,
        ),
        passes(
            "bilinear x2 16x64x28x28",
            "interpolate_bilinear",
            &pixels,
            bilinear,
        ),
        passes(
            "bilinear 64-224 16x8x64x64",
            "interpolate_bilinear_up",
            &small,
            bilinear_up,
        ),
        passes(
            "bilinear 224-160 16x3x224x224",
            "interpolate_bilinear_down",
            &large,
            bilinear_down,
        ),
        passes(
            "bicubic x2 16x64x28x28",
            "interpolate_bicubic",
            &pixels,
            bicubic,
        ),
        passes(
            "trilinear x2 2x16x16x28x28",
            "interpolate_trilinear",
            &volume,
            trilinear,
        ),
    ];
    all.into_iter().flatten().collect()
}
