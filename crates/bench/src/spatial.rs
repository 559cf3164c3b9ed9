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

/// Doubles height and width.
fn twice(mode: InterpolateMode, shape: &[usize], backward: bool) -> Result<Run> {
    let options = InterpolateOptions::new(Resize::scale_factor(2.0)).mode(mode);
    layer(shape, backward, move |x| F::interpolate(x, options.clone()))
}

fn nearest(shape: &[usize], backward: bool) -> Result<Run> {
    twice(InterpolateMode::Nearest, shape, backward)
}

fn bilinear(shape: &[usize], backward: bool) -> Result<Run> {
    twice(InterpolateMode::Bilinear, shape, backward)
}

fn bicubic(shape: &[usize], backward: bool) -> Result<Run> {
    twice(InterpolateMode::Bicubic, shape, backward)
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
            "bilinear x2 16x64x28x28",
            "interpolate_bilinear",
            &pixels,
            bilinear,
        ),
        passes(
            "bicubic x2 16x64x28x28",
            "interpolate_bicubic",
            &pixels,
            bicubic,
        ),
    ];
    all.into_iter().flatten().collect()
}
