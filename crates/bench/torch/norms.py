"""S8, too: norms and embeddings, forward and backward."""

import torch
from torch import nn

from layers import layer
from registry import op


def norm(form, shape, backward, module):
    run = layer(form, shape, backward, module)

    def step():
        module.zero_grad()
        return run()

    return step


@op("eager", "compile")
def layer_norm(form, shape, backward):
    return norm(form, shape, backward, nn.LayerNorm(shape[2]))


@op("eager", "compile")
def rms_norm(form, shape, backward):
    return norm(form, shape, backward, nn.RMSNorm(shape[2]))


@op("eager", "channels_last", "compile", "compile channels_last")
def group_norm(form, shape, backward):
    return norm(form, shape, backward, nn.GroupNorm(min(32, shape[1]), shape[1]))


@op("eager", "channels_last", "compile", "compile channels_last")
def instance_norm(form, shape, backward):
    return norm(form, shape, backward, nn.InstanceNorm2d(shape[1], affine=True))


@op("eager", "compile")
def embedding(form, shape, backward):
    rows, width, count = shape
    table, numbers = nn.Embedding(rows, width), torch.randint(0, rows, (count,))
    function = torch.compile(table) if form == "compile" else table

    def forward():
        with torch.no_grad():
            return function(numbers)

    if not backward:
        return forward
    grad = torch.ones(count, width)

    def both():
        table.zero_grad()
        function(numbers).backward(grad)

    return both
