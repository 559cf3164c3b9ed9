"""Arguments as Python text."""
import math

import numpy
import torch

LARGE = 20_000
DTYPES = {
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
}


class Skipped(Exception):
    """A sample that no case is written of, and why."""


def checked(t):
    """The tensor, if a file can hold it."""
    if t.layout != torch.strided or t.is_quantized:
        raise Skipped("a sparse tensor")
    if t.dtype not in DTYPES:
        raise Skipped(f"a tensor of {t.dtype}")
    if t.device.type != "cpu":
        raise Skipped(f"a tensor on {t.device.type}")
    if t.is_nested:
        raise Skipped("a nested tensor")
    if t.numel() > LARGE:
        raise Skipped("large")
    return t


def scalar(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"
    return repr(value)


def written(value, name, tensor):
    """A value as text; `tensor(t, name)` writes tensors, which have names after the argument's."""
    many = lambda items: [written(x, f"{name}_{i}", tensor) for i, x in enumerate(items)]
    match value:
        case torch.Tensor():
            return tensor(checked(value), name)
        case None | bool() | int() | float() | str():
            return scalar(value)
        case numpy.generic():
            return written(value.item(), name, tensor)
        case torch.dtype():
            return str(value)
        case torch.device():
            return repr(str(value))
        case list():
            return f"[{', '.join(many(value))}]"
        case tuple():
            return f"({', '.join(many(value))}{',' * (len(value) == 1)})"
        case slice():
            return f"slice({', '.join(many((value.start, value.stop, value.step)))})"
    raise Skipped(f"an argument of type {type(value).__name__}")


def without_defaults(kwargs):
    """What says nothing on a CPU."""
    says_nothing = {"device": "cpu", "layout": torch.strided, "pin_memory": False, "requires_grad": False}
    return {k: v for k, v in kwargs.items() if k not in says_nothing or str(v) != str(says_nothing[k])}


def arguments(positional, kwargs, names, tensor):
    """The texts of the positional arguments, and of the keyword arguments as `name=value`."""
    first = [written(v, n, tensor) for n, v in zip(names, positional)]
    return first, [f"{k}={written(v, k, tensor)}" for k, v in without_defaults(kwargs).items()]


def literal(t, name):
    """A tensor as an expression: its shape is what an error is about; integers may be places."""
    dtype = f"dtype={t.dtype}"
    if t.requires_grad:
        raise Skipped("an error about gradients")
    if t.is_floating_point() or not 0 < t.numel() <= 16:
        return f"torch.zeros({written(tuple(t.shape), name, None)}, {dtype})"
    return f"torch.tensor({t.tolist()}, {dtype})"


class Inputs:
    """Tensors by name, as the texts of a case mention them."""

    def __init__(self):
        self.tensors, self.differentiable = {}, []

    def __call__(self, t, name):
        while name in self.tensors:
            name += "_"
        self.tensors[name] = t.detach().clone(memory_format=torch.contiguous_format)
        if t.requires_grad:
            self.differentiable.append(name)
        return name
