"""S8: single layers, forward and backward, and optimizer steps."""

import torch
import torch.nn.functional as F
from torch import nn

from registry import op


def layer(form, shape, backward, function, values=torch.randn):
    """A pass of a function of one random input."""
    x = values(shape)
    if "channels_last" in form:
        x = x.to(memory_format=torch.channels_last)
    if "compile" in form:
        function = torch.compile(function)

    def forward():
        with torch.no_grad():
            return function(x)

    if not backward:
        return forward
    x.requires_grad_(True)
    grad = torch.ones_like(function(x))

    def both():
        x.grad = None
        function(x).backward(grad)

    return both


@op("eager", "channels_last", "compile", "compile channels_last")
def batch_norm(form, shape, backward):
    norm = nn.BatchNorm2d(shape[1])
    run = layer(form, shape, backward, norm)

    def step():
        norm.zero_grad()
        return run()

    return step


@op("eager", "compile")
def relu(form, shape, backward):
    return layer(form, shape, backward, torch.relu)


@op("eager", "compile")
def add(form, shape):
    a, b = torch.randn(shape), torch.randn(shape)
    function = torch.compile(torch.add) if form == "compile" else torch.add
    return lambda: function(a, b)


@op("eager", "channels_last", "compile", "compile channels_last")
def max_pool(form, shape, backward):
    return layer(form, shape, backward, lambda x: F.max_pool2d(x, 3, 2, 1))


@op("eager", "compile")
def cross_entropy(form, shape, backward):
    labels = torch.randint(0, shape[1], (shape[0],))
    return layer(form, shape, backward, lambda x: F.cross_entropy(x, labels))


def optimizer_step(form, make, shapes, **options):
    parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    way = {form: True} if form in ("foreach", "fused") else {}
    optimizer = make(parameters, lr=1e-4, **way, **options)
    return torch.compile(optimizer.step) if form == "compile" else optimizer.step


@op("eager", "foreach", "fused", "compile")
def sgd_step(form, shapes, momentum):
    return optimizer_step(
        form, torch.optim.SGD, shapes, momentum=momentum, weight_decay=1e-4
    )


@op("eager", "foreach", "fused", "compile")
def adam_step(form, shapes):
    return optimizer_step(form, torch.optim.Adam, shapes)
