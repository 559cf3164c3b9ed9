"""Writes crates/core/tests/scalars/pytorch.txt: what PyTorch makes of a number and a tensor.

    python tests/interop/scalars.py > crates/core/tests/scalars/pytorch.txt

A line a case: operation, dtype, number, and the result's dtype and elements or the error's first
line, cut. The tensor is [1, -2, 100], [1, 2, 100] if unsigned, [False, True, True] if bool.
"""
import math
import warnings

import torch

warnings.simplefilter("ignore")

HALVES = {"f16": torch.float16, "bf16": torch.bfloat16}
DTYPES = {
    "f32": torch.float32,
    "i64": torch.int64,
    "i32": torch.int32,
    "i8": torch.int8,
    "u8": torch.uint8,
    "bool": torch.bool,
}
NUMBERS = [True, 0, 3, 300, -1, -300, 2**40, -0.5, 2.5, 1e30, 1e300, math.nan, -math.inf]
MASK = torch.tensor([True, False, True])


def base(name, dtype):
    if name == "bool":
        return torch.tensor([False, True, True])
    return torch.tensor([1, 2 if name == "u8" else -2, 100], dtype=dtype)


def put(x, index, value):
    x[index] = value
    return x


# What is there for the half floats, too.
STORED = {
    "fill_": lambda x, s: x.fill_(s),
    "full_of": lambda x, s: torch.full((2,), s, dtype=x.dtype),
    "full_like": lambda x, s: torch.full_like(x, s),
    "masked_fill": lambda x, s: x.masked_fill(MASK, s),
    "masked_fill_": lambda x, s: x.masked_fill_(MASK, s),
    "where": lambda x, s: torch.where(MASK, x, s),
    "where_first": lambda x, s: torch.where(MASK, s, x),
    "pad": lambda x, s: torch.nn.functional.pad(x, (1, 0), value=float(s)),
    "index_put": lambda x, s: put(x, 0, s),
    "index_put_mask": lambda x, s: put(x, MASK, s),
    "index_put_list": lambda x, s: put(x, [0, 2], s),
    "eq": lambda x, s: x == s,
    "ne": lambda x, s: x != s,
    "lt": lambda x, s: x < s,
    "le": lambda x, s: x <= s,
    "gt": lambda x, s: x > s,
    "ge": lambda x, s: x >= s,
    "lt_0d": lambda x, s: x < torch.tensor(s),
}
COMPUTED = {
    "add": lambda x, s: x + s,
    "sub": lambda x, s: x - s,
    "rsub": lambda x, s: s - x,
    "mul": lambda x, s: x * s,
    "div": lambda x, s: x / s,
    "add_": lambda x, s: x.add_(s),
    "sub_": lambda x, s: x.sub_(s),
    "mul_": lambda x, s: x.mul_(s),
    "div_": lambda x, s: x.div_(s),
    "pow": lambda x, s: x**s,
    "rpow": lambda x, s: s**x,
    "pow_": lambda x, s: x.pow_(s),
    "floor_divide": lambda x, s: x // s,
    "remainder": lambda x, s: x % s,
    "clamp_min": lambda x, s: x.clamp(min=s),
    "clamp_max": lambda x, s: x.clamp(max=s),
    "clamp_both": lambda x, s: x.clamp(s, 5),
    "clamp_": lambda x, s: x.clamp_(min=s),
    "maximum_0d": lambda x, s: torch.maximum(x, torch.tensor(s)),
    "minimum_0d": lambda x, s: torch.minimum(x, torch.tensor(s)),
    "lerp": lambda x, s: torch.lerp(x, x.clone(), s),
    "addcmul": lambda x, s: torch.addcmul(x, x, x, value=s),
    "addcmul_": lambda x, s: x.addcmul_(x.clone(), x.clone(), value=s),
    "addcdiv": lambda x, s: torch.addcdiv(x, x, x, value=s),
}


def outcome(function, x, number):
    try:
        y = function(x, number)
    except (RuntimeError, TypeError, OverflowError, IndexError) as error:
        return "error " + str(error).splitlines()[0][:80]
    names = {dtype: name for name, dtype in {**DTYPES, **HALVES}.items()}
    values = " ".join(repr(float(v)).removesuffix(".0") for v in y.tolist())
    return f"{names[y.dtype]} {values}"


for operations, dtypes in [(STORED, {**DTYPES, **HALVES}), (COMPUTED, DTYPES)]:
    for name, function in operations.items():
        for dtype, torch_dtype in dtypes.items():
            for number in NUMBERS:
                result = outcome(function, base(dtype, torch_dtype), number)
                print(f"{name} {dtype} {number}: {result}")
