"""S14: functions of each element, of a million values."""

import torch
import torch.nn.functional as F

from layers import layer
from registry import op

# What is no function of torch or torch.nn.functional by its own name, with its arguments.
UNARY = {
    "frac": torch.frac,
    "logit": lambda x: torch.logit(x, 1e-3),
    "double": torch.Tensor.double,
    "int": torch.Tensor.int,
    "bool": torch.Tensor.bool,
    "clamp": lambda x: torch.clamp(x, -0.5, 0.5),
    "pow_2.5": lambda x: torch.pow(x, 2.5),
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "round_to_2": lambda x: torch.round(x, decimals=2),
    "long": torch.Tensor.long,
    "threshold": lambda x: F.threshold(x, 0.1, 20.0),
    "hardshrink": lambda x: F.hardshrink(x, 0.5),
    "softshrink": lambda x: F.softshrink(x, 0.5),
}
BINARY = {
    "lerp": lambda x, y: torch.lerp(x, y, 0.3),
    "addcmul": lambda x, y: torch.addcmul(x, x, y, value=0.5),
    "addcdiv": lambda x, y: torch.addcdiv(x, x, y, value=0.5),
    "where": lambda x, y: torch.where(x > 0, x, y),
    "clamp_min": lambda x, y: torch.clamp(x, min=y),
    "masked_fill": lambda x, y: torch.masked_fill(x, y > 0, 2.0),
}
VALUES = {
    "normal": torch.randn,
    "positive": lambda shape: torch.rand(shape) + 0.1,
    "unit": lambda shape: torch.rand(shape) * 2 - 1,
    "above_one": lambda shape: torch.rand(shape) + 1,
}


def named(table, name):
    return table.get(name) or getattr(torch, name, None) or getattr(F, name)


@op("eager", "compile")
def unary(form, name, shape, values, backward):
    return layer(form, shape, backward, named(UNARY, name), VALUES[values])


@op("eager", "compile")
def binary(form, name, shape, values):
    x, y = VALUES[values](shape), VALUES[values](shape)
    function = named(BINARY, name)
    function = torch.compile(function) if form == "compile" else function

    def run():
        with torch.no_grad():
            return function(x, y)

    return run
