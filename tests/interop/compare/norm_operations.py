"""Cases of norms, embeddings and their bags, bilinear maps, distances, and of the layers that they are."""
import math

from .draw import BATCHES, CHANNELS, FEATURES, SEQUENCES
from .registry import operation


def parameters(d, sizes):
    """A weight and a bias, of which some are absent."""
    kind = d.int(0, 3)
    wrong = [s + 1 for s in sizes] if d.wrong else sizes
    weight = d.tensor(wrong, name="w", layout=False) if kind & 1 else "None"
    return weight, d.tensor(sizes, name="b", layout=False) if kind & 2 else "None"


def channels(d, multiple=1):
    """A batch of channels with nought to three dimensions of positions."""
    c = max(1, d.one(CHANNELS) // multiple) * multiple
    positions = [d.one([1, 2, 3, 7, 14, 28, 31, 56]) for _ in range(d.one([0, 1, 2, 2, 2, 3]))]
    sizes = d.fit([d.one(BATCHES), *positions])
    while math.prod(sizes) * c > d.budget and c > multiple:
        c = max(1, c // multiple // 2) * multiple
    return [0 if d.empty else sizes[0], c, *sizes[1:]]


@operation("F.rms_norm", "nn.RMSNorm", "nn.LayerNorm", weight=2)
def rows(d, name):
    d.float_dtype(0.04)
    shape = d.fit([*d.shape(0, 3), d.one(FEATURES)])
    normalized = shape[d.int(0, len(shape) - 1):]
    x = d.tensor(shape)
    if name == "F.rms_norm":
        weight, _ = parameters(d, normalized)
        d.case.code = f"F.rms_norm({x}, {normalized}, {weight}{d.one(['', ', 1e-6', ', eps=0.01'])})"
        return
    given = {"normalized_shape": normalized, "elementwise_affine": d.chance(0.8)}
    if name == "nn.LayerNorm":
        given["bias"] = d.chance(0.7)
    d.case.module = (name.removeprefix("nn."), given)
    d.case.code = f"m({x})"


@operation("F.group_norm", "nn.GroupNorm", weight=2)
def groups(d, name):
    d.float_dtype(0.04)
    # PyTorch's formula of the gradient makes other infinities nan.
    d.special = False
    groups = d.one([1, 1, 2, 3, 4, 8, 32])
    sizes = channels(d, groups)
    groups = d.one([groups, sizes[1]]) + (1 if d.wrong else 0)
    x = d.tensor(sizes)
    if name == "F.group_norm":
        weight, bias = parameters(d, sizes[1:2])
        d.case.code = f"F.group_norm({x}, {groups}, {weight}, {bias}{d.one(['', ', 1e-3'])})"
        return
    d.case.module = ("GroupNorm", {"num_groups": groups, "num_channels": sizes[1], "affine": d.chance(0.8)})
    d.case.code = f"m({x})"


@operation("F.instance_norm", "nn.InstanceNorm1d", "nn.InstanceNorm2d", "nn.InstanceNorm3d", weight=1.5)
def instances(d, name):
    d.float_dtype(0.02)
    sizes = channels(d)
    if name == "F.instance_norm":
        weight, bias = parameters(d, sizes[1:2])
        x = d.tensor(sizes)
        d.case.code = f"F.instance_norm({x}, weight={weight}, bias={bias}{d.one(['', ', eps=1e-3'])})"
        return
    dims = int(name[-2])
    sizes = d.fit([*sizes[:2], *(d.int(1, 9) for _ in range(dims))])
    given = {"num_features": sizes[1] + (1 if d.wrong else 0), "affine": d.chance(0.5)}
    # PyTorch looks for the first weight of no sample.
    given["affine"] = given["affine"] and not d.empty
    given["track_running_stats"] = d.chance(0.4) and not d.empty
    d.case.module = (name.removeprefix("nn."), given)
    d.case.training = d.chance(0.7)
    d.case.code = f"m({d.tensor(sizes if d.chance(0.8) else sizes[1:])})"


@operation("F.local_response_norm", "nn.LocalResponseNorm")
def responses(d, name):
    d.float_dtype(0)
    sizes = channels(d)
    size, alpha = d.int(1, 7), d.one([1e-4, 0.1, 1.0])
    beta, k = d.one([0.75, 0.5, 1.0]), d.one([1.0, 2.0])
    # PyTorch's views want dense memory.
    x = d.tensor(sizes, layout=False)
    if name == "F.local_response_norm":
        d.case.code = f"F.local_response_norm({x}, {size}, {alpha}, {beta}, {k})"
        return
    d.case.module = ("LocalResponseNorm", {"size": size, "alpha": alpha, "beta": beta, "k": k})
    d.case.code = f"m({x})"


def table(d):
    """Rows and width of a table, and how many numbers of rows a case has."""
    count, width = d.fit([d.one([1, 3, 10, 100, 1000, 5000]), d.one([1, 4, 16, 64, 128, 300])], max(50, d.budget))
    return count, width, max(1, min(4000, d.budget // width))


@operation("nn.Embedding", "F.embedding_bag", "nn.EmbeddingBag", weight=2)
def tables(d, name):
    d.float_dtype(0.04)
    count, width, most = table(d)
    padding = d.int(-count, count - 1) if d.chance(0.3) else None
    if name == "nn.Embedding":
        shape = d.fit(d.shape(0, 3), most)
        given = {"num_embeddings": count, "embedding_dim": width, "padding_idx": padding}
        given |= {"scale_grad_by_freq": d.chance(0.3)} | ({"max_norm": 1.0} if d.chance(0.2) else {})
        d.case.module = ("Embedding", given)
        d.case.code = f"m({d.indices(shape, count + (1 if d.wrong else 0))})"
        return
    mode = d.one(["mean", "mean", "sum", "max"])
    frequency = mode != "max" and d.chance(0.3)
    if d.chance(0.4):
        shape = d.fit([d.int(1, 9), d.int(1, 12)], most)
        offsets = "None"
    else:
        shape = [0 if d.empty else d.int(1, min(300, most))]
        cuts = sorted(d.int(0, shape[0]) for _ in range(d.int(0, 8)))
        offsets = f"torch.tensor({[0, *cuts]})"
    ids = d.indices(shape, count)
    weights = d.tensor(shape, name="p", layout=False) if mode == "sum" and d.chance(0.4) else "None"
    if name == "nn.EmbeddingBag":
        given = {"num_embeddings": count, "embedding_dim": width, "mode": mode, "padding_idx": padding}
        d.case.module = ("EmbeddingBag", given | {"scale_grad_by_freq": frequency})
        d.case.code = f"m({ids}, {offsets}, {weights})"
        return
    options = f"mode='{mode}', padding_idx={padding}, scale_grad_by_freq={frequency}"
    w = d.tensor([count, width], name="w", grad=0.95)
    d.case.code = f"F.embedding_bag({ids}, {w}, {offsets}, {options}, per_sample_weights={weights})"


@operation("F.bilinear", "nn.Bilinear", weight=1.5)
def bilinear(d, name):
    d.float_dtype(0)
    a, b, out = d.int(1, 40), d.int(1, 40), d.int(1, 30)
    lead = d.fit(d.shape(0, 2), max(1, d.budget // (a * b)))
    x, y = d.tensor([*lead, a]), d.tensor([*lead, b + (1 if d.wrong else 0)])
    if name == "F.bilinear":
        bias = d.tensor([out], name="b") if d.chance(0.5) else "None"
        d.case.code = f"F.bilinear({x}, {y}, {d.tensor([out, a, b], name='w')}, {bias})"
        return
    d.case.module = ("Bilinear", {"in1_features": a, "in2_features": b, "out_features": out, "bias": d.chance(0.7)})
    d.case.code = f"m({x}, {y})"


@operation("F.pairwise_distance", "nn.PairwiseDistance", "nn.CosineSimilarity", weight=1.5)
def distances(d, name):
    d.float_dtype(0.02)
    shape = d.fit([*d.shape(1, 3), d.one(SEQUENCES)])
    x, y = d.tensor(shape), d.tensor(d.broadcast(shape) if d.chance(0.2) else shape)
    p, keepdim = d.one([2.0, 2.0, 1.0, 3.0, 0.5]), d.chance(0.3)
    if name == "F.pairwise_distance":
        d.case.code = f"F.pairwise_distance({x}, {y}, p={d.one([p, 'math.inf'])}, keepdim={keepdim})"
        return
    given = {"dim": d.int(0, len(shape) - 1)} if name == "nn.CosineSimilarity" else {"p": p, "keepdim": keepdim}
    d.case.module = (name.removeprefix("nn."), given)
    d.case.code = f"m({x}, {y})"


@operation("nn.Unflatten", weight=0.5)
def unflatten(d, name):
    shape = d.fit([d.int(1, 9), d.int(1, 6) * d.int(1, 6), d.int(1, 9)])
    sizes = d.one([[shape[1]], [1, shape[1], 1], [shape[1], -1]] + [[n, -1] for n in (2, 3) if shape[1] % n == 0])
    d.case.module = ("Unflatten", {"dim": d.one([1, -2]), "unflattened_size": sizes})
    d.case.code = f"m({d.tensor(shape)})"
