"""Cases of indexing by positions, scatters, running values, order and statistics."""
import torch

from .draw import FLOATS, INTS
from .registry import called, operation
from .tensor_operations import dims_of, some_dtype

REDUCES = ["sum", "prod", "mean", "amax", "amin"]


def index_dtype(d):
    return "int32" if d.chance(0.2) else "int64"


@operation("Tensor.index_fill", "Tensor.index_copy", "Tensor.index_reduce")
def slices(d, name):
    some_dtype(d, 0.85)
    kind = name.split(".")[1]
    shape = d.shape(0, 4)
    rank = len(shape)
    dim = d.dim(rank)
    size = shape[dim] if rank and -rank <= dim < rank else 1
    x = d.tensor(shape)
    d.case.mode = "exact"
    count = d.int(1, max(1, min(2 * size, 300))) if rank else 1
    if kind == "index_fill":
        i = d.indices([count], size, negative=True)
        value = d.number() if d.case.dtype in FLOATS else str(d.int(0, 3))
        if d.chance(0.4):
            value = d.tensor([])
        d.case.code = called(name, x, dim, i, value)
        d.case.mode = "sum"
        return
    if kind == "index_copy":
        # A position that is named twice leaves open which slice stays.
        count = min(count, size)
        d.case.inputs["i"] = torch.randperm(max(size, 1), generator=d.torch)[:count]
        i = "i"
    else:
        i = d.indices([count], size, dtype=index_dtype(d))
    own = list(shape)
    if rank and -rank <= dim < rank:
        own[dim] = count
    if d.wrong and own and d.chance(0.5):
        own[-1] += 1
    d.ties = d.chance(0.3)
    source = d.tensor(own)
    if kind == "index_copy":
        d.case.code = called(name, x, dim, i, source)
        return
    reduce = d.one(REDUCES[1:])
    d.case.mode = "exact" if reduce.startswith("a") else "sum"
    d.case.wide = d.case.dtype in FLOATS
    d.case.code = called(name, x, dim, i, source, repr(reduce), d.one(["", "include_self=False"]))


@operation("Tensor.scatter_reduce", weight=2)
def scatter_reduce(d, name):
    some_dtype(d, 0.85)
    shape = d.shape(1, 4)
    rank = len(shape)
    dim = d.int(-rank, rank - 1)
    d.ties = d.chance(0.3)
    x = d.tensor(shape)
    own = [d.int(1, max(1, s)) for s in shape]
    own[dim] = d.int(1, max(1, min(2 * shape[dim], 300)))
    i = d.indices(own, shape[dim], dtype=index_dtype(d))
    # PyTorch has no gradient for a source that is larger than the index.
    source = d.tensor(own)
    reduce = d.one(REDUCES)
    d.case.mode = "exact" if reduce.startswith("a") else "sum"
    d.case.wide = d.case.dtype in FLOATS
    d.case.code = called(name, x, dim, i, source, repr(reduce), d.one(["", "include_self=False"]))


@operation("Tensor.masked_scatter", "Tensor.put", "Tensor.take")
def flat(d, name):
    some_dtype(d, 0.85)
    kind = name.split(".")[1]
    shape = d.shape()
    x = d.tensor(shape)
    count = 1
    for s in shape:
        count *= s
    d.case.mode = "exact"
    if kind == "masked_scatter":
        mask = d.tensor(d.broadcast(shape) if d.chance(0.4) else shape, "bool")
        source = d.tensor([max(0, count + d.int(0, 3) - (count if d.wrong else 0))])
        d.case.code = called(name, x, mask, source)
        return
    own = d.one([[], [d.int(1, 50)], [2, 3]])
    i = d.indices(own, count, negative=True)
    if kind == "take":
        d.case.code = called(name, x, i)
        return
    accumulate = d.chance(0.5)
    if not accumulate:
        n = min(count, d.int(1, 50))
        d.case.inputs["i"] = torch.randperm(max(count, 1), generator=d.torch)[:n]
        own, i = [n], "i"
    d.case.mode = "sum" if accumulate else "exact"
    d.case.code = called(name, x, i, d.tensor(own), accumulate)


@operation("Tensor.take_along_dim")
def along(d, name):
    some_dtype(d, 0.9)
    shape = d.shape(1, 4)
    rank = len(shape)
    dim = d.int(-rank, rank - 1)
    own = [1 if d.chance(0.3) else s for s in shape]
    own[dim] = d.int(1, max(1, min(2 * shape[dim], 300)))
    shape = [1 if d.chance(0.2) and k != dim % rank else s for k, s in enumerate(shape)]
    x = d.tensor(shape)
    d.case.mode = "exact"
    d.case.code = called(name, x, d.indices(own, shape[dim], negative=True), dim)


@operation("Tensor.index_put")
def index_put(d, name):
    some_dtype(d, 0.85)
    shape = d.shape(1, 4)
    x = d.tensor(shape)
    value = d.tensor([])
    count = d.int(1, 9)
    parts = [d.indices([count], s, negative=True, layout=False) for s in shape[: d.int(1, min(3, len(shape)))]]
    d.case.mode = "sum"
    d.case.code = called(name, x, f"({', '.join(parts)},)", value, "True" if d.chance(0.6) else "")


@operation("Tensor.nonzero", "Tensor.argwhere", "Tensor.count_nonzero")
def not_zero(d, name):
    some_dtype(d, 0.5)
    d.ties = True
    shape = d.shape()
    x = d.tensor(shape, grad=0)
    d.case.wide, d.case.mode = False, "exact"
    argument = ""
    if name.endswith("count_nonzero") and d.chance(0.6):
        argument = dims_of(d, len(shape))
    if name == "Tensor.nonzero" and d.chance(0.3):
        argument = "as_tuple=True"
    d.case.code = called(name, x, argument)


@operation("Tensor.cumprod", "Tensor.logcumsumexp", "Tensor.cummax", "Tensor.cummin", weight=1.5)
def running(d, name):
    some_dtype(d, 0.85) if name != "Tensor.logcumsumexp" else d.float_dtype()
    shape = d.shape()
    d.ties = d.chance(0.3)
    if name == "Tensor.cumprod":
        shape = d.fit(shape, 300)
        d.ties = d.chance(0.2)
    if "cumm" in name:
        d.case.mode = "exact"
    elif d.case.dtype not in FLOATS:
        d.case.wide = False
    x = d.tensor(shape)
    d.case.code = called(name, x, d.dim(len(shape)))


@operation("Tensor.kthvalue", "Tensor.mode", "Tensor.nanmedian", "Tensor.msort", "Tensor.aminmax", weight=1.5)
def order(d, name):
    some_dtype(d, 0.8)
    kind = name.split(".")[1]
    shape = d.shape(0, 4)
    rank = len(shape)
    dim = d.dim(rank)
    size = shape[dim] if rank and -rank <= dim < rank else 1
    d.case.mode = "exact"
    if kind in ("kthvalue", "nanmedian"):
        # Of equal values the position is left open.
        d.float_dtype(0)
        x = d.tensor(shape, kind="distinct", layout=False)
        if kind == "nanmedian" and d.case.inputs[x].numel() > 2 and d.chance(0.5):
            d.case.inputs[x].reshape(-1)[1] = float("nan")
            d.case.wide = False
    elif kind == "mode":
        d.special = False
        d.ties = d.chance(0.6)
        # Beyond 16 elements PyTorch's sort leaves open which of equal values is the last.
        shape = [min(s, 16) for s in shape]
        x = d.tensor(shape, layout=False)
    else:
        d.special = False
        x = d.tensor(shape, kind="distinct" if kind == "msort" else "normal")
    keep = d.one(["", "keepdim=True"])
    match kind:
        case "kthvalue":
            d.case.code = called(name, x, d.int(1, max(size, 1)) + (1 if d.wrong else 0), dim, keep)
        case "mode":
            d.case.code = called(name, x, dim, keep)
        case "msort":
            d.case.code = called(name, x)
        case "aminmax":
            d.case.code = called(name, x, f"dim={dim}", keep) if d.chance(0.7) else called(name, x)
        case "nanmedian":
            d.case.code = called(name, x, dim, keep) if d.chance(0.7) else called(name, x)


@operation("Tensor.quantile", "Tensor.nanquantile", weight=1.5)
def quantile(d, name):
    d.float_dtype(0)
    shape = d.fit(d.shape(), 5000)
    rank = len(shape)
    # Which of equal elements takes the gradient, PyTorch's sort leaves open.
    d.special = d.ties = False
    x = d.tensor(shape, kind="distinct")
    d.case.mode = "sum"
    q = repr(round(d.rng.uniform(0, 1), 2))
    if d.chance(0.5):
        q = d.tensor([d.int(1, 4)], kind="unit")
    if d.chance(0.3):
        d.case.code = called(name, x, q)
        return
    interpolation = d.one(["linear", "linear", "lower", "higher", "nearest", "midpoint"])
    d.case.wide = interpolation == "linear"
    dim = "None" if d.chance(0.15) else d.dim(rank)
    d.case.code = called(name, x, q, dim, d.chance(0.3), f"interpolation={interpolation!r}")


@operation("Tensor.nansum", "Tensor.nanmean", "Tensor.var_mean", "Tensor.std_mean")
def reductions(d, name):
    if name == "Tensor.nansum":
        some_dtype(d, 0.8)
        d.case.wide = d.case.dtype in FLOATS
    else:
        d.float_dtype()
    moments = name.endswith("_mean")
    shape = d.shape(1 if moments else 0, 4)
    # What is not finite has no gradient here that PyTorch's 0 * nan would be equal to, nor a mean there.
    d.special = d.special and name == "Tensor.nansum" and d.case.dtype not in FLOATS
    x = d.tensor(shape, layout=moments)
    if not moments and d.case.dtype in FLOATS and d.case.inputs[x].numel() > 2 and d.chance(0.5):
        d.case.inputs[x].reshape(-1)[1] = float("nan")
    arguments = []
    if d.chance(0.7):
        arguments = [f"dim={dims_of(d, len(shape))}", d.one(["", "keepdim=True"])]
        if moments:
            arguments.append(d.one(["", "correction=0", "correction=2"]))
    d.case.code = called(name.replace("Tensor", "torch") if moments else name, x, *arguments)


@operation("Tensor.histc", "Tensor.histogram")
def histogram(d, name):
    d.float_dtype(0)
    d.special = False
    x = d.tensor(d.shape(), grad=0)
    d.case.wide, d.case.mode = False, "sum"
    bins = d.int(0 if d.wrong else 1, 20)
    if name.endswith("histc"):
        d.case.code = called(name, x, bins, *d.one([[], ["-1", "1"], ["-2.5", "4"], ["1", "1"]]))
        return
    options = [d.one(["", "density=True"])]
    if d.chance(0.3):
        edges = torch.arange(bins + 1) / 2 - 1
        d.case.inputs["e"] = edges.to(d.case.inputs[next(iter(d.case.inputs))].dtype)
        bins = "e"
    elif d.chance(0.5):
        options.append("range=(-1.0, 2.0)")
    d.case.code = called(name, x, bins, *options)


@operation("Tensor.unique", "Tensor.unique_consecutive")
def unique(d, name):
    some_dtype(d, 0.5)
    d.ties, d.special = True, False
    shape = d.fit(d.shape(), 3000)
    rank = len(shape)
    x = d.tensor(shape, grad=0)
    d.case.wide, d.case.mode = False, "exact"
    flags = ["return_inverse=True", "return_counts=True"]
    dim = f"dim={d.dim(rank)}" if rank and d.chance(0.5) else ""
    d.case.code = called(name, x, *[f for f in flags if d.chance(0.7)], dim)


@operation("Tensor.bucketize", "Tensor.searchsorted")
def search(d, name):
    d.case.dtype = d.one(FLOATS[:2] + INTS)
    d.ties = d.chance(0.5)
    function = "torch." + name.split(".")[1]
    d.case.wide, d.case.mode = False, "exact"
    options = [o for o in ("right=True", "out_int32=True") if d.chance(0.4)]
    shape = d.shape(1, 3)
    rows = [d.int(1, 12)]
    if name.endswith("searchsorted") and d.chance(0.5):
        rows = [*shape[:-1], *rows]
    values = d.tensor(shape, grad=0)
    base = d.values(rows, d.case.dtype)
    d.case.inputs["s"] = torch.where(base.isnan(), torch.zeros_like(base), base).sort(-1).values
    if name.endswith("bucketize"):
        d.case.code = f"{function}({', '.join([values, 's', *options])})"
    else:
        d.case.code = f"{function}({', '.join(['s', values, *options])})"


@operation("Tensor.cov", "Tensor.corrcoef")
def statistics(d, name):
    d.float_dtype(0)
    d.special = False
    shape = d.fit([d.int(1, 12), d.int(2, 60)] if d.chance(0.8) else [d.int(2, 300)])
    x = d.tensor(shape)
    d.case.mode = "sum"
    if name.endswith("corrcoef"):
        d.case.code = called(name, x)
        return
    options = [d.one(["", "correction=0", "correction=2"])]
    if d.chance(0.4):
        d.case.inputs["f"] = torch.randint(1, 5, [shape[-1]], generator=d.torch)
        options.append("fweights=f")
    if d.chance(0.4):
        options.append(f"aweights={d.tensor([shape[-1]], kind='unit')}")
    d.case.code = called(name, x, *options)
