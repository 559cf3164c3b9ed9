"""Layers that move or resample pixels."""
import torch

from .rows import Module, Op, integers, rand, randn

SAMPLES = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(1))
VOLUME_SAMPLES = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(2))


def points(*shape):
    """Points of a grid, some of them outside."""
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(3)) * 2.6 - 1.3).requires_grad_()


def pooled(pool, x, *args, **kwargs):
    """Maxima and their places."""
    y, indices = getattr(torch.nn.functional, pool)(x.detach(), *args, return_indices=True, **kwargs)
    return {"x": y.requires_grad_(), "indices": indices}


def upsamplings():
    images, lines, volumes = (1, 2, 4, 5), (2, 2, 7), (1, 1, 3, 4, 3)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        for resize in ({"scale_factor": 2}, {"size": (7, 4)}, {"scale_factor": (1.7, 0.6)}):
            yield Module("Upsample", resize | {"mode": mode}, x=randn(*images))
    for mode in ("bilinear", "bicubic"):
        for resize in ({"scale_factor": 2.3}, {"size": (1, 9)}):
            yield Module("Upsample", resize | {"mode": mode, "align_corners": True}, x=randn(*images))
    yield Module("Upsample", {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}, x=randn(*images))
    yield Module("Upsample", {"size": 3, "mode": "area"}, x=randn(*images))
    yield Module("Upsample", {"scale_factor": 1.5, "mode": "area"}, x=randn(*lines))
    for mode in ("nearest", "nearest-exact", "linear"):
        yield Module("Upsample", {"scale_factor": 1.6, "mode": mode}, x=randn(*lines))
    yield Module("Upsample", {"size": 12, "mode": "linear", "align_corners": True}, x=randn(*lines))
    for mode in ("nearest", "nearest-exact", "trilinear"):
        yield Module("Upsample", {"scale_factor": (1.5, 2.0, 0.7), "mode": mode}, x=randn(*volumes))
    yield Module("Upsample", {"size": (2, 5, 4), "mode": "trilinear", "align_corners": True}, x=randn(*volumes))
    for resize in ({"scale_factor": 2}, {"size": (4, 9)}, {"size": 3}, {"scale_factor": (1.3, 2.0)}):
        yield Module("UpsamplingNearest2d", resize, x=randn(*images))
        yield Module("UpsamplingBilinear2d", resize, x=randn(*images))


def antialiased():
    for mode in ("bilinear", "bicubic", "lanczos"):
        for call in ("size=(4, 5)", "scale_factor=0.37", "size=(13, 12)", "scale_factor=(0.5, 1.4)"):
            yield Op("antialias", f"F.interpolate(x, {call}, mode='{mode}', antialias=True)", x=randn(1, 1, 9, 11))
        if mode != "lanczos":
            code = f"F.interpolate(x, size=(4, 14), mode='{mode}', antialias=True, align_corners=True)"
            yield Op("antialias", code, x=randn(1, 1, 9, 11))


def samplings():
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for align in (False, True):
                call = f"mode='{mode}', padding_mode='{padding}', align_corners={align})"
                yield Op("grid_sample", f"F.grid_sample(x, grid, {call}", x=randn(2, 2, 3, 4), grid=points(2, 4, 3, 2))
                if mode != "bicubic":
                    volume = {"x": randn(1, 1, 3, 4, 3), "grid": points(1, 2, 3, 2, 3)}
                    yield Op("grid_sample", f"F.grid_sample(x, grid, {call}", **volume)
    yield Op("grid_sample", "F.grid_sample(x, grid)", x=randn(2, 1, 1, 1), grid=points(2, 3, 3, 2))
    yield Op("grid_sample", "F.grid_sample(x, grid)", "float64", x=randn(1, 2, 4, 4, dtype=torch.float64),
             grid=(rand(1, 3, 2, 2, dtype=torch.float64).detach() * 2 - 1).requires_grad_())


def warps():
    for align in (False, True):
        for size, axes in (((2, 3, 4, 5), 2), ((2, 1, 1, 3), 2), ((2, 1, 3, 2, 4), 3)):
            code = f"F.affine_grid(theta, {size}, align_corners={align})"
            yield Op("affine_grid", code, theta=randn(2, axes, axes + 1))
    code = "F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)"
    yield Op("affine_grid", code, theta=randn(2, 2, 3), x=randn(2, 2, 5, 4))


def unpoolings():
    yield Module("MaxUnpool1d", {"kernel_size": 2}, **pooled("max_pool1d", randn(2, 3, 8), 2))
    yield Module("MaxUnpool1d", {"kernel_size": 3, "stride": 2, "padding": 1}, **pooled("max_pool1d", randn(3, 9), 3, 2, 1))
    yield Module("MaxUnpool2d", {"kernel_size": 2, "stride": 2}, **pooled("max_pool2d", randn(2, 2, 4, 6), 2))
    yield Module("MaxUnpool2d", {"kernel_size": (3, 2), "stride": (3, 2)}, **pooled("max_pool2d", randn(3, 6, 8), (3, 2)))
    sized = pooled("max_pool2d", randn(1, 2, 7, 9), 2)
    for size in ((7, 9), (1, 2, 7, 9), (6, 9)):
        code = f"m(x, indices, output_size={size})"
        yield Module("MaxUnpool2d", {"kernel_size": 2}, code if size != (6, 9) else "m(x, i2, output_size=(6, 9))",
                     x=sized["x"], **({"indices": sized["indices"]} if size != (6, 9) else {"i2": sized["indices"].clamp(max=53)}))
    yield Module("MaxUnpool3d", {"kernel_size": 2}, **pooled("max_pool3d", randn(2, 2, 4, 6, 4), 2))
    yield Module("MaxUnpool3d", {"kernel_size": (2, 1, 2)}, **pooled("max_pool3d", randn(2, 4, 3, 6), (2, 1, 2)))
    shared = {"x": randn(1, 1, 2, 2), "indices": torch.tensor([[[[3, 7], [9, 15]]]])}
    yield Op("max_unpool2d", "F.max_unpool2d(x, indices, 2)", **shared)


def fractional():
    yield Module("FractionalMaxPool2d", {"kernel_size": 2, "output_size": 4}, x=randn(2, 2, 7, 8))
    yield Module("FractionalMaxPool2d", {"kernel_size": (3, 2), "output_ratio": 0.6, "return_indices": True}, x=randn(2, 2, 7, 8))
    yield Module("FractionalMaxPool2d", {"kernel_size": 2, "output_ratio": (0.5, 0.75)}, x=randn(3, 11, 8), seed=5)
    yield Module("FractionalMaxPool2d", {"kernel_size": 1, "output_size": (1, 5)}, dtype="float64", x=randn(1, 2, 5, 5, dtype=torch.float64))
    yield Module("FractionalMaxPool3d", {"kernel_size": 2, "output_size": 3}, x=randn(1, 2, 5, 6, 7))
    yield Module("FractionalMaxPool3d", {"kernel_size": (1, 3, 2), "output_ratio": (0.5, 0.4, 0.6), "return_indices": True}, x=randn(1, 2, 6, 5, 8))
    yield Module("FractionalMaxPool3d", {"kernel_size": 2, "output_ratio": 0.5}, x=randn(2, 4, 6, 5))
    yield Module("FractionalMaxPool2d", {"kernel_size": 2, "output_size": 3, "_random_samples": SAMPLES}, x=randn(2, 3, 8, 9))
    yield Op("fractional_max_pool2d", "F.fractional_max_pool2d(x, 3, output_size=(4, 2), _random_samples=s)", x=randn(2, 3, 6, 5), s=SAMPLES)
    yield Op("fractional_max_pool3d", "F.fractional_max_pool3d(x, 2, output_size=(3, 4, 2), return_indices=True, _random_samples=s)",
             x=randn(2, 2, 7, 6, 5), s=VOLUME_SAMPLES)
    yield Op("fractional_max_pool2d", "F.fractional_max_pool2d(x, 2, output_size=5)", x=integers(0, 3, 1, 2, 9, 9).float().requires_grad_())


CASES = [
    *(Module("PixelShuffle", {"upscale_factor": r}, x=randn(*shape))
      for r, shape in ((2, (2, 8, 3, 4)), (3, (18, 2, 3)), (1, (1, 2, 3, 4)), (2, (2, 2, 4, 1, 3)))),
    *(Module("PixelUnshuffle", {"downscale_factor": r}, x=randn(*shape))
      for r, shape in ((2, (2, 3, 4, 6)), (3, (2, 6, 3)), (1, (1, 2, 3, 4)), (2, (2, 2, 1, 2, 4)))),
    *(Module("ChannelShuffle", {"groups": g}, x=randn(*shape))
      for g, shape in ((2, (2, 4, 3)), (3, (1, 6, 2, 2)), (4, (2, 4, 1, 2, 3)), (1, (2, 3, 4)))),
    *(Module("Unfold", kwargs, x=randn(*shape)) for kwargs, shape in (
        ({"kernel_size": 2}, (2, 3, 4, 5)),
        ({"kernel_size": (2, 3), "dilation": (2, 1), "padding": 1, "stride": (1, 2)}, (1, 2, 5, 6)),
        ({"kernel_size": 3, "padding": 1}, (2, 4, 4)),
        ({"kernel_size": 1, "stride": 2, "padding": (2, 0)}, (1, 1, 3, 4)),
    )),
    *(Module("Fold", kwargs, x=randn(*shape)) for kwargs, shape in (
        ({"output_size": (4, 5), "kernel_size": 2}, (2, 12, 12)),
        ({"output_size": (5, 6), "kernel_size": (2, 3), "dilation": (2, 1), "padding": 1, "stride": (1, 2)}, (1, 12, 15)),
        ({"output_size": 4, "kernel_size": 3, "padding": 1}, (18, 16)),
        ({"output_size": (3, 4), "kernel_size": 1, "stride": 2, "padding": (2, 0)}, (1, 1, 8)),
        ({"output_size": (7, 7), "kernel_size": 2, "stride": 3}, (1, 4, 4)),
    )),
    *upsamplings(), *antialiased(), *samplings(), *warps(), *unpoolings(), *fractional(),
    *(Module(f"LPPool{d}d", {"norm_type": p, "kernel_size": 2, **more}, x=rand(2, 3, *[5] * d)) for d, p, more in (
        (1, 2, {}), (2, 1.5, {"stride": 1}), (2, 3, {"ceil_mode": True}), (3, 2, {"stride": (1, 2, 1)}),
    )),
    Op("lp_pool", "F.lp_pool2d(x, math.inf, (1, 2))", x=randn(2, 3, 4)),
    Op("lp_pool", "F.lp_pool1d(x, 2.0, 3, stride=1)", x=randn(2, 3, 7)),
]
