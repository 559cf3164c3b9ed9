"""Cases of windows over sequences and volumes, of transposed convolutions, and of activations."""
import math

from .registry import operation
from .spatial_operations import sized

SETTINGS = (1, 2, 3)


def axes_of(name):
    return int(name[-2])


def case(d, name, x, given, drop=()):
    """Of a function the arguments by name; of a class its module."""
    if name.startswith("nn."):
        d.case.module = (name[3:], {k: v for k, v in given.items() if k not in drop})
        d.case.code = f"m({x})"
    else:
        d.case.code = f"{name}({x}, {', '.join(f'{k}={v!r}' for k, v in given.items())})"


def each(d, axes, low, high):
    """A number, or one for each dimension."""
    numbers = tuple(d.int(low, high) for _ in range(axes))
    return numbers if d.chance(0.3) else numbers[0]


def numbers(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


def spans(kernel, dilation, padding, axes):
    sizes = zip(numbers(kernel, axes), numbers(dilation, axes), numbers(padding, axes))
    return [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in sizes]


CONVOLUTIONS = [f"{p}{axes}d" for axes in (1, 3) for p in ("F.conv", "nn.Conv")]
TRANSPOSED = [f"{p}{axes}d" for axes in SETTINGS for p in ("F.conv_transpose", "nn.ConvTranspose")]


@operation(*CONVOLUTIONS, *TRANSPOSED, weight=2)
def convolution(d, name):
    d.special = False
    d.float_dtype(0)
    axes, transposed = axes_of(name), "ranspose" in name
    kernel, stride, dilation = each(d, axes, 1, 9 if axes == 1 else 4), each(d, axes, 1, 3), each(d, axes, 1, 2)
    padding = each(d, axes, 0, 2)
    if transposed:
        # An empty result is an error, or not, by the backend that PyTorch takes.
        spans_of = zip(numbers(padding, axes), numbers(dilation, axes), numbers(kernel, axes))
        padding = tuple(min(p, t * (k - 1) // 2) for p, t, k in spans_of)
    groups = d.one([1, 1, 1, 2, 4])
    c, out = groups * d.one([1, 2, 3, 8, 16]), groups * d.one([1, 2, 5, 8, 16, 32])
    taps = math.prod(numbers(kernel, axes)) * (math.prod(numbers(stride, axes)) if transposed else 1)
    shape = sized(d, axes, channels=c, budget=max(60, d.budget * 8 // (taps * out)))
    if not d.wrong:
        shape[2:] = [max(s, low) for s, low in zip(shape[2:], spans(kernel, dilation, padding, axes))]
    shape[1] += groups if d.wrong and d.chance(0.5) else 0
    given = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed and d.chance(0.4):
        highest = [max(s, t) - 1 for s, t in zip(numbers(stride, axes), numbers(dilation, axes))]
        given["output_padding"] = tuple(d.int(0, h) for h in highest)
    x = d.tensor(shape if d.chance(0.9) else shape[1:])
    bias = d.chance(0.6)
    if name.startswith("nn."):
        sizes = {"in_channels": c, "out_channels": out, "kernel_size": kernel, "bias": bias}
        case(d, name, x, sizes | given)
        return
    ends = [c, out // groups] if transposed else [out, c // groups]
    weight = d.tensor([*ends, *numbers(kernel, axes)], name="w", layout=d.chance(0.3))
    b = d.tensor([out], name="b") if bias else "None"
    d.case.code = f"{name}({x}, {weight}, {b}, {', '.join(f'{k}={v!r}' for k, v in given.items())})"


POOLS = [f"{p}{axes}d" for axes in (1, 3) for p in ("F.max_pool", "F.avg_pool", "nn.MaxPool", "nn.AvgPool")]


@operation(*POOLS, weight=1)
def pooling(d, name):
    d.float_dtype(0)
    axes, maximum = axes_of(name), "ax" in name
    kernel = each(d, axes, 1, 5 if axes == 1 else 3)
    padding = tuple(d.int(0, k // 2) for k in numbers(kernel, axes))
    given = {"kernel_size": kernel, "stride": d.one([None, 1, 2, 3]), "padding": padding}
    if d.chance(0.3):
        given["ceil_mode"] = True
    if maximum:
        # PyTorch writes beyond its memory where a volume's last window has no element.
        given["dilation"] = 1 if axes == 3 and "ceil_mode" in given else d.int(1, 2)
        d.case.mode = "exact"
    elif d.chance(0.3):
        given["count_include_pad"] = False
    elif axes == 3 and d.chance(0.2):
        given["divisor_override"] = d.int(1, 9)
    low = max(spans(kernel, given.get("dilation", 1), padding, axes))
    shape = sized(d, axes, low=1 if d.wrong else low)
    # Of a single volume PyTorch takes some orders in memory for those of images.
    single = d.chance(0.1)
    case(d, name, d.tensor(shape[1:] if single else shape, layout=not (single and axes == 3)), given)


ADAPTIVE = [f"{p}{kind}{axes}d" for axes in SETTINGS for p, kind in (
    ("F.adaptive_", "avg_pool"), ("F.adaptive_", "max_pool"), ("nn.Adaptive", "AvgPool"), ("nn.Adaptive", "MaxPool"))]


@operation(*[n for n in ADAPTIVE if n not in ("F.adaptive_avg_pool2d", "nn.AdaptiveAvgPool2d")], weight=0.6)
def adaptive(d, name):
    d.float_dtype(0)
    axes = axes_of(name)
    d.case.mode = "exact" if "ax" in name else d.case.mode
    shape = sized(d, axes)
    size = each(d, axes, 1, 40 if axes < 3 else 12)
    case(d, name, d.tensor(shape if d.chance(0.9) else shape[1:]), {"output_size": size})


@operation("F.batch_norm", "nn.BatchNorm1d", "nn.BatchNorm3d", weight=2)
def batch_norm(d, name):
    # PyTorch folds statistics and weights into a factor and a summand: infinities become nan there.
    d.special = False
    d.float_dtype(0)
    axes = d.one(SETTINGS) if name.startswith("F.") else axes_of(name)
    shape = sized(d, axes)
    if axes == 1 and d.chance(0.3):
        shape = shape[:2]
    # See `batch_norm` of images.
    x = d.tensor(shape, layout=shape[0] > 1)
    if name.startswith("nn."):
        given = {"num_features": shape[1] + (1 if d.wrong else 0), "affine": d.chance(0.8), "momentum": d.one([0.1, None])}
        d.case.training = d.chance(0.7)
        case(d, name, x, given)
        return
    c = [shape[1]]
    # PyTorch reads a weight with gaps as one without.
    own = lambda name, **given: d.tensor(c, name=name, layout=False, **given)
    weight = own("w") if d.chance(0.7) else "None"
    bias = own("b") if d.chance(0.7) else "None"
    if d.chance(0.5):
        running = ["None", "None"]
    else:
        running = [own("r", grad=0), own("s", kind="positive", grad=0)]
    training = running[0] == "None" or d.chance(0.3)
    d.case.code = f"F.batch_norm({x}, {', '.join(running)}, {weight}, {bias}, training={training}, momentum=0.3)"


PADS = [f"nn.{kind}Pad{axes}d" for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular") for axes in SETTINGS]


@operation(*PADS, weight=0.4)
def pads(d, name):
    d.float_dtype(0.02)
    d.case.mode = "exact"
    axes = axes_of(name)
    shape = sized(d, axes, low=4)
    padding = tuple(d.int(0, 3) for _ in range(2 * axes)) if d.chance(0.7) else d.int(0, 3)
    given = {"padding": padding}
    if "Constant" in name:
        given["value"] = 1.5
    case(d, name, d.tensor(shape if d.chance(0.9) else shape[1:]), given)


# By the name of the function, that of the class, and the arguments that may be given.
ACTIVATIONS = {
    "celu": ("CELU", {"alpha": [0.5, 1.0, 2.0]}), "elu": ("ELU", {"alpha": [0.5, 1.0, 2.0]}), "selu": ("SELU", {}),
    "hardshrink": ("Hardshrink", {"lambd": [0.25, 1.0]}), "hardsigmoid": ("Hardsigmoid", {}), "hardswish": ("Hardswish", {}),
    "hardtanh": ("Hardtanh", {"min_val": [-2.0, -0.5], "max_val": [0.5, 6.0]}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": [0.2, 0.0, 1.5]}), "logsigmoid": ("LogSigmoid", {}), "mish": ("Mish", {}),
    "silu": ("SiLU", {}), "softplus": ("Softplus", {"beta": [0.5, 2.0], "threshold": [5.0, 20.0]}),
    "softshrink": ("Softshrink", {"lambd": [0.25, 1.0]}), "softsign": ("Softsign", {}), "tanhshrink": ("Tanhshrink", {}),
    "threshold": ("Threshold", {"threshold": [0.1], "value": [20.0]}),
}
CLASSES = {f"nn.{c}": given for c, given in ACTIVATIONS.values()} | {
    "nn.GELU": {"approximate": ["none", "tanh"]}, "nn.GLU": {"dim": [-1, 0]}, "nn.Sigmoid": {}, "nn.Tanh": {},
    "nn.Softmax": {"dim": [-1, 0]}, "nn.LogSoftmax": {"dim": [-1, 0]}, "nn.Softmin": {"dim": [-1, 0]}, "nn.Softmax2d": {},
    "nn.PReLU": {"init": [0.1, 0.5]},
}
FUNCTIONS = {f"F.{f}": given for f, (_, given) in ACTIVATIONS.items()}


NAN_BY_PLACE = ("celu", "elu", "selu", "hardtanh", "hardshrink", "hardswish", "softsign", "tanhshrink")


@operation(*FUNCTIONS, *CLASSES, weight=0.5)
def activation(d, name):
    # What PyTorch's gradients are at a nan depends on whether the element is one of a vector.
    d.special &= name.split(".")[1].lower() not in NAN_BY_PLACE
    d.float_dtype(0.02)
    options = (FUNCTIONS | CLASSES)[name]
    needed = name.endswith("hreshold") or "dim" in options
    given = {k: d.one(v) for k, v in options.items() if needed or d.chance(0.5)}
    shape = d.shape(4, 4) if name == "nn.Softmax2d" else d.shape(1 if "dim" in options else 0)
    if name == "nn.GLU":
        shape[given["dim"]] *= 2
    cancels = name.lower().endswith("tanhshrink") or "oftm" in name or name in ("nn.PReLU", "nn.GELU")
    d.case.mode = "sum" if cancels else "element"
    case(d, name, d.tensor(shape), given)
