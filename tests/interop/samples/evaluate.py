"""What PyTorch makes of a case's text: outputs, gradients, and how closely to compare them."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from compare.reference import evaluate
from compare.syntax import statements

from .text import Skipped, checked

TOLERANCE = {
    "float32": {"rtol": 1e-4, "atol": 2e-5}, "float64": {"rtol": 1e-9, "atol": 1e-11},
    "int64": {"rtol": 1e-4, "atol": 2e-5}, "bool": {"rtol": 1e-4, "atol": 2e-5},
}
COARSE = {torch.float32: [1e-4, 2e-5], torch.float16: [4e-3, 2e-3], torch.bfloat16: [3e-2, 2e-2]}


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def tensors_of(value):
    match value:
        case torch.Tensor():
            return [checked(value)]
        case list() | tuple() if value:
            return [t for item in value for t in tensors_of(item)]
    raise Skipped("a result that is no tensor")


def same(a, b):
    return len(a) == len(b) and all(
        x.dtype == y.dtype and torch.equal(x.nan_to_num(), y.nan_to_num()) for x, y in zip(a, b)
    )


def run(code, inputs, differentiable, seed, module=None):
    """The input tensors and the outputs of one evaluation."""
    given = {n: t.clone().requires_grad_(n in differentiable) for n, t in inputs.items()}
    scope = {"torch": torch, "nn": nn, "F": F, "math": math, "m": module, **given}
    torch.manual_seed(seed)
    try:
        outputs = evaluate(code, scope)
    except Exception as e:
        raise Skipped(f"PyTorch refuses it: {type(e).__name__}") from e
    return given, tensors_of(outputs)


def backward(outputs, generator):
    """Passes drawn gradients to the outputs that need one; returns them by the outputs' names."""
    gradients = {
        n: torch.randn(t.shape, dtype=t.dtype, generator=generator) for n, t in outputs.items() if t.requires_grad
    }
    try:
        torch.autograd.backward([outputs[n] for n in gradients], list(gradients.values()))
    except Exception as e:
        raise Skipped(f"PyTorch refuses its backward: {type(e).__name__}") from e
    return gradients


def gradients_of(tensors):
    grads = {n: t.grad for n, t in tensors.items() if t.grad is not None}
    return {n: checked(g) for n, g in grads.items()}


def case(entry, code, inputs, seed, generator, module=None):
    """The index entry of a case and its tensors by name."""
    named = dict(module.named_parameters()) if module else {}
    given, results = run(code, inputs.tensors, inputs.differentiable, seed, module)
    if module is None and not same(results, run(code, inputs.tensors, inputs.differentiable, seed)[1]):
        raise Skipped("random in spite of the seed")
    names = ["y"] if len(results) == 1 else [f"y{i}" for i in range(len(results))]
    outputs = dict(zip(names, results))
    gouts = backward(outputs, generator)
    grads = gradients_of(given | named)
    if not set(inputs.differentiable) <= set(grads):
        # What gets no gradient does not ask for one either: an output may say so.
        inputs.differentiable = [n for n in inputs.differentiable if n in grads]
        if module:
            module.zero_grad(set_to_none=True)
        return case(entry, code, inputs, seed, generator, module)
    tensors = {f"in.{n}": t for n, t in inputs.tensors.items()}
    for kind, found in (("out", outputs), ("gout", gouts), ("grad", grads)):
        # A clone has elements of its own; a gradient of zeros may have none.
        tensors |= {f"{kind}.{n}": t.detach().clone() for n, t in found.items()}
    entry = entry | {
        "inputs": list(inputs.tensors), "outputs": names, "grads": list(grads), "seed": seed, "ast": statements(code),
    }
    if coarse := tolerances(entry["dtype"], tensors):
        entry["tolerances"] = coarse
    return entry, tensors


def tolerances(dtype, tensors):
    """Where a coarser dtype takes part, it bounds everything that is computed."""
    floats = {n: t.dtype for n, t in tensors.items() if t.dtype.is_floating_point}
    usual = torch.finfo(torch.float64 if dtype == "float64" else torch.float32).eps
    coarsest = max(floats.values(), key=lambda d: torch.finfo(d).eps, default=torch.float64)
    if torch.finfo(coarsest).eps <= usual:
        return {}
    return {n: COARSE[coarsest] for n in floats if n.startswith(("out.", "grad."))}
