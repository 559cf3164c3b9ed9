"""Products, shapes, parts and distances in forms that PyTorch's database has no sample of."""
import torch

from .rows import Op, integers, randn

AT = torch.tensor([0.0, 0.5, 2.0, 3.5, 4.0])
NAN = torch.full((2, 3), float("nan"))
CASES = [
    # Whole factors of integers, and factors of 0.
    *[Op("addmm", f"x.addmm(a, b, {o})", x=integers(0, 9, 2, 3, dtype=t), a=integers(0, 9, 2, 4, dtype=t), b=integers(0, 9, 4, 3, dtype=t))
      for t, o in [(torch.int64, "beta=2, alpha=-3"), (torch.int32, "beta=0.5, alpha=2.9"), (torch.uint8, "beta=1, alpha=1")]],
    Op("addmm", "x.addmm(a, b, beta=0)", x=NAN, a=randn(2, 4), b=randn(4, 3)),
    Op("addbmm", "x.addbmm(a, b, beta=0, alpha=2)", x=NAN, a=randn(5, 2, 4), b=randn(5, 4, 3)),
    Op("addmv", "x.addmv(a, b, beta=0)", x=NAN[0], a=randn(3, 4), b=randn(4)),
    Op("addr", "x.addr(a, b, beta=0)", x=NAN, a=randn(2), b=randn(3)),
    Op("addr", "x.addr(a, b, beta=2, alpha=3)", x=integers(0, 9, 2, 3), a=integers(0, 9, 2), b=integers(0, 9, 3, dtype=torch.int16)),
    *[Op("linalg.cross", f"torch.linalg.cross(x, y{d})", x=randn(*s), y=randn(*t))
      for s, t, d in [((2, 3), (2, 3), ""), ((3, 1), (3, 4), ", dim=0"), ((1, 3), (4, 3), ""), ((2, 3, 2), (2, 3, 2), ", dim=-2")]],
    *[Op("tensordot", f"torch.tensordot(x, y, {d})", x=randn(*s), y=randn(*t))
      for s, t, d in [((3, 4), (5,), "dims=0"), ((3, 1), (4, 5), "dims=1"), ((2, 3, 4), (4, 2), "dims=([-1, 0], [0, 1])"), ((2, 3), (3, 2), "dims=1")]],
    *[Op("diagonal", f"x.diagonal({o})", x=randn(3, 4, 2)) for o in ["0, 1, 2", "-1, 2, 0", "dim1=-1, dim2=-2", "9, 0, 1"]],
    *[Op("diag_embed", f"x.diag_embed({o})", x=randn(2, 3)) for o in ["0, 0, 1", "-1, 2, 0", "dim1=-3", "1, 0, -1"]],
    *[Op("slice_scatter", f"x.slice_scatter(y, {o})", x=randn(3, 5), y=randn(*s))
      for o, s in [("1, 1, 4", (3, 3)), ("0, 1", (2, 5)), ("1, 0, 9, 2", (3, 3)), ("dim=-1, start=-2", (3, 2))]],
    Op("diagonal_scatter", "x.diagonal_scatter(y, 1, 2, 0)", x=randn(3, 2, 4), y=randn(2, 2)),
    *[Op(f, f"x.{f}({o})", x=randn(2, 3, 4))
      for f, o in [("moveaxis", "0, -1"), ("moveaxis", "(0, 1), (-1, 0)"), ("swapaxes", "0, 2"), ("swapdims", "-1, 0")]],
    Op("view_as", "x.view_as(y)", x=randn(2, 3), y=torch.zeros(3, 2)),
    *[Op("repeat_interleave", f"x.repeat_interleave({o})", x=randn(2, 3), i=torch.tensor([2, 0, 1]))
      for o in ["3", "2, dim=0, output_size=4", "i, dim=1", "i, dim=-1, output_size=3"]],
    Op("repeat_interleave", "torch.repeat_interleave(i)", i=torch.tensor([2, 0, 3], dtype=torch.int32)),
    *[Op("unfold", f"x.unfold({o})", x=randn(2, 7)) for o in ["1, 3, 1", "1, 2, 3", "-1, 7, 1", "0, 0, 1"]],
    *[Op("tensor_split", f"x.tensor_split({o})", x=randn(7, 2), i=torch.tensor(3), j=torch.tensor([2, -1]))
      for o in ["3", "(5, 2)", "i", "j", "9", "dim=1, sections=2", "[]"]],
    Op("meshgrid", "torch.meshgrid(x, y, indexing='ij')", x=randn(2), y=randn(3)),
    Op("meshgrid", "torch.meshgrid(x, y)", x=randn(2), y=torch.tensor(1.5)),
    Op("row_stack", "torch.row_stack([x, y])", x=randn(3), y=randn(2, 3)),
    Op("hstack", "torch.hstack([x, y])", x=randn(3), y=torch.tensor(2.0)),
    Op("block_diag", "torch.block_diag(x, y)", x=randn(0), y=integers(0, 9, 2, 2)),
    Op("cartesian_prod", "torch.cartesian_prod(x, y)", x=integers(0, 9, 3), y=integers(0, 9, 2)),
    *[Op("combinations", f"torch.combinations(x, {o})", x=randn(4)) for o in ["r=0", "r=5", "r=3, with_replacement=True", "r=4"]],
    *[Op("gradient", f"torch.gradient(x, {o})", x=randn(3, 5), s=AT)
      for o in ["spacing=0.5, dim=1, edge_order=2", "spacing=[s], dim=1", "spacing=[s], dim=(-1,), edge_order=2", "spacing=[0.5, 2.0]"]],
    Op("gradient", "torch.gradient(x)", x=integers(-9, 9, 5)),
    *[Op("trapezoid", f"torch.trapezoid(x, {o})", x=randn(3, 5), s=AT) for o in ["s", "dx=0.5", "dim=0", "x"]],
    *[Op("cumulative_trapezoid", f"torch.cumulative_trapezoid(x, {o})", x=randn(3, 5), s=AT) for o in ["s", "dx=0.5", "dim=0"]],
    Op("trapezoid", "torch.trapezoid(x)", x=integers(-9, 9, 5)),
    *[Op("diff", f"x.diff({o})", x=integers(0, 2, 2, 5, dtype=torch.bool)) for o in ["", "n=2, dim=0", "n=3"]],
    *[Op("cdist", f"torch.cdist(x, y, {p})", x=randn(4, 3), y=randn(2, 5, 3)) for p in ["p=0.5", "p=0.0", "p=2.0", "p=3.0", "p=math.inf"]],
    *[Op("cdist", f"torch.cdist(x, y, {p})", x=randn(3, 2), y=randn(4, 2)) for p in ["2.0, 'use_mm_for_euclid_dist'", "2.0, 'donot_use_mm_for_euclid_dist'", "1.0"]],
    Op("cdist", "torch.cdist(x, y)", x=randn(30, 4), y=randn(3, 4)),
    *[Op("pdist", f"torch.pdist(x, {p})", x=randn(5, 3)) for p in ["0.0", "0.5", "1.5", "2.0"]],
    *[Op("dist", f"torch.dist(x, y, {p})", x=randn(2, 3), y=randn(3)) for p in ["0.5", "1.0", "3.5"]],
    *[Op(f, f"torch.{f}({o})") for f in ["tril_indices", "triu_indices"] for o in ["3, 4", "4, 3, 1", "3, 3, -1", "0, 2", "2, 3, -9"]],
    *[Op("logspace", f"torch.logspace({o})") for o in ["0, 2, 5", "-1, 1, 4, base=2", "0, 3, 4, dtype=torch.int64", "1, 2, 1"]],
    *[Op("linspace", f"torch.linspace({o})") for o in ["0, 1, 4, dtype=torch.float64", "-7.9, 8.9, 6, dtype=torch.int32", "0, 5, 4, dtype=torch.int64", "0, 1, 4, dtype=torch.float16", "3, 1, 5, dtype=torch.bfloat16"]],
]
