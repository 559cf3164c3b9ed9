"""Norms with running statistics and other dtypes of parameters, embeddings and their bags, bilinear maps, distances,
attention."""
import torch

from .rows import Module, Op, integers, rand, randn

F64 = "float64"


def double(*shape):
    return randn(*shape, dtype=torch.float64)


def ids(*shape, dtype=torch.int64):
    """Numbers of rows of a table of seven; some come twice."""
    return integers(0, 7, *shape, dtype=dtype)


def offsets(*values):
    return torch.tensor(values)


TABLE = {"num_embeddings": 7, "embedding_dim": 3}
AFTER = "y = m(x)\n(y, m.weight.data * 1)"

EMBEDDINGS = [
    Module("Embedding", TABLE, x=ids(2, 5)),
    Module("Embedding", TABLE | {"padding_idx": 2}, x=ids(12, dtype=torch.int32)),
    Module("Embedding", TABLE | {"padding_idx": -7, "scale_grad_by_freq": True}, x=ids(3, 4)),
    Module("Embedding", TABLE | {"scale_grad_by_freq": True}, dtype=F64, x=ids(20)),
    Module("Embedding", TABLE | {"max_norm": 1.0}, AFTER, x=ids(2, 3)),
    Module("Embedding", TABLE | {"max_norm": 0.5, "norm_type": 1.0}, AFTER, x=ids(4)),
    Module("Embedding", TABLE | {"max_norm": 1.5, "norm_type": 3.0, "padding_idx": 1}, AFTER, dtype=F64, x=ids(9)),
    Module("Embedding", TABLE, x=torch.tensor(3)),
    Module("Embedding", TABLE, x=ids(0, 2)),
    Op("pretrained", "nn.Embedding.from_pretrained(w)(x)", w=randn(7, 3).detach(), x=ids(4)),
    Op("pretrained_padding", "nn.Embedding.from_pretrained(w, padding_idx=0)(x)", w=randn(7, 3).detach(), x=ids(6)),
    Op("embedding", "F.embedding(x, w, padding_idx=-1, scale_grad_by_freq=True)", w=randn(7, 2), x=ids(3, 5)),
    Op("embedding", "F.embedding(x, w, max_norm=0.7, norm_type=math.inf)", w=randn(7, 2), x=ids(5)),
    Op("embedding", "F.embedding(x, w, 3, 1.0, 2.0, True)", dtype=F64, w=double(7, 2), x=ids(11)),
    Op("embedding", "F.embedding(x, w)", w=ids(7, 3), x=ids(2, 2)),
    Op("embedding", "F.embedding(x, w.t())", w=randn(3, 7), x=ids(4, 2).t()),
]

BAG = "m(x, o)"
WEIGHED = "m(x, o, w)"
BAGS = [
    Module("EmbeddingBag", TABLE, x=ids(4, 3)),
    Module("EmbeddingBag", TABLE, BAG, x=ids(9), o=offsets(0, 4, 4)),
    Module("EmbeddingBag", TABLE | {"mode": "sum"}, BAG, dtype=F64, x=ids(9), o=offsets(0, 2, 5)),
    Module("EmbeddingBag", TABLE | {"mode": "sum"}, WEIGHED, x=ids(9), o=offsets(0, 2, 5), w=randn(9)),
    Module("EmbeddingBag", TABLE | {"mode": "sum", "padding_idx": 3}, "m(x, None, w)", x=ids(3, 6), w=randn(3, 6)),
    Module("EmbeddingBag", TABLE | {"mode": "max"}, BAG, x=ids(9), o=offsets(0, 3, 3, 7)),
    Module("EmbeddingBag", TABLE | {"mode": "max", "padding_idx": -2}, dtype=F64, x=ids(5, 4)),
    Module("EmbeddingBag", TABLE | {"padding_idx": 1}, BAG, x=ids(20), o=offsets(0, 1, 8)),
    Module("EmbeddingBag", TABLE | {"include_last_offset": True}, BAG, x=ids(8), o=offsets(0, 3, 8)),
    Module("EmbeddingBag", TABLE | {"include_last_offset": True, "mode": "sum"}, BAG, x=ids(8), o=offsets(0, 8, 8)),
    Module("EmbeddingBag", TABLE | {"scale_grad_by_freq": True}, x=ids(4, 5)),
    Module("EmbeddingBag", TABLE | {"scale_grad_by_freq": True, "mode": "sum"}, BAG, x=ids(12), o=offsets(0, 5)),
    Module("EmbeddingBag", TABLE | {"max_norm": 1.0, "mode": "sum"}, AFTER, x=ids(3, 2)),
    Module("EmbeddingBag", TABLE | {"max_norm": 0.5, "norm_type": 1.0, "mode": "max"}, AFTER, x=ids(3, 2)),
    Module("EmbeddingBag", TABLE, mode="eval", x=ids(2, 3, dtype=torch.int32)),
    Op("pretrained_bag", "nn.EmbeddingBag.from_pretrained(w, mode='sum')(x)", w=randn(7, 3).detach(), x=ids(2, 2)),
    Op("embedding_bag", "F.embedding_bag(x, w)", w=randn(7, 3), x=ids(0, 4)),
    Op("embedding_bag", "F.embedding_bag(x, w, o, mode='max')", w=randn(7, 3), x=ids(0), o=offsets(0, 0)),
    Op("embedding_bag", "F.embedding_bag(x, w, o, padding_idx=-7)", w=randn(7, 3), x=ids(6), o=offsets(0, 2).int()),
    Op(
        "embedding_bag", "F.embedding_bag(x, w, o, mode='sum', per_sample_weights=p, padding_idx=4)", dtype=F64,
        w=double(7, 3), x=ids(9), o=offsets(0, 2, 2), p=double(9),
    ),
    Op("embedding_bag", "F.embedding_bag(x, w, max_norm=0.4, mode='mean')", w=randn(7, 3), x=ids(3, 3)),
]

STATS = {"track_running_stats": True}
AFFINE = {"affine": True}
INSTANCES = [
    Module("InstanceNorm1d", {"num_features": 3} | STATS, x=randn(2, 3, 5)),
    Module("InstanceNorm1d", {"num_features": 3, "momentum": 0.3} | STATS | AFFINE, x=randn(3, 5)),
    Module("InstanceNorm1d", {"num_features": 3} | STATS | AFFINE, mode="eval", x=randn(2, 3, 5)),
    Module("InstanceNorm1d", {"num_features": 3, "momentum": None} | STATS, "m(x) + m(x)", x=randn(2, 3, 5)),
    Module("InstanceNorm2d", {"num_features": 2, "eps": 0.1} | STATS | AFFINE, "m(m(x))", x=randn(3, 2, 3, 2)),
    Module("InstanceNorm2d", {"num_features": 2} | STATS, mode="eval", dtype=F64, x=double(2, 3, 2)),
    Module("InstanceNorm2d", {"num_features": 2, "bias": False} | AFFINE, mode="eval", x=randn(2, 2, 3, 3)),
    Module("InstanceNorm2d", {"num_features": 5}, x=randn(2, 3, 2, 2)),
    Module("InstanceNorm3d", {"num_features": 2} | STATS | AFFINE, dtype=F64, x=double(2, 2, 2, 1, 3)),
    Module("InstanceNorm3d", {"num_features": 2} | AFFINE, x=randn(2, 2, 3, 1)),
    Op(
        "instance_norm", "F.instance_norm(x.transpose(1, 2), weight=w, bias=b)",
        x=randn(2, 4, 3), w=randn(3), b=randn(3),
    ),
    Op(
        "instance_norm", "y = F.instance_norm(x, mean, var, momentum=0.2)\n(y, mean, var)",
        x=randn(4, 2, 3), mean=randn(2).detach(), var=rand(2).detach(),
    ),
    Op(
        "instance_norm", "F.instance_norm(x, mean, var, w, use_input_stats=False)",
        x=randn(2, 2), mean=randn(2).detach(), var=rand(2).detach(), w=randn(2),
    ),
    Op("instance_norm", "F.instance_norm(x)", x=randn(0, 2, 3)),
]

NORMS = [
    Module("LayerNorm", {"normalized_shape": (3, 4), "bias": False}, x=randn(2, 3, 4)),
    Module("LayerNorm", {"normalized_shape": 4, "eps": 0.1}, dtype=F64, x=double(0, 4)),
    Module("LayerNorm", {"normalized_shape": 70}, x=randn(40, 70)),
    Module("LayerNorm", {"normalized_shape": 1}, x=randn(3, 1)),
    Op("layer_norm", "F.layer_norm(x.t(), (3,), w, b)", x=randn(3, 5), w=randn(3), b=randn(3)),
    Op("layer_norm", "F.layer_norm(x.half(), (5,), w).float()", x=randn(3, 5), w=randn(5).detach()),
    Op(
        "layer_norm", "F.layer_norm(x.to(torch.bfloat16), (5,), w.to(torch.bfloat16)).float()",
        x=randn(3, 5).detach(), w=randn(5).detach(),
    ),
    Module("GroupNorm", {"num_groups": 2, "num_channels": 6, "bias": False}, x=randn(2, 6)),
    Module("GroupNorm", {"num_groups": 2, "num_channels": 4}, dtype=F64, x=double(3, 4, 2, 3)),
    Module("GroupNorm", {"num_groups": 2, "num_channels": 4}, x=randn(0, 4, 3)),
    Op("group_norm", "F.group_norm(x.transpose(0, 1), 2, w)", x=randn(4, 3, 5), w=randn(4)),
    Op(
        "group_norm", "F.group_norm(x.half(), 2, w, b).float()",
        x=randn(3, 4, 5), w=randn(4).detach(), b=randn(4).detach(),
    ),
    Module("RMSNorm", {"normalized_shape": (3, 4)}, x=randn(2, 3, 4)),
    Module("RMSNorm", {"normalized_shape": 5, "elementwise_affine": False}, dtype=F64, x=double(2, 5)),
    Module("RMSNorm", {"normalized_shape": 90, "eps": 0.01}, x=randn(30, 90)),
    Module("RMSNorm", {"normalized_shape": 4}, x=randn(0, 4)),
    Op("rms_norm", "F.rms_norm(x.t() * 1e-4, (3,), w)", x=randn(3, 5), w=randn(3)),
    Op("rms_norm", "F.rms_norm(x.half() * 1e-3, (5,), w.half()).float()", x=randn(3, 5), w=randn(5)),
    Op("rms_norm", "F.rms_norm(x, (5,), w)", x=randn(3, 5), w=double(5)),
    Module("LocalResponseNorm", {"size": 5, "alpha": 1.0, "beta": 2, "k": 1}, x=randn(2, 3, 4)),
    Module("LocalResponseNorm", {"size": 2}, dtype=F64, x=double(2, 3, 2, 2)),
    Module("LocalResponseNorm", {"size": 3, "alpha": 0.5}, x=randn(2, 4, 2, 1, 2)),
    Module("LocalResponseNorm", {"size": 9, "alpha": 0.5}, x=randn(1, 2, 3)),
    Op("normalize", "F.normalize(x, dim=(0, 2))", x=randn(2, 3, 2)),
    Op("normalize", "F.normalize(x, p=3.0, dim=-1, eps=2.0)", x=randn(2, 3, 2)),
]

PAIRS = [
    Module("Bilinear", {"in1_features": 3, "in2_features": 2, "out_features": 4}, x=randn(2, 5, 3), y=randn(2, 5, 2)),
    Module("Bilinear", {"in1_features": 3, "in2_features": 2, "out_features": 1}, dtype=F64, x=double(3), y=double(2)),
    Module(
        "Bilinear", {"in1_features": 1, "in2_features": 5, "out_features": 3, "bias": False},
        x=randn(4, 1), y=randn(4, 5),
    ),
    Module("Bilinear", {"in1_features": 3, "in2_features": 2, "out_features": 4}, x=randn(0, 3), y=randn(0, 2)),
    Op("bilinear", "F.bilinear(x.t(), y, w.transpose(1, 2))", x=randn(3, 4), y=randn(4, 2), w=randn(5, 2, 3)),
    Module("CosineSimilarity", {}, x=randn(4, 3), y=randn(4, 3)),
    Module("CosineSimilarity", {"dim": 0, "eps": 3.0}, x=randn(4, 3), y=randn(4, 3)),
    Module("CosineSimilarity", {"dim": -1}, dtype=F64, x=double(2, 3, 4), y=double(3, 4)),
    Module("CosineSimilarity", {"dim": 2}, x=randn(2, 1, 3), y=randn(1, 4, 3)),
    Module("PairwiseDistance", {}, x=randn(4, 3), y=randn(4, 3)),
    Module("PairwiseDistance", {"p": 1.0, "keepdim": True}, x=randn(4, 3), y=randn(3)),
    Module("PairwiseDistance", {"p": 3, "eps": 0.1}, dtype=F64, x=double(2, 4, 3), y=double(4, 3)),
    Module("PairwiseDistance", {"p": 0.5}, x=randn(3), y=randn(3)),
    Op("pairwise_distance", "F.pairwise_distance(x, y, p=math.inf)", x=randn(4, 3), y=randn(1, 3)),
    Op("pairwise_distance", "F.pairwise_distance(x, y, p=0.0, keepdim=True)", x=randn(4, 3), y=randn(4, 3)),
    Op("pairwise_distance", "F.pairwise_distance(x, y, 2.0, 0.5)", x=ids(4, 3), y=ids(4, 3)),
    Op("pairwise_distance", "F.pairwise_distance(x, y)", x=randn(2, 0), y=randn(2, 0)),
    Module("Unflatten", {"dim": 1, "unflattened_size": (2, 3)}, x=randn(4, 6)),
    Module("Unflatten", {"dim": -1, "unflattened_size": (2, -1, 1)}, x=randn(4, 6)),
    Module("Unflatten", {"dim": 0, "unflattened_size": (4,)}, dtype=F64, x=double(4, 2)),
    Module("Unflatten", {"dim": 1, "unflattened_size": [0, 5]}, x=randn(4, 0)),
]


def heads(*shape):
    return randn(2, *shape)


ATTENTION = "F.scaled_dot_product_attention"
ATTENTIONS = [
    Op("attention", f"{ATTENTION}(q, k, v, dropout_p=0.5)", q=heads(4, 3), k=heads(5, 3), v=heads(5, 2)),
    Op("attention", f"{ATTENTION}(q, k, v, m, 0.3)", q=heads(4, 3), k=heads(5, 3), v=heads(5, 2), m=randn(4, 5)),
    Op(
        "attention", f"{ATTENTION}(q, k, v, dropout_p=0.2, is_causal=True)",
        q=heads(4, 3), k=heads(4, 3), v=heads(4, 3),
    ),
    Op(
        "attention", f"{ATTENTION}(q, k, v, attn_mask=m > 0)",
        q=heads(4, 3), k=heads(5, 3), v=heads(5, 2), m=randn(2, 4, 5).detach(),
    ),
    Op("attention", f"{ATTENTION}(q, k, v, scale=-0.7)", q=heads(4, 3), k=heads(5, 3), v=heads(5, 2)),
    Op("attention", f"{ATTENTION}(q, k, v, enable_gqa=True)", q=heads(4, 3, 2), k=heads(2, 5, 2), v=heads(2, 5, 2)),
    Op(
        "attention", f"{ATTENTION}(q, k, v, enable_gqa=True, dropout_p=0.4, attn_mask=m)", dtype=F64,
        q=double(2, 6, 3, 2), k=double(2, 3, 4, 2), v=double(2, 2, 4, 2), m=double(6, 3, 4),
    ),
    Op(
        "attention", f"{ATTENTION}(q, k, v, m)", dtype=F64,
        q=double(4, 3), k=double(5, 3), v=double(5, 2), m=randn(4, 5).detach(),
    ),
]

CASES = EMBEDDINGS + BAGS + INSTANCES + NORMS + PAIRS + ATTENTIONS
