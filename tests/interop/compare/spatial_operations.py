"""Cases of what moves or resamples elements of sequences, images and volumes."""
import math

import torch

from .draw import BATCHES, CHANNELS
from .registry import operation

RESIZED = {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3), "linear": (1,), "bilinear": (2,),
           "bicubic": (2,), "trilinear": (3,)}


def sized(d, axes, channels=None, low=1, budget=None):
    """A batch of sequences, images or volumes."""
    budget = budget or max(60, d.budget // 4)
    if axes == 2:
        return d.image(channels, budget, low)
    sizes = [d.one(BATCHES), channels or d.one(CHANNELS), *(d.int(low, 400 if axes == 1 else 20) for _ in range(axes))]
    while math.prod(sizes) > budget:
        at = max(range(5 if axes == 3 else 3), key=lambda i: sizes[i] - (low if i > 1 else 0))
        if at == 1 and channels:
            at = 0 if sizes[0] > 1 else 2
        least = low if at > 1 else 1
        if sizes[at] == least:
            break
        sizes[at] = max(least, sizes[at] // 2)
    return sizes


@operation("F.interpolate", "nn.Upsample", weight=5)
def interpolate(d, name):
    # A weight of 0 makes nan of an infinite neighbour, or not, by how PyTorch's kernel treats the last element.
    d.special = False
    d.float_dtype(0.02)
    mode = d.one(["bilinear", *RESIZED])
    shape = sized(d, d.one(RESIZED[mode]))
    d.case.mode = "exact" if mode.startswith("nearest") else "sum"
    given = {"mode": mode}
    axes = len(shape) - 2
    if d.chance(0.5):
        sizes = [max(1, min(600 if axes < 3 else 40, int(s * d.rng.uniform(0.2, 3)))) for s in shape[2:]]
        given["size"] = tuple(sizes) if axes > 1 or d.chance(0.5) else sizes[0]
    else:
        factors = [2.0, 0.5, 3.0, 1.5, 0.3, 1.25]
        given["scale_factor"] = d.one(factors) if d.chance(0.7) else tuple(d.one(factors) for _ in range(axes))
        # PyTorch's gradient of the nearest elements keeps and doubles a size whatever the factor was, where its values
        # do not: it is no adjoint there.
        if d.chance(0.15) or mode == "nearest":
            given["recompute_scale_factor"] = mode == "nearest" or d.chance(0.7)
    if not mode.startswith("nearest") and mode != "area" and d.chance(0.5):
        given["align_corners"] = d.chance(0.5)
    if name == "nn.Upsample":
        d.case.module = ("Upsample", given)
        d.case.code = f"m({d.tensor(shape)})"
        return
    # PyTorch's gradient for a factor is not that of its values; one column depends on the order in memory.
    columns = given["size"][-1] if isinstance(given.get("size"), tuple) else 0
    if mode in ("bilinear", "bicubic") and columns > 1 and d.chance(0.4):
        given["antialias"] = True
    d.case.code = f"F.interpolate({d.tensor(shape)}, {', '.join(f'{k}={v!r}' for k, v in given.items())})"


@operation("F.grid_sample", weight=4)
def grid_sample(d, name):
    d.special = False
    d.float_dtype(0)
    axes = d.one([2, 2, 3])
    shape = sized(d, axes)
    points = [d.int(1, 12 if axes == 3 else 30) for _ in range(axes)]
    points = d.fit(points, max(1, d.budget // (16 * max(1, shape[0]))))
    x = d.tensor(shape)
    grid = d.tensor([shape[0], *points, axes], kind="unit", name="grid", layout=False)
    mode = d.one(["bilinear", "bilinear", "nearest", "bicubic"])
    padding, align = d.one(["zeros", "border", "reflection"]), d.chance(0.5)
    # A point close to a jump is on another side of it in f32 than in f64.
    d.case.wide = mode != "nearest"
    spread = d.one(["2.2", "3.0"])
    d.case.code = (f"F.grid_sample({x}, {grid} * {spread} - 1.1, mode='{mode}', padding_mode='{padding}', "
                   f"align_corners={align})")


@operation("F.affine_grid")
def affine_grid(d, name):
    d.float_dtype(0)
    axes = d.one([2, 3])
    n = d.one(BATCHES)
    size = (n, d.int(1, 3), *(d.int(1, 20) for _ in range(axes)))
    d.case.code = f"F.affine_grid({d.tensor([n, axes, axes + 1])}, {size}, align_corners={d.chance(0.5)})"


@operation("F.pixel_shuffle", "F.pixel_unshuffle", "F.channel_shuffle", weight=1.5)
def moving(d, name):
    d.float_dtype(0.02)
    d.case.mode = "exact"
    r = d.int(1, 4)
    n, c, h, w = d.image(budget=max(60, d.budget // 16))
    if name == "F.pixel_shuffle":
        shape = [n, c * r * r, h, w]
    elif name == "F.pixel_unshuffle":
        shape = [n, c, h * r, w * r]
    else:
        shape = [n, c * r, h, w]
    if name != "F.channel_shuffle" and d.chance(0.2):
        shape = shape[1:]
    if d.wrong:
        r += 1
    d.case.code = f"{name}({d.tensor(shape)}, {r})"


@operation("F.fold", weight=2)
def fold(d, name):
    d.float_dtype(0)
    kernel, dilation = (d.int(1, 4), d.int(1, 4)), (d.int(1, 2), d.int(1, 2))
    padding, stride = (d.int(0, 2), d.int(0, 2)), (d.int(1, 3), d.int(1, 3))
    n, c, h, w = d.image(budget=max(60, d.budget // 16))
    size = (max(h, dilation[0] * (kernel[0] - 1) + 1), max(w, dilation[1] * (kernel[1] - 1) + 1))
    counts = [(size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
    shape = [n, c * kernel[0] * kernel[1], math.prod(counts) + (1 if d.wrong else 0)]
    x = d.tensor(shape if d.chance(0.8) and n else shape[1:])
    d.case.code = f"F.fold({x}, {size}, {kernel}, dilation={dilation}, padding={padding}, stride={stride})"


@operation("F.lp_pool1d", "F.lp_pool2d", "F.lp_pool3d", weight=1)
def lp_pool(d, name):
    d.special = False
    d.float_dtype(0.3)
    axes = int(name[-2])
    kernel, p = d.int(1, 3), d.one(["1.0", "2.0", "1.5", "3.0", "math.inf"])
    stride = f", stride={d.int(1, 3)}" if d.chance(0.5) else ""
    ceil = ", ceil_mode=True" if d.chance(0.3) else ""
    x = d.tensor(sized(d, axes, low=kernel), kind="positive")
    d.case.code = f"{name}({x}, {p}, {kernel}{stride}{ceil})"


@operation("F.max_unpool1d", "F.max_unpool2d", "F.max_unpool3d", weight=1)
def max_unpool(d, name):
    d.float_dtype(0.3)
    d.case.mode = "exact"
    axes, kernel = int(name[-2]), d.int(1, 3)
    shape = sized(d, axes, budget=max(60, d.budget // 27))
    # Each value goes to its own window.
    steps = [torch.arange(s) * kernel for s in shape[2:]]
    place = torch.zeros(1, dtype=torch.int64)
    for step, size in zip(steps, shape[2:]):
        place = place[..., None] * size * kernel + step
    d.case.inputs["i"] = place[0].expand(shape).contiguous()
    d.case.code = f"{name}({d.tensor(shape)}, i, {kernel})"


@operation("F.fractional_max_pool2d", "F.fractional_max_pool3d", weight=1)
def fractional_max_pool(d, name):
    d.float_dtype(0.3)
    d.case.mode = "exact"
    axes, kernel = int(name[-2]), d.int(1, 3)
    shape = sized(d, axes, low=kernel + 1)
    if max(shape[2:]) > 64:
        # PyTorch's half floats place windows outside.
        d.float_dtype(0)
    # In volumes, PyTorch leaves room for one more.
    output = tuple(d.int(1, s - kernel + (1 if axes == 2 or d.wrong else 0)) for s in shape[2:])
    d.case.code = f"{name}({d.tensor(shape)}, {kernel}, output_size={output}, return_indices={d.chance(0.5)})"
