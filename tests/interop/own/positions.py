"""What PyTorch's databases leave out of indexing by positions, scatters, running values, order and statistics: options,
dtypes, and gradients at ties, zeros and nans.

The dtype of a case is that of its tolerance: "int64" for all integers."""
import itertools

import torch

from .rows import Op, integers, rand, randn

F64 = torch.float64
NAN = float("nan")


def tensor(*values, grad=True, dtype=torch.float32):
    return torch.tensor(values, dtype=dtype).requires_grad_(grad and dtype.is_floating_point)


def number(dtype=torch.float32):
    """A number between 0 and 1 without dimensions; a gradient is asked of it."""
    return rand(1, dtype=dtype).detach().reshape(()).clone().requires_grad_()


def halves(*shape):
    """Few values, so that many are equal; a gradient is asked of them."""
    return (integers(-3, 4, *shape) / 2).requires_grad_()


def scatters():
    index = integers(0, 4, 3, 5, dtype=torch.int32)
    for reduce, own in itertools.product(["sum", "prod", "mean", "amax", "amin"], [True, False]):
        call = f"x.scatter_reduce(0, i, y, '{reduce}', include_self={own})"
        yield Op("scatter_reduce", call, x=halves(4, 5), i=index, y=halves(3, 5))
        if reduce != "sum":
            call = f"x.transpose(0, 1).index_reduce(1, i, y, '{reduce}', include_self={own})"
            yield Op("index_reduce", call, x=halves(4, 2), i=index[0].long(), y=halves(2, 5))
    for dtype, reduce in itertools.product(["int8", "int64", "bool"], ["prod", "mean", "amax", "amin"]):
        if (dtype, reduce) != ("bool", "mean"):
            t = getattr(torch, dtype)
            tensors = {"x": integers(-90, 90, 4, 5).to(t), "i": index, "y": integers(-90, 90, 3, 5).to(t)}
            yield Op("scatter_reduce", f"x.scatter_reduce(0, i, y, '{reduce}', include_self=False)", "int64", **tensors)


def positions():
    i = tensor(1, -1, 0, dtype=torch.int64)
    yield Op("index_fill", "x.index_fill(-1, i, 7)", x=randn(2, 4), i=i)
    yield Op("index_fill", "x.index_fill(0, i, 2.5)", "int64", x=integers(0, 9, 3, 2), i=i)
    yield Op("index_fill", "x.index_fill(0, i[::2].abs(), v)", x=randn(3, 2), i=i, v=number())
    yield Op("index_fill", "x.index_fill(0, i[2], 4)", x=number(), i=i)
    yield Op("index_add", "x.index_add(1, i.abs().to(torch.int32), y, alpha=-2.5)", x=randn(2, 3), i=i, y=randn(2, 3))
    yield Op("index_add", "x.index_add(0, i.abs(), y, alpha=2.5)", "int64", x=integers(0, 9, 3), i=i, y=integers(0, 9, 3))
    yield Op("index_add", "x.index_add(0, i.abs(), y)", "bool", x=integers(0, 2, 3).bool(), i=i, y=integers(0, 2, 3).bool())
    yield Op("index_add", "x.index_add(0, i[1:2].abs(), y.expand(1, 3))", x=randn(2, 3), i=i, y=randn(3))
    for call in ("x.index_copy(0, i.abs()[1:], y)", "x.t().index_copy(1, i.abs()[1:], y.t())"):
        yield Op("index_copy", call, x=randn(3, 2), i=i, y=randn(2, 2))
    yield Op("index_copy", "x.index_copy(0, i[2:], y)", x=number(), i=i, y=randn(1))
    yield Op("index_copy", "x.index_copy(0, i.abs()[1:], y)", "int64", x=integers(0, 9, 3), i=i, y=integers(0, 9, 2))
    mask = integers(0, 2, 3, 4).bool()
    yield Op("index_put", "x.index_put((m,), v)", x=randn(3, 4), m=mask, v=number())
    yield Op("index_put", "x.index_put((i, i.to(torch.int32).abs()), v, accumulate=True)", x=randn(3, 4), i=i, v=randn(3))
    yield Op("index_put", "x.index_put((m[:, 0],), v, accumulate=True)", x=randn(3, 4), m=mask, v=randn(4))
    yield Op("index_put", "x.index_put((i.reshape(3, 1), i[:2]), v)", x=randn(3, 4), i=i, v=randn(1, 1))
    yield Op("masked_scatter", "x.masked_scatter(m[0], y)", x=randn(3, 4), m=mask, y=randn(5, 3))
    yield Op("masked_scatter", "x.masked_scatter(m, y)", x=randn(4), m=mask, y=randn(12))
    yield Op("put", "x.t().put(i, y, accumulate=True)", x=randn(3, 2), i=i, y=randn(1, 3))
    yield Op("put", "x.put(i, y)", "bool", x=mask, i=i, y=mask[1, :3])
    yield Op("take", "x.t().take(i.reshape(1, 3))", x=randn(3, 2), i=i)
    yield Op("take", "x.take(i[:1].expand(2, 3) - 1)", x=number(), i=i)
    yield Op("take_along_dim", "x.take_along_dim(i.reshape(1, 3), 0)", x=randn(4, 1), i=i)
    yield Op("take_along_dim", "x.take_along_dim(i.reshape(3, 1), 1)", x=randn(3, 2), i=i)
    yield Op("take_along_dim", "x.take_along_dim(i.abs())", x=randn(3, 2), i=i)
    yield Op("nonzero", "x.nonzero(as_tuple=True)", "int64", x=integers(0, 2, 2, 3, 2))
    yield Op("nonzero", "x.nonzero(as_tuple=True)", "bool", x=torch.tensor(True))
    yield Op("nonzero", "x.nonzero()", "bool", x=torch.tensor(True))
    yield Op("argwhere", "x.argwhere()", "int64", x=integers(0, 2, 2, 3).to(torch.uint8))
    for dim in ("(0, 2)", "()", "-1"):
        yield Op("count_nonzero", f"x.count_nonzero(dim={dim})", "int64", x=integers(0, 2, 2, 3, 2))
    yield Op("count_nonzero", "x.count_nonzero()", x=tensor(NAN, 0.0, -0.0, 1.0, grad=False))


def running():
    for scan in ("cumsum", "cumprod"):
        for dtype in ("bool", "int8"):
            yield Op(scan, f"x.{scan}(-1)", "int64", x=integers(0, 9, 2, 5).to(getattr(torch, dtype)))
        yield Op(scan, f"x.{scan}(0, dtype=torch.float64)", "int64", x=integers(1, 5, 5, 2))
        yield Op(scan, f"x.t().{scan}(0)", x=randn(3, 5))
        yield Op(scan, f"x.{scan}(0)", x=number())
    yield Op("cumprod", "x.cumprod(0)", x=tensor(2.0, 0.0, 3.0, 0.0, 5.0))
    yield Op("cumprod", "x.cumprod(1)", x=halves(4, 5))
    yield Op("logcumsumexp", "x.logcumsumexp(0)", x=tensor(-100.0, 0.0, 100.0, -100.0, 99.5))
    yield Op("logcumsumexp", "x.t().logcumsumexp(0)", "float64", x=randn(3, 5, dtype=F64))
    for scan in ("cummax", "cummin"):
        yield Op(scan, f"x.{scan}(1)", x=halves(3, 7))
        yield Op(scan, f"x.{scan}(0)", x=tensor(1.0, 3.0, NAN, 2.0, NAN))
        yield Op(scan, f"x.t().{scan}(-1)", "int64", x=integers(0, 9, 5, 2, dtype=torch.int32))
        yield Op(scan, f"x.{scan}(0)", "bool", x=integers(0, 2, 6).bool())


def order():
    for call in ("x.aminmax()", "x.aminmax(dim=-1)", "x.t().aminmax(dim=0, keepdim=True)"):
        yield Op("aminmax", call, x=halves(3, 7))
    yield Op("aminmax", "x.aminmax(dim=0)", "int64", x=integers(0, 9, 5, 2, dtype=torch.int32))
    yield Op("kthvalue", "x.kthvalue(3, 0)", "int64", x=torch.tensor([5, 2, 9, 4]))
    yield Op("kthvalue", "x.t().kthvalue(2, 1, keepdim=True)", x=randn(5, 2))
    yield Op("kthvalue", "x.kthvalue(1)", x=number())
    yield Op("kthvalue", "x.kthvalue(3)", x=tensor(1.0, NAN, 0.0, grad=False))
    yield Op("mode", "x.mode(0, True)", x=halves(9, 3))
    yield Op("mode", "x.mode()", "int64", x=integers(0, 4, 3, 9))
    yield Op("mode", "x.mode()", "bool", x=integers(0, 2, 3, 9).bool())
    nans = torch.tensor([[1.0, NAN, 3.0, 2.0], [NAN, 2.5, NAN, 5.0], [4.0, 2.0, 1.0, 3.0]])
    for call in ("x.nanmedian()", "x.nanmedian(1)", "x.nanmedian(0, True)", "x.t().nanmedian(0)"):
        yield Op("nanmedian", call, x=nans.clone().requires_grad_())
    yield Op("nanmedian", "x.nanmedian(-1)", "int64", x=torch.tensor([[5, 1, 3], [7, 9, 8]], dtype=torch.int32))
    for how in ("linear", "lower", "higher", "nearest", "midpoint"):
        options = f"keepdim=True, interpolation='{how}'"
        yield Op("quantile", f"x.quantile(q, 1, {options})", x=randn(3, 6), q=rand(4))
        yield Op("nanquantile", f"x.nanquantile(0.4, -1, {options})", x=nans.clone().requires_grad_())
    yield Op("quantile", "x.quantile(q, 0)", "float64", x=randn(6, 2, dtype=F64), q=number(F64))
    yield Op("quantile", "x.quantile(0.4)", x=nans)
    for call in ("x.nansum(1, keepdim=True)", "x.nansum((0, 1))", "x.nanmean(1)", "x.nanmean(0, keepdim=True)"):
        yield Op("nanmean", call, x=nans.clone().requires_grad_())
    yield Op("nansum", "x.nansum(0)", "int64", x=integers(0, 9, 5, 2, dtype=torch.int32))


def bins():
    x = randn(40).detach()
    for call in (
        "x.histc()", "x.histc(5)", "x.histc(4, -1.5, 2)", "x.histc(3, 1, 1)", "x.histogram(7)",
        "x.histogram(4, range=(-1.0, 1.5))", "x.histogram(4, range=(1.0, 1.0))", "x.histogram(5, density=True)",
        "x.reshape(5, 8).histogram(5, weight=w, density=True)", "x.histogram(e)", "x.histogram(e, density=True)",
    ):
        tensors = {"x": x, "w": rand(5, 8).detach(), "e": tensor(-1.0, 0.0, 0.5, 2.0, grad=False)}
        yield Op("histogram", call, **{n: t for n, t in tensors.items() if f"{n}." in call or f"({n}" in call or f"={n}," in call})
    edges, values = torch.tensor([[1, 3, 5], [2, 2, 4]]), integers(0, 7, 2, 4)
    for call in (
        "torch.searchsorted(e, x)", "torch.searchsorted(e, x, right=True, out_int32=True)",
        "torch.searchsorted(e[0], x, side='right')", "torch.searchsorted(e[0], 4)", "torch.searchsorted(e[0], x / 2)",
        "torch.searchsorted(e.flip(1), x, sorter=torch.tensor([[2, 1, 0], [2, 1, 0]]))",
        "torch.bucketize(x, e[1], right=True)", "torch.bucketize(x / 2, e[1])",
    ):
        yield Op("searchsorted", call, "int64", e=edges, x=values)
    for flags in ("", "return_inverse=True, return_counts=True", "return_counts=True, dim=0", "return_inverse=True, dim=1"):
        for name in ("unique", "unique_consecutive"):
            yield Op(name, f"x.{name}({flags})", "int64", x=integers(0, 3, 6, 2))
            yield Op(name, f"x.{name}({flags})", x=torch.tensor([[1.0, NAN], [1.0, NAN], [-0.0, 2.0], [0.0, 2.0]]))
        yield Op("unique", f"x.unique({flags})", "bool", x=integers(0, 2, 4, 3).bool())


def statistics():
    counts, weights = integers(1, 4, 5), rand(5)
    for options in ("", "correction=0", "fweights=f", "aweights=a", "fweights=f, aweights=a, correction=2"):
        tensors = {"x": randn(3, 5)} | ({"f": counts} if "=f" in options else {}) | ({"a": weights} if "=a" in options else {})
        yield Op("cov", f"x.cov({options})", **tensors)
    yield Op("cov", "x.cov()", x=randn(6))
    yield Op("cov", "x.cov()", "int64", x=integers(0, 9, 2, 6))
    yield Op("corrcoef", "x.t().corrcoef()", x=randn(6, 2))
    yield Op("corrcoef", "x.corrcoef()", "float64", x=randn(2, 6, dtype=F64))
    for name in ("var_mean", "std_mean"):
        for options in ("", ", dim=(0, 2), correction=0", ", dim=1, keepdim=True", ", dim=-1, unbiased=False"):
            yield Op(name, f"torch.{name}(x{options})", x=randn(2, 4, 3))


CASES = [*scatters(), *positions(), *running(), *order(), *bins(), *statistics()]
