"""Rows of the tables: what a case runs, on which values."""
import torch

from samples.text import Inputs

generator = torch.Generator().manual_seed(20)


def randn(*shape, dtype=torch.float32):
    """Normal values; a gradient is asked of them."""
    return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()


def rand(*shape, dtype=torch.float32):
    """Values between 0 and 1; a gradient is asked of them."""
    return torch.rand(*shape, generator=generator, dtype=dtype).requires_grad_()


def integers(low, high, *shape, dtype=torch.int64):
    """Whole numbers from `low` up to, not including, `high`."""
    return torch.randint(low, high, shape, generator=generator, dtype=dtype)


def _inputs(tensors):
    inputs = Inputs()
    for name, tensor in tensors.items():
        inputs(tensor, name)
    return inputs


class Op:
    """Python text, whose last line is the result, with its tensors by name. Every dtype case is f32 unless it says so."""

    def __init__(self, id, code, dtype="float32", seed=11, **tensors):
        self.id, self.code, self.dtype, self.seed = id, code, dtype, seed
        self.inputs = _inputs(tensors)


class Module:
    """A class of torch.nn with its keyword arguments, called as `code` says (by default on all tensors in order).

    Its initial values under `seed` are part of the case.
    """

    def __init__(self, cls, kwargs, code=None, mode="train", dtype="float32", seed=11, **tensors):
        self.cls, self.kwargs, self.mode, self.dtype, self.seed = cls, kwargs, mode, dtype, seed
        self.code = code or f"m({', '.join(tensors)})"
        self.inputs = _inputs(tensors)
