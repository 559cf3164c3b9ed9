"""Cases of tensor methods, functions of `torch` and operators."""
import math

import torch

from .draw import FLOATS, INTS
from .registry import called, operation

ALL = FLOATS + INTS + ["bool"]


def both(*names):
    return [f"{kind}.{n}" for n in names for kind in ("Tensor", "torch")]


def some_dtype(d, floats=0.75):
    if d.chance(floats):
        return d.float_dtype(half=0.12)
    d.case.dtype = d.one(INTS + ["bool"])
    return d.case.dtype


# --- one tensor ----------------------------------------------------------------------------------
@operation(*both("abs", "neg", "exp", "sin", "cos", "tanh", "erf", "sigmoid", "relu", "sign", "floor",
                 "ceil", "round", "trunc", "square", "expm1", "log", "log1p", "sqrt", "rsqrt",
                 "reciprocal"), "Tensor.isnan", "Tensor.isfinite", "operator unary -", weight=0.5)
def elementwise(d, name):
    some_dtype(d, 0.9)
    kind = "normal"
    if name.split(".")[-1] in ("log", "log1p", "sqrt", "rsqrt", "reciprocal") and d.chance(0.7):
        kind = "positive"
    x = d.tensor(d.shape(), kind=kind)
    # The gradient of expm1 is its result plus 1, which may leave nothing.
    d.case.mode = "sum" if name.endswith("expm1") else "element"
    d.case.code = f"-{x}" if name == "operator unary -" else called(name, x)


@operation("Tensor.logical_not", "operator ~")
def logical_not(d, name):
    some_dtype(d, 0.3)
    if name == "operator ~":
        d.case.dtype = "bool"
    x = d.tensor(d.shape())
    d.case.code = f"~{x}" if name == "operator ~" else called(name, x)


@operation("Tensor.to", "Tensor.float", "Tensor.double", "Tensor.long", "Tensor.half")
def conversion(d, name):
    some_dtype(d, 0.6)
    d.special = False
    x = d.tensor(d.shape())
    d.case.wide, d.case.mode = False, "exact"
    d.case.code = called(name, x, f"torch.{d.one(ALL[:-1])}" if name == "Tensor.to" else None)
    if name == "Tensor.to" and d.case.code.endswith("uint8)"):
        d.case.code = d.case.code.replace("uint8", "float32")


@operation("Tensor.clone", "Tensor.detach", "Tensor.contiguous", "Tensor.T", "Tensor.t", "Tensor.squeeze")
def plain_view(d, name):
    some_dtype(d, 0.8)
    x = d.tensor(d.shape(0, 2) if name == "Tensor.t" else d.shape())
    d.case.mode = "exact"
    rank = x_rank(d, x)
    if name == "Tensor.T":
        d.case.code = f"{x}.T" if rank == 2 else f"{x}.contiguous()"
    elif name == "Tensor.squeeze" and d.chance(0.5):
        d.case.code = called(name, x, d.dim(rank))
    else:
        d.case.code = called(name, x)


def view_of(d, x):
    """The tensor that an expression over the inputs gives."""
    return eval(x, {"torch": torch, **d.case.inputs})


def x_rank(d, x):
    return view_of(d, x).dim()


def x_shape(d, x):
    return list(view_of(d, x).shape)


@operation("Tensor.size", "Tensor.numel", "Tensor.item")
def number(d, name):
    some_dtype(d)
    x = d.tensor([1] * d.int(0, 2) if name == "Tensor.item" else d.shape(), grad=0)
    d.case.wide = False
    rank = x_rank(d, x)
    if name == "Tensor.size" and d.chance(0.7) and rank:
        d.case.code = f"torch.tensor({x}.size({d.dim(rank)}))"
    elif name == "Tensor.size":
        d.case.code = f"torch.ones({x}.size())" if math.prod(x_shape(d, x)) < 1e6 else f"torch.tensor({x}.numel())"
    else:
        d.case.code = f"torch.tensor({called(name, x)})"


# --- two tensors ---------------------------------------------------------------------------------
BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "floor_divide": "//", "remainder": "%"}
COMPARISONS = [">", ">=", "<", "<=", "==", "!="]


@operation(*[f"Tensor.{m}" for m in BINARY], *[f"operator {o}" for o in BINARY.values()],
           *both("maximum", "minimum"), *[f"operator {o}" for o in COMPARISONS], weight=1.5)
def binary(d, name):
    op = name.split()[-1] if name.startswith("operator") else BINARY.get(name.split(".")[1], name)
    dtype = some_dtype(d, 0.8)
    other = d.one(ALL) if d.chance(0.3) else dtype
    if other != dtype or dtype not in FLOATS:
        d.case.wide = False
    d.case.mode = "element"
    shape = d.shape()
    kinds = {"**": ("positive" if d.chance(0.7) else "normal", "normal"), "/": ("normal", "positive"),
             "//": ("normal", "positive"), "%": ("normal", "positive")}.get(op, ("normal", "normal"))
    if op in ("//", "%", ">", ">=", "<", "<=", "==", "!=") and d.chance(0.4):
        d.ties = True
    x = d.tensor(shape, dtype, kinds[0])
    second = "tensor"
    if d.chance(0.3) and name not in both("maximum", "minimum"):
        second = d.one(["int", "float", "bool"])
        if second == "float" and dtype not in FLOATS:
            d.case.wide = False
        value = {"int": str(d.int(1, 3) if op in ("//", "%", "**") else d.int(-3, 5)),
                 "float": d.number(0.5, 3) if op in ("//", "%") else d.number(), "bool": d.one(["True", "False"])}[second]
        if op in ("//", "%", "**") and second == "bool":
            value = "2"
        y = value
    else:
        y_shape = d.broadcast(shape) if d.chance(0.4) else shape
        if d.wrong and y_shape:
            y_shape = [*y_shape[:-1], y_shape[-1] + 2]
        y = d.tensor(y_shape, other, kinds[1])
    if not name.startswith("operator"):
        d.case.code = called(name, x, y)
    elif second != "tensor" and d.chance(0.4) and (op not in ("//", "%") or x_rank(d, x)):
        # The runner makes a 0-d tensor of the number, which promotes beside another 0-d tensor.
        d.case.code = f"{y} {op} {x}"
    else:
        d.case.code = f"{x} {op} {y}"


@operation("operator &", "operator |")
def logical(d, name):
    d.case.dtype = "bool"
    shape = d.shape()
    x, y = d.tensor(shape), d.tensor(d.broadcast(shape))
    d.case.code = f"{x} {name.split()[-1]} {y}"


@operation("torch.where", weight=2)
def where(d, name):
    dtype = some_dtype(d, 0.8)
    shape = d.shape()
    c = d.tensor(d.broadcast(shape) if d.chance(0.4) else shape, "bool")
    other = d.one(ALL) if d.chance(0.2) else dtype
    d.case.wide, d.case.mode = other == dtype, "exact"
    x = d.tensor(d.broadcast(shape) if d.chance(0.3) else shape, dtype)
    y = d.number() if d.chance(0.2) else str(d.int(-3, 3)) if d.chance(0.1) else d.tensor(shape, other)
    if d.chance(0.2):
        x, y = y, x
    d.case.code = f"torch.where({c}, {x}, {y})"


@operation("torch.lerp", "torch.addcmul", "torch.addcdiv")
def three(d, name):
    d.float_dtype()
    shape = d.shape()
    d.case.mode = "element"
    x = d.tensor(shape)
    y = d.tensor(d.broadcast(shape) if d.chance(0.3) else shape)
    if name == "torch.lerp":
        w = d.number(0, 1) if d.chance(0.5) else d.tensor(d.broadcast(shape), kind="unit")
        d.case.code = f"torch.lerp({x}, {y}, {w})"
    else:
        z = d.tensor(d.broadcast(shape) if d.chance(0.3) else shape, kind="positive")
        value = f", value={d.number()}" if d.chance(0.6) else ""
        d.case.code = f"{name}({x}, {y}, {z}{value})"
    d.case.mode = "sum"


@operation("Tensor.clamp")
def clamp(d, name):
    some_dtype(d, 0.7)
    d.case.mode = "element"
    if d.chance(0.3):
        d.ties = True
    x = d.tensor(d.shape())
    low, high = sorted([d.int(-2, 3), d.int(-2, 3)])
    bounds = [str(low), str(high)] if d.chance(0.5) else [f"{low}.5", f"{high}.5"]
    if d.chance(0.3):
        bounds[d.int(0, 1)] = "None"
    if d.case.dtype == "uint8" or d.case.dtype == "bool":
        bounds = [b.lstrip("-") for b in bounds]
    d.case.wide = d.case.dtype in FLOATS
    d.case.code = f"{x}.clamp({bounds[0]}, {bounds[1]})" if d.chance(0.5) else f"{x}.clamp(min={bounds[0]}, max={bounds[1]})"


@operation("Tensor.masked_fill", "Tensor.masked_select", "torch.masked_select")
def masked(d, name):
    some_dtype(d, 0.8)
    shape = d.shape()
    d.case.mode = "exact"
    x = d.tensor(shape)
    mask = d.tensor(d.broadcast(shape) if d.chance(0.4) else shape, "bool")
    value = None
    if name.endswith("fill"):
        value = d.one([d.number(), str(d.int(-3, 3)), "math.inf", "-math.inf"]) if d.case.dtype in FLOATS else str(d.int(0, 3))
    d.case.code = called(name, x, mask, value)


# --- reductions ----------------------------------------------------------------------------------
def dims_of(d, rank, several=True):
    if several and d.chance(0.4) and rank > 1:
        count = d.int(1, rank)
        return repr(tuple(d.rng.sample(range(rank), count))) if count > 1 else repr(d.int(0, rank - 1))
    return repr(d.dim(rank))


@operation(*both("sum", "mean", "max", "min"), "Tensor.var", "Tensor.std", "Tensor.all", "Tensor.any", "Tensor.argmax",
           "Tensor.argmin", "Tensor.amax", "Tensor.amin", "Tensor.logsumexp", "Tensor.prod", "Tensor.norm", weight=2)
def reduction(d, name):
    function = name.split(".")[1]
    floats_only = function in ("mean", "var", "std", "logsumexp", "norm")
    if floats_only:
        d.float_dtype()
    else:
        some_dtype(d, 0.75)
    if function in ("all", "any") and d.chance(0.6):
        d.case.dtype = "bool"
    if function in ("sum", "prod") and d.case.dtype not in FLOATS:
        d.case.wide = False
    if function in ("max", "min", "argmax", "argmin", "amax", "amin"):
        d.case.mode = "exact"
    if function in ("max", "min", "amax", "amin") and d.chance(0.3):
        d.ties = True
    low = d.shape()
    kind = "positive" if function == "prod" else "normal"
    if function == "prod":
        low = d.fit(low, 200)
    x = d.tensor(low, kind=kind)
    rank = len(low)
    keep = d.one(["", "", "keepdim=True"])
    one_dim = function in ("max", "min", "argmax", "argmin", "prod")
    if d.chance(0.3) and function not in ("logsumexp",):
        arguments = []
    else:
        arguments = [dims_of(d, rank, not one_dim), keep]
        if function in ("var", "std"):
            arguments = [f"dim={arguments[0]}", d.one(["", "unbiased=False", "correction=2"]), keep]
        elif function == "norm":
            arguments = [d.one(["2", "1", "3", "0.5", "math.inf", "-math.inf", "0", "1.5"]), f"dim={arguments[0]}", keep]
    if not arguments and function in ("var", "std") and d.chance(0.4):
        arguments = ["unbiased=False"]
    if not arguments and function == "norm" and d.chance(0.5):
        arguments = [d.one(["1", "3", "0.5", "math.inf", "0"])]
    if function == "norm" and "0" in arguments[:1]:
        # A count: PyTorch gives no gradient, pleach zeros.
        d.case.grads.clear()
    if function == "sum" and arguments and d.case.dtype in FLOATS and d.chance(0.1):
        arguments.append("dtype=torch.float64")
        d.case.wide = False
    d.case.code = called(name, x, *arguments)


@operation("Tensor.cumsum", "Tensor.softmax", "torch.softmax", "Tensor.log_softmax", "F.softmax", "F.log_softmax", weight=2)
def along(d, name):
    d.float_dtype()
    if name == "Tensor.cumsum" and d.chance(0.15):
        d.case.dtype = d.one(INTS + ["bool"])
    shape = d.shape()
    x = d.tensor(shape)
    d.case.code = called(name, x, f"dim={d.dim(len(shape))}" if d.chance(0.3) else d.dim(len(shape)))


# --- products ------------------------------------------------------------------------------------
def matrix_sizes(d, count=3):
    sizes = [d.one([1, 2, 3, 5, 8, 10, 16, 17, 31, 32, 33, 49, 64, 65, 100, 128, 130, 196, 256, 300, 512, 768, 1000]) for _ in range(count)]
    flops = {2_000: 2e4, 30_000: 5e5, 300_000: 8e6, 1_500_000: 6e7, 4_000_000: 3e8}[d.budget]
    while math.prod(sizes) > flops:
        at = sizes.index(max(sizes))
        sizes[at] = max(1, sizes[at] * 2 // 3)
    if d.empty:
        sizes[d.int(0, count - 1)] = 0
    return sizes


def product_dtype(d):
    d.float_dtype()
    if d.chance(0.04):
        d.case.dtype = d.one(["int64", "int32"])


@operation(*both("mm", "mv", "bmm", "dot", "matmul"), "operator @", weight=2.5)
def product(d, name):
    product_dtype(d)
    n, k, m = matrix_sizes(d)
    off = 1 if d.wrong else 0
    kind = name.split(".")[-1]
    if kind == "mm":
        shapes = [n, k], [k + off, m]
    elif kind == "mv":
        shapes = [n, k], [k + off]
    elif kind == "dot":
        k = d.int(0 if d.empty else 1, max(1, min(d.budget, 300_000)))
        shapes = [k], [k + off]
    elif kind == "bmm":
        b = d.one([1, 2, 3, 8, 12])
        shapes = [b, n // 2 + 1, k // 2 + 1], [b, k // 2 + 1 + off, m // 2 + 1]
    else:
        batch = d.one([[], [1], [2], [3], [2, 3], [4, 1], [1, 5]])
        other = d.one([batch, [], [1] * len(batch)])
        n, k, m = n // 2 + 1, k // 2 + 1, m // 2 + 1
        left = [*batch, n, k] if d.chance(0.85) else [k]
        right = [*other, k + off, m] if d.chance(0.85) else [k + off]
        shapes = left, right
    x, y = d.tensor(shapes[0]), d.tensor(shapes[1])
    d.case.code = f"{x} @ {y}" if name.startswith("operator") else called(name, x, y)


@operation("torch.einsum", weight=3)
def einsum(d, name):
    d.float_dtype(0.02)
    equation = d.one(["ij,jk->ik", "bij,bjk->bik", "ij->ji", "ii->i", "ii", "ij->", "i,j->ij", "i,i->", "bhqd,bhkd->bhqk",
                      "bhqk,bhkd->bhqd", "bqhd,bkhd->bhqk", "bij,bij->b", "ijk,kl->ijl", "...ij,...jk->...ik", "bchw,c->bchw",
                      "nchw,oc->nohw", "ij,ij,ij->i", "i,j,k->ijk", "ab,cb->ca", "abc,cd,de->abe"])
    left = equation.split("->")[0]
    letters = sorted(set(c for c in left if c.isalpha()))
    sizes = dict(zip(letters, d.fit([d.one([1, 2, 3, 5, 8, 12, 16, 33, 64]) for _ in letters],
                                    {2_000: 2e4, 30_000: 2e5, 300_000: 2e6}.get(d.budget, 8e6))))
    operands = []
    for term in left.split(","):
        shape = [sizes[c] for c in term if c.isalpha()]
        if "..." in term:
            shape = [2] + shape
        if d.wrong and shape:
            shape[-1] += 1
        operands.append(d.tensor(shape))
    d.case.code = f"torch.einsum('{equation}', {', '.join(operands)})"


# --- views and copies ----------------------------------------------------------------------------
@operation("Tensor.view", "Tensor.reshape", "Tensor.flatten", "torch.flatten", "Tensor.unflatten", "Tensor.unsqueeze",
           "Tensor.expand", "Tensor.repeat", "Tensor.permute", "Tensor.flip", "Tensor.transpose", "Tensor.roll",
           "Tensor.narrow", "Tensor.select", "Tensor.chunk", "Tensor.split", "Tensor.unbind", "Tensor.tril", "Tensor.triu",
           weight=1.2)
def reshaping(d, name):
    some_dtype(d, 0.85)
    d.case.mode = "exact"
    kind = name.split(".")[1]
    shape = d.shape(2 if kind in ("tril", "triu") else 1 if kind in ("unflatten", "roll", "narrow", "select", "chunk", "split", "unbind", "flip") else 0, 4)
    if kind == "unbind":
        shape = [min(s, 12) for s in shape]
    x = d.tensor(shape)
    rank, count = len(shape), math.prod(shape)
    dim = d.dim(rank)
    at = shape[dim] if -rank <= dim < rank else 1
    match kind:
        case "view" | "reshape":
            options = [[-1], [count], [1, -1], [*shape[:1], -1], [*shape, 1], [1, *shape], [*shape[:-2], -1], [-1, *shape[1:]]]
            if d.wrong:
                options = [[count + 1], [7, -1], [-1, -1], [3, *shape]]
            arguments = d.one(options)
        case "flatten":
            a, b = sorted([d.int(0, max(rank - 1, 0)), d.int(0, max(rank - 1, 0))])
            arguments = [a, b] if d.chance(0.7) else []
        case "unflatten":
            arguments = [dim, d.one([f"({at}, 1)", f"(1, -1)", f"({at}, -1)" if at else "(0, 1)"])]
            if d.wrong:
                arguments[1] = f"({at + 1}, 2)"
        case "unsqueeze":
            arguments = [d.dim(rank + 1)]
        case "expand":
            arguments = [*([d.int(1, 3)] if d.chance(0.4) and count < 1e6 else []), *[-1 if d.chance(0.3) else s for s in shape]]
            ones = [i for i, s in enumerate(shape) if s == 1]
            if ones and count < 1e5:
                arguments[d.one(ones) - rank] = d.int(0 if d.empty else 2, 9)
            if not arguments:
                arguments = [3]
        case "repeat":
            arguments = [d.int(0 if d.empty else 1, 3) for _ in range(rank + d.int(0, 1))] if count < 3e5 else [1] * rank
            arguments = arguments or [2]
        case "permute":
            arguments = d.rng.sample(range(rank), rank) if rank else ["()"]
        case "flip":
            arguments = d.rng.sample(range(rank), d.int(1, rank))
        case "transpose":
            arguments = [dim, d.dim(rank)]
        case "roll":
            arguments = [d.int(-5, 600), dim]
        case "narrow":
            start = d.int(0, at)
            arguments = [dim, start, d.int(0, at - start) + (2 if d.wrong else 0)]
        case "select":
            arguments = [dim, d.int(-at, max(at - 1, 0))]
        case "chunk":
            arguments = [d.int(1, 7), dim]
        case "split":
            first = d.int(0, at)
            arguments = [d.one([max(1, at // 3), max(1, at), f"[{first}, {at - first}]"]), dim]
            if d.wrong:
                arguments[0] = f"[{first}, {at - first + 1}]"
        case "unbind":
            arguments = [dim]
        case "tril" | "triu":
            arguments = [d.int(-5, 5)] if d.chance(0.7) else []
    d.case.code = called(name, x, *arguments)


@operation("torch.cat", "torch.concat", "torch.stack", weight=1.5)
def joining(d, name):
    dtype = some_dtype(d, 0.85)
    shape = d.fit(d.shape(0 if name == "torch.stack" else 1), max(500, d.budget // 3))
    rank = len(shape)
    dim = d.int(-rank, rank - 1) if rank else 0
    parts = []
    for _ in range(d.int(1, 5)):
        own = list(shape)
        if name != "torch.stack" and rank:
            own[dim] = d.int(0 if d.chance(0.1) else 1, max(1, shape[dim]))
        if d.wrong and rank:
            own[(dim + 1) % rank] += 1
        other = d.one(ALL) if d.chance(0.06) else dtype
        if other != dtype:
            d.case.wide = False
        parts.append(d.tensor(own, other))
    d.case.mode = "exact"
    d.case.code = f"{name}([{', '.join(parts)}], {dim})"


# --- sorting, indexing ---------------------------------------------------------------------------
@operation("Tensor.sort", "Tensor.argsort", "Tensor.topk", "Tensor.median")
def ordering(d, name):
    some_dtype(d, 0.8)
    shape = d.shape(1, 4)
    if name in ("Tensor.topk", "Tensor.median"):
        d.float_dtype(0)
    rank = len(shape)
    x = d.tensor(shape, kind="distinct", layout=name not in ("Tensor.topk", "Tensor.median"))
    dim = d.dim(rank)
    size = shape[dim] if -rank <= dim < rank else 1
    d.case.mode = "exact"
    match name:
        case "Tensor.sort":
            d.case.code = f"{x}.sort({dim}, {d.chance(0.5)}, stable=True)" if d.chance(0.5) else f"{x}.sort(stable=True, dim={dim})"
            d.case.code = d.case.code.replace(f"{x}.sort({dim}, ", f"{x}.sort(dim={dim}, descending=")
        case "Tensor.argsort":
            d.case.dtype = d.one(["float32", "float64"])
            d.case.inputs["x"] = d.values(list(d.case.inputs["x"].shape), d.case.dtype, "distinct")
            d.case.grads = []
            if ".expand" in x:
                x = "x"
            d.case.code = f"{x}.argsort({d.dim(x_rank(d, x))}, {d.chance(0.5)})"
        case "Tensor.topk":
            d.case.code = f"{x}.topk({d.int(0, size) + (1 if d.wrong else 0)}, {dim}, {d.chance(0.7)})"
        case "Tensor.median":
            d.case.code = d.one([f"{x}.median()", f"{x}.median({dim})", f"{x}.median({dim}, True)"])


@operation("Tensor.index_select", "Tensor.gather", "Tensor.scatter", "Tensor.scatter_add", "Tensor.index_add", weight=1.5)
def gathering(d, name):
    some_dtype(d, 0.9)
    kind = name.split(".")[1]
    shape = d.shape(1, 4)
    rank = len(shape)
    dim = d.int(-rank, rank - 1)
    size = shape[dim]
    x = d.tensor(shape)
    d.case.mode = "exact" if kind in ("index_select", "gather", "scatter") else "sum"
    if kind in ("index_select", "index_add"):
        count = d.int(1, max(1, min(2 * size, 300)))
        i = d.indices([count], size)
        if kind == "index_select":
            d.case.code = f"{x}.index_select({dim}, {i})"
            return
        own = list(shape)
        own[dim] = count
        source = d.tensor(own)
        d.case.code = f"{x}.index_add({dim}, {i}, {source})"
        return
    own = [d.int(1, max(1, s)) for s in shape]
    own[dim] = d.int(1, max(1, min(2 * size, 300))) if kind != "scatter" else min(own[dim], max(size, 1))
    i = d.indices(own, size)
    if kind == "gather":
        d.case.code = f"{x}.gather({dim}, {i})"
        return
    if kind == "scatter" and size:
        # Indices that are the same twice leave open which value stays.
        order = torch.argsort(torch.rand([*own[:dim % rank], size, *own[dim % rank + 1:]], generator=d.torch), dim)
        d.case.inputs["i"] = order.narrow(dim, 0, own[dim]).contiguous()
        i = "i"
    source = d.tensor([s + (d.int(0, 2) if d.chance(0.2) else 0) for s in own])
    d.case.code = f"{x}.{kind}({dim}, {i}, {source})"


def index_text(d, shape):
    """A random index of a tensor."""
    parts, tensors = [], d.chance(0.35)
    size = None
    for s in shape[: d.int(1, len(shape))]:
        if tensors and d.chance(0.6) and s:
            size = size or d.one([[d.int(1, 9)], [2, 3], []])
            parts.append(d.indices(size if d.chance(0.8) else [1], s, negative=True, layout=False))
            if len(d.case.inputs) > 3:
                tensors = False
            continue
        kind = d.one(["int", "slice", "slice", "step", "all"])
        if kind == "int" and s:
            parts.append(str(d.int(-s, s - 1 + (1 if d.wrong else 0))))
        elif kind == "step":
            parts.append(f"{d.one(['', d.int(0, s)])}::{d.int(1, 4)}")
        elif kind == "slice":
            parts.append(f"{d.one(['', d.int(-s - 1, s)])}:{d.one(['', d.int(-s, s + 2)])}")
        else:
            parts.append(":")
    if d.chance(0.15):
        parts.insert(d.int(0, len(parts)), "None")
    if d.chance(0.15):
        parts.insert(0 if d.chance(0.3) and len(parts) < len(shape) else len(parts), "...")
    return ", ".join(parts)


@operation("index", "Tensor.__setitem__", weight=3)
def indexing(d, name):
    dtype = some_dtype(d, 0.85)
    shape = d.shape(1, 4)
    d.case.mode = "exact"
    x = d.tensor(shape)
    if d.chance(0.1):
        mask = d.tensor(shape[: d.int(1, len(shape))], "bool", name="k", layout=False)
        by = mask
    else:
        by = index_text(d, shape)
    if name == "index":
        d.case.code = f"{x}[{by}]"
        return
    if any(n in by for n in "ij"):
        # The same place twice leaves open which value stays.
        value = d.number() if dtype in FLOATS else str(d.int(0, 3))
    elif d.chance(0.5):
        value = d.number() if dtype in FLOATS else str(d.int(0, 3))
    else:
        try:
            part = list(eval(f"{x}[{by}]", {**d.case.inputs}).shape)
        except Exception:
            part = [1]
        value = d.tensor(d.broadcast(part), dtype, name="v")
    d.case.code = f"z = {x}.clone()\nz[{by}] = {value}\nz"


# --- in place ------------------------------------------------------------------------------------
@operation("Tensor.add_", "Tensor.sub_", "Tensor.mul_", "Tensor.div_", "Tensor.pow_", "Tensor.neg_", "Tensor.zero_",
           "Tensor.relu_", "Tensor.fill_", "Tensor.copy_", "Tensor.clamp_",
           *[f"operator {o}=" for o in ("+", "-", "*", "/", "**")])
def in_place(d, name):
    dtype = some_dtype(d, 0.85)
    kind = name.split(".")[-1].rstrip("_") if "." in name else BINARY_NAMES[name.split()[1]]
    shape = d.shape()
    d.case.mode = "element"
    x = d.tensor(shape, kind="positive" if kind == "pow" else "normal")
    start = f"z = {x}.clone()\n" if d.chance(0.7) else f"z = {x} * 1\n"
    if kind in ("add", "sub", "mul", "div", "pow", "copy"):
        other = d.one(ALL) if d.chance(0.15) else dtype
        if other != dtype:
            d.case.wide = False
        if d.chance(0.3) and kind != "copy":
            y = d.one([str(d.int(1, 3)), d.number(0.5, 3)])
            if dtype not in FLOATS:
                d.case.wide = False
        else:
            y = d.tensor(d.broadcast(shape) if d.chance(0.4) else shape, other, kind="positive" if kind == "div" else "normal")
        call = f"z {name.split()[1]} {y}" if name.startswith("operator") else f"z.{kind}_({y})"
    elif kind == "fill":
        call = f"z.fill_({d.number() if dtype in FLOATS else d.int(0, 5)})"
    elif kind == "clamp":
        low = d.int(-2, 1)
        call = f"z.clamp_({low}, {low + d.int(0, 2)})" if dtype in FLOATS + ["int64", "int32"] else "z.clamp_(0, 3)"
    else:
        call = f"z.{kind}_()"
    d.case.code = f"{start}{call}\nz"
    if dtype == "bool":
        d.case.wide = False


BINARY_NAMES = {"+=": "add", "-=": "sub", "*=": "mul", "/=": "div", "**=": "pow"}


# --- creation and random numbers -----------------------------------------------------------------
@operation("torch.zeros", "torch.ones", "torch.full", "torch.zeros_like", "torch.ones_like", "torch.tensor", "torch.arange",
           "torch.linspace", "torch.eye", "torch.empty", weight=0.4)
def creation(d, name):
    some_dtype(d, 0.7)
    kind = name.split(".")[1]
    d.case.wide = False
    shape = d.shape()
    match kind:
        case "zeros" | "ones":
            d.case.code = f"{name}({shape}, dtype=torch.{d.case.dtype})" if d.chance(0.7) else f"{name}({shape})"
        case "empty":
            d.case.code = f"torch.empty({shape}).fill_({d.number()})"
        case "full":
            value = d.one([d.number(), str(d.int(0, 9)), "True"])
            dtype = f", dtype=torch.{d.one(FLOATS)}" if d.chance(0.5) else ""
            d.case.code = f"torch.full({shape}, {value}{dtype})"
        case "zeros_like" | "ones_like":
            d.case.code = f"{name}({d.tensor(shape, grad=0)})"
        case "tensor":
            d.case.code = f"torch.tensor({d.one([d.number(), str(d.int(-9, 9)), '[[1.5, 2], [3, -4]]', '[True, False]', '[]', '[1, 2.5]', '[[0, 7]]'])})"
        case "arange":
            start, step = d.one([0, 1, -3, 0.5]), d.one([1, 2, 0.1, 0.25, 3])
            d.case.code = f"torch.arange({start}, {start + d.int(0, 50)}, {step})" if d.chance(0.7) else f"torch.arange({d.int(0, 1000)})"
        case "linspace":
            dtype = d.one(["", ", dtype=torch.float64", ", dtype=torch.int64"])
            d.case.code = f"torch.linspace({d.number()}, {d.number()}, {d.int(0, 1000)}{dtype})"
        case "eye":
            d.case.code = f"torch.eye({d.int(0, 60)})"
    # PyTorch counts in f32, by vectors.
    d.case.mode = "sum" if kind in ("arange", "linspace") else "element"


@operation("torch.rand", "torch.randn", "torch.randperm", "torch.randint", "torch.normal", "torch.rand_like", "torch.randn_like",
           "torch.bernoulli", "Tensor.uniform_", "Tensor.normal_", "Tensor.bernoulli_", "Tensor.exponential_", "Tensor.random_",
           weight=0.6)
def random_numbers(d, name):
    d.float_dtype(0.04)
    d.case.wide, d.case.mode, d.special = False, "element", False
    shape = d.shape()
    kind = name.split(".")[1]
    match kind:
        case "rand" | "randn":
            d.case.code = f"{name}({shape}, dtype=torch.{d.case.dtype})"
        case "randperm":
            d.case.code = f"torch.randperm({d.int(0, 5000)})"
        case "randint":
            d.case.code = f"torch.randint({d.int(-5, 0)}, {d.one([1, 10, 1000, 2**31, 2**40])}, {shape})"
        case "normal":
            d.case.code = f"torch.normal({d.number()}, {abs(float(d.number()))}, {shape})"
        case "rand_like" | "randn_like":
            d.case.code = f"{name}({d.tensor(shape, grad=0)})"
        case "bernoulli":
            x = d.tensor(shape, kind="unit", grad=0)
            d.case.code = f"torch.bernoulli({x})"
        case "bernoulli_":
            d.case.code = f"z = {d.tensor(shape, grad=0)}.clone()\nz.bernoulli_({d.number(0, 1)})\nz"
        case "random_":
            arguments = d.one([str(d.int(1, 1000)), f"{d.int(-9, 0)}, {d.int(1, 100)}", ""])
            d.case.code = f"z = {d.tensor(shape, grad=0)}.clone()\nz.random_({arguments})\nz"
        case "uniform_":
            d.case.code = f"z = {d.tensor(shape, grad=0)}.clone()\nz.uniform_({d.number(-3, 0)}, {d.number(0, 3)})\nz"
        case "normal_":
            d.case.code = f"z = {d.tensor(shape, grad=0)}.clone()\nz.normal_({d.number()}, {d.number(0, 3)})\nz"
        case "exponential_":
            d.case.code = f"z = {d.tensor(shape, grad=0)}.clone()\nz.exponential_({d.number(0.5, 3)})\nz"


@operation("torch.no_grad", "torch.autograd.grad", weight=0.4)
def graphs(d, name):
    d.float_dtype(0)
    shape = d.shape()
    x = d.tensor(shape, grad=1)
    y = d.tensor(d.broadcast(shape), grad=1)
    if name == "torch.no_grad":
        d.case.code = f"with torch.no_grad():\n    z = {x} * {y}\n{x} + z"
    else:
        d.case.grads = []
        leaves = f"a = {x}.clone()\na.requires_grad_()\nb = {y}.clone()\nb.requires_grad_()"
        d.case.code = f"{leaves}\ntorch.autograd.grad((a * b).sigmoid().sum(), [a, b])"
