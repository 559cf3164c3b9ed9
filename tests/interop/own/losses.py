"""Losses, and the arguments of theirs that PyTorch's databases leave out."""
import torch

from .rows import Module, Op, integers, rand, randn

F32, F64 = torch.float32, torch.float64


def signs(*shape):
    return integers(0, 2, *shape) * 2 - 1


def adaptive(cutoffs, n, code=None, features=9, classes=12, dtype="float32", **kwargs):
    """A batch of `n` samples, whose targets are of all clusters, or one sample."""
    tensor = getattr(torch, dtype)
    shape = [features] if n is None else [n, features]
    target = integers(0, classes, *shape[:-1])
    return Module(
        "AdaptiveLogSoftmaxWithLoss",
        {"in_features": features, "n_classes": classes, "cutoffs": cutoffs, **kwargs},
        code=code or "m(x, target)", dtype=dtype, x=randn(*shape, dtype=tensor), target=target,
    )


def ctc(steps, batch, labels, lengths, targets, dtype=F32, index=torch.int64, flat=False, **options):
    """A batch; `batch=None` is one sequence. `lengths` are those of the inputs, `targets` of the labels."""
    shape = [steps, labels] if batch is None else [steps, batch, labels]
    blank = options.get("blank", 0)
    sizes = [sum(targets)] if flat else [len(targets), max(targets)]
    if batch is None:
        sizes = [targets[0]]
    # Any label but the blank.
    labels = integers(0, labels - 1, *sizes)
    labels = (labels + (labels >= blank)).to(index)
    lengths, targets = torch.tensor(lengths, dtype=index), torch.tensor(targets, dtype=index)
    given = "".join(f", {k}={v!r}" for k, v in options.items())
    code = f"F.ctc_loss(x.log_softmax(-1), labels, lengths, targets{given})"
    return Op("ctc_loss", code, dtype=str(dtype).split(".")[1], x=randn(*shape, dtype=dtype), labels=labels,
              lengths=lengths, targets=targets)


CASES = [
    adaptive([3, 7], 8),
    adaptive([2], 6, head_bias=True),
    adaptive([1, 4, 9], 10, div_value=2.0),
    adaptive([4, 8], 7, dtype="float64", head_bias=True, div_value=1.5),
    adaptive([5], None),
    adaptive([3, 7], 5, code="m.log_prob(x)"),
    adaptive([2, 6], 12, code="m.predict(x)"),
    adaptive([11], 12, code="m.predict(x)"),

    ctc(7, 3, 5, [7, 5, 6], [3, 2, 3]),
    ctc(7, 3, 5, [7, 5, 6], [3, 2, 3], dtype=F64, reduction="none"),
    ctc(6, 3, 4, [6, 6, 4], [2, 0, 3], flat=True, reduction="sum"),
    ctc(6, 3, 4, [6, 6, 4], [2, 1, 3], flat=True, dtype=F64, reduction="mean", blank=3),
    ctc(5, 2, 4, [5, 2], [2, 3], reduction="none", zero_infinity=True),
    ctc(5, 2, 4, [5, 2], [2, 3], dtype=F64, reduction="mean", zero_infinity=True, blank=2),
    ctc(8, None, 4, [8], [3], reduction="none"),
    ctc(8, None, 4, [8], [2], dtype=F64),
    ctc(9, 2, 6, [9, 7], [4, 2], index=torch.int32, reduction="sum"),
    ctc(9, 2, 6, [9, 7], [4, 2], index=torch.int32, flat=True, dtype=F64, blank=5),
    Op("ctc_loss", "F.ctc_loss(x.log_softmax(2), labels, (5, 4), (2, 1))", x=randn(5, 2, 4), labels=integers(1, 4, 2, 3)),
    Module("CTCLoss", {"blank": 1, "reduction": "sum"}, code="m(x.log_softmax(2), labels, lengths, targets)",
           x=randn(6, 2, 3), labels=integers(0, 1, 2, 2) * 2, lengths=torch.tensor([6, 5]), targets=torch.tensor([2, 1])),

    *[Op("triplet_with_distance",
         f"F.triplet_margin_with_distance_loss(a, p, n, distance_function={distance}, {rest})",
         dtype=dtype, a=randn(5, 4, dtype=t), p=randn(5, 4, dtype=t), n=randn(5, 4, dtype=t))
      for distance, rest, dtype, t in [
          ("None", "margin=2.0", "float32", F32),
          ("lambda x, y: (x - y).abs().sum(1)", "margin=1.5, swap=True, reduction='sum'", "float32", F32),
          ("lambda x, y: 1 - F.cosine_similarity(x, y)", "reduction='none'", "float32", F32),
          ("lambda x, y: (x - y).pow(2).sum(-1)", "margin=0.5, swap=True", "float64", F64),
      ]],
    Module("TripletMarginWithDistanceLoss", {"margin": 3.0, "swap": True}, code="m(x, p, n)",
           x=randn(4, 3), p=randn(4, 3), n=randn(4, 3)),
    *[Module("TripletMarginLoss", kwargs, code="m(x, p, n)", x=randn(4, 3), p=randn(4, 3), n=randn(4, 3))
      for kwargs in [{"p": 1.0, "swap": True}, {"p": 3.0, "margin": 0.5, "reduction": "none"}, {"eps": 0.5, "reduction": "sum"}]],

    Module("LinearCrossEntropyLoss", {"in_features": 5, "num_classes": 4}, x=randn(6, 5), target=integers(0, 4, 6)),
    Module("LinearCrossEntropyLoss", {"in_features": 5, "num_classes": 4, "bias": True, "label_smoothing": 0.2,
                                      "weight": torch.tensor([1.0, 2.0, 0.5, 1.5])}, x=randn(5), target=integers(0, 4)),
    Module("LinearCrossEntropyLoss", {"in_features": 3, "num_classes": 4, "out_features": [2, 3], "bias": True,
                                      "ignore_index": 1, "reduction": "none"}, x=randn(5, 3), target=integers(0, 4, 5, 2, 3)),
    Module("LinearCrossEntropyLoss", {"in_features": 3, "num_classes": 4, "out_features": [2], "reduction": "sum"},
           dtype="float64", x=randn(5, 3, dtype=F64), target=rand(5, 4, 2, dtype=F64)),
    Op("linear_cross_entropy", "F.linear_cross_entropy(x, w, target, linear_bias=b, reduction='sum', ignore_index=2)",
       x=randn(6, 3), w=randn(4, 3), target=integers(0, 4, 6), b=randn(4)),

    Module("BCEWithLogitsLoss", {"weight": torch.tensor([[0.5], [2.0]]), "pos_weight": torch.tensor([3.0, 1.0, 0.5])},
           x=randn(2, 3), target=rand(2, 3)),
    Module("BCELoss", {"weight": torch.tensor([0.5, 2.0, 1.0]), "reduction": "none"},
           x=rand(2, 3), target=rand(2, 3)),
    Module("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": torch.tensor([1.0, 2.0, 0.5]), "reduction": "none"},
           x=randn(4, 3), target=integers(0, 3, 4)),
    Module("MultiMarginLoss", {"p": 2}, dtype="float64", x=randn(3, dtype=F64), target=integers(0, 3)),
    Module("MultiLabelMarginLoss", {"reduction": "none"}, x=randn(3), target=torch.tensor([1, -1, 0])),
    Module("MultiLabelSoftMarginLoss", {"weight": torch.tensor([1.0, 2.0, 0.5]), "reduction": "none"},
           x=randn(4, 3), target=integers(0, 2, 4, 3).float()),
    Module("HingeEmbeddingLoss", {"margin": 0.3, "reduction": "sum"}, x=randn(3, 4), target=signs(3, 4)),
    Module("SoftMarginLoss", {}, dtype="float64", x=randn(3, 4, dtype=F64), target=signs(3, 4).double()),
    Module("CosineEmbeddingLoss", {"margin": 0.1, "reduction": "none"}, code="m(x, y, target)",
           x=randn(6, 3), y=randn(6, 3), target=signs(6)),
    Module("MarginRankingLoss", {"margin": 0.5, "reduction": "none"}, code="m(x, y, target)",
           x=randn(6), y=randn(6), target=signs(6)),
    Module("PoissonNLLLoss", {"log_input": False, "full": True, "eps": 1e-3}, x=rand(3, 4), target=integers(0, 7, 3, 4).float()),
    Module("GaussianNLLLoss", {"full": True, "eps": 0.2, "reduction": "none"}, code="m(x, y, var)",
           x=randn(3, 4), y=randn(3, 4), var=rand(3)),
    Module("GaussianNLLLoss", {"reduction": "sum"}, code="m(x, y, 0.7)", x=randn(3, 4), y=randn(3, 4)),
    Module("KLDivLoss", {"reduction": "batchmean", "log_target": True}, x=randn(3, 4), target=randn(3, 4)),
    Module("HuberLoss", {"delta": 0.4}, x=randn(3, 4), target=randn(3, 4)),
    Module("SmoothL1Loss", {"beta": 0.3, "reduction": "sum"}, x=randn(3, 4), target=randn(3, 4)),
    Module("NLLLoss2d", {"weight": torch.tensor([1.0, 2.0, 0.5]), "ignore_index": 0}, x=randn(2, 3, 2, 2),
           target=integers(0, 3, 2, 2, 2)),
    Op("l1_loss", "F.l1_loss(x, y, weight=w)", x=randn(3, 4), y=randn(3, 4), w=rand(3, 4)),
    Op("mse_loss", "F.mse_loss(x, y, weight=w)", x=randn(3, 4), y=randn(3, 4), w=rand(3, 4)),
    Op("huber_loss", "F.huber_loss(x, y, delta=0.5, weight=w)", x=randn(3, 4), y=randn(3, 4), w=rand(3, 4)),
    Op("nll_loss", "F.nll_loss(x.log_softmax(1), target)", x=randn(2, 3, 2, 1, 2), target=integers(0, 3, 2, 2, 1, 2)),
]
