"""Draws what one case consists of: shapes as networks have them, values, layouts in memory."""
import math
import random

import torch

DTYPES = {
    "float32": torch.float32, "float64": torch.float64, "float16": torch.float16,
    "bfloat16": torch.bfloat16, "int64": torch.int64, "int32": torch.int32,
    "int16": torch.int16, "int8": torch.int8, "uint8": torch.uint8, "bool": torch.bool,
}
FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTS = ["int64", "int32", "int16", "int8", "uint8"]

BATCHES = [1, 1, 2, 2, 3, 4, 5, 8]
CHANNELS = [1, 2, 3, 4, 7, 8, 16, 24, 32, 33, 40, 64, 80, 96, 112, 128, 130, 160, 192, 256, 320, 512]
FEATURES = [1, 2, 3, 5, 7, 10, 16, 31, 32, 33, 64, 100, 127, 128, 130, 192, 256, 384, 512, 768, 1000, 1280]
SEQUENCES = [1, 2, 3, 7, 12, 16, 31, 32, 49, 50, 64, 77, 100, 128, 196, 197, 256]
CLASSES = [2, 3, 5, 10, 21, 100, 365, 1000]
SIDES = [1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 16, 17, 19, 28, 31, 32, 33, 40, 56, 57, 64, 65, 75, 97, 112, 113,
         128, 129, 160, 191, 224, 225, 255, 256, 257, 299, 320, 384, 511, 512]
DIMS = [1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 24, 31, 32, 33, 64, 65, 100, 127, 128, 129, 200, 257]


class Case:
    """What the runner gets, but for PyTorch's results."""

    def __init__(self, operation):
        self.operation = operation
        self.code = None
        self.inputs = {}
        self.grads = []
        self.dtype = "float32"
        self.seed = 0
        # How outputs are compared: "exact", "element" (each by its own size) or "sum" (by the
        # error that rounding the inputs makes).
        self.mode = "sum"
        # Whether a run in f64 is the reference, or only PyTorch in the same dtypes.
        self.wide = True
        self.module = None
        self.training = True


class Draw:
    """The random choices of one case."""

    def __init__(self, operation, key):
        self.rng = random.Random(key)
        self.torch = torch.Generator().manual_seed(self.rng.getrandbits(60))
        self.case = Case(operation)
        self.case.seed = self.rng.randrange(1 << 31)
        # Few cases are large: those are the slow ones.
        self.budget = self.rng.choices(
            [2_000, 30_000, 300_000, 1_500_000, 4_000_000], [36, 34, 22, 7, 1])[0]
        self.layouts = self.rng.random() < 0.4
        self.special = self.rng.random() < 0.06
        self.ties = self.rng.random() < 0.12
        self.empty = self.rng.random() < 0.03
        self.wrong = self.rng.random() < 0.04

    # --- numbers -------------------------------------------------------------------------------
    def chance(self, p):
        return self.rng.random() < p

    def one(self, items):
        return self.rng.choice(items)

    def int(self, low, high):
        return self.rng.randint(low, high)

    def number(self, low=-3.0, high=3.0):
        """A float with few digits, as text."""
        return repr(round(self.rng.uniform(low, high), self.rng.choice([0, 1, 2, 4])))

    def float_dtype(self, half=0.02):
        dtype = self.rng.choices(FLOATS, [0.74 - half / 4, 0.26, half / 8, half / 8])[0]
        self.case.dtype = dtype
        return dtype

    # --- shapes --------------------------------------------------------------------------------
    def fit(self, sizes, budget=None):
        """Halves the largest sizes until the tensor is within the budget."""
        budget = budget or self.budget
        sizes = list(sizes)
        while math.prod(sizes) > budget:
            at = sizes.index(max(sizes))
            sizes[at] = max(1, sizes[at] // 2 + self.int(0, 1) * (sizes[at] > 3))
        return sizes

    def shape(self, low=0, high=4):
        rank = self.rng.choices(range(low, high + 1), [1 if r == 0 else 3 for r in range(low, high + 1)])[0]
        kind = self.rng.random()
        if rank == 4 and kind < 0.6:
            sizes = [self.one(BATCHES), self.one(CHANNELS), self.one(SIDES), self.one(SIDES)]
        elif rank == 3 and kind < 0.6:
            sizes = [self.one(BATCHES), self.one(SEQUENCES), self.one(FEATURES)]
        elif rank == 2 and kind < 0.6:
            sizes = [self.one([1, 2, 8, 16, 32, 33, 64, 128]), self.one(FEATURES)]
        elif rank == 1 and kind < 0.3:
            sizes = [self.int(1, max(2, self.budget))]
        else:
            sizes = [self.one(DIMS) for _ in range(rank)]
        sizes = self.fit(sizes)
        if self.empty and sizes:
            sizes[self.int(0, len(sizes) - 1)] = 0
        return sizes

    def image(self, channels=None, budget=None, low=1):
        """A batch of images: [N, C, H, W]."""
        side = max(low, self.one(SIDES) if self.chance(0.7) else self.int(1, 300))
        other = side if self.chance(0.6) else max(low, self.one(SIDES))
        n, c = self.one(BATCHES), channels or self.one(CHANNELS)
        budget = budget or self.budget
        for _ in range(40):
            if n * c * side * other <= budget:
                break
            if n > 1 and self.chance(0.5):
                n = max(1, n // 2)
            elif channels is None and c > 4 and self.chance(0.4):
                c = max(1, c // 2)
            else:
                side, other = max(low, side * 3 // 4), max(low, other * 3 // 4)
        if self.empty:
            n = 0
        return [n, c, side, other]

    def broadcast(self, shape):
        """A shape that broadcasts with another one."""
        out = [1 if self.chance(0.3) else s for s in shape]
        return out[self.int(0, len(out)):] if self.chance(0.3) else out

    def dim(self, rank):
        """A dimension, from either end; rarely one too many."""
        if self.wrong and self.chance(0.3):
            return rank + self.int(0, 1)
        return self.int(-max(rank, 1), max(rank, 1) - 1)

    # --- values --------------------------------------------------------------------------------
    def values(self, shape, dtype, kind="normal"):
        make = lambda f: f(shape, generator=self.torch, dtype=torch.float64)
        t = DTYPES[dtype]
        if dtype == "bool":
            return make(torch.rand) < 0.5
        if dtype in INTS:
            low, high = (0, 30) if dtype == "uint8" else (-12, 13)
            if kind == "positive":
                low = 1
            if self.special and dtype != "uint8":
                low, high = -120, 121
            return torch.randint(low, high, shape, generator=self.torch, dtype=torch.int64).to(t)
        if kind == "distinct":
            count = math.prod(shape)
            return ((torch.randperm(count, generator=self.torch).to(torch.float64) - count / 2) / 8).reshape(shape).to(t)
        if self.ties:
            values = torch.randint(-3, 4, shape, generator=self.torch).to(torch.float64)
            values = values / self.one([1, 2])
        elif self.chance(0.15):
            values = make(torch.randn) * self.one([1e-3, 10.0, 100.0])
        elif self.chance(0.1):
            values = make(torch.randn) + self.one([-20.0, 3.0, 1000.0])
        else:
            values = make(torch.randn)
        if kind == "positive":
            values = values.abs() + 0.02
        elif kind == "unit":
            values = make(torch.rand)
        if self.special and kind not in ("unit", "positive") and values.numel():
            flat = values.reshape(-1)
            for _ in range(self.int(1, 3)):
                flat[self.int(0, flat.numel() - 1)] = self.one([math.inf, -math.inf, math.nan, 0.0, -0.0])
        return values.to(t)

    def tensor(self, shape, dtype=None, kind="normal", grad=0.85, name=None, layout=True):
        """Adds an input, and returns the expression of a tensor of this shape: the input, or a view of it."""
        dtype = dtype or self.case.dtype
        name = name or "xyzwuvabcd"[len(self.case.inputs)]
        base, expression = list(shape), name
        if layout and self.layouts and shape and self.chance(0.75):
            base, expression = self.layout(list(shape), name)
        self.case.inputs[name] = self.values(base, dtype, kind)
        if dtype in FLOATS and grad and self.chance(grad):
            self.case.grads.append(name)
        return expression

    def indices(self, shape, count, name=None, dtype="int64", negative=False, layout=True):
        """Adds an input of indices below `count`."""
        name = name or "ijk"[sum(n in self.case.inputs for n in "ijk")]
        low = -count if negative and self.chance(0.5) else 0
        high = count + (1 if self.wrong and self.chance(0.5) else 0)
        if count == 0:
            low, high = 0, 1
        base, expression = list(shape), name
        if layout and self.layouts and shape and self.chance(0.4):
            base, expression = self.layout(list(shape), name)
        drawn = torch.randint(low, high, base, generator=self.torch)
        self.case.inputs[name] = drawn.to(DTYPES[dtype])
        return expression

    def layout(self, shape, name):
        rank = len(shape)
        kind = self.one(["transpose", "permute", "step", "narrow", "expand", "select", "flip", "last"])
        d = self.int(0, rank - 1)
        if kind == "transpose" and rank > 1:
            a, b = self.rng.sample(range(rank), 2)
            base = list(shape)
            base[a], base[b] = base[b], base[a]
            return base, f"{name}.transpose({a}, {b})"
        if kind == "permute" and rank > 2:
            order = self.rng.sample(range(rank), rank)
            base = [0] * rank
            for to, source in enumerate(order):
                base[source] = shape[to]
            return base, f"{name}.permute({', '.join(map(str, order))})"
        if kind == "last" and rank == 4:
            return [shape[0], shape[2], shape[3], shape[1]], f"{name}.permute(0, 3, 1, 2)"
        colons = ":, " * d
        base = list(shape)
        if kind == "step" and math.prod(shape) <= 500_000:
            step, start = self.int(2, 3), self.int(0, 1)
            base[d] = max(0, start + (shape[d] - 1) * step + 1 if shape[d] else start)
            return base, f"{name}[{colons}{start or ''}::{step}]"
        if kind == "narrow":
            before = self.int(1, 3)
            base[d] += before + self.int(0, 2)
            return base, f"{name}[{colons}{before}:{before + shape[d]}]"
        if kind == "expand":
            for i in range(rank):
                if self.chance(0.5) or i == d:
                    base[i] = 1
            if self.chance(0.3):
                while base and base[0] == 1:
                    base.pop(0)
            return base, f"{name}.expand({', '.join(map(str, shape))})"
        if kind == "select" and math.prod(shape) <= 500_000:
            base.insert(d, 3)
            return base, f"{name}.select({d}, {self.int(0, 2)})"
        if kind == "flip":
            return base, f"{name}.flip({d})"
        return base, name
