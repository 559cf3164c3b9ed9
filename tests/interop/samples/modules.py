"""Modules of PyTorch's `module_db`."""
import inspect
import math

import torch
from torch.nn.modules.lazy import LazyModuleMixin
from torch.testing._internal.common_modules import module_db

from . import evaluate
from .text import Inputs, Skipped, arguments, checked, without_defaults

NAMES = [f"x{i}" for i in range(8)]
FUNCTIONS = {torch.nn.functional.gelu: "gelu", torch.nn.functional.relu: "relu"}


def cases(options, report):
    """Yields (entry, tensors) of every sample that can be written."""
    for info in module_db:
        if options.wants(info.module_cls.__name__):
            for training in (True, False) if info.train_and_eval_differ else (True,):
                yield from of_module(info, training, options, report)


def of_module(info, training, options, report):
    lists = {d: samples(info, d, training, options, report) for d in options.dtypes}
    cls = info.module_cls.__name__
    for turn, place in enumerate(options.places(max(map(len, lists.values())))):
        available = [(d, found[place]) for d, found in lists.items() if place < len(found)]
        dtype, sample = available[turn % len(available)]
        id = f"{cls}_{'t' if training else 'e'}{place}"
        with report.case("module_db", id):
            yield one(info, sample, dtype, training, id, options)


def samples(info, dtype, training, options, report):
    options.reseed()
    with report.case("module_db", info.module_cls.__name__):
        try:
            return info.module_inputs_func(info, "cpu", dtype, requires_grad=True, training=training)
        except Exception as e:
            raise Skipped(f"no samples: {type(e).__name__}") from e
    return []


def named_arguments(cls, given):
    """A constructor's arguments, each by its name."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    named = dict(zip([p.name for p in parameters][1:], given.args)) | given.kwargs
    return {k: v for k, v in without_defaults(named).items() if k != "dtype"}


def plain(value):
    """A constructor's argument in JSON, where a list is a tuple."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Skipped("a constructor's argument that is not finite")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if value in FUNCTIONS:
        return FUNCTIONS[value]
    raise Skipped(f"a constructor's argument of type {type(value).__name__}")


def one(info, sample, dtype, training, id, options):
    cls = info.module_cls
    if issubclass(cls, LazyModuleMixin):
        raise Skipped("a lazy module")
    if sample.forward_input is None:
        raise Skipped("no forward")
    given = named_arguments(cls, sample.constructor_input)
    tensor_kwargs = {k: checked(v) for k, v in given.items() if isinstance(v, torch.Tensor)}
    kwargs = {k: plain(v) for k, v in given.items() if k not in tensor_kwargs}
    options.reseed()
    module = cls(**given).to(dtype).train(training)
    inputs = Inputs()
    positional, keywords = arguments(sample.forward_input.args, sample.forward_input.kwargs, NAMES, inputs)
    code = f"m({', '.join(positional + keywords)})"
    state = {f"param.{n}": checked(p) for n, p in module.named_parameters()}
    state |= {f"buf.{n}": checked(b) for n, b in module.named_buffers()}
    state |= {f"kw.{n}": t for n, t in tensor_kwargs.items()}
    state = {n: t.detach().clone() for n, t in state.items()}
    name = cls.__name__
    kind = "loss" if name.endswith("Loss") else "module"
    entry = {
        "id": id, "group": name, "dtype": evaluate.name_of(dtype), "kind": kind, "class": name, "kwargs": kwargs,
        "mode": "train" if training else "eval",
        "params": [n for n, _ in module.named_parameters()], "buffers": [n for n, _ in module.named_buffers()],
        "warmup": 0, "call": code, "tensor_kwargs": list(tensor_kwargs),
    }
    entry, tensors = evaluate.case(entry, code, inputs, options.seed, options.generator(id), module)
    after = {f"bufafter.{n}": b.detach().clone() for n, b in module.named_buffers()}
    return entry, state | tensors | after
