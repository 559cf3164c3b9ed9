"""Cases of `torch.nn.functional` and of the layers and losses of `torch.nn`."""
import math

import torch

from .draw import BATCHES, CLASSES, FEATURES, INTS, SEQUENCES
from .registry import called, operation

# (kernel, stride, padding, dilation) of ResNet, VGG, MobileNet, EfficientNet, Inception, AlexNet,
# vision transformers and segmentation heads, and how often.
WINDOWS = [
    ((1, 1), 1, 0, 1, 6), ((1, 1), 2, 0, 1, 4), ((2, 2), 2, 0, 1, 3), ((3, 3), 1, 1, 1, 8), ((3, 3), 2, 1, 1, 6),
    ((3, 3), 1, 0, 1, 2), ((3, 3), 2, 0, 1, 2), ((5, 5), 1, 2, 1, 3), ((5, 5), 2, 2, 1, 3), ((7, 7), 2, 3, 1, 4),
    ((7, 7), 1, 3, 1, 1), ((11, 11), 4, 2, 1, 2), ((4, 4), 4, 0, 1, 2), ((14, 14), 14, 0, 1, 1), ((16, 16), 16, 0, 1, 2),
    ((1, 7), 1, (0, 3), 1, 1), ((7, 1), 1, (3, 0), 1, 1), ((1, 3), 1, (0, 1), 1, 1), ((3, 1), 1, (1, 0), 1, 1),
    ((3, 3), 1, 2, 2, 2), ((3, 3), 1, 4, 4, 1), ((3, 3), 1, 12, 12, 1), ((3, 3), 2, 2, 2, 1), ((2, 3), (2, 1), (1, 0), 1, 1),
    ((3, 3), 3, 0, 1, 1), ((3, 3), 1, 3, 3, 1), ((2, 2), 1, 0, 1, 1), ((4, 4), 2, 1, 1, 1), ((5, 3), (1, 2), (2, 1), (1, 2), 1),
]
WORK = {2_000: 3e5, 30_000: 3e6, 300_000: 3e7, 1_500_000: 1.2e8, 4_000_000: 5e8}


def text(value):
    return repr(tuple(value)) if isinstance(value, (list, tuple)) else repr(value)


def window(d):
    kernel, stride, padding, dilation, _ = d.rng.choices(WINDOWS, [w[-1] for w in WINDOWS])[0]
    if d.chance(0.1):
        kernel = (d.int(1, 6), d.int(1, 6))
        stride, padding, dilation = d.int(1, 4), d.int(0, 3), d.int(1, 3)
    if kernel[0] == kernel[1] and d.chance(0.6):
        kernel = kernel[0]
    return kernel, stride, padding, dilation


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def convolution_sizes(d):
    """Input shape, output channels, window and groups, within the work of the case."""
    kernel, stride, padding, dilation = window(d)
    style = d.rng.choices(["dense", "depthwise", "grouped"], [6, 3, 1])[0]
    n, c, h, w = d.image()
    if style == "depthwise":
        groups, out = c, c * (d.int(2, 3) if d.chance(0.1) else 1)
    elif style == "grouped":
        groups = d.one([2, 4, 8, 32])
        c = max(groups, c // groups * groups)
        out = groups * d.int(1, 6)
    else:
        groups, out = 1, d.one([1, 2, 3, 6, 8, 16, 21, 24, 32, 64, 96, 128, 130, 256, 512, 1280])
    taps = pair(kernel)[0] * pair(kernel)[1]
    while n * c // groups * out * h * w * taps / math.prod(pair(stride)) > WORK[d.budget] and h * w > 1:
        if style == "dense" and out > 2 * c and d.chance(0.5):
            out = out // 2
        elif n > 1:
            n //= 2
        elif style == "dense" and c > 8 and d.chance(0.4):
            c //= 2
        else:
            h, w = max(1, h * 4 // 5), max(1, w * 4 // 5)
    if not d.chance(0.05):
        # Mostly large enough for the window.
        h = max(h, dilation_span(kernel, dilation, padding, 0))
        w = max(w, dilation_span(kernel, dilation, padding, 1))
    return [n, c, h, w], out, kernel, stride, padding, dilation, groups


def dilation_span(kernel, dilation, padding, axis):
    return pair(dilation)[axis] * (pair(kernel)[axis] - 1) + 1 - 2 * pair(padding)[axis]


@operation("F.conv2d", "nn.Conv2d", weight=14)
def convolution(d, name):
    # PyTorch multiplies the zeros of the padding with the weights, infinite ones too: see left-out.md.
    d.special = False
    d.float_dtype(0.02)
    (n, c, h, w), out, kernel, stride, padding, dilation, groups = convolution_sizes(d)
    batch = [n] if d.chance(0.95) else []
    if d.chance(0.05):
        padding = d.one(["same", "valid"])
        stride = 1 if padding == "same" else stride
    x = d.tensor([*batch, c, h, w], grad=0.9)
    bias = d.chance(0.5)
    if name == "nn.Conv2d":
        kwargs = {"in_channels": c + (1 if d.wrong else 0), "out_channels": out, "kernel_size": kernel, "stride": stride,
                  "padding": padding, "dilation": dilation, "groups": 1 if d.wrong else groups, "bias": bias}
        if d.chance(0.06) and not isinstance(padding, str):
            kwargs["padding_mode"] = d.one(["reflect", "replicate", "circular"])
        d.case.module = ("Conv2d", kwargs)
        d.case.code = f"m({x})"
        return
    weight = d.tensor([out, c // groups + (1 if d.wrong else 0), *pair(kernel)], name="w", layout=d.chance(0.3))
    options = [text(stride), text(padding), text(dilation), str(groups)]
    b = d.tensor([out], name="b") if bias else "None"
    d.case.code = f"F.conv2d({x}, {weight}, {b}, {', '.join(options)})"


@operation("F.max_pool2d", "F.avg_pool2d", "nn.MaxPool2d", "nn.AvgPool2d", weight=4)
def pooling(d, name):
    d.float_dtype(0.02)
    kernel, stride, padding, dilation = window(d)
    if d.chance(0.6):
        kernel, stride, padding, dilation = d.one([(3, 2, 1, 1), (2, 2, 0, 1), (3, 2, 0, 1), (3, 1, 1, 1), (7, 7, 0, 1), (2, None, 0, 1), (5, 1, 2, 1)])
    if not d.wrong:
        padding = tuple(min(p, k // 2) for p, k in zip(pair(padding), pair(kernel)))
    low = max(dilation_span(kernel, dilation, padding, a) for a in (0, 1))
    n, c, h, w = d.image(low=1 if d.chance(0.03) else low)
    x = d.tensor([n, c, h, w] if d.chance(0.93) else [c, h, w])
    maximum = "ax" in name
    given = {"kernel_size": kernel, "stride": stride, "padding": padding}
    if maximum:
        given["dilation"] = dilation
        d.case.mode = "exact"
        if d.chance(0.1) and name.startswith("nn"):
            given["return_indices"] = True
    else:
        if d.chance(0.3):
            given["count_include_pad"] = False
        if d.chance(0.15):
            given["divisor_override"] = d.int(1, 9)
    if d.chance(0.3):
        given["ceil_mode"] = True
    if name.startswith("nn"):
        d.case.module = (name[3:], given)
        d.case.code = f"m({x})"
    else:
        d.case.code = f"{name}({x}, {', '.join(f'{k}={text(v)}' for k, v in given.items())})"


@operation("F.adaptive_avg_pool2d", "nn.AdaptiveAvgPool2d", weight=3)
def adaptive(d, name):
    d.float_dtype(0.02)
    n, c, h, w = d.image()
    size = d.one([1, 1, (1, 1), 6, 7, 2, 3, (7, 7), (None, 1), (3, None), (d.int(1, 40), d.int(1, 40))])
    x = d.tensor([n, c, h, w] if d.chance(0.93) else [c, h, w])
    if name.startswith("nn"):
        d.case.module = ("AdaptiveAvgPool2d", {"output_size": list(size) if isinstance(size, tuple) else size})
        d.case.code = f"m({x})"
    else:
        d.case.code = f"{name}({x}, {text(size)})"


@operation("nn.BatchNorm2d", weight=8)
def batch_norm(d, name):
    d.float_dtype(0)
    n, c, h, w = d.image()
    # Of a single image whose channels are the last dimension in memory PyTorch 2.15 reads a contiguous
    # upstream gradient in the wrong order; finite differences show it.
    x = d.tensor([n, c + (1 if d.wrong else 0), h, w], layout=n > 1)
    kwargs = {"num_features": c}
    if d.chance(0.2):
        kwargs["eps"] = d.one([1e-3, 1e-6, 0.1])
    if d.chance(0.3):
        kwargs["momentum"] = d.one([None, 0.01, 0.5, 1.0])
    if d.chance(0.15):
        kwargs["affine"] = False
    if d.chance(0.15):
        kwargs["track_running_stats"] = False
    d.case.module, d.case.training = ("BatchNorm2d", kwargs), d.chance(0.7)
    d.case.code = f"m({x})"


@operation("F.linear", "nn.Linear", weight=4)
def linear(d, name):
    d.float_dtype(0.04)
    k, m = d.fit([d.one(FEATURES), d.one(FEATURES)], max(64, d.budget))
    rows = d.fit([d.one([1, 2, 3, 8, 16, 32, 33, 128, 197])], max(1, int(WORK[d.budget] / (k * m))))
    lead = d.one([rows, [d.one([1, 2]), *rows], []])
    x = d.tensor([*lead, k + (1 if d.wrong else 0)])
    bias = d.chance(0.7)
    if name == "nn.Linear":
        d.case.module = ("Linear", {"in_features": k, "out_features": m, "bias": bias})
        d.case.code = f"m({x})"
    else:
        weight = d.tensor([m, k], name="w")
        d.case.code = f"F.linear({x}, {weight}, {d.tensor([m], name='b') if bias else 'None'})"


@operation("F.relu", "F.relu6", "F.gelu", "nn.ReLU", "nn.ReLU6", "nn.Identity", "nn.Flatten", weight=0.7)
def activation(d, name):
    d.float_dtype()
    shape = d.shape(1 if name == "nn.Flatten" else 0)
    x = d.tensor(shape)
    d.case.mode = "sum" if "gelu" in name else "exact"
    if name == "F.gelu":
        d.case.code = f"F.gelu({x}, approximate='{d.one(['none', 'tanh'])}')"
    elif name.startswith("F."):
        d.case.code = f"{name}({x})"
    else:
        kwargs = {"inplace": True} if "ReLU" in name and d.chance(0.3) else {}
        if name == "nn.Flatten" and d.chance(0.4) and len(shape) > 1:
            kwargs = {"start_dim": d.int(0, 1), "end_dim": d.one([-1, len(shape) - 1])}
        d.case.module = (name[3:], kwargs)
        # What is changed in place may not be a leaf.
        d.case.code = f"m({x} * 1)" if kwargs.get("inplace") else f"m({x})"


DROPOUTS = {"dropout": "Dropout", "dropout1d": "Dropout1d", "dropout2d": "Dropout2d", "dropout3d": "Dropout3d",
            "alpha_dropout": "AlphaDropout", "feature_alpha_dropout": "FeatureAlphaDropout"}


@operation(*[f"F.{f}" for f in DROPOUTS], *[f"nn.{c}" for c in DROPOUTS.values()], weight=0.7)
def dropout(d, name):
    d.float_dtype(0)
    d.case.wide, d.special, d.case.mode = False, False, "element"
    kind = name.split(".")[1].lower()
    if kind.endswith("1d"):
        shape = d.shape(2, 3)
    elif kind.endswith("2d"):
        shape = d.shape(3, 4)
    elif kind.endswith("3d"):
        shape = [*d.fit(d.shape(4, 4), 20_000), d.int(1, 3)]
    elif kind.startswith("feature"):
        shape = d.shape(2, 4)
    else:
        shape = d.shape()
    x = d.tensor(shape)
    p = d.one(["0.5", "0.1", "0.2", "0.75", "0.0", "1.0"])
    d.case.training = d.chance(0.85)
    if name.startswith("F."):
        d.case.code = f"{name}({x}, {p}, training={d.case.training})"
    else:
        d.case.module = (name[3:], {"p": float(p)})
        d.case.code = f"m({x})"


@operation("F.pad", weight=2)
def pad(d, name):
    d.float_dtype()
    mode = d.one(["constant", "constant", "reflect", "replicate", "circular"])
    d.case.mode = "exact"
    if mode == "constant":
        shape = d.shape(1, 4)
        amounts = [d.int(-1 if d.chance(0.2) else 0, 4) for _ in range(2 * d.int(1, len(shape)))]
        value = f", value={d.number()}" if d.chance(0.5) else ""
        d.case.code = f"F.pad({d.tensor(shape)}, {tuple(amounts)}{value})"
    else:
        n, c, h, w = d.image()
        limit = 6 if d.wrong else max(0, min(h, w) - 1)
        amounts = [min(d.int(0, 3), limit) for _ in range(4)]
        d.case.code = f"F.pad({d.tensor([n, c, h, w])}, {tuple(amounts)}, mode='{mode}')"


@operation("F.unfold")
def unfold(d, name):
    d.float_dtype(0)
    kernel, stride, padding, dilation = window(d)
    low = max(1, max(dilation_span(kernel, dilation, padding, a) for a in (0, 1)))
    n, c, h, w = d.image(low=low, budget=max(300, d.budget // 20))
    c = min(c, 16)
    d.case.mode = "exact"
    d.case.code = (f"F.unfold({d.tensor([n, c, h, w])}, {text(kernel)}, dilation={text(dilation)}, "
                   f"padding={text(padding)}, stride={text(stride)})")


@operation("F.one_hot", "F.embedding", weight=2)
def lookup(d, name):
    d.float_dtype(0.04)
    shape = d.shape(0, 3)
    if name == "F.one_hot":
        classes = d.one([2, 5, 10, 100])
        i = d.indices(d.fit(shape, 20_000), classes)
        d.case.code = f"F.one_hot({i}, {d.one([classes, classes + 3])})" if d.chance(0.7) else f"F.one_hot({i})"
        return
    count, width = d.fit([d.one([3, 10, 100, 1000, 5000]), d.one([1, 4, 16, 64, 128, 300])], max(50, d.budget))
    shape = d.fit(shape, max(1, 2 * d.budget // width))
    i = d.indices(shape, count)
    padding = f", padding_idx={d.int(-count, count - 1)}" if d.chance(0.3) else ""
    d.case.code = f"F.embedding({i}, {d.tensor([count, width], name='w', grad=0.95)}{padding})"


@operation("F.normalize", "F.cosine_similarity", "F.layer_norm", weight=2)
def normalising(d, name):
    d.float_dtype(0.04)
    shape = d.shape(1, 4)
    rank = len(shape)
    x = d.tensor(shape)
    if name == "F.normalize":
        p = d.one(["", "", ", p=1.0", ", p=3.0", ", p=math.inf", ", p=0.5"])
        d.case.code = f"F.normalize({x}{p}, dim={d.dim(rank)})"
    elif name == "F.cosine_similarity":
        y = d.tensor(d.broadcast(shape) if d.chance(0.2) else shape)
        d.case.code = f"F.cosine_similarity({x}, {y}, dim={d.int(0, rank - 1)})"
    else:
        normalized = shape[d.int(0, rank - 1):]
        affine = d.int(0, 2)
        w = d.tensor([s + (1 if d.wrong else 0) for s in normalized], name="w", layout=False) if affine else "None"
        b = d.tensor(normalized, name="b", layout=False) if affine == 2 else "None"
        d.case.code = f"F.layer_norm({x}, {normalized}, {w}, {b}{d.one(['', ', 1e-6', ', eps=0.01'])})"


@operation("F.scaled_dot_product_attention", weight=4)
def attention(d, name):
    d.float_dtype(0)
    lead = d.one([[], [1], [2], [2, 3], [1, 12], [3, 8], [4, 1]])
    t, s, e, v = d.one(SEQUENCES), d.one(SEQUENCES), d.one([1, 4, 8, 16, 32, 64, 80]), d.one([8, 16, 64])
    s = t if d.chance(0.6) else s
    v = e if d.chance(0.7) else v
    while math.prod(lead) * t * s * (e + v) > WORK[d.budget]:
        if t >= s and t > 1:
            t = t * 2 // 3
        else:
            s = max(1, s * 2 // 3)
        if t * s == 1:
            break
    q, k, w = d.tensor([*lead, t, e]), d.tensor([*lead, s, e + (1 if d.wrong else 0)]), d.tensor([*lead, s, v])
    options = ""
    kind = d.rng.random()
    if kind < 0.2:
        mask = d.tensor([t, s] if d.chance(0.6) else [*lead, t, s], "bool", name="b")
        options = f", attn_mask={mask}"
    elif kind < 0.35:
        options = f", attn_mask={d.tensor([t, s], name='b', grad=0)}"
    elif kind < 0.6:
        options = ", is_causal=True"
    if d.chance(0.2):
        options += f", scale={d.number(0.1, 1)}"
    if d.chance(0.1):
        options += f", dropout_p={d.one([0.1, 0.5])}"
    d.case.code = f"F.scaled_dot_product_attention({q}, {k}, {w}{options})"


@operation("F.mse_loss", "nn.MSELoss", weight=1.5)
def squared_error(d, name):
    d.float_dtype()
    shape = d.shape()
    reduction = d.one(["mean", "mean", "sum", "none"])
    x = d.tensor(shape)
    y = d.tensor(d.broadcast(shape) if d.chance(0.1) else shape, grad=0.2)
    if name.startswith("nn"):
        d.case.module = ("MSELoss", {"reduction": reduction})
        d.case.code = f"m({x}, {y})"
    else:
        d.case.code = f"F.mse_loss({x}, {y}, reduction='{reduction}')"


@operation("F.cross_entropy", "F.nll_loss", "nn.CrossEntropyLoss", weight=4)
def class_losses(d, name):
    d.float_dtype(0.02)
    classes = d.one(CLASSES)
    n = d.one([1, 2, 3, 8, 32, 64, 128])
    extra = d.rng.choices([None, [], [d.int(1, 200)], [d.int(1, 65), d.int(1, 65)]], [1, 6, 1, 2])[0]
    shape = [classes] if extra is None else d.fit([n, classes, *extra], max(d.budget, 2 * classes))
    classes = shape[0] if extra is None else shape[1]
    x = d.tensor(shape)
    target_shape = [] if extra is None else [shape[0], *shape[2:]]
    options = {}
    probabilities = name != "F.nll_loss" and d.chance(0.2)
    if probabilities:
        y = d.tensor(shape, kind="unit", name="target", grad=0.2)
    else:
        y = d.indices(target_shape, classes, name="target")
        if d.chance(0.3):
            options["ignore_index"] = d.one([0, classes - 1, -100])
            if options["ignore_index"] == -100 and target_shape:
                drawn = d.case.inputs["target"]
                drawn[torch.rand(drawn.shape, generator=d.torch) < 0.3] = -100
    if d.chance(0.5):
        options["reduction"] = repr(d.one(["mean", "sum", "none"]))
    if d.chance(0.3) and name != "F.nll_loss":
        options["label_smoothing"] = d.one([0.1, 0.3, 1.0])
    if d.chance(0.3) and not name.startswith("nn"):
        options["weight"] = d.tensor([classes], kind="unit", name="w", grad=0, layout=False)
    if name.startswith("nn"):
        d.case.module = (name[3:], {k: v.strip("'") if isinstance(v, str) else v for k, v in options.items()})
        d.case.code = f"m({x}, {y})"
    else:
        given = "".join(f", {k}={v}" for k, v in options.items())
        d.case.code = f"{name}({x}, {y}{given})"


# --- blocks: several operations, whose fused forms and shared gradients are their own affair -------
@operation("block", weight=4)
def block(d, name):
    d.float_dtype(0)
    (n, c, h, w), out, kernel, stride, padding, dilation, groups = convolution_sizes(d)
    x = d.tensor([n, c, h, w])
    weight = d.tensor([out, c // groups, *pair(kernel)], name="w", grad=1)
    conv = f"F.conv2d({x}, {weight}, None, {text(stride)}, {text(padding)}, {text(dilation)}, {groups})"
    d.case.code = d.one([
        f"y = {conv}\nF.relu(y) + y",
        f"y = {conv}\nF.adaptive_avg_pool2d(F.relu(y), 1).flatten(1)",
        f"y = {conv}\n(y - y.mean((0, 2, 3), keepdim=True)) / (y.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()",
        f"y = {conv}\n(y * y.sigmoid()).mean((2, 3))",
        f"y = {conv}\ny.flatten(2).transpose(1, 2).softmax(-1)",
        f"y = {conv}\n(y.sum(1), y.amax((2, 3)))",
        f"y = {conv}\ntorch.cat([y, F.relu6(y)], 1)[:, ::2]",
        f"y = {conv}\ny.permute(0, 2, 3, 1).sum((1, 2))",
    ])
