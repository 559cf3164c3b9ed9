"""S8b: convolutions of sequences and volumes, transposed ones, and resizing."""

import torch
import torch.nn.functional as F
from torch import nn

from layers import layer
from registry import op


def module(form, shape, backward, made):
    """A pass of a module whose weights get a gradient too."""
    if "channels_last" in form:
        made = made.to(memory_format=torch.channels_last)
    run = layer(form, shape, backward, made)

    def step():
        made.zero_grad()
        return run()

    return step


@op("eager", "compile")
def conv1d(form, shape, backward):
    return module(form, shape, backward, nn.Conv1d(shape[1], 2 * shape[1], 9))


@op("eager", "compile")
def conv3d(form, shape, backward):
    conv = nn.Conv3d(shape[1], 2 * shape[1], 3, padding=1)
    return module(form, shape, backward, conv)


@op("eager", "channels_last", "compile", "compile channels_last")
def conv_transpose2d(form, shape, backward):
    conv = nn.ConvTranspose2d(shape[1], shape[1] // 2, 4, 2, 1)
    return module(form, shape, backward, conv)


def resized(form, shape, backward, **options):
    return layer(form, shape, backward, lambda x: F.interpolate(x, **options))


@op("eager", "channels_last", "compile", "compile channels_last")
def interpolate_nearest(form, shape, backward):
    return resized(form, shape, backward, scale_factor=2, mode="nearest")


@op("eager", "channels_last", "compile", "compile channels_last")
def interpolate_nearest_exact(form, shape, backward):
    return resized(form, shape, backward, scale_factor=2, mode="nearest-exact")


@op("eager", "compile")
def interpolate_linear(form, shape, backward):
    return resized(form, shape, backward, scale_factor=2, mode="linear")


@op("eager", "channels_last", "compile", "compile channels_last")
def interpolate_bilinear(form, shape, backward):
    return resized(form, shape, backward, scale_factor=2, mode="bilinear")


@op("eager", "channels_last", "compile", "compile channels_last")
def interpolate_bilinear_up(form, shape, backward):
    size = shape[3] * 7 // 2
    return resized(form, shape, backward, size=size, mode="bilinear")


@op("eager", "channels_last", "compile", "compile channels_last")
def interpolate_bilinear_down(form, shape, backward):
    size = shape[3] * 5 // 7
    return resized(form, shape, backward, size=size, mode="bilinear")


@op("eager", "channels_last", "compile", "compile channels_last")
def interpolate_bicubic(form, shape, backward):
    return resized(form, shape, backward, scale_factor=2, mode="bicubic")


@op("eager", "compile")
def interpolate_trilinear(form, shape, backward):
    return resized(form, shape, backward, scale_factor=2, mode="trilinear")
