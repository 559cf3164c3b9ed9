"""Cases of products beside those of matrices, shapes, diagonals, stacks, parts, differences and distances."""
import math

from .draw import FLOATS, INTS
from .registry import called, operation
from .tensor_operations import both, matrix_sizes, some_dtype


def small(d, low, high, budget=20_000):
    return d.fit(d.shape(low, high), budget)


def scalar(d):
    return d.one([d.number(), str(d.int(-3, 3))]) if d.case.dtype in FLOATS else str(d.int(-3, 3))


@operation(*both("addbmm", "addmm", "addmv", "addr", "baddbmm"), weight=1.5)
def added_product(d, name):
    d.float_dtype()
    if d.chance(0.05):
        d.case.dtype = d.one(INTS)
    n, k, m = [s // 2 + 1 for s in matrix_sizes(d)] if not d.empty else matrix_sizes(d)
    b, off = d.int(0 if d.empty else 1, 4), 1 if d.wrong else 0
    kind = name.split(".")[1]
    starts, first, second = {
        "addmm": ([[n, m], [m], [1, m], [n, 1], []], [n, k], [k + off, m]),
        "baddbmm": ([[b, n, m], [1, n, m], [1, 1, m]], [b, n, k], [b, k + off, m]),
        "addbmm": ([[n, m], [m], [1, m], [n, 1]], [b, n, k], [b, k + off, m]),
        "addmv": ([[n], [1], []], [n, k], [k + off]),
        "addr": ([[n, m], [m], [n, 1], [m + off]], [n], [m]),
    }[kind]
    start, x, y = d.tensor(d.one(starts)), d.tensor(first), d.tensor(second)
    options = [o for o in (f"beta={scalar(d)}", f"alpha={scalar(d)}") if d.chance(0.5)]
    d.case.code = called(name, start, x, y, *options)


@operation(*both("inner", "outer", "vdot", "kron", "trace", "cross"), "torch.linalg.cross", "torch.tensordot", weight=1.2)
def product(d, name):
    d.float_dtype()
    if d.chance(0.06):
        d.case.dtype = d.one(INTS[:2])
    kind, off = name.split(".", 1)[1], 1 if d.wrong else 0
    arguments = []
    match kind:
        case "inner":
            k = d.one([1, 2, 5, 17, 64])
            x, y = [d.tensor([*small(d, 0, 2, 500), k + o]) if d.chance(0.9) else d.tensor([]) for o in (0, off)]
        case "outer":
            x, y = d.tensor([d.int(0, 400)]), d.tensor([d.int(1, 400)] + [1] * off)
        case "vdot":
            n = d.int(1, min(d.budget, 100_000))
            x, y = d.tensor([n]), d.tensor([n + off])
        case "kron":
            # PyTorch cannot view what it makes of two tensors of other layouts.
            x, y = d.tensor(small(d, 0, 3, 100), layout=False), d.tensor(small(d, 0, 3, 100), layout=False)
        case "trace":
            x, y = d.tensor([d.int(0, 60), d.int(1, 60)] + [1] * off), None
        case "cross" | "linalg.cross":
            shape = small(d, 0, 3)
            at = d.int(0, len(shape))
            shape.insert(at, 3 + off)
            x, y = d.tensor(shape), d.tensor(d.one([shape, [1 if i != at and d.chance(0.3) else s for i, s in enumerate(shape)]]))
            if kind == "linalg.cross" or d.chance(0.6):
                arguments = [f"dim={at if d.chance(0.5) else at - len(shape)}"]
        case "tensordot":
            shared = d.fit([d.one([1, 2, 3, 5, 8]) for _ in range(d.int(0, 2))], 40)
            rows, cols = small(d, 0, 2, 200), small(d, 0, 2, 200)
            x = d.tensor([*rows, *shared])
            if d.chance(0.4):
                y, arguments = d.tensor([*shared, *cols]), [f"dims={len(shared)}"]
            else:
                order = d.rng.sample(range(len(shared)), len(shared))
                y = d.tensor([*cols, *[shared[i] + off for i in order]])
                own = [len(rows) + i for i in order]
                others = [i - len(shared) for i in range(len(shared))]
                arguments = [f"dims=({own}, {others})"]
    d.case.code = called(name, x, y, *arguments)


@operation(*both("diag", "diagflat", "diag_embed", "diagonal", "diagonal_scatter", "select_scatter", "slice_scatter"))
def diagonals(d, name):
    some_dtype(d, 0.85)
    d.case.mode = "exact"
    kind = name.split(".")[1]
    if kind in ("diag", "diagflat"):
        shape = small(d, 1, 2, 300) if kind == "diag" else small(d, 0, 3, 100)
        d.case.code = called(name, d.tensor(shape), d.int(-4, 4) if d.chance(0.7) else None)
        return
    rank = d.int(1 if kind == "diag_embed" else 2, 3)
    shape = small(d, rank, rank, 2_000)
    all = rank + (kind == "diag_embed")
    a, b = d.rng.sample(range(all), 2) if all > 1 else (0, 0)
    if d.wrong:
        b = d.one([a, all])
    dims = [f"dim1={a - (all if d.chance(0.5) else 0)}", f"dim2={b}"]
    offset = d.int(-4, 4)
    x = d.tensor(shape)
    off = [1] if d.wrong and d.chance(0.5) else []
    match kind:
        case "diag_embed":
            arguments = [f"offset={offset}", *(dims if d.chance(0.6) else [])]
        case "diagonal":
            arguments = [offset, *(dims if d.chance(0.6) else [])]
        case "diagonal_scatter":
            b = min(b, rank - 1)
            length = max(0, min(shape[a], shape[b] - offset) if offset >= 0 else min(shape[a] + offset, shape[b]))
            rest = [s for i, s in enumerate(shape) if i not in (a, b)]
            arguments = [d.tensor([*rest, length, *off], name="v"), offset, *dims]
        case "select_scatter":
            at = shape[a]
            rest = shape[:a] + shape[a + 1:]
            arguments = [d.tensor([*rest, *off], name="v"), a, d.int(-at, at - 1 if at else 0)]
        case "slice_scatter":
            start, end, step = d.int(-shape[a] - 1, shape[a]), d.int(-shape[a], shape[a] + 2), d.int(1, 3)
            count = len(range(*slice(start, end, step).indices(shape[a])))
            part = [*shape[:a], count, *shape[a + 1:], *off]
            arguments = [d.tensor(part, name="v"), a, start, end, step]
    d.case.code = called(name, x, *arguments)


@operation(*both("broadcast_to", "ravel", "movedim", "moveaxis", "swapaxes", "rot90", "fliplr", "flipud", "tile",
                 "repeat_interleave"), "Tensor.expand_as", "Tensor.reshape_as", "Tensor.view_as", "Tensor.swapdims",
           "Tensor.sum_to_size", "Tensor.unfold", *[f"torch.atleast_{n}d" for n in (1, 2, 3)])
def shapes(d, name):
    some_dtype(d, 0.85)
    kind = name.split(".")[1]
    d.case.mode = "sum" if kind in ("sum_to_size", "unfold") else "exact"
    shape = small(d, 0, 4, 100_000)
    rank = len(shape)
    x = d.tensor(shape)
    dim = d.dim(rank)
    match kind:
        case "broadcast_to":
            arguments = [repr(tuple([d.int(1, 3)] * d.int(0, 1) + [d.int(1, 4) if s == 1 else s + (1 if d.wrong else 0) for s in shape]))]
        case "expand_as" | "reshape_as" | "view_as":
            other = [2, *shape] if kind == "expand_as" else [*shape[:-1], 1, *shape[-1:]] if d.chance(0.5) else [math.prod(shape)]
            if d.wrong:
                other = [7, 3]
            arguments = [d.tensor(other, grad=0, name="v", layout=False)]
        case "movedim" | "moveaxis":
            count = d.int(0, rank)
            pair = [d.rng.sample(range(rank), count), d.rng.sample(range(-rank, 0), count)]
            if d.wrong:
                pair[0] = [rank] * count
            arguments = pair if count != 1 or d.chance(0.5) else [pair[0][0], pair[1][0]]
        case "swapaxes" | "swapdims":
            arguments = [dim, d.dim(rank)]
        case "rot90":
            arguments = [d.int(-5, 5), repr([dim, d.dim(rank)])]
        case "tile":
            arguments = [repr(tuple(d.int(0 if d.empty else 1, 3) for _ in range(d.int(0, rank + 1))))]
        case "sum_to_size":
            arguments = [repr(tuple([1 if d.chance(0.5) else s + (1 if d.wrong else 0) for s in shape][d.int(0, rank):]))]
            d.case.wide = d.case.dtype in FLOATS
        case "unfold":
            at = shape[dim] if -rank <= dim < rank and rank else 1
            arguments = [dim, d.int(0, at) + (2 if d.wrong else 0), d.int(1, 4)]
        case "repeat_interleave":
            along = None if d.chance(0.4) else dim
            at = math.prod(shape) if along is None else shape[dim] if -rank <= dim < rank and rank else 1
            if d.chance(0.5) or at > 3000:
                arguments = [d.int(0, 3), f"dim={along}"]
            else:
                counts = d.indices([d.one([at, at, 1]) + (1 if d.wrong else 0)], 4, dtype=d.one(["int64", "int32"]))
                arguments = [counts, f"dim={along}"]
            if d.wrong and d.chance(0.3):
                arguments.append("output_size=7")
        case _:
            arguments = []
    d.case.code = called(name, x, *arguments)


@operation(*both("hsplit", "vsplit", "dsplit", "split_with_sizes", "tensor_split"))
def parts(d, name):
    some_dtype(d, 0.85)
    d.case.mode = "exact"
    kind = name.split(".")[1]
    shape = small(d, 1, 4, 100_000)
    x = d.tensor(shape)
    dim = d.dim(len(shape))
    at = shape[dim] if -len(shape) <= dim < len(shape) else 1
    cuts = repr([d.int(-at - 1, at + 1) for _ in range(d.int(0, 3))])
    match kind:
        case "split_with_sizes":
            first = d.int(0, at)
            arguments = [repr([first, at - first + (1 if d.wrong else 0)]), dim]
        case "tensor_split":
            at = d.one([cuts, str(d.int(1, 5)), d.indices([2] if d.chance(0.7) else [3], 5, layout=False)])
            arguments = [at, dim]
        case _:
            arguments = [d.one([cuts, "1", "2", "3"])]
    d.case.code = called(name, x, *arguments)


@operation(*[f"torch.{n}" for n in ("hstack", "vstack", "row_stack", "dstack", "column_stack", "block_diag",
                                    "broadcast_tensors", "meshgrid", "cartesian_prod", "combinations")])
def stacks(d, name):
    some_dtype(d, 0.85)
    d.case.mode = "exact"
    kind = name.split(".")[1]
    match kind:
        case "combinations":
            x = d.tensor([d.int(0, 7)] + [1] * d.wrong)
            d.case.mode = "sum"
            d.case.code = f"{name}({x}, r={d.int(0, 4)}, with_replacement={d.chance(0.5)})"
            return
        case "meshgrid" | "cartesian_prod":
            d.case.mode = "sum"
            tensors = [d.tensor([d.int(0 if d.empty else 1, 9)] + [1] * (d.wrong and d.chance(0.5))) for _ in range(d.int(1, 4))]
        case "block_diag":
            # Behind an empty one PyTorch takes gradients from the wrong places.
            tensors = [d.tensor([max(1, s) for s in small(d, 0, 2, 200)]) for _ in range(d.int(1, 4))]
        case "broadcast_tensors":
            d.case.mode = "sum"
            shape = small(d, 0, 3, 5_000)
            tensors = [d.tensor(d.broadcast(shape)) for _ in range(d.int(1, 4))]
        case _:
            shape = small(d, 0, 4)
            tensors = [d.tensor(shape) for _ in range(d.int(1, 4))]
            if d.wrong:
                tensors.append(d.tensor([*shape, 2]))
    listed = ", ".join(tensors)
    if kind == "meshgrid":
        d.case.code = f"{name}({listed}, indexing='{d.one(['ij', 'xy'])}')"
    elif kind in ("block_diag", "broadcast_tensors", "cartesian_prod"):
        d.case.code = f"{name}({listed})"
    else:
        d.case.code = f"{name}([{listed}])"


@operation(*both("diff", "gradient", "trapezoid", "trapz", "cumulative_trapezoid"))
def samples(d, name):
    d.float_dtype()
    if d.chance(0.08):
        d.case.dtype = d.one(INTS + ["bool"])
        d.case.wide = False
    d.special = False
    kind = name.split(".")[1]
    # Differences and integrals are functions of torch alone, but for `diff`.
    name = name if kind == "diff" else f"torch.{kind}"
    shape = small(d, 1, 3, 30_000)
    rank = len(shape)
    dim = d.int(-rank, rank - 1)
    if kind == "gradient":
        shape = [max(3, s) for s in shape] if not d.wrong else shape
        x = d.tensor(shape)
        dims = d.rng.sample(range(rank), d.int(1, rank))
        options = [f"edge_order={d.int(1, 2)}"]
        choice = d.int(0, 3)
        if choice == 1:
            options.append(f"spacing={d.number(0.5, 3)}")
        elif choice == 2:
            options += [f"spacing={[0.5 + i for i in range(len(dims))]}", f"dim={tuple(dims)}"]
        elif choice == 3:
            at = [d.tensor([shape[i]], kind="distinct", grad=0, name=f"s{i}", layout=False) for i in dims]
            options += [f"spacing=[{', '.join(at)}]", f"dim={tuple(dims)}"]
        d.case.code = called(name, x, *options)
        return
    x = d.tensor(shape)
    if kind == "diff":
        part = [*shape]
        part[dim] = d.int(0, 2)
        if d.wrong:
            part = [2, *part]
        options = [f"n={d.int(0, 4)}", f"dim={dim}"]
        options += [f"{end}={d.tensor(part)}" for end in ("prepend", "append") if d.chance(0.4)]
    else:
        choice = d.int(0, 2)
        options = [f"dim={dim}"]
        if choice == 1:
            options.append(f"dx={d.number(0.5, 3)}")
        elif choice == 2:
            options.insert(0, d.tensor(d.one([[shape[dim] + (1 if d.wrong else 0)], shape])))
    d.case.code = called(name, x, *options)


@operation("torch.cdist", "F.pdist", *both("dist"), "torch.pdist", weight=2)
def distances(d, name):
    d.float_dtype(0)
    if d.case.dtype not in ("float32", "float64"):
        d.case.dtype = "float32"
    d.special = False
    norm = d.one(["2.0", "2.0", "1.0", "1.5", "3.0", "0.0", "math.inf", "0.7", "10.0", "-1.0" if d.wrong else "2.0"])
    if name.endswith(".dist"):
        shape = small(d, 0, 3)
        d.case.code = called(name, d.tensor(shape), d.tensor(d.broadcast(shape)), norm)
        return
    k = d.one([1, 2, 3, 5, 16, 17, 33, 64])
    if name.endswith("pdist"):
        # PyTorch divides by zero, and ends, in the gradient of no rows.
        rows = d.int(0, 30)
        d.case.code = called(name, d.tensor([rows, k], grad=0.85 if rows else 0), norm)
        return
    batch = d.one([[], [], [2], [3, 1]])
    other = d.one([batch, [], [1] * len(batch)])
    x, y = d.tensor([*batch, d.int(1, 40), k]), d.tensor([*other, d.int(1, 40), k + (1 if d.wrong else 0)])
    mode = d.one([None, "'use_mm_for_euclid_dist'", "'donot_use_mm_for_euclid_dist'"])
    d.case.code = called(name, x, y, norm, mode)


@operation("torch.logspace", "torch.full_like", "torch.tril_indices", "torch.triu_indices",
           "Tensor.new_zeros", "Tensor.new_ones", "Tensor.new_full", weight=0.4)
def created(d, name):
    kind = name.split(".")[1]
    d.case.wide = False
    d.case.mode = "exact"
    if kind == "logspace":
        d.case.mode = "sum"
        dtype = d.one(["float32", "float32", "float64", "int64"])
        ends = [d.int(-4, 4) if dtype == "int64" or d.chance(0.5) else d.number(), d.int(-4, 4)]
        base = f", base={d.one([2, 10, 2.5])}" if d.chance(0.5) else ""
        if dtype == "int64":
            ends = [abs(e) for e in ends]
        d.case.code = f"{name}({ends[0]}, {ends[1]}, {d.int(0, 60)}{base}, dtype=torch.{dtype})"
    elif kind.endswith("indices"):
        d.case.code = f"{name}({d.int(0, 12)}, {d.int(0, 12)}, {d.int(-14, 14)})"
    else:
        some_dtype(d, 0.7)
        x = d.tensor(small(d, 0, 3), grad=0, layout=False)
        value = str(d.int(0, 3))
        size = repr(tuple(d.shape(0, 2))) if kind != "full_like" else None
        d.case.code = called(name, x, size, value if "full" in kind else None)
