"""Cases of the losses that `network_operations` does not draw."""
from .draw import CLASSES
from .registry import operation

REDUCTIONS = ["mean", "mean", "sum", "none"]


def finish(d, name, tensors, options):
    """The call of a function, or of a class with the same options."""
    if name.startswith("nn"):
        d.case.module = (name[3:], options)
        d.case.code = f"m({', '.join(tensors)})"
    else:
        given = "".join(f", {k}={v!r}" for k, v in options.items())
        d.case.code = f"{name}({', '.join(tensors)}{given})"


def weighted(d, name, options, key, shape):
    """A weight, which the layout of modules has no place for."""
    if d.chance(0.25) and not name.startswith("nn"):
        options[key] = Text(d.tensor(shape, kind="unit", name=key[0] + "w", grad=0, layout=False))


class Text(str):
    def __repr__(self):
        return str(self)


def pair(d, kind="normal", target="normal", grad=0.3, wide=0.1):
    """An input and a target, mostly of its shape."""
    shape = d.shape()
    x = d.tensor(shape, kind=kind)
    return shape, x, d.tensor(d.broadcast(shape) if d.chance(wide) else shape, kind=target, grad=grad)


@operation("F.l1_loss", "nn.L1Loss", "F.smooth_l1_loss", "nn.SmoothL1Loss", "F.huber_loss", "nn.HuberLoss")
def differences(d, name):
    d.float_dtype()
    shape, x, y = pair(d)
    options = {"reduction": d.one(REDUCTIONS)}
    if "mooth" in name and d.chance(0.6):
        options["beta"] = d.one([0.0, 0.1, 0.5, 2.0])
    elif "uber" in name and d.chance(0.6):
        options["delta"] = d.one([0.1, 0.5, 2.0, 0.0 if d.wrong else 1.5])
    if name == "F.l1_loss" or name == "F.huber_loss":
        weighted(d, name, options, "weight", shape)
    finish(d, name, [x, y], options)


@operation("F.binary_cross_entropy", "nn.BCELoss")
def probabilities(d, name):
    d.float_dtype()
    shape, x, y = pair(d, "unit", "unit", wide=0.02)
    options = {"reduction": d.one(REDUCTIONS)}
    weighted(d, name, options, "weight", d.broadcast(shape))
    finish(d, name, [x, y], options)


@operation("F.binary_cross_entropy_with_logits", "nn.BCEWithLogitsLoss")
def logits(d, name):
    d.float_dtype()
    shape, x, y = pair(d, target="unit", wide=0.02)
    options = {"reduction": d.one(REDUCTIONS)}
    weighted(d, name, options, "weight", d.broadcast(shape))
    weighted(d, name, options, "pos_weight", d.broadcast(shape))
    finish(d, name, [x, y], options)


@operation("F.kl_div", "nn.KLDivLoss")
def divergence(d, name):
    d.float_dtype()
    log = d.chance(0.4)
    _, x, y = pair(d, target="normal" if log else "unit")
    finish(d, name, [x, y], {"reduction": d.one([*REDUCTIONS, "batchmean"]), "log_target": log})


@operation("F.poisson_nll_loss", "nn.PoissonNLLLoss")
def counts(d, name):
    d.float_dtype()
    log = d.chance(0.5)
    _, x, y = pair(d, "unit" if log else "positive", "positive")
    options = {"log_input": log, "full": d.chance(0.4), "reduction": d.one(REDUCTIONS)}
    if d.chance(0.3):
        options["eps"] = d.one([1e-3, 0.5])
    finish(d, name, [x, y], options)


@operation("F.gaussian_nll_loss", "nn.GaussianNLLLoss")
def gaussian(d, name):
    d.float_dtype()
    shape, x, y = pair(d, wide=0.05)
    kind = d.rng.random()
    if kind < 0.2:
        var = repr(d.one([0.5, 2.0, 1e-9]))
    else:
        sizes = shape[:-1] if kind < 0.4 else [*shape[:-1], 1] if kind < 0.6 and shape else shape
        var = d.tensor(sizes, kind="positive", name="v")
    options = {"full": d.chance(0.4), "reduction": d.one(REDUCTIONS)}
    if d.chance(0.3):
        options["eps"] = d.one([1e-3, 0.5])
    finish(d, name, [x, y, var], options)


def signs(d, shape, name="t"):
    """Targets of 1 and -1; sometimes other numbers."""
    drawn = d.indices(shape, 3 if d.chance(0.1) else 2, name=name)
    return f"({drawn} * 2 - 1)"


@operation("F.soft_margin_loss", "nn.SoftMarginLoss", "F.hinge_embedding_loss", "nn.HingeEmbeddingLoss")
def of_signs(d, name):
    d.float_dtype()
    shape = d.shape()
    options = {"reduction": d.one(REDUCTIONS)}
    if "inge" in name and d.chance(0.5):
        options["margin"] = d.one([0.0, 0.5, 3.0])
    # Of large scores PyTorch's exponential overflows.
    finish(d, name, [d.tensor(shape, kind="unit"), signs(d, shape)], options)


@operation("F.margin_ranking_loss", "nn.MarginRankingLoss")
def ranking(d, name):
    d.float_dtype()
    shape = d.shape()
    options = {"margin": d.one([0.0, 0.5, -1.0]), "reduction": d.one(REDUCTIONS)}
    y = d.tensor([1 if d.chance(0.1) else s for s in shape])
    finish(d, name, [d.tensor(shape), y, signs(d, shape)], options)


def vectors(d):
    """A batch of vectors, or one."""
    return d.fit([d.one([1, 2, 8, 33, 128]), d.one([1, 2, 3, 16, 64, 130, 512])]) if d.chance(0.8) else [d.int(1, 200)]


@operation("F.cosine_embedding_loss", "nn.CosineEmbeddingLoss")
def cosine(d, name):
    d.float_dtype()
    shape = vectors(d)
    options = {"margin": d.one([0.0, 0.5, -0.5]), "reduction": d.one(REDUCTIONS)}
    finish(d, name, [d.tensor(shape), d.tensor(shape), signs(d, shape[:-1])], options)


@operation("F.triplet_margin_loss", "nn.TripletMarginLoss", "F.triplet_margin_with_distance_loss", "nn.TripletMarginWithDistanceLoss")
def triplets(d, name):
    d.float_dtype()
    shape = vectors(d)
    options = {"margin": d.one([1.0, 0.2, 5.0]), "reduction": d.one(REDUCTIONS), "swap": d.chance(0.4)}
    if "istance" not in name and d.chance(0.4):
        options["p"] = d.one([1.0, 1.5, 3.0])
    finish(d, name, [d.tensor(shape), d.tensor(shape), d.tensor(shape)], options)


@operation("F.multi_margin_loss", "nn.MultiMarginLoss", "F.multilabel_margin_loss", "nn.MultiLabelMarginLoss",
           "F.multilabel_soft_margin_loss", "nn.MultiLabelSoftMarginLoss")
def margins(d, name):
    d.float_dtype(0)
    classes = d.one(CLASSES)
    shape = d.fit([d.one([1, 2, 3, 8, 32]), classes], max(d.budget, 2 * classes)) if d.chance(0.85) else [classes]
    options = {"reduction": d.one(REDUCTIONS)}
    x = d.tensor(shape)
    if "oft" in name:
        d.special = False  # Where a gradient is infinite, PyTorch subtracts two of them.
        target = d.tensor(shape, kind="unit", grad=0.2)
        weighted(d, name, options, "weight", shape[-1:])
    elif "label" in name.lower():
        if shape[-1] > 100:
            shape, x = [*shape[:-1], 100], f"{x}[..., :100]"
        target = f"({d.indices(shape, shape[-1] + 1, name='t')} - 1)"
    else:
        target = d.indices(shape[:-1], shape[-1], name="t")
        weighted(d, name, options, "weight", shape[-1:])
        options |= {"p": d.int(1, 2), "margin": d.one([1.0, 0.3, -0.5])}
    finish(d, name, [x, target], options)


@operation("F.ctc_loss", "nn.CTCLoss", weight=2)
def sequences(d, name):
    d.float_dtype(0)
    steps, batch, labels = d.one([1, 5, 12, 50]), d.int(1, 5), d.one([2, 3, 10, 40])
    single = d.chance(0.15)
    batch = 1 if single else batch
    longest = d.int(1, max(1, steps // 2))
    lengths = [d.int(0 if d.chance(0.1) else 1, longest) for _ in range(batch)]
    inputs = [d.int(max(1, steps // 2), steps) for _ in range(batch)]
    blank = d.int(0, labels - 1)
    options = {"blank": blank, "reduction": d.one(REDUCTIONS), "zero_infinity": d.chance(0.8)}
    shape = [sum(lengths)] if d.chance(0.3) and not single else [batch, longest]
    if single:
        shape, lengths = [longest], [longest]
    # Any label but the blank.
    drawn = d.indices(shape, max(1, labels - 1), name="t", dtype=d.one(["int64", "int32"]), layout=False)
    other = f"({drawn} % {labels - 1} + {blank + 1}) % {labels}"
    x = d.tensor([steps, labels] if single else [steps, batch, labels])
    finish(d, name, [f"{x}.log_softmax(-1)", f"({other})", repr(tuple(inputs)), repr(tuple(lengths))], options)


@operation("nn.NLLLoss", "nn.NLLLoss2d", weight=0.5)
def classes(d, name):
    d.float_dtype()
    shape = d.fit([d.one([1, 2, 8, 32]), d.one(CLASSES), *([d.int(1, 9), d.int(1, 9)] if d.chance(0.5) else [])])
    target = d.indices([shape[0], *shape[2:]], shape[1], name="t")
    finish(d, name, [d.tensor(shape), target], {"reduction": d.one(REDUCTIONS), "ignore_index": d.one([-100, 0])})


@operation("F.linear_cross_entropy", "nn.LinearCrossEntropyLoss")
def linear_classes(d, name):
    d.float_dtype(0)
    n, features, classes = d.one([1, 3, 16]), d.one([1, 4, 33]), d.one([2, 5, 21])
    extra = d.one([[], [], [3], [2, 2]])
    x = d.tensor([n, features])
    target = d.indices([n, *extra], classes, name="t")
    options = {"reduction": d.one(REDUCTIONS)}
    if d.chance(0.3):
        options["label_smoothing"] = 0.1
    if d.chance(0.3):
        options["ignore_index"] = 0
    if name.startswith("nn"):
        kwargs = {"in_features": features, "num_classes": classes, "out_features": extra, "bias": d.chance(0.5)}
        return finish(d, name, [x, target], kwargs | options)
    weight = d.tensor([classes, *extra, features], name="w")
    if d.chance(0.5):
        options["linear_bias"] = Text(d.tensor([classes, *extra], name="b"))
    finish(d, name, [x, weight, target], options)


@operation("nn.AdaptiveLogSoftmaxWithLoss")
def adaptive(d, name):
    d.float_dtype(0)
    classes = d.one([5, 20, 100])
    cutoffs = sorted(d.rng.sample(range(1, classes), d.int(1, min(4, classes - 1))))
    features, n = d.one([4, 16, 33]), d.one([1, 2, 8, 33])
    lead = [] if d.chance(0.15) else [n]
    options = {"in_features": features, "n_classes": classes, "cutoffs": cutoffs, "head_bias": d.chance(0.5)}
    if d.chance(0.3):
        options["div_value"] = d.one([2.0, 3.5])
    finish(d, name, [d.tensor([*lead, features]), d.indices(lead, classes, name="t")], options)
