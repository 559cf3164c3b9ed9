"""Half floats in layers and operations whose kernels compute in f32. Each case's dtype is that of its tolerance."""
import torch

from .rows import Op, generator

HALVES = (torch.float16, torch.bfloat16)


def tensors(dtype):
    def normal(*shape):
        return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()

    rand = lambda *shape: torch.rand(*shape, generator=generator).to(dtype)
    plane, row, cube = normal(1, 2, 6, 6), normal(1, 2, 6), normal(1, 1, 4, 4, 4)
    v, w = normal(3, 4), normal(3, 4)
    yield from [(f"F.fractional_max_pool{d}d(x, 2, output_size=2, _random_samples=s)", {"x": x, "s": rand(1, x.shape[1], d)})
                for d, x in ((2, plane), (3, cube))]
    yield from [(f"y, i = F.max_pool{d}d(x.detach(), 2, return_indices=True)\nF.max_unpool{d}d(F.max_pool{d}d(x, 2), i, 2)", {"x": x})
                for d, x in ((1, row), (2, plane), (3, cube))]
    yield from [(f"F.adaptive_max_pool{d}d(x, 2)", {"x": x}) for d, x in ((1, row), (2, plane), (3, cube))]
    yield from [(f"F.lp_pool{d}d(x, {p}, 2)", {"x": x}) for d, x, p in ((1, row, 1), (2, plane, 2))]
    yield "torch.cdist(x, y, 2.0, 'use_mm_for_euclid_dist')", {"x": v, "y": w}
    yield from [(f"torch.dist(x, y, {p})", {"x": v, "y": w}) for p in ("1", "2", "3", "math.inf")]
    yield from [(f"F.pairwise_distance(x, y, {p})", {"x": v, "y": w}) for p in ("1.0", "2.0", "3.0, keepdim=True")]
    yield "F.cosine_similarity(x, y)", {"x": v, "y": w}
    yield from [(f"F.local_response_norm(x, {n})", {"x": x}) for n, x in ((3, row), (2, row))]
    yield from [(f"F.{f}(x, {o})", {"x": v}) for f in ("softmax", "log_softmax", "softmin")
                for o in ("0", "1", "1, dtype=torch.float32", "dim=0, dtype=torch.float64")]
    yield from [(f"F.{f}(x.float(), 1, dtype=torch.{str(dtype)[6:]})", {"x": v}) for f in ("softmax", "log_softmax")]
    yield from [(f"{f}.{g}(x, 0, dtype=torch.{str(dtype)[6:]})", {"x": torch.arange(4)}) for f in ("F", "torch") for g in ("softmax", "log_softmax")]
    yield from [(f"x.{g}(1, dtype=torch.float64)", {"x": v}) for g in ("softmax", "log_softmax")]
    yield from [(f"F.normalize(x{o})", {"x": v}) for o in ("", ", p=1.0", ", p=3.0, dim=0", ", p=math.inf")]
    yield from [(code, {"x": v}) for code in ("x.norm(3)", "x.norm(0)", "x.logsumexp(1)", "x.std(1)", "x.prod()", "x.cumprod(0)", "x.nansum()", "x.nanmean(1)",
                                               "x.cov()", "x.median()", "F.glu(x)", "x.var(0)", "torch.var_mean(x, 1)", "x.mode()", "x.kthvalue(2)",
                                               "x.cummax(0)", "x.lgamma()", "x.erfinv()", "F.rms_norm(x, (4,))", "F.layer_norm(x, (4,))", "x.aminmax()",
                                               "F.embedding_bag(torch.tensor([[0, 1]]), x, mode='max')", "F.embedding_bag(torch.tensor([[0, 1]]), x)")]
    yield from [(code, {"x": plane}) for code in ("F.instance_norm(x)", "F.group_norm(x, 2)", "F.unfold(x, 2)", "F.fold(F.unfold(x, 2), 6, 2)", "F.pixel_unshuffle(x, 2)",
                                                   "F.interpolate(x, scale_factor=2.0, mode='bilinear')", "F.avg_pool2d(x, 2)", "F.adaptive_avg_pool2d(x, 4)", "nn.Softmax2d()(x)")]
    yield "F.bilinear(x, y, w)", {"x": v, "y": w, "w": normal(2, 4, 4)}
    yield "F.triplet_margin_loss(x, y, z)", {"x": v, "y": w, "z": normal(3, 4)}
    yield "F.scaled_dot_product_attention(x, y, z)", {"x": v, "y": w, "z": normal(3, 4)}


CASES = [Op(code.split("\n")[-1].split("(")[0], code, **inputs) for dtype in HALVES for code, inputs in tensors(dtype)]
