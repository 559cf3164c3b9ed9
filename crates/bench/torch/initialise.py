"""S2: random fills, initialisers, and building models."""

import torch
import torch.nn.functional as F
import torchvision
from torch.nn import init

from registry import op


@op("eager")
def uniform_(form, side):
    matrix = torch.zeros(side, side)
    return lambda: matrix.uniform_(0, 1)


@op("eager")
def normal_(form, side):
    matrix = torch.zeros(side, side)
    return lambda: matrix.normal_(0, 1)


@op("eager")
def bernoulli_(form, side):
    matrix = torch.zeros(side, side)
    return lambda: matrix.bernoulli_(0.3)


@op("eager")
def trunc_normal_(form, side):
    matrix = torch.zeros(side, side)
    return lambda: init.trunc_normal_(matrix, 0, 1, -2, 2)


@op("eager")
def kaiming_normal_(form, side):
    matrix = torch.zeros(side, side)
    return lambda: init.kaiming_normal_(matrix, 0, mode="fan_in", nonlinearity="relu")


@op("eager")
def orthogonal_(form, side):
    matrix = torch.zeros(side, side)
    return lambda: init.orthogonal_(matrix)


@op("eager")
def dropout(form, side):
    ones = torch.ones(side, side)
    return lambda: F.dropout(ones, 0.5, True)


@op("eager")
def build(form, model):
    return lambda: getattr(torchvision.models, model)(weights=None)
