"""Values that are not finite, zeros among factors, and options at the edge of what PyTorch's databases sample."""
import torch

from .rows import Op, randn

INF, NAN = float("inf"), float("nan")


def tensor(*values, dtype=torch.float32):
    return torch.tensor(values, dtype=dtype).requires_grad_()


ROWS = [[1.0, NAN, 2.0], [NAN, 4.0, NAN], [INF, 1.0, NAN]]
FACTORS = [
    [1.0, 2.0, 0.0, 3.0, 0.0, 4.0], [0.0, INF, 2.0, 1.0, 1.0, 1.0], [NAN, 0.0, 2.0, 1.0, 3.0, 0.0], [1.0, 0.0, NAN, 2.0, 1.0, 1.0],
    [2.0, INF, 0.0, 0.0, NAN, 2.0], [1.0, 0.0, 2.0, INF, 1.0, 3.0], [2.0, 3.0, 0.0, 0.0, INF, NAN], [-0.0, 2.0, 3.0, 1.0, 0.5, 2.0],
    [1e30, 1e30, 1e-30, 1.0, 0.0, 1e-30], [0.0, 0.0, 0.0, INF, NAN, 1.0],
]
ZEROS = torch.tensor([0, 0, 1, 1])

CASES = [
    *[Op("nansum", f"x.{f}({o})", x=tensor(*ROWS)) for f in ("nansum", "nanmean") for o in ("", "dim=1", "dim=(0, 1), keepdim=True")],
    Op("nansum", "x.nansum()", x=tensor([NAN, NAN])),
    *[Op("cumprod", "x.cumprod(0)", x=tensor(*row)) for row in FACTORS],
    Op("cumprod", "x.cumprod(1)", x=tensor(*FACTORS[:2], *FACTORS[6:8])),
    Op("cumprod", "x.cumprod(0)", x=tensor(*FACTORS[0], dtype=torch.float64), dtype="float64"),
    *[Op("cdist", f"torch.cdist(x, y, {p})", x=tensor([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1.0, 5.0, 5.0]), y=tensor([1.0, 2.0, 5.0], [1.0, 2.0, 3.0]))
      for p in ("0.0", "math.inf")],
    *[Op("pdist", f"F.pdist(x, {p})", x=tensor([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1.0, 5.0, 5.0])) for p in ("0.0", "math.inf")],
    *[Op("dist", f"torch.dist(x, y, {p})", x=tensor(1.0, 2.0, 3.0), y=tensor(1.0, 4.0, 1.0)) for p in ("math.inf", "-math.inf", "0.5", "-2.0")],
    # Several factors of one product are zero.
    *[Op(f, f"x.{f}(0, i, y, 'prod', include_self={own})", x=tensor(*x), y=tensor(*y), i=ZEROS)
      for f in ("scatter_reduce", "index_reduce") for own in (True, False)
      for x, y in (((2.0, 3.0), (0.0, 0.0, 4.0, 5.0)), ((0.0, 3.0), (0.0, 2.0, 4.0, 0.0)))],
    *[Op(f, f"torch.{f}(x, {q}, keepdim=True{how})", x=randn(2, 3), q=torch.tensor([0.1, 0.5]))
      for f in ("quantile", "nanquantile") for q in ("0.3", "q") for how in ("", ", interpolation='lower'")],
    Op("quantile", "torch.quantile(x, 0.3, keepdim=True)", x=torch.tensor(1.0).requires_grad_()),
    Op("quantile", "torch.quantile(x, q, keepdim=True)", x=randn(4), q=torch.tensor([0.1, 0.5])),
]
