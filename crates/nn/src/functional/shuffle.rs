//! Pixels and channels that change places.

use pleach_core::autograd::{Attributes, GradsOf, Operation, Own, Saved, apply};
use pleach_core::{Error, Result, Tensor, checked_numel};

/// What moves, and by which factor.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// Channels become pixels.
    Shuffle(usize),
    /// Pixels become channels.
    Unshuffle(usize),
    /// Channels of as many groups alternate.
    Channels(usize),
}

/// Elements that change places, all of them.
#[derive(Clone, Copy, Debug)]
pub struct Shuffle(Move);

impl Operation for Shuffle {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        match self.0 {
            Move::Shuffle(_) => "pixel_shuffle",
            Move::Unshuffle(_) => "pixel_unshuffle",
            Move::Channels(_) => "channel_shuffle",
        }
    }
    fn grad_name(&self) -> &'static str {
        match self.0 {
            Move::Shuffle(_) => "PixelShuffleBackward0",
            Move::Unshuffle(_) => "PixelUnshuffleBackward0",
            Move::Channels(_) => "ChannelShuffleBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        vec![match self.0 {
            Move::Shuffle(factor) => ("upscale_factor", factor.into()),
            Move::Unshuffle(factor) => ("downscale_factor", factor.into()),
            Move::Channels(groups) => ("groups", groups.into()),
        }]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        if let Move::Channels(groups) = self.0 {
            let channels = x.shape()[1];
            let split = [
                &x.shape()[..1],
                &[groups, channels / groups],
                &x.shape()[2..],
            ]
            .concat();
            return x.reshape(&split[..])?.transpose(1, 2)?.reshape(x.shape());
        }
        let (lead, plane) = x.shape().split_at(x.rank() - 3);
        let [c, h, w] = [plane[0], plane[1], plane[2]];
        let (split, order, sizes) = match self.0 {
            Move::Unshuffle(r) => (
                vec![c, h / r, r, w / r, r],
                [0, 2, 4, 1, 3],
                [checked_numel(&[c, r, r])?, h / r, w / r],
            ),
            Move::Shuffle(r) | Move::Channels(r) => {
                let c = c / checked_numel(&[r, r])?;
                let (height, width) = (checked_numel(&[h, r])?, checked_numel(&[w, r])?);
                (vec![c, r, r, h, w], [0, 3, 1, 4, 2], [c, height, width])
            }
        };
        let first = lead.len() as i64;
        let order: Vec<i64> = (0..first).chain(order.map(|d| first + d)).collect();
        let moved = x
            .reshape(&[lead, &split].concat()[..])?
            .permute(&order[..])?;
        moved.reshape(&[lead, &sizes].concat()[..])
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let back = match self.0 {
            Move::Shuffle(factor) => Move::Unshuffle(factor),
            Move::Unshuffle(factor) => Move::Shuffle(factor),
            Move::Channels(groups) => Move::Channels(saved.shape(0)[1] / groups),
        };
        if grad.numel() == 0 {
            return Ok([Some(grad.reshape(saved.shape(0))?)]);
        }
        Ok([Some(apply(Shuffle(back), grad)?)])
    }
}

fn check(name: &str, factor: &str, input: &Tensor, value: usize) -> Result<()> {
    ensure!(
        input.rank() >= 3,
        "{name} expects input to have at least 3 dimensions, but got input with {} dimension(s)",
        input.rank()
    );
    match value {
        0 => Err(Error::value(format!(
            "{name} expects a positive {factor}, but got 0"
        ))),
        _ => Ok(()),
    }
}

/// Images that are larger by a factor, and have fewer channels: the `r²` channels of each pixel become
/// the pixels of an `r × r` square.
///
/// Shapes: input `[*, C · r², H, W]`, result `[*, C, H · r, W · r]`.
///
/// # Errors
/// If the input has fewer than three dimensions, the factor is 0, or its square does not divide the
/// channels.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::functional as F;
/// let x = Tensor::arange(4).view([4, 1, 1])?;
/// let y = F::pixel_shuffle(&x, 2)?;
/// assert_eq!(y.shape(), [1, 2, 2]);
/// assert!(F::pixel_unshuffle(&y, 2)?.equal(&x)?);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn pixel_shuffle(input: &Tensor, upscale_factor: usize) -> Result<Tensor> {
    check("pixel_shuffle", "upscale_factor", input, upscale_factor)?;
    let channels = input.shape()[input.rank() - 3];
    let square = upscale_factor.saturating_mul(upscale_factor);
    ensure!(
        channels.is_multiple_of(square),
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={channels} is not divisible by {square}"
    );
    apply(Shuffle(Move::Shuffle(upscale_factor)), input)
}

/// Images that are smaller by a factor, and have more channels: the inverse of [`pixel_shuffle`].
///
/// Shapes: input `[*, C, H · r, W · r]`, result `[*, C · r², H, W]`.
///
/// # Errors
/// If the input has fewer than three dimensions, or the factor is 0 or does not divide height and width.
pub fn pixel_unshuffle(input: &Tensor, downscale_factor: usize) -> Result<Tensor> {
    check(
        "pixel_unshuffle",
        "downscale_factor",
        input,
        downscale_factor,
    )?;
    for (name, dim) in [("height", 2), ("width", 1)] {
        let size = input.shape()[input.rank() - dim];
        ensure!(
            size.is_multiple_of(downscale_factor),
            "pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size(-{dim})={size} is not divisible by {downscale_factor}"
        );
    }
    let square = downscale_factor.saturating_mul(downscale_factor);
    // An empty image has any number of channels.
    checked_numel(&[input.shape()[input.rank() - 3], square])?;
    apply(Shuffle(Move::Unshuffle(downscale_factor)), input)
}

/// Channels in groups, of which each gives one in turn: `[a, b, c, d]` in two groups become
/// `[a, c, b, d]`.
///
/// Shapes: input and result `[N, C, *]`.
///
/// # Errors
/// If the input has fewer than three dimensions, or the number of groups is 0 or does not divide the
/// channels.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::functional as F;
/// let x = Tensor::arange(4).view([1, 4, 1])?;
/// assert_eq!(F::channel_shuffle(&x, 2)?.to_vec::<i64>()?, [0, 2, 1, 3]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn channel_shuffle(input: &Tensor, groups: usize) -> Result<Tensor> {
    ensure!(
        input.rank() > 2,
        "channel_shuffle expects input with > 2 dims, but got input with sizes {:?}",
        input.shape()
    );
    if groups == 0 {
        return Err(Error::value(
            "Number of groups to divide channels in must be positive. Value of groups:0",
        ));
    }
    let channels = input.shape()[1];
    ensure!(
        channels.is_multiple_of(groups),
        "Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
    );
    apply(Shuffle(Move::Channels(groups)), input)
}
