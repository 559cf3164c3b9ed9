//! What moves or resamples elements of sequences, images and volumes.

use pleach::nn::functional::{
    self as F, FractionalMaxPoolOptions, GridPaddingMode, GridSampleMode, GridSampleOptions,
    InterpolateMode, InterpolateOptions, LPPoolOptions, MaxUnpoolOptions, Ratio, Resize,
    UnfoldOptions,
};
use pleach::nn::layers::{
    ChannelShuffle, Fold, FractionalMaxPool, LPPool, LPPool2d, MaxUnpool, MaxUnpool2d,
    PixelShuffle, PixelUnshuffle, Unfold, Upsample, UpsamplingBilinear2d, UpsamplingNearest2d,
};
use pleach::nn::{Forward, ForwardMany};
use pleach::{DType, Result, Tensor};

use super::functional::input;
use super::{Call, Program, call};

/// A resizing that may be asked for; `None` for one that would only take long.
fn resize(p: &mut Program, x: &Tensor) -> Option<Resize> {
    let n = p.bytes.pick(&[1, 1, 1, 2, 3, 0]);
    let resize = match p.bytes.below(4) {
        0 => Resize::size(p.bytes.size()),
        1 => Resize::scale_factor(p.bytes.float()),
        2 => Resize::Size((0..n).map(|_| p.bytes.size()).collect()),
        _ => Resize::ScaleFactor((0..n).map(|_| p.bytes.float()).collect()),
    };
    let times = |size: usize| size.saturating_mul(size).saturating_mul(size);
    let largest = match &resize {
        Resize::Size(s) => s.iter().copied().max().unwrap_or(0),
        Resize::ScaleFactor(f) => f.iter().fold(0.0, |a: f64, b| a.max(*b)).ceil() as usize,
    };
    p.may_have(&[times(largest), x.numel()]).then_some(resize)
}

const MODES: [InterpolateMode; 8] = [
    InterpolateMode::Nearest,
    InterpolateMode::NearestExact,
    InterpolateMode::Linear,
    InterpolateMode::Bilinear,
    InterpolateMode::Bicubic,
    InterpolateMode::Trilinear,
    InterpolateMode::Area,
    InterpolateMode::Lanczos,
];

fn interpolate(p: &mut Program) -> Result<()> {
    let x = p.of_rank(&[3, 4, 5])?;
    let Some(resize) = resize(p, &x) else {
        return Ok(());
    };
    match p.bytes.below(8) {
        0 => return p.keep_and_go_back(F::upsample_nearest(&x, resize)?),
        1 => return p.keep_and_go_back(F::upsample_bilinear(&x, resize)?),
        _ => {}
    }
    let mut options = InterpolateOptions::new(resize).mode(p.bytes.pick(&MODES));
    if p.bytes.one_in(3) {
        options = options.align_corners(p.bytes.flag());
    }
    if p.bytes.one_in(4) {
        options = options.recompute_scale_factor(p.bytes.flag());
    }
    match p.bytes.below(4) {
        0 => p.keep_and_go_back(F::upsample(&x, options)?),
        1 => p.keep_and_go_back(F::interpolate(&x, options.antialias(true))?),
        _ => p.keep_and_go_back(F::interpolate(&x, options)?),
    }
}

fn upsampling(p: &mut Program) -> Result<()> {
    let x = input::<2>(p, 2)?;
    let Some(resize) = resize(p, &x) else {
        return Ok(());
    };
    let y = match p.bytes.below(4) {
        0 => Upsample::new(resize).call(&x),
        1 => UpsamplingNearest2d::new(resize).call(&x),
        2 => UpsamplingBilinear2d::new(resize).call(&x),
        _ => Upsample::builder(resize)
            .mode(p.bytes.pick(&MODES))
            .align_corners(p.bytes.maybe(|b| b.flag()))
            .recompute_scale_factor(p.bytes.maybe(|b| b.flag()))
            .build()?
            .call(&x),
    };
    p.keep_and_go_back(y?)
}

fn grid_sample(p: &mut Program) -> Result<()> {
    let x = p.of_rank(&[4, 5])?;
    let grid = match p.bytes.one_in(4) || !matches!(x.rank(), 4 | 5) {
        true => p.tensor()?,
        false => {
            let mut sizes = vec![x.shape()[0]];
            sizes.extend((2..x.rank()).map(|_| p.bytes.small()));
            sizes.push(x.rank() - 2);
            p.make(&sizes, x.dtype())?
        }
    };
    let mut options = GridSampleOptions::new();
    if p.bytes.flag() {
        let (mode, padding) = (
            p.bytes.pick(&[
                GridSampleMode::Bilinear,
                GridSampleMode::Nearest,
                GridSampleMode::Bicubic,
            ]),
            p.bytes.pick(&[
                GridPaddingMode::Zeros,
                GridPaddingMode::Border,
                GridPaddingMode::Reflection,
            ]),
        );
        options = options
            .mode(mode)
            .padding_mode(padding)
            .align_corners(p.bytes.flag());
    }
    p.keep_and_go_back(F::grid_sample(&x, &grid, options)?)
}

fn affine_grid(p: &mut Program) -> Result<()> {
    let axes = p.bytes.pick(&[2, 2, 3]);
    let mut size = vec![p.bytes.small(), p.bytes.size()];
    size.extend((0..axes).map(|_| p.bytes.size()));
    let theta = match p.bytes.one_in(6) {
        true => p.tensor()?,
        false => p.floats(&[size[0], axes, axes + 1])?,
    };
    let points = [&size[..1], &size[2..], &[4]].concat();
    if !p.may_have(&points) {
        return Ok(());
    }
    let align = p.bytes.maybe(|b| b.flag());
    p.keep_and_go_back(F::affine_grid(&theta, &size, align)?)
}

fn unpool<const D: usize>(
    p: &mut Program,
    function: fn(&Tensor, &Tensor, MaxUnpoolOptions<D>) -> Result<Tensor>,
) -> Result<()> {
    let x = input::<D>(p, 2)?;
    let indices = match p.bytes.one_in(4) {
        true => p.tensor()?,
        false => p.make(x.shape(), DType::I64)?,
    };
    let (kernel, stride, padding) = (
        p.bytes.window::<D>(),
        p.bytes.window::<D>(),
        p.bytes.each::<D>(),
    );
    // The output has about as many elements as windows times strides.
    let sizes = stride.array().map(|s| s.saturating_add(1)).into_iter();
    let sizes: Vec<usize> = sizes
        .zip(kernel.array())
        .map(|(s, k)| s.saturating_add(k))
        .collect();
    if !p.may_have(&[&[x.numel()], &sizes[..]].concat()) {
        return Ok(());
    }
    let mut layer = MaxUnpool::<D>::builder(kernel).padding(padding);
    let mut options = MaxUnpoolOptions::new(kernel).padding(padding);
    if p.bytes.flag() {
        (layer, options) = (layer.stride(stride), options.stride(stride));
    }
    let layer = layer.build()?;
    if p.bytes.flag() {
        let size: Vec<usize> = (0..D).map(|_| p.bytes.small()).collect();
        if let Ok(y) = layer.call_with_output_size(&x, &indices, &size) {
            p.keep_and_go_back(y)?;
        }
        options = options.output_size(&size);
    }
    if let Ok(y) = layer.call((&x, &indices)) {
        p.keep_and_go_back(y)?;
    }
    p.keep_and_go_back(function(&x, &indices, options)?)
}

fn fractional<const D: usize>(
    p: &mut Program,
    plain: fn(&Tensor, FractionalMaxPoolOptions<D>) -> Result<Tensor>,
    both: fn(&Tensor, FractionalMaxPoolOptions<D>) -> Result<(Tensor, Tensor)>,
) -> Result<()> {
    let x = input::<D>(p, 2)?;
    let kernel = p.bytes.window::<D>();
    let mut layer = FractionalMaxPool::<D>::builder(kernel);
    let mut options = FractionalMaxPoolOptions::new(kernel);
    if p.bytes.flag() {
        let size = p.bytes.each::<D>();
        (layer, options) = (layer.output_size(size), options.output_size(size));
    }
    if p.bytes.flag() {
        let ratio = Ratio::<D>::from(p.bytes.float());
        assert_eq!(ratio.array().len(), D);
        (layer, options) = (layer.output_ratio(ratio), options.output_ratio(ratio));
    }
    if p.bytes.one_in(3) {
        let samples = match p.bytes.flag() {
            true => p.tensor()?,
            false => p.make(&[x.shape().first().copied().unwrap_or(1), 2, D], x.dtype())?,
        };
        (layer, options) = (
            layer.random_samples(&samples),
            options.random_samples(&samples),
        );
    }
    if let Ok(layer) = layer.build() {
        if let Ok(two) = layer.call_with_indices(&x) {
            p.keep_two(two)?;
        }
        if let Ok(y) = layer.call(&x) {
            p.keep_and_go_back(y)?;
        }
    }
    if let Ok(two) = both(&x, options.clone()) {
        p.keep_two(two)?;
    }
    p.keep_and_go_back(plain(&x, options)?)
}

fn lp_pool<const D: usize>(
    p: &mut Program,
    function: fn(&Tensor, f64, LPPoolOptions<D>) -> Result<Tensor>,
) -> Result<()> {
    let x = input::<D>(p, 2)?;
    let (kernel, norm) = (p.bytes.window::<D>(), p.bytes.float());
    let mut options = LPPoolOptions::new(kernel).ceil_mode(p.bytes.flag());
    let mut layer = LPPool::<D>::builder(norm, kernel).ceil_mode(p.bytes.flag());
    if p.bytes.flag() {
        let stride = p.bytes.window::<D>();
        (layer, options) = (layer.stride(stride), options.stride(stride));
    }
    if let Ok(y) = layer.build().and_then(|layer| layer.call(&x)) {
        p.keep_and_go_back(y)?;
    }
    p.keep_and_go_back(function(&x, norm, options)?)
}

fn moving(p: &mut Program) -> Result<()> {
    let (x, factor) = (p.of_rank(&[3, 4, 4, 5])?, p.bytes.size());
    let y = match p.bytes.below(6) {
        0 => F::pixel_shuffle(&x, factor),
        1 => F::pixel_unshuffle(&x, factor),
        2 => F::channel_shuffle(&x, factor),
        3 => PixelShuffle::new(factor).call(&x),
        4 => PixelUnshuffle::new(factor).call(&x),
        _ => ChannelShuffle::new(factor).call(&x),
    };
    p.keep_and_go_back(y?)
}

fn folding(p: &mut Program) -> Result<()> {
    let kernel = p.bytes.window::<2>();
    let (dilation, padding, stride) = (p.bytes.window(), p.bytes.each::<2>(), p.bytes.window());
    let size = p.bytes.each::<2>();
    let x = match p.bytes.flag() {
        true => p.of_rank(&[2, 3])?,
        false => {
            let [k, l] = [kernel.array(), size.array()].map(|s| s[0].saturating_mul(s[1]));
            match k < 100 && l < 100 {
                true => p.floats(&[1, 2 * k, l])?,
                false => p.tensor()?,
            }
        }
    };
    if !p.may_have(&[&[x.numel()], &size.array()[..]].concat())
        || !p.may_pad(x.numel(), &padding.array(), &stride.array())
    {
        return Ok(());
    }
    let options = UnfoldOptions::new(kernel)
        .dilation(dilation)
        .padding(padding)
        .stride(stride);
    let y = match p.bytes.below(5) {
        0 => Fold::new(size, kernel).call(&x),
        1 => Unfold::new(kernel).call(&x),
        2 => Unfold::builder(kernel)
            .dilation(dilation)
            .padding(padding)
            .stride(stride)
            .build()?
            .call(&x),
        3 => Fold::builder(size, kernel)
            .dilation(dilation)
            .padding(padding)
            .stride(stride)
            .build()?
            .call(&x),
        _ => F::fold(&x, size, options),
    };
    if let Ok(y) = y {
        p.keep_and_go_back(y)?;
    }
    let [size, kernel, dilation, padding, stride] =
        [size, kernel, dilation, padding, stride].map(|s| s.array());
    p.keep_and_go_back(x.col2im(size, kernel, dilation, padding, stride)?)
}

pub const CALLS: &[Call] = &[
    call(
        "functional::interpolate functional::upsample functional::upsample_nearest \
         functional::upsample_bilinear Resize::size Resize::scale_factor InterpolateOptions::new \
         InterpolateOptions::mode InterpolateOptions::align_corners \
         InterpolateOptions::recompute_scale_factor InterpolateOptions::antialias",
        interpolate,
    ),
    call(
        "Upsample::new Upsample::builder UpsampleBuilder::mode UpsampleBuilder::align_corners \
         UpsampleBuilder::recompute_scale_factor UpsampleBuilder::build UpsamplingNearest2d::new \
         UpsamplingBilinear2d::new",
        upsampling,
    ),
    call(
        "functional::grid_sample GridSampleOptions::new GridSampleOptions::mode \
         GridSampleOptions::padding_mode GridSampleOptions::align_corners",
        grid_sample,
    ),
    call("functional::affine_grid", affine_grid),
    call(
        "functional::max_unpool1d functional::max_unpool2d functional::max_unpool3d \
         MaxUnpoolOptions::new MaxUnpoolOptions::stride MaxUnpoolOptions::padding \
         MaxUnpoolOptions::output_size MaxUnpool::builder MaxUnpool::call_with_output_size \
         MaxUnpoolBuilder::stride MaxUnpoolBuilder::padding MaxUnpoolBuilder::build",
        |p| match p.bytes.below(3) {
            0 => unpool(p, F::max_unpool1d),
            1 => unpool(p, F::max_unpool2d),
            _ => unpool(p, F::max_unpool3d),
        },
    ),
    call("MaxUnpool::new LPPool::new", |p| {
        let kernel = 1 + p.bytes.below(3);
        let x = input::<2>(p, 2)?;
        let places = p.make(x.shape(), DType::I64)?;
        let y = MaxUnpool2d::new(kernel).call((&x, &places));
        p.keep_and_go_back(LPPool2d::new(2, kernel).call(&y?)?)
    }),
    call(
        "functional::fractional_max_pool2d functional::fractional_max_pool3d \
         functional::fractional_max_pool2d_with_indices functional::fractional_max_pool3d_with_indices \
         FractionalMaxPoolOptions::new FractionalMaxPoolOptions::output_size \
         FractionalMaxPoolOptions::output_ratio FractionalMaxPoolOptions::random_samples Ratio::array \
         FractionalMaxPool::builder FractionalMaxPool::call_with_indices \
         FractionalMaxPoolBuilder::output_size FractionalMaxPoolBuilder::output_ratio \
         FractionalMaxPoolBuilder::random_samples FractionalMaxPoolBuilder::build",
        |p| match p.bytes.flag() {
            true => fractional(
                p,
                F::fractional_max_pool2d,
                F::fractional_max_pool2d_with_indices,
            ),
            false => fractional(
                p,
                F::fractional_max_pool3d,
                F::fractional_max_pool3d_with_indices,
            ),
        },
    ),
    call(
        "functional::lp_pool1d functional::lp_pool2d functional::lp_pool3d LPPoolOptions::new \
         LPPoolOptions::stride LPPoolOptions::ceil_mode LPPool::builder LPPoolBuilder::stride \
         LPPoolBuilder::ceil_mode LPPoolBuilder::build",
        |p| match p.bytes.below(3) {
            0 => lp_pool(p, F::lp_pool1d),
            1 => lp_pool(p, F::lp_pool2d),
            _ => lp_pool(p, F::lp_pool3d),
        },
    ),
    call(
        "functional::pixel_shuffle functional::pixel_unshuffle functional::channel_shuffle \
         PixelShuffle::new PixelUnshuffle::new ChannelShuffle::new",
        moving,
    ),
    call(
        "functional::fold Tensor::col2im Fold::new Fold::builder FoldBuilder::dilation \
         FoldBuilder::padding FoldBuilder::stride FoldBuilder::build Unfold::new Unfold::builder \
         UnfoldBuilder::dilation UnfoldBuilder::padding UnfoldBuilder::stride UnfoldBuilder::build",
        folding,
    ),
];
